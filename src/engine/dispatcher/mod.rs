//! The dispatcher: owns the run's state, writes every event, starts whatever may be started.
//!
//! One round: take in all that was told, apply it to the state, decide what follows, write it all as one commit, and
//! only then act on it. So an intent is durable before its act, and the result of one step and the intents that follow
//! from it cost one `fdatasync`.

mod claim;
mod command;
mod decide;
mod deeds;
mod end;
mod intake;
mod recovery;
mod take_up;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use claim::PassOver;
use deeds::Deed;
use intake::Note;
use recovery::LastLook;

use crate::action::Tools;
use crate::catalogue::{Act, Before, Part};
use crate::engine::ending::Story;
use crate::engine::gates::{Desk, DeskSetup, open_gates};
use crate::engine::redacted::{Clean, clean};
use crate::engine::watch::{Watch, WatchSetup};
use crate::engine::{Attended, Ended, EngineError, Message, Run, Signal, Sink, late, muster_context};
use crate::event::Event;
use crate::id::RegionRole;
use crate::journal::Stamp;
use crate::model::{Course, Happened, Plan, Step, UndoResult};
use crate::probe::Regions;
use crate::record::Entry;
use crate::resource::{Cancellation, Context, Person, ResourceState, World};
use crate::state::{Graph, RunState};
use crate::time::{Moment, Span};

/// From one tick of a watched clock to the next.
const TICK: Span = Span(200_000_000);
/// How many messages are taken in before the state is looked at again.
const ROUND: usize = 512;
/// How long what is under way may take to end when the run breaks off.
const LAST_GRACE: Span = Span(10_000_000_000);

/// Why the run ends before its plan does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum BreakOff {
    /// SIGTERM: it can be resumed.
    Resumable,
    /// A second SIGINT, or a second abort.
    AtOnce,
    /// Another run has the lease.
    LeaseLost,
}

/// Whether the guardrails were looked at, as they must be before the first change.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Guarded {
    /// Not yet.
    No,
    /// Their probes are waited for.
    Asked,
    /// They were, and what was found was told.
    Yes,
}

struct Dispatcher {
    run: Run,
    plan: Arc<Plan>,
    steps: Vec<Arc<Step>>,
    graph: Graph,
    state: RunState,
    tools: Tools,
    names: late::Names,
    desk: Arc<Desk>,
    events: Vec<Entry>,
    story: Story,
    sink: Sink,
    notes: mpsc::UnboundedSender<Note>,
    watch: Option<Arc<Watch>>,
    /// Steps that look at the world before their intent.
    looking: BTreeSet<usize>,
    cancels: BTreeMap<usize, Cancellation>,
    /// Steps that were asked to end, and when they do have not failed by themselves.
    cancelled: BTreeSet<usize>,
    deadlines: BTreeMap<usize, Moment>,
    befores: BTreeMap<usize, Before>,
    /// Steps of which an attempt failed that changed something, or may have: the next one goes on from there.
    halfway: BTreeSet<usize>,
    retries_due: BTreeSet<usize>,
    /// What the run must not end without.
    unsettled: usize,
    interrupts: u32,
    /// How many questions of how to go on were asked.
    asked: u64,
    /// What the last one was about.
    situation: String,
    /// Whether every guardrail was seen to hold: nothing is changed before.
    guarded: Guarded,
    /// Makes the question go away that is open.
    question: Option<Cancellation>,
    break_off: Option<BreakOff>,
    grace_over: bool,
    last_look: LastLook,
    /// Whether somebody watches a clock.
    ticks: bool,
    next_tick: Moment,
}

