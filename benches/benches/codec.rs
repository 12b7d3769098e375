//! Parse + encode + CRC-64 of one thread, beside what no encoder can beat: `cargo bench -p th-benches`.
//!
//! Each table has five figures, all in bytes of *source* a second of processor time:
//!
//! - `encode`: rows read from memory, encoded, summed: what a worker's thread does before the sort;
//! - `encode, one sum`: the same with one checksum instead of one for each index;
//! - `parse`: the reading alone;
//! - `limit: newlines`: memchr counts the newlines of the same bytes;
//! - `limit: copy and crc`: the pairs made before are copied and summed, nothing else.
//!
//! `pairs` repeats `encode` and the last limit in pairs a second.

use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use th_benches::{CpuTime, Source, Summing};
use th_codec::Checksum;
use th_generate::{Format, Table};

const BYTES: u64 = 8_000_000;

fn copy_and_sum(pairs: &[Vec<u8>], buffer: &mut Vec<u8>) -> Checksum {
    let mut checksum = Checksum::default();
    buffer.clear();
    for pair in pairs {
        let start = buffer.len();
        buffer.extend_from_slice(pair);
        checksum.update_joined(&buffer[start..]);
    }
    checksum
}

fn encode(group: &mut BenchmarkGroup<'_, CpuTime>, source: &Source) {
    group.bench_function("encode", |bencher| {
        bencher.iter(|| source.encode(Summing::ByIndex).expect("the generated rows are good"));
    });
}

fn copy(group: &mut BenchmarkGroup<'_, CpuTime>, pairs: &[Vec<u8>]) {
    let mut buffer = Vec::new();
    group.bench_function("limit: copy and crc", |bencher| {
        bencher.iter(|| copy_and_sum(pairs, &mut buffer));
    });
}

fn bench(criterion: &mut Criterion<CpuTime>) {
    for (table, format) in [
        (Table::Lineitem, Format::Sql),
        (Table::Lineitem, Format::Csv),
        (Table::Sbtest, Format::Sql),
        (Table::Documents, Format::Sql),
    ] {
        let source = Source::generate(table, format, BYTES).expect("the generated table is good");
        let pairs = source.pairs().expect("the generated rows are good");
        let name = format!("{} {}", table.name(), format.extension());
        let mut group = criterion.benchmark_group(&name);
        group.sample_size(10);
        group.throughput(Throughput::BytesDecimal(source.bytes.len() as u64));
        encode(&mut group, &source);
        group.bench_function("encode, one sum", |bencher| {
            bencher.iter(|| source.encode(Summing::Together).expect("the generated rows are good"));
        });
        group.bench_function("parse", |bencher| {
            bencher.iter(|| source.parse().expect("the generated rows are good"));
        });
        group.bench_function("limit: newlines", |bencher| {
            bencher.iter(|| memchr::memchr_iter(b'\n', &source.bytes).count());
        });
        copy(&mut group, &pairs);
        group.finish();
        let mut group = criterion.benchmark_group(format!("{name}, pairs"));
        group.sample_size(10);
        group.throughput(Throughput::Elements(pairs.len() as u64));
        encode(&mut group, &source);
        copy(&mut group, &pairs);
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime).without_plots();
    targets = bench
}
criterion_main!(benches);
