//! Where the frames of a zstd file begin: by the seek table that some writers put behind them.
//!
//! Format: <https://github.com/facebook/zstd/blob/dev/contrib/seekable_format/zstd_seekable_compression_format.md>.
//! The table is the file's last, skippable, frame. A file without one is read as a whole: its frames could only be
//! found by reading it.

use std::io::{self, Read};

use bytes::Bytes;

use crate::error::ReadError;
use crate::fetch::{PinnedObject, fetch_part};
use crate::options::IoOptions;

const FOOTER: u64 = 9;
const FOOTER_MAGIC: u32 = 0x8F92_EAB1;
const SKIPPABLE_MAGIC: u32 = 0x184D_2A5E;
/// Bytes of a skippable frame's magic number and size.
const HEAD: u64 = 8;
/// A table with more frames than this is not looked at.
const MOST_FRAMES: u64 = 1 << 20;

/// One frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Its first byte in the stored object.
    pub(crate) start: u64,
    /// The byte after its last.
    pub(crate) end: u64,
    /// Its first byte's offset in the uncompressed file.
    pub(crate) base: u64,
}

/// The frames with data of a file, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frames {
    pub(crate) frames: Vec<Frame>,
    /// Uncompressed bytes of the file.
    pub(crate) size: u64,
}

impl Frames {
    /// Reads an object's seek table; `None` if it has none, or one that does not fit.
    pub(crate) async fn read(object: &PinnedObject, io: &IoOptions) -> Result<Option<Self>, ReadError> {
        let Some(footer_start) = object.size.checked_sub(FOOTER) else { return Ok(None) };
        let footer = fetch_part(object, footer_start..object.size, io).await?;
        let Some(table) = table_bytes(&footer) else { return Ok(None) };
        let Some(start) = object.size.checked_sub(table + HEAD) else { return Ok(None) };
        let bytes = fetch_part(object, start..object.size, io).await?;
        Ok(parse(&bytes, start))
    }

    /// The first frame that begins at or after an offset of the uncompressed file.
    pub(crate) fn from(&self, offset: u64) -> Option<Frame> {
        self.frames.get(self.frames.partition_point(|frame| frame.base < offset)).copied()
    }

    /// The frame that holds an offset of the uncompressed file.
    pub(crate) fn holding(&self, offset: u64) -> Option<Frame> {
        let after = self.frames.partition_point(|frame| frame.base <= offset);
        self.frames.get(after.checked_sub(1)?).copied()
    }

    /// The first bytes of the uncompressed file from a frame on, at most `count`.
    pub(crate) async fn look(
        &self,
        object: &PinnedObject,
        frame: Frame,
        count: u64,
        io: &IoOptions,
    ) -> Result<Bytes, ReadError> {
        let wanted = count.min(self.size - frame.base);
        // Compressed bytes are hardly ever more than the uncompressed ones; less is looked at then.
        let end = (frame.start + wanted + HEAD).max(frame.end.min(frame.start + 2 * wanted)).min(object.size);
        let stored = fetch_part(object, frame.start..end, io).await?;
        let mut bytes = Vec::with_capacity(usize::try_from(wanted).unwrap_or(0));
        if let Ok(decoder) = zstd::stream::read::Decoder::with_buffer(io::Cursor::new(stored)) {
            // What was fetched may end inside a frame.
            let _ = decoder.take(wanted).read_to_end(&mut bytes);
        }
        Ok(bytes.into())
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// Bytes of an entry: sizes of a frame, compressed and not, and maybe a checksum.
fn entry_bytes(descriptor: u8) -> u64 {
    if descriptor & 0x80 == 0 { 8 } else { 12 }
}

/// Bytes of the seek table with its footer, by the footer.
fn table_bytes(footer: &[u8]) -> Option<u64> {
    let frames = u64::from(u32_at(footer, 0)?);
    let fits = u32_at(footer, 5)? == FOOTER_MAGIC && frames <= MOST_FRAMES;
    fits.then_some(frames * entry_bytes(*footer.get(4)?) + FOOTER)
}

/// Reads the skippable frame with the table, which begins at `start` of the object.
fn parse(bytes: &[u8], start: u64) -> Option<Frames> {
    let footer = bytes.get(bytes.len().checked_sub(FOOTER as usize)?..)?;
    let is_table = u32_at(bytes, 0)? == SKIPPABLE_MAGIC
        && u64::from(u32_at(bytes, 4)?) == table_bytes(footer)?
        && bytes.len() as u64 == table_bytes(footer)? + HEAD;
    if !is_table {
        return None;
    }
    let entries = bytes.get(HEAD as usize..bytes.len() - FOOTER as usize)?;
    let (mut frames, mut stored, mut base) = (Vec::new(), 0, 0);
    for entry in entries.chunks_exact(entry_bytes(*footer.get(4)?) as usize) {
        let (compressed, plain) = (u64::from(u32_at(entry, 0)?), u64::from(u32_at(entry, 4)?));
        if plain > 0 {
            frames.push(Frame { start: stored, end: stored + compressed, base });
        }
        stored += compressed;
        base += plain;
    }
    (stored == start).then_some(Frames { frames, size: base })
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Compresses text in frames of about `frame` bytes with a seek table behind them.
    pub(crate) fn seekable(text: &[u8], frame: usize) -> Vec<u8> {
        let (mut out, mut table, mut count) = (Vec::new(), Vec::new(), 0u32);
        for part in text.chunks(frame.max(1)) {
            let packed = zstd::encode_all(part, 1).unwrap();
            table.extend((packed.len() as u32).to_le_bytes());
            table.extend((part.len() as u32).to_le_bytes());
            out.extend(packed);
            count += 1;
        }
        out.extend(SKIPPABLE_MAGIC.to_le_bytes());
        out.extend((table.len() as u32 + FOOTER as u32).to_le_bytes());
        out.extend(table);
        out.extend(count.to_le_bytes());
        out.push(0);
        out.extend(FOOTER_MAGIC.to_le_bytes());
        out
    }

    #[test]
    fn the_table_says_where_frames_begin() {
        let text: Vec<u8> = (0..100_000u32).flat_map(u32::to_le_bytes).collect();
        let file = seekable(&text, 30_000);
        let footer = &file[file.len() - 9..];
        let start = file.len() as u64 - table_bytes(footer).unwrap() - HEAD;
        let found = parse(&file[start as usize..], start).unwrap();
        assert_eq!((found.frames.len(), found.size), (14, 400_000));
        assert_eq!(found.from(30_001).unwrap().base, 60_000);
        assert_eq!(found.holding(59_999).unwrap().base, 30_000);
        assert_eq!(found.holding(60_000).unwrap().base, 60_000);
        assert_eq!(found.from(400_000), None);
        let frame = found.from(60_000).unwrap();
        let bytes = zstd::decode_all(&file[frame.start as usize..frame.end as usize]).unwrap();
        assert_eq!(bytes, &text[60_000..90_000]);
        // A table that speaks of other bytes is none.
        assert_eq!(parse(&file[start as usize..], start - 1), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80), start in 0u64..100) {
            let _ = table_bytes(&bytes);
            let _ = parse(&bytes, start);
        }
    }
}
