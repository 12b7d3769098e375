//! The program as a process, with a deadline.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use th_env::Env;
use tokio::process::{Child, Command};

/// No run of the program in a test takes longer than this.
pub const DEADLINE: Duration = Duration::from_secs(180);

/// How a run ended.
#[derive(Debug)]
pub struct Outcome {
    /// The exit code; `None` after a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Outcome {
    /// Fails the test, with all output, if the run did.
    #[track_caller]
    pub fn succeeded(self) -> Self {
        assert_eq!(self.code, Some(0), "{}\n{}", self.out, self.err);
        self
    }

    /// Fails the test unless the run ended with this error code, its message having all of `parts`.
    #[track_caller]
    pub fn failed_with(&self, code: &str, parts: &[&str]) {
        assert!(matches!(self.code, Some(1..)), "exit code {:?}\n{}\n{}", self.code, self.out, self.err);
        let start = self.err.rfind("error[").unwrap_or_else(|| panic!("no error is shown:\n{}", self.err));
        let message = &self.err[start..];
        assert!(message.starts_with(&format!("error[{code}]: ")), "expected {code}: {message}");
        for part in parts {
            assert!(message.contains(part), "no `{part}` in: {message}");
        }
        assert!(message.contains("hint: "), "no advice in: {message}");
    }
}

/// A running program. Dropping it kills it.
#[derive(Debug)]
pub struct Running(Child);

impl Running {
    /// Starts the program.
    pub fn start(arguments: &[String], environment: &[(&str, String)]) -> Self {
        Self::start_program(&program(), arguments, environment)
    }

    fn start_program(program: &Path, arguments: &[String], environment: &[(&str, String)]) -> Self {
        let child = Command::new(program)
            .args(arguments)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the program starts");
        Self(child)
    }

    /// Kills it as a machine that vanishes would: no handler runs.
    pub fn kill(&mut self) {
        self.0.start_kill().expect("the process can be killed");
    }

    /// Its process id, until it has ended.
    pub fn id(&self) -> Option<u32> {
        self.0.id()
    }

    /// Looks at its memory until it ends.
    pub fn watch_memory(&self) -> Memory {
        let status = format!("/proc/{}/status", self.0.id().unwrap_or(0));
        Memory(tokio::spawn(async move {
            let mut peak = 0;
            // The system keeps the peak itself; the last look before the end has it.
            while let Some(bytes) = resident_peak(&status) {
                peak = bytes;
                Env::real().sleep(Duration::from_millis(50), "until the next look at a process").await;
            }
            peak
        }))
    }

    /// Waits for its end.
    pub async fn wait(self) -> Outcome {
        let output = tokio::time::timeout(DEADLINE, self.0.wait_with_output())
            .await
            .expect("the program ends in time")
            .expect("its output can be read");
        Outcome {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// See [`Running::watch_memory`].
#[derive(Debug)]
pub struct Memory(tokio::task::JoinHandle<u64>);

impl Memory {
    /// The most memory that was resident, in bytes, once the process has ended.
    pub async fn peak_bytes(self) -> u64 {
        self.0.await.expect("nothing ends the watch")
    }
}

fn resident_peak(status: &str) -> Option<u64> {
    let text = std::fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

/// The program, built beside the tests.
pub(crate) fn program() -> PathBuf {
    let mut folder = std::env::current_exe().expect("the test's own path");
    folder.pop();
    if folder.ends_with("deps") {
        folder.pop();
    }
    folder.join("thunderhead-under-test")
}

/// Runs a program to its end.
pub(crate) async fn run(program: &Path, arguments: &[String], environment: &[(&str, String)]) -> Outcome {
    Running::start_program(program, arguments, environment).wait().await
}
