//! Turns `proto/*.proto` into Rust with protox, so that no `protoc` is needed.

use std::path::Path;

const FILES: [&str; 10] = [
    "metapb.proto",
    "errorpb.proto",
    "pdpb.proto",
    "kvrpcpb.proto",
    "coprocessor.proto",
    "tikvpb.proto",
    "import_sstpb.proto",
    "import_kvpb.proto",
    "tipb.proto",
    "etcd.proto",
];

/// Fields that carry bulk data: `Bytes`, so that a decoded message shares the transport's buffer.
const BULK: [&str; 4] =
    [".import_sstpb.Pair", ".import_sstpb.UploadRequest", ".import_kvpb.Mutation", ".import_kvpb.KVPair"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = Path::new("proto");
    println!("cargo::rerun-if-changed=proto");
    let paths: Vec<_> = FILES.iter().map(|file| folder.join(file)).collect();
    let descriptors = protox::compile(&paths, [folder])?;
    let mut builder = tonic_prost_build::configure().build_client(true).build_server(true);
    for path in BULK {
        builder = builder.bytes(path);
    }
    builder.compile_fds(descriptors)?;
    Ok(())
}
