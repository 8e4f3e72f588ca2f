//! Phases and steps.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Mark, Tone, clock, line, or_dash};
use crate::model::UndoResult;
use crate::record::{Change, GateRecord, PhaseRecord, PhaseState, Record, StepRecord, StepState, VoteRecord, critical};
use crate::report::clean;
use crate::resource::{Answer, AnsweredBy, Decision};

use super::ChangeView;

/// Above so many steps each gets less text, so that a report of very many stays small.
const MANY: usize = 500;

/// A phase with its steps.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct PhaseView {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) leg: Option<String>,
    pub(crate) result: Mark,
    pub(crate) started: String,
    pub(crate) took: String,
    pub(crate) steps: Vec<StepView>,
}

/// A step.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct StepView {
    pub(crate) id: String,
    /// Its title, unless that says no more than its id.
    pub(crate) title: Option<String>,
    pub(crate) action: String,
    pub(crate) summary: String,
    pub(crate) result: Mark,
    /// Whether the run waited for it.
    pub(crate) critical: bool,
    pub(crate) started: String,
    pub(crate) expected: String,
    pub(crate) took: String,
    pub(crate) attempts: usize,
    /// Its own objective with its judgement.
    pub(crate) within: Option<Mark>,
    /// What went wrong, in the last attempt and those before.
    pub(crate) failures: Vec<String>,
    pub(crate) warning: Option<String>,
    pub(crate) gates: Vec<String>,
    pub(crate) evidence: String,
    pub(crate) changes: Vec<String>,
    pub(crate) undo: Option<Mark>,
}

/// A step's state as a mark.
pub(crate) fn step_mark(state: StepState) -> Mark {
    let (tone, word) = match state {
        StepState::NotInThisMode => (Tone::Quiet, "not in this mode"),
        StepState::NotReached => (Tone::Quiet, "not reached"),
        StepState::Running => (Tone::Doubt, "not ended"),
        StepState::Passed => (Tone::Good, "passed"),
        StepState::AlreadyDone => (Tone::Good, "already there"),
        StepState::Failed => (Tone::Bad, "failed"),
        StepState::FailedButHappened => (Tone::Bad, "failed, but took effect"),
        StepState::Cancelled => (Tone::Quiet, "cancelled"),
        StepState::CancelledButHappened => (Tone::Doubt, "cancelled, but took effect"),
        StepState::InDoubt => (Tone::Doubt, "in doubt"),
        StepState::ByHand => (Tone::Doubt, "done by hand"),
    };
    Mark::new(tone, word)
}

/// How much text a step may have.
struct Room {
    text: usize,
    summary: usize,
    evidence: usize,
    lines: usize,
}

pub(super) fn phases(record: &Record) -> Vec<PhaseView> {
    let room = if record.steps.len() > MANY {
        Room { text: 160, summary: 80, evidence: 80, lines: 2 }
    } else {
        Room { text: 600, summary: 300, evidence: 600, lines: 12 }
    };
    let critical = critical(record);
    record.phases.iter().map(|phase| one_phase(record, phase, &critical, &room)).collect()
}

fn one_phase(record: &Record, phase: &PhaseRecord, critical: &[bool], room: &Room) -> PhaseView {
    let (tone, word) = match phase.state {
        PhaseState::NotInThisMode => (Tone::Quiet, "not in this mode"),
        PhaseState::NotReached => (Tone::Quiet, "not reached"),
        PhaseState::Running => (Tone::Doubt, "not ended"),
        PhaseState::Passed => (Tone::Good, "passed"),
        PhaseState::Failed => (Tone::Bad, "failed"),
    };
    let steps = record.steps.iter().zip(critical).skip(phase.first).take(phase.count);
    PhaseView {
        id: phase.id.to_string(),
        title: line(&phase.title),
        leg: phase.leg.map(|leg| leg.to_string()),
        result: Mark::new(tone, word),
        started: phase.started.map_or_else(|| "–".to_owned(), clock),
        took: or_dash(phase.took),
        steps: steps.map(|(step, critical)| one_step(step, *critical, room)).collect(),
    }
}

