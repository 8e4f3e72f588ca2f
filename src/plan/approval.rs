//! What an approver signs beside the steps: who is out and for how long, what Muster makes, what it relies on and where
//! that is, which variables are others than the playbook's, and the command that carries out this plan and no other.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::preview::{LegOutage, outage_of};
use super::schedule::schedule;
use crate::catalogue::{Act, Value};
use crate::id::{RegionRole, ResourceId, ServiceId, StepId};
use crate::infrastructure::handbook::{self, Reliance, RelianceKind, Touched, shell};
use crate::model::{Canary, Foreseen, Leg, Plan, Variable, VariableSource, Watch};
use crate::resource::{ResourceKind, World, region_resource};
use crate::time::Span;

/// Who is out in a leg, and for how long, by the critical path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServiceOutage {
    /// The service.
    pub service: ServiceId,
    /// For people.
    pub title: String,
    /// The leg.
    pub leg: Leg,
    /// When it is expected to go, from the run's start, in nanoseconds.
    pub from: Span,
    /// For how long at most, where every step takes as long as expected and resolvers keep the old address for its whole
    /// TTL.
    pub expected: Span,
    /// The step that takes it away.
    pub since: StepId,
    /// The step that gives it back.
    pub until: StepId,
    /// Its objective, or else the drill's.
    pub objective: Option<Span>,
}

/// Something that Muster relies on, and where it is to the disaster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Relied {
    /// What.
    #[serde(flatten)]
    pub reliance: Reliance,
    /// Whether it is in the region that is lost or left; `None`: nothing says where it is.
    pub in_lost_region: Option<bool>,
}

/// Where a run keeps its own things, as it was typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Own {
    /// The folder of runs.
    pub reports: String,
    /// The store's file.
    pub store: String,
    /// The command that runs the plan, without `--approved`.
    pub command: Vec<String>,
}

/// What is signed beside the steps.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Approval {
    /// Who is out.
    pub outages: Vec<ServiceOutage>,
    /// What drills on the twin showed of that.
    pub foreseen: Foreseen,
    /// What Muster makes beside the changes themselves, and whether it goes again.
    pub makes: Vec<String>,
    /// What Muster relies on.
    pub relies: Vec<Relied>,
    /// The variables that have another value than the playbook's default.
    pub overridden: Vec<Variable>,
    /// The command that carries out this plan and no other.
    pub command: String,
}

/// All of it. `foreseen` is the caller's: it takes drills to know.
#[must_use]
pub fn approval(plan: &Plan, observed: &World, own: &Own, foreseen: Foreseen) -> Approval {
    let mut command = own.command.clone();
    command.extend(["--approved".to_owned(), plan.digest.clone()]);
    Approval {
        outages: outages(plan, observed),
        foreseen,
        makes: makes(plan, own),
        relies: relies(plan, own),
        overridden: plan.variables.iter().filter(|it| it.source != VariableSource::Playbook).cloned().collect(),
        command: shell::argv(&command),
    }
}

fn outages(plan: &Plan, observed: &World) -> Vec<ServiceOutage> {
    let schedule = schedule(plan);
    let mut all = Vec::new();
    for leg in [Leg::Failover, Leg::Return] {
        for service in &plan.services {
            let concerns = |act: &Act| {
                let region = matches!(act, Act::RegionIsolate(_));
                let subjects = act.describe().subjects();
                region
                    || service.depends_on.is_empty()
                    || subjects.iter().any(|it| service.depends_on.contains(&it.resource))
            };
            let Some(LegOutage { first, last, expected }) =
                outage_of(plan, leg, observed, &schedule, &concerns, std::slice::from_ref(service))
            else {
                continue;
            };
            all.push(ServiceOutage {
                service: service.id.clone(),
                title: service.title.clone(),
                leg,
                from: schedule.steps[first].0,
                expected,
                since: plan.steps[first].id.clone(),
                until: plan.steps[last].id.clone(),
                objective: service.objectives.rto_of(leg).or_else(|| plan.objectives.rto_of(leg)),
            });
        }
    }
    all
}

/// What a run does with each resource.
fn touched(plan: &Plan) -> BTreeMap<ResourceId, Touched> {
    let mut all: BTreeMap<ResourceId, Touched> = BTreeMap::new();
    for resource in plan.changes() {
        all.entry(resource).or_default().changed = true;
    }
    for Canary { of, .. } in &plan.canaries {
        all.entry(of.clone()).or_default().canary = true;
    }
    for step in plan.steps.iter().filter(|step| step.applies) {
        let mut note = |id: &ResourceId, set: fn(&mut Touched)| set(all.entry(id.clone()).or_default());
        match &step.act {
            Act::DatabaseFence(it) => note(&it.database, |it| it.proven = true),
            Act::DatabasePromote(it) => note(&it.database, |it| it.proven = true),
            Act::StorageFence(it) => note(&it.storage, |it| it.proven = true),
            Act::StoragePromote(it) => note(&it.storage, |it| it.proven = true),
            Act::DatabaseReplicate(it) => note(&it.database, |it| it.rebuilt = true),
            Act::StorageReplicate(it) => note(&it.storage, |it| it.rebuilt = true),
            Act::DataPreserve(it) => it.of.0.iter().for_each(|id| note(id, |it| it.preserved = true)),
            Act::BackupRestore(it) => note(&it.backup, |it| it.restored = true),
            _ => {}
        }
    }
    all
}

