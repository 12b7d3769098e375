//! `thunderhead`: all services and tools in one binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    thunderhead::main()
}
