//! What the tasks of a watch have in common.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::{Notify, watch};

use super::WatchSetup;
use super::canary::{Attempt, CanaryLane};
use super::desk::{Desk, probes};
use super::looks;
use crate::catalogue::Mode;
use crate::engine::Sink;
use crate::id::{ProbeId, RegionRole, ResourceId, RunId, ServiceId};
use crate::model::{Plan, Sample};
use crate::probe::{Foreteller, PreparedProbe, Senses, sample};
use crate::resource::{
    Actor, CanaryRow, CanaryRows, Cancellation, Context, Database, Errand, ForetellRows, Foretold, Health,
    ProviderError, ResourceState, Resources, ServiceHealth, Storage, WriteAttempt,
};
use crate::time::{Class, Clock, Moment, Span, Ticks};

/// The first ticks of all probes lie within this much of the start, apart from each other.
pub(super) const SPREAD: Span = Span::from_millis(500);

/// So long a drill waits for the first rows of its canaries before it takes writes away.
const FIRST_ROW_MAX: Span = Span::from_secs(5);
/// Between two looks for them.
const FIRST_ROW_LOOK: Span = Span::from_millis(20);

/// What the tasks of a watch have in common.
pub(super) struct Shared {
    pub(super) plan: Arc<Plan>,
    pub(super) resources: Resources,
    run: RunId,
    fencing: u64,
    /// Of class [`Class::Probe`].
    pub(super) clock: Clock,
    /// Gone once the watch has ended: who still holds the board keeps no run open.
    sink: Mutex<Option<Sink>>,
    desk: Mutex<Desk>,
    /// Something is to be told.
    news: Notify,
    /// When something is due may have changed.
    pub(super) due_changed: Notify,
    /// Counts changes of the board.
    board: watch::Sender<u64>,
    /// One teller at a time, so that events stay in order.
    telling: tokio::sync::Mutex<()>,
    pub(super) probes: Vec<Arc<PreparedProbe>>,
    /// When each probe and then each canary is due.
    pub(super) ticks: Vec<Ticks>,
    /// When each guardrail that looks at resources does so.
    pub(super) look_ticks: Vec<Ticks>,
    stores: Vec<Store>,
    /// For each probe and each canary, where its results can be foretold.
    pub(super) sample_foretellers: Vec<Option<Foreteller>>,
    pub(super) row_foretellers: Vec<Option<Arc<dyn ForetellRows>>>,
    cancel: Cancellation,
}

impl Shared {
    pub(super) fn new(setup: WatchSetup) -> Self {
        let WatchSetup { plan, resources, run, clock, fencing, sink, pace: _, addresses, since } = setup;
        let clock = clock.with_class(Class::Probe);
        let (now, regions) = (clock.now(), Arc::new(addresses));
        // On a whole microsecond, so that the offsets alone say what lies between: see `desk::apart`.
        let start = Moment(since.0.next_multiple_of(1_000));
        let plans = probes(&plan);
        let prepared: Vec<_> =
            plans.iter().map(|probe| Arc::new(PreparedProbe::new(probe, Arc::clone(&regions)))).collect();
        let stores: Vec<_> = plan.canaries.iter().map(|canary| Store::of(&resources, &canary.of)).collect();
        let intervals = plans.iter().map(|probe| probe.every).chain(plan.canaries.iter().map(|canary| canary.every));
        let intervals = intervals.chain(looks::of(&plan).map(|(_, look)| look.every));
        let ticks = (0_u64..).zip(intervals).map(|(n, every)| Ticks { first: start + offset(n, every), every });
        let mut ticks: Vec<Ticks> = ticks.collect();
        let look_ticks = ticks.split_off(plans.len() + plan.canaries.len());
        Self {
            desk: Mutex::new(Desk::new(&plan, now)),
            sample_foretellers: prepared.iter().map(|probe| Foreteller::new(probe, &*resources.network)).collect(),
            row_foretellers: plan.canaries.iter().zip(&stores).map(|(it, store)| store.foretell(&it.id)).collect(),
            stores,
            probes: prepared,
            ticks,
            look_ticks,
            plan,
            resources,
            run,
            fencing,
            clock,
            sink: Mutex::new(Some(sink)),
            news: Notify::new(),
            due_changed: Notify::new(),
            board: watch::Sender::new(0),
            telling: tokio::sync::Mutex::new(()),
            cancel: Cancellation::default(),
        }
    }

