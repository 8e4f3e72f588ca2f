//! `compute.start`, `compute.stop`, `compute.scale`.

use std::fmt;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::{Access, Achieved, Describe, Setting, Subject, Undo};
use crate::chance::Distribution;
use crate::id::{RegionRole, ResourceId};
use crate::resource::{ComputeGroup, ResourceKind, ResourceState, Seen, World};
use crate::time::Span;

/// How many servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Servers {
    /// This many.
    Count(u32),
    /// As many as there were when the run began: `as_before`.
    AsBefore,
}

impl Serialize for Servers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Count(count) => serializer.serialize_u32(*count),
            Self::AsBefore => serializer.serialize_str("as_before"),
        }
    }
}

impl<'de> Deserialize<'de> for Servers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Servers;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of servers, or as_before")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Servers, E> {
                u32::try_from(number).map(Servers::Count).map_err(|_| E::custom("that is too many servers"))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Servers, E> {
                u32::try_from(number)
                    .map(Servers::Count)
                    .map_err(|_| E::custom("the number of servers must be 0 or more"))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Servers, E> {
                if text == "as_before" {
                    Ok(Servers::AsBefore)
                } else {
                    Err(E::invalid_value(de::Unexpected::Str(text), &self))
                }
            }
        }
        deserializer.deserialize_any(Text)
    }
}

/// Starts a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComputeStart {
    /// Which.
    pub compute: ResourceId,
    /// Where.
    #[serde(rename = "in")]
    pub region: RegionRole,
    /// How many servers; unstated: all that the region can give.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub servers: Option<u32>,
}

/// Stops a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComputeStop {
    /// Which.
    pub compute: ResourceId,
    /// Where.
    #[serde(rename = "in")]
    pub region: RegionRole,
}

/// Sets how many servers run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComputeScale {
    /// Which.
    pub compute: ResourceId,
    /// Where.
    #[serde(rename = "in")]
    pub region: RegionRole,
    /// How many.
    pub to: Servers,
}

/// The group of `id` in `region`.
pub(super) fn group<'a>(world: &'a World, id: &ResourceId, region: RegionRole) -> Result<&'a ComputeGroup, Achieved> {
    match world.get(id) {
        Some(ResourceState::Compute(state)) => match state.regions.get(&region) {
            Some(Seen::Is(group)) => Ok(group),
            Some(Seen::Unreachable(why)) => Err(Achieved::Unknown(format!("{id} in {region} does not answer: {why}"))),
            None => Err(Achieved::Unknown(format!("{id} has nothing in {region}"))),
        },
        _ => Err(Achieved::Unknown(format!("{id} was not seen"))),
    }
}

/// What the three actions have in common: a group, and how many servers it is to have.
trait Sizes {
    fn group(&self) -> (&ResourceId, RegionRole);
    /// `None` where the number can't be known.
    fn target(&self, world: &World, setting: &Setting<'_>) -> Option<u32>;
    /// Which servers are to run, where only these will do.
    fn these<'a>(&self, _setting: &Setting<'a>) -> Option<&'a [String]> {
        None
    }
}

impl Sizes for ComputeStart {
    fn group(&self) -> (&ResourceId, RegionRole) {
        (&self.compute, self.region)
    }

    fn target(&self, world: &World, _setting: &Setting<'_>) -> Option<u32> {
        self.servers.or_else(|| group(world, &self.compute, self.region).ok().map(|it| it.capacity))
    }
}

impl Sizes for ComputeStop {
    fn group(&self) -> (&ResourceId, RegionRole) {
        (&self.compute, self.region)
    }

    fn target(&self, _world: &World, _setting: &Setting<'_>) -> Option<u32> {
        Some(0)
    }
}

impl Sizes for ComputeScale {
    fn group(&self) -> (&ResourceId, RegionRole) {
        (&self.compute, self.region)
    }

