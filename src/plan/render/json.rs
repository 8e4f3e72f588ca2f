//! The preview as JSON: durations in nanoseconds, everything else by the names of the fields.

use serde_json::{Value, json};

use crate::plan::preview::Preview;

/// One document. Times are nanoseconds from the run's start.
#[must_use]
pub fn json(preview: &Preview) -> Value {
    let mut value = serde_json::to_value(preview).unwrap_or(Value::Null);
    for (leg, shown) in preview.legs.iter().zip(value["legs"].as_array_mut().into_iter().flatten()) {
        shown["met"] = json!(leg.met());
    }
    value
}
