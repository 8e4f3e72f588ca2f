//! Simulated regions: who reaches them. The control plane that cuts them off is outside them, so it always answers.

use async_trait::async_trait;

use crate::id::RegionRole;
use crate::infrastructure::simulate::SimulatedRegion;
use crate::resource::{Context, ProviderError, Region, RegionState};

use super::fault::Access;
use super::pair::index;
use super::world::{Handle, times};

/// A region and its settings.
#[derive(Clone, Debug)]
pub(super) struct SimulatedPlace {
    pub(super) role: RegionRole,
    pub(super) settings: SimulatedRegion,
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
        let effect = self.world.meet(cx, &self.id, Access::Work).await?;
        let (role, settings) = (self.settings.role, &self.settings.settings);
        let cuts = {
            let state = self.world.state();
            !to.isolated_from.is_subset(&state.regions[index(role)].isolated_from)
        };
        let (what, distribution) = if cuts { ("isolate", &settings.isolate) } else { ("rejoin", &settings.rejoin) };
        let takes = self.world.takes(cx, what, &self.id, None, distribution);
        self.world.spend(cx, times(takes, effect.slow)).await?;
        if !effect.lies {
            self.world.state().isolate(role, to, cx.clock.now());
        }
        Ok(())
    }
}
