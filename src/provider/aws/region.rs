//! A region that is cut off by walls before its subnets.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::access::{Access, LOOK};
use super::acl::{self, Gate, Rules};
use super::database::OfSide;
use super::database::fence::{close, close_behind_walls};
use crate::id::{RegionRole, ResourceId};
use crate::infrastructure::real::aws::Isolation;
use crate::infrastructure::real::aws::database::AwsDatabase;
use crate::resource::{Context, Exclusive, Party, ProviderError, Region, RegionState};

/// How a wall's purpose begins that cuts a region off.
const ISOLATES: &str = "isolates:";

/// A region of AWS.
pub struct AwsCutOff {
    role: RegionRole,
    settings: Isolation,
    access: Arc<Access>,
    /// The databases that can be fenced in it.
    databases: BTreeMap<ResourceId, AwsDatabase>,
}

impl fmt::Debug for AwsCutOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsCutOff").field("role", &self.role).finish_non_exhaustive()
    }
}

/// The purpose of a fence's wall.
pub(super) fn fences(id: &ResourceId) -> String {
    format!("fences:{id}")
}

fn parties(purpose: &str) -> BTreeSet<Party> {
    let names = purpose.strip_prefix(ISOLATES).unwrap_or_default().split('+');
    let party = |name: &str| match name {
        "users" => Some(Party::Users),
        "primary" => Some(Party::Primary),
        "secondary" => Some(Party::Secondary),
        _ => None,
    };
    names.filter_map(party).collect()
}

/// Who is cut off by walls of these purposes, one a subnet: only who is by every one of them. A database's fence lets nobody
/// through either, so it is no gap; by itself it isolates nobody.
fn state<'a>(purposes: impl Iterator<Item = Option<&'a str>>) -> RegionState {
    let (mut by_all, mut by_any): (Option<BTreeSet<Party>>, BTreeSet<Party>) = (None, BTreeSet::new());
    for purpose in purposes.filter(|purpose| purpose.is_none_or(AwsCutOff::is_wall)) {
        let cut = purpose.map(parties).unwrap_or_default();
        by_any.extend(&cut);
        by_all = Some(by_all.map_or_else(|| cut.clone(), |all| all.intersection(&cut).copied().collect()));
    }
    let isolated_from = by_all.unwrap_or_default();
    let partly = by_any.difference(&isolated_from).copied().collect();
    RegionState { isolated_from, partly }
}

/// The other region, as seen from `role`'s.
fn other(role: RegionRole) -> Party {
    match role {
        RegionRole::Primary => Party::Secondary,
        RegionRole::Secondary => Party::Primary,
    }
}

/// Whether walls of these purposes, one a subnet, let nobody through in `role`'s region. A fence among them says itself
/// whether the sessions behind it were ended, and lets through whom it names.
fn is_sealed<'a>(role: RegionRole, mut purposes: impl Iterator<Item = Option<&'a str>>) -> bool {
    let everybody = BTreeSet::from([Party::Users, other(role)]);
    purposes.all(|purpose| purpose.is_some_and(|it| parties(it).is_superset(&everybody)))
}

fn purpose(parties: &BTreeSet<Party>) -> String {
    let names: Vec<String> = parties.iter().map(ToString::to_string).collect();
    format!("{ISOLATES}{}", names.join("+"))
}

impl AwsCutOff {
    /// The region `role`, in which `databases` can be fenced.
    #[must_use]
    pub fn new(
        role: RegionRole,
        settings: Isolation,
        access: Arc<Access>,
        databases: BTreeMap<ResourceId, AwsDatabase>,
    ) -> Self {
        Self { role, settings, access, databases }
    }

    fn other(&self) -> Party {
        other(self.role)
    }

    /// Who gets through when `cut` are cut off.
    fn rules(&self, cut: &BTreeSet<Party>) -> Result<Rules, ProviderError> {
        let blocks = |party: Party| {
            let known = self.settings.blocks.of(party);
            if known.is_empty() {
                return Err(ProviderError::Refused(format!(
                    "to cut {} off from some and not from others, the address blocks of {party} must be known: add them \
                     under `isolate: {{ blocks: … }}`",
                    self.role
                )));
            }
            Ok(known.to_vec())
        };
        match (cut.contains(&Party::Users), cut.contains(&self.other())) {
            (true, true) => Ok(Rules::default()),
            (true, false) => Ok(Rules { let_through: blocks(self.other())?, but_not: Vec::new() }),
            (false, true) => Ok(Rules { let_through: Vec::new(), but_not: blocks(self.other())? }),
            (false, false) => Err(ProviderError::Refused(format!("{} can't be cut off from itself", self.role))),
        }
    }

    async fn gates(&self, cx: &Context) -> Result<Vec<Gate>, ProviderError> {
        acl::gates(cx, &self.access, &self.settings.subnets).await
    }

