//! Servers on EC2: instances that are started and stopped, or the capacity of an Auto Scaling group.

use std::collections::BTreeMap;
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
/// The most ids that one request may name.
const IDS_MAX: usize = 100;

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

    fn find(&self, which: &str) -> Option<&Instance> {
        self.instances.iter().find(|one| id(one) == which)
    }

    fn is_stopping(&self, which: &str) -> bool {
        self.find(which).and_then(state) == Some(&InstanceStateName::Stopping)
    }
}

/// The instances that a step started, and what is known of each since.
#[derive(Default)]
struct Started {
    of: BTreeMap<String, Start>,
    /// Whether it stopped some too.
    stopped: bool,
}

/// One that was started.
struct Start {
    /// Why it was stopped, as EC2 said before.
    reason: Option<String>,
    /// Whether it was on its way up since.
    pending: bool,
}

impl Started {
    /// Whether anything is otherwise than before.
    fn changed(&self) -> bool {
        !self.of.is_empty() || self.stopped
    }

    fn note(&mut self, ids: &[String], before: &Fleet) {
        for one in ids {
            let reason = before.find(one).and_then(reason);
            self.of.entry(one.clone()).or_insert(Start { reason, pending: false });
        }
    }

    /// Looks at those that were started: what each of them is that does not run yet, and why each stopped again that did.
    fn look(&mut self, now: &Fleet) -> (Vec<String>, Vec<String>) {
        let (mut coming, mut fallen) = (Vec::new(), Vec::new());
        for (id, start) in &mut self.of {
            let Some(instance) = now.find(id) else {
                fallen.push(format!("{id} is gone"));
                continue;
            };
            match state(instance) {
                Some(InstanceStateName::Running) => {}
                Some(InstanceStateName::Stopped | InstanceStateName::Stopping) => {
                    let why = reason(instance);
                    // An answer may be from before the start still: it then says why the instance was stopped before.
                    match why {
                        Some(why) if start.pending || start.reason.as_ref() != Some(&why) => {
                            fallen.push(format!("{id} was started and stopped again: {why}"));
                        }
                        _ => coming.push(format!("{id} was started and is seen stopped still")),
                    }
                }
                other => {
                    start.pending |= other == Some(&InstanceStateName::Pending);
                    coming.push(format!("{id} is {}", other.map_or("in no known state", InstanceStateName::as_str)));
                }
            }
        }
        (coming, fallen)
    }
}

fn state(instance: &Instance) -> Option<&InstanceStateName> {
    instance.state()?.name()
}

/// Why an instance is as it is, if EC2 or who uses it did it: `Client.InternalError: Client error on launch`.
fn reason(instance: &Instance) -> Option<String> {
    let reason = instance.state_reason()?;
    let code = reason.code().filter(|code| code.starts_with("Client.") || code.starts_with("Server."))?;
    // The message begins with the code, mostly.
    Some(match reason.message() {
        Some(message) if message.starts_with(code) => message.to_owned(),
        Some(message) => format!("{code}: {message}"),
        None => code.to_owned(),
    })
}

fn id(instance: &Instance) -> &str {
    instance.instance_id().unwrap_or_default()
}

