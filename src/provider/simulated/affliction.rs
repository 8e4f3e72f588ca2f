//! Afflictions: what is wrong with the world itself. Nearly all of them are functions of time, like the rest of the
//! world, so that looking ahead sees what will be; a side that takes writes again does so at an instant.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use crate::id::{RegionRole, ResourceId, StepId};
use crate::infrastructure::simulate::{Affliction, Ailment, Answering, Recovering, Said, Snapshotting, Stepping};
use crate::resource::{Actor, Context, CopyReport, Recovered, Restored, SnapshotSummary};
use crate::time::{Class, Moment, Span};

use super::endpoint::Endpoint;
use super::fault::Access;
use super::world::World;
use super::{Place, SimulationSetup};

/// All that is wrong.
#[derive(Debug)]
pub(super) struct Ills {
    all: Vec<Affliction>,
    /// Steps whose work was held up already.
    held_up: Mutex<BTreeSet<StepId>>,
}

impl Ills {
    pub(super) fn new(all: Vec<Affliction>) -> Self {
        Self { all, held_up: Mutex::default() }
    }

    /// Whether anything is, ever.
    pub(super) fn any(&self) -> bool {
        !self.all.is_empty()
    }

    fn now(&self, now: Moment) -> impl Iterator<Item = &Affliction> {
        self.all.iter().filter(move |ill| ill.is_there(now))
    }

    /// How an endpoint answers that is asked in `region` at `now`, if otherwise than it should.
    pub(super) fn answering(&self, endpoint: &Endpoint, region: Option<RegionRole>, now: Moment) -> Option<&Answering> {
        self.now(now).find_map(|ill| match &ill.what {
            Ailment::Answers { at, region: only, how } => {
                let here = only.is_none() || *only == region;
                let asked = *at.host == *endpoint.host && at.port == endpoint.port && at.path == endpoint.path;
                (here && asked).then_some(how)
            }
            _ => None,
        })
    }

    /// The TTL of a record.
    pub(super) fn ttl(&self, id: &ResourceId, now: Moment) -> Option<Span> {
        self.now(now).find_map(|ill| match &ill.what {
            Ailment::Ttl { record, ttl } if record == id => Some(*ttl),
            _ => None,
        })
    }

    /// How many servers a region can give.
    pub(super) fn capacity(&self, id: &ResourceId, role: RegionRole, now: Moment) -> Option<u32> {
        self.now(now).find_map(|ill| match &ill.what {
            Ailment::Capacity { of, region, servers } if of == id && *region == role => Some(*servers),
            _ => None,
        })
    }

    /// What is wrong with a storage's copy.
    pub(super) fn copy(&self, id: &ResourceId, now: Moment, report: &mut CopyReport) {
        for ill in self.now(now) {
            if let Ailment::Copy { of, missing, damaged, diverged } = &ill.what
                && of == id
            {
                let most = report.repositories;
                report.missing = report.missing.saturating_add(*missing).min(most);
                report.damaged = report.damaged.saturating_add(*damaged).min(most);
                report.diverged = report.diverged.saturating_add(*diverged).min(most);
                report.checked = most - report.missing;
            }
        }
    }

    fn snapshotting(&self, id: &ResourceId, now: Moment) -> impl Iterator<Item = (Moment, Snapshotting)> {
        self.now(now).filter_map(move |ill| match &ill.what {
            Ailment::Snapshots { of, how } if of == id => Some((ill.from, *how)),
            _ => None,
        })
    }

    /// What is wrong with snapshots.
    pub(super) fn snapshots(&self, id: &ResourceId, now: Moment, seen: &mut SnapshotSummary) {
        for (from, how) in self.snapshotting(id, now) {
            match how {
                Snapshotting::Newest(age) => {
                    seen.newest_age = age + now.since(from);
                    seen.oldest_age = seen.oldest_age.max(seen.newest_age);
                }
                Snapshotting::Oldest(age) => {
                    seen.oldest_age = age;
                    seen.newest_age = seen.newest_age.min(age);
                }
                Snapshotting::Plain(count) => seen.encrypted = seen.count.saturating_sub(count),
                Snapshotting::Gap(gap) => seen.longest_gap = gap,
                Snapshotting::Damaged(_) | Snapshotting::Restores(_) => {}
            }
        }
    }

    /// What is wrong with what a restore brought back.
    pub(super) fn restored(&self, id: &ResourceId, now: Moment, restored: &mut Restored) {
        for (_, how) in self.snapshotting(id, now) {
            match how {
                Snapshotting::Damaged(count) => restored.damaged = count.min(restored.checked),
                Snapshotting::Restores(age) => restored.newest_age = age,
                _ => {}
            }
        }
    }

    /// For how long deleted repositories are kept, if otherwise than they should.
    pub(super) fn kept(&self, id: &ResourceId, now: Moment) -> Option<Span> {
        self.recovering(id, now).find_map(|how| match how {
            Recovering::Kept(long) => Some(long),
            _ => None,
        })
    }

    fn recovering(&self, id: &ResourceId, now: Moment) -> impl Iterator<Item = Recovering> {
        self.now(now).filter_map(move |ill| match &ill.what {
            Ailment::Recovers { of, how } if of == id => Some(*how),
            _ => None,
        })
    }

