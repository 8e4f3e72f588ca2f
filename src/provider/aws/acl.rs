//! Walls: network ACLs that take the place of those of named subnets. An ACL has no memory of connections, so what stands
//! is cut too, which a security group would let go on.
//!
//! A wall carries in its tags what it is for, which run raised it, and for each subnet the ACL that was there before:
//! all that an undo or another process needs to take it away again. One that is a fence says too when the sessions behind
//! it were ended: without that it fences nothing yet.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use aws_sdk_ec2::types::{Filter, NetworkAcl, ResourceType, RuleAction, Tag, TagSpecification};

use super::access::Access;
use super::call::{self, Action};
use super::tags::{RUN, Tags};
use crate::resource::{Context, ProviderError};

pub(super) const DESCRIBE: Action = Action("ec2:DescribeNetworkAcls");
pub(super) const CREATE: Action = Action("ec2:CreateNetworkAcl");
pub(super) const ENTRY: Action = Action("ec2:CreateNetworkAclEntry");
pub(super) const REPLACE: Action = Action("ec2:ReplaceNetworkAclAssociation");
pub(super) const DELETE: Action = Action("ec2:DeleteNetworkAcl");
pub(super) const TAG: Action = Action("ec2:CreateTags");

/// What a wall is for.
const PURPOSE: &str = "muster:wall";
/// The ACL that a subnet had before, by the subnet's id.
const WAS: &str = "muster:was:";
/// When the wall was begun, in milliseconds since 1970: for people. Writes end later than that.
const SINCE: &str = "muster:since";
/// When the sessions behind the wall were ended, in milliseconds since 1970: nothing was written after that. It is there
/// only once they were.
const ENDED: &str = "muster:sessions-ended";
/// The most subnets of one wall: the ACL's 50 tags have one for each.
const SUBNETS_MAX: usize = 40;

/// Who gets through a wall.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rules {
    /// These blocks do, in both directions.
    pub(super) let_through: Vec<String>,
    /// These don't, and everybody else does.
    pub(super) but_not: Vec<String>,
}

/// A subnet and the ACL that it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Gate {
    pub(super) subnet: String,
    association: String,
    acl: String,
    vpc: String,
    tags: Tags,
}

impl Gate {
    /// What the wall before the subnet is for, if there is one.
    pub(super) fn purpose(&self) -> Option<&str> {
        self.tags.get(PURPOSE).map(String::as_str)
    }

    /// A tag of its ACL.
    pub(super) fn tag(&self, key: &str) -> Option<&str> {
        self.tags.get(key).map(String::as_str)
    }

    /// The ACL that belongs to the subnet when no wall stands there.
    fn own(&self) -> Result<String, ProviderError> {
        if self.purpose().is_none() {
            return Ok(self.acl.clone());
        }
        let was = self.tags.get(&format!("{WAS}{}", self.subnet)).cloned();
        was.ok_or_else(|| {
            ProviderError::Refused(format!(
                "the network ACL {} before {} does not say which was there before: put the right one back by hand",
                self.acl, self.subnet
            ))
        })
    }

    pub(super) fn acl(&self) -> &str {
        &self.acl
    }
}

/// What stands of a wall before some subnets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wall {
    /// Its ACL, or the first of them.
    pub(super) acl: String,
    /// Whether it stands before all of the subnets.
    pub(super) whole: bool,
    /// When the sessions behind it were ended, in milliseconds since 1970; `None` while it is not whole, or they were not.
    pub(super) ended: Option<u64>,
}

impl Wall {
    fn of(gates: &[Gate], purpose: &str) -> Option<Self> {
        let walled: Vec<&Gate> = gates.iter().filter(|gate| gate.purpose() == Some(purpose)).collect();
        let acl = walled.first()?.acl.clone();
        let whole = walled.len() == gates.len();
        let ended: Option<Vec<u64>> = walled.iter().map(|gate| gate.tag(ENDED)?.parse().ok()).collect();
        Some(Self { acl, whole, ended: ended.filter(|_| whole).and_then(|each| each.into_iter().max()) })
    }
}

/// What stands of the wall for `purpose` before these subnets; `None` if none of them has it.
pub(super) async fn wall(
    cx: &Context,
    access: &Access,
    (purpose, subnets): (&str, &[String]),
) -> Result<Option<Wall>, ProviderError> {
    Ok(Wall::of(&gates(cx, access, subnets).await?, purpose))
}

