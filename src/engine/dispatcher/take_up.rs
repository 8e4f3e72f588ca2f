//! A run that was left behind is taken up: its journal is read through the same transitions, what was under way is
//! seen to, and it goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::claim::PassOver;
use super::deeds::Deed;
use super::intake::SIGINT;
use super::{Dispatcher, EngineError, Round};
use crate::catalogue::{Act, Part};
use crate::engine::executor::gate_opened;
use crate::engine::redacted::clean;
use crate::engine::survey;
use crate::engine::{Past, watch::Watch};
use crate::event::Event;
use crate::id::ProbeId;
use crate::model::{Command, Course, Happened, Leg};
use crate::record::Entry;
use crate::resource::Context;
use crate::state::step::Status;
use crate::time::{Moment, Span};

/// Switches of names that are older than this are not followed again: no TTL in use is longer.
const FOLLOWED_FOR: Span = Span::from_secs(3_600);

/// What the journal tells beside the state.
#[derive(Default)]
struct Told {
    /// When watching began.
    surveyed: Option<Moment>,
    /// Steps whose gate is open.
    open_gates: BTreeSet<usize>,
    /// When each resting step is due again.
    rests: BTreeMap<usize, Moment>,
    /// Steps that changed names, and when they began.
    switches: Vec<(usize, Moment)>,
    /// What canaries were counted.
    counted: BTreeSet<(ProbeId, Leg)>,
}

impl Dispatcher {
    /// Reads the journal back, says that the run is taken up, and sees to what was under way.
    pub(super) async fn take_up(&mut self, cx: &Context, past: Past) -> Result<(), EngineError> {
        let Past { entries, resumed, by_hand } = past;
        if let Some(first) = entries.first() {
            self.names.started = first.at.to_string();
            for observer in &mut self.run.observers {
                observer.event(first);
            }
        }
        let told = self.replay(entries)?;
        let mut round = Round::default();
        let by = resumed.by.clone();
        self.emit(&mut round, Event::Resumed(Box::new(resumed)))?;
        for (step, because) in by_hand {
            self.emit(&mut round, Event::StepSkipped { step, because, by: Some(by.clone()) })?;
        }
        self.close(&mut round).await?;
        let since = match told.surveyed {
            Some(since) => since,
            None => self.look_around(cx).await?,
        };
        self.claim(cx, PassOver::No).await?;
        let watch = Watch::take_up(self.watch_setup(since), &self.events);
        self.tools.health = (self.run.health)(watch.health());
        watch.look_at_all(&self.tools.initial);
        self.watch = Some(Arc::new(watch));
        self.take_up_watched(&told);
        // Who has lost a resource to another run touches nothing, not even to end what it had begun.
        if self.break_off.is_none() {
            self.take_up_steps(&mut round, &told)?;
        }
        self.close(&mut round).await
    }

    /// Takes all events in, in order, as if they happened now; nothing is done about them.
    fn replay(&mut self, entries: Vec<Entry>) -> Result<Told, EngineError> {
        let mut told = Told::default();
        let mut unused = Round::default();
        for entry in &entries {
            self.state
                .apply(&self.plan, &self.graph, &entry.event)
                .map_err(|illegal| EngineError::Past { line: entry.seq + 1, why: illegal.to_string() })?;
            self.follow(&mut unused, &entry.event);
            unused.deeds.clear();
            self.note(&mut told, entry);
        }
        self.events = entries;
        Ok(told)
    }

    fn note(&mut self, told: &mut Told, entry: &Entry) {
        let place = |step| self.graph.step(step);
        match &entry.event {
            Event::Surveyed { world, .. } => {
                told.surveyed = Some(entry.elapsed);
                self.tools.initial = Arc::new(world.clone());
            }
            Event::GateOpened { step, .. } => told.open_gates.extend(place(step)),
            Event::StepStarted { step, .. } => {
                if let Some(n) = place(step) {
                    told.open_gates.remove(&n);
                    told.rests.remove(&n);
                    if matches!(self.plan.steps[n].act, Act::DnsSwitch(_)) {
                        told.switches.push((n, entry.elapsed));
                    }
                }
            }
            Event::StepFailed { step, failure, .. } => {
                if let (Some(n), Some(wait)) = (place(step), failure.retry_in) {
                    told.rests.insert(n, entry.elapsed + wait);
                }
            }
            // Whoever interrupts a second time is heard at once, whichever process the first was told.
            Event::Signalled { signal, .. } if signal == SIGINT => self.interrupts += 1,
            Event::Commanded { command: Command::Abort { .. }, .. } => self.interrupts += 1,
            Event::Decided { .. } => self.interrupts = 0,
            Event::CanaryCounted { leg, count } => {
                told.counted.insert((count.canary.clone(), *leg));
            }
            _ => {}
        }
    }

