//! Reading alone, of one thread: `cargo bench -p th-benches --bench parse`.
//!
//! Bytes of the stored file a second of processor time, beside memchr's count of the same bytes' newlines. Parquet is
//! compressed and read in columns, so its bytes compare with nothing but themselves; its second figure, `values`, is
//! in values a second as are those of the other formats.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use th_benches::{CpuTime, File};
use th_generate::{Format, Table};

const BYTES: u64 = 16_000_000;

fn bench(criterion: &mut Criterion<CpuTime>) {
    let table = Table::Lineitem;
    let files = [
        File::of_dumpling(table, Format::Sql, BYTES),
        File::plain_csv(table, BYTES),
        File::of_dumpling(table, Format::Csv, BYTES),
        File::of_dumpling(Table::Documents, Format::Csv, BYTES),
        File::parquet(table, BYTES),
    ];
    for file in files {
        let file = file.expect("the generated table is good");
        let (values, _) = file.read().expect("the generated rows are good");
        let mut group = criterion.benchmark_group(&file.name);
        group.sample_size(10);
        group.throughput(Throughput::BytesDecimal(file.bytes.len() as u64));
        group.bench_function("read", |bencher| {
            bencher.iter(|| file.read().expect("the generated rows are good"));
        });
        group.bench_function("limit: newlines", |bencher| {
            bencher.iter(|| memchr::memchr_iter(b'\n', &file.bytes).count());
        });
        group.throughput(Throughput::Elements(values));
        group.bench_function("values", |bencher| {
            bencher.iter(|| file.read().expect("the generated rows are good"));
        });
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime).without_plots();
    targets = bench
}
criterion_main!(benches);
