//! Where all that is observed comes together: the state of each probe, canary and guardrail, and what of it is told.
//!
//! No I/O, no waiting: results go in with the moment at which they were known, in the order of those moments; what is
//! to be told comes out in order. Both drivers ([`super::plain`], [`super::ahead`]) use this one desk, which is why
//! their journals are alike. A sample stands in exactly one event: as `first` of a `Sampled`, or in a summary.

use std::collections::{BTreeSet, VecDeque};

use super::canary::{Attempt, CanaryLane};
use super::guard::{self, Broken, First, Guard};
use super::lane::Lane;
use super::looks::{self, Look};
use super::own::OwnDeeds;
use crate::catalogue::Achieved;
use crate::event::Event;
use crate::id::{RegionRole, ResourceId, ServiceId};
use crate::measure::{Run, Sight};
use crate::model::{Plan, ProbePlan, Sample, Stands};
use crate::resource::{ServiceHealth, World, WriteAttempt};
use crate::time::{Moment, Span};

/// Unchanged samples are told at most this often.
pub(super) const SUMMED_EVERY: Span = Span::from_secs(10);
/// And this often when nothing has changed for so long: what is quiet needs fewer words.
pub(super) const SUMMED_EVERY_QUIET: Span = Span::from_secs(60);
/// So many events may wait to be told; as long as more do, no sample is begun.
const WAITING_MAX: usize = 4096;

/// The state of all that is observed.
#[derive(Debug)]
pub(super) struct Desk {
    /// Services in the plan's order, then the witness, then the guardrails' probes.
    lanes: Vec<Lane>,
    services: Vec<(ServiceId, Vec<ResourceId>)>,
    witness: Option<usize>,
    /// Whether it was told that the witness fails while a guardrail is broken, since it last answered.
    cut_off_told: bool,
    guards: Vec<Guard>,
    /// What guardrails see of resources, in the plan's order.
    looks: Vec<Look>,
    own: OwnDeeds,
    canaries: Vec<CanaryLane>,
    /// Resources of which it was told that both sides take writes.
    split: BTreeSet<ResourceId>,
    told: VecDeque<Event>,
    /// Whether the board changed since this was last taken.
    changed: bool,
    next_summary: Moment,
    /// When the next guardrail will have been broken for too long, if all goes on as it is.
    guards_due: Moment,
    last_change: Moment,
    closed: bool,
}

/// The first instant after `at` at which no tick, and nothing that follows from one after a whole number of
/// microseconds, can be: ticks lie an odd number of nanoseconds behind one. What is due by the passing of time alone
/// never coincides with a sample, so nothing depends on which of two comes first at one instant.
fn apart(at: Moment) -> Moment {
    Moment((at.0 / 1_000).saturating_mul(1_000).saturating_add(1_500))
}

/// The probes of `plan`, in the order of the desk's lanes.
pub(super) fn probes(plan: &Plan) -> Vec<&ProbePlan> {
    plan.probes().collect()
}

impl Desk {
    pub(super) fn new(plan: &Plan, now: Moment) -> Self {
        let services = plan.services.len();
        let witness = plan.witness.is_some().then_some(services);
        Self {
            lanes: probes(plan).into_iter().map(Lane::new).collect(),
            services: plan.services.iter().map(|it| (it.id.clone(), it.depends_on.clone())).collect(),
            witness,
            cut_off_told: false,
            guards: Guard::all(plan, services + usize::from(witness.is_some())),
            looks: looks::of(plan).map(|(guardrail, look)| Look::new(guardrail, look)).collect(),
            own: OwnDeeds::default(),
            canaries: plan.canaries.iter().map(CanaryLane::new).collect(),
            split: BTreeSet::new(),
            told: VecDeque::new(),
            changed: false,
            next_summary: apart(now + SUMMED_EVERY),
            guards_due: Moment::MAX,
            last_change: now,
            closed: false,
        }
    }

    /// The probe at `place`.
    pub(super) fn lane(&mut self, place: usize) -> &mut Lane {
        &mut self.lanes[place]
    }

