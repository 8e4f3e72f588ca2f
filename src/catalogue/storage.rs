//! `storage.fence`, `storage.promote`, `storage.replicate`, `storage.verify`.

use serde::{Deserialize, Serialize};

use super::sides::{Of, Promotion, may_promote, may_replicate, never_replaced, sides_in};
use super::{Access, Achieved, Describe, Mode, Part, Period, Setting, Subject, Undo, WhenUnreachable};
use crate::chance::Distribution;
use crate::id::{RegionRole, ResourceId};
use crate::resource::{ReplicaRole, ResourceKind, ResourceState, Seen, StorageSide, World};
use crate::time::Span;

/// Makes a storage refuse pushes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StorageFence {
    /// Which.
    pub storage: ResourceId,
    /// Where.
    #[serde(rename = "in")]
    pub region: RegionRole,
    /// What if it does not answer.
    #[serde(default)]
    pub unreachable: WhenUnreachable,
}

/// Makes a copy the storage that takes pushes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoragePromote {
    /// Which.
    pub storage: ResourceId,
    /// Where.
    pub to: RegionRole,
    /// Whether to wait until the copy has every push up to the fence; unstated: in planned mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain: Option<bool>,
}

impl StoragePromote {
    /// Whether to wait for the fenced position.
    #[must_use]
    pub fn drained(&self, mode: Mode) -> bool {
        self.drain.unwrap_or(mode == Mode::Planned)
    }
}

/// Makes a copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StorageReplicate {
    /// Which.
    pub storage: ResourceId,
    /// The original.
    pub from: RegionRole,
    /// What becomes a copy.
    pub to: RegionRole,
}

/// Compares a copy with its original.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StorageVerify {
    /// Which.
    pub storage: ResourceId,
    /// Where the copy is.
    #[serde(rename = "in")]
    pub region: RegionRole,
    /// How old the oldest push may be that it lacks.
    #[serde(default = "thirty_seconds")]
    pub behind_at_most: Period,
}

fn thirty_seconds() -> Period {
    Period(Span::from_secs(30))
}

fn side<'a>(world: &'a World, id: &ResourceId, region: RegionRole) -> Result<&'a StorageSide, Achieved> {
    match world.get(id) {
        Some(ResourceState::Storage(state)) => match state.regions.get(&region) {
            Some(Seen::Is(side)) => Ok(side),
            Some(Seen::Unreachable(why)) => Err(Achieved::Unknown(format!("{id} in {region} does not answer: {why}"))),
            None => Err(Achieved::Unknown(format!("{id} has nothing in {region}"))),
        },
        _ => Err(Achieved::Unknown(format!("{id} was not seen"))),
    }
}

fn change(world: &mut World, id: &ResourceId, region: RegionRole, with: impl FnOnce(&mut StorageSide)) {
    if let Some(ResourceState::Storage(state)) = world.get_mut(id)
        && let Some(Seen::Is(side)) = state.regions.get_mut(&region)
    {
        with(side);
    }
}

fn subject(resource: &ResourceId, access: Access, regions: &[RegionRole]) -> Subject {
    Subject { resource: resource.clone(), kinds: &[ResourceKind::Storage], access, regions: regions.to_vec() }
}

impl Describe for StorageFence {
    fn subjects(&self) -> Vec<Subject> {
        let needed: &[RegionRole] = match self.unreachable {
            WhenUnreachable::Fail => &[self.region],
            WhenUnreachable::Continue => &[],
        };
        vec![subject(&self.storage, Access::Changes, needed)]
    }

    fn summary(&self) -> String {
        format!("stop pushes to {} in {}", self.storage, self.region)
    }

    fn effect(&self, world: &mut World, _setting: &Setting<'_>) {
        change(world, &self.storage, self.region, |it| {
            it.fenced = true;
            it.writable = false;
        });
    }

    fn achieved(&self, world: &World, _setting: &Setting<'_>) -> Achieved {
        match side(world, &self.storage, self.region) {
            Ok(it) => Achieved::when(
                || it.fenced && !it.writable,
                || format!("{} in {} still takes pushes", self.storage, self.region),
            ),
            Err(unknown) => unknown,
        }
    }

    fn undo(&self) -> Undo {
        Undo::Restores
    }

    fn restored(&self, before: &World, now: &World) -> Achieved {
        match (side(before, &self.storage, self.region), side(now, &self.storage, self.region)) {
            (Ok(was), Ok(is)) => Achieved::when(
                || was.fenced == is.fenced && was.writable == is.writable,
                || format!("{} in {} does not take pushes as it did", self.storage, self.region),
            ),
            // It was out of reach before: nothing was fenced, so there is nothing to give back.
            (Err(_), _) => Achieved::Yes,
            (Ok(_), Err(unknown)) => unknown,
        }
    }

