//! `check` and `wait`: typed conditions on services, lag, TTLs, capacity, and time.

use serde::{Deserialize, Serialize};

use super::compute::group;
use super::{Access, Achieved, Describe, Named, OneOrMany, Period, Services, Subject, Undo};
use crate::chance::Distribution;
use crate::id::{RegionRole, ResourceId, ServiceId};
use crate::resource::{ReplicaRole, ResourceKind, ResourceState, Seen, World};
use crate::time::Span;

/// The states that a service can be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Until {
    /// Up.
    Healthy,
    /// Down.
    Unhealthy,
}

/// The keys of `check` and `wait` as people write them; [`Condition`] is what they mean.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Keys {
    #[serde(skip_serializing_if = "Option::is_none")]
    services: Option<Services>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<ServiceId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<ResourceId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    storage: Option<ResourceId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dns: Option<OneOrMany<ResourceId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    compute: Option<ResourceId>,
    #[serde(rename = "in", skip_serializing_if = "Option::is_none")]
    region: Option<RegionRole>,
    #[serde(skip_serializing_if = "Option::is_none")]
    healthy_for: Option<Period>,
    #[serde(skip_serializing_if = "Option::is_none")]
    served_by: Option<RegionRole>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Until>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lag_at_most: Option<Period>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl_at_most: Option<Period>,
    #[serde(skip_serializing_if = "Option::is_none")]
    can_scale_to: Option<u32>,
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pause: Option<Period>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<jiff::Timestamp>,
}

/// What is checked or waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// These services are healthy, for so long, and served from there. Waits for it within the step's timeout.
    Served {
        /// Which.
        services: Services,
        /// For how long without a failed sample.
        healthy_for: Span,
        /// From which region; any if `None`.
        by: Option<RegionRole>,
    },
    /// These services are down.
    Down {
        /// Which.
        services: Services,
    },
    /// A service's standby answers in a region where it does not serve yet.
    Standby {
        /// Which.
        service: ServiceId,
        /// Where.
        region: RegionRole,
    },
    /// A database's or storage's copy is not further behind.
    Lag {
        /// Which.
        resource: ResourceId,
        /// Its kind.
        kind: ResourceKind,
        /// Where the copy is.
        region: RegionRole,
        /// The most.
        at_most: Span,
    },
    /// Records' TTLs are not longer.
    Ttl {
        /// Which.
        records: Vec<ResourceId>,
        /// The most.
        at_most: Span,
    },
    /// A region can give so many servers.
    Capacity {
        /// Which.
        compute: ResourceId,
        /// Where.
        region: RegionRole,
        /// How many.
        servers: u32,
    },
    /// Time passes.
    For(Span),
    /// A time comes.
    At(jiff::Timestamp),
}

impl TryFrom<Keys> for Condition {
    type Error = String;

    fn try_from(keys: Keys) -> Result<Self, String> {
        let mut left = keys.clone();
        let condition = Self::from_keys(&mut left)?;
        if left == Keys::default() {
            return Ok(condition);
        }
        let text = serde_json::to_value(&left).unwrap_or_default();
        let unused: Vec<String> =
            text.as_object().map(|map| map.keys().map(|key| format!("`{key}`")).collect()).unwrap_or_default();
        Err(format!("{} does not go with {}", unused.join(" and "), condition.subject_key()))
    }
}

impl Condition {
    /// Takes what it understands out of `keys`.
    fn from_keys(keys: &mut Keys) -> Result<Self, String> {
        let need = |what: &str, with: &str| format!("`{with}` needs `{what}` beside it");
        if let Some(service) = keys.service.clone()
            && let Some(region) = keys.region
        {
            keys.service = None;
            keys.region = None;
            return Ok(Self::Standby { service, region });
        }
        let services = keys.services.take().or_else(|| keys.service.take().map(|one| Services::These(vec![one])));
        if let Some(services) = services {
            if keys.until.take() == Some(Until::Unhealthy) {
                return Ok(Self::Down { services });
            }
            let healthy_for = keys.healthy_for.take().unwrap_or_default().0;
            return Ok(Self::Served { services, healthy_for, by: keys.served_by.take() });
        }
        for (resource, kind) in
            [(keys.database.take(), ResourceKind::Database), (keys.storage.take(), ResourceKind::Storage)]
        {
            if let Some(resource) = resource {
                let region = keys.region.take().ok_or_else(|| need("in: primary or secondary", kind.key()))?;
                let at_most = keys.lag_at_most.take().ok_or_else(|| need("lag_at_most: 10s", kind.key()))?.0;
                return Ok(Self::Lag { resource, kind, region, at_most });
            }
        }
        if let Some(records) = keys.dns.take() {
            let at_most = keys.ttl_at_most.take().ok_or_else(|| need("ttl_at_most: 60s", "dns"))?.0;
            return Ok(Self::Ttl { records: records.0, at_most });
        }
        if let Some(compute) = keys.compute.take() {
            let region = keys.region.take().ok_or_else(|| need("in: primary or secondary", "compute"))?;
            let servers = keys.can_scale_to.take().ok_or_else(|| need("can_scale_to: 12", "compute"))?;
            return Ok(Self::Capacity { compute, region, servers });
        }
        if let Some(Period(pause)) = keys.pause.take() {
            return Ok(Self::For(pause));
        }
        if let Some(at) = keys.at.take() {
            return Ok(Self::At(at));
        }
        Err("says nothing to check: name services, a service, a database, a storage, dns records, a compute group, \
             or (in a wait) `for` or `at`"
            .to_owned())
    }