    /// All canaries.
    pub(super) fn canaries(&mut self) -> &mut [CanaryLane] {
        &mut self.canaries
    }

    /// It was told that this guardrail is broken.
    pub(super) fn recall_guard(&mut self, name: &str) {
        self.guards.iter_mut().filter(|guard| guard.is(name)).for_each(Guard::was_told);
    }

    /// It was told that Muster itself seems to be cut off.
    pub(super) fn recall_cut_off(&mut self) {
        self.cut_off_told = true;
    }

    /// It was told that both sides of `resource` take writes.
    pub(super) fn recall_split(&mut self, resource: &ResourceId) {
        self.split.insert(resource.clone());
    }

    /// Nothing that comes after this counts.
    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    /// The next event to tell.
    pub(super) fn next_told(&mut self) -> Option<Event> {
        self.told.pop_front()
    }

    /// Whether anything is to be told, or the board changed.
    pub(super) fn has_news(&self) -> bool {
        self.changed || !self.told.is_empty()
    }

    /// Whether the board changed since this was last asked.
    pub(super) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Tells an event that was seen elsewhere.
    pub(super) fn tell(&mut self, event: Event) {
        if !self.closed {
            self.told.push_back(event);
        }
    }

    /// What is known of a service; unknown if there is no such service.
    pub(super) fn service(&self, id: &ServiceId) -> ServiceHealth {
        let place = self.services.iter().position(|(service, _)| service == id);
        place.map(|place| self.lanes[place].health()).unwrap_or_default()
    }

    /// From now on only `active`'s answers end outages of the services that need `records`; either's if `None`.
    pub(super) fn serves(&mut self, records: &[ResourceId], active: Option<RegionRole>) {
        for ((_, needs), lane) in self.services.iter().zip(&mut self.lanes) {
            if needs.iter().any(|needed| records.contains(needed)) {
                lane.activate(active);
            }
        }
    }

    /// The sample of `tick` begins; `false` if it must not.
    pub(super) fn begin(&mut self, lane: usize, tick: u64) -> bool {
        !self.closed && self.told.len() < WAITING_MAX && self.lanes[lane].begin(tick)
    }

    /// Whether `sample` changes nothing that anybody waits for, and so may be taken in before its time.
    pub(super) fn is_quiet(&self, lane: usize, sample: &Sample) -> bool {
        self.lanes[lane].is_quiet(sample, self.sight(lane))
    }

    /// A sample of `lane` has ended, at `now`.
    pub(super) fn end(&mut self, lane: usize, sample: Sample, now: Moment) {
        if self.closed {
            return;
        }
        let mut next = self.lanes[lane].end(sample);
        while let Some(sample) = next {
            let sight = self.sight(lane);
            let (told, shown) = self.lanes[lane].take(sample, sight);
            let changed = shown || !told.is_empty();
            if !told.is_empty() {
                self.last_change = now;
                self.next_summary = self.next_summary.min(apart(now + SUMMED_EVERY));
            }
            self.told.extend(told);
            self.changed |= shown && lane < self.services.len();
            if changed || Some(lane) == self.witness {
                self.check_guards(now);
            }
            next = self.lanes[lane].next();
        }
    }

    /// The last sample of `lane`, if more that say the same change nothing and may be taken in now.
    pub(super) fn settled_on(&self, lane: usize) -> Option<&Sample> {
        if self.closed { None } else { self.lanes[lane].settled_on(self.sight(lane)) }
    }

    /// Samples of `lane` have ended that follow one another and say what its last one said; they took so long.
    pub(super) fn end_all(&mut self, lane: usize, run: &Run, took: &[Span]) {
        let sight = self.sight(lane);
        self.lanes[lane].take_all(run, took, sight);
        if Some(lane) == self.witness {
            self.check_guards(run.last.answered);
        }
    }

    /// Whether a failed sample of `lane` says anything.
    fn sight(&self, lane: usize) -> Sight {
        match self.witness {
            Some(witness) if witness != lane && self.lanes[witness].fails() => Sight::Blind,
            _ => Sight::Clear,
        }
    }

