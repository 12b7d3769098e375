//! This program as a process, and what the operating system writes down about it.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;

/// Time between two looks at a process.
const LOOK: Duration = Duration::from_millis(20);
/// Clock ticks a second in `/proc/<pid>/stat`: what Linux shows to programs on every machine that we build for.
const TICKS: f64 = 100.0;

/// What a process used.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Used {
    /// Seconds by the clock.
    pub(super) wall: f64,
    /// Processor seconds, the program's and the system's for it.
    pub(super) cpu: f64,
    /// Largest resident memory, bytes.
    pub(super) memory: u64,
}

/// A running process; dropping it kills it.
pub(super) struct Process {
    child: Child,
    began: Instant,
    used: Used,
    errors: std::path::PathBuf,
    what: String,
}

fn command(arguments: &[String]) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("this program's own path")?);
    command.args(arguments).stdin(Stdio::null());
    Ok(command)
}

impl Process {
    /// Starts this program; its log goes to a file in `folder`.
    pub(super) fn start(arguments: &[String], folder: &Path) -> anyhow::Result<Self> {
        let what = arguments.first().cloned().unwrap_or_default();
        Self::start_command(command(arguments)?, &what, folder)
    }

    /// Starts a program.
    pub(super) fn start_command(mut command: Command, what: &str, folder: &Path) -> anyhow::Result<Self> {
        let mut errors = folder.join(format!("{what}.log"));
        for number in 1.. {
            if !errors.exists() {
                break;
            }
            errors = folder.join(format!("{what}-{number}.log"));
        }
        let log = std::fs::File::create(&errors)?;
        let child = command.stdout(Stdio::null()).stderr(log).spawn()?;
        let what = what.to_owned();
        Ok(Self { child, began: Instant::now(), used: Used::default(), errors, what })
    }

    /// Notes what it has used so far; true once it has ended.
    fn look(&mut self) -> bool {
        let Some((ended, cpu)) = stat(self.child.id()) else { return true };
        self.used.cpu = cpu;
        self.used.memory = self.used.memory.max(peak_memory(self.child.id()));
        if ended {
            self.used.wall = self.began.elapsed().as_secs_f64();
        }
        ended
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// It ended with an error, which is repeated.
    pub(super) fn wait(mut self) -> anyhow::Result<Used> {
        while !self.look() {
            std::thread::sleep(LOOK);
        }
        let status = self.child.wait()?;
        if !status.success() {
            let log = std::fs::read_to_string(&self.errors).unwrap_or_default();
            anyhow::bail!("`{}` ended with {status}:\n{log}", self.what);
        }
        Ok(self.used)
    }

    /// Starts this program and waits for its end.
    pub(super) fn run(arguments: &[String], folder: &Path) -> anyhow::Result<Used> {
        Self::start(arguments, folder)?.wait()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A playground in a process of its own; it ends with the value.
pub(super) struct Cluster {
    child: Child,
    /// The flags that name it.
    pub(super) flags: Vec<String>,
}

impl Cluster {
    /// Starts one with its data in `folder`.
    pub(super) fn start(folder: &Path) -> anyhow::Result<Self> {
        let dir = folder.display().to_string();
        let arguments = ["playground", "--dir", &dir, "--port", "0", "--status-port", "0", "--pd-port", "0"]
            .map(str::to_owned);
        let mut child = command(&arguments)?
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("a playground")?;
        let mut words = String::new();
        let mut lines = BufReader::new(child.stdout.take().context("its output")?);
        for _ in 0..2 {
            lines.read_line(&mut words)?;
        }
        let after = |mark: &str| -> Option<String> {
            let (_, rest) = words.split_once(mark)?;
            Some(rest.split([',', '\n', ' ']).next()?.to_owned())
        };
        let address = |mark: &str| after(mark).with_context(|| format!("no `{mark}` in: {words}"));
        let (pd, status, sql) = (address("PD ")?, address("status 127.0.0.1:")?, address("-P ")?);
        let flags = [
            ("--pd-urls", pd.as_str()),
            ("--tidb-host", "127.0.0.1"),
            ("--tidb-port", &sql),
            ("--tidb-status", &status),
            ("--tidb-user", "root"),
        ];
        let flags = flags.iter().flat_map(|(flag, value)| [*flag, *value].map(str::to_owned)).collect();
        Ok(Self { child, flags })
    }

    /// Processor seconds it has used so far.
    pub(super) fn cpu(&self) -> f64 {
        stat(self.child.id()).map_or(0.0, |(_, cpu)| cpu)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a process has ended (and is still in the books), and its processor seconds.
fn stat(id: u32) -> Option<(bool, f64)> {
    let text = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name, in parentheses, may hold anything.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok());
    Some((fields.first() == Some(&"Z"), (ticks(11)? + ticks(12)?) / TICKS))
}

/// The largest resident memory of a process so far, bytes; 0 once it has ended.
fn peak_memory(id: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kib.unwrap_or(0) << 10
}

/// Flags with their values, as arguments.
pub(super) fn arguments(command: &str, flags: &[(&str, String)], more: &[String]) -> Vec<String> {
    let mut all = vec![command.to_owned()];
    all.extend(flags.iter().flat_map(|(flag, value)| [(*flag).to_owned(), value.clone()]));
    all.extend(more.iter().cloned());
    all
}