    /// What is watched because of steps that had ended.
    fn take_up_watched(&mut self, told: &Told) {
        let now = self.run.clock.now();
        if let Some(watch) = &self.watch {
            for (step, _) in told.switches.iter().filter(|(_, began)| now.since(*began) < FOLLOWED_FOR) {
                if let Act::DnsSwitch(switch) = &self.plan.steps[*step].act {
                    watch.follow(&switch.records.0, switch.to);
                }
            }
        }
        for step in self.state.begun.clone() {
            let took_effect = match self.state.steps[step] {
                Status::Passed => !self.state.found_done(step),
                Status::Failed { happened, .. } => happened == Happened::Yes,
                _ => false,
            };
            if took_effect && !self.was_counted(step, told) {
                self.promoted(step);
            }
        }
    }

    /// Whether the canaries of a promotion were counted. One that nobody watches was not: it is looked at for a split.
    fn was_counted(&self, step: usize, told: &Told) -> bool {
        let (act, leg) = (&self.plan.steps[step].act, self.plan.leg_of(step));
        let subjects = act.describe().subjects();
        let mut canaries =
            self.plan.canaries.iter().filter(|canary| subjects.iter().any(|it| it.resource == canary.of));
        canaries.all(|canary| leg.is_some_and(|leg| told.counted.contains(&(canary.id.clone(), leg))))
    }

    /// Steps that were under way, or waited, when Muster died; and a question that nobody answered.
    fn take_up_steps(&mut self, round: &mut Round, told: &Told) -> Result<(), EngineError> {
        for step in 0..self.plan.steps.len() {
            match self.state.steps[step] {
                Status::Running { attempt } => {
                    let planned = &self.plan.steps[step];
                    if planned.act.describe().part() == Part::Gate && !told.open_gates.contains(&step) {
                        let opened = gate_opened(planned);
                        self.emit(round, opened)?;
                    }
                    round.deeds.push(Deed::TakeUp { step, attempt });
                }
                Status::Undoing => round.deeds.push(Deed::TakeUpUndo { step }),
                Status::Resting { .. } => {
                    let due = told.rests.get(&step).copied().unwrap_or_default();
                    round.deeds.push(Deed::Rest { step, wait: due.since(self.run.clock.now()) });
                }
                _ => {}
            }
        }
        // Whoever wanted it tried again is not asked a second time.
        self.retries_due.extend(self.state.to_try_again());
        if self.state.course == Course::Paused && self.state.trigger.is_none() {
            let asked = self.events.iter().rev().find_map(|entry| match &entry.event {
                Event::CourseChanged { course: Course::Paused, because, .. } => Some(because.clone()),
                _ => None,
            });
            round.deeds.push(Deed::Ask { situation: asked.unwrap_or_default() });
        }
        self.tell_what_stands_still(told);
        Ok(())
    }

    /// Whoever watches this process has not seen the events of the one before: what waits for people is told again.
    fn tell_what_stands_still(&mut self, told: &Told) {
        let paused = (self.state.course == Course::Paused && self.state.trigger.is_none()).then(|| {
            self.events.iter().rposition(|it| matches!(it.event, Event::CourseChanged { course: Course::Paused, .. }))
        });
        let failed = self.state.paused_step().filter(|_| paused.is_some()).and_then(|n| {
            let id = &self.plan.steps[n].id;
            self.events.iter().rposition(|it| matches!(&it.event, Event::StepFailed { step, .. } if step == id))
        });
        let asks = |n: &&usize| matches!(self.state.steps[**n], Status::Running { .. });
        let gates = told.open_gates.iter().filter(asks).filter_map(|n| {
            let id = &self.plan.steps[*n].id;
            self.events.iter().rposition(|it| matches!(&it.event, Event::GateOpened { step, .. } if step == id))
        });
        let mut places: Vec<usize> = paused.flatten().into_iter().chain(failed).chain(gates).collect();
        places.sort_unstable();
        let because: Vec<&Entry> = places.into_iter().map(|place| &self.events[place]).collect();
        if !because.is_empty() {
            self.run.observers.iter_mut().for_each(|observer| observer.stands_still(&because));
        }
    }

    /// Looks at everything, and writes down what was seen. Gives when that was.
    pub(super) async fn look_around(&mut self, cx: &Context) -> Result<Moment, EngineError> {
        let (world, unseen) = survey(&self.plan, &self.run.resources, cx).await;
        self.tools.initial = Arc::new(world.clone());
        let surveyed = clean(Event::Surveyed { world, unseen }, &*self.run.secrets);
        self.write(vec![surveyed]).await?;
        Ok(self.events.last().map_or(Moment::ZERO, |entry| entry.elapsed))
    }
}
