//! The preview as tables for a terminal.

use std::fmt::Write as _;

use comfy_table::{ContentArrangement, Table, presets};

use super::{offset, plain};
use crate::catalogue::Undo;
use crate::id::StepId;
use crate::plan::preview::{Judgement, LegPreview, Preview, StepPreview};

/// Tables of all phases, `width` columns wide at most, and what users would notice.
#[must_use]
pub fn table(preview: &Preview, width: u16) -> String {
    let mut out = String::new();
    let simulated = if preview.simulated { ", everything simulated" } else { "" };
    let _ = writeln!(out, "{}", plain(&preview.title));
    let _ = writeln!(out, "{} mode, environment {}{simulated}", preview.mode, preview.environment);
    let _ = writeln!(out, "plan {}", preview.digest);
    if let Some(calibration) = &preview.calibration {
        let _ = writeln!(out, "expected times set by {}", plain(&calibration.told()));
        for unused in &calibration.unused {
            let _ = writeln!(out, "  not used: {}", plain(unused));
        }
    }
    for phase in &preview.phases {
        let _ =
            writeln!(out, "\n{} ({}), {} to {}", phase.id, plain(&phase.title), offset(phase.start), offset(phase.end));
        let mut table = Table::new();
        table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(width).set_header(["", "step", "starts", "takes", "what it does", "taken back"]);
        for step in &phase.steps {
            let takes = (step.end - step.start).to_string();
            table.add_row([mark(step), step.id.as_str(), &offset(step.start), &takes, &does(step), &undo(&step.undo)]);
        }
        for line in table.to_string().lines() {
            let _ = writeln!(out, "{}", line.trim_end());
        }
    }
    let _ = writeln!(out, "\n* on the critical path of its phase");
    for leg in &preview.legs {
        let _ = writeln!(out, "{}", outage(leg));
    }
    let verdict = match (preview.prechecks_hold, preview.not_judged.is_empty()) {
        (false, _) => "do not hold: the drill would be refused",
        (true, true) => "hold",
        (true, false) => "that were judged hold",
    };
    let _ = writeln!(out, "prechecks {verdict}");
    if !preview.not_judged.is_empty() {
        let _ = writeln!(out, "prechecks that were not judged: {}", listed(&preview.not_judged));
    }
    if !preview.would_fail.is_empty() {
        let _ = writeln!(out, "steps that WOULD FAIL as things are: {}", listed(&preview.would_fail));
    }
    if !preview.left_out.is_empty() {
        let _ = writeln!(out, "left out in {} mode: {}", preview.mode, preview.left_out.join(", "));
    }
    let _ = writeln!(out, "expected to take {} in all", preview.total);
    out
}

fn listed(ids: &[StepId]) -> String {
    ids.iter().map(StepId::as_str).collect::<Vec<_>>().join(", ")
}

fn mark(step: &StepPreview) -> &'static str {
    if step.critical { "*" } else { "" }
}

/// What a step does, what it changes, and what must be known of it.
fn does(step: &StepPreview) -> String {
    let mut text = plain(&step.summary);
    for change in &step.changes {
        let _ = write!(text, "\n{}: {} -> {}", change.resource, plain(&change.now), plain(&change.then));
    }
    match &step.judgement {
        Some(Judgement::Holds) => text.push_str("\nholds now"),
        Some(Judgement::Fails(why)) => {
            let _ = write!(text, "\nDOES NOT HOLD: {}", plain(why));
        }
        Some(Judgement::Unknown(why)) => {
            let _ = write!(text, "\ncan't be judged: {}", plain(why));
        }
        Some(Judgement::NotJudged(why)) => {
            let _ = write!(text, "\nnot judged: {}", plain(why));
        }
        None => {}
    }
    if let Some(why) = &step.problem {
        let _ = write!(text, "\nWOULD FAIL: {}", plain(why));
    }
    if step.point_of_no_return {
        text.push_str("\nPOINT OF NO RETURN: after this nothing of this leg is reversed");
    }
    text
}

fn undo(undo: &Undo) -> String {
    match undo {
        Undo::Restores => "restored".to_owned(),
        Undo::Compensates(what) => plain(what),
        Undo::Irreversible(_) => "irreversible".to_owned(),
        Undo::Nothing => String::new(),
    }
}

fn outage(leg: &LegPreview) -> String {
    let verdict = match (leg.met(), leg.objective) {
        (Some(true), Some(objective)) => format!(", within the objective of {objective}"),
        (Some(false), Some(objective)) => format!(", MISSES the objective of {objective}"),
        _ => ", no objective stated".to_owned(),
    };
    format!("{}: users expected to be out for {}{verdict}", leg.leg, leg.expected)
}
