//! A local folder of links: to files and to folders elsewhere.

#![cfg(unix)]

use std::os::unix::fs::symlink;

use th_dump::{Location, ReadOptions, RowReader, Rules, discover};

#[test]
fn links_to_files_and_folders_are_followed() {
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::create_dir(elsewhere.path().join("part")).unwrap();
    std::fs::write(elsewhere.path().join("rows"), "INSERT INTO t VALUES (1),(2);\n").unwrap();
    std::fs::write(elsewhere.path().join("part/d.t.2.sql"), "INSERT INTO t VALUES (3);\n").unwrap();
    let dump = tempfile::tempdir().unwrap();
    symlink(elsewhere.path().join("rows"), dump.path().join("d.t.1.sql")).unwrap();
    symlink(elsewhere.path().join("part"), dump.path().join("more")).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let store = Location::parse(dump.path().to_str().unwrap()).unwrap().open().unwrap();
    let found = runtime.block_on(discover(&store, &Rules::default())).unwrap();
    let [table] = found.tables.as_slice() else { panic!("{:?}", found.tables) };
    let mut rows = 0;
    for file in &table.data {
        let mut reader =
            RowReader::open(&store, file, None, &ReadOptions::default(), runtime.handle()).unwrap();
        while reader.next().unwrap().is_some() {
            rows += 1;
        }
    }
    assert_eq!((table.data.len(), rows), (2, 3));
}
