//! The part of a stream that a parser looks at: a buffer that slides over it.
//!
//! A parser looks at [`Window::bytes`]; when what it needs is not all there, it asks for more and begins
//! again at the same place. The window doubles for each such request, so a row of any size is scanned
//! about twice at most. Lines are counted when bytes leave the window (and for [`Window::place`]), never
//! for each row.

use std::io::{self, Read};
use std::sync::Arc;

use memchr::{memchr_iter, memrchr};
use th_row::Place;

/// Large enough to make the copied remainders of rows negligible, small enough for the L2 cache.
const WINDOW: usize = 256 << 10;

pub(crate) struct Window {
    source: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Offset in the stream of `buffer[0]`.
    base: u64,
    at_end: bool,
    block: usize,
    /// Newlines before `base`, and where the line at `base` begins; unknown in the middle of a file.
    lines: Option<LineCount>,
}

#[derive(Clone, Copy)]
struct LineCount {
    newlines: u64,
    line_start: u64,
}

impl LineCount {
    fn advance(&mut self, base: u64, bytes: &[u8]) {
        if let Some(last) = memrchr(b'\n', bytes) {
            self.newlines += memchr_iter(b'\n', bytes).count() as u64;
            self.line_start = base + last as u64 + 1;
        }
    }
}

impl Window {
    /// `offset` is the stream's first byte's offset in the file.
    pub(crate) fn new(source: Box<dyn Read + Send>, offset: u64, read_block: usize) -> Self {
        Self {
            source,
            buffer: Vec::new(),
            start: 0,
            end: 0,
            base: offset,
            at_end: false,
            block: read_block.clamp(1, WINDOW),
            lines: (offset == 0).then_some(LineCount { newlines: 0, line_start: 0 }),
        }
    }

    /// What is in view.
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Bytes of the file from `offset` on, as far as they are in the buffer.
    #[inline]
    pub(crate) fn bytes_from(&self, offset: u64) -> &[u8] {
        let from = offset.checked_sub(self.base).and_then(|at| usize::try_from(at).ok());
        from.and_then(|from| self.buffer.get(from..self.end)).unwrap_or_default()
    }

    /// Whether nothing follows what is in view.
    #[inline]
    pub(crate) fn at_end(&self) -> bool {
        self.at_end
    }

    /// Offset of the first byte in view.
    #[inline]
    pub(crate) fn offset(&self) -> u64 {
        self.base + self.start as u64
    }

    /// Moves the view's beginning. The bytes passed stay in the buffer until more are read.
    #[inline]
    pub(crate) fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
    }

    /// Brings at least twice the view (and at least a block) into view, or the stream's end.
    pub(crate) fn grow(&mut self) -> io::Result<()> {
        let have = self.end - self.start;
        let want = (have * 2).max(have + self.block);
        self.drop_passed();
        if self.buffer.len() < want {
            self.buffer.resize(want, 0);
        } else if self.buffer.len() > 8 * WINDOW && want <= WINDOW {
            // One huge row must not hold its memory to the end of the file.
            self.buffer.truncate(WINDOW);
            self.buffer.shrink_to_fit();
        }
        while self.end < want && !self.at_end {
            let room = self.buffer.get_mut(self.end..).unwrap_or_default();
            match self.source.read(room) {
                Ok(0) => self.at_end = true,
                Ok(count) => self.end += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Goes on with what follows the stream that has ended.
    pub(crate) fn go_on(&mut self, source: Box<dyn Read + Send>) {
        self.source = source;
        self.at_end = false;
    }

    fn drop_passed(&mut self) {
        if self.start == 0 {
            return;
        }
        let passed = self.buffer.get(..self.start).unwrap_or_default();
        if let Some(lines) = &mut self.lines {
            lines.advance(self.base, passed);
        }
        self.base += self.start as u64;
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
    }

    /// Line and column of an offset; known for what is still in the buffer.
    pub(crate) fn place(&self, object: &Arc<str>, offset: u64) -> Place {
        let place = Place::at_offset(Arc::clone(object), offset);
        let Some(mut lines) = self.lines else { return place };
        let Some(before) = offset
            .checked_sub(self.base)
            .and_then(|count| usize::try_from(count).ok())
            .and_then(|count| self.buffer.get(..count))
        else {
            return place;
        };
        lines.advance(self.base, before);
        Place { line: lines.newlines + 1, column: offset - lines.line_start + 1, ..place }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_right_whether_in_the_buffer_or_passed() {
        let text = "ab\ncdefgh\n\nij";
        for block in 1..16 {
            let mut window = Window::new(Box::new(io::Cursor::new(text)), 0, block);
            let object: Arc<str> = Arc::from("x");
            for offset in 0..text.len() {
                while window.bytes().is_empty() && !window.at_end() {
                    window.grow().unwrap();
                }
                let place = window.place(&object, offset as u64);
                let before = &text[..offset];
                let line = before.matches('\n').count() as u64 + 1;
                let column = offset - before.rfind('\n').map_or(0, |at| at + 1) + 1;
                assert_eq!(
                    (place.line, place.column),
                    (line, column as u64),
                    "block {block} offset {offset}"
                );
                window.consume(1);
            }
        }
    }

    #[test]
    fn the_middle_of_a_file_has_offsets_only() {
        let mut window = Window::new(Box::new(io::Cursor::new("a\nb")), 100, 8);
        window.grow().unwrap();
        let place = window.place(&Arc::from("x"), 102);
        assert_eq!((place.offset, place.line), (102, 0));
    }
}
