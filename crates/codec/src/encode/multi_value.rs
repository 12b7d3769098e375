//! Multi-valued indexes: one entry for each distinct element of a JSON array.

use std::collections::HashSet;

use th_types::json::{JsonValue, JsonView};

use crate::cell::{CellView, Class};
use crate::keys::float_to_comparable;

/// The distinct elements of a binary JSON array (`type code ‖ body`), as index keys hold them, in order.
/// Anything but an array has none; elements of types that no typed array has count as NULL, as in TiDB.
pub(crate) fn distinct_elements(json: &[u8]) -> impl Iterator<Item = CellView<'_>> {
    let (type_code, body) = json.split_first().map_or((0, &[][..]), |(code, body)| (*code, body));
    let mut seen = HashSet::new();
    JsonView::new(type_code, body)
        .elements()
        .filter(move |element| seen.insert((element.type_code, element.body)))
        .map(element_view)
}

fn element_view(element: JsonView<'_>) -> CellView<'_> {
    let number = |class, number| CellView { class, null: false, number, bytes: &[] };
    match element.value() {
        Some(JsonValue::Int(value)) => number(Class::Int, value as u64),
        Some(JsonValue::Uint(value)) => number(Class::Uint, value),
        Some(JsonValue::Float(value)) => number(Class::Float, float_to_comparable(value)),
        Some(JsonValue::Time(time)) => number(Class::Uint, time.to_packed()),
        Some(JsonValue::Duration(duration)) => number(Class::Duration, duration.nanos as u64),
        Some(JsonValue::Text(bytes)) => CellView { class: Class::Bytes, null: false, number: 0, bytes },
        _ => CellView { class: Class::Uint, null: true, number: 0, bytes: &[] },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn arbitrary_bytes_never_make_it_panic(mut json: Vec<u8>) {
            if let Some(first) = json.first_mut() {
                *first = 3;
            }
            let _ = distinct_elements(&json).take(64).count();
        }
    }
}
