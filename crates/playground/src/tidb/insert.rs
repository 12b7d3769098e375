//! INSERT and REPLACE of literal rows.

use std::sync::Arc;

use th_codec::{EncodeError, Encoder, PairKind};
use th_row::Value;
use th_types::Context;

use crate::tidb::catalog::Entry;
use crate::tidb::error::SqlError;
use crate::tidb::outcome::Outcome;
use crate::tidb::rewrite::{self, Rewriter};
use crate::tidb::session::Session;
use crate::tidb::statement::Insert;
use crate::tidb::token::{Kind, tokenize};
use crate::tidb::transaction::Overlay;

/// A literal of a VALUES list.
enum Literal {
    Null,
    Default,
    Int(i64),
    Uint(u64),
    Text(Vec<u8>),
    Binary(Vec<u8>),
}

impl Literal {
    fn value(&self) -> Value<'_> {
        match self {
            Literal::Null => Value::Null,
            Literal::Default => Value::Default,
            Literal::Int(n) => Value::Int(*n),
            Literal::Uint(n) => Value::Uint(*n),
            Literal::Text(text) => Value::Text(text),
            Literal::Binary(bytes) => Value::Binary(bytes),
        }
    }

    /// As a message shows it.
    fn text(&self) -> String {
        match self {
            Literal::Null => "NULL".into(),
            Literal::Default => String::new(),
            Literal::Int(n) => n.to_string(),
            Literal::Uint(n) => n.to_string(),
            Literal::Text(bytes) | Literal::Binary(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        }
    }
}

fn literal(text: &str) -> Result<Literal, SqlError> {
    let unsupported = || SqlError::unsupported(format!("the expression {text} in VALUES"));
    let kinds: Vec<Kind> = tokenize(text)?.into_iter().map(|token| token.kind).collect();
    Ok(match kinds.as_slice() {
        [Kind::Word(word)] if word.eq_ignore_ascii_case("null") => Literal::Null,
        [Kind::Word(word)] if word.eq_ignore_ascii_case("default") => Literal::Default,
        [Kind::Word(word)] if word.eq_ignore_ascii_case("true") => Literal::Uint(1),
        [Kind::Word(word)] if word.eq_ignore_ascii_case("false") => Literal::Uint(0),
        [Kind::Text(text)] => Literal::Text(text.clone().into_bytes()),
        [Kind::Word(word), Kind::Text(text)] if word.eq_ignore_ascii_case("x") => {
            Literal::Binary(crate::hex::parse(text).ok_or_else(unsupported)?)
        }
        [Kind::Word(word), Kind::Text(text)] if word.starts_with('_') => {
            Literal::Text(text.clone().into_bytes())
        }
        [Kind::Number(number)] => match (number.strip_prefix("0x"), number.parse()) {
            (Some(hex), _) => Literal::Binary(crate::hex::parse(hex).ok_or_else(unsupported)?),
            (None, Ok(number)) => Literal::Uint(number),
            (None, Err(_)) => Literal::Text(number.clone().into_bytes()),
        },
        [Kind::Symbol("-"), Kind::Number(number)] => {
            let text = format!("-{number}");
            text.parse().map_or_else(|_| Literal::Text(text.into_bytes()), Literal::Int)
        }
        _ => return Err(unsupported()),
    })
}

/// What happens to a row whose key is there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OnDuplicate {
    Error,
    Ignore,
    Replace,
}

