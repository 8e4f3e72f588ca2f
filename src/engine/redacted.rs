//! Secrets in what others say: taken out of every event before anything follows from it.
//!
//! Actions redact what they quote; this is the one door through which all of it passes, also what an action forgot,
//! what a probe quotes, and what a person types or pastes. The dispatcher writes [`Clean`] events alone, and only
//! [`clean`] makes one. Only words for people are touched: never an id, a name of a thing or a figure, so that a secret
//! that is a common word damages no journal.

use serde::Serialize;

use crate::action::Secrets;
use crate::catalogue::Evidence;
use crate::event::{Event, Started};
use crate::model::{Command, Commanded, Person, Review, Sample, SampleResult, UndoResult};
use crate::resource::{Answer, ByRegion, Exhibit, ExhibitKind, ResourceState, Seen, World};

/// An event without any secret that was read before it was made so.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Clean(Event);

impl Clean {
    pub(super) fn event(&self) -> &Event {
        &self.0
    }

    pub(super) fn into_event(self) -> Event {
        self.0
    }
}

/// The event without any secret that was read so far.
pub(super) fn clean(mut event: Event, secrets: &dyn Secrets) -> Clean {
    match &mut event {
        Event::Started(it) => started(it, secrets),
        Event::Resumed(resumed) => person(&mut resumed.by, secrets),
        Event::Surveyed { world: seen, unseen } => {
            world(seen, secrets);
            reasons(unseen, secrets);
        }
        Event::Claimed { lease_only, .. } => reasons(lease_only, secrets),
        Event::StepStarted { before, .. } => world(before, secrets),
        Event::StepPassed { pass, .. } => {
            words(pass.warning.as_mut(), secrets);
            evidence(&mut pass.evidence, secrets);
        }
        Event::StepFailed { failure, .. } => {
            words(Some(&mut failure.what), secrets);
            evidence(&mut failure.evidence, secrets);
        }
        Event::StepSkipped { because, by, .. } => {
            words(Some(because), secrets);
            if let Some(by) = by {
                person(by, secrets);
            }
        }
        Event::Commanded { command: what, by, ignored, .. } => {
            command(what, secrets);
            person(by, secrets);
            words(ignored.as_mut(), secrets);
        }
        Event::UndoFinished { result, .. } => match result {
            UndoResult::Compensated(text) | UndoResult::Irreversible(text) | UndoResult::Failed(text) => {
                words(Some(text), secrets);
            }
            UndoResult::Restored | UndoResult::NothingToDo => {}
        },
        Event::CourseChanged { because: text, .. }
        | Event::Decided { situation: text, .. }
        | Event::GuardrailBroken { seen: text, .. }
        | Event::GuardrailSeen { seen: text, .. }
        | Event::LeaseLost { to: text }
        | Event::SplitBrain { seen: text, .. } => words(Some(text), secrets),
        Event::Sampled { last, first, .. } => {
            sample(first, secrets);
            if let Some(last) = last {
                sample(last, secrets);
            }
        }
        Event::SamplesSummed { probes, .. } => {
            for probe in probes {
                sample(&mut probe.last, secrets);
            }
        }
        Event::GateVoted { answer: given, refused, .. } => {
            answer(given, secrets);
            words(refused.as_mut(), secrets);
        }
        Event::GateAnswered { answer: Some(given), .. } => answer(given, secrets),
        Event::Finished { left, seen, .. } => {
            world(seen, secrets);
            for one in left {
                words(Some(&mut one.what), secrets);
                words(Some(&mut one.advice), secrets);
            }
        }
        // A review is not of the engine's making (see `clean_review`); the others are names, ids and figures.
        Event::Reviewed { .. }
        | Event::PhaseStarted { .. }
        | Event::PhaseFinished { .. }
        | Event::GateOpened { .. }
        | Event::GateAnswered { answer: None, .. }
        | Event::UndoStarted { .. }
        | Event::CanaryCounted { .. }
        | Event::DnsAnswered { .. }
        | Event::Signalled { .. } => {}
    }
    Clean(event)
}

/// What a person tells a run, without secrets: it waits in the store until the run takes it.
#[must_use]
pub fn clean_command(mut commanded: Commanded, secrets: &dyn Secrets) -> Commanded {
    command(&mut commanded.command, secrets);
    person(&mut commanded.by, secrets);
    commanded
}

/// What a person adds to a run that has ended, without secrets.
#[must_use]
pub fn clean_review(mut by: Person, mut what: Review, secrets: &dyn Secrets) -> Event {
    person(&mut by, secrets);
    what.words_mut().into_iter().for_each(|text| words(Some(text), secrets));
    Event::Reviewed { by, what }
}

fn started(started: &mut Started, secrets: &dyn Secrets) {
    let origin = &mut started.origin;
    words(origin.lead.as_mut(), secrets);
    words(origin.approved_by.as_mut(), secrets);
    words(origin.break_glass.as_mut(), secrets);
    origin.participants.iter_mut().chain(&mut origin.passed_over).for_each(|text| words(Some(text), secrets));
}

fn command(command: &mut Command, secrets: &dyn Secrets) {
    match command {
        Command::Abort { because } | Command::Pause { because } => words(because.as_mut(), secrets),
        Command::Vote { answer: given, .. } => answer(given, secrets),
        Command::Choose { .. } => {}
    }
}

