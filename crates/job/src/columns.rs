//! Which columns a row's values are for.

use std::borrow::Cow;

use th_codec::Encoder;
use th_errors::{Code, Fault};
use th_schema::Table;

/// The columns that the `count` values of a row are for; `None`: the table's, in order.
///
/// Without a column list, values are for all columns, or for those that are not generated; columns that a
/// route makes of the source's names take no place.
pub(crate) fn columns_of<'c>(
    table: &Table,
    listed: Option<&'c [String]>,
    count: usize,
    constants: &[(String, Vec<u8>)],
) -> Result<Option<Cow<'c, [String]>>, Fault> {
    if let Some(listed) = listed {
        if listed.len() != count {
            let message = format!("{} columns are listed, but the row has {count} values", listed.len());
            return Err(Fault::new(Code::BadColumns, message));
        }
        return Ok(Some(Cow::Borrowed(listed)));
    }
    let is_constant = |name: &str| constants.iter().any(|(column, _)| column.eq_ignore_ascii_case(name));
    let named = |with_generated: bool| -> Vec<String> {
        table
            .public_columns()
            .filter(|column| !column.hidden && (with_generated || !column.is_generated()))
            .map(|column| column.name.lower.clone())
            .filter(|name| !is_constant(name))
            .collect()
    };
    let all = named(true);
    if count == 0 {
        // `VALUES ()`: all defaults.
        return Ok(Some(Cow::Owned(Vec::new())));
    }
    if all.len() == count {
        return Ok((!constants.is_empty()).then_some(Cow::Owned(all)));
    }
    let given = named(false);
    if given.len() == count {
        return Ok(Some(Cow::Owned(given)));
    }
    let message = format!("the row has {count} values, the table {} columns", all.len());
    Err(Fault::new(Code::BadColumns, message))
}

/// Tells the encoder which columns the rows have.
pub(crate) fn set_columns(
    encoder: &mut Encoder,
    columns: Option<&[String]>,
    ignored: &[String],
    constants: &[(String, Vec<u8>)],
) -> Result<(), Fault> {
    let set = encoder
        .set_columns(columns, ignored)
        .and_then(|()| if constants.is_empty() { Ok(()) } else { encoder.set_constants(constants) });
    set.map_err(|error| Fault::from_error(Code::BadColumns, &error))
}
