//! Datums as MySQL's text protocol shows them.

use th_types::{Datum, FieldType, TimeZone, tp, vector};

/// A datum as a result set shows it; `None` is NULL.
///
/// A TIMESTAMP stands in the zone it was decoded in, which must be `_zone`: it is not moved again.
pub fn datum_text(datum: &Datum<'_>, field_type: &FieldType, _zone: &TimeZone) -> Option<Vec<u8>> {
    text_of(datum, field_type)
}

/// The same without a zone.
pub(crate) fn text_of(datum: &Datum<'_>, field_type: &FieldType) -> Option<Vec<u8>> {
    Some(match datum {
        Datum::Null => return None,
        Datum::Int(year) if field_type.tp == tp::YEAR => format!("{year:04}").into_bytes(),
        Datum::Int(number) => number.to_string().into_bytes(),
        Datum::Uint(number) => number.to_string().into_bytes(),
        Datum::Float32(number) => float_text(*number, f64::from(*number), field_type),
        Datum::Float64(number) => float_text(*number, *number, field_type),
        Datum::Decimal(decimal) => decimal.to_string().into_bytes(),
        Datum::Bytes(bytes) | Datum::Bit(bytes) => bytes.to_vec(),
        Datum::Time(time) => time.to_text().into_bytes(),
        Datum::Duration(duration) => duration.to_string().into_bytes(),
        Datum::Enum(index) => {
            let member =
                usize::try_from(*index).ok().and_then(|index| field_type.elems.get(index.checked_sub(1)?));
            member.cloned().unwrap_or_default().into_bytes()
        }
        Datum::Set(bits) => {
            let members = field_type.elems.iter().enumerate().take(64);
            let chosen = members.filter(|(index, _)| bits >> index & 1 == 1).map(|(_, name)| name.as_str());
            chosen.collect::<Vec<_>>().join(",").into_bytes()
        }
        Datum::Json(json) => json.to_text().unwrap_or_default().into_bytes(),
        Datum::Vector(bytes) => vector::to_text(bytes).unwrap_or_default().into_bytes(),
    })
}

/// Shortest digits, or as many as the column has; with an exponent from 1e15 on and below 1e-15.
fn float_text<F>(number: F, wide: f64, field_type: &FieldType) -> Vec<u8>
where
    F: std::fmt::Display + std::fmt::LowerExp,
{
    const NOT_FIXED: i64 = 31;
    let magnitude = wide.abs();
    let text = match usize::try_from(field_type.decimal) {
        Ok(digits) if 0 < field_type.decimal && field_type.decimal < NOT_FIXED => {
            format!("{number:.digits$}")
        }
        _ if magnitude >= 1e15 || (magnitude != 0.0 && magnitude < 1e-15) => format!("{number:e}"),
        _ => number.to_string(),
    };
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(datum: &Datum<'_>, field_type: &FieldType) -> String {
        String::from_utf8(datum_text(datum, field_type, &TimeZone::Fixed(0)).unwrap()).unwrap()
    }

    #[test]
    fn floats_have_an_exponent_only_when_they_are_long() {
        let double = FieldType::new(tp::DOUBLE);
        assert_eq!(shown(&Datum::Float64(1e15), &double), "1e15");
        assert_eq!(shown(&Datum::Float64(123456789012345.0), &double), "123456789012345");
        assert_eq!(shown(&Datum::Float64(1.5e-16), &double), "1.5e-16");
        assert_eq!(shown(&Datum::Float32(0.1), &FieldType::new(tp::FLOAT)), "0.1");
        assert_eq!(shown(&Datum::Float64(1.0), &FieldType { decimal: 2, ..double }), "1.00");
    }

    #[test]
    fn members_are_shown_by_name() {
        let elems = vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
        let set = FieldType { elems, ..FieldType::new(tp::SET) };
        assert_eq!(shown(&Datum::Set(5), &set), "a,c");
        assert_eq!(shown(&Datum::Enum(2), &set), "b");
        assert_eq!(shown(&Datum::Enum(0), &set), "");
        assert_eq!(shown(&Datum::Enum(9), &set), "");
    }
}
