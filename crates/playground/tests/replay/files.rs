//! The files of the recorded uploads: their bytes were not recorded, but what they held is known.

use serde_json::{Value as Json, json};
use th_sst::{Compression, MvccSstWriter, SstOptions};

use crate::dynamic;

/// The recorded table's id.
const TABLE: i64 = 141;
/// Rows in each file: every tenth is long.
const ROWS: i64 = 100;

fn row_key(handle: i64) -> Vec<u8> {
    let mut key = vec![b't'];
    key.extend_from_slice(&(TABLE ^ i64::MIN).to_be_bytes());
    key.extend_from_slice(b"_r");
    key.extend_from_slice(&(handle ^ i64::MIN).to_be_bytes());
    key
}

fn build(compression: Compression, first: i64, commit_ts: u64, cf: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let (default, write) = (folder.path().join("default.sst"), folder.path().join("write.sst"));
    let options = SstOptions { compression, txn_source: 1 << 16 };
    let mut writer = MvccSstWriter::create(default, write, commit_ts, options).expect("a file");
    for handle in first..first + ROWS {
        let value = if handle % 10 == 0 { vec![b'y'; 400] } else { dynamic::unhex("8000010001000203010001") };
        writer.put(&row_key(handle), &value).expect("ascending keys");
    }
    let files = writer.finish().expect("files");
    let file = files.iter().find(|file| file.cf.name() == cf).expect("both column families");
    std::fs::read(&file.path).expect("a file")
}

/// The file that the question of this name sends.
pub(crate) fn bytes_for(name: &str, commit_ts: u64) -> Option<Vec<u8>> {
    let rest = name.strip_prefix("tikv.Upload.")?;
    Some(match rest {
        "default.none" => build(Compression::None, 1000, commit_ts, "default"),
        "write.none" => build(Compression::None, 1000, commit_ts, "write"),
        "default.lz4" => build(Compression::Lz4, 1200, commit_ts, "default"),
        "write.lz4" => build(Compression::Lz4, 1200, commit_ts, "write"),
        "default.zstd" => build(Compression::Zstd, 1400, commit_ts, "default"),
        "write.zstd" => build(Compression::Zstd, 1400, commit_ts, "write"),
        "garbage" => vec![0x5A; 1000],
        _ => build(Compression::Lz4, 1400, commit_ts, "write"),
    })
}

/// Puts the file behind the recorded meta, with its own sum unless the sum is the point.
pub(crate) fn fill(requests: &mut Vec<Json>, bytes: &[u8], name: &str) {
    if let Some(meta) = requests.first_mut().and_then(|first| first.get_mut("meta")) {
        meta["length"] = json!(bytes.len());
        if !name.ends_with("bad_crc") {
            meta["crc32"] = json!(crc32fast::hash(bytes));
        }
    }
    requests.push(json!({"data": dynamic::hex(bytes)}));
}
