//! The least that a playbook needs to be allowed on AWS: what a plan reads, and what a run does beyond that.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::backup::AwsBackups;
use super::compute::AwsServers;
use super::database::{AwsDatabase, Kind};
use super::dns::{Route53, Way};
use super::{AWS, AwsRegion};
use crate::catalogue::{Access, Act};
use crate::id::{RegionRole, ResourceId};
use crate::infrastructure::real::{from_json, typed};
use crate::model::{Binding, Plan};
use crate::resource::{ResourceKind, region_resource};

/// What EC2 and RDS do with a key, in the name of whoever asks them, to make something encrypted of something encrypted.
const KEY: [&str; 6] = [
    "kms:CreateGrant",
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
];

/// What an instance whose volumes are encrypted with a customer's key needs to start: EC2 asks for it in the name of whoever
/// starts it.
const GRANT: &str = "kms:CreateGrant";
/// What that statement is called, as the one place in a policy where it can be said when it is needed.
const GRANT_SID: &str = "OnlyForVolumesEncryptedWithACustomerKey";

/// What is allowed: actions by the thing that they are allowed on.
type Allowed = BTreeMap<String, BTreeSet<&'static str>>;

/// What is allowed in each account.
type ByAccount = BTreeMap<String, Allowed>;

/// What a plan needs, and what a run does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// To look: `muster plan`.
    pub plan: ByAccount,
    /// To look and to act: `muster run`.
    pub run: ByAccount,
    /// The keys, by account, for which a run must be able to give EC2 a grant.
    pub grants: BTreeMap<String, BTreeSet<String>>,
}

/// For whom a policy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum For {
    /// `muster plan`.
    Plan,
    /// `muster run`.
    Run,
}

impl Needs {
    /// The names of all actions.
    #[must_use]
    pub fn actions(&self, whom: For) -> BTreeSet<&'static str> {
        let granted = (whom == For::Run && !self.grants.is_empty()).then_some(GRANT);
        self.of(whom).values().flat_map(BTreeMap::values).flatten().copied().chain(granted).collect()
    }

    /// The policy documents, by account.
    #[must_use]
    pub fn documents(&self, whom: For) -> BTreeMap<&str, Value> {
        let none = BTreeSet::new();
        let keys = |account: &String| match whom {
            For::Plan => &none,
            For::Run => self.grants.get(account).unwrap_or(&none),
        };
        self.of(whom).iter().map(|(account, allowed)| (account.as_str(), document(allowed, keys(account)))).collect()
    }

    fn of(&self, whom: For) -> &ByAccount {
        match whom {
            For::Plan => &self.plan,
            For::Run => &self.run,
        }
    }
}

