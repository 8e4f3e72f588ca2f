//! The executor owns one step: observe, intent, act, wait until it is seen, prove; and its undo.
//!
//! It may wait, poll and fail; it never decides what a failure means to the run, and never touches the run's state. A
//! panicking action fails its step and nothing else. Whatever is under way is asked to end, never dropped.

use std::sync::Arc;

use crate::action::{ActError, Applied, Perform, Tools, perform};
use crate::catalogue::{Access, Achieved, Act, Again, Before, Evidence, Part, Undo};
use crate::engine::sink::Sink;
use crate::engine::{Fence, late};
use crate::event::Event;
use crate::model::{Happened, Step, StepFailure, StepPass, UndoResult};
use crate::resource::{Answer, Context, Errand, ProviderError};
use crate::time::{Moment, Span};

/// How long something that was asked to end may take to do so.
const GRACE: Span = Span(10_000_000_000);
/// The first wait between two looks; doubled each time.
const FIRST_LOOK: Span = Span(250_000_000);
/// The longest wait between two looks.
const LONGEST_LOOK: Span = Span(2_000_000_000);
/// How often an undo is tried.
const UNDO_ATTEMPTS: u32 = 3;

/// One step, ready to be carried out.
#[derive(Clone)]
pub(super) struct Job {
    /// The step.
    pub(super) step: Arc<Step>,
    /// What it may use.
    pub(super) tools: Tools,
    /// Who it is.
    pub(super) cx: Context,
    /// Whether it may still act.
    pub(super) fence: Arc<dyn Fence>,
    /// The way to the journal.
    pub(super) sink: Sink,
    /// When the step is given up, whatever the attempt.
    pub(super) deadline: Moment,
    /// What it acted on before its first attempt, if one of them changed something, or may have.
    pub(super) earlier: Option<Before>,
}

/// Whether a step's intent can be written without looking at anything first.
pub(super) fn needs_no_look(act: &Act) -> bool {
    let observes = matches!(act, Act::Command(command) if !command.observe.is_empty());
    !observes && act.describe().subjects().is_empty()
}

/// Whether a side may lose or refuse writes by this act. What canaries know of it must not be lost with Muster.
fn ends_writes(act: &Act) -> bool {
    matches!(act.describe().part(), Part::Disaster | Part::Promotion(_))
        || matches!(act, Act::DatabaseFence(_) | Act::StorageFence(_))
}

/// The events of a step's intent.
pub(super) fn intent(step: &Step, attempt: u32, before: Before) -> Vec<Event> {
    let mut events = vec![Event::StepStarted { step: step.id.clone(), attempt, before }];
    if step.act.describe().part() == Part::Gate {
        events.push(gate_opened(step));
    }
    events
}

/// The event of a gate that people are asked at.
pub(super) fn gate_opened(step: &Step) -> Event {
    let (prompt, approvers) = match &step.act {
        Act::Approve(gate) => (gate.prompt.clone(), gate.by.clone()),
        Act::Manual(gate) => (gate.checklist.join("\n"), gate.by.clone()),
        other => (other.describe().summary(), Vec::new()),
    };
    Event::GateOpened { step: step.id.clone(), prompt, approvers }
}

/// Where an attempt begins.
pub(super) enum Begin {
    /// With a look at the world; the intent is written by the executor.
    Look,
    /// The intent is written already.
    Intended,
}

