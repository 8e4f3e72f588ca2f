//! Databases of RDS and Aurora: two sides of which one takes writes, by one of four ways to promote.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{AWS, Teller, is_identifier};
use crate::diagnostic::{Diagnostic, Place};
use crate::id::{RegionRole, ResourceId};
use crate::infrastructure::real::postgres::PostgresDatabase;
use crate::infrastructure::real::typed;
use crate::infrastructure::simulate::PerRegion;
use crate::model::Binding;
use crate::resource::ResourceKind;
use crate::yaml::{Node, decode};

/// How a side comes to take writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A read replica in the other region is promoted; it can't follow again, so the way back builds a new one.
    Replica,
    /// One Multi-AZ instance is rebooted with failover; the sides are availability zones.
    MultiAz,
    /// The writer of one Aurora cluster moves to another of its instances.
    Cluster,
    /// The writer of an Aurora global database moves to the other region's cluster.
    Global,
}

/// A database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AwsDatabase {
    /// What it is.
    pub kind: Kind,
    /// The Aurora cluster, for `cluster`; the global database, for `global`; the instance, for `multi_az`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Each side.
    pub regions: PerRegion<Side>,
    /// How Muster itself writes into it, to prove fences and promotions and for canaries: PostgreSQL only.
    pub sql: PostgresDatabase,
}

/// One side.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Side {
    /// The instance's identifier, for `replica` and `cluster`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The regional cluster's identifier, for `global`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// The availability zone, for `multi_az`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// What fences it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fence: Option<Fence>,
}

/// The subnets whose network ACL is the fence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fence {
    /// The database's subnets, all of them.
    pub subnets: Vec<String>,
    /// Address blocks (CIDR) that get through all the same: what a replica replicates from, never users.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub let_through: Vec<String>,
}

impl AwsDatabase {
    /// The side of `role`.
    #[must_use]
    pub fn side(&self, role: RegionRole) -> &Side {
        self.regions.get(role)
    }
}

/// Tells what is wrong with the settings.
pub(in crate::infrastructure::real) fn check(settings: &Node, diagnostics: &mut Vec<Diagnostic>) {
    let Some(read) = decode::<AwsDatabase>(settings, diagnostics) else { return };
    let mut teller = Teller::new(settings, diagnostics);
    match (&read.name, read.kind) {
        (None, Kind::Cluster | Kind::Global | Kind::MultiAz) => {
            teller.tell(
                &["kind"],
                "the name of the whole is not said",
                "add `name:` with the cluster, the global database or the instance",
            );
        }
        (Some(_), Kind::Replica) => teller.tell(&["name"], "two instances have no common name", "leave `name` out"),
        (Some(name), _) if !is_identifier(name) => {
            teller.tell(&["name"], format!("`{name}` is no identifier"), "letters, digits and hyphens, a letter first");
        }
        _ => {}
    }
    for role in RegionRole::ALL {
        let side = read.regions.get(role);
        let path = ["regions", role.as_str()];
        let (key, said) = match read.kind {
            Kind::Replica | Kind::Cluster => ("instance", &side.instance),
            Kind::Global => ("cluster", &side.cluster),
            Kind::MultiAz => ("zone", &side.zone),
        };
        match said {
            None => teller.tell(&path, format!("the {role} side's {key} is not said"), &format!("add `{key}:`")),
            Some(said) if !is_identifier(said) => {
                teller.tell(&path, format!("`{said}` is no identifier"), "letters, digits and hyphens, a letter first");
            }
            Some(_) => {}
        }
        if let Some(fence) = &side.fence {
            teller.subnets(&path, &fence.subnets);
            for block in fence.let_through.iter().filter(|block| !super::is_block(block)) {
                teller.tell(&path, format!("`{block}` is no address block"), "write 10.2.0.0/16");
            }
        }
    }
}

/// Whose fence each subnet is. A subnet has one network ACL: two fences that share it would take each other's away.
#[derive(Debug, Default)]
pub(in crate::infrastructure) struct Fences(BTreeMap<String, (ResourceId, RegionRole)>);

impl Fences {
    /// Tells which subnets of `id`'s fences are another fence's already. What is no database of AWS, or can't be read, has
    /// none.
    pub(in crate::infrastructure) fn check(
        &mut self,
        id: &ResourceId,
        binding: &Binding,
        place: &Place,
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        if (binding.kind, binding.provider.as_str()) != (ResourceKind::Database, AWS) {
            return;
        }
        let Ok(read) = typed::<AwsDatabase>(binding) else { return };
        for role in RegionRole::ALL {
            let Some(fence) = &read.side(role).fence else { continue };
            for subnet in fence.subnets.iter().collect::<BTreeSet<_>>() {
                let Some((other, there)) = self.0.get(subnet) else {
                    self.0.insert(subnet.clone(), (id.clone(), role));
                    continue;
                };
                diagnostics.push(
                    Diagnostic::error(
                        "M145",
                        format!(
                            "the fence of `{id}` in {role} has the subnet {subnet}, which is that of `{other}` in {there}"
                        ),
                    )
                    .at(place.clone())
                    .help(
                        "a subnet has one network ACL, so one fence would cut off what the other lets through, and end it: \
                         give each database, and each of its sides, subnets of its own, or leave one `fence` out",
                    ),
                );
            }
        }
    }
}
