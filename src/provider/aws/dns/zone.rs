//! The hosted zone: reading record sets, and changing them in one batch that Route 53 carries out wholly or not at all.
//!
//! A change is `DELETE` of exactly what was observed and `CREATE` of what is to be, in one batch: Route 53 refuses the
//! batch if what it is to delete is not there any more, so nobody's change is overwritten, which `UPSERT` would do. In
//! the same batch the run's mark is replaced by the next one: a run that lost its mark changes nothing.

use aws_sdk_route53::types::{
    AliasTarget, Change, ChangeAction, ChangeBatch, ChangeStatus, ResourceRecord, ResourceRecordSet,
    ResourceRecordSetFailover, ResourceRecordSetRegion, RrType,
};

use super::mark::Mark;
use super::sets::{Set, Stands};
use crate::infrastructure::real::aws::dns::{Alias, Route53};
use crate::infrastructure::real::rfc2136::plain_name;
use crate::provider::aws::access::Access;
use crate::provider::aws::call::{self, Action};
use crate::resource::{Context, ProviderError, RecordType};

pub(in crate::provider::aws) const LIST: Action = Action("route53:ListResourceRecordSets");
pub(in crate::provider::aws) const CHANGE: Action = Action("route53:ChangeResourceRecordSets");
pub(in crate::provider::aws) const GET_CHANGE: Action = Action("route53:GetChange");
pub(in crate::provider::aws) const GET_ZONE: Action = Action("route53:GetHostedZone");

/// The most record sets of one name that are read.
const SETS_MAX: i32 = 100;

fn wire_type(record_type: RecordType) -> RrType {
    match record_type {
        RecordType::A => RrType::A,
        RecordType::Aaaa => RrType::Aaaa,
        RecordType::Cname => RrType::Cname,
    }
}

/// A name as Route 53 gives it, with `\052` for `*`.
fn name_of(text: &str) -> String {
    plain_name(&text.replace("\\052", "*"))
}

/// All record sets of `name` and `kind`.
async fn list(
    cx: &Context,
    access: &Access,
    zone: &str,
    name: &str,
    kind: &RrType,
) -> Result<Vec<ResourceRecordSet>, ProviderError> {
    let client = access.route53(cx).await?;
    let request = client
        .list_resource_record_sets()
        .hosted_zone_id(zone)
        .start_record_name(name)
        .start_record_type(kind.clone())
        .max_items(SETS_MAX);
    let listed = call::reads(cx, access, &LIST, request.send()).await?;
    let wanted = |set: &&ResourceRecordSet| name_of(set.name()) == name && set.r#type() == kind;
    let found: Vec<_> = listed.resource_record_sets().iter().filter(wanted).cloned().collect();
    if found.len() >= usize::try_from(SETS_MAX).unwrap_or(usize::MAX) {
        return Err(ProviderError::Unsupported(format!("{name} has {} record sets or more", found.len())));
    }
    Ok(found)
}

/// What stands under the record's name and type.
pub(super) async fn stands(cx: &Context, access: &Access, settings: &Route53) -> Result<Stands, ProviderError> {
    let name = plain_name(&settings.name);
    let sets = list(cx, access, &settings.zone, &name, &wire_type(settings.record_type)).await?;
    let mut read: Vec<Set> =
        sets.iter().map(from_wire).collect::<Result<_, _>>().map_err(ProviderError::Unsupported)?;
    read.sort_by(|a, b| a.set.cmp(&b.set));
    Ok(Stands(read))
}

/// The mark beside the record.
pub(super) async fn mark(cx: &Context, access: &Access, settings: &Route53) -> Result<Option<Mark>, ProviderError> {
    let name = Mark::name(settings);
    let sets = list(cx, access, &settings.zone, &name, &RrType::Txt).await?;
    let foreign = || {
        ProviderError::Refused(format!(
            "{name} holds a TXT record that is no mark of Muster's: take it away, or nothing is changed here"
        ))
    };
    match sets.first().map(ResourceRecordSet::resource_records) {
        None => Ok(None),
        Some([one]) => Mark::parse(one.value()).map(Some).ok_or_else(foreign),
        Some(_) => Err(foreign()),
    }
}

