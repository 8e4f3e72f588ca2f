//! What an approver signs beside the steps, in words that text and Markdown share.

use crate::catalogue::Mode;
use crate::id::{RegionRole, StepId};
use crate::model::{Foreseen, Leg, MeasureOf, SilencedWarning, VariableSource};
use crate::plan::approval::{Approval, Relied, ServiceOutage};
use crate::plan::preview::{LegPreview, Preview};

/// What stands over warnings that are silenced.
pub(super) const SILENCED: &str = "Warnings that are silenced";

/// Each of them with its reason.
pub(super) fn silenced(preview: &Preview) -> Vec<String> {
    preview.silenced.iter().map(SilencedWarning::told).collect()
}

/// The heads of the table of outages.
pub(super) const OUTAGE_HEAD: [&str; 6] = ["leg", "who is out", "from", "expected", "on its twin", "allowed"];

/// A row for each service and leg.
pub(super) fn outages(approval: &Approval) -> Vec<[String; 6]> {
    approval.outages.iter().map(|it| row(it, &approval.foreseen)).collect()
}

fn row(it: &ServiceOutage, foreseen: &Foreseen) -> [String; 6] {
    let allowed = match it.objective {
        Some(objective) if it.expected > objective => format!("{objective}: MISSED"),
        Some(objective) => objective.to_string(),
        None => "not stated".to_owned(),
    };
    [
        it.leg.to_string(),
        it.title.clone(),
        format!(
            "{}, until {} ({} to {})",
            super::offset(it.from),
            super::offset(it.from + it.expected),
            it.since,
            it.until
        ),
        it.expected.to_string(),
        on_the_twin(foreseen, &MeasureOf::Service(it.service.clone()), it.leg),
        allowed,
    ]
}

fn on_the_twin(foreseen: &Foreseen, of: &MeasureOf, leg: Leg) -> String {
    let Foreseen::Made(made) = foreseen else { return "not played".to_owned() };
    let Some(found) = made.measures.iter().find(|it| it.of == *of && it.leg == leg) else {
        return "no outage".to_owned();
    };
    let shown = |p: f64| found.spread.quantile(p).map_or_else(|| "not over".to_owned(), |span| span.to_string());
    let (half, longest) = (shown(0.5), shown(1.0));
    if half == longest { half } else { format!("{half} in half, {longest} at worst") }
}

/// How the column of the twin came about.
pub(super) fn twin(approval: &Approval) -> String {
    match &approval.foreseen {
        Foreseen::Made(made) => format!(
            "Expected: by the critical path, with a full TTL in every cache. On its twin: {} simulated drills of this plan, \
             {} of which passed.",
            made.runs, made.passed
        ),
        Foreseen::NotMade { because } => {
            format!(
                "Expected: by the critical path, with a full TTL in every cache. No drill was played on its twin: {because}."
            )
        }
    }
}

/// Nobody is out, if that is so.
pub(super) fn nobody_is_out(preview: &Preview, approval: &Approval) -> Option<String> {
    let none = approval.outages.is_empty() && preview.legs.is_empty();
    none.then(|| "Nothing in this plan takes anything away from users.".to_owned())
}

/// What a leg means to all users together.
pub(super) fn leg(leg: &LegPreview) -> String {
    let verdict = match (leg.met(), leg.objective) {
        (Some(true), Some(objective)) => format!(", within the objective of {objective}"),
        (Some(false), Some(objective)) => format!(", MISSES the objective of {objective}"),
        _ => ", no objective stated".to_owned(),
    };
    format!("{}: users expected to be out for {}{verdict}", leg.leg, leg.expected)
}

/// What Muster relies on: those that go down with the disaster first.
pub(super) fn relied(preview: &Preview, approval: &Approval) -> Vec<String> {
    let mut all: Vec<&Relied> = approval.relies.iter().collect();
    all.sort_by_key(|it| it.in_lost_region.map_or(1, |lost| if lost { 0 } else { 2 }));
    all.into_iter().map(|it| one(preview.mode, it)).collect()
}

