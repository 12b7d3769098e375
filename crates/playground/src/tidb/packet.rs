//! Packets of MySQL's protocol: framing, and the few messages a server sends.
//!
//! A packet is three bytes of length (little endian), one of sequence, and the payload; a payload of
//! 2^24 − 1 bytes or more goes on in further packets.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

use crate::socket::Socket;
use crate::tidb::error::SqlError;
use crate::tidb::outcome::{ResultColumn, Wire};

const MAX_PAYLOAD: usize = (1 << 24) - 1;
/// `max_allowed_packet`.
const MAX_MESSAGE: usize = 64 << 20;
const UTF8MB4_BIN: u16 = 46;
const BINARY: u16 = 63;
/// SERVER_STATUS_AUTOCOMMIT.
const STATUS: u16 = 2;

/// Capabilities that this server has and a client may ask for.
pub(crate) mod capability {
    #![allow(missing_docs)]
    pub(crate) const LONG_PASSWORD: u32 = 1;
    pub(crate) const FOUND_ROWS: u32 = 1 << 1;
    pub(crate) const LONG_FLAG: u32 = 1 << 2;
    pub(crate) const CONNECT_WITH_DB: u32 = 1 << 3;
    pub(crate) const PROTOCOL_41: u32 = 1 << 9;
    /// Not one of [`ALL`]: only where there are certificates.
    pub(crate) const SSL: u32 = 1 << 11;
    pub(crate) const TRANSACTIONS: u32 = 1 << 13;
    pub(crate) const SECURE_CONNECTION: u32 = 1 << 15;
    pub(crate) const PLUGIN_AUTH: u32 = 1 << 19;
    pub(crate) const CONNECT_ATTRS: u32 = 1 << 20;
    pub(crate) const PLUGIN_AUTH_LENENC: u32 = 1 << 21;
    pub(crate) const DEPRECATE_EOF: u32 = 1 << 24;
    pub(crate) const ALL: u32 = LONG_PASSWORD
        | FOUND_ROWS
        | LONG_FLAG
        | CONNECT_WITH_DB
        | PROTOCOL_41
        | TRANSACTIONS
        | SECURE_CONNECTION
        | PLUGIN_AUTH
        | CONNECT_ATTRS
        | PLUGIN_AUTH_LENENC
        | DEPRECATE_EOF;
}

/// A connection's framing.
pub(crate) struct PacketStream<S> {
    stream: S,
    sequence: u8,
    out: Vec<u8>,
    /// What the client asked for.
    pub(crate) capabilities: u32,
}

impl PacketStream<Socket> {
    /// Goes on by TLS, as the client has asked.
    pub(crate) async fn secure(&mut self, tls: &TlsAcceptor) -> io::Result<()> {
        self.stream.secure(tls).await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> PacketStream<S> {
    /// Over a fresh connection.
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, sequence: 0, out: Vec::new(), capabilities: 0 }
    }

