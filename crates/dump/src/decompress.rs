//! Decompression as a stream, and whole small files (schemas).

use std::io::{self, BufRead, Read};
use std::ops::ControlFlow;

use crate::charset::CharacterSet;
use crate::dump::{Compression, File};
use crate::error::ReadError;
use crate::fetch::{PinnedObject, fetch_part};
use crate::options::IoOptions;
use crate::store::Store;

/// A schema file larger than this, uncompressed, is not one.
const SCHEMA_LIMIT: u64 = 64 << 20;

/// Wraps a stream in its decoder.
pub(crate) fn decoder(
    compression: Compression,
    source: impl BufRead + Send + 'static,
) -> io::Result<Box<dyn Read + Send>> {
    Ok(match compression {
        Compression::None => Box::new(source),
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(source)),
        // Frames follow each other until the end; a window above 128 MiB is refused by the decoder.
        Compression::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(source)?),
        Compression::Snappy => Box::new(snap::read::FrameDecoder::new(source)),
    })
}

/// A stretch of a stream, which must hold all of it.
pub(crate) struct Stretch<R> {
    pub(crate) source: R,
    /// Bytes that are still passed over.
    pub(crate) before: u64,
    /// Bytes that are still to come.
    pub(crate) left: u64,
}

impl<R: Read> Read for Stretch<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let passed = io::copy(&mut (&mut self.source).take(self.before), &mut io::sink())?;
        self.before -= passed;
        let room = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if room == 0 {
            return Ok(0);
        }
        let count = match self.before {
            0 => self.source.read(buffer.get_mut(..room).unwrap_or_default())?,
            _ => 0,
        };
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= count as u64;
        Ok(count)
    }
}

/// What a decoder's failure means.
pub(crate) fn decoder_problem(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "it ends too early; the file is cut off".to_owned(),
        _ => error.to_string(),
    }
}

impl File {
    /// Reads the whole file and decompresses it. Meant for schema files: 64 MiB at most.
    pub async fn read(&self, store: &Store) -> Result<Vec<u8>, ReadError> {
        let name = store.display(&self.path);
        let unsupported = |problem: String| ReadError::Unsupported { object: name.to_string(), problem };
        if self.size > SCHEMA_LIMIT {
            return Err(unsupported(format!("a schema file of {} bytes is no schema file", self.size)));
        }
        if self.size == 0 {
            return Ok(Vec::new());
        }
        let object = PinnedObject {
            store: store.object_store.clone(),
            path: store.path(&self.path).map_err(|e| unsupported(e.to_string()))?,
            name: name.clone(),
            size: self.size,
            etag: None,
            version: None,
        };
        let stored = fetch_part(&object, 0..self.size, &IoOptions::default()).await?;
        if self.compression == Compression::None {
            return Ok(stored.to_vec());
        }
        let corrupt = |problem: String| ReadError::Corrupt {
            object: name.to_string(),
            compression: self.compression.name(),
            compressed_offset: self.size,
            offset: 0,
            problem,
        };
        let mut bytes = Vec::new();
        let decoder =
            decoder(self.compression, io::Cursor::new(stored)).map_err(|e| corrupt(e.to_string()))?;
        decoder.take(SCHEMA_LIMIT + 1).read_to_end(&mut bytes).map_err(|e| corrupt(decoder_problem(&e)))?;
        if bytes.len() as u64 > SCHEMA_LIMIT {
            return Err(unsupported(format!("it has more than {SCHEMA_LIMIT} bytes uncompressed")));
        }
        Ok(bytes)
    }

    /// Reads the whole file as text. `character_set` is `[mydumper] character-set`; `None` is `auto`:
    /// UTF-8 when it is valid, else GB18030. A byte order mark is dropped.
    pub async fn read_text(
        &self,
        store: &Store,
        character_set: Option<CharacterSet>,
    ) -> Result<String, ReadError> {
        let bytes = self.read(store).await?;
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);
        let candidates = match character_set {
            None => vec![CharacterSet::Utf8mb4, CharacterSet::Gb18030],
            Some(set) => vec![set],
        };
        let decoded = candidates.iter().try_for_each(|set| {
            let mut out = Vec::new();
            match (set.decode_into(bytes, "", &mut out), String::from_utf8(out)) {
                (true, Ok(text)) => ControlFlow::Break(text),
                _ => ControlFlow::Continue(()),
            }
        });
        match (decoded, character_set) {
            (ControlFlow::Break(text), _) => Ok(text),
            // `binary` passes whatever there is.
            (_, Some(CharacterSet::Binary)) => Ok(String::from_utf8_lossy(bytes).into_owned()),
            _ => Err(ReadError::Unsupported {
                object: store.display(&self.path).to_string(),
                problem: "the file's character set cannot be made out; set mydumper.character-set".to_owned(),
            }),
        }
    }
}
