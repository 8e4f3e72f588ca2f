//! The time line as a Mermaid diagram, which wikis and pull requests draw.
//!
//! Names in it are ids, which have no characters that mean something there.

use std::fmt::Write as _;

use super::timeline::chosen;
use super::view::step_mark;
use crate::record::{Record, StepRecord, critical};
use crate::time::Moment;

/// At most so many steps: a diagram of more can't be read.
const STEPS_MAX: usize = 80;
/// At most so many outages of a service.
const OUTAGES_MAX: usize = 20;

/// A Gantt chart; nothing if nothing began.
pub(super) fn gantt(record: &Record) -> String {
    if record.header.until == Moment::ZERO {
        return String::new();
    }
    let start = record.header.started_at.as_millisecond();
    let wall = |at: Moment| start.saturating_add(i64::try_from(at.0 / 1_000_000).unwrap_or(i64::MAX));
    // One millisecond at least: what has no length is not drawn at all.
    let between = |from: Moment, to: Moment| format!("{}, {}", wall(from), wall(to).max(wall(from).saturating_add(1)));
    let until = record.header.until;
    let mut out = String::from("gantt\n  dateFormat x\n  axisFormat %H:%M:%S\n");
    let critical = critical(record);
    let steps: Vec<(usize, &StepRecord)> = chosen(record).into_iter().take(STEPS_MAX).collect();
    for (n, phase) in record.phases.iter().enumerate().filter(|(_, phase)| phase.started.is_some()) {
        let mine: Vec<_> = steps.iter().filter(|(_, step)| step.phase == n).collect();
        if mine.is_empty() {
            continue;
        }
        let _ = writeln!(out, "  section {}", phase.id);
        for (place, step) in mine {
            let tag = match step.state {
                state if state.is_bad() => "crit, ",
                _ if !step.gates.is_empty() => "active, ",
                _ => "done, ",
            };
            let path = if critical.get(*place).copied().unwrap_or_default() { " (critical path)" } else { "" };
            let how = if step.state.is_bad() { format!(" {}", step_mark(step.state).word) } else { String::new() };
            let from = step.started.unwrap_or(until);
            let _ = writeln!(out, "  {}{how}{path} :{tag}{}", step.id, between(from, step.ended.unwrap_or(until)));
            if let Some(undo) = &step.undo {
                let taken = between(undo.started, undo.ended.unwrap_or(until));
                let _ = writeln!(out, "  {} taken back :active, {taken}", step.id);
            }
        }
    }
    let out_at_all = record.services.iter().filter(|service| !service.outages.is_empty());
    for service in out_at_all {
        let _ = writeln!(out, "  section {} down", service.id);
        for one in service.outages.iter().take(OUTAGES_MAX) {
            let (from, to) = (one.outage.start(), one.outage.end().unwrap_or(until));
            let _ = writeln!(out, "  down {} :crit, {}", to.since(from), between(from, to));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn steps_and_outages_are_bars() {
        let drawn = gantt(&samples::failed());
        for line in [
            "  section failover",
            "  promote :done, 1795336296000, 1795336331000",
            "  go (critical path) :active, ",
            "  fence taken back :active, ",
            "  dns in doubt (critical path) :crit, ",
            "  section web down",
        ] {
            let line = line.replace("1795336296000, 1795336331000", "");
            assert!(drawn.contains(&line), "`{line}` is missing in\n{drawn}");
        }
        assert!(!drawn.contains("isolate"), "what never began has no bar");
    }

    #[test]
    fn no_text_from_elsewhere_is_in_it() {
        let drawn = gantt(&samples::hostile());
        assert!(!drawn.contains("script") && !drawn.contains("click"), "{drawn}");
        assert!(drawn.lines().all(|line| line.matches(':').count() <= 3), "{drawn}");
    }

    #[test]
    fn of_very_many_steps_few_are_drawn() {
        assert!(gantt(&samples::large(2_000)).lines().count() < 100);
    }
}
