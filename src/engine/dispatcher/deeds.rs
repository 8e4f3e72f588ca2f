//! What is done once the events that announce it are durable.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::action::Tools;
use crate::catalogue::Before;
use crate::resource::{Actor, Cancellation, Context};
use crate::time::Span;

use super::intake::Note;
use super::{Dispatcher, LAST_GRACE};
use crate::engine::executor::{Begin, Job};
use crate::engine::muster_context;

/// What is done once the events of a round are durable.
pub(super) enum Deed {
    Attempt {
        step: usize,
        attempt: u32,
        begin: Begin,
    },
    Undo {
        step: usize,
    },
    /// An attempt that was under way when Muster died.
    TakeUp {
        step: usize,
        attempt: u32,
    },
    /// An undo that was.
    TakeUpUndo {
        step: usize,
    },
    Rest {
        step: usize,
        wait: Span,
    },
    Ask {
        situation: String,
    },
    CancelAll,
}

impl Dispatcher {
    pub(super) fn perform(&mut self, deed: Deed) {
        match deed {
            Deed::Attempt { step, attempt, begin } => {
                let job = self.job(step, attempt);
                let (notes, names) = (self.notes.clone(), self.names.clone());
                self.run.clock.spawn(async move {
                    let events = job.attempt(begin, &names).await;
                    let _ = notes.send(Note::Attempted { step, events });
                });
            }
            Deed::Undo { step } => {
                let (job, before, notes) = (self.job(step, 1), self.before(step), self.notes.clone());
                self.run.clock.spawn(async move {
                    let result = job.undo(before).await;
                    let _ = notes.send(Note::Undone { step, result });
                });
            }
            Deed::TakeUp { step, attempt } => {
                let (job, before) = (self.job(step, attempt), self.before(step));
                let (notes, names) = (self.notes.clone(), self.names.clone());
                self.run.clock.spawn(async move {
                    let events = Some(job.take_up(before, &names).await);
                    let _ = notes.send(Note::Attempted { step, events });
                });
            }
            Deed::TakeUpUndo { step } => {
                let (job, before, notes) = (self.job(step, 1), self.before(step), self.notes.clone());
                self.run.clock.spawn(async move {
                    let result = job.take_up_undo(before).await;
                    let _ = notes.send(Note::Undone { step, result });
                });
            }
            Deed::Rest { step, wait } => {
                let (notes, clock) = (self.notes.clone(), self.run.clock.clone());
                self.run.clock.spawn(async move {
                    clock.sleep(wait).await;
                    let _ = notes.send(Note::RetryDue { step });
                });
            }
            Deed::Ask { situation } => self.ask(situation),
            Deed::CancelAll => self.cancel_all(),
        }
    }

    /// What the step acted on, as its intent has it.
    fn before(&self, step: usize) -> Before {
        self.befores.get(&step).cloned().unwrap_or_default()
    }

    pub(super) fn job(&mut self, step: usize, attempt: u32) -> Job {
        let cancel = Cancellation::default();
        self.cancels.insert(step, cancel.clone());
        self.cancelled.remove(&step);
        let earlier = self.halfway.contains(&step).then(|| self.before(step));
        let plan_step = &self.steps[step];
        let now = self.run.clock.now();
        let deadline = *self.deadlines.entry(step).or_insert(now + plan_step.timeout);
        Job {
            step: Arc::clone(plan_step),
            tools: Tools {
                step: Some(Arc::clone(plan_step)),
                left_behind: Arc::clone(&self.state.left_behind),
                ..self.tools.clone()
            },
            cx: Context {
                actor: Actor::Step(plan_step.id.clone()),
                attempt,
                cancel,
                ..muster_context(&self.run.id, &self.run.clock, self.run.fencing)
            },
            fence: Arc::clone(&self.run.fence),
            sink: self.sink.clone(),
            deadline,
            earlier,
        }
    }

    pub(super) fn cancel_all(&mut self) {
        self.cancelled.extend(self.cancels.keys());
        self.cancels.values().for_each(Cancellation::cancel);
    }

    /// After the journal failed: waits, within the grace, until nothing acts any more.
    pub(super) async fn drain_until_quiet(&mut self, noted: &mut mpsc::UnboundedReceiver<Note>) {
        let clock = self.run.clock.clone();
        let quiet = async {
            while !self.cancels.is_empty() {
                match noted.recv().await {
                    Some(Note::Attempted { step, .. } | Note::Undone { step, .. }) => {
                        self.cancels.remove(&step);
                    }
                    Some(_) => {}
                    None => return,
                }
            }
        };
        let _ = clock.timeout(LAST_GRACE, quiet).await;
    }
}
