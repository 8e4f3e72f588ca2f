//! `region.isolate` and `region.rejoin`. Isolation ends only where that cannot make two sides take writes.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::look;
use super::replicated::{Replicated, Side, sides_in};
use super::{ActError, Applied, Perform, Tools};
use crate::catalogue::{Achieved, Before, Evidence, RegionIsolate, RegionRejoin};
use crate::id::{RegionRole, ResourceId};
use crate::resource::{
    ByRegion, Context, Party, ProviderError, Region, RegionState, ReplicaRole, ResourceState, Seen, region_resource,
};

fn find(tools: &Tools, role: RegionRole) -> Result<&dyn Region, ActError> {
    tools
        .resources
        .regions
        .get(&role)
        .map(AsRef::as_ref)
        .ok_or_else(|| ActError::refused(format!("the infrastructure file has no {role} region")))
}

async fn observe(tools: &Tools, cx: &Context, role: RegionRole) -> Result<RegionState, ActError> {
    let state = find(tools, role)?.observe(cx).await;
    state.map_err(|error| ActError::unseen(format!("region {role}"), &error))
}

fn isolated_before(before: &Before, role: RegionRole) -> Option<&BTreeSet<Party>> {
    match before.get(&region_resource(role)) {
        Some(ResourceState::Region(state)) => Some(&state.isolated_from),
        _ => None,
    }
}

/// What letting users and the other region back to a side could mean.
enum Return {
    /// It takes no writes, or it alone does.
    Harmless,
    /// The other side was promoted, and this one may take writes too.
    TwoWouldWrite,
    /// Whether the other side was promoted can't be seen.
    Unseen(String),
}

/// Judges the return of `region`'s side by what is seen now and what was seen when the run began.
fn judge(now: &ByRegion<Side>, initial: Option<&ByRegion<Side>>, region: RegionRole) -> Return {
    let known = |sides: &ByRegion<Side>, role: RegionRole| sides.get(&role).and_then(Seen::known).cloned();
    if known(now, region).is_some_and(|side| !side.may_take_writes()) {
        return Return::Harmless;
    }
    let other = match now.get(&region.other()) {
        Some(Seen::Is(other)) => other,
        Some(Seen::Unreachable(why)) => return Return::Unseen(why.clone()),
        None => return Return::Harmless,
    };
    if other.role != ReplicaRole::Primary {
        return Return::Harmless;
    }
    // A side that followed when the run began, and whose original was not promoted since, follows still.
    let before = initial.and_then(|sides| Some((known(sides, region)?, known(sides, region.other())?)));
    match before {
        Some((side, original))
            if side.role == ReplicaRole::Replica
                && original.role == ReplicaRole::Primary
                && original.timeline == other.timeline =>
        {
            Return::Harmless
        }
        _ => Return::TwoWouldWrite,
    }
}

/// What would take writes twice if `region` came back as it is, and what can't be judged.
async fn dangers(
    tools: &Tools,
    cx: &Context,
    region: RegionRole,
) -> Result<(Vec<ResourceId>, Vec<(ResourceId, String)>), ActError> {
    let (mut double, mut unseen) = (Vec::new(), Vec::new());
    for it in Replicated::all(tools) {
        match judge(&it.both(cx).await?, sides_in(&tools.initial, it.id()).as_ref(), region) {
            Return::Harmless => {}
            Return::TwoWouldWrite => double.push(it.id().clone()),
            Return::Unseen(why) => unseen.push((it.id().clone(), why)),
        }
    }
    Ok((double, unseen))
}

