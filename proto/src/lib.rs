//! The protocol of PD and TiKV, as far as an import speaks it.
//!
//! `proto/*.proto` are our own minimal descriptions: package names, method names and field numbers are
//! those of pingcap/kvproto and pingcap/tipb (the wire format is the contract), and fields nobody here
//! reads are absent, which protobuf tolerates in both directions. Modules are named as the packages;
//! each service comes as a client (`…_client`) and a server (`…_server`, for tests and the playground).
//!
//! Bulk fields (`import_sstpb::Pair`, `UploadRequest.data`) are `bytes::Bytes`. All numbers on the wire
//! that name a region's keys are memcomparable-encoded user keys unless a field says "user key".

/// Declares a module holding the generated code of one package.
macro_rules! package {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[allow(
            missing_docs,
            unreachable_pub,
            clippy::all,
            clippy::pedantic,
            reason = "generated code"
        )]
        pub mod $name {
            include!(concat!(env!("OUT_DIR"), "/", stringify!($name), ".rs"));
        }
    };
}

package!(
    /// Stores, regions, peers.
    metapb
);
package!(
    /// Region errors.
    errorpb
);
package!(
    /// The placement driver.
    pdpb
);
package!(
    /// Key-value requests and their context.
    kvrpcpb
);
package!(
    /// Requests to the coprocessor.
    coprocessor
);
package!(
    /// The key-value service of a store.
    tikvpb
);
package!(
    /// The import service of a store.
    import_sstpb
);
package!(
    /// The engine-based import service.
    import_kvpb
);
package!(
    /// The checksum executor.
    tipb
);

/// `coprocessor::Request::tp` of a checksum request.
pub const COPROCESSOR_CHECKSUM: i64 = 105;

/// `kvrpcpb::Context::txn_source` of a physical import, which makes change capture skip its data.
pub const TXN_SOURCE_PHYSICAL_IMPORT: u64 = 1 << 16;
