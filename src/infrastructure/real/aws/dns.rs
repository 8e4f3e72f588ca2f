//! A record of a hosted zone of Route 53, and by what it is switched.

use serde::{Deserialize, Serialize};

use super::{MANY, Teller};
use crate::catalogue::Period;
use crate::diagnostic::Diagnostic;
use crate::id::RegionRole;
use crate::infrastructure::real::ServerAddress;
use crate::infrastructure::real::rfc2136::{SERVERS_MAX, VALUES_MAX, plain_name, plain_value};
use crate::infrastructure::simulate::PerRegion;
use crate::resource::RecordType;
use crate::yaml::{Node, decode};

/// What a switch changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// The one record set: its values, or the name that it is an alias of.
    #[default]
    Record,
    /// The weights of weighted record sets: the other region's gets 0.
    Weight,
    /// Which of two failover record sets is the primary one.
    Failover,
    /// Where latency record sets point: all to one region.
    Latency,
    /// Routing controls of the Application Recovery Controller: the data plane alone.
    RoutingControls,
    /// What an inverted health check looks at, changed by programs: the data plane alone.
    HealthCheck,
}

impl Way {
    /// Whether it changes the zone, which only Route 53's control plane in us-east-1 can.
    #[must_use]
    pub fn changes_the_zone(self) -> bool {
        !matches!(self, Self::RoutingControls | Self::HealthCheck)
    }
}

/// A record that is switched on Route 53.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route53 {
    /// The record's name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type", default)]
    pub record_type: RecordType,
    /// The TTL that it gets where there is no record yet; of what is switched in the data plane the longest that the zone's
    /// servers answer with. Default: 60s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Period>,
    /// The id of the hosted zone that it is in.
    pub zone: String,
    /// What a switch changes.
    #[serde(default)]
    pub by: Way,
    /// With whose way in the zone is changed: the region whose credentials are used. Default: secondary.
    #[serde(default = "secondary")]
    pub access: RegionRole,
    /// The zone's authoritative servers, in place of those that Route 53 names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authoritative: Vec<ServerAddress>,
    /// Users' caching resolvers that the change is followed through; the first also says what an alias stands for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resolvers: Vec<ServerAddress>,
    /// What points to each region.
    pub targets: PerRegion<Target>,
    /// The routing controls, for `by: routing_controls`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routing_controls: Option<RoutingControls>,
    /// The health check, for `by: health_check`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check: Option<HealthSwitch>,
}

fn secondary() -> RegionRole {
    RegionRole::Secondary
}

/// What points to one region.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Target {
    /// The values of a plain record.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    /// What an alias record stands for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias: Option<Alias>,
    /// The set identifier of this region's record set, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set: Option<String>,
}

/// The target of an alias record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alias {
    /// Its name: a load balancer's, a distribution's, another record's.
    pub name: String,
    /// The hosted zone of that name.
    pub zone: String,
    /// Whether its health counts; unstated: as it did before a switch, and not where there was no alias.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluate_health: Option<bool>,
}

/// A pair of routing controls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoutingControls {
    /// The endpoints of the cluster, one in each of its regions; each is tried in turn.
    pub cluster: Vec<ClusterEndpoint>,
    /// The ARN of the control that sends users to the primary region.
    pub primary: String,
    /// The ARN of the control that sends users to the secondary region.
    pub secondary: String,
}

/// One endpoint of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterEndpoint {
    /// Its address.
    pub url: String,
    /// Its region.
    pub region: String,
}

/// An inverted health check, and the programs that change what it looks at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealthSwitch {
    /// The health check of the primary region's record set.
    pub id: String,
    /// Puts there what the check looks for: it is inverted, so the primary region counts as down from then on.
    pub away: Vec<String>,
    /// Takes it away again.
    pub home: Vec<String>,
    /// Exit 0: it is there; 1: it is not.
    pub look: Vec<String>,
    /// How long one of them may run. Default: 30s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Period>,
}

impl Route53 {
    /// The values that point to `role` as they are compared: sorted, or the name that an alias stands for.
    #[must_use]
    pub fn values(&self, role: RegionRole) -> Vec<String> {
        self.targets.get(role).content(self.record_type)
    }
}

impl Target {
    /// The values as they are compared.
    #[must_use]
    pub fn content(&self, record_type: RecordType) -> Vec<String> {
        if let Some(alias) = &self.alias {
            return vec![plain_name(&alias.name)];
        }
        let plain = |text: &String| plain_value(record_type, text).unwrap_or_else(|_| text.clone());
        let mut values: Vec<String> = self.values.iter().map(plain).collect();
        values.sort();
        values.dedup();
        values
    }
}

