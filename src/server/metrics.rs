//! What monitoring is shown: the exposition format of Prometheus, and health as JSON.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::Shown;
use crate::report::agenda::{AgendaRow, AgendaState};

/// A daemon whose last round is older is ill.
const STALE_SECS: i64 = 180;
/// Playbooks that have lines of their own, at most.
const PLAYBOOKS_MAX: usize = 10_000;

/// Deliveries that were given up and are named, at most: the newest.
const UNDELIVERED_MAX: usize = 5;
/// So much is said of each, in characters.
const UNDELIVERED_LEN_MAX: usize = 300;

/// A metric's head.
fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn gauge(out: &mut String, name: &str, help: &str, value: impl std::fmt::Display) {
    head(out, name, "gauge", help);
    let _ = writeln!(out, "{name} {value}");
}

/// A line for each playbook that has such a value.
fn each<T: std::fmt::Display>(
    out: &mut String,
    name: &str,
    help: &str,
    shown: &Shown,
    value: impl Fn(&AgendaRow) -> Option<T>,
) {
    head(out, name, "gauge", help);
    for row in shown.rows.iter().take(PLAYBOOKS_MAX) {
        if let Some(value) = value(row) {
            // A playbook's name has no character that would have to be escaped.
            let _ = writeln!(out, "{name}{{playbook=\"{}\"}} {value}", row.playbook);
        }
    }
}

/// The metrics.
pub(super) fn metrics(shown: &Shown) -> String {
    let mut out = String::new();
    let count = |state: AgendaState| shown.rows.iter().filter(|row| row.state == state).count();
    head(&mut out, "muster_build_info", "gauge", "The version of Muster; always 1.");
    let _ = writeln!(out, "muster_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"));
    gauge(&mut out, "muster_playbooks", "Playbooks that are served.", shown.rows.len());
    gauge(&mut out, "muster_drills_overdue", "Playbooks whose drill is overdue.", count(AgendaState::Overdue));
    gauge(&mut out, "muster_drills_due", "Playbooks whose drill is due now.", count(AgendaState::Due));
    gauge(&mut out, "muster_runs_going", "Runs that go on.", shown.going);
    gauge(&mut out, "muster_runs_waiting", "Runs that wait for people: at a gate, or how to go on.", shown.waiting);
    gauge(
        &mut out,
        "muster_runs_left_behind",
        "Runs that were begun and that nobody carries out any more.",
        shown.left_behind,
    );
    gauge(&mut out, "muster_problems", "Playbooks and journals that can't be read.", shown.problems);
    let late = |row: &AgendaRow| row.schedule.as_ref().map(|_| u8::from(row.state == AgendaState::Overdue));
    each(&mut out, "muster_drill_overdue", "Whether the drill is overdue.", shown, late);
    let next = |row: &AgendaRow| row.due.as_ref().or(row.next.first()).map(|time| time.at.as_second());
    each(
        &mut out,
        "muster_drill_next_timestamp_seconds",
        "When the drill is due next, or since when it is due.",
        shown,
        next,
    );
    let last = |row: &AgendaRow| row.last.as_ref().map(|run| run.at.as_second());
    each(&mut out, "muster_drill_last_timestamp_seconds", "When the last run of the drill began.", shown, last);
    let passed = |row: &AgendaRow| {
        row.last.as_ref().and_then(|run| run.verdict.as_ref()).map(|verdict| u8::from(verdict == "passed"))
    };
    each(&mut out, "muster_drill_last_passed", "Whether the last run of the drill passed.", shown, passed);
    head(&mut out, "muster_notices", "gauge", "Things that somebody was to be told, by how that went.");
    for state in ["done", "waits", "failed"] {
        let _ =
            writeln!(out, "muster_notices{{state=\"{state}\"}} {}", shown.deliveries.get(state).copied().unwrap_or(0));
    }
    head(&mut out, "muster_rounds_total", "counter", "Rounds since the daemon began.");
    let _ = writeln!(out, "muster_rounds_total {}", shown.rounds);
    head(&mut out, "muster_round_failures_total", "counter", "Rounds that failed since the daemon began.");
    let _ = writeln!(out, "muster_round_failures_total {}", shown.failed_rounds);
    if let Some(at) = shown.at {
        gauge(&mut out, "muster_last_round_timestamp_seconds", "When the last round was.", at.as_second());
    }
    out
}

/// Whether the daemon is well, and a document that says why.
pub(super) fn health(shown: &Shown, now: Timestamp) -> (bool, String) {
    let stale = shown.at.is_none_or(|at| now.as_second() - at.as_second() > STALE_SECS);
    let well = !stale && shown.failure.is_none();
    let overdue = shown.rows.iter().filter(|row| row.state == AgendaState::Overdue).count();
    let named: Vec<String> = shown
        .undelivered
        .iter()
        .take(UNDELIVERED_MAX)
        .map(|it| it.chars().take(UNDELIVERED_LEN_MAX).collect())
        .collect();
    let document = serde_json::json!({
        "status": if well { "ok" } else { "failing" },
        "last_round": shown.at.map(|at| at.to_string()),
        "failure": shown.failure,
        "overdue": overdue,
        "waiting": shown.waiting,
        "left_behind": shown.left_behind,
        "undelivered": shown.deliveries.get("failed").copied().unwrap_or(0),
        "undelivered_newest": named,
    });
    (well, document.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_names_what_could_not_be_told_up_to_a_bound() {
        let shown = Shown {
            at: Some(Timestamp::UNIX_EPOCH),
            waiting: 2,
            deliveries: [("failed".to_owned(), 7)].into(),
            undelivered: (0..7).map(|n| format!("end/{n} to ops: {}", "x".repeat(1000))).collect(),
            ..Shown::default()
        };
        let (well, document) = health(&shown, Timestamp::UNIX_EPOCH);
        let document: serde_json::Value = serde_json::from_str(&document).unwrap();
        assert!(well);
        assert_eq!((document["undelivered"].as_u64(), document["waiting"].as_u64()), (Some(7), Some(2)));
        let named = document["undelivered_newest"].as_array().unwrap();
        assert_eq!(named.len(), UNDELIVERED_MAX);
        assert!(named[0].as_str().unwrap().starts_with("end/0 to ops: xxx"));
        assert!(named.iter().all(|it| it.as_str().unwrap().len() == UNDELIVERED_LEN_MAX));
        assert!(metrics(&shown).contains("\nmuster_runs_waiting 2\n"));
    }
}
