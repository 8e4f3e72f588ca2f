//! The preview as JSON: durations in nanoseconds, everything else by the names of the fields.

use serde_json::{Value, json};

use crate::plan::approval::Approval;
use crate::plan::by_hand::PhaseByHand;
use crate::plan::preview::Preview;

/// The shape's version.
const VERSION: u32 = 1;

/// One document. Times are nanoseconds from the run's start.
#[must_use]
pub fn json(preview: &Preview, approval: &Approval, by_hand: &[PhaseByHand]) -> Value {
    let mut value = serde_json::to_value(preview).unwrap_or(Value::Null);
    for (leg, shown) in preview.legs.iter().zip(value["legs"].as_array_mut().into_iter().flatten()) {
        shown["met"] = json!(leg.met());
    }
    value["kind"] = json!("muster-plan");
    value["version"] = json!(VERSION);
    value["unit_of_time"] = json!("ns");
    value["by_hand"] = json!(by_hand);
    if let Ok(Value::Object(more)) = serde_json::to_value(approval) {
        for (key, one) in more {
            value[key] = one;
        }
    }
    value
}