fn makes(plan: &Plan, own: &Own) -> Vec<String> {
    let mut all =
        vec![format!("{}/RUN: the journal, the reports and what people give as evidence; stays", own.reports)];
    if plan.simulated() {
        all.push("nothing else: a simulation touches nothing".to_owned());
        return all;
    }
    let changed: Vec<String> = plan.changes().iter().map(ToString::to_string).collect();
    let held = if changed.is_empty() { String::new() } else { format!(", and on {}", changed.join(", ")) };
    all.push(format!("{}: a lease on the playbook{held}; let go at the end", own.store));
    let touched = touched(plan);
    for (id, touched) in &touched {
        if let Some(binding) = plan.resources.get(id) {
            all.extend(handbook::makes(binding.kind, &binding.provider, id.as_str(), &binding.settings, *touched));
        }
    }
    for (role, region) in &plan.regions {
        if let Some(touched) = touched.get(&region_resource(*role)) {
            let id = format!("region {role}");
            all.extend(handbook::makes(ResourceKind::Region, &region.provider, &id, &region.settings, *touched));
        }
    }
    all
}

fn relies(plan: &Plan, own: &Own) -> Vec<Relied> {
    let mut all: BTreeSet<Reliance> = BTreeSet::new();
    all.insert(Reliance::new(RelianceKind::Machine, "this machine", "Muster itself, and its clock"));
    all.insert(Reliance::new(RelianceKind::File, &own.reports, "the journal: without it nothing is begun"));
    if !plan.simulated() {
        all.insert(Reliance::new(RelianceKind::File, &own.store, "leases, and commands from other terminals"));
        real_relies(plan, &mut all);
    }
    let places = places(plan, &all);
    let located = |mut reliance: Reliance| {
        if reliance.region.is_none() {
            reliance.region = reliance.host().and_then(|host| places.get(host).copied().flatten());
        }
        Relied { in_lost_region: reliance.region.map(|role| role == RegionRole::Primary), reliance }
    };
    // The same thing for several purposes is told once, with all of them.
    let mut told: Vec<Relied> = Vec::new();
    for relied in all.into_iter().map(located) {
        match told
            .iter_mut()
            .find(|it| it.reliance.kind == relied.reliance.kind && it.reliance.what == relied.reliance.what)
        {
            Some(it) => {
                it.reliance.purpose = format!("{}; {}", it.reliance.purpose, relied.reliance.purpose);
                if it.reliance.region != relied.reliance.region {
                    (it.reliance.region, it.in_lost_region) = (None, None);
                }
            }
            None => told.push(relied),
        }
    }
    told
}

fn real_relies(plan: &Plan, all: &mut BTreeSet<Reliance>) {
    let network = match plan.resolver {
        Some(resolver) => Reliance::new(RelianceKind::NameServer, resolver.to_string(), "resolves names for probes"),
        None => Reliance::new(RelianceKind::NameServer, "the machine's own resolver", "resolves names"),
    };
    all.insert(network);
    for (id, binding) in &plan.resources {
        all.extend(handbook::relies(binding.kind, &binding.provider, id.as_str(), &binding.settings));
    }
    for (role, region) in &plan.regions {
        all.extend(handbook::relies(ResourceKind::Region, &region.provider, role.as_str(), &region.settings));
    }
    for guardrail in &plan.guardrails {
        if let Watch::Probe(probe) = &guardrail.watch {
            let what = probe.probe.target();
            all.insert(Reliance::new(RelianceKind::Host, what, format!("guardrail: {}", guardrail.name)));
        }
    }
    if let Some(witness) = &plan.witness {
        all.insert(Reliance::new(RelianceKind::Host, witness.probe.target(), "the witness"));
    }
    for step in plan.steps.iter().filter(|step| step.applies) {
        let purpose = format!("step {}", step.id);
        let secrets = |values: &mut dyn Iterator<Item = &Value>, all: &mut BTreeSet<Reliance>| {
            for value in values {
                if let Value::Secret(source) = value {
                    all.insert(Reliance::secret(source, &purpose));
                }
            }
        };
        match &step.act {
            Act::Command(it) => {
                all.extend(handbook::program(&it.argv, &purpose, None));
                secrets(&mut it.env.values(), all);
            }
            Act::Http(it) => {
                all.insert(Reliance::new(RelianceKind::Endpoint, &it.url, &purpose));
                secrets(&mut it.headers.values(), all);
            }
            Act::Notify(it) => secrets(&mut std::iter::once(&it.webhook), all),
            _ => {}
        }
    }
}

/// The region of each host of which something says where it is; `None` where two things say two.
fn places(plan: &Plan, all: &BTreeSet<Reliance>) -> BTreeMap<String, Option<RegionRole>> {
    let gateways = plan.regions.iter().filter_map(|(role, it)| Some((it.gateway.clone()?, *role)));
    let hosts = all.iter().filter_map(|it| Some((it.host()?.to_owned(), it.region?)));
    let mut places: BTreeMap<String, Option<RegionRole>> = BTreeMap::new();
    for (host, role) in gateways.chain(hosts) {
        let known = places.entry(host).or_insert(Some(role));
        if *known != Some(role) {
            *known = None;
        }
    }
    places
}
