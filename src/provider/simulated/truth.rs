//! What is really so: the facts that health is derived from, and the true outages, which tests hold measures against.

use crate::id::RegionRole;
use crate::resource::ReplicaRole;
use crate::time::Moment;

use super::endpoint::{Endpoint, EndpointKind};
use super::pair::{BOTH, Pair, index};

/// What matters of one side of a database or storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SideFact {
    /// It takes writes.
    pub(super) writable: bool,
    /// It runs, as primary or replica.
    pub(super) running: bool,
}

impl SideFact {
    pub(super) fn of(pair: &Pair) -> [Self; 2] {
        BOTH.map(|role| {
            let side = pair.side(role);
            Self { writable: side.writable(), running: side.role != ReplicaRole::Down }
        })
    }
}

/// One thing that may change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fact {
    /// Which regions users are cut off from.
    Cut([bool; 2]),
    /// Both sides of a database.
    Database(usize, [SideFact; 2]),
    /// Both sides of a storage.
    Storage(usize, [SideFact; 2]),
    /// Since when at least one server of a group is up in each region.
    Compute(usize, [Option<Moment>; 2]),
}

/// A change, and when.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) at: Moment,
    pub(super) fact: Fact,
}

/// All that the health of endpoints is derived from, names apart.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    pub(super) cut: [bool; 2],
    pub(super) databases: Vec<[SideFact; 2]>,
    pub(super) storages: Vec<[SideFact; 2]>,
    pub(super) computes: Vec<[Option<Moment>; 2]>,
}

/// What an endpoint depends on, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    Database(usize),
    Storage(usize),
    Compute(usize),
}

impl Facts {
    /// Takes a fact in; `false` if it was known.
    pub(super) fn set(&mut self, fact: &Fact) -> bool {
        fn put<T: Clone + PartialEq>(place: &mut T, value: &T) -> bool {
            let new = place != value;
            place.clone_from(value);
            new
        }
        match fact {
            Fact::Cut(cut) => put(&mut self.cut, cut),
            Fact::Database(n, sides) => put(&mut self.databases[*n], sides),
            Fact::Storage(n, sides) => put(&mut self.storages[*n], sides),
            Fact::Compute(n, since) => put(&mut self.computes[*n], since),
        }
    }

    /// The first thing that `region` lacks to serve `kind`; `None` if all is well.
    pub(super) fn lacks(&self, needs: &[Need], kind: EndpointKind, region: RegionRole, now: Moment) -> Option<Need> {
        let side = index(region);
        let serves = |fact: SideFact| match kind {
            EndpointKind::Serve => fact.writable,
            EndpointKind::Standby => fact.running,
        };
        needs.iter().copied().find(|need| match *need {
            Need::Database(n) => !serves(self.databases[n][side]),
            Need::Storage(n) => !serves(self.storages[n][side]),
            Need::Compute(n) => self.computes[n][side].is_none_or(|since| since > now),
        })
    }
}

impl Facts {
    /// When the next of the servers is up, in whichever region, that is not yet at `now`.
    pub(super) fn next_up(&self, needs: &[Need], now: Moment) -> Option<Moment> {
        let computes = needs.iter().filter_map(|need| match *need {
            Need::Compute(n) => Some(self.computes[n]),
            Need::Database(_) | Need::Storage(_) => None,
        });
        computes.flatten().flatten().filter(|since| *since > now).min()
    }
}

/// What became of an endpoint over time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truth {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// From each moment on, until the next: whether a user with the system's resolver was served well, and by which
    /// region where it belongs to one.
    pub segments: Vec<(Moment, Served)>,
}

/// Whether and where users are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    /// By nobody.
    No,
    /// By this region, or by something outside both.
    By(Option<RegionRole>),
}

impl Truth {
    /// When it could not be used, up to `until`.
    #[must_use]
    pub fn outages(&self, until: Moment) -> Vec<(Moment, Moment)> {
        let mut outages: Vec<(Moment, Moment)> = Vec::new();
        for (n, (from, served)) in self.segments.iter().enumerate() {
            let end = self.segments.get(n + 1).map_or(until, |next| next.0).min(until);
            if *served != Served::No || *from >= end {
                continue;
            }
            match outages.last_mut() {
                Some(last) if last.1 == *from => last.1 = end,
                _ => outages.push((*from, end)),
            }
        }
        outages
    }
}
