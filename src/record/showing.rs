//! What a run has shown, and what it has not: the facts that evidence for controls rests on.
//!
//! Drawn from the record alone. Where the record does not say for certain, nothing is shown.

use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

use super::{HappeningKind, LegRecord, LegVerdict, PhaseState, Record, StepRecord, StepState};
use crate::measure::{Judgement, Measure};
use crate::model::{Control, Leg, PhaseKind, Place, Showing, Verdict};
use crate::resource::{AnsweredBy, Decision};
use crate::time::Span;

/// Whether something was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holds {
    /// It was.
    Shown,
    /// It was not: nothing of it was tried, or nothing is known.
    NotShown,
    /// It was tried, and the opposite was seen.
    Contrary,
}

/// One fact with what it rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// Which.
    pub showing: Showing,
    /// Whether.
    pub holds: Holds,
    /// What was seen, or why nothing was: one sentence for people.
    pub text: String,
}

/// How far a run is evidence for a control.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Support {
    /// All that the control rests on was shown.
    Evidence,
    /// Some of it was.
    InPart,
    /// None of it was, or the opposite of some was.
    Nothing,
    /// All or part was simulated: whatever was shown, was shown of a simulation.
    Simulated,
}

/// A control held against a run.
#[derive(Clone, Debug, PartialEq)]
pub struct ControlFinding<'a> {
    /// The control.
    pub control: &'a Control,
    /// How far the run is evidence for it.
    pub support: Support,
    /// What was shown, of all that bears on it.
    pub shown: Vec<Shown>,
    /// What was not, and what the opposite was seen of.
    pub not_shown: Vec<Shown>,
}

/// Every control that the playbook names, held against the run.
#[must_use]
pub fn controls(record: &Record) -> Vec<ControlFinding<'_>> {
    let facts = facts(record);
    record.header.control_texts.iter().map(|control| finding(control, &facts, record)).collect()
}

/// One control, held against the run.
#[must_use]
pub fn finding<'a>(control: &'a Control, facts: &[Shown], record: &Record) -> ControlFinding<'a> {
    let of = |wanted: &[Showing]| -> Vec<&Shown> { facts.iter().filter(|it| wanted.contains(&it.showing)).collect() };
    let base = of(&control.rests_on);
    let held = base.iter().filter(|it| it.holds == Holds::Shown).count();
    // That a plan was carried out and recorded is part of every drill, and by itself no part of what a control asks for.
    let weighty = |it: &&&Shown| !matches!(it.showing, Showing::Exercised | Showing::Automated | Showing::Recorded);
    let part = base.iter().filter(weighty).any(|it| it.holds == Holds::Shown);
    let against = base.iter().any(|it| it.holds == Holds::Contrary);
    let support = match held {
        _ if record.header.simulated.is_stamped() => Support::Simulated,
        _ if against => Support::Nothing,
        all if all == base.len() => Support::Evidence,
        _ if part => Support::InPart,
        _ => Support::Nothing,
    };
    let (shown, not_shown) =
        base.into_iter().chain(of(&control.adds)).cloned().partition(|it| it.holds == Holds::Shown);
    ControlFinding { control, support, shown, not_shown }
}

/// All facts, in the order of [`Showing::ALL`].
#[must_use]
pub fn facts(record: &Record) -> Vec<Shown> {
    Showing::ALL.into_iter().map(|showing| fact(record, showing)).collect()
}

/// One fact.
#[must_use]
pub fn fact(record: &Record, showing: Showing) -> Shown {
    let (holds, text) = match showing {
        Showing::Exercised => exercised(record),
        Showing::Automated => automated(record),
        Showing::SuddenLoss => {
            in_a_phase(record, showing, PhaseKind::Disaster, "the primary region was lost to plan by")
        }
        Showing::Detected => in_a_phase(record, showing, PhaseKind::Detect, "the loss was seen by"),
        Showing::PeopleDecided => people_decided(record),
        Showing::SwitchedOver => leg(record, Leg::Failover, showing),
        Showing::Returned => returned(record),
        Showing::ServedElsewhere => served_elsewhere(record),
        Showing::StayedElsewhere => stayed(record),
        Showing::RecoveryTime => recovery_time(record),
        Showing::DataLoss => data_loss(record),
        Showing::OneWriter => one_writer(record),
        Showing::PeopleTold
        | Showing::CapacityElsewhere
        | Showing::CopiesCompared
        | Showing::BackupsLooked
        | Showing::BackupRestored => by_steps(record, showing),
        Showing::ChecksProven => checks_proven(record),
        Showing::Recorded => recorded(record),
        Showing::Reviewed => reviewed(record),
        Showing::ActionsOwned => actions_owned(record),
    };
    Shown { showing, holds, text }
}

