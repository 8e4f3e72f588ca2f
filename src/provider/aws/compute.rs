//! Servers on EC2: instances that are started and stopped, or the capacity of an Auto Scaling group.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use aws_sdk_ec2::types::{Filter, Instance, InstanceStateName, SummaryStatus, Tag as WireTag};

use super::access::Access;
use super::call::{self, Action, until};
use super::tags::{self, Marked, Tagged, Tags};
use super::{Ways, look_at};
use crate::id::RegionRole;
use crate::infrastructure::real::aws::compute::{AwsServers, Group};
use crate::resource::{Claimed, Compute, ComputeGroup, ComputeState, Context, Exclusive, Marker, ProviderError};

pub(super) const DESCRIBE: Action = Action("ec2:DescribeInstances");
pub(super) const STATUS: Action = Action("ec2:DescribeInstanceStatus");
pub(super) const START: Action = Action("ec2:StartInstances");
pub(super) const STOP: Action = Action("ec2:StopInstances");
pub(super) const TAG: Action = Action("ec2:CreateTags");
pub(super) const UNTAG: Action = Action("ec2:DeleteTags");
pub(super) const GROUPS: Action = Action("autoscaling:DescribeAutoScalingGroups");
pub(super) const CAPACITY: Action = Action("autoscaling:SetDesiredCapacity");
pub(super) const TAG_GROUP: Action = Action("autoscaling:CreateOrUpdateTags");
pub(super) const UNTAG_GROUP: Action = Action("autoscaling:DeleteTags");

/// A group of servers in each region.
pub struct AwsCompute {
    settings: AwsServers,
    ways: Ways,
    marked: Marked,
}

impl fmt::Debug for AwsCompute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsCompute").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// What EC2 says of an instance that is between two states.
const NOT_IN_THIS_STATE: &[&str] = &["IncorrectInstanceState"];

/// One region's instances as they are.
#[derive(Clone)]
struct Fleet {
    /// In the order in which they are started.
    instances: Vec<Instance>,
}

impl Fleet {
    /// What must be started, and what stopped, for exactly `wanted` to run.
    fn differs(&self, wanted: &[String]) -> (Vec<String>, Vec<String>) {
        let is_wanted = |one: &&Instance| wanted.iter().any(|it| it == id(one));
        let (up, down): (Vec<_>, Vec<_>) = self.instances.iter().partition(|one| is_asked_for(one));
        let ids = |of: Vec<&Instance>, keep: bool| {
            of.into_iter().filter(|one| is_wanted(one) == keep).map(|one| id(one).to_owned()).collect()
        };
        (ids(down, true), ids(up, false))
    }

    fn is_stopping(&self, which: &str) -> bool {
        let state = self.instances.iter().find(|one| id(one) == which).and_then(|one| one.state()?.name());
        state == Some(&InstanceStateName::Stopping)
    }
}

fn id(instance: &Instance) -> &str {
    instance.instance_id().unwrap_or_default()
}

/// Whether an instance runs or is about to.
fn is_asked_for(instance: &Instance) -> bool {
    let state = instance.state().and_then(|state| state.name());
    matches!(state, Some(InstanceStateName::Running | InstanceStateName::Pending))
}

fn count(many: usize) -> u32 {
    u32::try_from(many).unwrap_or(u32::MAX)
}

impl AwsCompute {
    /// The groups that `settings` describe.
    #[must_use]
    pub fn new(settings: AwsServers, ways: Ways) -> Self {
        Self { settings, ways, marked: Marked::default() }
    }

    fn group(&self, region: RegionRole) -> (&Group, &Access) {
        (self.settings.regions.get(region), self.ways.to(region))
    }

    async fn fleet(&self, cx: &Context, region: RegionRole) -> Result<Fleet, ProviderError> {
        let (group, access) = self.group(region);
        let client = access.ec2(cx).await?;
        let (mut found, mut next) = (Vec::new(), None);
        // A page has up to 1,000; a group has at most 200.
        for _ in 0..10 {
            let mut request = client.describe_instances().set_next_token(next.take());
            if let Some(tag) = &group.tag {
                request =
                    request.filters(Filter::builder().name(format!("tag:{}", tag.key)).values(&tag.value).build());
            } else {
                request = request.set_instance_ids(Some(group.instances.clone()));
            }
            let answer = call::reads(cx, access, &DESCRIBE, request.send()).await?;
            let gone = |instance: &&Instance| {
                let state = instance.state().and_then(|state| state.name());
                !matches!(state, Some(InstanceStateName::Terminated | InstanceStateName::ShuttingDown))
            };
            found.extend(
                answer.reservations().iter().flat_map(aws_sdk_ec2::types::Reservation::instances).filter(gone).cloned(),
            );
            next = answer.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
            if next.is_none() {
                break;
            }
        }
        if group.tag.is_some() {
            found.sort_by(|a, b| id(a).cmp(id(b)));
        } else {
            found.sort_by_key(|instance| group.instances.iter().position(|one| one == id(instance)));
        }
        Ok(Fleet { instances: found })
    }