fn from_wire(set: &ResourceRecordSet) -> Result<Set, String> {
    let odd = set.geo_location().is_some()
        || set.geo_proximity_location().is_some()
        || set.multi_value_answer().is_some()
        || set.cidr_routing_config().is_some()
        || set.traffic_policy_instance_id().is_some();
    if odd {
        return Err(format!(
            "{} is a geolocation, multivalue, IP-based or traffic policy record; simple, weighted, failover and latency \
             records can be switched",
            name_of(set.name())
        ));
    }
    let alias = set.alias_target().map(|it| Alias {
        name: it.dns_name().to_owned(),
        zone: it.hosted_zone_id().to_owned(),
        evaluate_health: Some(it.evaluate_target_health()),
    });
    Ok(Set {
        set: set.set_identifier().map(str::to_owned),
        weight: set.weight(),
        failover: set.failover().map(|it| it.as_str().to_owned()),
        region: set.region().map(|it| it.as_str().to_owned()),
        // Some answers give an alias the TTL 0.
        ttl: set.ttl().filter(|_| alias.is_none()),
        values: set.resource_records().iter().map(|it| it.value().to_owned()).collect(),
        alias,
        health_check: set.health_check_id().map(str::to_owned),
    })
}

fn to_wire(settings: &Route53, set: &Set) -> Result<ResourceRecordSet, ProviderError> {
    let built = |error: aws_smithy_types::error::operation::BuildError| ProviderError::Refused(error.to_string());
    let mut wire = ResourceRecordSet::builder()
        .name(plain_name(&settings.name))
        .r#type(wire_type(settings.record_type))
        .set_set_identifier(set.set.clone())
        .set_weight(set.weight)
        .set_failover(set.failover.as_deref().map(ResourceRecordSetFailover::from))
        .set_region(set.region.as_deref().map(ResourceRecordSetRegion::from))
        .set_ttl(set.ttl)
        .set_health_check_id(set.health_check.clone());
    if let Some(alias) = &set.alias {
        let target = AliasTarget::builder()
            .dns_name(&alias.name)
            .hosted_zone_id(&alias.zone)
            .evaluate_target_health(alias.evaluate_health.unwrap_or_default())
            .build()
            .map_err(built)?;
        wire = wire.alias_target(target);
    }
    for value in &set.values {
        wire = wire.resource_records(ResourceRecord::builder().value(value).build().map_err(built)?);
    }
    wire.build().map_err(built)
}

fn mark_set(settings: &Route53, mark: &Mark) -> Result<ResourceRecordSet, ProviderError> {
    let built = |error: aws_smithy_types::error::operation::BuildError| ProviderError::Refused(error.to_string());
    ResourceRecordSet::builder()
        .name(Mark::name(settings))
        .r#type(RrType::Txt)
        .ttl(Mark::TTL)
        .resource_records(ResourceRecord::builder().value(mark.text()).build().map_err(built)?)
        .build()
        .map_err(built)
}

/// One batch of changes, for people and machines.
pub(super) struct Batch<'a> {
    settings: &'a Route53,
    changes: Vec<Change>,
}

/// How Route 53 took a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It is made; it reaches all servers when the change of this id is `INSYNC`.
    Made(String),
    /// What was to be replaced is not there any more: nothing was changed.
    Overtaken(String),
}

impl<'a> Batch<'a> {
    pub(super) fn of(settings: &'a Route53) -> Self {
        Self { settings, changes: Vec::new() }
    }

    fn add(&mut self, action: ChangeAction, set: ResourceRecordSet) -> Result<(), ProviderError> {
        let change = Change::builder().action(action).resource_record_set(set).build();
        self.changes.push(change.map_err(|error| ProviderError::Refused(error.to_string()))?);
        Ok(())
    }