type Fact = (Holds, String);

/// The steps that bear on something, of those that are part of this run.
fn bearing(record: &Record, showing: Showing) -> impl Iterator<Item = &StepRecord> {
    let bears = move |step: &&StepRecord| step.bears_on.contains(&showing) && step.state != StepState::NotInThisMode;
    record.steps.iter().filter(bears)
}

/// At most five names, and how many more there are.
fn names<'a>(steps: impl IntoIterator<Item = &'a StepRecord>) -> String {
    let steps: Vec<&StepRecord> = steps.into_iter().collect();
    let mut text = steps.iter().take(5).map(|step| step.id.as_str()).collect::<Vec<_>>().join(", ");
    if steps.len() > 5 {
        let _ = write!(text, " and {} more", steps.len() - 5);
    }
    text
}

/// Shown by steps that passed, if none of those that bear on it failed.
fn by_steps(record: &Record, showing: Showing) -> Fact {
    let (good, rest): (Vec<_>, Vec<_>) = bearing(record, showing).partition(|step| step.state.is_good());
    let bad: Vec<_> = rest.iter().copied().filter(|step| step.state.is_bad() && !step.state.was_cancelled()).collect();
    if !bad.is_empty() {
        return (Holds::Contrary, format!("not so: failed at {}", names(bad)));
    }
    match (good.is_empty(), rest.is_empty()) {
        (false, _) => (Holds::Shown, format!("{showing}, by {}", names(good))),
        (true, true) => (Holds::NotShown, format!("no step of this run bears on whether {showing}")),
        (true, false) => (Holds::NotShown, format!("the run did not come to {}", names(rest))),
    }
}

fn exercised(record: &Record) -> Fact {
    if !matches!(record.ended.verdict, Verdict::Passed | Verdict::Failed) {
        return (Holds::NotShown, format!("the run did not come to an end of its own: {}", record.ended.verdict));
    }
    let done = bearing(record, Showing::Exercised).filter(|step| step.state.is_good()).count();
    if done == 0 {
        return (Holds::NotShown, "no step that changes anything was carried out".to_owned());
    }
    let planned = bearing(record, Showing::Exercised).count();
    let text = format!("the plan was carried out: {done} of {planned} steps that act did, in {}", record.header.took);
    (Holds::Shown, text)
}

fn automated(record: &Record) -> Fact {
    let done = bearing(record, Showing::Automated).filter(|step| step.state.is_good()).count();
    let by_hand = record.steps.iter().filter(|step| step.state == StepState::ByHand || step.action == "manual");
    let by_hand = by_hand.filter(|step| step.started.is_some() || step.state == StepState::ByHand).count();
    if done == 0 {
        return (Holds::NotShown, "software carried no step out".to_owned());
    }
    (Holds::Shown, format!("software carried {done} steps out, people {by_hand}"))
}

/// A phase of a kind that passed, with a step that bears on it.
fn in_a_phase(record: &Record, showing: Showing, kind: PhaseKind, what: &str) -> Fact {
    let mut phases = record.phases.iter().filter(|phase| phase.kind == kind);
    if !phases.any(|phase| phase.state == PhaseState::Passed) {
        let text = format!("no phase of this run by which {showing} was carried out to its end");
        return (Holds::NotShown, text);
    }
    let good: Vec<_> = bearing(record, showing).filter(|step| step.state.is_good()).collect();
    if good.is_empty() {
        return (Holds::NotShown, format!("no step of this run shows that {showing}"));
    }
    (Holds::Shown, format!("{what} {}", names(good)))
}

fn people_decided(record: &Record) -> Fact {
    let answers: Vec<_> =
        record.steps.iter().flat_map(|step| &step.gates).filter_map(|gate| gate.answer.as_ref()).collect();
    let person = |by| matches!(by, AnsweredBy::Terminal | AnsweredBy::Command);
    let decided: Vec<_> =
        answers.iter().filter(|answer| person(answer.by) && answer.decision == Decision::Approved).collect();
    if decided.is_empty() {
        return (
            Holds::NotShown,
            match answers.first().map(|answer| answer.by) {
                None => "nobody was asked to decide".to_owned(),
                Some(AnsweredBy::Simulation) => "decisions were simulated".to_owned(),
                Some(AnsweredBy::NobodyAsked) => "gates were answered by --yes: nobody was asked".to_owned(),
                Some(_) => "those who were asked did not approve".to_owned(),
            },
        );
    }
    let mut who: Vec<&str> = decided.iter().flat_map(|answer| &answer.names).map(String::as_str).collect();
    who.sort_unstable();
    who.dedup();
    let (gates, who) = (decided.len(), who.iter().take(10).copied().collect::<Vec<_>>().join(", "));
    (Holds::Shown, format!("people decided at {gates} gates, as stated: {who}"))
}