impl Job {
    /// Carries out one attempt; gives the events of its end, which the dispatcher writes together with what follows
    /// from them. `None`: the intent could not be written, so nothing was done.
    pub(super) async fn attempt(mut self, begin: Begin, names: &late::Names) -> Option<Vec<Event>> {
        match late::fill(&self.step.act, names) {
            Ok(None) => {}
            Ok(Some(act)) => Arc::make_mut(&mut self.step).act = act,
            Err(why) => return Some(self.never_began(&begin, why)),
        }
        let before = match begin {
            Begin::Intended => Before::new(),
            Begin::Look => match self.look().await {
                Ok(Looked::Before(before)) => {
                    if ends_writes(&self.step.act) {
                        self.tools.health.settle().await;
                    }
                    if !self.sink.commit(intent(&self.step, self.cx.attempt, before.clone())).await {
                        return None;
                    }
                    before
                }
                Ok(Looked::AlreadySo(before)) => {
                    let mut events = intent(&self.step, self.cx.attempt, before);
                    let pass = StepPass { already: self.cx.attempt == 1, warning: None, evidence: Evidence::new() };
                    events.push(self.passed(pass));
                    return Some(events);
                }
                Err(why) => return Some(self.never_began(&Begin::Look, why)),
            },
        };
        let before = match self.earlier.take() {
            // What is there now is what an earlier attempt left half done: a server that is stopped to be built anew.
            Some(earlier) => {
                self.cx.errand = Errand::GoOn;
                earlier
            }
            None => before,
        };
        let ended = self.act(before).await;
        Some(self.end(ended))
    }

    /// A step that could not even look fails without an act.
    fn never_began(&self, begin: &Begin, why: String) -> Vec<Event> {
        let mut events = match begin {
            Begin::Look => {
                vec![Event::StepStarted { step: self.step.id.clone(), attempt: self.cx.attempt, before: Before::new() }]
            }
            Begin::Intended => Vec::new(),
        };
        events.push(self.failed(ActError::refused(why)));
        events
    }

    fn end(&self, ended: Result<Applied, ActError>) -> Vec<Event> {
        let mut events = Vec::new();
        let gate = self.step.act.describe().part() == Part::Gate;
        let mut answered = |answer: Option<Box<Answer>>| {
            if gate {
                events.push(Event::GateAnswered { step: self.step.id.clone(), answer: answer.map(|answer| *answer) });
            }
        };
        match ended {
            Ok(applied) => {
                answered(applied.answer);
                let pass = StepPass { already: false, warning: applied.warning, evidence: applied.evidence };
                events.push(self.passed(pass));
            }
            Err(error) => {
                answered(error.answer.clone());
                events.push(self.failed(error));
            }
        }
        events
    }

    fn passed(&self, pass: StepPass) -> Event {
        Event::StepPassed { step: self.step.id.clone(), attempt: self.cx.attempt, pass }
    }

    fn failed(&self, error: ActError) -> Event {
        let failure = StepFailure {
            retry_in: self.retry_after(&error),
            what: error.what,
            happened: error.happened,
            evidence: error.evidence,
            ask: false,
            cancelled: false,
        };
        Event::StepFailed { step: self.step.id.clone(), attempt: self.cx.attempt, failure }
    }

    /// Whether and when to try again: not when asked to end, not past the deadline, and never what may have happened
    /// and can't be looked at, unless the playbook says that twice is as good as once.
    fn retry_after(&self, error: &ActError) -> Option<Span> {
        let repeatable = matches!(&self.step.act, Act::Command(command) if command.repeatable);
        // Who has said no, is not asked again until it is a yes.
        let rejected = error.answer.is_some();
        let blind = error.happened != Happened::No && !self.step.act.describe().observable() && !repeatable;
        if blind || rejected || self.cx.cancel.is_cancelled() {
            return None;
        }
        self.step.retry.wait_after(self.cx.attempt).filter(|wait| self.cx.clock.now() + *wait < self.deadline)
    }

    fn performer(&self) -> &dyn Perform {
        perform(&self.step.act)
    }

