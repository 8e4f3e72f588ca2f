//! The dispatcher: owns the run's state, writes every event, starts whatever may be started.
//!
//! One round: take in all that was told, apply it to the state, decide what follows, write it all as one commit, and
//! only then act on it. So an intent is durable before its act, and the result of one step and the intents that follow
//! from it cost one `fdatasync`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::ending::Broken;
use super::executor::{Begin, Job, intent, needs_no_look};
use super::watch::{Watch, WatchSetup};
use super::{Attended, Ended, EngineError, Message, Run, Signal, Sink, ending, late};
use crate::action::Tools;
use crate::catalogue::{Act, Before, OnFailure, Part};
use crate::event::Event;
use crate::id::{RegionRole, ResourceId, RunId};
use crate::journal::Stamp;
use crate::probe::Regions;
use crate::record::Entry;
use crate::model::{Course, Happened, Plan, Step, UndoResult};
use crate::resource::{Actor, AnsweredBy, Cancellation, Choice, Context, ProviderError, ResourceState, Resources, World, region_resource};
use crate::state::course::{self, Next};
use crate::state::step::Status;
use crate::state::{Graph, RunState};
use crate::time::{Clock, Moment, Span};

/// How many messages are taken in before the state is looked at again.
const ROUND: usize = 512;
/// How long what is under way may take to end when the run breaks off.
const LAST_GRACE: Span = Span(10_000_000_000);
/// How long a survey may take.
const SURVEY_TIMEOUT: Span = Span(30_000_000_000);

/// What executors and helpers tell the dispatcher.
enum Note {
    /// An attempt ended; `None`: its intent was not taken.
    Attempted { step: usize, events: Option<Vec<Event>> },
    /// An undo ended.
    Undone { step: usize, result: UndoResult },
    /// A resting step's wait is over.
    RetryDue { step: usize },
    /// A person said how to go on, or there was nobody.
    Chosen { choice: Option<(Choice, AnsweredBy)>, situation: String },
    /// Something that the run must not end without is done.
    Settled,
    /// The watch has ended.
    WatchEnded,
    /// The last grace is over.
    GraceOver,
}

/// What is done once the events of a round are durable.
enum Deed {
    Attempt { step: usize, attempt: u32, begin: Begin },
    Undo { step: usize },
    Rest { step: usize, wait: Span },
    Ask { situation: String },
    CancelAll,
}

/// Why the run ends before its plan does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum BreakOff {
    /// SIGTERM: it can be resumed.
    Resumable,
    /// A second SIGINT.
    AtOnce,
}

struct Dispatcher {
    run: Run,
    plan: Arc<Plan>,
    steps: Vec<Arc<Step>>,
    graph: Graph,
    state: RunState,
    tools: Tools,
    names: late::Names,
    events: Vec<Entry>,
    sink: Sink,
    notes: mpsc::UnboundedSender<Note>,
    watch: Option<Arc<Watch>>,
    /// Steps that look at the world before their intent.
    looking: BTreeSet<usize>,
    cancels: BTreeMap<usize, Cancellation>,
    deadlines: BTreeMap<usize, Moment>,
    befores: BTreeMap<usize, Before>,
    retries_due: BTreeSet<usize>,
    /// What the run must not end without.
    unsettled: usize,
    interrupts: u32,
    break_off: Option<BreakOff>,
    grace_over: bool,
}

/// Carries out a plan from its first event to its last.
///
/// # Errors
/// [`EngineError::Journal`] if the journal can't be written any more; what was under way has then been asked to end.
pub async fn drive(run: Run) -> Result<Ended, EngineError> {
    let plan = Arc::new(run.started.plan.clone());
    let (sink, mut inbox) = Sink::new();
    // Unbounded, but at most one note for each thing that the dispatcher itself began.
    let (notes, mut noted) = mpsc::unbounded_channel();
    let cx = muster_context(&run.id, &run.clock, run.fencing);
    let names = late::Names {
        id: run.id.to_string(),
        mode: plan.mode.to_string(),
        started: run.clock.wall().to_string(),
        ending: None,
    };
    let mut dispatcher = Dispatcher {
        steps: plan.steps.iter().map(|step| Arc::new(step.clone())).collect(),
        graph: Graph::new(&plan),
        state: RunState::new(&plan),
        tools: Tools {
            resources: Arc::new(run.resources.clone()),
            health: Arc::new(NoHealth),
            plan: Arc::clone(&plan),
            initial: Arc::new(World::new()),
            secrets: Arc::clone(&run.secrets),
            step: None,
        },
        names,
        events: Vec::new(),
        sink,
        notes,
        watch: None,
        looking: BTreeSet::new(),
        cancels: BTreeMap::new(),
        deadlines: BTreeMap::new(),
        befores: BTreeMap::new(),
        retries_due: BTreeSet::new(),
        unsettled: 0,
        interrupts: 0,
        break_off: None,
        grace_over: false,
        plan,
        run,
    };
    dispatcher.begin(&cx).await?;
    let worked = dispatcher.work(&mut inbox, &mut noted).await;
    if let Err(error) = worked {
        dispatcher.cancel_all();
        dispatcher.drain_until_quiet(&mut noted).await;
        return Err(error);
    }
    dispatcher.end(&cx, &mut inbox, &mut noted).await
}