    /// Reads a message; `None` when the client has gone.
    pub(crate) async fn read(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut message = Vec::new();
        loop {
            let mut header = [0u8; 4];
            match self.stream.read_exact(&mut header).await {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
                Err(error) => return Err(error),
            }
            let [a, b, c, sequence] = header;
            let len = usize::from(a) | usize::from(b) << 8 | usize::from(c) << 16;
            self.sequence = sequence.wrapping_add(1);
            if message.len() + len > MAX_MESSAGE {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "message exceeds max_allowed_packet"));
            }
            let start = message.len();
            message.resize(start + len, 0);
            if let Some(part) = message.get_mut(start..) {
                self.stream.read_exact(part).await?;
            }
            if len < MAX_PAYLOAD {
                return Ok(Some(message));
            }
        }
    }

    /// Queues a message; [`flush`](Self::flush) sends.
    pub(crate) fn queue(&mut self, payload: &[u8]) {
        let mut rest = payload;
        loop {
            let (part, after) = rest.split_at(rest.len().min(MAX_PAYLOAD));
            let [a, b, c, _] = (part.len() as u32).to_le_bytes();
            self.out.extend_from_slice(&[a, b, c, self.sequence]);
            self.sequence = self.sequence.wrapping_add(1);
            self.out.extend_from_slice(part);
            rest = after;
            if part.len() < MAX_PAYLOAD {
                return;
            }
        }
    }

    /// Bytes queued.
    pub(crate) fn queued(&self) -> usize {
        self.out.len()
    }

    /// Sends what is queued.
    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.out).await?;
        self.out.clear();
        self.stream.flush().await
    }

    /// Whether the client wants no EOF packets.
    fn deprecates_eof(&self) -> bool {
        self.capabilities & capability::DEPRECATE_EOF != 0
    }

    /// Queues OK.
    pub(crate) fn queue_ok(&mut self, affected: u64, last_insert_id: u64, warnings: u16) {
        let mut payload = vec![0x00];
        put_lenenc(affected, &mut payload);
        put_lenenc(last_insert_id, &mut payload);
        payload.extend_from_slice(&STATUS.to_le_bytes());
        payload.extend_from_slice(&warnings.to_le_bytes());
        self.queue(&payload);
    }

    /// Queues an error.
    pub(crate) fn queue_error(&mut self, error: &SqlError) {
        let mut payload = vec![0xFF];
        payload.extend_from_slice(&error.code.to_le_bytes());
        payload.push(b'#');
        payload.extend_from_slice(error.state().as_bytes());
        payload.extend_from_slice(error.message.as_bytes());
        self.queue(&payload);
    }

    /// Queues EOF where a client still wants it between columns and rows.
    pub(crate) fn queue_eof_after_columns(&mut self) {
        if !self.deprecates_eof() {
            self.queue_old_eof();
        }
    }

    fn queue_old_eof(&mut self) {
        let mut payload = vec![0xFE, 0, 0];
        payload.extend_from_slice(&STATUS.to_le_bytes());
        self.queue(&payload);
    }

    /// Queues the end of a result set.
    pub(crate) fn queue_end_of_rows(&mut self) {
        if self.deprecates_eof() {
            let mut payload = vec![0xFE, 0, 0];
            payload.extend_from_slice(&STATUS.to_le_bytes());
            payload.extend_from_slice(&[0, 0]);
            self.queue(&payload);
        } else {
            self.queue_old_eof();
        }
    }

    /// Queues a column's definition.
    pub(crate) fn queue_column(&mut self, column: &ResultColumn) {
        let (kind, charset, flags, decimals): (u8, u16, u16, u8) = match column.wire {
            Wire::Text => (0xFD, UTF8MB4_BIN, 0, 31),
            Wire::Bytes => (0xFC, BINARY, 0x90, 0),
            Wire::Int => (0x08, BINARY, 0x80, 0),
            Wire::Uint => (0x08, BINARY, 0xA0, 0),
            Wire::Double => (0x05, BINARY, 0x80, 31),
            Wire::Decimal => (0xF6, BINARY, 0x80, 30),
        };
        let mut payload = Vec::new();
        put_bytes(b"def", &mut payload);
        for text in ["", "", "", &column.name, &column.name] {
            put_bytes(text.as_bytes(), &mut payload);
        }
        payload.push(0x0C);
        payload.extend_from_slice(&charset.to_le_bytes());
        payload.extend_from_slice(&1024u32.to_le_bytes());
        payload.push(kind);
        payload.extend_from_slice(&flags.to_le_bytes());
        payload.push(decimals);
        payload.extend_from_slice(&[0, 0]);
        self.queue(&payload);
    }

    /// Queues a row of the text protocol.
    pub(crate) fn queue_text_row(&mut self, row: &[Option<Vec<u8>>]) {
        let mut payload = Vec::new();
        for value in row {
            match value {
                Some(text) => put_bytes(text, &mut payload),
                None => payload.push(0xFB),
            }
        }
        self.queue(&payload);
    }

    /// Queues a row of the binary protocol.
    pub(crate) fn queue_binary_row(&mut self, columns: &[ResultColumn], row: &[Option<Vec<u8>>]) {
        let mut nulls = vec![0u8; (row.len() + 9) / 8];
        let mut values = Vec::new();
        for (number, (value, column)) in row.iter().zip(columns).enumerate() {
            let Some(text) = value else {
                if let Some(byte) = nulls.get_mut((number + 2) / 8) {
                    *byte |= 1 << ((number + 2) % 8);
                }
                continue;
            };
            let words = std::str::from_utf8(text).unwrap_or_default();
            match column.wire {
                Wire::Int => {
                    values.extend_from_slice(&words.parse::<i64>().unwrap_or_default().to_le_bytes())
                }
                Wire::Uint => {
                    values.extend_from_slice(&words.parse::<u64>().unwrap_or_default().to_le_bytes())
                }
                Wire::Double => {
                    values.extend_from_slice(&words.parse::<f64>().unwrap_or_default().to_le_bytes())
                }
                Wire::Text | Wire::Bytes | Wire::Decimal => put_bytes(text, &mut values),
            }
        }
        let mut payload = vec![0x00];
        payload.extend_from_slice(&nulls);
        payload.extend_from_slice(&values);
        self.queue(&payload);
    }
}