/// What failed when something stands already: that nothing was changed would be believed.
pub(super) fn halfway(error: ProviderError, what: &str) -> ProviderError {
    if error.in_doubt() { error } else { ProviderError::Halfway(format!("{what}: {error}")) }
}

/// Now, in milliseconds since 1970.
pub(super) fn now_ms(cx: &Context) -> u64 {
    u64::try_from(cx.clock.wall().as_millisecond()).unwrap_or(0)
}

fn tags_of(acl: &NetworkAcl) -> Tags {
    acl.tags().iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned()))).collect()
}

/// The gates of these subnets, all of them.
pub(super) async fn gates(cx: &Context, access: &Access, subnets: &[String]) -> Result<Vec<Gate>, ProviderError> {
    let client = access.ec2(cx).await?;
    let filter = Filter::builder().name("association.subnet-id").set_values(Some(subnets.to_vec())).build();
    let answer = call::reads(cx, access, &DESCRIBE, client.describe_network_acls().filters(filter).send()).await?;
    let mut found = BTreeMap::new();
    for acl in answer.network_acls() {
        for association in acl.associations() {
            let Some(subnet) = association.subnet_id().filter(|id| subnets.iter().any(|one| one == id)) else {
                continue;
            };
            let gate = Gate {
                subnet: subnet.to_owned(),
                association: association.network_acl_association_id().unwrap_or_default().to_owned(),
                acl: acl.network_acl_id().unwrap_or_default().to_owned(),
                vpc: acl.vpc_id().unwrap_or_default().to_owned(),
                tags: tags_of(acl),
            };
            found.insert(subnet.to_owned(), gate);
        }
    }
    if let Some(missing) = subnets.iter().find(|subnet| !found.contains_key(*subnet)) {
        return Err(ProviderError::Refused(format!("there is no subnet {missing} in {}", access.region)));
    }
    Ok(found.into_values().collect())
}

/// Raises a wall for `purpose` before these subnets; where it stands already nothing is done. `ended`: the sessions behind
/// it are ended already, and nobody can open new ones; since when, in milliseconds since 1970.
pub(super) async fn raise(
    cx: &Context,
    access: &Access,
    (purpose, subnets, ended): (&str, &[String], Option<u64>),
    rules: &Rules,
) -> Result<(), ProviderError> {
    let all = gates(cx, access, subnets).await?;
    let (walled, open): (Vec<Gate>, Vec<Gate>) = all.into_iter().partition(|gate| gate.purpose() == Some(purpose));
    if open.len() > SUBNETS_MAX {
        return Err(ProviderError::Unsupported(format!("a wall stands before at most {SUBNETS_MAX} subnets")));
    }
    // A wall before one subnet of many is no wall, and it is to be taken back.
    let mut begun = !walled.is_empty();
    let told = |error, begun: bool| {
        if begun { halfway(error, &format!("raising a wall in {}", access.region)) } else { error }
    };
    let vpcs: BTreeSet<&str> = open.iter().map(|gate| gate.vpc.as_str()).collect();
    for vpc in vpcs {
        let of_vpc: Vec<&Gate> = open.iter().filter(|gate| gate.vpc == vpc).collect();
        let built = build(cx, access, (purpose, vpc, ended), &of_vpc, rules).await;
        let wall = built.map_err(|error| told(error, begun))?;
        for gate in of_vpc {
            if let Err(error) = replace(cx, access, gate, &wall).await {
                if !begun && !error.in_doubt() {
                    discard(cx, access, &wall).await;
                }
                return Err(told(error, begun));
            }
            begun = true;
        }
    }
    Ok(())
}

