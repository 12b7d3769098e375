//! The MySQL protocol of one connection: handshake, commands, prepared statements.
//!
//! The protocol is spoken by hand rather than through a library because a TiDB's error numbers
//! (8003, 8216, 8223 …), its warning counts and `COM_RESET_CONNECTION` must come through as they are.
//! Any user and password is let in. A prepared statement is its text; executing it puts the
//! parameters in as literals.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::socket::Socket;
use crate::tidb::error::SqlError;
use crate::tidb::outcome::{Outcome, ResultColumn, ResultRows};
use crate::tidb::packet::{Fields, PacketStream, capability};
use crate::tidb::session::{Session, Tidb, server_version};
use crate::tidb::token::{Kind, tokenize};

const NATIVE_PASSWORD: &str = "mysql_native_password";
/// utf8mb4_bin, in the handshake's one byte.
const HANDSHAKE_CHARSET: u8 = 46;
/// The queue is sent when it holds this much.
const FLUSH_AT: usize = 64 << 10;

mod command {
    pub(super) const QUIT: u8 = 0x01;
    pub(super) const INIT_DB: u8 = 0x02;
    pub(super) const QUERY: u8 = 0x03;
    pub(super) const FIELD_LIST: u8 = 0x04;
    pub(super) const STATISTICS: u8 = 0x09;
    pub(super) const PING: u8 = 0x0E;
    pub(super) const CHANGE_USER: u8 = 0x11;
    pub(super) const STMT_PREPARE: u8 = 0x16;
    pub(super) const STMT_EXECUTE: u8 = 0x17;
    pub(super) const STMT_SEND_LONG_DATA: u8 = 0x18;
    pub(super) const STMT_CLOSE: u8 = 0x19;
    pub(super) const STMT_RESET: u8 = 0x1A;
    pub(super) const SET_OPTION: u8 = 0x1B;
    pub(super) const RESET_CONNECTION: u8 = 0x1F;
}