fn one_step(step: &StepRecord, critical: bool, room: &Room) -> StepView {
    let text = |text: &str| clean::line(text, room.text);
    let title =
        (step.title != step.id.as_str() && !step.title.is_empty()).then(|| clean::line(&step.title, room.summary));
    let tried = step.attempts.len();
    let failures = step
        .attempts
        .iter()
        .filter_map(|attempt| {
            let failure = text(attempt.failure.as_ref()?);
            Some(if tried > 1 { format!("attempt {}: {failure}", attempt.attempt) } else { failure })
        })
        .take(room.lines)
        .collect();
    let evidence: Vec<String> =
        step.evidence.iter().take(room.lines).map(|(name, value)| format!("{name}: {value}")).collect();
    StepView {
        id: step.id.to_string(),
        title,
        action: line(&step.action),
        summary: clean::line(&step.summary, room.summary),
        result: step_mark(step.state),
        critical,
        started: step.started.map_or_else(|| "–".to_owned(), clock),
        expected: step.expected.to_string(),
        took: or_dash(step.took),
        attempts: tried,
        within: step.within.as_ref().map(|within| {
            let mark = Mark::of(within.judgement);
            Mark { word: format!("{}: {}", within.within, mark.word), ..mark }
        }),
        failures,
        warning: step.warning.as_ref().map(|warning| text(warning)),
        gates: step.gates.iter().flat_map(gate_lines).take(room.lines).map(|told| text(&told)).collect(),
        evidence: clean::line(&evidence.join("; "), room.evidence),
        changes: step.changes.iter().take(room.lines).map(|one| change_line(one, room.text)).collect(),
        undo: step.undo.as_ref().map(|undo| undo_mark(undo, room.text)),
    }
}

/// What was asked and what came of it, then each person's own answer where it says more.
fn gate_lines(gate: &GateRecord) -> Vec<String> {
    let mut lines = vec![gate_line(gate)];
    let only = gate.votes.len() == 1 && gate.votes.iter().all(|vote| vote.refused.is_none());
    if !only || gate.answer.is_none() {
        lines.extend(gate.votes.iter().map(vote_line));
    }
    lines
}

fn gate_line(gate: &GateRecord) -> String {
    let waited = gate.closed.map_or_else(String::new, |closed| format!(" after {}", closed.since(gate.opened)));
    match &gate.answer {
        Some(answer) => format!("“{}”: {}{waited}{}", gate.prompt, decided_by(answer), words_of(answer)),
        None if gate.closed.is_some() => format!("“{}”: not answered{waited}", gate.prompt),
        None => format!("“{}”: still open", gate.prompt),
    }
}

fn vote_line(vote: &VoteRecord) -> String {
    let refused = vote.refused.as_ref().map_or_else(String::new, |why| format!("; it did not count: {why}"));
    format!("at {}: {}{}{refused}", clock(vote.at), decided_by(&vote.answer), words_of(&vote.answer))
}

/// Who decided what: by their own statement, and by the accounts that the operating system knows them by.
fn decided_by(answer: &Answer) -> String {
    let decision = match answer.decision {
        Decision::Approved => "approved",
        Decision::Rejected => "rejected",
    };
    let names = answer.names.join(", ");
    let by = match answer.by {
        AnsweredBy::NobodyAsked => return format!("{decision} by --yes, nobody was asked"),
        AnsweredBy::Simulation => return format!("{decision} by the simulation"),
        AnsweredBy::Terminal if answer.names.is_empty() => return format!("{decision} at the terminal"),
        AnsweredBy::Terminal => format!("by {names}, as stated"),
        AnsweredBy::Command => format!("from another terminal by {names}, as stated"),
    };
    let mut accounts: Vec<String> = Vec::new();
    for person in &answer.people {
        let account = format!("{} at {}", person.user, person.host);
        if !accounts.contains(&account) {
            accounts.push(account);
        }
    }
    let accounts = if accounts.is_empty() { String::new() } else { format!(" ({})", accounts.join(", ")) };
    format!("{decision} {by}{accounts}")
}

