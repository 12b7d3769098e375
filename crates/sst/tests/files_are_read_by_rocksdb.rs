//! Files built here are ingested by RocksDB and hold what TiKV expects.

use rocksdb::{DB, Options};
use th_sst::{ColumnFamily, Compression, SstError, SstOptions, build, memcomparable, mvcc};

fn pairs() -> Vec<(Vec<u8>, Vec<u8>)> {
    (0..200u32)
        .map(|n| {
            let value = if n % 10 == 0 { vec![b'x'; 300] } else { n.to_le_bytes().to_vec() };
            (n.to_be_bytes().to_vec(), value)
        })
        .collect()
}

#[test]
fn short_values_stand_in_write_and_long_ones_in_default_under_each_compression() {
    for compression in [Compression::None, Compression::Lz4, Compression::Zstd] {
        let dir = tempfile::tempdir().unwrap();
        let pairs = pairs();
        let options = SstOptions { compression, txn_source: 1 << 16 };
        let borrowed = pairs.iter().map(|(k, v)| (&k[..], &v[..]));
        let files = build(borrowed, 77, options, dir.path()).unwrap();
        assert_eq!(
            files.iter().map(|f| (f.cf, f.entries)).collect::<Vec<_>>(),
            [(ColumnFamily::Default, 20), (ColumnFamily::Write, 200)]
        );
        assert!(
            std::fs::read_dir(dir.path()).unwrap().next().is_none(),
            "nothing stays in the scratch folder"
        );

        let mut db_options = Options::default();
        db_options.create_if_missing(true);
        db_options.create_missing_column_families(true);
        let db = DB::open_cf(&db_options, dir.path().join("db"), ["default", "write"]).unwrap();
        for file in &files {
            assert_eq!(file.crc32, crc32fast::hash(&file.bytes));
            let path = dir.path().join(file.cf.name());
            std::fs::write(&path, &file.bytes).unwrap();
            db.ingest_external_file_cf(&db.cf_handle(file.cf.name()).unwrap(), vec![path]).unwrap();
        }
        assert_eq!(files[1].first_key, memcomparable::encode(&0u32.to_be_bytes()));
        assert_eq!(files[1].last_key, memcomparable::encode(&199u32.to_be_bytes()));
        for (key, value) in &pairs {
            let data_key = mvcc::encode_data_key(key, 77);
            let stored = db.get_cf(&db.cf_handle("write").unwrap(), &data_key).unwrap().unwrap();
            let record = mvcc::decode_write(&stored).unwrap();
            assert_eq!((record.start_ts, record.txn_source), (77, 1 << 16));
            match record.short_value {
                Some(short) => assert_eq!(short, value),
                None => assert_eq!(&db.get(&data_key).unwrap().unwrap(), value),
            }
        }
    }
}

#[test]
fn equal_or_falling_keys_are_refused_with_their_number() {
    let dir = tempfile::tempdir().unwrap();
    for keys in [[b"a", b"a"], [b"b", b"a"]] {
        let pairs = keys.iter().map(|key| (&key[..], &b"v"[..]));
        let error = build(pairs, 1, SstOptions::default(), dir.path()).unwrap_err();
        assert!(matches!(error, SstError::NotAscending { entry: 1 }), "{error}");
    }
    let none = build([], 0, SstOptions::default(), dir.path()).unwrap_err();
    assert!(matches!(none, SstError::ZeroCommitTs));
    assert!(build([], 1, SstOptions::default(), dir.path()).unwrap().is_empty());
}

#[test]
fn a_file_is_read_back_in_order_and_only_as_far_as_wanted() {
    let dir = tempfile::tempdir().unwrap();
    let pairs: Vec<([u8; 4], Vec<u8>)> = (0..10u32).map(|n| (n.to_be_bytes(), vec![b'v'; 3])).collect();
    let borrowed = pairs.iter().map(|(k, v)| (&k[..], &v[..]));
    let files = build(borrowed, 77, SstOptions::default(), dir.path()).unwrap();
    let path = dir.path().join("write.sst");
    std::fs::write(&path, &files[0].bytes).unwrap();
    let mut keys = Vec::new();
    th_sst::read(&path, dir.path(), |key, value| {
        assert_eq!(mvcc::decode_write(value).unwrap().short_value, Some(&b"vvv"[..]));
        keys.push(mvcc::decode_data_key(key).unwrap());
        keys.len() < 3
    })
    .unwrap();
    let expected: Vec<(Vec<u8>, u64)> = (0..3u32).map(|n| (n.to_be_bytes().to_vec(), 77)).collect();
    assert_eq!(keys, expected);
    assert!(path.exists(), "the file stays");
}
