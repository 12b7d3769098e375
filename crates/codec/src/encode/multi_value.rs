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
        .map(element_view)
        // As keys hold them: -0.0 is 0.0.
        .filter(move |view| seen.insert((view.class as u8, view.null, view.number, view.bytes)))
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

    #[test]
    fn both_zeros_are_one_element() {
        let json = th_types::json::parse(b"[0.0, -0.0, 1.5, 1.5]").expect("good JSON");
        let mut bytes = vec![json.type_code];
        bytes.extend_from_slice(&json.body);
        assert_eq!(distinct_elements(&bytes).count(), 2);
    }

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
