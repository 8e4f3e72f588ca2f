//! What a case ended in: exactly one end, and why.

use super::honesty::{changed, leg_to, untruths};
use super::{End, Truth};
use crate::catalogue::Mode;
use crate::measure::Judgement;
use crate::model::{ExitCode, Leg, Plan, Verdict};
use crate::record::{HappeningKind, Record};
use crate::resource::ResourceState;
use crate::time::Span;

/// Reasons that are told of one end.
const WHY_MAX: usize = 8;

/// Judges a run with `faults` faults by its record and by the truth. Of several bad ends it is the worst, and the reasons
/// tell the others.
#[must_use]
pub fn end(plan: &Plan, record: &Record, exit: ExitCode, truth: &Truth, faults: usize) -> (End, Vec<String>) {
    let mut found: Vec<(End, String)> = Vec::new();
    let defect = exit == ExitCode::Defect;
    found.extend(defect.then(|| (End::Defect, "it ended with exit 70".to_owned())));
    let twice = truth.two_writers.iter().map(|id| format!("two sides of {id} took users' writes at once"));
    found.extend(twice.map(|why| (End::TwoWriters, why)));
    found.extend(lost(plan, record, truth).into_iter().map(|why| (End::DataLostBeyondTheObjective, why)));
    found.extend(untruths(plan, record, exit, truth).into_iter().map(|why| (End::ReportNotTrue, why)));
    found.extend(out(truth).map(|why| (End::HeldWithUsersOut, why)));
    if let Some((end, _)) = found.first() {
        let end = *end;
        return (end, found.into_iter().map(|(_, why)| why).take(WHY_MAX).collect());
    }
    let reasons = || record.ended.reasons.iter().take(2).cloned().collect();
    if truth.met < faults {
        return (End::NotMet, Vec::new());
    }
    let verdict = record.ended.verdict;
    let promoted = record.timeline.iter().any(|happening| happening.kind == HappeningKind::Promotion);
    match (verdict, exit) {
        (Verdict::Passed, _) => (End::Passed, Vec::new()),
        (Verdict::Refused, _) => (End::Refused, reasons()),
        (_, ExitCode::NeedsPerson) => (End::HeldWithUsersServed, reasons()),
        _ if !promoted && changed(truth).is_empty() => (End::Undone, reasons()),
        _ => (End::Returned, reasons()),
    }
}

/// What was lost beyond what is accepted: in truth, and as the run measured it.
fn lost(plan: &Plan, record: &Record, truth: &Truth) -> Vec<String> {
    let mut all = Vec::new();
    for (resource, to, lost) in &truth.losses {
        let leg = leg_to(*to);
        if let Some(most) = most(plan, leg).filter(|most| *lost > *most) {
            all.push(format!("{lost} of {resource} were left behind in the {leg}; {most} is the most"));
        }
    }
    for leg in &record.legs {
        if leg.rpo_judgement == Judgement::Missed
            && let Some(objective) = leg.rpo
        {
            all.push(format!("RPO of the {} ({objective}) missed: {}", leg.leg, leg.rpa));
        }
    }
    all
}

/// The most that may be lost in a leg.
fn most(plan: &Plan, leg: Leg) -> Option<Span> {
    let accepted = plan.data_loss.as_ref().map(|loss| loss.accept_up_to);
    let accepted = accepted.filter(|_| leg == Leg::Failover && plan.mode != Mode::Planned);
    plan.objectives.rpo_of(leg).into_iter().chain(accepted).min()
}

/// Who was not served, and what is in their way.
fn out(truth: &Truth) -> Option<String> {
    if truth.users_out.is_empty() {
        return None;
    }
    let names: Vec<&str> = truth.users_out.iter().map(crate::id::ServiceId::as_str).collect();
    let mut ways: Vec<String> = Vec::new();
    let (mut leads, mut cut) = (Vec::new(), Vec::new());
    for (id, state) in &truth.after {
        match state {
            ResourceState::Dns(dns) => leads.extend(dns.serves.map(|role| format!("{id} leads to the {role} region"))),
            ResourceState::Region(region) if !region.is_reachable() => cut.push(format!("{id} is cut off")),
            ResourceState::Database(it) => {
                ways.push(writes(id.as_str(), it.writable().map(crate::id::RegionRole::as_str)));
            }
            ResourceState::Storage(it) => {
                ways.push(writes(id.as_str(), it.writable().map(crate::id::RegionRole::as_str)));
            }
            _ => {}
        }
    }
    let ways: Vec<String> = cut.into_iter().chain(leads).chain(ways).collect();
    Some(format!("users of {} are out: {}", names.join(", "), ways.join("; ")))
}

fn writes<'a>(id: &str, writable: impl Iterator<Item = &'a str>) -> String {
    let sides: Vec<&str> = writable.collect();
    if sides.is_empty() {
        format!("{id} takes writes nowhere")
    } else {
        format!("{id} takes writes in the {} region", sides.join(" and "))
    }
}