    /// Ends an attempt whose intent is in the journal and whose result is not, because Muster was killed in between:
    /// sees whether it is done, and does it if it is not, where that can be known or does no harm. Gives the events of
    /// its end. Asked to end, it only looks.
    pub(super) async fn take_up(mut self, before: Before, names: &late::Names) -> Vec<Event> {
        match late::fill(&self.step.act, names) {
            Ok(None) => {}
            Ok(Some(act)) => Arc::make_mut(&mut self.step).act = act,
            Err(why) => return vec![self.failed(ActError::in_doubt(why))],
        }
        let describe = self.step.act.describe();
        let looking = async {
            if !describe.observable() {
                return Achieved::Unknown("it leaves no trace that could be observed".to_owned());
            }
            self.performer().achieved(&self.tools, &self.fresh()).await
        };
        let seen = match self.cx.clock.timeout(GRACE, looking).await {
            Ok(seen) => seen,
            Err(_) => Achieved::Unknown(format!("no answer within {GRACE}")),
        };
        match (seen, describe.again()) {
            (Achieved::Yes, _) => self.end(self.proven().await),
            (Achieved::No(_), Again::Safe | Again::IfNotDone) | (Achieved::Unknown(_), Again::Safe)
                if !self.cx.cancel.is_cancelled() =>
            {
                self.cx.errand = Errand::GoOn;
                let ended = self.act(before).await;
                self.end(ended)
            }
            (Achieved::No(_), _) if describe.subjects().is_empty() => {
                self.end(Err(ActError::refused("Muster was interrupted before it was done")))
            }
            (Achieved::No(why) | Achieved::Unknown(why), again) => {
                let happened = self.settle(Happened::Unknown, &before).await;
                let what = format!("Muster was interrupted while it was done, and whether it was is not known: {why}");
                self.interrupted(ActError { happened, ..ActError::in_doubt(what) }, again)
            }
        }
    }

    /// Seen done after an interruption: proven as if it had just been done.
    async fn proven(&self) -> Result<Applied, ActError> {
        let mut evidence = self.performer().prove(&self.tools, &self.cx).await?;
        evidence.insert("seen".to_owned(), "done, when Muster looked again after an interruption".to_owned());
        Ok(Applied { evidence, ..Applied::default() })
    }

    /// The end of an attempt that nothing but a person's look can settle.
    fn interrupted(&self, error: ActError, again: Again) -> Vec<Event> {
        let ask = again != Again::Safe && error.happened == Happened::Unknown && !self.cx.cancel.is_cancelled();
        let ActError { what, happened, evidence, .. } = error;
        let failure = StepFailure { what, happened, retry_in: None, evidence, ask, cancelled: false };
        vec![Event::StepFailed { step: self.step.id.clone(), attempt: self.cx.attempt, failure }]
    }

    /// Ends an undo that was begun before Muster was killed: what is seen to be taken back is not taken back twice.
    pub(super) async fn take_up_undo(self, before: Before) -> UndoResult {
        let describe = self.step.act.describe();
        let by_sight = describe.subjects().iter().any(|subject| subject.access == Access::Changes);
        let undone = if by_sight {
            self.is_restored(&before).await.is_ok()
        } else if describe.observable() {
            matches!(self.performer().achieved(&self.tools, &self.cx).await, Achieved::No(_))
        } else {
            false
        };
        match describe.undo() {
            Undo::Restores if undone => UndoResult::Restored,
            Undo::Compensates(what) if undone => UndoResult::Compensated(what),
            Undo::Compensates(what) if !by_sight && !describe.observable() && describe.again() == Again::AskFirst => {
                UndoResult::Failed(format!(
                    "Muster was interrupted while it was taken back ({what}), and whether it was is not known"
                ))
            }
            _ => self.undo(before).await,
        }
    }

    /// Captures what the step acts on, and sees whether it is done already.
    async fn look(&self) -> Result<Looked, String> {
        let left = self.deadline.since(self.cx.clock.now());
        let looking = async {
            let before = self.capture().await.map_err(|error| format!("what it acts on could not be seen: {error}"))?;
            if self.step.act.describe().observable()
                && self.performer().achieved(&self.tools, &self.cx).await == Achieved::Yes
            {
                return Ok(Looked::AlreadySo(before));
            }
            Ok(Looked::Before(before))
        };
        match self.cx.clock.timeout(left, looking).await {
            Ok(looked) => looked,
            Err(_) => Err(format!("what it acts on could not be seen within {}", self.step.timeout)),
        }
    }

    async fn capture(&self) -> Result<Before, ProviderError> {
        self.capture_with(&self.cx).await
    }

