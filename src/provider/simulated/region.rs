//! Simulated regions: who reaches them. The control plane that cuts them off is outside them, so it always answers.

use async_trait::async_trait;

use crate::id::{RegionRole, ResourceId};
use crate::infrastructure::simulate::SimulatedRegion;
use crate::resource::{Context, ProviderError, Region, RegionState};

use super::fault::Access;
use super::pair::Pair;
use super::pair::index;
use super::world::{Handle, times};

/// A region and its settings.
#[derive(Clone, Debug)]
pub(super) struct SimulatedPlace {
    pub(super) role: RegionRole,
    pub(super) settings: SimulatedRegion,
    /// The databases and storages that can be fenced in it, with their places.
    pub(super) databases: Vec<ResourceId>,
    pub(super) storages: Vec<ResourceId>,
}

#[async_trait]
impl Region for Handle<SimulatedPlace> {
    async fn observe(&self, cx: &Context) -> Result<RegionState, ProviderError> {
        let effect = self.world.meet(cx, &self.id, Access::Read).await?;
        let takes = self.world.takes(cx, "observe", &self.id, None, &self.settings.settings.api);
        self.world.spend(cx, times(takes, effect.slow)).await?;
        Ok(self.world.state().regions[index(self.settings.role)].clone())
    }

    async fn set_isolation(&self, cx: &Context, to: &RegionState) -> Result<(), ProviderError> {
        let effect = self.world.change(cx, &self.id).await?;
        let (role, settings) = (self.settings.role, &self.settings.settings);
        let cuts = {
            let state = self.world.state();
            !to.isolated_from.is_subset(&state.regions[index(role)].isolated_from)
        };
        let (what, distribution) = if cuts { ("isolate", &settings.isolate) } else { ("rejoin", &settings.rejoin) };
        let takes = self.world.takes(cx, what, &self.id, None, distribution);
        self.world.spend(cx, times(takes, effect.slow)).await?;
        if !effect.lies {
            let mut state = self.world.state();
            state.isolate(role, to, cx.clock.now());
            state.effect(cx, "isolates", self.id.as_str());
        }
        Ok(())
    }

    async fn rejoin_fenced(&self, cx: &Context, fenced: &[ResourceId]) -> Result<(), ProviderError> {
        let effect = self.world.change(cx, &self.id).await?;
        let (role, settings) = (self.settings.role, &self.settings.settings);
        let takes = self.world.takes(cx, "rejoin", &self.id, None, &settings.rejoin);
        self.world.spend(cx, times(takes, effect.slow)).await?;
        if effect.lies {
            return Ok(());
        }
        let now = cx.clock.now();
        let place = |all: &[ResourceId], id: &ResourceId| all.iter().position(|one| one == id);
        let mut state = self.world.state();
        let fence = |pair: &mut Pair| {
            pair.fence(role, now);
        };
        for id in fenced {
            if let Some(n) = place(&self.settings.databases, id) {
                fence(&mut state.databases[n]);
                state.note_database(n, now);
            } else if let Some(n) = place(&self.settings.storages, id) {
                fence(&mut state.storages[n].pair);
                state.note_storage(n, now);
            } else {
                return Err(ProviderError::Refused(format!("{id} is neither a database nor a storage of this region")));
            }
        }
        state.isolate(role, &RegionState::default(), now);
        Ok(())
    }
}
