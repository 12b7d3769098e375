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
package!(
    /// The key-value store inside PD.
    etcdserverpb
);

/// `coprocessor::Request::tp` of a checksum request.
pub const COPROCESSOR_CHECKSUM: i64 = 105;

/// `kvrpcpb::Context::txn_source` of a physical import, which makes change capture skip its data.
pub const TXN_SOURCE_PHYSICAL_IMPORT: u64 = 1 << 16;

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;

    #[test]
    fn a_checksum_request_has_the_bytes_tidb_sends() {
        let request = tipb::ChecksumRequest { scan_on: Some(0), algorithm: Some(0), ..Default::default() };
        assert_eq!(request.encode_to_vec(), [0x10, 0x00, 0x18, 0x00]);
    }

    #[test]
    fn fields_left_out_here_are_skipped_in_what_others_send() {
        // GetResponse with its field 6 (execution details, absent here) before and after the value.
        let bytes = [0x32, 2, 0x08, 1, 0x1a, 2, b'v', b'w', 0x32, 0];
        let answer = kvrpcpb::GetResponse::decode(bytes.as_slice()).unwrap();
        assert_eq!((answer.value.as_slice(), answer.not_found), (b"vw".as_slice(), false));
    }

    #[test]
    fn bulk_data_shares_the_buffer_it_was_decoded_from() {
        let pair = import_sstpb::Pair { key: "k".into(), value: "value".into(), op: 0 };
        let encoded = bytes::Bytes::from(pair.encode_to_vec());
        let decoded = import_sstpb::Pair::decode(encoded.clone()).unwrap();
        assert_eq!(decoded, pair);
        let inside = encoded.as_ptr_range();
        assert!(inside.contains(&decoded.value.as_ptr()));
    }
}