/// What Muster itself asks with.
pub fn muster_context(run: &RunId, clock: &Clock, fencing: u64) -> Context {
    Context {
        run: run.clone(),
        actor: Actor::Muster,
        attempt: 1,
        clock: clock.clone(),
        fencing,
        cancel: Cancellation::default(),
    }
}

impl Dispatcher {
    /// The first events, and everything that watches.
    async fn begin(&mut self, cx: &Context) -> Result<(), EngineError> {
        let started = Event::Started(Box::new(self.run.started.clone()));
        self.write(vec![started]).await?;
        let (world, unseen) = survey(&self.plan, &self.run.resources, cx).await;
        self.tools.initial = Arc::new(world.clone());
        self.write(vec![Event::Surveyed { world, unseen }]).await?;
        let regions = self.regions();
        let watch = Watch::start(WatchSetup {
            plan: Arc::clone(&self.plan),
            resources: self.run.resources.clone(),
            run: self.run.id.clone(),
            clock: self.run.clock.clone(),
            fencing: self.run.fencing,
            sink: self.sink.clone(),
            pace: self.run.pace,
            addresses: regions,
        });
        self.tools.health = (self.run.health)(watch.health());
        self.watch = Some(Arc::new(watch));
        Ok(())
    }

    /// The addresses of both regions, as the records' providers know them.
    fn regions(&self) -> Regions {
        let mut regions = Regions::new();
        for (id, dns) in &self.run.resources.dns {
            if let Some(ResourceState::Dns(state)) = self.tools.initial.get(id) {
                for role in RegionRole::ALL {
                    regions.insert_record(role, &dns.target(role, &state.record));
                }
            }
        }
        regions
    }

    /// Until nothing is left to do, or the run breaks off.
    async fn work(
        &mut self,
        inbox: &mut mpsc::Receiver<Message>,
        noted: &mut mpsc::UnboundedReceiver<Note>,
    ) -> Result<(), EngineError> {
        let mut round = Round::default();
        loop {
            let finished = self.decide(&mut round)?;
            self.close(&mut round).await?;
            if finished && self.unsettled == 0 {
                return Ok(());
            }
            if self.break_off.is_some() && (self.state.acting == 0 || self.grace_over) {
                return Ok(());
            }
            self.listen(&mut round, inbox, noted).await?;
        }
    }

    /// Waits for the next thing, and takes in all that has come with it.
    async fn listen(
        &mut self,
        round: &mut Round,
        inbox: &mut mpsc::Receiver<Message>,
        noted: &mut mpsc::UnboundedReceiver<Note>,
    ) -> Result<(), EngineError> {
        tokio::select! {
            biased;
            Some(signal) = self.run.signals.recv() => self.take_signal(round, signal)?,
            Some(note) = noted.recv() => self.take_note(round, note)?,
            Some(message) = inbox.recv() => self.take_message(round, message)?,
        }
        for _ in 0..ROUND {
            if let Ok(note) = noted.try_recv() {
                self.take_note(round, note)?;
            } else if let Ok(message) = inbox.try_recv() {
                self.take_message(round, message)?;
            } else {
                break;
            }
        }
        Ok(())
    }