    /// The desk. What panicked while it held the lock has left it whole: each change is a few assignments.
    pub(super) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something at the desk and sees to it that what follows is told.
    pub(super) fn at_desk<T>(&self, f: impl FnOnce(&mut Desk) -> T) -> T {
        let mut desk = self.desk();
        let due = desk.next_due();
        let result = f(&mut desk);
        let (news, due_moved) = (desk.has_news(), desk.next_due() != due);
        drop(desk);
        if news {
            self.news.notify_one();
        }
        if due_moved {
            self.due_changed.notify_one();
        }
        result
    }

    /// Tells whatever is to be told, for as long as the watch lasts. The board's change is announced after the event
    /// that says so, so that nobody acts on what the journal does not have yet.
    pub(super) async fn teller(self: Arc<Self>) {
        loop {
            self.news.notified().await;
            self.tell_all().await;
        }
    }

    /// Tells what is to be told now.
    pub(super) async fn tell_all(&self) {
        let _turn = self.telling.lock().await;
        let Some(sink) = self.sink().clone() else { return };
        loop {
            let event = self.desk().next_told();
            match event {
                Some(event) => sink.tell(event).await,
                None => break,
            }
        }
        let changed = self.desk().take_changed();
        if changed {
            self.board.send_modify(|count| *count += 1);
        }
    }

    fn sink(&self) -> MutexGuard<'_, Option<Sink>> {
        self.sink.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells nothing any more.
    pub(super) fn fall_silent(&self) {
        *self.sink() = None;
    }

    /// A context for `actor` on `clock`.
    pub(super) fn context(&self, actor: Actor, clock: Clock) -> Context {
        let (run, cancel) = (self.run.clone(), self.cancel.clone());
        Context { run, actor, attempt: 1, errand: Errand::Do, clock, fencing: self.fencing, cancel }
    }

    /// The context of a probe's samples or a canary's rows, the probes standing first.
    pub(super) fn context_of(&self, line: usize, clock: Clock) -> Context {
        let id = match self.probes.get(line) {
            Some(probe) => probe.id.clone(),
            None => self.plan.canaries[line - self.probes.len()].id.clone(),
        };
        self.context(Actor::Probe(id), clock)
    }

    /// How many probes and canaries there are.
    pub(super) fn lines(&self) -> usize {
        self.ticks.len()
    }

    /// What foretells the rows of a line that is a canary's.
    pub(super) fn row_foreteller(&self, line: usize) -> Option<&Arc<dyn ForetellRows>> {
        self.row_foretellers.get(line.checked_sub(self.probes.len())?)?.as_ref()
    }

    pub(super) fn store(&self, canary: usize) -> &Store {
        &self.stores[canary]
    }
}