    fn target(&self, _world: &World, setting: &Setting<'_>) -> Option<u32> {
        match self.to {
            Servers::Count(count) => Some(count),
            Servers::AsBefore => group(setting.initial, &self.compute, self.region).ok().map(|it| it.desired),
        }
    }

    fn these<'a>(&self, setting: &Setting<'a>) -> Option<&'a [String]> {
        match self.to {
            Servers::Count(_) => None,
            Servers::AsBefore => group(setting.initial, &self.compute, self.region).ok().map(|it| it.up.as_slice()),
        }
    }
}

fn subjects(of: &impl Sizes) -> Vec<Subject> {
    let (resource, region) = of.group();
    vec![Subject {
        resource: resource.clone(),
        kinds: &[ResourceKind::Compute],
        access: Access::Changes,
        regions: vec![region],
    }]
}

fn effect(of: &impl Sizes, world: &mut World, setting: &Setting<'_>) {
    let target = of.target(world, setting);
    let (id, region) = of.group();
    if let Some(ResourceState::Compute(state)) = world.get_mut(id)
        && let Some(Seen::Is(group)) = state.regions.get_mut(&region)
        && let Some(count) = target
    {
        group.desired = count;
        group.running = count.min(group.capacity);
        if let Some(these) = of.these(setting) {
            group.up = these.to_vec();
        }
    }
}

fn achieved(of: &impl Sizes, world: &World, setting: &Setting<'_>) -> Achieved {
    let (id, region) = of.group();
    let Some(target) = of.target(world, setting) else {
        return Achieved::Unknown(format!("how many servers {id} in {region} should have is not known"));
    };
    match group(world, id, region) {
        Ok(it) => Achieved::when(
            || it.desired == target && it.running == target && of.these(setting).is_none_or(|these| it.up == these),
            || format!("{} of {target} servers run ({} asked for)", it.running, it.desired),
        ),
        Err(unknown) => unknown,
    }
}

/// Servers that are still coming up or going down after an undo are not waited for: what is asked for counts.
fn restored(of: &impl Sizes, before: &World, now: &World) -> Achieved {
    let (id, region) = of.group();
    match (group(before, id, region), group(now, id, region)) {
        (Ok(was), Ok(is)) => Achieved::when(
            || (was.desired, &was.up) == (is.desired, &is.up),
            || format!("{id} in {region} has {} servers, it had {}", is.desired, was.desired),
        ),
        (Err(_), _) => Achieved::Yes,
        (Ok(_), Err(unknown)) => unknown,
    }
}

macro_rules! describe {
    ($args:ty, $summary:expr, $takes:expr) => {
        impl Describe for $args {
            fn subjects(&self) -> Vec<Subject> {
                subjects(self)
            }

            fn summary(&self) -> String {
                let summary: fn(&$args) -> String = $summary;
                summary(self)
            }

            fn effect(&self, world: &mut World, setting: &Setting<'_>) {
                effect(self, world, setting);
            }

            fn achieved(&self, world: &World, setting: &Setting<'_>) -> Achieved {
                achieved(self, world, setting)
            }

            fn restored(&self, before: &World, now: &World) -> Achieved {
                restored(self, before, now)
            }

            fn undo(&self) -> Undo {
                Undo::Restores
            }

            fn takes(&self) -> Distribution {
                Distribution::fixed(Span::from_secs($takes))
            }

            fn patience(&self) -> Span {
                Span::from_secs(900)
            }
        }
    };
}

describe!(ComputeStart, |it| format!("start {} in {}", it.compute, it.region), 90);
describe!(ComputeStop, |it| format!("stop {} in {}", it.compute, it.region), 10);
describe!(
    ComputeScale,
    |it| match it.to {
        Servers::Count(count) => format!("scale {} in {} to {count}", it.compute, it.region),
        Servers::AsBefore => format!("scale {} in {} back to what it was", it.compute, it.region),
    },
    90
);
