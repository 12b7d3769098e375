//! Rows as parameters of a prepared statement, where a server makes the same of them as of their SQL text.

use mysql_async::Value as Parameter;
use th_row::Value;

/// Most parameters of one statement that the protocol can number.
pub const MOST_PARAMETERS: usize = 65_535;

/// Parameters of many rows, one after the other.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parameters(pub(crate) Vec<Parameter>);

impl Parameters {
    /// Appends one value; false, and nothing is appended, if only its SQL text says what it is:
    ///
    /// - `DEFAULT` is a word of the statement;
    /// - bytes that are no text are binary as hexadecimal literals, but would be text of the connection's character
    ///   set as parameters;
    /// - a single-precision number would be widened digit by digit of its binary form.
    pub fn push(&mut self, value: &Value<'_>, bytes: bool) -> bool {
        self.0.push(match value {
            Value::Null => Parameter::NULL,
            Value::Int(number) => Parameter::Int(*number),
            Value::Uint(number) => Parameter::UInt(*number),
            Value::Float64(number) if number.is_finite() => Parameter::Double(*number),
            Value::Text(text) if bytes && simdutf8::basic::from_utf8(text).is_err() => return false,
            Value::Text(text) => Parameter::Bytes(text.to_vec()),
            Value::Default | Value::Float32(_) | Value::Float64(_) | Value::Binary(_) => return false,
        });
        true
    }

    /// Number of parameters.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Appends those of another row.
    pub fn append(&mut self, mut row: Self) {
        self.0.append(&mut row.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_bound_unless_only_their_text_says_what_they_are() {
        let mut bound = Parameters::default();
        let bindable = [
            (Value::Null, false),
            (Value::Int(-5), false),
            (Value::Uint(u64::MAX), false),
            (Value::Float64(0.1), false),
            (Value::Text("it's \\ ü".as_bytes()), false),
            (Value::Text("ü".as_bytes()), true),
        ];
        assert!(bindable.iter().all(|(value, bytes)| bound.push(value, *bytes)));
        assert_eq!(bound.len(), bindable.len());
        for (value, bytes) in [
            (Value::Default, false),
            (Value::Float32(0.1), false),
            (Value::Float64(f64::NAN), false),
            (Value::Binary(b"abc"), false),
            (Value::Text(b"\xFF"), true),
        ] {
            assert!(!bound.push(&value, bytes), "{value:?}");
        }
        assert_eq!(bound.len(), bindable.len());
        bound.append(bound.clone());
        assert_eq!(bound.len(), 2 * bindable.len());
    }
}