    fn is_wall(purpose: &str) -> bool {
        purpose.starts_with(ISOLATES)
    }
}

/// Its walls carry the run that raised them; a region has no mark beside that.
impl Exclusive for AwsCutOff {}

#[async_trait]
impl Region for AwsCutOff {
    async fn observe(&self, cx: &Context) -> Result<RegionState, ProviderError> {
        let gates = self.access.within(cx, LOOK, self.gates(cx)).await?;
        Ok(state(gates.iter().map(Gate::purpose)))
    }

    async fn set_isolation(&self, cx: &Context, to: &RegionState) -> Result<(), ProviderError> {
        let gates = self.gates(cx).await?;
        let of_another = |gate: &&Gate| {
            let run = gate.tag(super::tags::RUN);
            gate.purpose().is_some_and(Self::is_wall) && run.is_some_and(|run| run != cx.run.as_str())
        };
        if let Some(gate) = gates.iter().find(of_another) {
            return Err(ProviderError::Refused(format!(
                "the network ACL {} before {} was raised by the run {}: nothing was changed",
                gate.acl(),
                gate.subnet,
                gate.tag(super::tags::RUN).unwrap_or_default()
            )));
        }
        if to.isolated_from.is_empty() {
            return acl::lower(cx, &self.access, &self.settings.subnets, Self::is_wall).await;
        }
        let rules = self.rules(&to.isolated_from)?;
        let wanted = purpose(&to.isolated_from);
        // A database's fence stays: it lets nobody through either.
        let subnets: Vec<String> = gates
            .iter()
            .filter(|gate| gate.purpose().is_none_or(Self::is_wall))
            .map(|gate| gate.subnet.clone())
            .collect();
        // What an earlier attempt raised stands: then a refusal leaves the region cut off in part, which is to be taken back.
        let begun = gates.iter().any(|gate| gate.purpose().is_some_and(Self::is_wall));
        acl::raise(cx, &self.access, (&wanted, &subnets, None), &rules).await.map_err(|error| {
            let stand = format!("some walls stand already in {}", self.access.region);
            if begun { acl::halfway(error, &stand) } else { error }
        })?;
        acl::remove_idle(cx, &self.access, Self::is_wall).await
    }

    async fn rejoin_fenced(&self, cx: &Context, fenced: &[ResourceId]) -> Result<(), ProviderError> {
        // From the wall of the isolation straight to that of the fence: there is no instant in between.
        let mut begun = false;
        let told = |error, begun: bool| {
            if begun { acl::halfway(error, &format!("fences stand already in {}", self.access.region)) } else { error }
        };
        for id in fenced {
            let found = self.databases.get(id).and_then(|it| Some((it, it.side(self.role).fence.as_ref()?)));
            let Some((settings, fence)) = found else {
                return Err(ProviderError::Unsupported(format!(
                    "{id} has no `fence: {{ subnets: […] }}` in {}, so it can't be fenced before the region is reachable",
                    self.role
                )));
            };
            let side = OfSide { id, settings, access: &self.access };
            let gates = acl::gates(cx, &self.access, &fence.subnets).await?;
            let closed = if is_sealed(self.role, gates.iter().map(Gate::purpose)) {
                Box::pin(close_behind_walls(side, cx)).await
            } else {
                Box::pin(close(side, cx)).await.map(|_| ())
            };
            closed.map_err(|error| told(error, begun))?;
            begun = true;
        }
        acl::lower(cx, &self.access, &self.settings.subnets, Self::is_wall).await.map_err(|error| told(error, begun))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(purposes: &[Option<&str>]) -> String {
        state(purposes.iter().copied()).to_string()
    }

    #[test]
    fn only_who_is_cut_off_before_every_subnet_is_cut_off() {
        let (both, users) = (Some("isolates:users+secondary"), Some("isolates:users"));
        assert_eq!(told(&[both, both]), "cut off from users and secondary");
        assert_eq!(told(&[both, None]), "partly cut off from users and secondary");
        assert_eq!(told(&[both, users]), "cut off from users, partly from secondary");
        assert_eq!(told(&[None, None]), "reachable");
        // A fence lets nobody through either.
        assert_eq!(told(&[both, Some("fences:main")]), "cut off from users and secondary");
        assert_eq!(told(&[Some("fences:main")]), "reachable");
    }

    #[test]
    fn sessions_are_ended_behind_an_isolation_only_where_it_lets_nobody_through() {
        let sealed = |purposes: &[Option<&str>]| is_sealed(RegionRole::Primary, purposes.iter().copied());
        let (both, users) = (Some("isolates:users+secondary"), Some("isolates:users"));
        assert!(sealed(&[both, both]));
        assert!(!sealed(&[both, users]), "the other region gets through");
        assert!(!sealed(&[both, None]), "a subnet is open");
        assert!(!sealed(&[both, Some("fences:main")]), "a fence that was begun before is not known to have ended them");
    }
}