fn words_of(answer: &Answer) -> String {
    let because = answer.because.as_ref().map_or_else(String::new, |because| format!(", because: {because}"));
    answer.evidence.iter().fold(because, |told, exhibit| told + "; evidence: " + &exhibit.to_string())
}

fn undo_mark(undo: &crate::record::UndoRecord, max: usize) -> Mark {
    let took = undo.ended.map_or_else(String::new, |ended| format!(" in {}", ended.since(undo.started)));
    let (tone, word) = match &undo.result {
        None => (Tone::Doubt, "begun, its end is not in the journal".to_owned()),
        Some(UndoResult::Restored) => (Tone::Good, format!("restored{took}")),
        Some(UndoResult::Compensated(what)) => (Tone::Good, format!("made up for{took}: {what}")),
        Some(UndoResult::NothingToDo) => (Tone::Good, "nothing to take back".to_owned()),
        Some(UndoResult::Irreversible(what)) => (Tone::Bad, format!("can't be taken back: {what}")),
        Some(UndoResult::Failed(why)) => (Tone::Bad, format!("failed{took}: {why}")),
    };
    Mark::new(tone, clean::line(&word, max))
}

fn seen(state: Option<&String>) -> &str {
    state.map_or("not seen", String::as_str)
}

fn change_line(change: &Change, max: usize) -> String {
    let (before, after) = (seen(change.before.as_ref()), seen(change.after.as_ref()));
    clean::line(&format!("{}: {before} → {after}", change.resource), max)
}

pub(super) fn change(change: &Change) -> ChangeView {
    ChangeView {
        resource: change.resource.to_string(),
        before: line(seen(change.before.as_ref())),
        after: line(seen(change.after.as_ref())),
    }
}

impl PhaseView {
    /// Whether anything of it is worth telling.
    pub(crate) fn is_told(&self) -> bool {
        self.result.word != "not in this mode"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::StepId;
    use crate::resource::{Exhibit, Person, Stated};
    use crate::time::{Moment, Span};

    #[test]
    fn a_gate_tells_who_when_why_and_what_did_not_count() {
        let at = |secs| Moment::ZERO + Span::from_secs(secs);
        let ada = Answer {
            because: Some("lag is low".to_owned()),
            evidence: vec![Exhibit::text("abc").unwrap()],
            people: vec![Person { name: None, user: "ada".to_owned(), host: "laptop".to_owned() }],
            ..Answer::vote(Decision::Approved, &Stated::read("Ada as dba").unwrap(), AnsweredBy::Command)
        };
        let vote =
            |at, refused: Option<&str>| VoteRecord { at, answer: ada.clone(), refused: refused.map(str::to_owned) };
        let mut gate = GateRecord {
            step: StepId::new("go").unwrap(),
            prompt: "Go?".to_owned(),
            approvers: Vec::new(),
            opened: at(0),
            closed: Some(at(90)),
            answer: Some(ada.clone()),
            votes: vec![vote(at(90), None)],
        };
        let told = "approved from another terminal by Ada (dba), as stated (ada at laptop)";
        let words = ", because: lag is low; evidence: “abc” (SHA-256 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad)";
        assert_eq!(gate_lines(&gate), [format!("“Go?”: {told} after {}{words}", Span::from_secs(90))]);
        gate.votes.insert(0, vote(at(60), Some("not among")));
        let lines = gate_lines(&gate);
        assert_eq!(lines[1], format!("at {}: {told}{words}; it did not count: not among", clock(at(60))));
        assert_eq!(lines[2], format!("at {}: {told}{words}", clock(at(90))));
    }
}