    /// How many instances pass both of EC2's status checks.
    async fn well(&self, cx: &Context, region: RegionRole, running: Vec<String>) -> Result<u32, ProviderError> {
        if running.is_empty() {
            return Ok(0);
        }
        let access = self.ways.to(region);
        let client = access.ec2(cx).await?;
        let request = client.describe_instance_status().set_instance_ids(Some(running));
        let answer = call::reads(cx, access, &STATUS, request.send()).await?;
        let well = answer.instance_statuses().iter().filter(|one| {
            let ok = |summary: Option<&aws_sdk_ec2::types::InstanceStatusSummary>| {
                summary.and_then(|it| it.status()) == Some(&SummaryStatus::Ok)
            };
            one.instance_state().and_then(|state| state.name()) == Some(&InstanceStateName::Running)
                && ok(one.instance_status())
                && ok(one.system_status())
        });
        Ok(count(well.count()))
    }

    async fn observed(&self, cx: &Context, region: RegionRole) -> Result<ComputeGroup, ProviderError> {
        let (group, access) = self.group(region);
        if let Some(name) = &group.auto_scaling_group {
            let seen = scaling_group(cx, access, name).await?;
            let well = seen.instances().iter().filter(|one| {
                one.lifecycle_state() == Some(&aws_sdk_autoscaling::types::LifecycleState::InService)
                    && one.health_status() == Some("Healthy")
            });
            let number = |size: Option<i32>| size.and_then(|size| u32::try_from(size).ok()).unwrap_or(0);
            return Ok(ComputeGroup {
                desired: number(seen.desired_capacity()),
                running: count(well.count()),
                capacity: number(seen.max_size()),
                up: Vec::new(),
            });
        }
        let fleet = self.fleet(cx, region).await?;
        let up: Vec<String> =
            fleet.instances.iter().filter(|one| is_asked_for(one)).map(|one| id(one).to_owned()).collect();
        Ok(ComputeGroup {
            desired: count(up.len()),
            running: self.well(cx, region, up.clone()).await?,
            capacity: count(fleet.instances.len()),
            up,
        })
    }

    /// Starts and stops instances until exactly `wanted` are asked for. What is between two states is waited for, until the
    /// step ends: EC2 starts nothing that is still stopping, and stops nothing that is still starting.
    async fn exactly(
        &self,
        cx: &Context,
        region: RegionRole,
        fleet: &Fleet,
        wanted: &[String],
    ) -> Result<(), ProviderError> {
        let access = self.ways.to(region);
        let client = access.ec2(cx).await?;
        let (start, stop) = fleet.differs(wanted);
        let touched: Vec<String> = start.into_iter().chain(stop).collect();
        if touched.is_empty() {
            return Ok(());
        }
        let tag = WireTag::builder().key(tags::RUN).value(cx.run.as_str()).build();
        let request = client.create_tags().set_resources(Some(touched)).tags(tag);
        call::writes(cx, access, &TAG, request.send()).await?;
        let first = Mutex::new(Some(fleet.clone()));
        until(cx, || async {
            let known = first.lock().unwrap_or_else(PoisonError::into_inner).take();
            let now = match known {
                Some(known) => known,
                None => self.fleet(cx, region).await?,
            };
            let (start, stop) = now.differs(wanted);
            let halfway = |asked: &str, failed: call::Failed| match failed {
                failed if failed.is(NOT_IN_THIS_STATE) => Ok(Err(failed.error.to_string())),
                call::Failed { error: ProviderError::Refused(why), .. } if !asked.is_empty() => {
                    Err(ProviderError::Halfway(format!("{asked}, then {why}")))
                }
                failed => Err(failed.error),
            };
            // Starting comes first: users need servers sooner than anybody saves some.
            let ready: Vec<String> = start.iter().filter(|one| !now.is_stopping(one)).cloned().collect();
            let asked =
                if ready.is_empty() { String::new() } else { format!("{} instances were started", ready.len()) };
            if !ready.is_empty() {
                let request = client.start_instances().set_instance_ids(Some(ready.clone()));
                if let Err(failed) = call::writes(cx, access, &START, request.send()).await {
                    return halfway("", failed);
                }
            }
            if !stop.is_empty() {
                let request = client.stop_instances().set_instance_ids(Some(stop));
                if let Err(failed) = call::writes(cx, access, &STOP, request.send()).await {
                    return halfway(&asked, failed);
                }
            }
            let stopping: Vec<String> = start.into_iter().filter(|one| !ready.contains(one)).collect();
            Ok(if stopping.is_empty() {
                Ok(())
            } else {
                Err(format!("{} must be started and is still stopping", stopping.join(", ")))
            })
        })
        .await
    }

