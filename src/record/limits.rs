//! What a drill does not show, and what its reader must not miss.

use super::builder::Builder;
use super::{LEASE_ONLY, Limit, Record, Simulated, StepState};
use crate::catalogue::Mode;
use crate::model::{Leg, PhaseKind, UndoResult};
use crate::resource::AnsweredBy;
use crate::time::Span;

pub(super) fn limits(builder: &Builder, record: &Record) -> Vec<Limit> {
    let plan = builder.plan();
    let mut all = Vec::new();
    let mut say = |code: &str, text: String| all.push(Limit { code: code.to_owned(), text });
    match &record.header.simulated {
        Simulated::Wholly => {
            say("simulated", "Everything was simulated: this is no evidence of a real failover.".into());
        }
        Simulated::Partly(parts) => {
            say("partly_simulated", format!("{} simulated: this is no evidence of a real failover.", listed(parts)));
        }
        Simulated::No => {}
    }
    if plan.mode == Mode::Planned {
        let text = "The primary region was there to be fenced and drained: a sudden loss of it was not tried.";
        say("planned", text.into());
    }
    let detected = record.phases.iter().any(|phase| phase.kind == PhaseKind::Detect && phase.started.is_some());
    if !detected {
        let text = "The drill began when it was told to: how long people and alarms take to notice was not tried.";
        say("no_detection", text.into());
    }
    let mut gates = record.steps.iter().flat_map(|step| &step.gates);
    if gates.any(|gate| gate.answer.as_ref().is_some_and(|answer| answer.by == AnsweredBy::NobodyAsked)) {
        let text = "Gates were answered by --yes: nobody was asked, so how long people take to decide was not tried.";
        say("nobody_asked", text.into());
    }
    if !builder.lease_only.is_empty() {
        let each: Vec<String> = builder.lease_only.iter().map(|(id, why)| format!("{id} ({why})")).collect();
        let text = format!(
            "{} guarded by the lease only: a run with another store would not have been kept from changing it.",
            listed(&each)
        );
        say(LEASE_ONLY, text);
    }
    if plan.services.is_empty() {
        say("no_services", "No service is probed: nothing is known of what users saw.".into());
    } else {
        let vantage = &record.header.origin.vantage;
        let place = if vantage.is_empty() { "one place" } else { vantage };
        say("vantage", format!("Services were seen from {place} only: users elsewhere may have seen otherwise."));
    }
    if plan.canaries.is_empty() {
        say("no_canary", "The playbook has no canary: data loss was not measured.".into());
    }
    if plan.witness.is_none() && !plan.services.is_empty() {
        let text = "The playbook has no witness: a fault of Muster's own network would look like an outage.";
        say("no_witness", text.into());
    }
    match &record.proof {
        None => {
            let text = "No rehearsal has shown that the checks of this run can fail; `muster simulate PLAYBOOK --prove` would.";
            say("never_proven", text.into());
        }
        Some(proof) if !proof.not_seen_red.is_empty() => {
            let names: Vec<String> = proof.not_seen_red.iter().map(|check| check.name.clone()).collect();
            let text = format!("Never seen to fail, so that passing proves nothing: {}.", names.join("; "));
            say("partly_proven", text);
        }
        Some(_) => {}
    }
    if !record.legs.iter().any(|leg| leg.leg == Leg::Return) {
        say("no_return", "The way back is no part of this run.".into());
    }
    all
}

pub(super) fn warnings(builder: &Builder, record: &Record) -> Vec<String> {
    let mut all = Vec::new();
    for (resource, seen) in &builder.split_brains {
        all.push(format!("SPLIT BRAIN: {resource} took writes on two sides at once: {seen}"));
    }
    for step in &record.steps {
        match step.undo.as_ref().map(|undo| &undo.result) {
            Some(Some(UndoResult::Failed(why))) => {
                all.push(format!("{} ({}) could not be taken back: {why}", step.title, step.id));
            }
            Some(None) => all.push(format!("{} ({}): whether it was taken back is not known", step.title, step.id)),
            _ if step.state == StepState::InDoubt => {
                all.push(format!("{} ({}) is in doubt: whether it took effect is not known", step.title, step.id));
            }
            _ => {}
        }
    }
    if builder.finish.is_none() {
        all.push("The journal has no end: the run goes on, or was cut off. What follows is what it knows.".to_owned());
    }
    for gap in &builder.gaps {
        let estimated = if gap.estimated { " (by the wall clock: an estimate)" } else { "" };
        all.push(format!(
            "From {} to {} of the run{estimated} nobody watched, for Muster was dead: what users saw is unknown",
            Span(gap.from.0),
            Span(gap.to.0)
        ));
    }
    if let Some(witness) = record.witness.as_ref().filter(|witness| !witness.blind.is_empty()) {
        all.push(format!(
            "The witness failed too ({} of {} samples): failed samples meanwhile count as unknown",
            witness.failed, witness.samples
        ));
    }
    all.extend(record.steps.iter().flat_map(corrective_actions));
    for step in &record.steps {
        if let Some(warning) = &step.warning {
            all.push(format!("{} ({}): {warning}", step.title, step.id));
        }
    }
    for (resource, marker) in &builder.passed_over {
        all.push(format!("{resource} was taken over from another run, which was passed over: {marker}"));
    }
    for (resource, why) in &builder.unseen {
        all.push(format!("{resource} could not be seen before the run: {why}"));
    }
    all
}

fn listed(names: &[String]) -> String {
    match names {
        [one] => format!("{one} was"),
        _ => format!("{} were", names.join(", ")),
    }
}

/// What was kept because it existed nowhere else is lost to users until somebody reconciles it.
fn corrective_actions(step: &super::StepRecord) -> Vec<String> {
    if step.action != "data.preserve" || !step.state.is_good() {
        return Vec::new();
    }
    let only_there =
        step.evidence.iter().filter(|(name, count)| name.ends_with("that exist only there") && count.as_str() != "0");
    let tell = |(name, count): (&String, &String)| {
        format!("Corrective action: reconcile with what users have now: {name}: {count}, kept by step {}", step.id)
    };
    only_there.map(tell).collect()
}