fn one(mode: Mode, it: &Relied) -> String {
    let place = match (it.reliance.region, it.in_lost_region) {
        (Some(role), Some(true)) if mode == Mode::Planned => format!("in {role}, the region that is left"),
        (Some(role), Some(true)) => format!("IN {}, THE REGION THAT IS LOST", upper(role)),
        (Some(role), _) => format!("in {role}"),
        (None, _) if it.reliance.host().is_some() => "where it is, nothing here says".to_owned(),
        (None, _) => String::new(),
    };
    let place = if place.is_empty() { place } else { format!(" ({place})") };
    format!("{}{place}: {}", it.reliance.what, it.reliance.purpose)
}

fn upper(role: RegionRole) -> String {
    role.as_str().to_uppercase()
}

/// What must be known of all that can't be placed.
pub(super) fn placing(preview: &Preview) -> &'static str {
    match preview.mode {
        Mode::Planned => "Should the primary region be lost in earnest, what is in it is lost with it.",
        Mode::Unplanned | Mode::Emergency => {
            "See that none of what can't be placed here, and not this machine, is in the primary region."
        }
    }
}

/// The variables that have another value than the playbook's default.
pub(super) fn overridden(approval: &Approval) -> Vec<String> {
    let from = |source: VariableSource| match source {
        VariableSource::Playbook => "by the playbook",
        VariableSource::Infrastructure => "by the infrastructure file",
        VariableSource::CommandLine => "by --var",
    };
    approval.overridden.iter().map(|it| format!("{} = {}, {}", it.name, it.value, from(it.source))).collect()
}

/// Whether the prechecks hold, and what would fail.
pub(super) fn verdicts(preview: &Preview) -> Vec<String> {
    let verdict = match (preview.prechecks_hold, preview.not_judged.is_empty()) {
        (false, _) => "do not hold: the drill would be refused",
        (true, true) => "hold",
        (true, false) => "that were judged hold",
    };
    let mut all = vec![format!("prechecks {verdict}")];
    if !preview.not_judged.is_empty() {
        all.push(format!("prechecks that were not judged: {}", listed(&preview.not_judged)));
    }
    if !preview.would_fail.is_empty() {
        all.push(format!("steps that WOULD FAIL as things are: {}", listed(&preview.would_fail)));
    }
    if !preview.left_out.is_empty() {
        all.push(format!("left out in {} mode: {}", preview.mode, preview.left_out.join(", ")));
    }
    all.push(format!("expected to take {} in all", preview.total));
    all
}

fn listed(ids: &[StepId]) -> String {
    ids.iter().map(StepId::as_str).collect::<Vec<_>>().join(", ")
}

/// The command in lines that fit, each but the last with what makes a shell go on reading.
pub(super) fn command(line: &str, width: usize) -> String {
    let mut out = String::new();
    let mut used = 0;
    // An option stays with its value; a word in quotes may hold spaces and stays whole.
    for part in parts(line) {
        let long = part.chars().count();
        if used > 0 && used + 1 + long > width.saturating_sub(2) {
            out.push_str(" \\\n    ");
            used = 4;
        } else if used > 0 {
            out.push(' ');
            used += 1;
        }
        out.push_str(&part);
        used += long;
    }
    out
}

fn parts(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let (mut word, mut quoted) = (String::new(), false);
    for c in line.chars() {
        if c == '\'' {
            quoted = !quoted;
        }
        if c == ' ' && !quoted {
            words.push(std::mem::take(&mut word));
        } else {
            word.push(c);
        }
    }
    words.push(word);
    let mut parts: Vec<String> = Vec::new();
    for word in words {
        match parts.last_mut() {
            Some(last) if last.starts_with("--") && !last.contains(' ') && !word.starts_with("--") => {
                last.push(' ');
                last.push_str(&word);
            }
            _ => parts.push(word),
        }
    }
    parts
}
