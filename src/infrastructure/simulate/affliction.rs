//! Afflictions: what is wrong with the twin itself, from some instant on.
//!
//! A [`super::Fault`] makes Muster's own acts go wrong; an affliction makes the world so that a check has something to
//! see: a copy that is too far behind, a server that answers with another status, an old primary that takes writes
//! again. They stand at the level of the network and the provider, below actions and probes, which know nothing of them.

use super::Said;
use crate::id::{RegionRole, ResourceId, StepId};
use crate::time::{Moment, Span};

/// Something that is wrong, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Affliction {
    /// What.
    pub what: Ailment,
    /// From when on; [`Moment::ZERO`]: it always was so.
    pub from: Moment,
    /// For how long; for ever if `None`.
    pub lasts: Option<Span>,
    /// It comes again so long after it last began.
    pub again: Option<Span>,
}

impl Affliction {
    /// From `from` on, for ever.
    #[must_use]
    pub fn since(from: Moment, what: Ailment) -> Self {
        Self { what, from, lasts: None, again: None }
    }

    /// Whether it is there at `now`.
    #[must_use]
    pub fn is_there(&self, now: Moment) -> bool {
        if now < self.from {
            return false;
        }
        let Some(lasts) = self.lasts else { return true };
        let since = now.since(self.from).0;
        match self.again {
            Some(again) if again.0 > 0 => since % again.0 < lasts.0,
            _ => since < lasts.0,
        }
    }
}

/// What can be wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ailment {
    /// An address answers otherwise than it should.
    Answers {
        /// Where.
        at: Address,
        /// In this region only; in both, and outside, if `None`.
        region: Option<RegionRole>,
        /// How.
        how: Answering,
    },
    /// Resolvers answer with what a record was at an earlier time, whatever its TTL says.
    Resolves {
        /// The record.
        record: ResourceId,
        /// As it was then.
        as_of: Moment,
    },
    /// A record has this TTL.
    Ttl {
        /// The record.
        record: ResourceId,
        /// Its TTL.
        ttl: Span,
    },
    /// The copy of a database or storage is so far behind, no more and no less.
    Behind {
        /// Of what.
        of: ResourceId,
        /// How far.
        by: Span,
    },
    /// A copy says that it has everything, and what is promoted lacks the last so much of it.
    Hollow {
        /// Of what.
        of: ResourceId,
        /// What of the time before the last write is not there.
        lacks: Span,
    },
    /// A fenced side takes writes again.
    Unfenced {
        /// Of what.
        of: ResourceId,
        /// Which side.
        region: RegionRole,
    },
    /// The copy of a storage is not as the original.
    Copy {
        /// Of which storage.
        of: ResourceId,
        /// So many repositories are missing.
        missing: u32,
        /// So many are damaged.
        damaged: u32,
        /// So many have what the original never had.
        diverged: u32,
    },
    /// Snapshots are otherwise than they should be.
    Snapshots {
        /// Which.
        of: ResourceId,
        /// How.
        how: Snapshotting,
    },
    /// A deleted repository comes back otherwise than it should.
    Recovers {
        /// Of which storage.
        of: ResourceId,
        /// How.
        how: Recovering,
    },
    /// A region can give so many servers.
    Capacity {
        /// Of which group.
        of: ResourceId,
        /// Where.
        region: RegionRole,
        /// How many.
        servers: u32,
    },
    /// A step's own work goes otherwise than it should.
    Step {
        /// Which.
        step: StepId,
        /// How.
        how: Stepping,
    },
}

/// What a probe connects to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The name or address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// What is asked for there: the path of an HTTP endpoint, or what else tells one question from another; `None` for one
    /// that only takes connections.
    pub path: Option<String>,
}

/// How an address answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answering {
    /// Nobody listens.
    Refused,
    /// As if all were well, whatever it needs and whoever is cut off.
    Well,
    /// With this status.
    Status(u16),
    /// Without this text in its body.
    Lacking(String),
    /// Without this header.
    Without(String),
    /// So long after it was asked.
    After(Span),
    /// With something else, which is told so.
    Instead(String, Said),
}

/// How snapshots are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Snapshotting {
    /// The newest was so old when this began, and no newer one is taken.
    Newest(Span),
    /// The oldest is so old.
    Oldest(Span),
    /// So many are not encrypted.
    Plain(u32),
    /// So much time lies between two of them.
    Gap(Span),
    /// So many things of a restore are damaged.
    Damaged(u32),
    /// The newest write that a restore brings back is so old.
    Restores(Span),
}

/// How a deleted repository comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovering {
    /// It is kept for so long.
    Kept(Span),
    /// So many of its refs are missing.
    Lacking(u32),
    /// So many of its objects are damaged.
    Damaged(u32),
    /// Its metadata comes back too, or does not where it would.
    Metadata,
}

/// How a step's work goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stepping {
    /// Its work takes so much longer.
    Late(Span),
    /// Each of its looks takes so much longer: for a step that does nothing else.
    Slow(Span),
    /// Its program ends with this exit code.
    Exit(i32),
    /// Its program prints nothing.
    Mute,
    /// Its request is answered so.
    Answered(Answering),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_affliction_comes_goes_and_comes_again() {
        let at = |secs| Moment::ZERO + Span::from_secs(secs);
        let what = Ailment::Ttl { record: ResourceId::new("code").unwrap(), ttl: Span::from_secs(61) };
        let ever = Affliction::since(at(10), what);
        assert_eq!([9, 10, 1_000].map(|secs| ever.is_there(at(secs))), [false, true, true]);
        let once = Affliction { lasts: Some(Span::from_secs(5)), ..ever };
        assert_eq!([9, 10, 14, 15, 20].map(|secs| once.is_there(at(secs))), [false, true, true, false, false]);
        let again = Affliction { again: Some(Span::from_secs(10)), ..once };
        assert_eq!([14, 15, 20, 24, 25].map(|secs| again.is_there(at(secs))), [true, false, true, true, false]);
    }
}
