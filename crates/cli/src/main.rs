//! `thunderhead`: all services and tools in one binary.

use std::process::ExitCode;

/// Keeps what large read buffers give back, where the C library's returns it to the system and faults it in again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    thunderhead::main()
}
