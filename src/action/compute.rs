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

/// Asks for the servers that were asked for when the group was `was`.
async fn put_back(
    tools: &Tools,
    cx: &Context,
    (id, region): (&ResourceId, RegionRole),
    was: &ComputeGroup,
) -> Result<Evidence, ActError> {
    let now = seen(tools, cx, id, region).await?;
    if (now.desired, &now.up) == (was.desired, &was.up) {
        return Ok([("servers".to_owned(), format!("{} already", was.desired))].into());
    }
    let back = find(tools, id)?.put_back(cx, region, was).await;
    back.map_err(|error| ActError::of(format!("scaling {id} in {region} back"), &error))?;
    Ok([("servers".to_owned(), format!("{} -> {}", now.desired, was.desired))].into())
}

/// Asks for as many servers as there were `before`.
async fn back<D: crate::catalogue::Describe + Sync>(
    tools: &Tools,
    cx: &Context,
    act: &D,
    (id, region): (&ResourceId, RegionRole),
    before: &Before,
) -> Result<Evidence, ActError> {
    let Some(was) = group(before, id, region) else {
        return Ok(
            [("servers".to_owned(), "the group did not answer before, so nothing was asked of it".to_owned())].into()
        );
    };
    let evidence = put_back(tools, cx, (id, region), was).await?;
    look::restored(tools, cx, act, before).await.map_err(|error| error.with(evidence.clone()))?;
    Ok(evidence)
}

macro_rules! perform {
    ($args:ty, $target:expr, $these:expr) => {
        #[async_trait]
        impl Perform for $args {
            async fn apply(&self, tools: &Tools, cx: &Context, _before: &Before) -> Result<Applied, ActError> {
                let target: fn(&$args, &Tools, &ComputeGroup) -> Option<u32> = $target;
                let these: fn(&$args, &Tools) -> Option<ComputeGroup> = $these;
                if let Some(was) = these(self, tools) {
                    let evidence = put_back(tools, cx, (&self.compute, self.region), &was).await?;
                    return Ok(Applied::showing(evidence));
                }
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

perform!(ComputeStart, |it, _, now| it.servers.or(Some(now.capacity)), |_, _| None);
perform!(ComputeStop, |_, _, _| Some(0), |_, _| None);
perform!(
    ComputeScale,
    |it, _, _| match it.to {
        Servers::Count(count) => Some(count),
        Servers::AsBefore => None,
    },
    |it, tools| match it.to {
        Servers::Count(_) => None,
        Servers::AsBefore => group(&tools.initial, &it.compute, it.region).cloned(),
    }
);