    fn take_signal(&mut self, round: &mut Round, signal: Signal) -> Result<(), EngineError> {
        let (name, then) = match signal {
            Signal::Terminate => {
                self.break_off = Some(BreakOff::Resumable);
                ("SIGTERM", None)
            }
            Signal::Interrupt => {
                self.interrupts += 1;
                match (self.interrupts, self.run.attended) {
                    (1, Attended::Yes) => ("SIGINT", Some(OnFailure::Pause)),
                    (1, Attended::No) => ("SIGINT", Some(OnFailure::Undo)),
                    _ => {
                        self.break_off = Some(BreakOff::AtOnce);
                        ("SIGINT", None)
                    }
                }
            }
        };
        if self.break_off.is_some() {
            round.deeds.push(Deed::CancelAll);
            let (notes, clock) = (self.notes.clone(), self.run.clock.clone());
            self.run.clock.spawn(async move {
                clock.sleep(LAST_GRACE).await;
                let _ = notes.send(Note::GraceOver);
            });
        }
        self.emit(round, Event::Signalled { signal: name.to_owned(), then })
    }

    fn take_message(&mut self, round: &mut Round, message: Message) -> Result<(), EngineError> {
        let is_intent = matches!(message.events.first(), Some(Event::StepStarted { .. }));
        if is_intent && !self.may_begin() {
            // The run left its course while the step looked: it must not act any more.
            if let Some(durable) = message.durable {
                let _ = durable.send(false);
            }
            return Ok(());
        }
        for event in message.events {
            self.emit(round, event)?;
        }
        round.durable.extend(message.durable);
        Ok(())
    }

    /// Whether a step that looked first may still act.
    fn may_begin(&self) -> bool {
        self.break_off.is_none()
            && (self.state.trigger.is_none() || self.state.course == Course::CleaningUp)
            && matches!(self.state.course, Course::Forward | Course::Returning | Course::CleaningUp)
    }

    fn take_note(&mut self, round: &mut Round, note: Note) -> Result<(), EngineError> {
        match note {
            Note::Attempted { step, events } => {
                self.looking.remove(&step);
                self.cancels.remove(&step);
                let Some(events) = events else { return Ok(()) };
                let begins = matches!(events.first(), Some(Event::StepStarted { .. }));
                if begins && !self.may_begin() {
                    // It was done already, or could not be seen; either way nothing was changed.
                    return Ok(());
                }
                for event in events {
                    self.emit(round, event)?;
                }
            }
            Note::Undone { step, result } => {
                self.cancels.remove(&step);
                let step = self.plan.steps[step].id.clone();
                self.emit(round, Event::UndoFinished { step, result })?;
            }
            Note::RetryDue { step } => {
                self.retries_due.insert(step);
            }
            Note::Chosen { choice, situation } => self.take_choice(round, choice, situation)?,
            Note::Settled => self.unsettled -= 1,
            Note::WatchEnded => {}
            Note::GraceOver => self.grace_over = true,
        }
        Ok(())
    }

    fn take_choice(
        &mut self,
        round: &mut Round,
        choice: Option<(Choice, AnsweredBy)>,
        situation: String,
    ) -> Result<(), EngineError> {
        if self.state.course != Course::Paused {
            return Ok(());
        }
        let (choice, by) = choice.unwrap_or((Choice::Stop, AnsweredBy::NobodyAsked));
        let because = match by {
            AnsweredBy::NobodyAsked => format!("{situation}; nobody was there to say how to go on"),
            AnsweredBy::Terminal | AnsweredBy::Simulation => situation.clone(),
        };
        let retried = self.state.paused_step();
        self.interrupts = 0;
        self.emit(round, Event::Decided { choice, by, situation: because })?;
        if matches!(choice, Choice::Retry | Choice::GoOn) {
            let turn = Event::CourseChanged {
                course: self.state.resumes_to(),
                leg: self.state.leg,
                because: "a person said to go on".to_owned(),
                aborted: false,
            };
            self.emit(round, turn)?;
        }
        if choice == Choice::Retry
            && let Some(step) = retried
        {
            self.deadlines.remove(&step);
            self.retries_due.insert(step);
        }
        Ok(())
    }