fn the_leg(record: &Record, leg: Leg) -> Option<&LegRecord> {
    record.legs.iter().find(|it| it.leg == leg)
}

fn leg(record: &Record, which: Leg, showing: Showing) -> Fact {
    let Some(leg) = the_leg(record, which) else {
        return (Holds::NotShown, format!("the {which} is no part of this run"));
    };
    // What was there already moved nobody.
    let moved = bearing(record, showing).filter(|step| step.state.is_good() && step.state != StepState::AlreadyDone);
    let moved: Vec<_> = moved.collect();
    match leg.verdict {
        LegVerdict::Passed if moved.is_empty() => {
            (Holds::NotShown, format!("the {which} passed, but no step of it promoted a side or moved users"))
        }
        LegVerdict::Passed => {
            (Holds::Shown, format!("the {which} passed; sides and users were moved by {}", names(moved)))
        }
        LegVerdict::Failed => (Holds::Contrary, format!("the {which} failed")),
        LegVerdict::Incomplete | LegVerdict::NotReached => {
            (Holds::NotShown, format!("the {which} was {}", leg.verdict))
        }
    }
}

fn returned(record: &Record) -> Fact {
    let (holds, text) = leg(record, Leg::Return, Showing::Returned);
    if holds != Holds::Shown {
        return (holds, text);
    }
    if record.ended.world != Place::Home {
        return (Holds::Contrary, format!("{text}, but things were left {}", record.ended.world));
    }
    if !record.left.is_empty() {
        return (Holds::Contrary, format!("{text}, but {} things are left otherwise", record.left.len()));
    }
    (Holds::Shown, format!("{text}; everything is home"))
}

/// For how long users were sent to the secondary region, as far as the switches of names tell; else from the end of the
/// failover to the beginning of the return.
#[must_use]
pub fn time_elsewhere(record: &Record) -> Option<Span> {
    let there = the_leg(record, Leg::Failover).and_then(|leg| leg.recovered_at.or(leg.ended))?;
    let back = the_leg(record, Leg::Return).and_then(|leg| leg.lost_at.or(leg.started)).unwrap_or(record.header.until);
    (back >= there).then(|| back.since(there))
}

fn served_elsewhere(record: &Record) -> Fact {
    let (holds, text) = by_steps(record, Showing::ServedElsewhere);
    if holds != Holds::Shown {
        return (holds, text);
    }
    let long = time_elsewhere(record).map_or_else(String::new, |long| format!(", and users were there for {long}"));
    (Holds::Shown, format!("{text}{long}"))
}

fn stayed(record: &Record) -> Fact {
    let (holds, text) = by_steps(record, Showing::StayedElsewhere);
    let took =
        bearing(record, Showing::StayedElsewhere).filter(|step| step.state.is_good()).filter_map(|step| step.took);
    match took.max() {
        Some(longest) if holds == Holds::Shown => (holds, format!("{text}, for {longest}")),
        _ => (holds, text),
    }
}

/// What judgements add up to: contrary if one was missed, shown if at least the first was met and none is open.
fn judged(judgements: &[Judgement]) -> Holds {
    if judgements.contains(&Judgement::Missed) {
        return Holds::Contrary;
    }
    let open = judgements.iter().any(|it| matches!(it, Judgement::Undecided | Judgement::NotMeasured));
    match judgements.first() {
        Some(Judgement::Met) if !open => Holds::Shown,
        _ => Holds::NotShown,
    }
}

fn reached(record: &Record) -> Vec<&LegRecord> {
    record.legs.iter().filter(|leg| leg.verdict != LegVerdict::NotReached).collect()
}

fn recovery_time(record: &Record) -> Fact {
    let legs = reached(record);
    let Some(first) = legs.first() else { return (Holds::NotShown, "the run came to no failover".to_owned()) };
    let mut judgements: Vec<Judgement> = legs.iter().map(|leg| leg.rto_judgement).collect();
    judgements.extend(
        record
            .services
            .iter()
            .flat_map(|service| &service.legs)
            .filter_map(|own| legs.iter().any(|leg| leg.leg == own.leg).then_some(own.judgement)),
    );
    if first.rto.is_none() {
        return (Holds::NotShown, "no objective of recovery time is stated".to_owned());
    }
    (judged(&judgements), measures(&legs, "recovery", |leg| (&leg.rta, leg.rto, leg.rto_judgement)))
}