/// Carries out a plan from its first event to its last.
///
/// # Errors
/// [`EngineError::Journal`] if the journal can't be written any more; what was under way has then been asked to end.
pub async fn drive(mut run: Run) -> Result<Ended, EngineError> {
    let plan = Arc::clone(&run.started.plan);
    let (sink, mut inbox) = Sink::new();
    // Unbounded, but at most one note for each thing that the dispatcher itself began.
    let (notes, mut noted) = mpsc::unbounded_channel();
    let desk = Arc::new(desk(&run, &sink));
    run.resources.people = Arc::clone(&desk) as _;
    let cx = muster_context(&run.id, &run.clock, run.fencing);
    let names = late::Names {
        id: run.id.to_string(),
        mode: plan.mode.to_string(),
        started: run.clock.wall().to_string(),
        ending: None,
        summary: None,
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
            left_behind: Arc::default(),
        },
        names,
        desk,
        events: Vec::new(),
        story: Story::default(),
        sink,
        notes,
        watch: None,
        looking: BTreeSet::new(),
        cancels: BTreeMap::new(),
        cancelled: BTreeSet::new(),
        deadlines: BTreeMap::new(),
        befores: BTreeMap::new(),
        halfway: BTreeSet::new(),
        retries_due: BTreeSet::new(),
        unsettled: 0,
        interrupts: 0,
        asked: 0,
        situation: String::new(),
        guarded: Guarded::No,
        question: None,
        break_off: None,
        grace_over: false,
        last_look: LastLook::Ahead,
        ticks: !run.clock.is_virtual() && run.observers.iter().any(|observer| observer.wants_ticks()),
        next_tick: Moment::ZERO,
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

/// Where the answers to gates come together.
fn desk(run: &Run, sink: &Sink) -> Desk {
    let origin = &run.started.origin;
    let starter = Person { name: origin.lead.clone(), user: origin.user.clone(), host: origin.host.clone() };
    let setup = match &run.past {
        None => DeskSetup { terminal: starter.clone(), starter, ..DeskSetup::default() },
        Some(past) => DeskSetup { starter, terminal: past.resumed.by.clone(), open: open_gates(&past.entries) },
    };
    Desk::new(Arc::clone(&run.resources.people), sink.clone(), setup)
}

impl Dispatcher {
    /// The first events, and everything that watches.
    async fn begin(&mut self, cx: &Context) -> Result<(), EngineError> {
        for observer in &mut self.run.observers {
            observer.begins(&self.run.id);
        }
        if let Some(past) = self.run.past.take() {
            return self.take_up(cx, past).await;
        }
        let started = clean(Event::Started(Box::new(self.run.started.clone())), &*self.run.secrets);
        self.write(vec![started]).await?;
        let since = self.look_around(cx).await?;
        let pass_over = if self.run.started.origin.break_glass.is_some() { PassOver::Yes } else { PassOver::No };
        self.claim(cx, pass_over).await?;
        let watch = Watch::start(self.watch_setup(since));
        self.tools.health = (self.run.health)(watch.health());
        // The guardrail that is built in is checked before the first change too.
        watch.saw(&self.tools.initial);
        watch.look_at_all(&self.tools.initial);
        self.watch = Some(Arc::new(watch));
        Ok(())
    }

    /// What is watched. A run that another one keeps out writes no canary's rows beside the other's, and takes none away.
    fn watched(&self) -> Arc<Plan> {
        let kept_out = |entry: &Entry| matches!(&entry.event, Event::Claimed { taken, .. } if !taken.is_empty());
        if self.events.iter().any(kept_out) {
            return Arc::new(Plan { canaries: Vec::new(), ..Plan::clone(&self.plan) });
        }
        Arc::clone(&self.plan)
    }

    fn watch_setup(&self, since: Moment) -> WatchSetup {
        WatchSetup {
            plan: self.watched(),
            resources: self.run.resources.clone(),
            run: self.run.id.clone(),
            clock: self.run.clock.clone(),
            fencing: self.run.fencing,
            sink: self.sink.clone(),
            pace: self.run.pace,
            addresses: self.regions(),
            since,
        }
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
            if finished && self.unsettled == 0 && self.users_are_seen_to().await {
                return Ok(());
            }
            if self.break_off.is_some() && (self.cancels.is_empty() || self.grace_over) {
                return Ok(());
            }
            self.listen(&mut round, inbox, noted).await?;
        }
    }

    fn tick(&mut self) {
        let now = self.run.clock.now();
        self.next_tick = now + TICK;
        for observer in &mut self.run.observers {
            observer.tick(now);
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
            () = self.run.clock.sleep_until(self.next_tick), if self.ticks => self.tick(),
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

    /// Applies an event to the state and puts it into the round, without any secret in what others say in it.
    fn emit(&mut self, round: &mut Round, event: Event) -> Result<(), EngineError> {
        let clean = clean(event, &*self.run.secrets);
        let event = clean.event();
        self.state.apply(&self.plan, &self.graph, event).map_err(|illegal| EngineError::Defect(illegal.to_string()))?;
        self.desk.follow(event, self.run.clock.now());
        self.follow(round, event);
        round.events.push(clean);
        Ok(())
    }

    /// What an event means to those who act beside the state.
    fn follow(&mut self, round: &mut Round, event: &Event) {
        if let Event::CourseChanged { course, .. } = event
            && *course != Course::Paused
            && let Some(question) = self.question.take()
        {
            question.cancel();
        }
        let (Event::StepStarted { step, .. }
        | Event::StepPassed { step, .. }
        | Event::StepFailed { step, .. }
        | Event::UndoStarted { step }
        | Event::UndoFinished { step, .. }
        | Event::StepSkipped { step, by: Some(_), .. }) = event
        else {
            return;
        };
        let Some(n) = self.graph.step(step) else { return };
        self.tell_watch(n, event);
        match event {
            Event::StepStarted { attempt, before, .. } => {
                self.looking.remove(&n);
                // The world before the first attempt that saw it is what undo goes back to.
                if *attempt == 1 || self.befores.get(&n).is_none_or(Before::is_empty) {
                    self.befores.insert(n, before.clone());
                }
            }
            Event::StepPassed { pass, .. } if !pass.already => self.promoted(n),
            Event::StepSkipped { .. } => self.promoted(n),
            Event::UndoFinished { .. } => drop(self.halfway.remove(&n)),
            Event::StepFailed { failure, .. } => {
                if failure.happened == Happened::Yes {
                    self.promoted(n);
                }
                if failure.happened != Happened::No {
                    self.halfway.insert(n);
                }
                if let Some(wait) = failure.retry_in {
                    round.deeds.push(Deed::Rest { step: n, wait });
                }
            }
            _ => {}
        }
    }

    /// Whose answers count, and which side may take writes, while a switch or a promotion is made or taken back: the
    /// same events say the same to whoever reads the journal later.
    fn tell_watch(&self, step: usize, event: &Event) {
        let Some(watch) = &self.watch else { return };
        watch.does(step, event);
        let act = &self.plan.steps[step].act;
        match (event, act, act.describe().part()) {
            (Event::StepStarted { .. }, _, Part::Promotion(to)) => {
                for subject in act.describe().subjects() {
                    watch.promoting(&subject.resource, to);
                }
            }
            (Event::StepStarted { before, .. }, Act::DnsSwitch(switch), _) => {
                watch.switching(&switch.records.0, switch.to, before);
            }
            (Event::StepPassed { .. } | Event::StepSkipped { .. }, Act::DnsSwitch(switch), _) => {
                watch.serves(&switch.records.0, Some(switch.to));
            }
            (Event::UndoStarted { .. }, Act::DnsSwitch(switch), _) => watch.serves(&switch.records.0, None),
            (Event::UndoFinished { result: UndoResult::Restored, .. }, Act::DnsSwitch(switch), _) => {
                watch.serves(&switch.records.0, Some(switch.to.other()));
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
    async fn write(&mut self, events: Vec<Clean>) -> Result<(), EngineError> {
        if events.is_empty() {
            return Ok(());
        }
        let (at, elapsed) = (self.run.clock.wall(), self.run.clock.now());
        let stamp = Stamp { at, elapsed_ns: elapsed.0 };
        let committed = self.run.journal.commit(stamp, &events).await?;
        for (n, event) in events.into_iter().map(Clean::into_event).enumerate() {
            let stamped = Entry { seq: committed.first_seq + n as u64, at, elapsed, event };
            for observer in &mut self.run.observers {
                observer.event(&stamped);
            }
            self.events.push(stamped);
        }
        Ok(())
    }
}

/// What came together and is written together.
#[derive(Default)]
struct Round {
    events: Vec<Clean>,
    durable: Vec<oneshot::Sender<bool>>,
    deeds: Vec<Deed>,
}

/// Before the first probe was started, nothing is known.
pub(super) struct NoHealth;

#[async_trait::async_trait]
impl crate::resource::Health for NoHealth {
    async fn service(&self, _cx: &Context, _service: &crate::id::ServiceId) -> crate::resource::ServiceHealth {
        crate::resource::ServiceHealth::default()
    }

    async fn changed(&self, _cx: &Context) {
        std::future::pending::<()>().await;
    }
}
