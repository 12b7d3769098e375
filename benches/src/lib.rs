//! What the benchmarks share: sources from the project's generator, the hot path as the worker runs it,
//! and a clock that counts processor time.

mod cpu;
mod parse;
mod pipeline;

pub use cpu::CpuTime;
pub use parse::File;
pub use pipeline::{Produced, Source, Summing};