/// Serves connections until told to stop.
pub(crate) async fn serve(
    tidb: Arc<Tidb>,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    mut stop: watch::Receiver<bool>,
) {
    let mut next_id = 1u32;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.changed() => return,
        };
        let Ok((stream, peer)) = accepted else { continue };
        let id = next_id;
        next_id = next_id.wrapping_add(1).max(1);
        let (tidb, tls, mut stop) = (Arc::clone(&tidb), tls.clone(), stop.clone());
        tokio::spawn(async move {
            tidb.connections.fetch_add(1, Ordering::Relaxed);
            let connection = Connection::new(Arc::clone(&tidb), stream, tls, id);
            tokio::select! {
                outcome = connection.run() => if let Err(error) = outcome {
                    tracing::debug!(%peer, %error, "SQL connection ends");
                },
                _ = stop.changed() => {}
            }
            tidb.connections.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

struct Connection {
    packets: PacketStream<Socket>,
    tls: Option<TlsAcceptor>,
    session: Session,
    prepared: HashMap<u32, Prepared>,
    next_statement: u32,
}

struct Prepared {
    sql: String,
    /// Where in the text each `?` stands.
    parameters: Vec<usize>,
    /// Types as the client last sent them.
    types: Vec<(u8, bool)>,
    long_data: HashMap<u16, Vec<u8>>,
}

impl Connection {
    fn new(tidb: Arc<Tidb>, stream: TcpStream, tls: Option<TlsAcceptor>, id: u32) -> Self {
        let _ = stream.set_nodelay(true);
        Self {
            packets: PacketStream::new(Socket::Plain(stream)),
            tls,
            session: Session::new(tidb, id),
            prepared: HashMap::new(),
            next_statement: 1,
        }
    }

    async fn run(mut self) -> io::Result<()> {
        if !self.handshake().await? {
            return Ok(());
        }
        while let Some(message) = self.packets.read().await? {
            let Some((&code, body)) = message.split_first() else { continue };
            if code == command::QUIT {
                return Ok(());
            }
            self.command(code, body).await?;
            self.packets.flush().await?;
        }
        Ok(())
    }

    async fn handshake(&mut self) -> io::Result<bool> {
        let scramble = [0x2A; 20];
        let offered = if self.tls.is_some() { capability::ALL | capability::SSL } else { capability::ALL };
        let [low, middle, high, top] = offered.to_le_bytes();
        let mut greeting = vec![10];
        greeting.extend_from_slice(server_version().as_bytes());
        greeting.push(0);
        greeting.extend_from_slice(&self.session.id.to_le_bytes());
        greeting.extend_from_slice(&scramble[..8]);
        greeting.push(0);
        greeting.extend_from_slice(&[low, middle, HANDSHAKE_CHARSET, 2, 0, high, top, 21]);
        greeting.extend_from_slice(&[0; 10]);
        greeting.extend_from_slice(&scramble[8..]);
        greeting.push(0);
        greeting.extend_from_slice(NATIVE_PASSWORD.as_bytes());
        greeting.push(0);
        self.packets.queue(&greeting);
        self.packets.flush().await?;
        let Some(mut answer) = self.packets.read().await? else { return Ok(false) };
        if let Some(tls) = &self.tls
            && Fields(&answer).number(4).is_some_and(|asked| asked as u32 & capability::SSL != 0)
        {
            // What came was the first part of the answer, without a name; all of it follows.
            self.packets.secure(tls).await?;
            let Some(whole) = self.packets.read().await? else { return Ok(false) };
            answer = whole;
        }
        let plugin = self.read_handshake(&answer);
        // A client that opened with another way to prove itself is asked for this one.
        if plugin.is_some_and(|plugin| plugin != NATIVE_PASSWORD) {
            let mut switch = vec![0xFE];
            switch.extend_from_slice(NATIVE_PASSWORD.as_bytes());
            switch.push(0);
            switch.extend_from_slice(&scramble);
            switch.push(0);
            self.packets.queue(&switch);
            self.packets.flush().await?;
            if self.packets.read().await?.is_none() {
                return Ok(false);
            }
        }
        let db = self.session.db.take().filter(|db| !db.is_empty());
        match db.map_or(Ok(()), |db| self.session.select_database(&db)) {
            Ok(()) => self.packets.queue_ok(0, 0, 0),
            Err(error) => {
                self.packets.queue_error(&error);
                self.packets.flush().await?;
                return Ok(false);
            }
        }
        self.packets.flush().await?;
        Ok(true)
    }

    /// Takes user, database and capabilities; gives the authentication plugin's name.
    fn read_handshake(&mut self, answer: &[u8]) -> Option<String> {
        let mut fields = Fields(answer);
        let capabilities = fields.number(4)? as u32 & capability::ALL;
        self.packets.capabilities = capabilities;
        fields.take(28)?;
        self.session.user = String::from_utf8_lossy(fields.terminated()?).into_owned();
        if capabilities & capability::PLUGIN_AUTH_LENENC != 0 {
            fields.bytes()?;
        } else {
            let len = fields.number(1)? as usize;
            fields.take(len)?;
        }
        if capabilities & capability::CONNECT_WITH_DB != 0 {
            self.session.db = Some(String::from_utf8_lossy(fields.terminated()?).into_owned());
        }
        if capabilities & capability::PLUGIN_AUTH == 0 {
            return None;
        }
        Some(String::from_utf8_lossy(fields.terminated()?).into_owned())
    }

    async fn command(&mut self, code: u8, body: &[u8]) -> io::Result<()> {
        let text = String::from_utf8_lossy(body);
        match code {
            command::QUERY => {
                let outcome = self.session.execute(&text).await;
                self.answer(outcome, false).await?;
            }
            command::INIT_DB => match self.session.select_database(&text) {
                Ok(()) => self.packets.queue_ok(0, 0, 0),
                Err(error) => self.packets.queue_error(&error),
            },
            command::PING => self.packets.queue_ok(0, 0, 0),
            command::RESET_CONNECTION | command::CHANGE_USER => {
                self.session.reset();
                self.prepared.clear();
                self.packets.queue_ok(0, 0, 0);
            }
            command::SET_OPTION | command::FIELD_LIST => self.packets.queue_end_of_rows(),
            command::STATISTICS => self.packets.queue(b"Uptime: 1  Threads: 1"),
            command::STMT_PREPARE => self.prepare(&text),
            command::STMT_EXECUTE => match self.bound_text(body) {
                Ok(sql) => {
                    let outcome = self.session.execute(&sql).await;
                    self.answer(outcome, true).await?;
                }
                Err(error) => self.packets.queue_error(&error),
            },
            command::STMT_SEND_LONG_DATA => {
                let mut fields = Fields(body);
                if let (Some(id), Some(parameter)) = (fields.number(4), fields.number(2))
                    && let Some(statement) = self.prepared.get_mut(&(id as u32))
                {
                    statement.long_data.entry(parameter as u16).or_default().extend_from_slice(fields.0);
                }
            }
            command::STMT_CLOSE => {
                if let Some(id) = Fields(body).number(4) {
                    self.prepared.remove(&(id as u32));
                }
            }
            command::STMT_RESET => self.packets.queue_ok(0, 0, 0),
            other => {
                self.packets.queue_error(&SqlError::new(1047, format!("command {other} not supported now")));
            }
        }
        Ok(())
    }

    async fn answer(&mut self, outcome: Result<Outcome, SqlError>, binary: bool) -> io::Result<()> {
        let (columns, rows) = match outcome {
            Err(error) if error.is_lost_connection() => return Err(io::ErrorKind::ConnectionReset.into()),
            Err(error) => {
                self.packets.queue_error(&error);
                return Ok(());
            }
            Ok(Outcome::Done { affected, last_insert_id, warnings }) => {
                self.packets.queue_ok(affected, last_insert_id, warnings);
                return Ok(());
            }
            Ok(Outcome::Rows { columns, rows }) => (columns, rows),
        };
        match rows {
            ResultRows::Ready(rows) => {
                self.queue_columns(&columns);
                for row in rows {
                    self.row(&columns, &row, binary).await?;
                }
            }
            ResultRows::Stream(mut rows) => {
                // The first row tells whether there is a result at all: an error before it stands alone.
                let mut next = rows.recv().await;
                if let Some(Err(error)) = &next {
                    self.packets.queue_error(error);
                    return Ok(());
                }
                self.queue_columns(&columns);
                while let Some(row) = next {
                    match row {
                        Ok(row) => self.row(&columns, &row, binary).await?,
                        Err(error) => {
                            self.packets.queue_error(&error);
                            return Ok(());
                        }
                    }
                    next = rows.recv().await;
                }
            }
        }
        self.packets.queue_end_of_rows();
        Ok(())
    }

    fn queue_columns(&mut self, columns: &[ResultColumn]) {
        let mut count = Vec::new();
        crate::tidb::packet::put_lenenc(columns.len() as u64, &mut count);
        self.packets.queue(&count);
        for column in columns {
            self.packets.queue_column(column);
        }
        self.packets.queue_eof_after_columns();
    }

    async fn row(
        &mut self,
        columns: &[ResultColumn],
        row: &[Option<Vec<u8>>],
        binary: bool,
    ) -> io::Result<()> {
        if binary {
            self.packets.queue_binary_row(columns, row);
        } else {
            self.packets.queue_text_row(row);
        }
        if self.packets.queued() >= FLUSH_AT { self.packets.flush().await } else { Ok(()) }
    }

    fn prepare(&mut self, sql: &str) {
        let tokens = match tokenize(sql) {
            Ok(tokens) => tokens,
            Err(error) => {
                self.packets.queue_error(&error);
                return;
            }
        };
        let parameters: Vec<usize> =
            tokens.iter().filter(|token| token.kind == Kind::Symbol("?")).map(|token| token.start).collect();
        let id = self.next_statement;
        self.next_statement = self.next_statement.wrapping_add(1).max(1);
        // Columns are told when the statement runs: clients take them from there.
        let mut payload = vec![0x00];
        payload.extend_from_slice(&id.to_le_bytes());
        payload.extend_from_slice(&0u16.to_le_bytes());
        payload.extend_from_slice(&(parameters.len() as u16).to_le_bytes());
        payload.extend_from_slice(&[0, 0, 0]);
        self.packets.queue(&payload);
        for _ in &parameters {
            self.packets.queue_column(&ResultColumn::text("?"));
        }
        if !parameters.is_empty() {
            self.packets.queue_eof_after_columns();
        }
        let statement =
            Prepared { sql: sql.to_owned(), parameters, types: Vec::new(), long_data: HashMap::new() };
        self.prepared.insert(id, statement);
    }

    /// The statement's text with its parameters as literals.
    fn bound_text(&mut self, body: &[u8]) -> Result<String, SqlError> {
        let malformed = || SqlError::new(1210, "Incorrect arguments to EXECUTE");
        let mut fields = Fields(body);
        let id = fields.number(4).ok_or_else(malformed)? as u32;
        fields.take(5).ok_or_else(malformed)?;
        let statement = self.prepared.get_mut(&id).ok_or_else(|| {
            SqlError::new(1243, format!("Unknown prepared statement handler ({id}) given to EXECUTE"))
        })?;
        let count = statement.parameters.len();
        if count == 0 {
            return Ok(statement.sql.clone());
        }
        let nulls = fields.take(count.div_ceil(8)).ok_or_else(malformed)?;
        if fields.number(1).ok_or_else(malformed)? == 1 {
            statement.types.clear();
            for _ in 0..count {
                let kind = fields.number(1).ok_or_else(malformed)? as u8;
                let unsigned = fields.number(1).ok_or_else(malformed)? & 0x80 != 0;
                statement.types.push((kind, unsigned));
            }
        }
        let mut sql = String::new();
        let mut copied = 0;
        for number in 0..count {
            let at = statement.parameters.get(number).copied().ok_or_else(malformed)?;
            sql.push_str(statement.sql.get(copied..at).unwrap_or_default());
            copied = at + 1;
            let null = nulls.get(number / 8).is_some_and(|byte| byte >> (number % 8) & 1 == 1);
            let kind = statement.types.get(number).copied().ok_or_else(malformed)?;
            let text = if let Some(long) = statement.long_data.get(&(number as u16)) {
                string_literal(long)
            } else if null {
                "NULL".into()
            } else {
                parameter(kind, &mut fields).ok_or_else(malformed)?
            };
            sql.push_str(&text);
        }
        sql.push_str(statement.sql.get(copied..).unwrap_or_default());
        statement.long_data.clear();
        Ok(sql)
    }
}

/// A parameter of the binary protocol as a literal.
fn parameter((kind, unsigned): (u8, bool), fields: &mut Fields<'_>) -> Option<String> {
    let integer = |number: u64, bits: u32| {
        if unsigned {
            number.to_string()
        } else {
            ((number as i64) << (64 - bits) >> (64 - bits)).to_string()
        }
    };
    Some(match kind {
        0x01 => integer(fields.number(1)?, 8),
        0x02 | 0x0D => integer(fields.number(2)?, 16),
        0x03 | 0x09 => integer(fields.number(4)?, 32),
        0x08 => integer(fields.number(8)?, 64),
        0x04 => f32::from_bits(fields.number(4)? as u32).to_string(),
        0x05 => f64::from_bits(fields.number(8)?).to_string(),
        0x06 => "NULL".into(),
        0x07 | 0x0A | 0x0C => {
            let len = fields.number(1)? as usize;
            let mut parts = Fields(fields.take(len)?);
            let mut part = |len| parts.number(len).unwrap_or(0);
            let (year, month, day) = (part(2), part(1), part(1));
            let (hour, minute, second, micros) = (part(1), part(1), part(1), part(4));
            if kind == 0x0A {
                format!("'{year:04}-{month:02}-{day:02}'")
            } else {
                format!("'{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{micros:06}'")
            }
        }
        0x0B => {
            let len = fields.number(1)? as usize;
            let mut parts = Fields(fields.take(len)?);
            let mut part = |len| parts.number(len).unwrap_or(0);
            let sign = if part(1) == 1 { "-" } else { "" };
            let (days, hour, minute, second, micros) = (part(4), part(1), part(1), part(1), part(4));
            format!("'{sign}{:02}:{minute:02}:{second:02}.{micros:06}'", days * 24 + hour)
        }
        _ => string_literal(fields.bytes()?),
    })
}

/// Bytes as a string literal, or as a hexadecimal one when they are no text.
fn string_literal(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''")),
        Err(_) => format!("x'{}'", crate::hex::upper(bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidb::packet::put_bytes;

    #[test]
    fn parameters_become_literals() {
        assert_eq!(parameter((0x01, false), &mut Fields(&[0xFF])), Some("-1".into()));
        assert_eq!(parameter((0x01, true), &mut Fields(&[0xFF])), Some("255".into()));
        let mut text = Vec::new();
        put_bytes(b"it's", &mut text);
        assert_eq!(parameter((0xFD, false), &mut Fields(&text)), Some("'it''s'".into()));
        let date = [7, 0xE8, 7, 2, 29, 1, 2, 3];
        assert_eq!(parameter((0x0C, false), &mut Fields(&date)), Some("'2024-02-29 01:02:03.000000'".into()));
        assert_eq!(parameter((0x08, false), &mut Fields(&[1])), None);
    }
}