    async fn set_capacity(
        &self,
        cx: &Context,
        region: RegionRole,
        name: &str,
        servers: u32,
    ) -> Result<(), ProviderError> {
        let access = self.ways.to(region);
        let seen = scaling_group(cx, access, name).await?;
        let most = seen.max_size().unwrap_or(0);
        let servers = i32::try_from(servers).unwrap_or(i32::MAX);
        if servers > most || servers < seen.min_size().unwrap_or(0) {
            return Err(ProviderError::Refused(format!(
                "the Auto Scaling group {name} has between {} and {most} servers, {servers} were asked for",
                seen.min_size().unwrap_or(0)
            )));
        }
        let client = access.autoscaling(cx).await?;
        tag_group(cx, access, name, &[(tags::RUN, cx.run.to_string())]).await?;
        let request =
            client.set_desired_capacity().auto_scaling_group_name(name).desired_capacity(servers).honor_cooldown(false);
        call::writes(cx, access, &CAPACITY, request.send()).await?;
        Ok(())
    }
}

async fn scaling_group(
    cx: &Context,
    access: &Access,
    name: &str,
) -> Result<aws_sdk_autoscaling::types::AutoScalingGroup, ProviderError> {
    let client = access.autoscaling(cx).await?;
    let request = client.describe_auto_scaling_groups().auto_scaling_group_names(name);
    let answer = call::reads(cx, access, &GROUPS, request.send()).await?;
    let found = answer.auto_scaling_groups().first().cloned();
    found.ok_or_else(|| ProviderError::Refused(format!("there is no Auto Scaling group {name} in {}", access.region)))
}

async fn tag_group(cx: &Context, access: &Access, name: &str, put: &[(&str, String)]) -> Result<(), ProviderError> {
    let client = access.autoscaling(cx).await?;
    let tag = |(key, value): &(&str, String)| {
        aws_sdk_autoscaling::types::Tag::builder()
            .resource_id(name)
            .resource_type("auto-scaling-group")
            .key(*key)
            .value(value)
            .propagate_at_launch(false)
            .build()
    };
    let request = client.create_or_update_tags().set_tags(Some(put.iter().map(tag).collect()));
    call::writes(cx, access, &TAG_GROUP, request.send()).await?;
    Ok(())
}

#[async_trait]
impl Compute for AwsCompute {
    async fn observe(&self, cx: &Context) -> Result<ComputeState, ProviderError> {
        let [primary, secondary] = RegionRole::ALL.map(|role| look_at(cx, self.ways.to(role), self.observed(cx, role)));
        let (primary, secondary) = tokio::join!(primary, secondary);
        let regions = [(RegionRole::Primary, primary?), (RegionRole::Secondary, secondary?)];
        Ok(ComputeState { regions: regions.into() })
    }

    async fn scale(&self, cx: &Context, region: RegionRole, servers: u32) -> Result<(), ProviderError> {
        tags::guard(&InRegion(self, region), cx, "the servers").await?;
        if let Some(name) = &self.group(region).0.auto_scaling_group {
            return self.set_capacity(cx, region, name, servers).await;
        }
        let fleet = self.fleet(cx, region).await?;
        let many = usize::try_from(servers).unwrap_or(usize::MAX);
        if many > fleet.instances.len() {
            return Err(ProviderError::Refused(format!(
                "{region} has {} instances, not {servers}",
                fleet.instances.len()
            )));
        }
        // Those that run go on; what is missing is taken from the first on, what is too much from the last.
        let (up, down): (Vec<_>, Vec<_>) = fleet.instances.iter().partition(|one| is_asked_for(one));
        let wanted: Vec<String> = up.into_iter().chain(down).take(many).map(|one| id(one).to_owned()).collect();
        self.exactly(cx, region, &fleet, &wanted).await
    }