/// A length-encoded integer.
pub(crate) fn put_lenenc(value: u64, out: &mut Vec<u8>) {
    match value {
        0..=250 => out.push(value as u8),
        251..=0xFFFF => {
            out.push(0xFC);
            out.extend_from_slice(&(value as u16).to_le_bytes());
        }
        0x1_0000..=0xFF_FFFF => {
            let [a, b, c, _] = (value as u32).to_le_bytes();
            out.extend_from_slice(&[0xFD, a, b, c]);
        }
        _ => {
            out.push(0xFE);
            out.extend_from_slice(&value.to_le_bytes());
        }
    }
}

/// A length-encoded string.
pub(crate) fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    put_lenenc(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// Reads fields of a client's message; everything is `None` past the end.
pub(crate) struct Fields<'m>(pub(crate) &'m [u8]);

impl<'m> Fields<'m> {
    /// So many bytes.
    pub(crate) fn take(&mut self, len: usize) -> Option<&'m [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    /// A little-endian number of up to eight bytes.
    pub(crate) fn number(&mut self, len: usize) -> Option<u64> {
        let bytes = self.take(len)?;
        Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// A length-encoded integer.
    pub(crate) fn lenenc(&mut self) -> Option<u64> {
        match self.number(1)? {
            0xFC => self.number(2),
            0xFD => self.number(3),
            0xFE => self.number(8),
            small => Some(small),
        }
    }

    /// A length-encoded string.
    pub(crate) fn bytes(&mut self) -> Option<&'m [u8]> {
        let len = usize::try_from(self.lenenc()?).ok()?;
        self.take(len)
    }

    /// A string that ends with a zero byte.
    pub(crate) fn terminated(&mut self) -> Option<&'m [u8]> {
        let end = self.0.iter().position(|byte| *byte == 0)?;
        let text = self.take(end)?;
        self.take(1)?;
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn lengths_read_back(value: u64) {
            let mut out = Vec::new();
            put_lenenc(value, &mut out);
            let mut fields = Fields(&out);
            prop_assert_eq!(fields.lenenc(), Some(value));
            prop_assert!(fields.0.is_empty());
        }

        #[test]
        fn arbitrary_messages_never_make_it_panic(message: Vec<u8>) {
            let mut fields = Fields(&message);
            while fields.bytes().is_some() || fields.terminated().is_some() {}
        }
    }

    #[tokio::test]
    async fn long_messages_go_in_parts_and_come_back_whole() {
        let (client, server) = tokio::io::duplex(1 << 16);
        let message = vec![7u8; MAX_PAYLOAD + 3];
        let expected = message.clone();
        let writer = tokio::spawn(async move {
            let mut packets = PacketStream::new(client);
            packets.queue(&message);
            packets.flush().await.unwrap();
        });
        let mut packets = PacketStream::new(server);
        assert_eq!(packets.read().await.unwrap(), Some(expected));
        writer.await.unwrap();
        assert_eq!(packets.read().await.unwrap(), None);
    }
}
