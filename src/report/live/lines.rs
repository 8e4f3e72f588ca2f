//! Each notable event as a line of a log.

use super::{Light, Live};
use crate::event::{Event, Started};
use crate::id::{ResourceId, StepId};
use crate::model::{ExitCode, Happened, PhaseResult, Sample, SampleResult, Stands, StepFailure, StepPass, UndoResult};
use crate::report::view::count;
use crate::resource::{Answer, AnsweredBy, Choice, Decision, Marker};
use crate::time::{Moment, Span};

/// Who had what the run changes; nothing where nobody had.
fn claimed(taken: &[(ResourceId, Marker)], passed_over: &[(ResourceId, Marker)]) -> Option<String> {
    if !taken.is_empty() {
        let each: Vec<String> = taken.iter().map(|(resource, marker)| format!("{resource}: {marker}")).collect();
        return Some(format!(
            "{}. Wait until it has ended, or end it where it goes on. If it is gone: --break-glass --because TEXT takes \
             over what it has",
            each.join("; ")
        ));
    }
    let each: Vec<String> = passed_over.iter().map(|(resource, marker)| format!("{resource}: {marker}")).collect();
    (!each.is_empty()).then(|| format!("passed over: {}", each.join("; ")))
}

/// A step that is expected to take at least so long is told of when it begins, too.
const LONG: Span = Span::from_secs(5);

impl Live {
    /// What a log of the run says of an event, before it is noted.
    pub(super) fn tell(&self, at: Moment, wall: jiff::Timestamp, event: &Event) -> Option<String> {
        let wall = wall.strftime("%Y-%m-%d %H:%M:%S UTC");
        Some(match event {
            Event::Started(started) => format!("{} begins at {wall}", started_line(&self.head, started)),
            Event::Surveyed { unseen, .. } => {
                let (resource, why) = unseen.first()?;
                let others = if unseen.len() > 1 { format!(" (and {} more)", unseen.len() - 1) } else { String::new() };
                format!("could not see {resource}: {why}{others}")
            }
            Event::Claimed { taken, passed_over, .. } => claimed(taken, passed_over)?,
            Event::PhaseStarted { phase } => format!("{phase}  begins"),
            Event::PhaseFinished { phase, result } => {
                let took = self.phase.map_or(Span::ZERO, |(_, since)| at.since(since));
                let word = match result {
                    PhaseResult::Passed => "passed",
                    PhaseResult::Failed => "failed",
                };
                format!("{phase}  {word} in {took}")
            }
            Event::StepStarted { step, attempt, .. } => self.step_begins(step, *attempt)?,
            Event::StepPassed { step, pass, .. } => self.step_passes(at, step, pass),
            Event::StepFailed { step, failure, .. } => self.step_fails(at, step, failure),
            Event::StepSkipped { step, because, by: None } => format!("{}  left out: {because}", self.named(step)),
            Event::StepSkipped { step, because, by: Some(person) } => {
                format!("{}  done by hand by {person}: {because}", self.named(step))
            }
            Event::Resumed(resumed) => format!("taken up again by {}", resumed.by),
            Event::Commanded { command, by, ignored: None, .. } => format!("{by}: {command}"),
            Event::Commanded { command, by, ignored: Some(why), .. } => {
                format!("{by}: {command}; nothing follows: {why}")
            }
            Event::Reviewed { by, .. } => format!("{by} added to it after its end"),
            Event::LeaseLost { to } => format!("the run may not act any more: {to}"),
            Event::GateVoted { step, answer, refused } => {
                let refused = refused.as_ref().map_or_else(String::new, |why| format!("; it does not count: {why}"));
                format!("{}  {}{refused}", self.named(step), answered(answer))
            }
            Event::GateOpened { step, prompt, approvers } => {
                let whom = if approvers.is_empty() { "anyone".to_owned() } else { approvers.join(", ") };
                format!("{}  waits for {whom}: {prompt}", self.named(step))
            }
            Event::GateAnswered { step, answer } => {
                format!(
                    "{}  {}",
                    self.named(step),
                    answer.as_ref().map_or_else(|| "was not answered".to_owned(), answered)
                )
            }
            Event::Decided { choice, by, situation } => {
                format!(
                    "{situation}: {}{}",
                    chosen(*choice),
                    if *by == AnsweredBy::NobodyAsked { ", nobody was asked" } else { "" }
                )
            }
            Event::CourseChanged { course, leg, because, aborted } => {
                let leg = leg.map_or_else(String::new, |leg| format!(", leg {leg}"));
                let aborted = if *aborted { " (aborted)" } else { "" };
                format!("{course}{leg}{aborted}: {because}")
            }
            Event::UndoStarted { .. } | Event::SamplesSummed { .. } | Event::CanaryCounted { .. } => return None,
            Event::UndoFinished { step, result } => format!("{}  {}", self.named(step), undone(result)),
            Event::Sampled { probe, first, .. } => self.sample_line(probe.as_str(), first)?,
            Event::DnsAnswered { record, server, values, .. } => {
                format!("{record}: {server} now answers {}", values.join(", "))
            }
            Event::SplitBrain { resource, seen } => {
                format!("SPLIT BRAIN: {resource} takes writes on both sides: {seen}")
            }
            Event::GuardrailSeen { name, stands, seen } => match stands {
                Stands::Holds => format!("guardrail {name} holds: {seen}"),
                Stands::Fails => format!("guardrail {name} does not hold: {seen}"),
                Stands::Quiet => format!("guardrail {name} is not judged: {seen}"),
            },
            Event::GuardrailBroken { name, seen, .. } => format!("guardrail broken: {name}: {seen}"),
            Event::Signalled { signal, .. } => format!("{signal} came: nothing new is started"),
            Event::Finished { verdict, world, exit, left, .. } => {
                let left = if left.is_empty() {
                    String::new()
                } else {
                    format!("; {} left behind", count(left.len() as u64, "thing"))
                };
                let person = if *exit == ExitCode::NeedsPerson { "; a person is needed" } else { "" };
                format!("the run ended at {wall}: {verdict}, world {world}, exit {}{left}{person}", u8::from(*exit))
            }
        })
    }