/// Makes the ACL, with all that it is to remember, before any subnet gets it.
async fn build(
    cx: &Context,
    access: &Access,
    (purpose, vpc, ended): (&str, &str, Option<u64>),
    before: &[&Gate],
    rules: &Rules,
) -> Result<String, ProviderError> {
    let client = access.ec2(cx).await?;
    let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
    let mut tags = vec![
        tag("Name", "muster"),
        tag(RUN, cx.run.as_str()),
        tag(PURPOSE, purpose),
        tag(SINCE, &now_ms(cx).to_string()),
    ];
    tags.extend(ended.map(|ended| tag(ENDED, &ended.to_string())));
    for gate in before {
        tags.push(tag(&format!("{WAS}{}", gate.subnet), &gate.own()?));
    }
    let tagged = TagSpecification::builder().resource_type(ResourceType::NetworkAcl).set_tags(Some(tags)).build();
    let request = client.create_network_acl().vpc_id(vpc).tag_specifications(tagged);
    let made = call::writes(cx, access, &CREATE, request.send()).await?;
    let id = made.network_acl().and_then(|acl| acl.network_acl_id()).unwrap_or_default().to_owned();
    match furnish(cx, access, &id, rules).await {
        Ok(()) => Ok(id),
        Err(error) => {
            if !error.in_doubt() {
                discard(cx, access, &id).await;
            }
            Err(error)
        }
    }
}

/// Gives a new ACL its entries. One without entries lets nobody through.
async fn furnish(cx: &Context, access: &Access, id: &str, rules: &Rules) -> Result<(), ProviderError> {
    let client = access.ec2(cx).await?;
    let denied = rules.but_not.iter().map(|block| (block.as_str(), RuleAction::Deny));
    let allowed = rules.let_through.iter().map(|block| (block.as_str(), RuleAction::Allow));
    let rest = if rules.but_not.is_empty() { [].as_slice() } else { ["0.0.0.0/0", "::/0"].as_slice() };
    let rest = rest.iter().map(|block| (*block, RuleAction::Allow));
    for (number, (block, action)) in (100..).zip(denied.chain(allowed).chain(rest)) {
        for egress in [false, true] {
            let entry = client.create_network_acl_entry().network_acl_id(id).rule_number(number).protocol("-1");
            let entry = entry.rule_action(action.clone()).egress(egress);
            let six = block
                .split('/')
                .next()
                .and_then(|address| address.parse::<IpAddr>().ok())
                .is_some_and(|ip| ip.is_ipv6());
            let entry = if six { entry.ipv6_cidr_block(block) } else { entry.cidr_block(block) };
            match call::writes(cx, access, &ENTRY, entry.send()).await {
                Ok(_) => {}
                // Its answer was lost and it was sent again: nobody else knows the ACL yet.
                Err(failed) if failed.is(&["NetworkAclEntryAlreadyExists"]) => {}
                Err(failed) => return Err(failed.into()),
            }
        }
    }
    Ok(())
}

/// Deletes an ACL that was made for nothing. What goes wrong then is not worth more than what went wrong before: whoever
/// lowers a wall of this run finds what is left.
async fn discard(cx: &Context, access: &Access, id: &str) {
    if let Ok(client) = access.ec2(cx).await {
        drop(call::writes(cx, access, &DELETE, client.delete_network_acl().network_acl_id(id).send()).await);
    }
}

/// Notes on the wall for `purpose` before these subnets that the sessions behind it are ended by now, and gives that
/// moment, in milliseconds since 1970.
pub(super) async fn note_ended(
    cx: &Context,
    access: &Access,
    (purpose, subnets): (&str, &[String]),
) -> Result<u64, ProviderError> {
    let now = now_ms(cx);
    let gates = gates(cx, access, subnets).await?;
    let walls: BTreeSet<String> =
        gates.into_iter().filter(|gate| gate.purpose() == Some(purpose)).map(|gate| gate.acl).collect();
    let client = access.ec2(cx).await?;
    let request = client
        .create_tags()
        .set_resources(Some(walls.into_iter().collect()))
        .tags(Tag::builder().key(ENDED).value(now.to_string()).build());
    call::writes(cx, access, &TAG, request.send()).await?;
    Ok(now)
}

async fn replace(cx: &Context, access: &Access, gate: &Gate, acl: &str) -> Result<(), ProviderError> {
    let client = access.ec2(cx).await?;
    let request = client.replace_network_acl_association().association_id(&gate.association).network_acl_id(acl);
    match call::writes(cx, access, &REPLACE, request.send()).await {
        Ok(_) => Ok(()),
        // Its answer was lost and it was sent again, or somebody else was there: a look tells.
        Err(failed) if failed.is(&["InvalidAssociationID.NotFound"]) => {
            let now = gates(cx, access, std::slice::from_ref(&gate.subnet)).await?;
            if now.iter().all(|one| one.acl == acl) {
                Ok(())
            } else {
                Err(ProviderError::Changed(format!("the network ACL of {}", gate.subnet)))
            }
        }
        Err(failed) => Err(failed.into()),
    }
}