    /// Exactly `from` goes, `to` comes; what is in both stays as it is.
    pub(super) fn replace(mut self, from: &Stands, to: &Stands) -> Result<Self, ProviderError> {
        for gone in from.0.iter().filter(|set| !to.0.contains(set)) {
            let set = to_wire(self.settings, gone)?;
            self.add(ChangeAction::Delete, set)?;
        }
        for new in to.0.iter().filter(|set| !from.0.contains(set)) {
            let set = to_wire(self.settings, new)?;
            self.add(ChangeAction::Create, set)?;
        }
        Ok(self)
    }

    /// All of `stands` goes and comes again as it is, if it is still so.
    pub(super) fn again(mut self, stands: &Stands) -> Result<Self, ProviderError> {
        for set in &stands.0 {
            let set = to_wire(self.settings, set)?;
            self.add(ChangeAction::Delete, set.clone())?;
            self.add(ChangeAction::Upsert, set)?;
        }
        Ok(self)
    }

    /// The mark that was seen goes, another comes.
    pub(super) fn mark(mut self, from: Option<&Mark>, to: Option<&Mark>) -> Result<Self, ProviderError> {
        if let Some(gone) = from {
            let set = mark_set(self.settings, gone)?;
            self.add(ChangeAction::Delete, set)?;
        }
        if let Some(new) = to {
            let set = mark_set(self.settings, new)?;
            self.add(ChangeAction::Create, set)?;
        }
        Ok(self)
    }

    /// Sends it. `Ok` tells how it was taken.
    pub(super) async fn send(self, cx: &Context, access: &Access) -> Result<Taken, ProviderError> {
        if self.changes.is_empty() {
            return Ok(Taken::Overtaken("nothing is to be changed".to_owned()));
        }
        let batch = ChangeBatch::builder()
            .comment(format!("Muster, run {}", cx.run))
            .set_changes(Some(self.changes))
            .build()
            .map_err(|error| ProviderError::Refused(error.to_string()))?;
        let client = access.route53(cx).await?;
        let request = client.change_resource_record_sets().hosted_zone_id(&self.settings.zone).change_batch(batch);
        match call::writes(cx, access, &CHANGE, request.send()).await {
            Ok(made) => Ok(Taken::Made(
                made.change_info().map(|it| it.id().trim_start_matches("/change/").to_owned()).unwrap_or_default(),
            )),
            Err(failed) if failed.is(&["InvalidChangeBatch", "InvalidInput"]) => {
                Ok(Taken::Overtaken(failed.error.to_string()))
            }
            Err(failed) => Err(failed.into()),
        }
    }
}

/// Whether a change has reached all of Route 53's servers.
pub(super) async fn in_sync(cx: &Context, access: &Access, change: &str) -> Result<bool, ProviderError> {
    let client = access.route53(cx).await?;
    let seen = call::reads(cx, access, &GET_CHANGE, client.get_change().id(change).send()).await?;
    Ok(seen.change_info().is_some_and(|it| *it.status() == ChangeStatus::Insync))
}

/// The names of the zone's servers, and whether the zone has the record's name in it.
pub(super) async fn name_servers(
    cx: &Context,
    access: &Access,
    settings: &Route53,
) -> Result<Vec<String>, ProviderError> {
    let client = access.route53(cx).await?;
    let seen = call::reads(cx, access, &GET_ZONE, client.get_hosted_zone().id(&settings.zone).send()).await?;
    let zone = seen.hosted_zone().map(|it| name_of(it.name())).unwrap_or_default();
    let name = plain_name(&settings.name);
    if name != zone && !name.ends_with(&format!(".{zone}")) {
        return Err(ProviderError::Refused(format!(
            "the hosted zone {} is {zone}, and {name} is not in it",
            settings.zone
        )));
    }
    let mut names: Vec<String> = seen.delegation_set().map(|it| it.name_servers().to_vec()).unwrap_or_default();
    names.sort();
    Ok(names.iter().map(|name| plain_name(name)).collect())
}
