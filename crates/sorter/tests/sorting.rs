//! The sorter against a plain sort, under every memory budget.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use proptest::prelude::*;
use th_sorter::{Extent, SortError, SortOptions, Sorted, Sorter, merge};

type Pair = (Vec<u8>, Vec<u8>, u64);

fn options(dir: &tempfile::TempDir, name: &str, memory: usize) -> SortOptions {
    SortOptions { dir: dir.path().to_owned(), name: name.into(), memory, disk_quota: None }
}

fn sorted(dir: &tempfile::TempDir, name: &str, memory: usize, pairs: &[Pair]) -> Sorted {
    let mut sorter = Sorter::new(options(dir, name, memory));
    for (key, value, tag) in pairs {
        sorter.push(key, value, *tag).unwrap();
    }
    sorter.finish()
}

fn drain(parts: Vec<Sorted>) -> (Vec<Pair>, Vec<(Vec<u8>, u64, u64)>) {
    let mut merged = merge(parts).unwrap();
    let (mut pairs, mut duplicates) = (Vec::new(), Vec::new());
    loop {
        let next =
            merged.next(|found| duplicates.push((found.key.to_vec(), found.first, found.second))).unwrap();
        let Some((key, value, tag)) = next else { break };
        pairs.push((key.to_vec(), value.to_vec(), tag));
    }
    (pairs, duplicates)
}

/// Keys as TiDB makes them, rows and indexes of two tables, with many collisions.
fn key() -> impl Strategy<Value = Vec<u8>> {
    (0u8..2, any::<bool>(), 0u64..40, prop::collection::vec(any::<u8>(), 0..12)).prop_map(
        |(table, row, number, tail)| {
            let mut key = vec![b't', 0x80, 0, 0, 0, 0, 0, 0, table, b'_', if row { b'r' } else { b'i' }];
            key.extend((number << 3 | 1 << 63).to_be_bytes());
            if !row {
                key.extend(tail);
            }
            key
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_memory_budget_and_any_number_of_parts_give_the_same_order_and_duplicates(
        keys in prop::collection::vec((key(), prop::collection::vec(any::<u8>(), 0..40)), 0..300),
        memory in 1usize..20_000,
        parts in 1usize..4,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let pairs: Vec<Pair> =
            keys.into_iter().enumerate().map(|(tag, (key, value))| (key, value, tag as u64)).collect();
        let size = pairs.len().div_ceil(parts).max(1);
        let sorted_parts: Vec<Sorted> = pairs
            .chunks(size)
            .enumerate()
            .map(|(number, part)| sorted(&dir, &format!("part{number}"), memory, part))
            .collect();
        let mut expected = pairs;
        expected.sort_by(|left, right| (&left.0, left.2).cmp(&(&right.0, right.2)));
        let mut expected_duplicates = Vec::new();
        let mut unique: Vec<Pair> = Vec::new();
        for pair in expected {
            match unique.last() {
                Some(last) if last.0 == pair.0 => expected_duplicates.push((pair.0, last.2, pair.2)),
                _ => unique.push(pair),
            }
        }
        let (got, duplicates) = drain(sorted_parts);
        prop_assert_eq!(got, unique);
        prop_assert_eq!(duplicates, expected_duplicates);
    }
}

#[test]
fn runs_vanish_with_the_merge() {
    let dir = tempfile::tempdir().unwrap();
    let pairs: Vec<Pair> = (0..1000u64).rev().map(|n| (n.to_be_bytes().to_vec(), vec![7; 100], n)).collect();
    let part = sorted(&dir, "p", 8 << 10, &pairs);
    assert!(part.spilled_bytes() > 0);
    assert!(std::fs::read_dir(dir.path()).unwrap().count() > 10);
    let (got, duplicates) = drain(vec![part]);
    assert_eq!((got.len(), duplicates.len()), (1000, 0));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn what_is_finished_on_disk_is_merged_as_often_as_it_is_cloned() {
    let dir = tempfile::tempdir().unwrap();
    let mut sorter = Sorter::new(options(&dir, "d", 1 << 20));
    for key in ["b", "a", "c"] {
        sorter.push(key.as_bytes(), b"v", 0).unwrap();
    }
    let sorted = sorter.finish_on_disk().unwrap();
    assert_eq!((sorted.pair_bytes(), std::fs::read_dir(dir.path()).unwrap().count()), (6, 1));
    let once = drain(vec![sorted.clone()]);
    assert_eq!(once.0.iter().map(|pair| pair.0.as_slice()).collect::<Vec<_>>(), [b"a", b"b", b"c"]);
    assert_eq!(drain(vec![sorted]), once);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "the run goes with the last of them");
}

#[test]
fn a_flipped_bit_in_a_run_is_found_and_named() {
    let dir = tempfile::tempdir().unwrap();
    let pairs: Vec<Pair> = (0..500u64).map(|n| (n.to_be_bytes().to_vec(), vec![n as u8; 64], n)).collect();
    let part = sorted(&dir, "p", 16 << 10, &pairs);
    let run = std::fs::read_dir(dir.path()).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&run).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&run, bytes).unwrap();
    let error = match merge(vec![part]) {
        Err(error) => error,
        Ok(mut merged) => loop {
            match merged.next(|_| {}) {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the damage went unnoticed"),
                Err(error) => break error,
            }
        },
    };
    assert!(matches!(&error, SortError::Damaged { path, .. } if *path == run), "{error}");
}

#[test]
fn the_disk_quota_is_an_error_that_names_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    let mut sorter = Sorter::new(SortOptions {
        disk_quota: Some(Arc::new(AtomicU64::new(100))),
        ..options(&dir, "q", 4 << 10)
    });
    let error = (0..1000u64).find_map(|n| sorter.push(&n.to_be_bytes(), &n.to_be_bytes(), n).err()).unwrap();
    assert!(matches!(&error, SortError::Quota { path, .. } if path == dir.path()), "{error}");
}

#[test]
fn a_missing_sort_folder_is_an_error_not_a_panic() {
    let mut sorter = Sorter::new(SortOptions {
        dir: "/nonexistent/sort".into(),
        name: "x".into(),
        memory: 1,
        disk_quota: None,
    });
    sorter.push(b"a", b"1", 0).unwrap();
    let error = sorter.push(b"b", b"2", 1).unwrap_err();
    assert!(matches!(error, SortError::Io { action: "create", .. }), "{error}");
}

#[test]
fn split_keys_cut_into_even_pieces() {
    let dir = tempfile::tempdir().unwrap();
    let pairs: Vec<Pair> = (0..20_000u64).map(|n| (n.to_be_bytes().to_vec(), vec![1; 92], n)).collect();
    let (left, right): (Vec<Pair>, Vec<Pair>) = pairs.into_iter().partition(|pair| pair.2 % 2 == 0);
    let parts = vec![sorted(&dir, "l", 100 << 10, &left), sorted(&dir, "r", 10 << 20, &right)];
    let keys = Sorted::split_keys(&parts, Extent { bytes: 500_000, pairs: u64::MAX });
    assert!((3..=4).contains(&keys.len()), "{}", keys.len());
    assert!(keys.is_sorted());
    let keys = Sorted::split_keys(&parts[1..], Extent { bytes: 500_000, pairs: 1_000 });
    assert!((9..=10).contains(&keys.len()), "a piece has no more pairs than that: {}", keys.len());
    assert!(keys.is_sorted());
}