/// One statement for the things on which the same is allowed, and one for the keys that EC2 gets grants for.
fn document(allowed: &Allowed, keys: &BTreeSet<String>) -> Value {
    let mut by_actions: BTreeMap<&BTreeSet<&'static str>, Vec<&String>> = BTreeMap::new();
    for (thing, actions) in allowed {
        by_actions.entry(actions).or_default().push(thing);
    }
    let statement = |(actions, things): (&BTreeSet<&'static str>, Vec<&String>)| json!({ "Effect": "Allow", "Action": actions, "Resource": things });
    let grant = (!keys.is_empty()).then(|| {
        let condition = json!({ "Bool": { "kms:GrantIsForAWSResource": "true" } });
        json!({ "Sid": GRANT_SID, "Effect": "Allow", "Action": [GRANT], "Resource": keys, "Condition": condition })
    });
    let statements: Vec<Value> = by_actions.into_iter().map(statement).chain(grant).collect();
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// Gathers what is needed.
struct Gathering<'p> {
    plan: &'p Plan,
    regions: BTreeMap<RegionRole, (String, AwsRegion)>,
    needs: Needs,
}

impl Gathering<'_> {
    fn partition(region: &str) -> &'static str {
        if region.starts_with("cn-") {
            "aws-cn"
        } else if region.starts_with("us-gov-") {
            "aws-us-gov"
        } else {
            "aws"
        }
    }

    /// An ARN in `role`'s region and account; `None` if the region is none of AWS's.
    fn arn(&self, role: RegionRole, service: &str, what: &str) -> Option<String> {
        let (name, region) = self.regions.get(&role)?;
        Some(format!("arn:{}:{service}:{name}:{}:{what}", Self::partition(name), region.account))
    }

    fn account(&self, role: RegionRole) -> Option<&str> {
        self.regions.get(&role).map(|(_, region)| region.account.as_str())
    }

    fn allow(&mut self, whom: For, role: RegionRole, thing: &str, actions: &[&'static str]) {
        let Some(account) = self.account(role).map(str::to_owned) else { return };
        let both: &mut [&mut ByAccount] = match whom {
            For::Plan => &mut [&mut self.needs.plan, &mut self.needs.run],
            For::Run => &mut [&mut self.needs.run],
        };
        for needs in both {
            needs.entry(account.clone()).or_default().entry(thing.to_owned()).or_default().extend(actions);
        }
    }

    fn reads(&mut self, role: RegionRole, thing: &str, actions: &[&'static str]) {
        self.allow(For::Plan, role, thing, actions);
    }

    fn writes(&mut self, role: RegionRole, thing: &str, actions: &[&'static str]) {
        self.allow(For::Run, role, thing, actions);
    }

    /// Whether a step of the run changes it.
    fn changed(&self, id: &ResourceId) -> bool {
        self.plan.steps.iter().filter(|step| step.applies).any(|step| {
            let subjects = step.act.describe().subjects();
            subjects.iter().any(|subject| subject.resource == *id && subject.access == Access::Changes)
        })
    }

    /// Whether a step of the run is so.
    fn does(&self, is: impl Fn(&Act) -> bool) -> bool {
        self.plan.steps.iter().any(|step| step.applies && is(&step.act))
    }

    /// What raising and lowering a wall takes.
    fn wall(&mut self, role: RegionRole, whom: For) {
        self.reads(role, "*", &["ec2:DescribeNetworkAcls"]);
        if whom == For::Run {
            for (service, what) in [("ec2", "network-acl/*"), ("ec2", "vpc/*"), ("ec2", "subnet/*")] {
                if let Some(arn) = self.arn(role, service, what) {
                    let actions: &[&str] = match what {
                        "network-acl/*" => &[
                            "ec2:CreateNetworkAcl",
                            "ec2:CreateNetworkAclEntry",
                            "ec2:CreateTags",
                            "ec2:DeleteNetworkAcl",
                            "ec2:ReplaceNetworkAclAssociation",
                        ],
                        "vpc/*" => &["ec2:CreateNetworkAcl"],
                        _ => &["ec2:ReplaceNetworkAclAssociation"],
                    };
                    self.writes(role, &arn, actions);
                }
            }
        }
    }

    fn dns(&mut self, id: &ResourceId, it: &Route53) {
        let changed = self.changed(id);
        let role = it.access;
        match (it.by, &it.routing_controls, &it.health_check) {
            (Way::RoutingControls, Some(controls), _) => {
                for arn in [controls.primary.clone(), controls.secondary.clone()] {
                    self.reads(role, &arn, &["route53-recovery-cluster:GetRoutingControlState"]);
                    if changed {
                        self.writes(role, &arn, &["route53-recovery-cluster:UpdateRoutingControlStates"]);
                    }
                }
            }
            (Way::HealthCheck, _, Some(check)) => {
                let arn = format!("arn:aws:route53:::healthcheck/{}", check.id);
                self.reads(role, &arn, &["route53:GetHealthCheck", "route53:GetHealthCheckStatus"]);
            }
            _ => {
                let zone = format!("arn:aws:route53:::hostedzone/{}", it.zone);
                self.reads(role, &zone, &["route53:ListResourceRecordSets"]);
                if changed {
                    self.writes(role, &zone, &["route53:ChangeResourceRecordSets"]);
                    self.writes(role, "arn:aws:route53:::change/*", &["route53:GetChange"]);
                }
            }
        }
        if it.authoritative.is_empty() && it.by.changes_the_zone() {
            self.reads(role, &format!("arn:aws:route53:::hostedzone/{}", it.zone), &["route53:GetHostedZone"]);
        }
    }

    fn compute(&mut self, id: &ResourceId, it: &AwsServers) {
        let changed = self.changed(id);
        for role in RegionRole::ALL {
            let group = it.regions.get(role);
            if let Some(name) = &group.auto_scaling_group {
                self.reads(role, "*", &["autoscaling:DescribeAutoScalingGroups"]);
                let arn = self.arn(role, "autoscaling", &format!("autoScalingGroup:*:autoScalingGroupName/{name}"));
                if let Some(arn) = arn.filter(|_| changed) {
                    let actions =
                        ["autoscaling:CreateOrUpdateTags", "autoscaling:DeleteTags", "autoscaling:SetDesiredCapacity"];
                    self.writes(role, &arn, &actions);
                }
                continue;
            }
            self.reads(role, "*", &["ec2:DescribeInstances", "ec2:DescribeInstanceStatus"]);
            let ids: Vec<String> =
                if group.instances.is_empty() { vec!["*".to_owned()] } else { group.instances.clone() };
            if changed {
                self.grant(role);
            }
            for instance in ids.iter().filter(|_| changed) {
                if let Some(arn) = self.arn(role, "ec2", &format!("instance/{instance}")) {
                    self.writes(
                        role,
                        &arn,
                        &["ec2:CreateTags", "ec2:DeleteTags", "ec2:StartInstances", "ec2:StopInstances"],
                    );
                }
            }
        }
    }

    fn database(&mut self, id: &ResourceId, it: &AwsDatabase) {
        let changed = self.changed(id);
        let rejoins = self.does(|act| matches!(act, Act::RegionRejoin(rejoin) if rejoin.fenced.contains(id)));
        let kept = self.does(|act| matches!(act, Act::DataPreserve(keep) if keep.of.0.contains(id)));
        for role in RegionRole::ALL {
            let side = it.side(role).clone();
            let name = it.name.clone().unwrap_or_default();
            let instance = side.instance.clone().unwrap_or_default();
            let cluster = side.cluster.clone().unwrap_or_default();
            let reads: &[&'static str] = match it.kind {
                Kind::Replica => &["rds:DescribeDBInstances", "cloudwatch:GetMetricStatistics"],
                Kind::MultiAz => &["rds:DescribeDBInstances"],
                Kind::Cluster => &["rds:DescribeDBInstances", "rds:DescribeDBClusters"],
                Kind::Global => &[
                    "rds:DescribeDBInstances",
                    "rds:DescribeDBClusters",
                    "rds:DescribeGlobalClusters",
                    "cloudwatch:GetMetricStatistics",
                ],
            };
            self.reads(role, "*", reads);
            let fenced = side.fence.is_some()
                && (rejoins
                    || self
                        .does(|act| matches!(act, Act::DatabaseFence(it) if it.database == *id && it.region == role)));
            if side.fence.is_some() {
                self.wall(role, if fenced || changed { For::Run } else { For::Plan });
            }
            let own = match it.kind {
                Kind::Replica => vec![format!("db:{instance}"), format!("db:{instance}-was-*")],
                Kind::MultiAz => vec![format!("db:{name}")],
                Kind::Cluster => vec![format!("cluster:{name}"), format!("db:{instance}")],
                Kind::Global => vec![format!("cluster:{cluster}"), "db:*".to_owned()],
            };
            let promoted =
                self.does(|act| matches!(act, Act::DatabasePromote(it) if it.database == *id && it.to == role));
            let rebuilt =
                self.does(|act| matches!(act, Act::DatabaseReplicate(it) if it.database == *id && it.to == role));
            for what in &own {
                let Some(arn) = self.arn(role, "rds", what).filter(|_| changed) else { continue };
                self.writes(
                    role,
                    &arn,
                    &["rds:AddTagsToResource", "rds:ListTagsForResource", "rds:RemoveTagsFromResource"],
                );
                if fenced || it.kind == Kind::MultiAz && promoted {
                    self.writes(role, &arn, &["rds:RebootDBInstance"]);
                }
                match it.kind {
                    Kind::Replica if promoted => self.writes(role, &arn, &["rds:PromoteReadReplica"]),
                    Kind::Cluster if promoted => self.writes(role, &arn, &["rds:FailoverDBCluster"]),
                    _ => {}
                }
                if it.kind == Kind::Replica && rebuilt {
                    let actions = ["rds:CreateDBInstanceReadReplica", "rds:ModifyDBInstance", "rds:StopDBInstance"];
                    self.writes(role, &arn, &actions);
                }
            }
            if it.kind == Kind::Replica && rebuilt {
                // The new replica is encrypted with the key that the one before had.
                self.key(role, None);
                for group in ["subgrp:*", "pg:*", "og:*"] {
                    if let Some(arn) = self.arn(role, "rds", group) {
                        self.writes(role, &arn, &["rds:CreateDBInstanceReadReplica"]);
                    }
                }
            }
            if it.kind == Kind::Global && promoted {
                let target = self.arn(role, "rds", &format!("cluster:{cluster}"));
                // A switchover is ordered in the region of the writer, a failover in that of the cluster that becomes it.
                for (at, action) in [(role, "rds:FailoverGlobalCluster"), (role.other(), "rds:SwitchoverGlobalCluster")]
                {
                    let global =
                        self.account(at).map(|account| format!("arn:aws:rds::{account}:global-cluster:{name}"));
                    for thing in global.into_iter().chain(target.clone()) {
                        self.writes(at, &thing, &[action]);
                    }
                }
            }
            if kept {
                self.preserve(role, it.kind, &own);
            }
        }
    }

    fn preserve(&mut self, role: RegionRole, kind: Kind, own: &[String]) {
        let (create, describe, kept) = match kind {
            Kind::Replica | Kind::MultiAz => ("rds:CreateDBSnapshot", "rds:DescribeDBSnapshots", "snapshot:*-kept-*"),
            Kind::Cluster | Kind::Global => {
                ("rds:CreateDBClusterSnapshot", "rds:DescribeDBClusterSnapshots", "cluster-snapshot:*-kept-*")
            }
        };
        for what in own.iter().map(String::as_str).chain([kept]) {
            if let Some(arn) = self.arn(role, "rds", what) {
                self.writes(role, &arn, &[create, describe, "rds:AddTagsToResource"]);
            }
        }
    }

    fn backup(&mut self, id: &ResourceId, it: &AwsBackups) {
        let restored = self.does(|act| matches!(act, Act::BackupRestore(it) if it.backup == *id));
        for role in RegionRole::ALL {
            if self.does(|act| matches!(act, Act::BackupRestore(it) if it.backup == *id && it.region == role)) {
                self.key(role, it.regions.get(role).key.as_deref());
            }
            if it.regions.get(role).instance.is_some() {
                self.reads(role, "*", &["rds:DescribeDBSnapshots"]);
                if restored {
                    self.writes(role, "*", &["rds:DescribeDBInstances"]);
                    for what in ["db:muster-*", "snapshot:*", "subgrp:*", "pg:*", "og:*"] {
                        if let Some(arn) = self.arn(role, "rds", what) {
                            self.writes(role, &arn, &["rds:RestoreDBInstanceFromDBSnapshot"]);
                        }
                    }
                    if let Some(arn) = self.arn(role, "rds", "db:muster-*") {
                        self.writes(role, &arn, &["rds:AddTagsToResource", "rds:DeleteDBInstance"]);
                    }
                }
                continue;
            }
            self.reads(role, "*", &["ec2:DescribeSnapshots"]);
            if restored {
                self.writes(role, "*", &["ec2:DescribeVolumes"]);
                if let Some(arn) = self.arn(role, "ec2", "volume/*") {
                    self.writes(role, &arn, &["ec2:CreateTags", "ec2:CreateVolume", "ec2:DeleteVolume"]);
                }
                if let Some((name, _)) = self.regions.get(&role) {
                    let arn = format!("arn:{}:ec2:{name}::snapshot/*", Self::partition(name));
                    self.writes(role, &arn, &["ec2:CreateVolume"]);
                }
            }
        }
    }

    /// What is made of something encrypted takes its key: the one that is stated, or any of the account's.
    fn key(&mut self, role: RegionRole, stated: Option<&str>) {
        let arn = stated.map(str::to_owned).or_else(|| self.arn(role, "kms", "key/*"));
        if let Some(arn) = arn {
            self.writes(role, &arn, &KEY);
        }
    }

    /// Starting what has encrypted volumes gives EC2 a grant for their key, which no setting states.
    fn grant(&mut self, role: RegionRole) {
        if let (Some(arn), Some(account)) = (self.arn(role, "kms", "key/*"), self.account(role).map(str::to_owned)) {
            self.needs.grants.entry(account).or_default().insert(arn);
        }
    }

    /// Whoever takes the role on must be allowed to.
    fn role(&mut self, role: RegionRole) {
        if let Some(arn) = self.regions.get(&role).and_then(|(_, region)| region.role.clone()) {
            self.reads(role, &arn, &["sts:AssumeRole"]);
        }
    }

    fn resource(&mut self, id: &ResourceId, binding: &Binding) -> Result<(), String> {
        match binding.kind {
            ResourceKind::Dns => self.dns(id, &typed(binding)?),
            ResourceKind::Compute => self.compute(id, &typed(binding)?),
            ResourceKind::Database => self.database(id, &typed(binding)?),
            ResourceKind::Backup => self.backup(id, &typed(binding)?),
            ResourceKind::Storage | ResourceKind::Region => {}
        }
        Ok(())
    }
}

/// What `plan` needs.
///
/// # Errors
/// Says which settings can't be read; never those of a plan that this version compiled.
pub fn needs(plan: &Plan) -> Result<Needs, String> {
    let mut regions = BTreeMap::new();
    for (role, region) in plan.regions.iter().filter(|(_, region)| region.provider == AWS) {
        regions.insert(*role, (region.name.clone(), from_json::<AwsRegion>(&region.settings)?));
    }
    let mut gathering = Gathering { plan, regions, needs: Needs::default() };
    for (id, binding) in plan.resources.iter().filter(|(_, binding)| binding.provider == AWS) {
        gathering.resource(id, binding)?;
    }
    for role in RegionRole::ALL {
        gathering.role(role);
        let cut_off = gathering.regions.get(&role).is_some_and(|(_, region)| region.isolate.is_some());
        if cut_off {
            let changed = gathering.changed(&region_resource(role));
            gathering.wall(role, if changed { For::Run } else { For::Plan });
        }
    }
    Ok(gathering.needs)
}
