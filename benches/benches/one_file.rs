//! One huge SQL file, cut by looking and read by one thread and by two:
//! `cargo bench -p th-benches --bench one_file -- --megabytes 4096 --dir /some/disk`.
//!
//! Prints wall time of both, and how much faster two are. The file is made once and read once before, so that both
//! find it in the system's cache.

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use th_dump::{Cuts, DataFile, Location, ReadOptions, RowReader, Rules, Store};
use th_generate::{Format, Table};
use tokio::runtime::Runtime;

/// Bytes of a piece.
const PIECE: u64 = 64 << 20;

struct Input {
    runtime: Runtime,
    store: Store,
    file: DataFile,
    cuts: Cuts,
    options: ReadOptions,
}

impl Input {
    /// Reads the pieces with some threads; rows, and seconds.
    fn read(&self, threads: usize) -> (u64, f64) {
        let next = AtomicUsize::new(0);
        let began = Instant::now();
        let rows = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(|| self.pieces(&next))).collect();
            threads.into_iter().map(|thread| thread.join().expect("no thread panics")).sum()
        });
        (rows, began.elapsed().as_secs_f64())
    }

    fn pieces(&self, next: &AtomicUsize) -> u64 {
        let mut rows = 0;
        loop {
            let piece = next.fetch_add(1, Ordering::Relaxed);
            if piece > self.cuts.at.len() {
                return rows;
            }
            let start = if piece == 0 { 0 } else { self.cuts.at[piece - 1] };
            let end = self.cuts.at.get(piece).copied().unwrap_or(self.file.size);
            let (store, file, runtime) = (&self.store, &self.file, self.runtime.handle());
            let mut reader =
                RowReader::open_piece(store, file, start..end, &self.cuts, &self.options, runtime)
                    .expect("the file can be opened");
            while reader.next().expect("the generated rows are good").is_some() {
                rows += 1;
            }
            let found = reader.end().unwrap_or(self.file.size);
            assert_eq!(found, end, "the cut is right");
        }
    }
}

fn generate(path: &Path, bytes: u64) -> Result<(), Box<dyn Error>> {
    if fs::metadata(path).is_ok_and(|found| found.len() >= bytes) {
        return Ok(());
    }
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    th_generate::write_file(&mut out, Table::Lineitem, Format::Sql, 0, bytes, 1)?;
    Ok(out.flush()?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let value = |flag: &str| {
        let at = arguments.iter().position(|argument| argument == flag)?;
        arguments.get(at + 1).cloned()
    };
    let megabytes: u64 = value("--megabytes").map_or(Ok(256), |text| text.parse())?;
    let kept = value("--dir").map(PathBuf::from);
    let folder = kept.clone().unwrap_or_else(|| std::env::temp_dir().join("thunderhead-one-file"));
    fs::create_dir_all(&folder)?;
    let path = folder.join("bench.lineitem.sql");
    generate(&path, megabytes << 20)?;
    // Nothing but the file is wanted below.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let store = Location::parse(&folder.display().to_string())?.open()?;
    let dump = runtime.block_on(th_dump::discover(&store, &Rules::default()))?;
    let file = dump.tables.into_iter().flat_map(|table| table.data).next().ok_or("no file")?;
    let options = ReadOptions::default();
    let began = Instant::now();
    let split = runtime.block_on(th_dump::cut_by_looking(&store, &file, &options, PIECE))?;
    let cuts = split.ok_or("the file is too small to be cut")?.cuts;
    println!(
        "{} MiB, {} pieces, cut in {:.0} ms",
        file.size >> 20,
        cuts.at.len() + 1,
        began.elapsed().as_secs_f64() * 1e3
    );
    let input = Input { runtime, store, file, cuts, options };
    std::io::copy(&mut File::open(&path)?, &mut std::io::sink())?;
    let megabytes = input.file.size as f64 / 1e6;
    let (rows, one) = input.read(1);
    let (again, two) = input.read(2);
    assert_eq!(rows, again, "all rows are read by two as by one");
    println!("one thread:  {one:6.2} s, {:6.0} MB/s", megabytes / one);
    println!("two threads: {two:6.2} s, {:6.0} MB/s: {:.2} times as fast", megabytes / two, one / two);
    if kept.is_none() {
        fs::remove_dir_all(&folder)?;
    }
    Ok(())
}
