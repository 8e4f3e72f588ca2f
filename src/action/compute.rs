//! `compute.start`, `compute.stop`, `compute.scale`: each asks for a number of servers.

use async_trait::async_trait;

use super::look;
use super::{ActError, Applied, Perform, Tools};
use crate::catalogue::{Achieved, Before, ComputeScale, ComputeStart, ComputeStop, Evidence, Servers};
use crate::id::{RegionRole, ResourceId};
use crate::resource::{Compute, ComputeGroup, Context, ResourceState, Seen, World};

fn find<'a>(tools: &'a Tools, id: &ResourceId) -> Result<&'a dyn Compute, ActError> {
    tools
        .resources
        .computes
        .get(id)
        .map(AsRef::as_ref)
        .ok_or_else(|| ActError::refused(format!("the infrastructure file has no compute group `{id}`")))
}

fn group<'a>(world: &'a World, id: &ResourceId, region: RegionRole) -> Option<&'a ComputeGroup> {
    match world.get(id) {
        Some(ResourceState::Compute(state)) => state.regions.get(&region).and_then(Seen::known),
        _ => None,
    }
}

/// The group as it is now.
async fn seen(tools: &Tools, cx: &Context, id: &ResourceId, region: RegionRole) -> Result<ComputeGroup, ActError> {
    let state = find(tools, id)?.observe(cx).await.map_err(|error| ActError::unseen(id, &error))?;
    match state.regions.get(&region) {
        Some(Seen::Is(group)) => Ok(group.clone()),
        Some(Seen::Unreachable(why)) => Err(ActError::refused(format!("{id} in {region} does not answer: {why}"))),
        None => Err(ActError::refused(format!("{id} has nothing in {region}"))),
    }
}

/// Asks for `servers` servers; that they run is for `achieved` to see.
async fn ask(
    tools: &Tools,
    cx: &Context,
    id: &ResourceId,
    region: RegionRole,
    servers: u32,
) -> Result<Applied, ActError> {
    let now = seen(tools, cx, id, region).await?;
    if servers > now.capacity {
        return Err(ActError::refused(format!(
            "{id} in {region} can have {} servers, {servers} were asked for",
            now.capacity
        )));
    }
    // Asked for before a crash, or by whoever scaled it by hand: on the way is not asked for twice.
    if servers == now.desired {
        return Ok(Applied::showing([("servers".to_owned(), format!("{servers} were asked for already"))].into()));
    }
    let scaled = find(tools, id)?.scale(cx, region, servers).await;
    scaled.map_err(|error| ActError::of(format!("scaling {id} in {region}"), &error))?;
    Ok(Applied::showing([("servers".to_owned(), format!("{} -> {servers}", now.desired))].into()))
}

/// Asks for as many servers as there were `before`.
async fn back<D: crate::catalogue::Describe + Sync>(
    tools: &Tools,
    cx: &Context,
    act: &D,
    (id, region): (&ResourceId, RegionRole),
    before: &Before,
) -> Result<Evidence, ActError> {
    let Some(was) = group(before, id, region).map(|group| group.desired) else {
        return Ok(
            [("servers".to_owned(), "the group did not answer before, so nothing was asked of it".to_owned())].into()
        );
    };
    let evidence = if seen(tools, cx, id, region).await?.desired == was {
        [("servers".to_owned(), format!("{was} already"))].into()
    } else {
        ask(tools, cx, id, region, was).await?.evidence
    };
    look::restored(tools, cx, act, before).await.map_err(|error| error.with(evidence.clone()))?;
    Ok(evidence)
}

macro_rules! perform {
    ($args:ty, $target:expr) => {
        #[async_trait]
        impl Perform for $args {
            async fn apply(&self, tools: &Tools, cx: &Context, _before: &Before) -> Result<Applied, ActError> {
                let target: fn(&$args, &Tools, &ComputeGroup) -> Option<u32> = $target;
                let now = seen(tools, cx, &self.compute, self.region).await?;
                match target(self, tools, &now) {
                    Some(servers) => ask(tools, cx, &self.compute, self.region, servers).await,
                    None => Err(ActError::refused(format!(
                        "how many servers {} had in {} when the run began is not known: it did not answer then",
                        self.compute, self.region
                    ))),
                }
            }

            async fn achieved(&self, tools: &Tools, cx: &Context) -> Achieved {
                look::achieved(tools, cx, self).await
            }

            async fn undo(&self, tools: &Tools, cx: &Context, before: &Before) -> Result<Evidence, ActError> {
                back(tools, cx, self, (&self.compute, self.region), before).await
            }
        }
    };
}

perform!(ComputeStart, |it, _, now| it.servers.or(Some(now.capacity)));
perform!(ComputeStop, |_, _, _| Some(0));
perform!(ComputeScale, |it, tools, _| match it.to {
    Servers::Count(count) => Some(count),
    Servers::AsBefore => group(&tools.initial, &it.compute, it.region).map(|group| group.desired),
});