pub(crate) fn insert(session: &mut Session, statement: &Insert) -> Result<Outcome, SqlError> {
    let tidb = Arc::clone(&session.tidb);
    let entry = session.table(&statement.table)?;
    if entry.view.is_some() {
        return Err(SqlError::unsupported("inserting into views"));
    }
    let on_duplicate = match (statement.replace, statement.ignore) {
        (true, _) => OnDuplicate::Replace,
        (false, true) => OnDuplicate::Ignore,
        (false, false) => OnDuplicate::Error,
    };
    let make = |context: Context| -> Result<Encoder, SqlError> {
        let mut encoder = rewrite::encoder(&tidb.cluster, context, &entry, &entry.info)?;
        if let Some(columns) = &statement.columns {
            let columns: Vec<String> = columns.iter().map(|column| column.to_lowercase()).collect();
            let set = encoder.set_columns(Some(&columns), &[]);
            set.map_err(|error| SqlError::new(error.code, error.message))?;
        }
        Ok(encoder)
    };
    let mut encoder = make(session.context())?;
    // IGNORE makes values fit and warns.
    let mut lenient = match on_duplicate {
        OnDuplicate::Ignore => Some(make(session.lenient_context())?),
        _ => None,
    };
    let count = statement.rows.len() as u64;
    let first = tidb.catalog.change_table(&tidb.cluster, &entry.db, &statement.table.table, |entry| {
        let allocators = &mut entry.allocators;
        let first = allocators.row_id.max(allocators.auto_increment).max(allocators.auto_random);
        Ok(first)
    })?;
    let mut overlay = session.overlay()?;
    let mut affected = 0;
    for (number, row) in statement.rows.iter().enumerate() {
        let literals = row.iter().map(|text| literal(text)).collect::<Result<Vec<_>, _>>()?;
        if statement.columns.as_ref().is_some_and(|columns| columns.len() != row.len()) {
            return Err(SqlError::new(
                1136,
                format!("Column count doesn't match value count at row {}", number + 1),
            ));
        }
        let values: Vec<Value<'_>> = literals.iter().map(Literal::value).collect();
        let row_id = i64::try_from(first + number as u64).unwrap_or(i64::MAX);
        let refused = |error: EncodeError| {
            SqlError::new(if error.code == 0 { 1105 } else { error.code }, error.to_string())
        };
        let pairs = match (encoder.encode(&values, row_id), &mut lenient) {
            (Ok(pairs), _) => pairs,
            (Err(error), Some(lenient)) => {
                session.warnings.push(refused(error));
                lenient.encode(&values, row_id).map_err(refused)?
            }
            (Err(error), None) => return Err(refused(error)),
        };
        let there = |overlay: &Overlay| {
            pairs.iter().filter(|pair| pair.unique).find_map(|pair| {
                overlay.get(&tidb.cluster, pair.key).map(|value| (pair.kind, pair.key.to_vec(), value))
            })
        };
        let mut left_out = false;
        while let Some((kind, key, value)) = there(&overlay) {
            let duplicate = || duplicate(&entry, statement, &literals, kind);
            match on_duplicate {
                OnDuplicate::Error => return Err(duplicate()),
                OnDuplicate::Ignore => {
                    session.warnings.push(duplicate());
                    left_out = true;
                    break;
                }
                OnDuplicate::Replace => {
                    let record = rewrite::record_of(&key, &value)?;
                    let value = overlay
                        .get(&tidb.cluster, &record)
                        .ok_or_else(|| SqlError::new(8223, "an index entry without its row"))?;
                    let mut rewriter = Rewriter::new(&tidb.cluster, &session.context(), &entry, &entry.info)?;
                    for pair in rewriter.pairs(&record, &value)?.iter() {
                        overlay.own.insert(pair.key.to_vec(), None);
                    }
                    affected += 1;
                }
            }
        }
        if left_out {
            continue;
        }
        for pair in pairs.iter() {
            overlay.own.insert(pair.key.to_vec(), Some(pair.value.to_vec()));
        }
        affected += 1;
    }
    let (bases, lenient) = (encoder.bases(), lenient.map(|lenient| lenient.bases()));
    session.apply(overlay)?;
    tidb.catalog.change_table(&tidb.cluster, &entry.db, &statement.table.table, |entry| {
        let next = |base: i64| u64::try_from(base).unwrap_or(0).saturating_add(1);
        let allocators = &mut entry.allocators;
        allocators.row_id = allocators.row_id.max(first + count);
        for bases in [Some(bases), lenient].into_iter().flatten() {
            allocators.row_id = allocators.row_id.max(next(bases.row_id));
            allocators.auto_increment = allocators.auto_increment.max(next(bases.auto_increment));
            allocators.auto_random = allocators.auto_random.max(next(bases.auto_random));
        }
        Ok(())
    })?;
    if entry.auto_increment_column().is_some() {
        session.last_insert_id = first;
    }
    let warnings = u16::try_from(session.warnings.len()).unwrap_or(u16::MAX);
    Ok(Outcome::Done { affected, last_insert_id: session.last_insert_id, warnings })
}

/// `Duplicate entry '1-a' for key 't.PRIMARY'`, with the values as the statement has them.
fn duplicate(entry: &Entry, statement: &Insert, literals: &[Literal], kind: PairKind) -> SqlError {
    let index = match kind {
        PairKind::Index(id) => entry.info.indexes.iter().find(|index| index.id == id),
        PairKind::Record => entry.info.indexes.iter().find(|index| index.is_primary),
    };
    let columns: Vec<&str> = match index {
        Some(index) => index.columns.iter().map(|part| part.name.lower.as_str()).collect(),
        None => {
            let primary = |column: &&th_schema::ColumnInfo| column.field_type.has(th_types::flag::PRI_KEY);
            entry.info.columns.iter().filter(primary).map(|column| column.name.lower.as_str()).collect()
        }
    };
    let text = |name: &&str| {
        let at = match &statement.columns {
            Some(columns) => columns.iter().position(|column| column.to_lowercase() == **name),
            None => entry.info.columns.iter().position(|column| column.name.lower == **name),
        };
        at.and_then(|at| literals.get(at)).map_or_else(String::new, Literal::text)
    };
    let values: Vec<String> = columns.iter().map(text).collect();
    let index = index.map_or("PRIMARY", |index| index.name.original.as_str());
    let message =
        format!("Duplicate entry '{}' for key '{}.{index}'", values.join("-"), entry.info.name.original);
    SqlError::new(1062, message)
}