    /// When something is due that follows from the passing of time alone.
    pub(super) fn next_due(&self) -> Moment {
        self.next_summary.min(self.guards_due)
    }

    /// Does what is due at `now`.
    pub(super) fn due(&mut self, now: Moment) {
        if self.closed {
            return;
        }
        self.check_guards(now);
        if now >= self.next_summary {
            self.sum_up(now);
        }
    }

    /// Tells everything that was not told yet.
    pub(super) fn sum_up(&mut self, now: Moment) {
        let quiet = now.since(self.last_change) >= SUMMED_EVERY_QUIET;
        self.next_summary = apart(now + if quiet { SUMMED_EVERY_QUIET } else { SUMMED_EVERY });
        let probes: Vec<_> = self.lanes.iter_mut().filter_map(Lane::sum_up).collect();
        let canaries: Vec<_> = self.canaries.iter_mut().flat_map(CanaryLane::sum_up).collect();
        if !(probes.is_empty() && canaries.is_empty()) {
            self.tell(Event::SamplesSummed { probes, canaries });
        }
    }

    fn check_guards(&mut self, now: Moment) {
        let blind = self.witness.is_some_and(|witness| self.lanes[witness].fails());
        self.cut_off_told &= blind;
        self.check_cut_off();
        for place in 0..self.guards.len() {
            let broken = self.broken(&self.guards[place]);
            let out = self.guards[place].lanes.iter().any(|lane| self.lanes[*lane].is_out())
                || self.guards[place].look.is_some_and(|look| self.looks[look].fails().is_some());
            let guard = &mut self.guards[place];
            if !out {
                guard.healed();
            }
            let too_long = guard.due(broken.as_ref()).is_some_and(|due| due <= now);
            if let (true, true, Some(broken)) = (too_long, blind, &broken) {
                if !std::mem::replace(&mut self.cut_off_told, true) {
                    self.told.push_back(guard.cut_off(broken, now));
                }
            } else {
                self.told.extend(guard.check(broken.as_ref(), now));
            }
        }
        // What the witness forbids to tell is looked at again when it answers.
        self.guards_due = self.next_guard();
    }

    /// Whether Muster is the one that is cut off: the witness is down, and something else does not answer well either.
    /// That must not wait for an outage, for there is none to be seen: what fails now says nothing about its service.
    fn check_cut_off(&mut self) {
        let Some(witness) = self.witness.filter(|_| !self.cut_off_told) else { return };
        if !(self.lanes[witness].is_out() && self.lanes[witness].fails()) {
            return;
        }
        let failing = self.lanes.iter().enumerate().filter(|(place, lane)| *place != witness && lane.fails());
        let failing: Vec<&str> = failing.map(|(_, lane)| lane.id.as_str()).collect();
        if !failing.is_empty() {
            self.told.push_back(guard::cut_off(&failing));
            self.cut_off_told = true;
        }
    }

    fn next_guard(&self) -> Moment {
        let due = self.guards.iter().filter(|_| !self.cut_off_told);
        let due = due.filter_map(|guard| guard.due(self.broken(guard).as_ref()));
        due.min().map_or(Moment::MAX, apart)
    }

    /// Which guardrails do not hold before the first change; `None` while one of their probes has not answered yet.
    pub(super) fn guards_at_first(&self) -> Option<Vec<Event>> {
        let mut broken = Vec::new();
        for guard in &self.guards {
            match self.first_of(guard) {
                First::Holds => {}
                First::Broken(seen) => broken.push(guard.never_held(&seen)),
                First::Unknown => return None,
            }
        }
        Some(broken)
    }

    /// The same, when it is waited for no longer: what has not answered does not hold.
    pub(super) fn guards_given_up(&self) -> Vec<Event> {
        let tell = |guard: &Guard| match self.first_of(guard) {
            First::Holds => None,
            First::Broken(seen) => Some(guard.never_held(&seen)),
            First::Unknown if guard.look.is_some() => Some(guard.never_held("it had not been looked at")),
            First::Unknown => Some(guard.never_held("its probe had not answered")),
        };
        self.guards.iter().filter_map(tell).collect()
    }

