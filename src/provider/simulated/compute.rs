//! Simulated groups of servers: asked for at once, up when they have booted.

use async_trait::async_trait;

use crate::id::RegionRole;
use crate::infrastructure::simulate::SimulatedCompute;
use crate::resource::{Compute, ComputeGroup, ComputeState, Context, ProviderError, Seen};
use crate::time::{Moment, Span};

use super::fault::Access;
use super::pair::{BOTH, index};
use super::world::{Handle, times};

/// The most servers that a group has, whatever is asked for.
const SERVERS_MAX: u32 = 100_000;

/// One region's group: when each server that is asked for is up, the earliest first.
#[derive(Clone, Debug)]
struct Group {
    up_at: Vec<Moment>,
    capacity: u32,
}

/// Both regions' groups.
#[derive(Clone, Debug)]
pub(super) struct Groups {
    groups: [Group; 2],
    /// How often servers were asked for: a count for draws.
    generation: u64,
}

impl Groups {
    pub(super) fn new(settings: &SimulatedCompute) -> Self {
        let groups = BOTH.map(|role| Group {
            up_at: vec![Moment::ZERO; (*settings.servers.get(role)).min(SERVERS_MAX) as usize],
            capacity: (*settings.capacity.get(role)).min(SERVERS_MAX),
        });
        Self { groups, generation: 0 }
    }

    /// Since when at least one server is up in each region.
    pub(super) fn up_since(&self) -> [Option<Moment>; 2] {
        [0, 1].map(|n: usize| self.groups[n].up_at.first().copied())
    }

    pub(super) fn view(&self, role: RegionRole, now: Moment) -> ComputeGroup {
        let group = &self.groups[index(role)];
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        ComputeGroup {
            desired: count(group.up_at.len()),
            running: count(group.up_at.partition_point(|up| *up <= now)),
            capacity: group.capacity,
            up: Vec::new(),
        }
    }

    /// Asks for `servers`; a new one is up `boot(its count)` later, and the latest go first.
    fn scale(&mut self, role: RegionRole, servers: u32, now: Moment, boot: impl Fn(u64) -> Span) {
        self.generation += 1;
        let count = self.generation * 1_000_000;
        let up_at = &mut self.groups[index(role)].up_at;
        up_at.truncate(servers as usize);
        let there = up_at.len();
        up_at.extend((there..servers as usize).map(|n| now + boot(count + n as u64)));
        up_at.sort_unstable();
    }
}

#[async_trait]
impl Compute for Handle<SimulatedCompute> {
    async fn observe(&self, cx: &Context) -> Result<ComputeState, ProviderError> {
        let effect = self.world.meet(cx, &self.id, Access::Read).await?;
        let takes = self.world.takes(cx, "observe", &self.id, None, &self.settings.api);
        self.world.look(cx, times(takes, effect.slow)).await?;
        let state = self.world.state();
        let see = |role| {
            let seen = if state.users_reach(role) {
                {
                    let now = cx.clock.now();
                    let mut group = state.computes[self.n].view(role, now);
                    if let Some(servers) = self.world.ills.capacity(&self.id, role, now) {
                        group.capacity = servers;
                    }
                    Seen::Is(group)
                }
            } else {
                Seen::Unreachable(self.world.silence(role))
            };
            (role, seen)
        };
        Ok(ComputeState { regions: BOTH.into_iter().map(see).collect() })
    }

    async fn scale(&self, cx: &Context, region: RegionRole, servers: u32) -> Result<(), ProviderError> {
        let effect = self.world.change(cx, &self.id).await?;
        let takes = self.world.takes(cx, "scale", &self.id, Some(region), &self.settings.api);
        self.world.work(cx, region, times(takes, effect.slow)).await?;
        let capacity = (*self.settings.capacity.get(region)).min(SERVERS_MAX);
        if servers > capacity {
            let name = self.world.names.get(region);
            return Err(ProviderError::Refused(format!("{name} can give {capacity} servers at most, not {servers}")));
        }
        if effect.lies {
            return Ok(());
        }
        let boot =
            |count| times(self.settings.boot.draw(self.world.seed, "boot", self.id.as_str(), count), effect.slow);
        let now = cx.clock.now();
        let mut state = self.world.state();
        state.computes[self.n].scale(region, servers, now, boot);
        state.note_compute(self.n, now);
        state.effect(cx, "scales", self.id.as_str());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Moment {
        Moment::ZERO + Span::from_secs(secs)
    }

    #[test]
    fn servers_come_up_one_by_one_and_go_at_once() {
        let mut groups = Groups::new(&SimulatedCompute::default());
        let secondary = RegionRole::Secondary;
        groups.scale(secondary, 6, at(100), |count| Span::from_secs(10 * (count % 1_000_000 - 2)));
        let running = |groups: &Groups, secs| groups.view(secondary, at(secs)).running;
        assert_eq!([99, 109, 110, 120, 130].map(|secs| running(&groups, secs)), [3, 3, 4, 5, 6]);
        assert_eq!(groups.view(secondary, at(100)).desired, 6);
        groups.scale(secondary, 2, at(200), |_| Span::ZERO);
        assert_eq!(running(&groups, 200), 2);
    }

    #[test]
    fn a_group_from_nothing_is_up_with_its_first_server() {
        let mut groups = Groups::new(&SimulatedCompute::default());
        groups.scale(RegionRole::Primary, 0, at(10), |_| Span::ZERO);
        assert_eq!(groups.up_since()[0], None);
        groups.scale(RegionRole::Primary, 2, at(20), |count| Span::from_secs(if count % 2 == 0 { 90 } else { 60 }));
        assert_eq!(groups.up_since()[0], Some(at(80)));
    }
}
