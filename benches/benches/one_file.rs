//! One huge SQL file, cut by looking and read by one thread and by two:
//! `cargo bench -p th-benches --bench one_file -- --megabytes 4096 --dir /some/disk`.
//!
//! Each reading is a process of its own: one thread on one core (`taskset`), one thread that leaves the fetching to the
//! other core, two threads; and, for what the machine itself gives, two processes with a core and half of the pieces each.
//! They alternate for some rounds, because a shared machine changes its mind; printed are medians, of seconds and of the
//! rounds' ratios. The file is made once and read once before, so that all find it in the system's cache.

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use th_dump::{Cuts, DataFile, Location, ReadOptions, RowReader, Rules, Store};
use th_generate::{Format, Table};
use tokio::runtime::Runtime;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Bytes of a piece.
const PIECE: u64 = 64 << 20;

struct Input {
    runtime: Runtime,
    store: Store,
    file: DataFile,
    cuts: Cuts,
    options: ReadOptions,
    /// Every how many pieces one is read, and which first.
    every: usize,
    first: usize,
}

impl Input {
    /// Reads the pieces with some threads; seconds.
    fn read(&self, threads: usize) -> f64 {
        let next = AtomicUsize::new(self.first);
        let began = Instant::now();
        let rows: u64 = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(|| self.pieces(&next))).collect();
            threads.into_iter().map(|thread| thread.join().expect("no thread panics")).sum()
        });
        assert!(rows > 0, "pieces hold rows");
        began.elapsed().as_secs_f64()
    }

    fn pieces(&self, next: &AtomicUsize) -> u64 {
        let mut rows = 0;
        loop {
            let piece = next.fetch_add(self.every, Ordering::Relaxed);
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

/// How a process reads.
#[derive(Clone, Copy)]
struct Way {
    name: &'static str,
    threads: usize,
    /// Processes, each on a core of its own and with its share of the pieces; 0: one, that may use all cores.
    cores: usize,
}

const WAYS: [Way; 4] = [
    Way { name: "one core", threads: 1, cores: 1 },
    Way { name: "one thread, two cores", threads: 1, cores: 0 },
    Way { name: "two threads", threads: 2, cores: 0 },
    Way { name: "limit: two processes", threads: 1, cores: 2 },
];

impl Way {
    /// The longest of its processes' seconds.
    fn read(self, folder: &Path) -> Result<f64, Box<dyn Error>> {
        let program = std::env::current_exe()?;
        let processes = (0..self.cores.max(1)).map(|core| {
            let mut command = match self.cores {
                0 => Command::new(&program),
                _ => {
                    let mut taskset = Command::new("taskset");
                    taskset.args(["-c", &core.to_string()]).arg(&program);
                    taskset
                }
            };
            command.arg("--dir").arg(folder).args(["--threads", &self.threads.to_string()]);
            command.args(["--every", &self.cores.max(1).to_string(), "--first", &core.to_string()]);
            command.stdout(Stdio::piped()).spawn()
        });
        let mut longest = 0.0;
        for process in processes.collect::<Result<Vec<_>, _>>()? {
            let printed = String::from_utf8(process.wait_with_output()?.stdout)?;
            longest = f64::max(longest, printed.trim().parse()?);
        }
        Ok(longest)
    }
}

/// What one process does; the seconds of its reading.
fn read_here(folder: &Path, threads: usize, every: usize, first: usize) -> Result<f64, Box<dyn Error>> {
    // Nothing but the file is wanted below.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let store = Location::parse(&folder.display().to_string())?.open()?;
    let dump = runtime.block_on(th_dump::discover(&store, &Rules::default()))?;
    let file = dump.tables.into_iter().flat_map(|table| table.data).next().ok_or("no file")?;
    let options = ReadOptions::default();
    let split = runtime.block_on(th_dump::cut_by_looking(&store, &file, &options, PIECE))?;
    let cuts = split.ok_or("the file is too small to be cut")?.cuts;
    Ok(Input { runtime, store, file, cuts, options, every, first }.read(threads))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let value = |flag: &str| {
        let at = arguments.iter().position(|argument| argument == flag)?;
        arguments.get(at + 1).cloned()
    };
    let number = |flag: &str, default: usize| value(flag).map_or(Ok(default), |text| text.parse());
    let kept = value("--dir").map(PathBuf::from);
    let folder = kept.clone().unwrap_or_else(|| std::env::temp_dir().join("thunderhead-one-file"));
    let threads = number("--threads", 0)?;
    if threads > 0 {
        println!("{}", read_here(&folder, threads, number("--every", 1)?, number("--first", 0)?)?);
        return Ok(());
    }
    fs::create_dir_all(&folder)?;
    let path = folder.join("bench.lineitem.sql");
    generate(&path, (number("--megabytes", 256)? as u64) << 20)?;
    let size = std::io::copy(&mut File::open(&path)?, &mut std::io::sink())? as f64 / 1e6;
    let mut seconds = [const { Vec::new() }; WAYS.len()];
    for _ in 0..number("--rounds", 3)? {
        for (way, seconds) in WAYS.iter().zip(&mut seconds) {
            seconds.push(way.read(&folder)?);
        }
    }
    for (way, of_way) in WAYS.iter().zip(&seconds) {
        let faster = median(seconds[0].iter().zip(of_way).map(|(one, this)| one / this).collect());
        let taken = median(of_way.clone());
        println!("{:<22} {taken:6.2} s  {:6.0} MB/s  {faster:.2} times as fast", way.name, size / taken);
    }
    if kept.is_none() {
        fs::remove_dir_all(&folder)?;
    }
    Ok(())
}
