//! Names in texts that have a value only when the run is under way: `{{ run.id }}`, `{{ run.verdict }}`.

use crate::catalogue::Act;
use crate::playbook::late as names;

pub(super) use names::Names;

/// The action with its late names filled, or `None` if it has none.
///
/// # Errors
/// Says which name can't be filled.
pub(super) fn fill(act: &Act, values: &Names) -> Result<Option<Act>, String> {
    let json = serde_json::to_string(act).map_err(|error| error.to_string())?;
    if !json.contains("{{") {
        return Ok(None);
    }
    let mut value: serde_json::Value = serde_json::from_str(&json).map_err(|error| error.to_string())?;
    fill_value(&mut value, values);
    serde_json::from_value(value).map(Some).map_err(|error| error.to_string())
}

fn fill_value(value: &mut serde_json::Value, values: &Names) {
    match value {
        serde_json::Value::String(text) if text.contains("{{") => *text = names::fill(text, values),
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| fill_value(item, values)),
        serde_json::Value::Object(map) => map.values_mut().for_each(|item| fill_value(item, values)),
        _ => {}
    }
}
