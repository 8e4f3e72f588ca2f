//! Holds reports that another version of Muster drew against a record: not by their bytes, which may differ, but by every
//! figure that they stand for.

use serde_json::Value;

use crate::record::Record;

/// Members of a record that are figures, or pins: whatever version draws them, they are the same.
const FIGURES: [&str; 19] = [
    "/header/run",
    "/header/format",
    "/header/playbook",
    "/header/mode",
    "/header/environment",
    "/header/simulated",
    "/header/digest",
    "/header/objectives",
    "/header/variables",
    "/header/started_at",
    "/header/finished_at",
    "/header/took",
    "/header/events",
    "/header/heads",
    "/ended/verdict",
    "/ended/world",
    "/ended/exit",
    "/left",
    "/changes",
];

/// Members of each item of a list that are figures.
const LISTS: [(&str, &[&str]); 6] = [
    (
        "/legs",
        &[
            "/leg",
            "/verdict",
            "/rta",
            "/rto",
            "/rto_judgement",
            "/rpa",
            "/rpo",
            "/rpo_judgement",
            "/lost_at",
            "/recovered_at",
        ],
    ),
    ("/phases", &["/id", "/state", "/started", "/ended", "/took"]),
    ("/steps", &["/id", "/action", "/state", "/started", "/ended", "/took"]),
    ("/services", &["/id", "/samples", "/failed", "/unknown", "/missing", "/downtime", "/legs", "/outages"]),
    ("/canaries", &["/id", "/acknowledged", "/failed", "/legs"]),
    ("/guardrails", &["/name", "/broken"]),
];

/// Compares a record that another version wrote with the record that the journal gives.
///
/// # Errors
/// Says which figure differs.
pub(super) fn compare(told: &Value, record: &Value) -> Result<(), String> {
    for figure in FIGURES {
        same(figure, told.pointer(figure), record.pointer(figure))?;
    }
    for (list, members) in LISTS {
        let items = |value: &Value| value.pointer(list).and_then(Value::as_array).cloned().unwrap_or_default();
        let (told, own) = (items(told), items(record));
        if told.len() != own.len() {
            return Err(format!("{list} has {} items, by the journal {}", told.len(), own.len()));
        }
        for (n, (told, own)) in told.iter().zip(&own).enumerate() {
            for member in members {
                same(&format!("{list}/{n}{member}"), told.pointer(member), own.pointer(member))?;
            }
        }
    }
    Ok(())
}

fn same(name: &str, told: Option<&Value>, own: Option<&Value>) -> Result<(), String> {
    if told == own {
        return Ok(());
    }
    let shown = |value: Option<&Value>| value.map_or_else(|| "nothing".to_owned(), ToString::to_string);
    let cut = |text: String| text.chars().take(120).collect::<String>();
    Err(format!("{name} is {}, by the journal {}", cut(shown(told)), cut(shown(own))))
}

/// What every report for people names, however it is worded: the run, and the hashes that pin it.
pub(super) fn pins(record: &Record) -> Vec<String> {
    let header = &record.header;
    let mut pins = vec![header.run.to_string(), header.digest.clone(), record.ended.verdict.to_string()];
    pins.extend(header.heads.finished.clone());
    pins
}

/// Whether a report for people has them all.
///
/// # Errors
/// Says which it lacks.
pub(super) fn names(report: &str, pins: &[String]) -> Result<(), String> {
    match pins.iter().find(|pin| !report.contains(pin.as_str())) {
        None => Ok(()),
        Some(pin) => Err(format!("it does not say `{pin}`, which the journal gives")),
    }
}