    fn subject_key(&self) -> &'static str {
        match self {
            Self::Served { .. } | Self::Down { .. } => "services",
            Self::Standby { .. } => "a service with `in`",
            Self::Lag { kind, .. } => kind.key(),
            Self::Ttl { .. } => "dns",
            Self::Capacity { .. } => "compute",
            Self::For(_) => "`for`",
            Self::At(_) => "`at`",
        }
    }

    fn to_keys(&self) -> Keys {
        let mut keys = Keys::default();
        match self.clone() {
            Self::Served { services, healthy_for, by } => {
                keys.services = Some(services);
                keys.healthy_for = (healthy_for != Span::ZERO).then_some(Period(healthy_for));
                keys.served_by = by;
            }
            Self::Down { services } => {
                keys.services = Some(services);
                keys.until = Some(Until::Unhealthy);
            }
            Self::Standby { service, region } => {
                keys.service = Some(service);
                keys.region = Some(region);
            }
            Self::Lag { resource, kind, region, at_most } => {
                if kind == ResourceKind::Database {
                    keys.database = Some(resource);
                } else {
                    keys.storage = Some(resource);
                }
                keys.region = Some(region);
                keys.lag_at_most = Some(Period(at_most));
            }
            Self::Ttl { records, at_most } => {
                keys.dns = Some(OneOrMany(records));
                keys.ttl_at_most = Some(Period(at_most));
            }
            Self::Capacity { compute, region, servers } => {
                keys.compute = Some(compute);
                keys.region = Some(region);
                keys.can_scale_to = Some(servers);
            }
            Self::For(span) => keys.pause = Some(Period(span)),
            Self::At(at) => keys.at = Some(at),
        }
        keys
    }

    /// Judges what can be seen of resources; `None` for conditions on services and time, which are no resource's.
    #[must_use]
    pub fn judge(&self, world: &World) -> Option<Achieved> {
        Some(match self {
            Self::Lag { resource, region, at_most, .. } => judge_lag(world, resource, *region, *at_most),
            Self::Ttl { records, at_most } => Achieved::all(records.iter().map(|id| match world.get(id) {
                Some(ResourceState::Dns(state)) => Achieved::when(
                    || state.record.ttl <= *at_most,
                    || format!("the TTL of {id} is {}, at most {at_most} is allowed", state.record.ttl),
                ),
                _ => Achieved::Unknown(format!("{id} was not seen")),
            })),
            Self::Capacity { compute, region, servers } => match group(world, compute, *region) {
                Ok(it) => Achieved::when(
                    || it.capacity >= *servers,
                    || format!("{compute} in {region} can have {} servers, {servers} are needed", it.capacity),
                ),
                Err(unknown) => unknown,
            },
            Self::Served { .. } | Self::Down { .. } | Self::Standby { .. } | Self::For(_) | Self::At(_) => return None,
        })
    }

    /// The resources that are looked at for it; none for conditions on services and time.
    #[must_use]
    pub fn subjects(&self) -> Vec<Subject> {
        let subject = |resource: &ResourceId, kinds: &'static [ResourceKind], regions: Vec<RegionRole>| Subject {
            resource: resource.clone(),
            kinds,
            access: Access::Reads,
            regions,
        };
        match self {
            Self::Lag { resource, kind: ResourceKind::Storage, region, .. } => {
                vec![subject(resource, &[ResourceKind::Storage], vec![*region])]
            }
            Self::Lag { resource, region, .. } => vec![subject(resource, &[ResourceKind::Database], vec![*region])],
            Self::Ttl { records, .. } => {
                records.iter().map(|id| subject(id, &[ResourceKind::Dns], Vec::new())).collect()
            }
            Self::Capacity { compute, region, .. } => vec![subject(compute, &[ResourceKind::Compute], vec![*region])],
            Self::Served { .. } | Self::Down { .. } | Self::Standby { .. } | Self::For(_) | Self::At(_) => Vec::new(),
        }
    }

    /// The services that a region must serve, or could serve, for it.
    #[must_use]
    pub fn relies_on(&self) -> Vec<(String, RegionRole)> {
        match self {
            Self::Standby { service, region } => vec![(service.to_string(), *region)],
            Self::Served { services, by: Some(region), .. } => vec![(services.to_string(), *region)],
            // Those act in the regions of their subjects, or in none.
            Self::Served { by: None, .. }
            | Self::Down { .. }
            | Self::Lag { .. }
            | Self::Ttl { .. }
            | Self::Capacity { .. }
            | Self::For(_)
            | Self::At(_) => Vec::new(),
        }
    }

    /// What is meant, for people.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Served { services, healthy_for, by } => {
                let by = by.map_or(String::new(), |region| format!(" from {region}"));
                let long = if *healthy_for == Span::ZERO { String::new() } else { format!(" for {healthy_for}") };
                format!("{services} healthy{by}{long}")
            }
            Self::Down { services } => format!("{services} down"),
            Self::Standby { service, region } => format!("{service} stands by in {region}"),
            Self::Lag { resource, region, at_most, .. } => {
                format!("{resource} in {region} at most {at_most} behind")
            }
            Self::Ttl { records, at_most } => format!("TTL of {} at most {at_most}", Named(records)),
            Self::Capacity { compute, region, servers } => {
                format!("{compute} in {region} can have {servers} servers")
            }
            Self::For(span) => format!("{span} pass"),
            Self::At(at) => format!("it is {at}"),
        }
    }

    fn takes(&self) -> Distribution {
        Distribution::fixed(match self {
            Self::Served { healthy_for, .. } => *healthy_for + Span::from_secs(5),
            Self::Down { .. } => Span::from_secs(10),
            Self::For(span) => *span,
            _ => Span::from_millis(200),
        })
    }

    fn patience(&self) -> Span {
        let five_minutes = Span::from_secs(300);
        match self {
            Self::Served { healthy_for, .. } => *healthy_for + five_minutes,
            Self::For(span) => *span + five_minutes,
            Self::At(_) => Span::from_secs(7 * 86_400),
            _ => five_minutes,
        }
    }
}