fn person(person: &mut Person, secrets: &dyn Secrets) {
    words(person.name.as_mut(), secrets);
}

fn reasons<T>(reasons: &mut [(T, String)], secrets: &dyn Secrets) {
    for (_, why) in reasons {
        words(Some(why), secrets);
    }
}

/// Why sides of resources did not answer, in their providers' words.
fn world(world: &mut World, secrets: &dyn Secrets) {
    fn sides<T>(regions: &mut ByRegion<T>, secrets: &dyn Secrets) {
        for side in regions.values_mut() {
            if let Seen::Unreachable(why) = side {
                words(Some(why), secrets);
            }
        }
    }
    for state in world.values_mut() {
        match state {
            ResourceState::Database(state) => sides(&mut state.regions, secrets),
            ResourceState::Storage(state) => sides(&mut state.regions, secrets),
            ResourceState::Compute(state) => sides(&mut state.regions, secrets),
            ResourceState::Backup(state) => sides(&mut state.regions, secrets),
            ResourceState::Dns(_) | ResourceState::Region(_) => {}
        }
    }
}

fn words(text: Option<&mut String>, secrets: &dyn Secrets) {
    if let Some(text) = text
        && !text.is_empty()
    {
        *text = secrets.redact(text);
    }
}

fn evidence(evidence: &mut Evidence, secrets: &dyn Secrets) {
    for text in evidence.values_mut() {
        words(Some(text), secrets);
    }
}

fn sample(sample: &mut Sample, secrets: &dyn Secrets) {
    if let SampleResult::Unhealthy(saw) = &mut sample.result {
        words(Some(saw), secrets);
    }
}

fn answer(answer: &mut Answer, secrets: &dyn Secrets) {
    words(answer.because.as_mut(), secrets);
    answer.names.iter_mut().for_each(|name| words(Some(name), secrets));
    answer.people.iter_mut().for_each(|one| person(one, secrets));
    for exhibit in answer.evidence.iter_mut().filter(|exhibit| exhibit.kind != ExhibitKind::File) {
        let clean = secrets.redact(&exhibit.what);
        // The digest is that of what is kept.
        if clean != exhibit.what
            && let Ok(kept) = Exhibit::text(&clean)
        {
            *exhibit = kept;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::StepId;
    use crate::model::{Happened, StepFailure};
    use crate::secret::{Redactor, Secret};

    #[test]
    fn words_are_redacted_and_names_are_not() {
        let redactor = Redactor::default();
        redactor.learn(&Secret::new("switch".to_owned()));
        let step = StepId::new("switch").unwrap();
        let failure = StepFailure {
            what: "it printed switch".to_owned(),
            happened: Happened::No,
            retry_in: None,
            evidence: [("output".to_owned(), "the switch".to_owned())].into(),
            ask: false,
            cancelled: false,
        };
        let Event::StepFailed { step, failure, .. } =
            clean(Event::StepFailed { step, attempt: 1, failure }, &redactor).into_event()
        else {
            panic!("another event");
        };
        assert_eq!((step.as_str(), failure.what.as_str()), ("switch", "it printed ***"));
        assert_eq!(failure.evidence["output"], "the ***");
    }

    #[test]
    fn what_a_person_pastes_keeps_the_digest_of_what_is_kept() {
        let redactor = Redactor::default();
        redactor.learn(&Secret::new("hunter22".to_owned()));
        let mut answer = Answer::nobody_asked();
        answer.because = Some("with hunter22".to_owned());
        answer.evidence = vec![Exhibit::text("typed hunter22").unwrap()];
        let step = StepId::new("go").unwrap();
        let Event::GateAnswered { answer: Some(answer), .. } =
            clean(Event::GateAnswered { step, answer: Some(answer) }, &redactor).into_event()
        else {
            panic!("another event");
        };
        assert_eq!(answer.because.as_deref(), Some("with ***"));
        assert_eq!(answer.evidence, [Exhibit::text("typed ***").unwrap()]);
    }
    #[test]
    fn nothing_that_a_person_types_is_kept_as_it_is() {
        let redactor = Redactor::default();
        redactor.learn(&Secret::new("hunter22".to_owned()));
        let typed = || "it was hunter22".to_owned();
        let by = || Person { name: Some(typed()), user: "ann".to_owned(), host: "here".to_owned() };
        let step = || StepId::new("go").unwrap();
        let mut voted = Answer::nobody_asked();
        voted.names = vec![typed()];
        let resource = crate::id::ResourceId::new("main").unwrap();
        for event in [
            Event::Commanded {
                command: Command::Abort { because: Some(typed()) },
                by: by(),
                then: None,
                ignored: None,
            },
            Event::Commanded {
                command: Command::Pause { because: Some(typed()) },
                by: by(),
                then: None,
                ignored: None,
            },
            Event::Commanded {
                command: Command::Vote { step: step(), answer: voted.clone() },
                by: by(),
                then: None,
                ignored: Some(typed()),
            },
            Event::StepSkipped { step: step(), because: typed(), by: Some(by()) },
            Event::GateVoted { step: step(), answer: voted, refused: Some(typed()) },
            Event::LeaseLost { to: typed() },
            Event::Surveyed { world: World::new(), unseen: vec![(resource, typed())] },
        ] {
            let text = serde_json::to_string(&clean(event, &redactor)).unwrap();
            assert!(!text.contains("hunter22") && text.contains("it was ***"), "{text}");
        }
    }
}