    /// Everything that may be done now, as events and deeds. `true`: nothing is left to do.
    fn decide(&mut self, round: &mut Round) -> Result<bool, EngineError> {
        if self.break_off.is_some() {
            return Ok(false);
        }
        self.start_due_retries(round)?;
        loop {
            match course::next(&self.plan, &self.graph, &self.state) {
                Next::StartPhase(n) => {
                    let phase = self.plan.phases[n].id.clone();
                    self.emit(round, Event::PhaseStarted { phase })?;
                }
                Next::FinishPhase(n, result) => {
                    let phase = self.plan.phases[n].id.clone();
                    self.emit(round, Event::PhaseFinished { phase, result })?;
                }
                Next::StartSteps(steps) => {
                    if !self.start_steps(round, &steps)? {
                        return Ok(false);
                    }
                }
                Next::Skip(step) => {
                    let because = "the run was refused before its first change: there is nothing to tidy up".to_owned();
                    let step = self.plan.steps[step].id.clone();
                    self.emit(round, Event::StepSkipped { step, because })?;
                }
                Next::GiveUp(step) => self.give_up(round, step)?,
                Next::Quiesce => {
                    round.deeds.push(Deed::CancelAll);
                    return Ok(false);
                }
                Next::Ask(trigger) => {
                    let because = trigger.because.clone();
                    round.deeds.push(Deed::Ask { situation: because.clone() });
                    let leg = self.state.leg;
                    self.emit(round, Event::CourseChanged { course: Course::Paused, leg, because, aborted: false })?;
                }
                Next::Turn { course, leg, because, aborted } => {
                    self.emit(round, Event::CourseChanged { course, leg, because, aborted })?;
                    if course == Course::CleaningUp {
                        self.foresee(round);
                    }
                }
                Next::Undo(step) => {
                    round.deeds.push(Deed::Undo { step });
                    let step = self.plan.steps[step].id.clone();
                    self.emit(round, Event::UndoStarted { step })?;
                }
                Next::Wait => return Ok(false),
                Next::Finish => return Ok(self.looking.is_empty()),
            }
        }
    }

    /// What cleanup steps can say of how the run ends: the world as the steps so far have left it, by their effects.
    fn foresee(&mut self, round: &Round) {
        let mut entries = self.events.clone();
        let (at, elapsed) = (self.run.clock.wall(), self.run.clock.now());
        let seq = entries.len() as u64;
        let fresh = round.events.iter().zip(seq..);
        entries.extend(fresh.map(|(event, seq)| Entry { seq, at, elapsed, event: event.clone() }));
        let setting = self.tools.setting();
        let mut world = World::clone(&self.tools.initial);
        for &step in &self.state.begun {
            if self.state.steps[step] == Status::Passed {
                self.plan.steps[step].act.describe().effect(&mut world, &setting);
            }
        }
        let judged = ending::judge(&self.run.id, &self.plan, &entries, &self.state, &world, Broken::No);
        self.names.ending = Some((judged.verdict, judged.world));
    }

    /// Starts what is not started yet, within the limit. `false`: there was nothing to start.
    fn start_steps(&mut self, round: &mut Round, steps: &[usize]) -> Result<bool, EngineError> {
        let limit = self.plan.at_once.unwrap_or(usize::MAX);
        let mut any = false;
        for &step in steps {
            if self.looking.contains(&step) {
                continue;
            }
            if self.state.acting + self.looking.len() >= limit {
                break;
            }
            any = true;
            self.start_attempt(round, step, 1)?;
        }
        // Steps that only look leave the state as it is: asking it again would start them again.
        Ok(any && self.looking.is_empty())
    }

    fn start_due_retries(&mut self, round: &mut Round) -> Result<(), EngineError> {
        if !self.may_begin() {
            return Ok(());
        }
        for step in std::mem::take(&mut self.retries_due) {
            let attempt = match self.state.steps[step] {
                Status::Resting { attempt } | Status::Failed { attempt, .. } => attempt + 1,
                _ => continue,
            };
            self.start_attempt(round, step, attempt)?;
        }
        Ok(())
    }

    fn start_attempt(&mut self, round: &mut Round, step: usize, attempt: u32) -> Result<(), EngineError> {
        let begin = if needs_no_look(&self.plan.steps[step].act) {
            for event in intent(&self.plan.steps[step], attempt, Before::new()) {
                self.emit(round, event)?;
            }
            Begin::Intended
        } else {
            self.looking.insert(step);
            Begin::Look
        };
        round.deeds.push(Deed::Attempt { step, attempt, begin });
        Ok(())
    }