    async fn put_back(&self, cx: &Context, region: RegionRole, was: &ComputeGroup) -> Result<(), ProviderError> {
        if self.group(region).0.auto_scaling_group.is_some() {
            return self.scale(cx, region, was.desired).await;
        }
        tags::guard(&InRegion(self, region), cx, "the servers").await?;
        let fleet = self.fleet(cx, region).await?;
        if let Some(gone) = was.up.iter().find(|one| !fleet.instances.iter().any(|it| id(it) == one.as_str())) {
            return Err(ProviderError::Refused(format!("the instance {gone}, which ran before, is gone")));
        }
        self.exactly(cx, region, &fleet, &was.up).await
    }
}

/// The tags of one region's servers.
struct InRegion<'a>(&'a AwsCompute, RegionRole);

#[async_trait]
impl Tagged for InRegion<'_> {
    fn access(&self) -> &Access {
        self.0.ways.to(self.1)
    }

    async fn tags(&self, cx: &Context) -> Result<Vec<Tags>, ProviderError> {
        let (group, access) = self.0.group(self.1);
        if let Some(name) = &group.auto_scaling_group {
            let tags = scaling_group(cx, access, name).await?;
            let pair = |tag: &aws_sdk_autoscaling::types::TagDescription| {
                Some((tag.key()?.to_owned(), tag.value()?.to_owned()))
            };
            return Ok(vec![tags.tags().iter().filter_map(pair).collect()]);
        }
        let pair = |tag: &WireTag| Some((tag.key()?.to_owned(), tag.value()?.to_owned()));
        let fleet = self.0.fleet(cx, self.1).await?;
        Ok(fleet.instances.iter().map(|one| one.tags().iter().filter_map(pair).collect()).collect())
    }

    async fn put(&self, cx: &Context, tags: &[(&str, String)]) -> Result<(), ProviderError> {
        let (group, access) = self.0.group(self.1);
        if let Some(name) = &group.auto_scaling_group {
            return tag_group(cx, access, name, tags).await;
        }
        let ids = self.ids(cx).await?;
        let tag = |(key, value): &(&str, String)| WireTag::builder().key(*key).value(value).build();
        let client = access.ec2(cx).await?;
        let request = client.create_tags().set_resources(Some(ids)).set_tags(Some(tags.iter().map(tag).collect()));
        call::writes(cx, access, &TAG, request.send()).await?;
        Ok(())
    }

    async fn take_off(&self, cx: &Context, key: &str) -> Result<(), ProviderError> {
        let (group, access) = self.0.group(self.1);
        if let Some(name) = &group.auto_scaling_group {
            let tag = aws_sdk_autoscaling::types::Tag::builder()
                .resource_id(name)
                .resource_type("auto-scaling-group")
                .key(key)
                .build();
            let client = access.autoscaling(cx).await?;
            call::writes(cx, access, &UNTAG_GROUP, client.delete_tags().tags(tag).send()).await?;
            return Ok(());
        }
        let ids = self.ids(cx).await?;
        let client = access.ec2(cx).await?;
        let request = client.delete_tags().set_resources(Some(ids)).tags(WireTag::builder().key(key).build());
        call::writes(cx, access, &UNTAG, request.send()).await?;
        Ok(())
    }
}

impl InRegion<'_> {
    async fn ids(&self, cx: &Context) -> Result<Vec<String>, ProviderError> {
        Ok(self.0.fleet(cx, self.1).await?.instances.iter().map(|one| id(one).to_owned()).collect())
    }
}

#[async_trait]
impl Exclusive for AwsCompute {
    async fn claim(&self, cx: &Context, marker: &Marker, over: Option<&Marker>) -> Result<Claimed, ProviderError> {
        let [one, other] = RegionRole::ALL.map(|role| InRegion(self, role));
        tags::claim([&one, &other], cx, marker, (over, &self.marked)).await
    }

    async fn release(&self, cx: &Context, marker: &Marker) -> Result<(), ProviderError> {
        let [one, other] = RegionRole::ALL.map(|role| InRegion(self, role));
        tags::release([&one, &other], cx, marker, &self.marked).await
    }
}