/// Whether an instance runs or is about to.
fn is_asked_for(instance: &Instance) -> bool {
    matches!(state(instance), Some(InstanceStateName::Running | InstanceStateName::Pending))
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
        let asks = if let Some(tag) = &group.tag {
            let filter = Filter::builder().name(format!("tag:{}", tag.key)).values(&tag.value).build();
            vec![client.describe_instances().filters(filter)]
        } else {
            let some = |ids: &[String]| client.describe_instances().set_instance_ids(Some(ids.to_vec()));
            group.instances.chunks(IDS_MAX).map(some).collect()
        };
        let mut found = Vec::new();
        for ask in asks {
            let mut next: Option<String> = None;
            // A page has up to 1,000.
            for _ in 0..10 {
                let request = ask.clone().set_next_token(next.take());
                let answer = call::reads(cx, access, &DESCRIBE, request.send()).await?;
                let gone = |instance: &&Instance| {
                    !matches!(state(instance), Some(InstanceStateName::Terminated | InstanceStateName::ShuttingDown))
                };
                let instances = answer.reservations().iter().flat_map(aws_sdk_ec2::types::Reservation::instances);
                found.extend(instances.filter(gone).cloned());
                next = answer.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
                if next.is_none() {
                    break;
                }
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
    async fn well(&self, cx: &Context, region: RegionRole, running: &[String]) -> Result<u32, ProviderError> {
        let access = self.ways.to(region);
        let mut well = 0;
        for ids in running.chunks(IDS_MAX) {
            let client = access.ec2(cx).await?;
            let request = client.describe_instance_status().set_instance_ids(Some(ids.to_vec()));
            let answer = call::reads(cx, access, &STATUS, request.send()).await?;
            let ok = |summary: Option<&aws_sdk_ec2::types::InstanceStatusSummary>| {
                summary.and_then(|it| it.status()) == Some(&SummaryStatus::Ok)
            };
            let runs = answer.instance_statuses().iter().filter(|one| {
                one.instance_state().and_then(|state| state.name()) == Some(&InstanceStateName::Running)
                    && ok(one.instance_status())
                    && ok(one.system_status())
            });
            well += runs.count();
        }
        Ok(count(well))
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
            running: self.well(cx, region, &up).await?,
            capacity: count(fleet.instances.len()),
            up,
        })
    }

    /// Starts and stops instances until exactly `wanted` are asked for, and those that were started run. What is between two
    /// states is waited for, until the step ends: EC2 starts nothing that is still stopping, and stops nothing that is still
    /// starting. One that stops again by itself is told with what EC2 says of it.
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
        let started = Mutex::new(Started::default());
        until(cx, || async {
            let known = lock(&first).take();
            let now = match known {
                Some(known) => known,
                None => self.fleet(cx, region).await?,
            };
            self.round(cx, region, &now, wanted, &started).await
        })
        .await
    }

    /// One look at them, and what it asks for: what is waited for still, if anything is.
    async fn round(
        &self,
        cx: &Context,
        region: RegionRole,
        now: &Fleet,
        wanted: &[String],
        started: &Mutex<Started>,
    ) -> Result<Result<(), String>, ProviderError> {
        let access = self.ways.to(region);
        let client = access.ec2(cx).await?;
        let (start, stop) = now.differs(wanted);
        let mut waited = coming(started, now)?;
        // Starting comes first: users need servers sooner than anybody saves some.
        let start: Vec<String> = start.into_iter().filter(|one| !lock(started).of.contains_key(one)).collect();
        let (stopping, ready): (Vec<String>, Vec<String>) = start.into_iter().partition(|one| now.is_stopping(one));
        if !ready.is_empty() {
            let request = client.start_instances().set_instance_ids(Some(ready.clone()));
            if let Err(failed) = call::writes(cx, access, &START, request.send()).await {
                return halfway(&lock(started), failed);
            }
            lock(started).note(&ready, now);
        }
        if !stop.is_empty() {
            let request = client.stop_instances().set_instance_ids(Some(stop));
            if let Err(failed) = call::writes(cx, access, &STOP, request.send()).await {
                return halfway(&lock(started), failed);
            }
            lock(started).stopped = true;
        }
        if !ready.is_empty() {
            // Some run at once.
            waited = coming(started, &self.fleet(cx, region).await?)?;
        }
        waited.extend(stopping.iter().map(|one| format!("{one} must be started and is still stopping")));
        Ok(if waited.is_empty() { Ok(()) } else { Err(waited.join(", ")) })
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

/// What a refused start or stop means where others were started or stopped before it.
fn halfway(before: &Started, failed: call::Failed) -> Result<Result<(), String>, ProviderError> {
    match failed {
        failed if failed.is(NOT_IN_THIS_STATE) => Ok(Err(failed.error.to_string())),
        call::Failed { error: ProviderError::Refused(why), .. } if before.changed() => {
            let others = if before.stopped { " and others stopped" } else { "" };
            Err(ProviderError::Halfway(format!("{} instances were started{others}, then {why}", before.of.len())))
        }
        failed => Err(failed.error),
    }
}

/// What is waited for of those that were started; an error if any of them fell.
fn coming(started: &Mutex<Started>, now: &Fleet) -> Result<Vec<String>, ProviderError> {
    let mut started = lock(started);
    let (coming, fallen) = started.look(now);
    if fallen.is_empty() {
        return Ok(coming);
    }
    let why = fallen.join("; ");
    // Where none of them runs, nothing was changed.
    let nothing = fallen.len() == started.of.len() && !started.stopped;
    Err(if nothing { ProviderError::Refused(why) } else { ProviderError::Halfway(why) })
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