    /// The run left its course while the step waited for its next attempt.
    fn give_up(&mut self, round: &mut Round, step: usize) -> Result<(), EngineError> {
        let Status::Resting { attempt } = self.state.steps[step] else {
            return Err(EngineError::Defect(format!("step {step} does not rest")));
        };
        let id = self.plan.steps[step].id.clone();
        // What the last attempt left is what counts.
        let last = self.events.iter().rev().map(|stamped| &stamped.event).chain(round.events.iter().rev());
        let happened = last
            .filter_map(|event| match event {
                Event::StepFailed { step, failure, .. } if *step == id => Some(failure.happened),
                _ => None,
            })
            .next()
            .unwrap_or(Happened::Unknown);
        let failure = crate::model::StepFailure {
            what: "not tried again: the run left its course".to_owned(),
            happened,
            retry_in: None,
            evidence: crate::catalogue::Evidence::new(),
        };
        self.emit(round, Event::StepFailed { step: id, attempt, failure })
    }

    /// Applies an event to the state and puts it into the round.
    fn emit(&mut self, round: &mut Round, event: Event) -> Result<(), EngineError> {
        self.state
            .apply(&self.plan, &self.graph, &event)
            .map_err(|illegal| EngineError::Defect(illegal.to_string()))?;
        self.follow(round, &event);
        round.events.push(event);
        Ok(())
    }

    /// What an event means to those who act beside the state.
    fn follow(&mut self, round: &mut Round, event: &Event) {
        match event {
            Event::StepStarted { step, attempt, before } => {
                if let Some(n) = self.graph.step(step) {
                    self.looking.remove(&n);
                    // The world before the first attempt is what undo goes back to.
                    if *attempt == 1 {
                        self.befores.insert(n, before.clone());
                    }
                    if let Act::DnsSwitch(switch) = &self.plan.steps[n].act
                        && let Some(watch) = &self.watch
                    {
                        watch.switching(&switch.records.0, switch.to);
                    }
                }
            }
            Event::StepPassed { step, pass, .. } if !pass.already => {
                if let Some(n) = self.graph.step(step) {
                    self.promoted(n);
                }
            }
            Event::StepFailed { step, failure, .. } => {
                if let Some(n) = self.graph.step(step) {
                    if failure.happened == Happened::Yes {
                        self.promoted(n);
                    }
                    if let Some(wait) = failure.retry_in {
                        round.deeds.push(Deed::Rest { step: n, wait });
                    }
                }
            }
            _ => {}
        }
    }

    /// A promotion took effect: the canaries are counted.
    fn promoted(&mut self, step: usize) {
        let act = &self.plan.steps[step].act;
        let (Part::Promotion(to), Some(leg), Some(watch)) =
            (act.describe().part(), self.plan.leg_of(step), self.watch.as_ref())
        else {
            return;
        };
        for subject in act.describe().subjects() {
            self.unsettled += 1;
            let (notes, watch) = (self.notes.clone(), Arc::clone(watch));
            self.run.clock.spawn(async move {
                watch.promoted(&subject.resource, to, leg).await;
                let _ = notes.send(Note::Settled);
            });
        }
    }

    /// Makes the round's events durable, tells everyone, and does the deeds.
    async fn close(&mut self, round: &mut Round) -> Result<(), EngineError> {
        let events = std::mem::take(&mut round.events);
        let durable = std::mem::take(&mut round.durable);
        let deeds = std::mem::take(&mut round.deeds);
        self.write(events).await?;
        for sender in durable {
            let _ = sender.send(true);
        }
        for deed in deeds {
            self.perform(deed);
        }
        Ok(())
    }

    /// One commit.
    async fn write(&mut self, events: Vec<Event>) -> Result<(), EngineError> {
        if events.is_empty() {
            return Ok(());
        }
        let (at, elapsed) = (self.run.clock.wall(), self.run.clock.now());
        let stamp = Stamp { at, elapsed_ns: elapsed.0 };
        let committed = self.run.journal.commit(stamp, &events).await?;
        for (n, event) in events.into_iter().enumerate() {
            let stamped = Entry { seq: committed.first_seq + n as u64, at, elapsed, event };
            for observer in &mut self.run.observers {
                observer.event(&stamped);
            }
            self.events.push(stamped);
        }
        Ok(())
    }