fn names(ids: &[ResourceId]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[async_trait]
impl Perform for RegionIsolate {
    async fn apply(&self, tools: &Tools, cx: &Context, _before: &Before) -> Result<Applied, ActError> {
        let now = observe(tools, cx, self.region).await?;
        let to = now.isolated_from.iter().chain(&self.from).copied().collect();
        let to = RegionState::cut_off_from(to);
        let set = find(tools, self.region)?.set_isolation(cx, &to).await;
        set.map_err(|error| ActError::of(format!("cutting region {} off", self.region), &error))?;
        Ok(Applied::showing([(region_resource(self.region).to_string(), to.to_string())].into()))
    }

    async fn achieved(&self, tools: &Tools, cx: &Context) -> Achieved {
        look::achieved(tools, cx, self).await
    }

    async fn undo(&self, tools: &Tools, cx: &Context, before: &Before) -> Result<Evidence, ActError> {
        let region = self.region;
        let Some(was) = isolated_before(before, region) else {
            return Err(ActError::refused(format!("who could reach region {region} before is not known")));
        };
        let now = observe(tools, cx, region).await?;
        // What others cut off meanwhile is theirs to join again.
        let ours: BTreeSet<Party> = self.from.iter().copied().filter(|party| !was.contains(party)).collect();
        let to = RegionState::cut_off_from(now.isolated_from.difference(&ours).copied().collect());
        let mut evidence: Evidence = [(region_resource(region).to_string(), to.to_string())].into();
        // Also what cuts off only a part, which an isolation that was broken off leaves behind.
        if to != now {
            // This run promoted nothing when an isolation is taken back, so only what is seen to be so can forbid it.
            let (double, unseen) = dangers(tools, cx, region).await?;
            if !double.is_empty() {
                return Err(ActError::refused(format!(
                    "region {region} stays cut off: {0} took over in {1}, and the old side is not known to be fenced, so \
                     two sides would take writes. End the isolation with `region.rejoin: {{ region: {region}, fenced: \
                     [{0}] }}`, or fence it there by hand first",
                    names(&double),
                    region.other()
                )));
            }
            for (id, why) in unseen {
                evidence.insert(id.to_string(), format!("not seen in {}: {why}", region.other()));
            }
            let set = find(tools, region)?.set_isolation(cx, &to).await;
            set.map_err(|error| ActError::of(format!("ending the isolation of region {region}"), &error))?;
        }
        look::restored(tools, cx, self, before).await.map_err(|error| error.with(evidence.clone()))?;
        Ok(evidence)
    }
}

impl RegionRejoin {
    /// Refuses to bring back what would take writes beside what took over.
    async fn refuse_unsafe(&self, tools: &Tools, cx: &Context) -> Result<(), ActError> {
        let (double, unseen) = dangers(tools, cx, self.region).await?;
        let missing: Vec<ResourceId> = double.into_iter().filter(|id| !self.fenced.contains(id)).collect();
        if !missing.is_empty() {
            return Err(ActError::refused(format!(
                "region {} stays cut off: {} took over in {}, and nothing would fence the old side; name it under \
                 `fenced`",
                self.region,
                names(&missing),
                self.region.other()
            )));
        }
        match unseen.into_iter().find(|(id, _)| !self.fenced.contains(id)) {
            Some((id, why)) => Err(ActError::refused(format!(
                "region {} stays cut off: whether {id} took over in {} can't be seen ({why}); name it under `fenced`",
                self.region,
                self.region.other()
            ))),
            None => Ok(()),
        }
    }

    /// Fences what can already be reached.
    async fn fence_reachable(&self, tools: &Tools, cx: &Context) -> Result<(), ActError> {
        for id in &self.fenced {
            let it = Replicated::find(tools, id)?;
            let sides = it.both(cx).await?;
            if it.side(&sides, self.region)?.may_take_writes() {
                super::fence::apply(it, cx, self.region, crate::catalogue::WhenUnreachable::Fail).await?;
            }
        }
        Ok(())
    }

    /// What `fenced` is now, in the region; an error if any of it takes writes or can't be seen.
    async fn harmless(&self, tools: &Tools, cx: &Context) -> Result<Evidence, ActError> {
        let mut evidence = Evidence::new();
        for id in &self.fenced {
            let it = Replicated::find(tools, id)?;
            let sides = it.both(cx).await.map_err(|error| ActError::in_part(error.what))?;
            let side = it.side(&sides, self.region).map_err(|error| ActError::in_part(error.what))?;
            if side.may_take_writes() {
                return Err(ActError::in_part(format!(
                    "region {} can be reached again and {id} is not fenced in it: cut it off or fence it at once",
                    self.region
                )));
            }
            evidence.insert(id.to_string(), if side.fenced { "fenced" } else { "takes no writes" }.to_owned());
        }
        Ok(evidence)
    }
}

#[async_trait]
impl Perform for RegionRejoin {
    async fn apply(&self, tools: &Tools, cx: &Context, _before: &Before) -> Result<Applied, ActError> {
        let region = find(tools, self.region)?;
        for id in &self.fenced {
            Replicated::find(tools, id)?;
        }
        self.refuse_unsafe(tools, cx).await?;
        let done: Result<(), ProviderError> = if observe(tools, cx, self.region).await?.is_reachable() {
            self.fence_reachable(tools, cx).await?;
            Ok(())
        } else if self.fenced.is_empty() {
            region.set_isolation(cx, &RegionState::default()).await
        } else {
            region.rejoin_fenced(cx, &self.fenced).await
        };
        done.map_err(|error| ActError::of(format!("ending the isolation of region {}", self.region), &error))?;
        Ok(Applied::default())
    }

    async fn achieved(&self, tools: &Tools, cx: &Context) -> Achieved {
        look::achieved(tools, cx, self).await
    }

    async fn prove(&self, tools: &Tools, cx: &Context) -> Result<Evidence, ActError> {
        self.harmless(tools, cx).await
    }

    async fn undo(&self, _tools: &Tools, _cx: &Context, _before: &Before) -> Result<Evidence, ActError> {
        Err(ActError::refused(format!(
            "it can't be taken back: cutting region {} off again would help nobody",
            self.region
        )))
    }
}
