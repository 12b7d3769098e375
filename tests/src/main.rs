//! The command line that the end-to-end tests run, as processes of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    thunderhead::main()
}