/// Takes the walls of `purpose` away from these subnets, and then the ACLs themselves. Other walls stay.
pub(super) async fn lower(
    cx: &Context,
    access: &Access,
    subnets: &[String],
    purpose: impl Fn(&str) -> bool,
) -> Result<(), ProviderError> {
    let walled: Vec<Gate> =
        gates(cx, access, subnets).await?.into_iter().filter(|gate| gate.purpose().is_some_and(&purpose)).collect();
    let mut begun = false;
    let told = |error, begun: bool| {
        if begun { halfway(error, &format!("taking a wall away in {}", access.region)) } else { error }
    };
    for gate in &walled {
        let lowered = async { replace(cx, access, gate, &gate.own()?).await };
        lowered.await.map_err(|error| told(error, begun))?;
        begun = true;
    }
    remove_idle(cx, access, purpose).await.map_err(|error| told(error, begun))
}

/// Deletes walls of `purpose` that stand before nothing any more, also those that a crash left.
pub(super) async fn remove_idle(
    cx: &Context,
    access: &Access,
    purpose: impl Fn(&str) -> bool,
) -> Result<(), ProviderError> {
    let client = access.ec2(cx).await?;
    let filter = Filter::builder().name("tag-key").values(PURPOSE).build();
    let answer = call::reads(cx, access, &DESCRIBE, client.describe_network_acls().filters(filter).send()).await?;
    for acl in answer.network_acls().iter().filter(|acl| acl.associations().is_empty()) {
        let tags = tags_of(acl);
        let ours = tags.get(RUN).is_some_and(|run| run == cx.run.as_str());
        if !ours || !tags.get(PURPOSE).is_some_and(|it| purpose(it)) {
            continue;
        }
        let request = client.delete_network_acl().network_acl_id(acl.network_acl_id().unwrap_or_default());
        match call::writes(cx, access, &DELETE, request.send()).await {
            Ok(_) => {}
            Err(failed) if failed.is(&["InvalidNetworkAclID.NotFound"]) => {}
            Err(failed) => return Err(failed.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(subnet: &str, acl: &str, tags: &[(&str, &str)]) -> Gate {
        Gate {
            subnet: subnet.to_owned(),
            association: "aclassoc-1".to_owned(),
            acl: acl.to_owned(),
            vpc: "vpc-1".to_owned(),
            tags: tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        }
    }

    #[test]
    fn a_wall_has_ended_sessions_only_once_each_of_its_acls_says_so() {
        let (fence, early, late) = ((PURPOSE, "fences:main"), (ENDED, "1000"), (ENDED, "2000"));
        let of = |gates: &[Gate]| Wall::of(gates, "fences:main").map(|wall| (wall.whole, wall.ended));
        let ended = gate("subnet-1", "acl-1", &[fence, early]);
        assert_eq!(of(&[gate("subnet-1", "acl-1", &[early])]), None, "it is no wall");
        assert_eq!(of(&[gate("subnet-1", "acl-1", &[fence, (SINCE, "500")])]), Some((true, None)));
        assert_eq!(of(&[ended.clone(), gate("subnet-2", "acl-0", &[])]), Some((false, None)), "a subnet is open");
        assert_eq!(of(&[ended.clone(), gate("subnet-2", "acl-2", &[fence])]), Some((true, None)));
        assert_eq!(of(&[ended, gate("subnet-2", "acl-2", &[fence, late])]), Some((true, Some(2000))));
    }

    #[test]
    fn what_failed_behind_a_begun_wall_is_never_told_as_nothing_changed() {
        for error in [
            ProviderError::Refused("no".to_owned()),
            ProviderError::Changed("no".to_owned()),
            ProviderError::Transient("no".to_owned()),
            ProviderError::Unsupported("no".to_owned()),
        ] {
            assert!(halfway(error.clone(), "raising a wall").in_doubt(), "{error:?}");
        }
        assert_eq!(halfway(ProviderError::Cancelled, "raising a wall"), ProviderError::Cancelled);
    }
}