    fn first_of(&self, guard: &Guard) -> First {
        match guard.look {
            Some(look) => self.looks[look].first(),
            None => guard.at_first(|lane| self.lanes[lane].first()),
        }
    }

    /// How many of the drill's own deeds were noted.
    pub(super) fn deeds_noted(&self) -> u64 {
        self.own.version
    }

    /// A look at resources has ended, at `now`; `began` is how many of the drill's deeds were noted when it began. What
    /// the drill did meanwhile makes it worth nothing.
    pub(super) fn looked(&mut self, n: usize, began: u64, (found, world): (Achieved, &World), now: Moment) {
        if self.closed || began != self.own.version {
            return;
        }
        let told = match self.own.quiet(self.looks[n].condition()) {
            Some(why) => self.looks[n].silence(why),
            None => self.looks[n].take(found, world, now),
        };
        self.told.extend(told);
        self.check_guards(now);
    }

    /// The drill's step `n` begins, has ended or is taken back. What guardrails can't judge because of that is told.
    pub(super) fn own_deed(&mut self, plan: &Plan, n: usize, event: &Event) {
        self.note_own(plan, n, event);
        for look in &mut self.looks {
            let told = self.own.quiet(look.condition()).and_then(|why| look.silence(why));
            if !self.closed {
                self.told.extend(told);
            }
        }
        // What is quiet is not due any more.
        self.guards_due = self.next_guard();
    }

    fn note_own(&mut self, plan: &Plan, n: usize, event: &Event) {
        let changes = self.own.note(plan, n, event);
        self.looks.iter_mut().for_each(|look| look.disarm(&changes));
    }

    /// The journal tells that the drill did this.
    pub(super) fn recall_own(&mut self, plan: &Plan, n: usize, event: &Event) {
        self.note_own(plan, n, event);
    }

    /// The journal tells how a guardrail's look stood.
    pub(super) fn recall_look(&mut self, name: &str, stands: Stands) {
        self.looks.iter_mut().filter(|look| look.is(name)).for_each(|look| look.recall(stands));
    }

    /// The longest outage among a guardrail's probes.
    fn broken(&self, guard: &Guard) -> Option<Broken> {
        if let Some(look) = guard.look.map(|look| &self.looks[look]) {
            let (since, saw) = look.fails()?.clone();
            return Some(Broken { since, what: look.what(), how: "has not held", seen: Some(saw) });
        }
        let outages = guard.lanes.iter().filter_map(|lane| {
            let (since, saw) = self.lanes[*lane].outage()?;
            Some((since, *lane, saw))
        });
        let (since, lane, saw) = outages.min_by_key(|(since, lane, _)| (*since, *lane))?;
        Some(Broken {
            since,
            what: self.lanes[lane].id.to_string(),
            how: "has been down",
            seen: Some(saw.to_owned()).filter(|it| !it.is_empty()),
        })
    }

    /// The canary at `place`.
    pub(super) fn canary(&mut self, place: usize) -> &mut CanaryLane {
        &mut self.canaries[place]
    }

    /// What a canary sends at a tick.
    pub(super) fn canary_tick(&mut self, place: usize, now: Moment) -> [Option<Attempt>; 2] {
        if self.closed || self.told.len() >= WAITING_MAX { [None, None] } else { self.canaries[place].tick(now) }
    }

    /// A canary's row was answered, or not within the limit (`None`), at `now`.
    pub(super) fn canary_end(&mut self, place: usize, attempt: &Attempt, result: Option<WriteAttempt>, now: Moment) {
        if !self.closed {
            let split = self.canaries[place].end(attempt, result, now);
            if let Some(seen) = split {
                self.split_brain(&self.canaries[place].of.clone(), seen);
            }
        }
    }

    /// Both sides of `resource` take writes; told once.
    pub(super) fn split_brain(&mut self, resource: &ResourceId, seen: String) {
        if self.split.insert(resource.clone()) {
            self.tell(Event::SplitBrain { resource: resource.clone(), seen });
        }
    }
}
