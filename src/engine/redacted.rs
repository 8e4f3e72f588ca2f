//! Secrets in what others say: taken out of every event before anything follows from it.
//!
//! Actions redact what they quote; this is the one door through which all of it passes, also what an action forgot,
//! what a probe quotes and what a person pastes. Only words for people are touched: never an id, a name or a figure, so
//! that a secret that is a common word damages no journal.

use crate::action::Secrets;
use crate::catalogue::Evidence;
use crate::event::Event;
use crate::model::{Sample, SampleResult, UndoResult};
use crate::resource::{Answer, Exhibit, ExhibitKind};

/// The event without any secret that was read so far.
pub(super) fn redacted(mut event: Event, secrets: &dyn Secrets) -> Event {
    match &mut event {
        Event::StepPassed { pass, .. } => {
            words(pass.warning.as_mut(), secrets);
            evidence(&mut pass.evidence, secrets);
        }
        Event::StepFailed { failure, .. } => {
            words(Some(&mut failure.what), secrets);
            evidence(&mut failure.evidence, secrets);
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
        Event::GateVoted { answer: given, .. } | Event::GateAnswered { answer: Some(given), .. } => {
            answer(given, secrets);
        }
        _ => {}
    }
    event
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
        };
        let Event::StepFailed { step, failure, .. } =
            redacted(Event::StepFailed { step, attempt: 1, failure }, &redactor)
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
            redacted(Event::GateAnswered { step, answer: Some(answer) }, &redactor)
        else {
            panic!("another event");
        };
        assert_eq!(answer.because.as_deref(), Some("with ***"));
        assert_eq!(answer.evidence, [Exhibit::text("typed ***").unwrap()]);
    }
}