fn judge_lag(world: &World, id: &ResourceId, region: RegionRole, at_most: Span) -> Achieved {
    let judge = |role: ReplicaRole, lag: Option<Span>| match (role, lag) {
        (ReplicaRole::Replica, Some(lag)) => Achieved::when(
            || lag <= at_most,
            || format!("{id} in {region} is {lag} behind, at most {at_most} is allowed"),
        ),
        (ReplicaRole::Replica, None) => Achieved::Unknown(format!("how far {id} in {region} is behind is not known")),
        _ => Achieved::No(format!("{id} in {region} follows nobody")),
    };
    match world.get(id) {
        Some(ResourceState::Database(state)) => match state.regions.get(&region) {
            Some(Seen::Is(it)) => judge(it.role, it.lag),
            Some(Seen::Unreachable(why)) => Achieved::Unknown(format!("{id} in {region} does not answer: {why}")),
            None => Achieved::Unknown(format!("{id} has nothing in {region}")),
        },
        Some(ResourceState::Storage(state)) => match state.regions.get(&region) {
            Some(Seen::Is(it)) => judge(it.role, it.lag),
            Some(Seen::Unreachable(why)) => Achieved::Unknown(format!("{id} in {region} does not answer: {why}")),
            None => Achieved::Unknown(format!("{id} has nothing in {region}")),
        },
        _ => Achieved::Unknown(format!("{id} was not seen")),
    }
}

/// Checks something: services are waited for within the step's timeout, everything else is judged at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Keys", into = "Keys")]
pub struct Check(pub Condition);

/// Waits for something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Keys", into = "Keys")]
pub struct Wait(pub Condition);

impl TryFrom<Keys> for Check {
    type Error = String;

    fn try_from(keys: Keys) -> Result<Self, String> {
        match Condition::try_from(keys)? {
            Condition::For(_) | Condition::At(_) => Err("a time is waited for, not checked: use `wait`".to_owned()),
            condition => Ok(Self(condition)),
        }
    }
}

impl TryFrom<Keys> for Wait {
    type Error = String;

    fn try_from(keys: Keys) -> Result<Self, String> {
        Condition::try_from(keys).map(Self)
    }
}

impl From<Check> for Keys {
    fn from(check: Check) -> Self {
        check.0.to_keys()
    }
}

impl From<Wait> for Keys {
    fn from(wait: Wait) -> Self {
        wait.0.to_keys()
    }
}

macro_rules! describe {
    ($args:ty, $verb:literal) => {
        impl Describe for $args {
            fn subjects(&self) -> Vec<Subject> {
                self.0.subjects()
            }

            fn relies_on(&self) -> Vec<(String, RegionRole)> {
                self.0.relies_on()
            }

            fn summary(&self) -> String {
                format!(concat!($verb, " {}"), self.0.describe())
            }

            fn observable(&self) -> bool {
                false
            }

            fn undo(&self) -> Undo {
                Undo::Nothing
            }

            fn takes(&self) -> Distribution {
                self.0.takes()
            }

            fn patience(&self) -> Span {
                self.0.patience()
            }
        }
    };
}

describe!(Check, "check that:");
describe!(Wait, "wait until:");
