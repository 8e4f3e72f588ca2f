//! Says, when a run stands still and nobody sits at its terminal, with which commands it goes on; and of which runs nobody takes care.

use super::output::Output;
use crate::app::{Attendance, LeftBehind, Runs, left_behind, ways};
use crate::engine::Observer;
use crate::event::Event;
use crate::id::{RunId, StepId};
use crate::model::Course;
use crate::record::Entry;
use crate::time::Span;

/// Tells, on standard error and also with `-q`, how a run goes on that stands still: it waits for that.
pub(super) struct Waiting {
    run: Option<RunId>,
    /// The step that failed last.
    failed: Option<StepId>,
    limit: Span,
    gates: Gates,
    output: Output,
}

/// Whether gates are to be answered from another terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gates {
    /// They are.
    Elsewhere,
    /// `--yes` answers them.
    Yes,
}

impl Gates {
    /// As somebody attends.
    pub(super) fn of(attendance: Attendance) -> Self {
        if attendance == Attendance::Yes { Self::Yes } else { Self::Elsewhere }
    }
}

impl Waiting {
    pub(super) fn new(limit: Span, gates: Gates, output: &Output) -> Self {
        Self { run: None, failed: None, limit, gates, output: output.clone() }
    }
}

impl Observer for Waiting {
    fn begins(&mut self, run: &RunId) {
        self.run = Some(run.clone());
    }

    fn stands_still(&mut self, because: &[&Entry]) {
        for entry in because {
            self.event(entry);
        }
    }

    fn event(&mut self, entry: &Entry) {
        match &entry.event {
            Event::StepFailed { step, failure, .. } if failure.retry_in.is_none() => self.failed = Some(step.clone()),
            Event::GateOpened { step, .. } if self.gates == Gates::Elsewhere => {
                let Some(run) = &self.run else { return };
                self.output.complain(&format!(
                    "`{step}` waits for an answer. From another terminal:\n  muster approve {run} {step} --by NAME   \
                     yes, or done; --evidence-text, --evidence-file and --evidence-link go with it\n  muster reject \
                     {run} {step} --by NAME --because REASON"
                ));
            }
            Event::CourseChanged { course: Course::Paused, because, .. } => {
                let Some(run) = &self.run else { return };
                let failed = self.failed.as_ref().filter(|step| because.contains(&format!("`{step}`")));
                self.output.complain(&format!(
                    "The run stands still: {because}. From another terminal, within {}:\n{}",
                    self.limit,
                    ways(run, failed)
                ));
            }
            _ => {}
        }
    }
}

/// Names every run that was left behind, but for the one that is being taken up.
pub(super) fn name_left_behind(runs: &Runs, taken_up: Option<&str>, output: &Output) {
    let others = left_behind(runs).into_iter().filter(|left| taken_up != Some(left.run.as_str()));
    for LeftBehind { run, since, silent_since } in others {
        output.say(&match silent_since {
            None => format!(
                "the run {run}, begun {since:.0}, was left behind: its process is gone. Take it up again: muster resume \
                 {run}"
            ),
            Some(last) => format!(
                "the run {run}, begun {since:.0}, has not renewed its lease since {last:.0}: it is stopped, or its \
                 machine sleeps or is gone. If nobody carries it out any more, take it up again: muster resume {run}"
            ),
        });
    }
}
