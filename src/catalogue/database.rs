//! `database.fence`, `database.promote`, `database.replicate`, and `data.preserve` of databases and storages.

use serde::{Deserialize, Serialize};

use super::sides::{Of, Promotion, may_promote, may_replicate, never_replaced, sides_in};
use super::{Access, Achieved, Describe, Mode, Named, OneOrMany, Part, Period, Setting, Subject, Undo};
use crate::chance::Distribution;
use crate::id::{RegionRole, ResourceId};
use crate::resource::{DatabaseInstance, ReplicaRole, ResourceKind, ResourceState, Seen, World};
use crate::time::Span;

/// What a fence does when what it is to fence does not answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WhenUnreachable {
    /// The step fails.
    #[default]
    Fail,
    /// The step passes, and says that nothing was fenced.
    Continue,
}

/// Makes a database refuse writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseFence {
    /// Which.
    pub database: ResourceId,
    /// Where.
    #[serde(rename = "in")]
    pub region: RegionRole,
    /// What if it does not answer.
    #[serde(default)]
    pub unreachable: WhenUnreachable,
}

/// That something is known and accepted: `accept`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Accept {
    /// It is.
    Accept,
}

/// Makes a replica the database that takes writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabasePromote {
    /// Which.
    pub database: ResourceId,
    /// Where.
    pub to: RegionRole,
    /// Whether to wait until the replica has all that was written up to the fence; unstated: in planned mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain: Option<bool>,
    /// That what is promoted never follows again, where that is so: the way back then builds a new replica.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub irreversible: Option<Accept>,
}

impl DatabasePromote {
    /// Whether to wait for the fenced position.
    #[must_use]
    pub fn drained(&self, mode: Mode) -> bool {
        self.drain.unwrap_or(mode == Mode::Planned)
    }
}

/// Builds a replica.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseReplicate {
    /// Which.
    pub database: ResourceId,
    /// The original.
    pub from: RegionRole,
    /// What is built anew.
    pub to: RegionRole,
}

/// Keeps what exists nowhere else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataPreserve {
    /// Databases and storages.
    pub of: OneOrMany<ResourceId>,
    /// Where they are.
    #[serde(rename = "in")]
    pub region: RegionRole,
    /// How long it may take before it is given up, for each; unstated: the step's timeout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Period>,
}

fn instance<'a>(world: &'a World, id: &ResourceId, region: RegionRole) -> Result<&'a DatabaseInstance, Achieved> {
    match world.get(id) {
        Some(ResourceState::Database(state)) => match state.regions.get(&region) {
            Some(Seen::Is(instance)) => Ok(instance),
            Some(Seen::Unreachable(why)) => Err(Achieved::Unknown(format!("{id} in {region} does not answer: {why}"))),
            None => Err(Achieved::Unknown(format!("{id} has nothing in {region}"))),
        },
        _ => Err(Achieved::Unknown(format!("{id} was not seen"))),
    }
}

fn change(world: &mut World, id: &ResourceId, region: RegionRole, with: impl FnOnce(&mut DatabaseInstance)) {
    if let Some(ResourceState::Database(state)) = world.get_mut(id)
        && let Some(Seen::Is(instance)) = state.regions.get_mut(&region)
    {
        with(instance);
    }
}

fn subject(resource: &ResourceId, access: Access, regions: &[RegionRole]) -> Subject {
    Subject { resource: resource.clone(), kinds: &[ResourceKind::Database], access, regions: regions.to_vec() }
}

impl Describe for DatabaseFence {
    fn subjects(&self) -> Vec<Subject> {
        let needed: &[RegionRole] = match self.unreachable {
            WhenUnreachable::Fail => &[self.region],
            WhenUnreachable::Continue => &[],
        };
        vec![subject(&self.database, Access::Changes, needed)]
    }

    fn summary(&self) -> String {
        format!("stop writes to {} in {}", self.database, self.region)
    }

    fn effect(&self, world: &mut World, _setting: &Setting<'_>) {
        change(world, &self.database, self.region, |it| {
            it.fenced = true;
            it.writable = false;
        });
    }

    fn achieved(&self, world: &World, _setting: &Setting<'_>) -> Achieved {
        match instance(world, &self.database, self.region) {
            Ok(it) => Achieved::when(
                || it.fenced && !it.writable,
                || format!("{} in {} still takes writes", self.database, self.region),
            ),
            Err(unknown) => unknown,
        }
    }

    fn undo(&self) -> Undo {
        Undo::Restores
    }