    async fn capture_with(&self, cx: &Context) -> Result<Before, ProviderError> {
        let mut before = Before::new();
        for subject in self.step.act.describe().subjects() {
            let state = self.tools.resources.observe(cx, &subject.resource).await?;
            before.insert(subject.resource, state);
        }
        Ok(before)
    }

    /// Applies, waits until it is seen, proves. In a task of its own, so that a panic stays there; with the step's
    /// deadline, after which it is asked to end.
    async fn act(&self, before: Before) -> Result<Applied, ActError> {
        let (job, given) = (self.clone(), before.clone());
        let mut task = self.cx.clock.spawn(async move { job.apply_and_see(&given).await });
        let left = self.deadline.since(self.cx.clock.now());
        let joined = if let Ok(joined) = self.cx.clock.timeout(left, &mut task).await {
            joined
        } else {
            self.cx.cancel.cancel();
            match self.cx.clock.timeout(GRACE, task).await {
                Ok(Ok(ended)) => return self.gave_up(ended, &before).await,
                Ok(Err(panic)) => Err(panic),
                Err(_) => {
                    return Err(ActError::in_doubt(format!(
                        "did not end within {} and could not be ended: it may still happen",
                        self.step.timeout
                    )));
                }
            }
        };
        joined.unwrap_or_else(|panic| {
            let what = format!("a defect in Muster: the action `{}` broke off ({panic})", self.step.act.key());
            Err(ActError::in_doubt(what))
        })
    }

    /// Past its deadline: whatever the act said, what counts is what can be seen.
    async fn gave_up(&self, ended: Result<Applied, ActError>, before: &Before) -> Result<Applied, ActError> {
        let error = match ended {
            // It ended well in the last moment before it heard that it should end.
            Ok(applied) => return Ok(applied),
            Err(error) => error,
        };
        let happened = self.settle(error.happened, before).await;
        let seen = match happened {
            Happened::Yes => "; it was seen to have happened all the same",
            Happened::No => "",
            Happened::Unknown => "; whether it happened is not known",
        };
        let what = format!("given up after {}: {}{seen}", self.step.timeout, error.what);
        Err(ActError { what, happened, ..error })
    }

    /// A context that nobody has asked to end, for looks after a cancellation.
    fn fresh(&self) -> Context {
        Context { cancel: crate::resource::Cancellation::default(), ..self.cx.clone() }
    }

    async fn apply_and_see(&self, before: &Before) -> Result<Applied, ActError> {
        let performer = self.performer();
        // The last thing before the act: whatever was true when its intent was written may not be any more.
        self.fence.check().map_err(ActError::refused)?;
        let mut applied = match performer.apply(&self.tools, &self.cx, before).await {
            Ok(applied) => applied,
            Err(error) => {
                let happened = self.settle(error.happened, before).await;
                return Err(ActError { happened, ..error });
            }
        };
        if self.step.act.describe().observable()
            && !applied.settled
            && let Err(error) = self.until_seen().await
        {
            let happened = self.settle(error.happened, before).await;
            return Err(ActError { happened, ..error });
        }
        applied.evidence.extend(performer.prove(&self.tools, &self.cx).await?);
        Ok(applied)
    }

    /// Settles by looking whether an act that failed took effect all the same. What is as it was before did not
    /// happen, unless it can still be under way: a promotion that was asked for may come true later, and to take it for
    /// none would be to unfence the old primary beside it.
    async fn settle(&self, said: Happened, before: &Before) -> Happened {
        let describe = self.step.act.describe();
        if said != Happened::Unknown || !describe.observable() {
            return said;
        }
        let cx = self.fresh();
        let looking = async {
            match self.performer().achieved(&self.tools, &cx).await {
                Achieved::Yes => return Happened::Yes,
                // Of a program only its own `observe` knows.
                Achieved::No(_) if describe.subjects().is_empty() => return Happened::No,
                Achieved::Unknown(_) if describe.subjects().is_empty() => return Happened::Unknown,
                Achieved::No(_) | Achieved::Unknown(_) => {}
            }
            if matches!(describe.part(), Part::Promotion(_)) {
                return Happened::Unknown;
            }
            match self.capture_with(&cx).await.map(|now| describe.restored(before, &now)) {
                Ok(Achieved::Yes) => Happened::No,
                Ok(Achieved::No(_)) => Happened::Yes,
                Ok(Achieved::Unknown(_)) | Err(_) => Happened::Unknown,
            }
        };
        self.cx.clock.timeout(GRACE, looking).await.unwrap_or(Happened::Unknown)
    }

