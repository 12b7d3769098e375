//! Reading all rows of bytes that come in blocks.

use std::io::{self, Read};

use th_dump::{Format, ReadOptions, RowReader};

struct Blocks {
    bytes: Vec<u8>,
    at: usize,
    block: usize,
}

impl Read for Blocks {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let len = self.block.min(out.len()).min(self.bytes.len() - self.at);
        out[..len].copy_from_slice(&self.bytes[self.at..self.at + len]);
        self.at += len;
        Ok(len)
    }
}

/// Every row's offset and values, and whether reading ended well.
pub fn read(bytes: &[u8], format: Format, block: usize) -> (Vec<String>, bool) {
    let source = Blocks { bytes: bytes.to_vec(), at: 0, block };
    let mut reader = RowReader::from_read(Box::new(source), format, "fuzz", &ReadOptions::default())
        .expect("the options are the default ones");
    let mut rows = Vec::new();
    loop {
        match reader.next() {
            Ok(Some(row)) => rows.push(format!("{} {:?}", row.offset, row.values)),
            Ok(None) => return (rows, true),
            Err(_) => return (rows, false),
        }
    }
}
