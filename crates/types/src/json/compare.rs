//! The order of JSON values: first by type, then by value.

use std::cmp::Ordering;

use super::{JsonValue, JsonView};

/// Doubles and integers this close are equal to each other.
const TOLERANCE: f64 = 1e-8;

/// Rank of a type; a greater rank is a greater value.
fn rank(view: JsonView<'_>) -> i8 {
    match view.type_name() {
        "BLOB" => -1,
        "BIT" => -2,
        "OPAQUE" => -3,
        "DATETIME" => -4,
        "TIME" => -5,
        "DATE" => -6,
        "BOOLEAN" => -7,
        "ARRAY" => -8,
        "OBJECT" => -9,
        "STRING" => -10,
        "INTEGER" | "UNSIGNED INTEGER" | "DOUBLE" => -11,
        _ => -12,
    }
}

fn compare_int_uint(int: i64, uint: u64) -> Ordering {
    u64::try_from(int).map_or(Ordering::Less, |int| int.cmp(&uint))
}

fn compare_near(x: f64, y: f64) -> Ordering {
    if x - y < TOLERANCE && y - x < TOLERANCE {
        Ordering::Equal
    } else if x - y < 0.0 {
        Ordering::Less
    } else {
        Ordering::Greater
    }
}

/// Orders doubles; what is no number comes last.
fn compare_floats(x: f64, y: f64) -> Ordering {
    x.partial_cmp(&y).unwrap_or(Ordering::Greater)
}

impl JsonView<'_> {
    /// Compares by MySQL's order of JSON values.
    pub fn compare(self, other: JsonView<'_>) -> Ordering {
        use JsonValue::*;
        let (left_rank, right_rank) = (rank(self), rank(other));
        if left_rank != right_rank {
            return left_rank.cmp(&right_rank);
        }
        let (Some(left), Some(right)) = (self.value(), other.value()) else {
            return self.body.cmp(other.body);
        };
        match (left, right) {
            (Bool(left), Bool(right)) => left.cmp(&right),
            (Int(left), Int(right)) => left.cmp(&right),
            (Int(left), Uint(right)) => compare_int_uint(left, right),
            (Int(left), Float(right)) => compare_near(right, left as f64).reverse(),
            (Uint(left), Int(right)) => compare_int_uint(right, left).reverse(),
            (Uint(left), Uint(right)) => left.cmp(&right),
            (Uint(left), Float(right)) => compare_near(right, left as f64).reverse(),
            (Float(left), Int(right)) => compare_near(left, right as f64),
            (Float(left), Uint(right)) => compare_near(left, right as f64),
            (Float(left), Float(right)) => compare_floats(left, right),
            (Text(left), Text(right)) => left.cmp(right),
            (Opaque { bytes: left, .. }, Opaque { bytes: right, .. }) => left.cmp(right),
            (Time(left), Time(right)) => left.compare(&right),
            (Duration(left), Duration(right)) => left.nanos.cmp(&right.nanos),
            (Array(left), Array(right)) => left
                .elements()
                .zip(right.elements())
                .map(|(left, right)| left.compare(right))
                .find(|order| order.is_ne())
                .unwrap_or_else(|| left.count().cmp(&right.count())),
            (Object(left), Object(right)) => left.count().cmp(&right.count()).then_with(|| {
                left.members()
                    .zip(right.members())
                    .map(|(left, right)| left.0.cmp(right.0).then_with(|| left.1.compare(right.1)))
                    .find(|order| order.is_ne())
                    .unwrap_or(Ordering::Equal)
            }),
            _ => Ordering::Equal,
        }
    }

    /// Whether the values are equal, numbers by value.
    pub fn is_equal(self, other: JsonView<'_>) -> bool {
        self.compare(other).is_eq()
    }
}