    /// `failover / promote`.
    fn named(&self, step: &StepId) -> String {
        match self.steps.get(step).and_then(|planned| self.phases.get(planned.phase)) {
            Some(phase) => format!("{phase} / {step}"),
            None => step.to_string(),
        }
    }

    fn ran(&self, at: Moment, step: &StepId) -> Span {
        self.running.get(step).map_or(Span::ZERO, |running| at.since(running.since))
    }

    fn step_begins(&self, step: &StepId, attempt: u32) -> Option<String> {
        let expected = self.steps.get(step).map_or(Span::ZERO, |planned| planned.expected);
        if attempt > 1 {
            Some(format!("{}  begins attempt {attempt}", self.named(step)))
        } else if expected >= LONG {
            Some(format!("{}  begins, about {expected} expected", self.named(step)))
        } else {
            None
        }
    }

    fn step_passes(&self, at: Moment, step: &StepId, pass: &StepPass) -> String {
        let warning = pass.warning.as_ref().map_or_else(String::new, |warning| format!("; warning: {warning}"));
        let what =
            if pass.already { "was already done".to_owned() } else { format!("passed in {}", self.ran(at, step)) };
        format!("{}  {what}{warning}", self.named(step))
    }

    fn step_fails(&self, at: Moment, step: &StepId, failure: &StepFailure) -> String {
        let doubt = match failure.happened {
            Happened::Yes => " (it took effect all the same, at least in part)",
            Happened::No => "",
            Happened::Unknown => " (in doubt: whether it took effect is not known)",
        };
        let again = failure.retry_in.map_or_else(String::new, |wait| format!("; again in {wait}"));
        let how = if failure.cancelled { "was cancelled" } else { "failed" };
        format!("{}  {how} after {}{doubt}: {}{again}", self.named(step), self.ran(at, step), failure.what)
    }

    fn sample_line(&self, probe: &str, sample: &Sample) -> Option<String> {
        let watched = self.watched.iter().find(|one| one.id == probe)?;
        let region = sample.region.map(|role| role.to_string());
        Some(match (&sample.result, watched.light) {
            // What is up from the start, or still down, is no news.
            (SampleResult::Healthy, Light::Unknown) | (SampleResult::Unhealthy(_), Light::Down) => return None,
            (SampleResult::Healthy, Light::Down) => {
                let from = region.map_or_else(String::new, |region| format!(", served by {region}"));
                format!("{probe} answers again after {}{from}", sample.sent.since(watched.since))
            }
            (SampleResult::Healthy, Light::Up) if region == watched.region => return None,
            (SampleResult::Healthy, Light::Up) => {
                format!("{probe} is now served by {}", region.unwrap_or_else(|| "neither region".to_owned()))
            }
            (SampleResult::Unhealthy(saw), _) => format!("{probe} does not answer as it should: {saw}"),
        })
    }
}

fn started_line(head: &str, started: &Started) -> String {
    let seed = started.seed.map_or_else(String::new, |seed| format!(", seed {}", seed.0));
    format!("run of {head}, plan {}{seed}", started.plan.digest.get(..12).unwrap_or(&started.plan.digest))
}

fn answered(answer: &Answer) -> String {
    let decision = match answer.decision {
        Decision::Approved => "approved",
        Decision::Rejected => "rejected",
    };
    let by = match answer.by {
        AnsweredBy::NobodyAsked => " by --yes, nobody was asked".to_owned(),
        AnsweredBy::Simulation => " by the simulation".to_owned(),
        AnsweredBy::Terminal | AnsweredBy::Command => format!(" by {}", answer.names.join(", ")),
    };
    let because = answer.because.as_ref().map_or_else(String::new, |because| format!(": {because}"));
    format!("{decision}{by}{because}")
}

fn chosen(choice: Choice) -> &'static str {
    match choice {
        Choice::Retry => "tried once more",
        Choice::GoOn => "going on all the same",
        Choice::Undo => "taking back",
        Choice::Stop => "stopping",
    }
}

fn undone(result: &UndoResult) -> String {
    match result {
        UndoResult::Restored => "taken back: as it was".to_owned(),
        UndoResult::Compensated(what) => format!("taken back: {what}"),
        UndoResult::NothingToDo => "nothing to take back".to_owned(),
        UndoResult::Irreversible(what) => format!("can't be taken back: {what}"),
        UndoResult::Failed(why) => format!("COULD NOT BE TAKEN BACK: {why}"),
    }
}