/// Tells what is wrong with the settings.
pub(in crate::infrastructure::real) fn check(settings: &Node, diagnostics: &mut Vec<Diagnostic>) {
    let Some(read) = decode::<Route53>(settings, diagnostics) else { return };
    let mut teller = Teller::new(settings, diagnostics);
    let is_id = |id: &str| {
        (1..=32).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    };
    if !is_id(&read.zone) {
        teller.tell(
            &["zone"],
            format!("`{}` is no id of a hosted zone", read.zone),
            "write the id, such as Z0123456789ABC, and not the zone's name",
        );
    }
    for (key, listed) in [("authoritative", &read.authoritative), ("resolvers", &read.resolvers)] {
        if listed.len() > SERVERS_MAX {
            teller.tell(&[key], format!("{} servers are listed", listed.len()), "at most 32 are asked");
        }
    }
    let several = matches!(read.by, Way::Weight | Way::Failover | Way::Latency);
    let known_by_route53 = matches!(read.by, Way::Weight | Way::Failover);
    for role in RegionRole::ALL {
        target(&mut teller, &read, role, several, known_by_route53);
    }
    let same = read.values(RegionRole::Primary) == read.values(RegionRole::Secondary);
    if same && !known_by_route53 {
        teller.tell(&["targets"], "both regions have the same target", "nothing would be switched");
    }
    if several && read.targets.primary.set.is_some() && read.targets.primary.set == read.targets.secondary.set {
        teller.tell(&["targets"], "both regions have the same record set", "each region has one of its own");
    }
    match (&read.routing_controls, read.by == Way::RoutingControls) {
        (None, true) => teller.tell(
            &["by"],
            "the routing controls are not said",
            "add `routing_controls: { cluster: […], primary: ARN, secondary: ARN }`",
        ),
        (Some(_), false) => teller.tell(
            &["routing_controls"],
            "the switch does not go by routing controls",
            "write `by: routing_controls`",
        ),
        (Some(controls), true) => routing_controls(&mut teller, controls),
        (None, false) => {}
    }
    match (&read.health_check, read.by == Way::HealthCheck) {
        (None, true) => teller.tell(
            &["by"],
            "the health check is not said",
            "add `health_check: { id: ID, away: [PROGRAM], home: [PROGRAM], look: [PROGRAM] }`",
        ),
        (Some(_), false) => {
            teller.tell(&["health_check"], "the switch does not go by a health check", "write `by: health_check`");
        }
        (Some(check), true) => {
            for (key, argv) in [("away", &check.away), ("home", &check.home), ("look", &check.look)] {
                if argv.first().is_none_or(String::is_empty) {
                    teller.tell(
                        &["health_check", key],
                        format!("`{key}` names no program"),
                        "write the program and its arguments as a list",
                    );
                }
            }
        }
        (None, false) => {}
    }
}

fn target(teller: &mut Teller<'_>, read: &Route53, role: RegionRole, several: bool, known_by_route53: bool) {
    let target = read.targets.get(role);
    let path = ["targets", role.as_str()];
    match (&target.set, several) {
        (None, true) => teller.tell(
            &path,
            format!("the {role} region's record set is not said"),
            "add `set:` with its set identifier",
        ),
        (Some(_), false) => teller.tell(
            &path,
            "a set identifier belongs to weighted, failover and latency records",
            "write `by: weight`, `failover` or `latency`, or leave `set` out",
        ),
        _ => {}
    }
    match (&target.alias, target.values.is_empty()) {
        (None, true) if !known_by_route53 => teller.tell(
            &path,
            format!("the {role} region has no value"),
            "write `values: […]` or `alias: { name: …, zone: … }`",
        ),
        (Some(_), false) => teller.tell(&path, "a record is an alias or has values, not both", "leave one out"),
        (Some(_), true) if read.record_type == RecordType::Cname => {
            teller.tell(&path, "an alias is no CNAME", "write `type: A`: an alias answers with addresses");
        }
        _ => {}
    }
    if target.values.len() > VALUES_MAX || read.record_type == RecordType::Cname && target.values.len() > 1 {
        teller.tell(
            &path,
            format!("{} values are too many", target.values.len()),
            "a CNAME has one value, another record at most 64 here",
        );
    }
    for value in &target.values {
        if let Err(fault) = plain_value(read.record_type, value) {
            teller.tell(&path, fault, &format!("the values of a record of type {} are meant", read.record_type));
        }
    }
}

fn routing_controls(teller: &mut Teller<'_>, controls: &RoutingControls) {
    if controls.cluster.is_empty() || controls.cluster.len() > MANY {
        teller.tell(
            &["routing_controls", "cluster"],
            "no endpoint of the cluster is named",
            "name all five: any of them may be the one that is left",
        );
    }
    for endpoint in &controls.cluster {
        if !(endpoint.url.starts_with("https://") || endpoint.url.starts_with("http://")) {
            teller.tell(
                &["routing_controls", "cluster"],
                format!("`{}` is no address", endpoint.url),
                "write { url: https://HOST/v1, region: us-east-1 }",
            );
        }
    }
    for (key, arn) in [("primary", &controls.primary), ("secondary", &controls.secondary)] {
        if !arn.starts_with("arn:") || !arn.contains(":route53-recovery-control:") {
            teller.tell(&["routing_controls", key], format!("`{arn}` is no routing control"), "write its ARN");
        }
    }
}