    fn perform(&mut self, deed: Deed) {
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
                let job = self.job(step, 1);
                let notes = self.notes.clone();
                let before = self.befores.get(&step).cloned().unwrap_or_default();
                self.run.clock.spawn(async move {
                    let result = job.undo(before).await;
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
            Deed::Ask { situation } => {
                let cx = muster_context(&self.run.id, &self.run.clock, self.run.fencing);
                let (notes, people) = (self.notes.clone(), Arc::clone(&self.run.resources.people));
                self.run.clock.spawn(async move {
                    let choice = people.decide(&cx, &situation).await;
                    let _ = notes.send(Note::Chosen { choice, situation });
                });
            }
            Deed::CancelAll => self.cancel_all(),
        }
    }

    fn job(&mut self, step: usize, attempt: u32) -> Job {
        let cancel = Cancellation::default();
        self.cancels.insert(step, cancel.clone());
        let plan_step = &self.steps[step];
        let now = self.run.clock.now();
        let deadline = *self.deadlines.entry(step).or_insert(now + plan_step.timeout);
        Job {
            step: Arc::clone(plan_step),
            tools: Tools { step: Some(Arc::clone(plan_step)), ..self.tools.clone() },
            cx: Context { actor: Actor::Step(plan_step.id.clone()), attempt, cancel, ..muster_context(&self.run.id, &self.run.clock, self.run.fencing) },
            sink: self.sink.clone(),
            deadline,
        }
    }

    fn cancel_all(&self) {
        self.cancels.values().for_each(Cancellation::cancel);
    }

    /// After the journal failed: waits, within the grace, until nothing acts any more.
    async fn drain_until_quiet(&mut self, noted: &mut mpsc::UnboundedReceiver<Note>) {
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

    /// Ends the watch, looks at the world, judges, and writes the last event.
    async fn end(
        mut self,
        cx: &Context,
        inbox: &mut mpsc::Receiver<Message>,
        noted: &mut mpsc::UnboundedReceiver<Note>,
    ) -> Result<Ended, EngineError> {
        if let Some(watch) = self.watch.take() {
            let notes = self.notes.clone();
            self.run.clock.spawn(async move {
                watch.finish().await;
                let _ = notes.send(Note::WatchEnded);
            });
        }
        let mut round = Round::default();
        loop {
            tokio::select! {
                biased;
                Some(message) = inbox.recv() => self.take_message(&mut round, message)?,
                Some(note) = noted.recv() => match note {
                    Note::WatchEnded => break,
                    other => self.take_note(&mut round, other)?,
                },
            }
            self.close(&mut round).await?;
        }
        while let Ok(message) = inbox.try_recv() {
            self.take_message(&mut round, message)?;
        }
        self.close(&mut round).await?;
        let (seen, _) = survey(&self.plan, &self.run.resources, cx).await;
        let broken = if self.break_off.is_some() { Broken::Off } else { Broken::No };
        let judged = ending::judge(&self.run.id, &self.plan, &self.events, &self.state, &seen, broken);
        let resumable = self.break_off == Some(BreakOff::Resumable);
        if !resumable {
            let finished = Event::Finished {
                verdict: judged.verdict,
                world: judged.world,
                exit: judged.exit,
                left: judged.left,
                seen,
            };
            self.emit(&mut round, finished)?;
            self.close(&mut round).await?;
        }
        let head = self.run.journal.finish().await?.to_string();
        let verdict = (!resumable).then_some((judged.verdict, judged.world));
        Ok(Ended { events: self.events, verdict, exit: judged.exit, head })
    }
}

/// What came together and is written together.
#[derive(Default)]
struct Round {
    events: Vec<Event>,
    durable: Vec<oneshot::Sender<bool>>,
    deeds: Vec<Deed>,
}

/// Looks at everything that the plan knows; gives what was seen, and what was not and why.
pub async fn survey(
    plan: &Plan,
    resources: &Resources,
    cx: &Context,
) -> (World, Vec<(ResourceId, String)>) {
    let ids = plan.resources.keys().cloned().chain(resources.regions.keys().map(|role| region_resource(*role)));
    let mut world = World::new();
    let mut unseen = Vec::new();
    for id in ids {
        let looked = cx.clock.timeout(SURVEY_TIMEOUT, resources.observe(cx, &id)).await;
        match looked.unwrap_or_else(|_| Err(ProviderError::Unreachable(format!("{id} within {SURVEY_TIMEOUT}")))) {
            Ok(state) => {
                world.insert(id, state);
            }
            Err(error) => unseen.push((id, error.to_string())),
        }
    }
    (world, unseen)
}

/// Before the first probe was started, nothing is known.
struct NoHealth;

#[async_trait::async_trait]
impl crate::resource::Health for NoHealth {
    async fn service(&self, _cx: &Context, _service: &crate::id::ServiceId) -> crate::resource::ServiceHealth {
        crate::resource::ServiceHealth::default()
    }

    async fn changed(&self, _cx: &Context) {
        std::future::pending::<()>().await;
    }
}