    fn restored(&self, before: &World, now: &World) -> Achieved {
        match (instance(before, &self.database, self.region), instance(now, &self.database, self.region)) {
            (Ok(was), Ok(is)) => Achieved::when(
                || was.fenced == is.fenced && was.writable == is.writable,
                || format!("{} in {} does not take writes as it did", self.database, self.region),
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

impl Describe for DatabasePromote {
    fn subjects(&self) -> Vec<Subject> {
        let drained = self.drain == Some(true);
        let both = [self.to, self.to.other()];
        vec![subject(&self.database, Access::Changes, if drained { &both } else { &both[..1] })]
    }

    fn summary(&self) -> String {
        let drained = if self.drain == Some(true) { ", drained" } else { "" };
        let for_good = if self.irreversible.is_some() { "; it never follows again" } else { "" };
        format!("promote {} in {}{drained}{for_good}", self.database, self.to)
    }

    fn effect(&self, world: &mut World, _setting: &Setting<'_>) {
        let restored = sides_in(world, &self.database).is_some_and(|sides| never_replaced(&sides, self.to));
        change(world, &self.database, self.to, |it| {
            // An original that was never replaced needs no more than that its fence is taken away.
            it.fenced &= !restored;
            if it.role != ReplicaRole::Primary {
                it.timeline += 1;
            }
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
        let sides = sides_in(world, &self.database)?;
        may_promote(Of { id: &self.database, writes: "writes" }, &sides, how).err()
    }

    fn achieved(&self, world: &World, _setting: &Setting<'_>) -> Achieved {
        match instance(world, &self.database, self.to) {
            Ok(it) => Achieved::when(
                || it.role == ReplicaRole::Primary && it.writable,
                || format!("{} in {} does not take writes", self.database, self.to),
            ),
            Err(unknown) => unknown,
        }
    }

    fn undo(&self) -> Undo {
        let new = if self.irreversible.is_some() { ", which builds a new replica" } else { "" };
        Undo::Irreversible(format!("users' writes now live there; going back means to fail back{new}"))
    }

    fn part(&self) -> Part {
        Part::Promotion(self.to)
    }

    fn takes(&self) -> Distribution {
        Distribution::fixed(Span::from_secs(45))
    }
}

impl Describe for DatabaseReplicate {
    fn subjects(&self) -> Vec<Subject> {
        vec![subject(&self.database, Access::Changes, &[self.from, self.to])]
    }

    fn summary(&self) -> String {
        format!("make {} in {} a replica of {}", self.database, self.to, self.from)
    }

    fn effect(&self, world: &mut World, _setting: &Setting<'_>) {
        if sides_in(world, &self.database).is_some_and(|sides| never_replaced(&sides, self.to)) {
            return;
        }
        let source = instance(world, &self.database, self.from).ok().map(|it| (it.position, it.timeline));
        change(world, &self.database, self.to, |it| {
            it.role = ReplicaRole::Replica;
            it.writable = false;
            it.fenced = false;
            it.replicates_from = Some(self.from);
            it.lag = Some(Span::ZERO);
            if let Some((position, timeline)) = source {
                it.position = position;
                it.timeline = timeline;
            }
        });
    }

    fn refusal(&self, world: &World, _setting: &Setting<'_>) -> Option<String> {
        let sides = sides_in(world, &self.database)?;
        if never_replaced(&sides, self.to) {
            return None;
        }
        may_replicate(Of { id: &self.database, writes: "writes" }, &sides, self.from, self.to).err()
    }

    fn achieved(&self, world: &World, _setting: &Setting<'_>) -> Achieved {
        match instance(world, &self.database, self.to) {
            Ok(it) => Achieved::when(
                // A fence that stood there would outlive a promotion.
                || it.role == ReplicaRole::Replica && it.replicates_from == Some(self.from) && !it.fenced,
                || format!("{} in {} does not follow {}, or is fenced", self.database, self.to, self.from),
            ),
            Err(unknown) => unknown,
        }
    }

    fn undo(&self) -> Undo {
        Undo::Irreversible(
            "the replica stays and goes on following; what it replaced is gone but for what was preserved".to_owned(),
        )
    }

    fn takes(&self) -> Distribution {
        Distribution::fixed(Span::from_secs(300))
    }

    fn patience(&self) -> Span {
        Span::from_secs(3600)
    }
}

impl Describe for DataPreserve {
    fn subjects(&self) -> Vec<Subject> {
        let each = |resource: &ResourceId| Subject {
            resource: resource.clone(),
            kinds: &[ResourceKind::Database, ResourceKind::Storage],
            access: Access::Reads,
            regions: vec![self.region],
        };
        self.of.0.iter().map(each).collect()
    }

    fn summary(&self) -> String {
        format!("keep what only {} has of {}", self.region, Named(&self.of.0))
    }

    fn observable(&self) -> bool {
        false
    }

    fn undo(&self) -> Undo {
        Undo::Nothing
    }

    fn takes(&self) -> Distribution {
        Distribution::fixed(Span::from_secs(30))
    }

    fn patience(&self) -> Span {
        Span::from_secs(1800)
    }
}