    /// What is wrong with a repository that came back.
    pub(super) fn recovered(&self, id: &ResourceId, now: Moment, it: &mut Recovered) {
        for how in self.recovering(id, now) {
            match how {
                Recovering::Lacking(count) => it.refs = it.refs.saturating_sub(count),
                Recovering::Damaged(count) => it.damaged = count,
                Recovering::Metadata => it.metadata = !it.metadata,
                Recovering::Kept(_) => {}
            }
        }
    }

    fn stepping(&self, cx: &Context) -> impl Iterator<Item = (&StepId, &Stepping)> {
        self.now(cx.clock.now()).filter_map(|ill| match (&ill.what, &cx.actor) {
            (Ailment::Step { step, how }, Actor::Step(actor)) if step == actor => Some((step, how)),
            _ => None,
        })
    }

    /// By how much a step's call is held up: its work once, its looks each time.
    pub(super) fn late(&self, cx: &Context, access: Access) -> Option<Span> {
        if self.all.is_empty() {
            return None;
        }
        self.stepping(cx).find_map(|(step, how)| match (how, access) {
            (Stepping::Slow(late), _) => Some(*late),
            (Stepping::Late(late), Access::Work) => {
                let mut held_up = self.held_up.lock().unwrap_or_else(PoisonError::into_inner);
                held_up.insert(step.clone()).then_some(*late)
            }
            _ => None,
        })
    }

    /// What is wrong with how a step's program ended.
    pub(super) fn program(&self, cx: &Context, code: &mut i32, stdout: &mut String) {
        for (_, how) in self.stepping(cx) {
            match how {
                Stepping::Exit(other) => *code = *other,
                Stepping::Mute => stdout.clear(),
                Stepping::Late(_) | Stepping::Slow(_) | Stepping::Answered(_) => {}
            }
        }
    }

    /// How a step's own request is answered, if otherwise than it should.
    pub(super) fn request(&self, cx: &Context) -> Option<&Answering> {
        self.stepping(cx).find_map(|(_, how)| match how {
            Stepping::Answered(how) => Some(how),
            _ => None,
        })
    }
}

/// An answer over HTTP.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
    /// For how many days the server's certificate is valid yet.
    pub(super) days: Option<u32>,
}

impl Answer {
    pub(super) fn plain(status: u16, body: String) -> Self {
        Self { status, headers: Vec::new(), body, days: None }
    }
}

/// What becomes of an answer.
pub(super) fn spoil(how: &Answering, answer: &mut Answer) {
    match how {
        Answering::Status(other) => answer.status = *other,
        Answering::Lacking(text) => answer.body = answer.body.replace(text.as_str(), ""),
        Answering::Without(name) => answer.headers.retain(|(header, _)| !header.eq_ignore_ascii_case(name)),
        Answering::Instead(_, Said::Http { status, headers, body, days }) => {
            let (headers, body, days) = (headers.clone(), body.clone(), Some(*days));
            *answer = Answer { status: *status, headers, body, days };
        }
        Answering::Refused | Answering::Well | Answering::After(_) | Answering::Instead(..) => {}
    }
}

/// Sets in what is no function of time alone.
pub(super) fn set_in(setup: &SimulationSetup, world: &std::sync::Arc<World>, ids: &[(ResourceId, Place)]) {
    let place = |id: &ResourceId| ids.iter().find(|(known, _)| known == id).map(|(_, place)| *place);
    for ill in &setup.afflictions {
        let mut state = world.state();
        match &ill.what {
            Ailment::Resolves { record, as_of } => {
                if let Some(Place::Dns(n)) = place(record) {
                    state.records[n].stale = Some((ill.from, *as_of));
                }
            }
            Ailment::Behind { of, by } => match place(of) {
                Some(Place::Database(n)) => state.databases[n].fall_behind(ill.from, *by),
                Some(Place::Storage(n)) => state.storages[n].pair.fall_behind(ill.from, *by),
                _ => {}
            },
            Ailment::Hollow { of, lacks } => match place(of) {
                Some(Place::Database(n)) => state.databases[n].hollow = Some((ill.from, *lacks)),
                Some(Place::Storage(n)) => state.storages[n].pair.hollow = Some((ill.from, *lacks)),
                _ => {}
            },
            Ailment::Unfenced { of, region } => {
                let (Some(place), region, from) = (place(of), *region, ill.from) else { continue };
                let (world, clock) = (std::sync::Arc::clone(world), setup.clock.clone());
                setup.clock.spawn(async move {
                    clock.sleep_until_as(from, Class::World).await;
                    let mut state = world.state();
                    let (reach, now) = (state.users_reach(region), clock.now());
                    match place {
                        Place::Database(n) => {
                            state.databases[n].unfence(region, reach, now);
                            state.note_database(n, now);
                        }
                        Place::Storage(n) => {
                            state.storages[n].pair.unfence(region, reach, now);
                            state.note_storage(n, now);
                        }
                        Place::Dns(_) | Place::Compute(_) | Place::Backup(_) => {}
                    }
                });
            }
            _ => {}
        }
    }
}