    /// An action that says done and is not, fails: the deadline bounds the wait. It was accepted, so whether it
    /// happened, in part or later, is settled by looking.
    async fn until_seen(&self) -> Result<(), ActError> {
        let mut wait = FIRST_LOOK;
        let mut why = String::new();
        loop {
            match self.performer().achieved(&self.tools, &self.cx).await {
                Achieved::Yes => return Ok(()),
                // What a look says that was told to end is no sight of the world.
                Achieved::No(seen) | Achieved::Unknown(seen) if !self.cx.cancel.is_cancelled() => why = seen,
                Achieved::No(_) | Achieved::Unknown(_) => {}
            }
            tokio::select! {
                biased;
                () = self.cx.cancel.cancelled() => {
                    return Err(ActError::in_doubt(format!("it said that it was done, but {why}")));
                }
                () = self.cx.clock.sleep(wait) => {}
            }
            wait = (wait + wait).min(LONGEST_LOOK);
        }
    }

    /// Takes the step back; `before` as its intent in the journal has it.
    pub(super) async fn undo(self, before: Before) -> UndoResult {
        let describe = self.step.act.describe();
        let compensation = match describe.undo() {
            Undo::Nothing => return UndoResult::NothingToDo,
            Undo::Irreversible(what) => return UndoResult::Irreversible(what),
            Undo::Restores => None,
            Undo::Compensates(what) => Some(what),
        };
        let mut failure = String::new();
        // Nor here.
        let attempts = if describe.part() == Part::Gate { 1 } else { UNDO_ATTEMPTS };
        for attempt in 1..=attempts {
            if let Err(why) = self.fence.check() {
                return UndoResult::Failed(why);
            }
            let mut job = self.clone();
            job.cx.attempt = attempt;
            job.cx.errand = Errand::Undo;
            let given = before.clone();
            let mut task = self.cx.clock.spawn(async move {
                perform(&job.step.act).undo(&job.tools, &job.cx, &given).await.map_err(|error| error.what)
            });
            let ended = self.cx.clock.timeout(self.step.timeout, &mut task).await;
            match ended {
                Ok(Ok(Ok(_))) => match self.is_restored(&before).await {
                    Ok(()) => {
                        return compensation.map_or(UndoResult::Restored, UndoResult::Compensated);
                    }
                    Err(why) => failure = why,
                },
                Ok(Ok(Err(why))) => failure = why,
                Ok(Err(panic)) => failure = format!("a defect in Muster: the undo broke off ({panic})"),
                Err(_) => {
                    self.cx.cancel.cancel();
                    let _ = self.cx.clock.timeout(GRACE, task).await;
                    return UndoResult::Failed(format!("the undo did not end within {}", self.step.timeout));
                }
            }
            if attempt < attempts {
                self.cx.clock.sleep(LONGEST_LOOK).await;
            }
        }
        UndoResult::Failed(failure)
    }

    /// Sees that what the step changed is as it was.
    async fn is_restored(&self, before: &Before) -> Result<(), String> {
        let describe = self.step.act.describe();
        if !describe.subjects().iter().any(|subject| subject.access == Access::Changes) {
            return Ok(());
        }
        let now = self.capture().await.map_err(|error| format!("what was taken back could not be seen: {error}"))?;
        match describe.restored(before, &now) {
            Achieved::Yes => Ok(()),
            Achieved::No(why) | Achieved::Unknown(why) => Err(why),
        }
    }
}

/// What a look found.
enum Looked {
    /// What is there now.
    Before(Before),
    /// The world is as the step would have it.
    AlreadySo(Before),
}