fn data_loss(record: &Record) -> Fact {
    if record.ended.verdict == Verdict::Incomplete {
        return (Holds::NotShown, "the run has no end: what was lost after its last record is not known".to_owned());
    }
    let legs = reached(record);
    let Some(first) = legs.first() else { return (Holds::NotShown, "the run came to no failover".to_owned()) };
    if first.rpo.is_none() {
        return (Holds::NotShown, "no objective of data loss is stated".to_owned());
    }
    let judgements: Vec<Judgement> = legs.iter().map(|leg| leg.rpo_judgement).collect();
    (judged(&judgements), measures(&legs, "data loss", |leg| (&leg.rpa, leg.rpo, leg.rpo_judgement)))
}

fn measures<'a>(
    legs: &[&'a LegRecord],
    what: &str,
    of: impl Fn(&'a LegRecord) -> (&'a Measure, Option<Span>, Judgement),
) -> String {
    let one = |leg: &&'a LegRecord| {
        let (measure, objective, judgement) = of(leg);
        let allowed = objective.map_or_else(|| "no objective".to_owned(), |span| format!("{span} allowed"));
        format!("{what} in the {}: {measure}; {allowed}: {judgement}", leg.leg)
    };
    legs.iter().map(one).collect::<Vec<_>>().join(". ")
}

fn one_writer(record: &Record) -> Fact {
    if let Some(seen) = record.timeline.iter().find(|it| it.kind == HappeningKind::SplitBrain) {
        return (Holds::Contrary, format!("two sides took writes at once: {}", seen.text));
    }
    let (holds, text) = by_steps(record, Showing::OneWriter);
    // A fence that could not be set is no fence, though the drill may go on without it.
    let without: Vec<_> =
        bearing(record, Showing::OneWriter).filter(|step| step.state.is_good() && step.warning.is_some()).collect();
    if holds == Holds::Shown && !without.is_empty() {
        return (Holds::NotShown, format!("not every fence was proven: see the warnings of {}", names(without)));
    }
    (holds, text)
}

fn checks_proven(record: &Record) -> Fact {
    match &record.proof {
        None => (Holds::NotShown, "no rehearsal has shown that the checks can fail".to_owned()),
        Some(proof) if proof.not_seen_red.is_empty() => {
            let text = format!("all {} checks were seen to fail in rehearsal", proof.seen_red.len());
            (Holds::Shown, text)
        }
        Some(proof) => {
            let (red, not) = (proof.seen_red.len(), proof.not_seen_red.len());
            (Holds::NotShown, format!("{red} checks were seen to fail in rehearsal, {not} were not"))
        }
    }
}

fn recorded(record: &Record) -> Fact {
    match &record.header.heads.finished {
        Some(head) => (Holds::Shown, format!("{} events in a chain whose head is {head}", record.header.events)),
        None => (Holds::NotShown, "the journal has no end".to_owned()),
    }
}

fn reviewed(record: &Record) -> Fact {
    let review = &record.review;
    let notes = review.lessons.len() + review.plan_changes.len();
    match (review.signed_off(), notes) {
        (None, _) => (Holds::NotShown, "nobody has signed it off, or something was added since".to_owned()),
        (Some(_), 0) => (Holds::NotShown, "it was signed off, but no lesson was written down".to_owned()),
        (Some(sign), notes) => {
            (Holds::Shown, format!("{notes} lessons and plan changes were written down; {} signed it off", sign.by))
        }
    }
}

fn actions_owned(record: &Record) -> Fact {
    let review = &record.review;
    let own = review.actions.iter().map(|it| it.owner.is_some() && it.due.is_some() || it.closed.is_some());
    let carried = record.open_actions.iter().map(|it| it.owner.is_some() && it.due.is_some());
    let all: Vec<bool> = own.chain(carried).collect();
    let loose = all.iter().filter(|is| !**is).count();
    if loose > 0 {
        return (Holds::NotShown, format!("{loose} of {} corrective actions lack an owner or a due date", all.len()));
    }
    if !all.is_empty() {
        return (
            Holds::Shown,
            format!("all {} corrective actions have an owner and a due date, or are closed", all.len()),
        );
    }
    if record.ended.reasons.is_empty() && review.signed_off().is_some() {
        return (Holds::Shown, "nothing went wrong, and the run was signed off without a corrective action".to_owned());
    }
    (Holds::NotShown, "no corrective action was written down".to_owned())
}
