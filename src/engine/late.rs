//! Names in texts that have a value only when the run is under way: `{{ run.id }}`, `{{ run.verdict }}`.

use crate::catalogue::Act;
use crate::model::{Place, Verdict};
use crate::playbook::late::{self, LateNames};

/// Their values at a moment.
#[derive(Clone, Debug)]
pub(super) struct Names {
    pub(super) id: String,
    pub(super) mode: String,
    pub(super) started: String,
    pub(super) ending: Option<(Verdict, Place)>,
    /// What happened, in the words of the reports.
    pub(super) summary: Option<String>,
}

/// Whether the action may tell how the run ends.
pub(super) fn tells_ending(act: &Act) -> bool {
    serde_json::to_string(act).is_ok_and(|json| json.contains("{{"))
}

/// Whether the action tells what happened.
pub(super) fn tells_summary(act: &Act) -> bool {
    serde_json::to_string(act).is_ok_and(|json| json.contains("run.summary"))
}

/// The action with its late names filled, or `None` if it has none.
///
/// # Errors
/// Says why the filled action can't be read; a defect.
pub(super) fn fill(act: &Act, names: &Names) -> Result<Option<Act>, String> {
    let json = serde_json::to_string(act).map_err(|error| error.to_string())?;
    if !json.contains("{{") {
        return Ok(None);
    }
    let mut value: serde_json::Value = serde_json::from_str(&json).map_err(|error| error.to_string())?;
    let verdict = names.ending.map(|(verdict, _)| verdict.to_string());
    let world = names.ending.map(|(_, world)| world.to_string());
    let values = LateNames {
        id: &names.id,
        mode: &names.mode,
        started: &names.started,
        verdict: verdict.as_deref(),
        world: world.as_deref(),
        summary: names.summary.as_deref(),
    };
    fill_value(&mut value, &values);
    serde_json::from_value(value).map(Some).map_err(|error| error.to_string())
}

fn fill_value(value: &mut serde_json::Value, values: &LateNames<'_>) {
    match value {
        serde_json::Value::String(text) if text.contains("{{") => *text = late::fill(text, values),
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| fill_value(item, values)),
        serde_json::Value::Object(map) => map.values_mut().for_each(|item| fill_value(item, values)),
        _ => {}
    }
}