/// The first tick of the `n`-th line after the start: spread evenly, whatever their number, and never the same
/// nanosecond twice, so that no two lines are ever due at one instant.
fn offset(n: u64, every: Span) -> Span {
    let within = every.min(SPREAD).0;
    // Multiples of the golden ratio modulo 1 lie farther apart than any others (Knuth, TAOCP 3, 6.4).
    let golden = (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let share = u64::try_from((u128::from(golden) * u128::from(within)) >> 64).unwrap_or(0);
    Span(share / 1_000 * 1_000 + (2 * n + 1) % 1_000)
}

/// What is done at a tick.
pub(super) enum Work {
    /// A probe's sample.
    Sample {
        /// The probe.
        lane: usize,
        /// Its tick.
        tick: u64,
        /// When that was due.
        scheduled: Moment,
    },
    /// A canary's row.
    Row {
        /// The canary.
        canary: usize,
        /// The row and where it goes.
        attempt: Attempt,
    },
}

/// What came of it, and when.
pub(super) enum Done {
    /// A sample.
    Sample(usize, Box<Sample>),
    /// A row's answer; `None`: none within its limit.
    Row(usize, Attempt, Option<WriteAttempt>, Moment),
}

impl Work {
    /// What comes of it, all at once, where that is known before `horizon`, until when nothing happens in the world; that
    /// nobody answers is known before it comes. Otherwise it is as if this had not been called.
    pub(super) fn foretell(self, shared: &Shared, horizon: Moment) -> Result<Done, Self> {
        match self {
            Self::Row { canary, attempt } => {
                let deadline = attempt.row.sent + attempt.limit;
                let foreteller = shared.row_foretellers[canary].as_ref();
                let by = horizon.min(deadline);
                match foreteller.and_then(|it| it.foretell((attempt.region, attempt.row), by, deadline)) {
                    Some(Foretold::At(answered, result)) => Ok(Done::Row(canary, attempt, Some(result), answered)),
                    Some(Foretold::Silence) => Ok(Done::Row(canary, attempt, None, deadline)),
                    None => Err(Self::Row { canary, attempt }),
                }
            }
            Self::Sample { lane, tick, scheduled } => {
                let foreteller = shared.sample_foretellers[lane].as_ref();
                foreteller
                    .and_then(|it| it.foretell(tick, scheduled, horizon))
                    .map(|sample| Done::Sample(lane, Box::new(sample)))
                    .ok_or(Self::Sample { lane, tick, scheduled })
            }
        }
    }

    /// Does it.
    pub(super) async fn perform(self, shared: &Shared, cx: &Context) -> Done {
        match self {
            Self::Sample { lane, tick, scheduled } => {
                let senses = Senses::from(&shared.resources);
                Done::Sample(lane, Box::new(sample(&shared.probes[lane], senses, cx, tick, scheduled).await))
            }
            Self::Row { canary, attempt } => {
                let limit = attempt.limit;
                let written = shared.store(canary).write(cx, attempt.region, attempt.row);
                let result = cx.clock.timeout(limit, written).await.ok();
                Done::Row(canary, attempt, result, cx.clock.now())
            }
        }
    }
}

impl Done {
    /// When it was done.
    pub(super) fn at(&self) -> Moment {
        match self {
            Self::Sample(_, sample) => sample.answered,
            Self::Row(_, _, _, answered) => *answered,
        }
    }

    /// Whether it changes nothing that anybody waits for.
    pub(super) fn is_quiet(&self, desk: &mut Desk) -> bool {
        match self {
            Self::Sample(lane, sample) => desk.is_quiet(*lane, sample),
            Self::Row(canary, attempt, result, _) => desk.canary(*canary).is_quiet(attempt, result.as_ref()),
        }
    }

    /// Hands it in.
    pub(super) fn hand_in(self, desk: &mut Desk) {
        let at = self.at();
        match self {
            Self::Sample(lane, sample) => desk.end(lane, *sample, at),
            Self::Row(canary, attempt, result, _) => desk.canary_end(canary, &attempt, result, at),
        }
    }
}

/// Begins what is due at tick `tick` of `line`; nothing if it must not.
pub(super) fn begin(shared: &Shared, desk: &mut Desk, line: usize, tick: u64, at: Moment) -> [Option<Work>; 2] {
    match line.checked_sub(shared.probes.len()) {
        None => {
            let begun = desk.begin(line, tick);
            [begun.then_some(Work::Sample { lane: line, tick, scheduled: at }), None]
        }
        Some(canary) => {
            desk.canary_tick(canary, at).map(|attempt| attempt.map(|attempt| Work::Row { canary, attempt }))
        }
    }
}

/// What a canary writes to.
pub(super) enum Store {
    Database(Arc<dyn Database>),
    Storage(Arc<dyn Storage>),
    /// The infrastructure has no such thing; its name.
    Missing(ResourceId),
}

impl Store {
    fn of(resources: &Resources, id: &ResourceId) -> Self {
        match (resources.databases.get(id), resources.storages.get(id)) {
            (Some(database), _) => Self::Database(Arc::clone(database)),
            (None, Some(storage)) => Self::Storage(Arc::clone(storage)),
            (None, None) => Self::Missing(id.clone()),
        }
    }

    async fn write(&self, cx: &Context, region: RegionRole, row: CanaryRow) -> WriteAttempt {
        match self {
            Self::Database(database) => database.write_canary(cx, region, row).await,
            Self::Storage(storage) => storage.write_canary(cx, region, row).await,
            Self::Missing(id) => WriteAttempt::Refused(missing(id).into()),
        }
    }

    fn foretell(&self, canary: &ProbeId) -> Option<Arc<dyn ForetellRows>> {
        match self {
            Self::Database(database) => database.foretell_canary(canary),
            Self::Storage(storage) => storage.foretell_canary(canary),
            Self::Missing(_) => None,
        }
    }

    /// Which of the canary's rows `region` has.
    pub(super) async fn rows(&self, cx: &Context, region: RegionRole) -> Result<CanaryRows, ProviderError> {
        match self {
            Self::Database(database) => database.canary_rows(cx, region).await,
            Self::Storage(storage) => storage.canary_rows(cx, region).await,
            Self::Missing(id) => Err(ProviderError::Unsupported(missing(id))),
        }
    }

    /// Makes what a canary needs.
    pub(super) async fn prepare(&self, cx: &Context) -> Result<(), ProviderError> {
        match self {
            Self::Database(database) => database.prepare_canary(cx).await,
            Self::Storage(storage) => storage.prepare_canary(cx).await,
            Self::Missing(id) => Err(ProviderError::Unsupported(missing(id))),
        }
    }

    /// Takes that away.
    pub(super) async fn remove(&self, cx: &Context) -> Result<(), ProviderError> {
        match self {
            Self::Database(database) => database.remove_canary(cx).await,
            Self::Storage(storage) => storage.remove_canary(cx).await,
            Self::Missing(_) => Ok(()),
        }
    }
}

fn missing(id: &ResourceId) -> String {
    format!("the infrastructure file has no database or storage `{id}`")
}

/// The regions whose side takes writes.
pub(super) fn writable(state: &ResourceState) -> Vec<RegionRole> {
    match state {
        ResourceState::Database(state) => state.writable().collect(),
        ResourceState::Storage(state) => state.writable().collect(),
        _ => Vec::new(),
    }
}

/// The services' health, for those who wait on it.
pub(super) struct Board(pub(super) Arc<Shared>);

#[async_trait]
impl Health for Board {
    async fn service(&self, _cx: &Context, service: &ServiceId) -> ServiceHealth {
        self.0.desk().service(service)
    }

    async fn changed(&self, _cx: &Context) {
        // The sender lives as long as this board, so the wait ends with a change alone.
        let _ = self.0.board.subscribe().changed().await;
    }

    async fn settle(&self) {
        if self.0.plan.mode != Mode::Emergency {
            let first = async {
                while self.0.at_desk(|desk| desk.canaries().iter().any(CanaryLane::awaits_its_first)) {
                    self.0.clock.sleep(FIRST_ROW_LOOK).await;
                }
            };
            // A drill whose canary never gets so far says that its loss was not measured.
            let _ = self.0.clock.timeout(FIRST_ROW_MAX, first).await;
        }
        let now = self.0.clock.now();
        self.0.at_desk(|desk| desk.sum_up(now));
        self.0.tell_all().await;
    }
}