    fn takes(&self) -> Distribution {
        Distribution::fixed(Span::from_secs(2))
    }
}

impl Describe for StoragePromote {
    fn subjects(&self) -> Vec<Subject> {
        let drained = self.drain == Some(true);
        let both = [self.to, self.to.other()];
        vec![subject(&self.storage, Access::Changes, if drained { &both } else { &both[..1] })]
    }

    fn summary(&self) -> String {
        let drained = if self.drain == Some(true) { ", drained" } else { "" };
        format!("promote {} in {}{drained}", self.storage, self.to)
    }

    fn effect(&self, world: &mut World, _setting: &Setting<'_>) {
        let restored = sides_in(world, &self.storage).is_some_and(|sides| never_replaced(&sides, self.to));
        change(world, &self.storage, self.to, |it| {
            // An original that was never replaced needs no more than that its fence is taken away.
            it.fenced &= !restored;
            it.role = ReplicaRole::Primary;
            it.writable = !it.fenced;
            it.replicates_from = None;
            it.lag = None;
        });
    }

    fn refusal(&self, world: &World, setting: &Setting<'_>) -> Option<String> {
        let how = Promotion {
            to: self.to,
            drained: self.drained(setting.mode),
            mode: setting.mode,
            discard: setting.discard,
        };
        let sides = sides_in(world, &self.storage)?;
        may_promote(Of { id: &self.storage, writes: "pushes" }, &sides, how).err()
    }

    fn achieved(&self, world: &World, _setting: &Setting<'_>) -> Achieved {
        match side(world, &self.storage, self.to) {
            Ok(it) => Achieved::when(
                || it.role == ReplicaRole::Primary && it.writable,
                || format!("{} in {} does not take pushes", self.storage, self.to),
            ),
            Err(unknown) => unknown,
        }
    }

    fn undo(&self) -> Undo {
        Undo::Irreversible("users' pushes now live there; going back means to fail back".to_owned())
    }

    fn part(&self) -> Part {
        Part::Promotion(self.to)
    }

    fn takes(&self) -> Distribution {
        Distribution::fixed(Span::from_secs(5))
    }
}

impl Describe for StorageReplicate {
    fn subjects(&self) -> Vec<Subject> {
        vec![subject(&self.storage, Access::Changes, &[self.from, self.to])]
    }

    fn summary(&self) -> String {
        format!("make {} in {} a copy of {}", self.storage, self.to, self.from)
    }

    fn effect(&self, world: &mut World, _setting: &Setting<'_>) {
        if sides_in(world, &self.storage).is_some_and(|sides| never_replaced(&sides, self.to)) {
            return;
        }
        let source = side(world, &self.storage, self.from).ok().map(|it| it.position);
        change(world, &self.storage, self.to, |it| {
            it.role = ReplicaRole::Replica;
            it.writable = false;
            it.fenced = false;
            it.replicates_from = Some(self.from);
            it.lag = Some(Span::ZERO);
            if let Some(position) = source {
                it.position = position;
            }
        });
    }

    fn refusal(&self, world: &World, _setting: &Setting<'_>) -> Option<String> {
        let sides = sides_in(world, &self.storage)?;
        if never_replaced(&sides, self.to) {
            return None;
        }
        may_replicate(Of { id: &self.storage, writes: "pushes" }, &sides, self.from, self.to).err()
    }

    fn achieved(&self, world: &World, _setting: &Setting<'_>) -> Achieved {
        match side(world, &self.storage, self.to) {
            Ok(it) => Achieved::when(
                // A fence that stood there would outlive a promotion.
                || it.role == ReplicaRole::Replica && it.replicates_from == Some(self.from) && !it.fenced,
                || format!("{} in {} does not follow {}, or is fenced", self.storage, self.to, self.from),
            ),
            Err(unknown) => unknown,
        }
    }

    fn undo(&self) -> Undo {
        Undo::Irreversible(
            "the copy stays and goes on following; what it replaced is gone but for what was preserved".to_owned(),
        )
    }

    fn takes(&self) -> Distribution {
        Distribution::fixed(Span::from_secs(120))
    }

    fn patience(&self) -> Span {
        Span::from_secs(3600)
    }
}

impl Describe for StorageVerify {
    fn subjects(&self) -> Vec<Subject> {
        vec![subject(&self.storage, Access::Reads, &[self.region, self.region.other()])]
    }

    fn summary(&self) -> String {
        format!("compare the copy of {} in {} with the original", self.storage, self.region)
    }

    fn observable(&self) -> bool {
        false
    }

    fn undo(&self) -> Undo {
        Undo::Nothing
    }

    fn takes(&self) -> Distribution {
        Distribution::fixed(Span::from_secs(20))
    }
}
