//! `region.isolate`, the disaster itself, and `region.rejoin`, its end.

use serde::{Deserialize, Serialize};

use super::{Access, Achieved, Describe, Named, Part, Setting, Subject, Undo};
use crate::chance::Distribution;
use crate::id::{RegionRole, ResourceId};
use crate::resource::{ByRegion, Party, RegionState, ResourceKind, ResourceState, Seen, World, region_resource};
use crate::time::Span;

/// Cuts a region off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegionIsolate {
    /// Which.
    pub region: RegionRole,
    /// From whom.
    pub from: Vec<Party>,
}

/// Ends an isolation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegionRejoin {
    /// Which.
    pub region: RegionRole,
    /// What must be fenced there before anyone can reach it again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fenced: Vec<ResourceId>,
}

fn subject(region: RegionRole) -> Subject {
    Subject {
        resource: region_resource(region),
        kinds: &[ResourceKind::Region],
        access: Access::Changes,
        regions: Vec::new(),
    }
}

fn isolation(world: &World, region: RegionRole) -> Result<&RegionState, Achieved> {
    match world.get(&region_resource(region)) {
        Some(ResourceState::Region(state)) => Ok(state),
        _ => Err(Achieved::Unknown(format!("region {region} was not seen"))),
    }
}

/// Loses sight of what is in `region`.
fn lose(world: &mut World, region: RegionRole) {
    fn side<T>(regions: &mut ByRegion<T>, region: RegionRole) {
        if let Some(seen) = regions.get_mut(&region) {
            *seen = Seen::Unreachable("the region is cut off".to_owned());
        }
    }
    for state in world.values_mut() {
        match state {
            ResourceState::Database(state) => side(&mut state.regions, region),
            ResourceState::Storage(state) => side(&mut state.regions, region),
            ResourceState::Compute(state) => side(&mut state.regions, region),
            ResourceState::Backup(state) => side(&mut state.regions, region),
            ResourceState::Dns(_) | ResourceState::Region(_) => {}
        }
    }
}

/// Sees again what is in `region`: as it was at the start, but for `fenced`.
fn regain(world: &mut World, region: RegionRole, fenced: &[ResourceId], setting: &Setting<'_>) {
    for (id, state) in world.iter_mut() {
        let Some(initial) = setting.initial.get(id) else { continue };
        let fence = fenced.contains(id);
        match (state, initial) {
            (ResourceState::Database(now), ResourceState::Database(was)) => {
                if let Some(Seen::Is(mut side)) = was.regions.get(&region).cloned() {
                    side.fenced |= fence;
                    side.writable &= !fence;
                    now.regions.insert(region, Seen::Is(side));
                }
            }
            (ResourceState::Storage(now), ResourceState::Storage(was)) => {
                if let Some(Seen::Is(mut side)) = was.regions.get(&region).cloned() {
                    side.fenced |= fence;
                    side.writable &= !fence;
                    now.regions.insert(region, Seen::Is(side));
                }
            }
            (ResourceState::Compute(now), ResourceState::Compute(was)) => {
                now.regions.extend(was.regions.get(&region).cloned().map(|side| (region, side)));
            }
            (ResourceState::Backup(now), ResourceState::Backup(was)) => {
                now.regions.extend(was.regions.get(&region).cloned().map(|side| (region, side)));
            }
            _ => {}
        }
    }
}

impl Describe for RegionIsolate {
    fn subjects(&self) -> Vec<Subject> {
        vec![subject(self.region)]
    }

    fn summary(&self) -> String {
        format!("cut region {} off from {}", self.region, Named(&self.from))
    }

    fn effect(&self, world: &mut World, _setting: &Setting<'_>) {
        if let Some(ResourceState::Region(state)) = world.get_mut(&region_resource(self.region)) {
            state.isolated_from.extend(self.from.iter().copied());
            state.partly.retain(|party| !self.from.contains(party));
        }
        // Muster stands where users are: what they can't reach, it can't see.
        if self.from.contains(&Party::Users) {
            lose(world, self.region);
        }
    }

    fn achieved(&self, world: &World, _setting: &Setting<'_>) -> Achieved {
        match isolation(world, self.region) {
            Ok(state) => Achieved::when(
                || self.from.iter().all(|party| state.isolated_from.contains(party)),
                || format!("region {} can still be reached: it is {state}", self.region),
            ),
            Err(unknown) => unknown,
        }
    }

    fn undo(&self) -> Undo {
        Undo::Restores
    }

    fn part(&self) -> Part {
        Part::Disaster
    }

    fn takes(&self) -> Distribution {
        Distribution::fixed(Span::from_secs(5))
    }
}

impl Describe for RegionRejoin {
    fn subjects(&self) -> Vec<Subject> {
        let fenced = |resource: &ResourceId| Subject {
            resource: resource.clone(),
            kinds: &[ResourceKind::Database, ResourceKind::Storage],
            access: Access::Changes,
            regions: Vec::new(),
        };
        std::iter::once(subject(self.region)).chain(self.fenced.iter().map(fenced)).collect()
    }

    fn summary(&self) -> String {
        if self.fenced.is_empty() {
            return format!("end the isolation of region {}", self.region);
        }
        format!("end the isolation of region {} with {} fenced", self.region, Named(&self.fenced))
    }

    fn effect(&self, world: &mut World, setting: &Setting<'_>) {
        if let Some(ResourceState::Region(state)) = world.get_mut(&region_resource(self.region)) {
            *state = RegionState::default();
        }
        regain(world, self.region, &self.fenced, setting);
    }

    fn achieved(&self, world: &World, _setting: &Setting<'_>) -> Achieved {
        let reachable = match isolation(world, self.region) {
            Ok(state) => Achieved::when(|| state.is_reachable(), || format!("region {} is still {state}", self.region)),
            Err(unknown) => unknown,
        };
        let fenced = self.fenced.iter().map(|id| match world.get(id) {
            Some(ResourceState::Database(state)) => Achieved::when(
                || state.regions.get(&self.region).and_then(Seen::known).is_some_and(|it| !it.writable),
                || format!("{id} in {} takes writes", self.region),
            ),
            Some(ResourceState::Storage(state)) => Achieved::when(
                || state.regions.get(&self.region).and_then(Seen::known).is_some_and(|it| !it.writable),
                || format!("{id} in {} takes pushes", self.region),
            ),
            _ => Achieved::Unknown(format!("{id} was not seen")),
        });
        Achieved::all(std::iter::once(reachable).chain(fenced))
    }

    fn restored(&self, before: &World, now: &World) -> Achieved {
        match (isolation(before, self.region), isolation(now, self.region)) {
            (Ok(was), Ok(is)) => {
                Achieved::when(|| was == is, || format!("region {} is not as reachable as it was", self.region))
            }
            (Err(unknown), _) | (_, Err(unknown)) => unknown,
        }
    }

    fn undo(&self) -> Undo {
        Undo::Irreversible("the region stays reachable, and what was fenced in it stays fenced: cutting it off again would help nobody".to_owned())
    }

    fn takes(&self) -> Distribution {
        Distribution::fixed(Span::from_secs(10))
    }
}
