//! The real world of a plan: the providers that its infrastructure file names.
//!
//! This build reaches the network, programs and people for real. Resources whose provider is not here yet are refused
//! by name before anything is touched; `muster simulate` plays the same playbook on their twins.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::simulation;
use super::{AppError, Attendance};
use crate::catalogue::{Act, Value};
use crate::chance::Seed;
use crate::id::{RegionRole, ResourceId};
use crate::infrastructure::SIMULATED;
use crate::infrastructure::real::aws::{AWS, BUILT, HOW_TO_GET_IT};
use crate::infrastructure::real::postgres::{PostgresBackup, PostgresDatabase};
use crate::infrastructure::real::{self, is_built_in, typed};
use crate::infrastructure::simulate::Faults;
use crate::model::{Binding, Plan, RegionInfo};
use crate::provider::exec::Exec;
use crate::provider::git::GitStorage;
use crate::provider::host::Host;
use crate::provider::network::RealNetwork;
use crate::provider::postgres::{Postgres, PostgresBackups};
use crate::provider::process::RealProcesses;
use crate::provider::process::keeper::Keeper;
use crate::provider::rfc2136::Rfc2136;
use crate::provider::servers::{CommandedRegion, CommandedServers};
use crate::provider::simulated::Simulation;
use crate::provider::terminal::{NobodyPeople, TerminalPeople, YesPeople};
use crate::resource::{People, Processes, ResourceKind, Resources};
use crate::secret::{Redactor, SecretSource};
use crate::time::Clock;

/// What providers are built with.
struct Means<'p> {
    plan: &'p Plan,
    /// Programs, which die with this run.
    processes: Arc<dyn Processes>,
    /// Whatever secret a provider reads is made known to it.
    redactor: Redactor,
    /// The ways into the regions of AWS.
    #[cfg(feature = "aws")]
    aws: super::aws::Regions,
}

/// What providers were told that they may not do.
#[derive(Clone)]
pub(super) struct Denials {
    #[cfg(feature = "aws")]
    aws: super::aws::Regions,
}

impl Denials {
    /// The permissions that were found missing since the resources were built: where, and which, in order.
    #[cfg_attr(not(feature = "aws"), expect(clippy::unused_self, reason = "only AWS has permissions by name"))]
    pub(super) fn found(&self) -> Vec<(String, String)> {
        #[cfg(feature = "aws")]
        return self.aws.missing().into_iter().map(|(place, action)| (place, action.to_owned())).collect();
        #[cfg(not(feature = "aws"))]
        Vec::new()
    }
}

/// Everything that the plan's steps and probes may reach, but for [`people`].
pub(super) fn resources(
    plan: &Plan,
    clock: &Clock,
    keeper: Option<Keeper>,
    redactor: &Redactor,
) -> Result<Resources, AppError> {
    resources_and_denials(plan, clock, keeper, redactor).map(|(resources, _)| resources)
}

/// As [`resources`], with what their providers will be told that they may not do.
pub(super) fn resources_and_denials(
    plan: &Plan,
    clock: &Clock,
    keeper: Option<Keeper>,
    redactor: &Redactor,
) -> Result<(Resources, Denials), AppError> {
    refuse_unknown(plan)?;
    let mut all = simulated_part(plan, clock)?;
    let network = plan.resolver.map_or_else(RealNetwork::new, RealNetwork::resolving_at);
    all.network = Arc::new(network.telling(redactor.clone()));
    all.processes = Arc::new(keeper.map(RealProcesses::kept).unwrap_or_default());
    all.people = Arc::new(NobodyPeople);
    let means = Means {
        plan,
        processes: Arc::clone(&all.processes),
        redactor: redactor.clone(),
        #[cfg(feature = "aws")]
        aws: super::aws::Regions::of(plan, clock, redactor).map_err(AppError::Usage)?,
    };
    for (id, binding) in plan.resources.iter().filter(|(_, binding)| binding.provider != SIMULATED) {
        bind(id, binding, &means, &mut all)
            .map_err(|why| AppError::Usage(format!("`{id}` ({} by {}): {why}", binding.kind, binding.provider)))?;
    }
    for (role, region) in plan.regions.iter().filter(|(_, region)| region.provider != SIMULATED) {
        bind_region(*role, region, &means, &mut all)
            .map_err(|why| AppError::Usage(format!("region {role} (by {}): {why}", region.provider)))?;
    }
    let denials = Denials {
        #[cfg(feature = "aws")]
        aws: means.aws,
    };
    Ok((all, denials))
}

/// Builds the real provider of a resource, in place of its twin.
fn bind(id: &ResourceId, binding: &Binding, means: &Means<'_>, all: &mut Resources) -> Result<(), String> {
    let host = || Host::new(Arc::clone(&means.processes));
    let exec = || Ok::<_, String>(Arc::new(means.exec(binding.kind, id.to_string(), real::typed(binding)?)));
    match (binding.kind, binding.provider.as_str()) {
        (ResourceKind::Dns, "rfc2136") => {
            let record = Rfc2136::new(real::typed(binding)?, means.redactor.clone())?;
            all.dns.insert(id.clone(), Arc::new(record));
        }
        (ResourceKind::Database, "postgres") => {
            let processes = Arc::clone(&means.processes);
            let it = Postgres::new(id.clone(), typed(binding)?, processes, means.redactor.clone());
            all.databases.insert(id.clone(), Arc::new(it));
        }
        (ResourceKind::Backup, "postgres") => {
            let settings: PostgresBackup = typed(binding)?;
            let database = backed_up(means.plan, &settings)?;
            let processes = Arc::clone(&means.processes);
            let it = PostgresBackups::new(id.clone(), settings, database, processes, means.redactor.clone());
            all.backups.insert(id.clone(), Arc::new(it));
        }
        (ResourceKind::Dns, "exec") => drop(all.dns.insert(id.clone(), exec()?)),
        (ResourceKind::Database, "exec") => drop(all.databases.insert(id.clone(), exec()?)),
        (ResourceKind::Compute, "exec") => drop(all.computes.insert(id.clone(), exec()?)),
        (ResourceKind::Storage, "exec") => drop(all.storages.insert(id.clone(), exec()?)),
        (ResourceKind::Backup, "exec") => drop(all.backups.insert(id.clone(), exec()?)),
        (ResourceKind::Compute, "process") => {
            let servers = CommandedServers::new(real::typed(binding)?, host());
            all.computes.insert(id.clone(), Arc::new(servers));
        }
        (ResourceKind::Storage, "git") => {
            all.storages.insert(id.clone(), Arc::new(GitStorage::new(real::typed(binding)?, &host())));
        }
        #[cfg(feature = "aws")]
        (_, AWS) => means.aws.bind(id, binding, (means.plan, &means.processes, &means.redactor), all)?,
        (kind, provider) => return Err(format!("nothing builds the provider {provider} of {kind}")),
    }
    Ok(())
}

/// Builds the real provider of a region, in place of its twin; a region that nothing can cut off has none.
fn bind_region(role: RegionRole, region: &RegionInfo, means: &Means<'_>, all: &mut Resources) -> Result<(), String> {
    match region.provider.as_str() {
        "process" => {
            let host = Host::new(Arc::clone(&means.processes));
            let region = CommandedRegion::new(real::from_json(&region.settings)?, host);
            all.regions.insert(role, Arc::new(region));
        }
        "exec" => {
            let settings = real::from_json(&region.settings)?;
            let region = means.exec(ResourceKind::Region, role.to_string(), settings);
            all.regions.insert(role, Arc::new(region));
        }
        // Its twin would cut nothing off and say that it had.
        "none" => {
            all.regions.remove(&role);
        }
        #[cfg(feature = "aws")]
        AWS => means.aws.bind_region(role, region, means.plan, all)?,
        provider => return Err(format!("nothing builds the provider {provider} of a region")),
    }
    Ok(())
}

impl Means<'_> {
    fn exec(&self, kind: ResourceKind, resource: String, settings: real::exec::Exec) -> Exec {
        Exec::new(kind, resource, settings, Arc::clone(&self.processes), self.redactor.clone())
    }
}

/// The settings of the database that is backed up.
fn backed_up(plan: &Plan, settings: &PostgresBackup) -> Result<Option<PostgresDatabase>, String> {
    let is_one = |binding: &&Binding| binding.kind == ResourceKind::Database && binding.provider == "postgres";
    if let Some(named) = &settings.database {
        let found = plan.resources.get(named).filter(is_one);
        return match found {
            Some(binding) => typed(binding).map(Some),
            None => Err(format!("`{named}` is no database that `postgres` provides")),
        };
    }
    let mut all = plan.resources.values().filter(is_one);
    match (all.next(), all.next()) {
        (Some(only), None) => typed(only).map(Some),
        _ => Ok(None),
    }
}

/// Names every resource that this build can't act on.
pub(super) fn refuse_unknown(plan: &Plan) -> Result<(), AppError> {
    refuse_aws_without_it(plan, BUILT)?;
    let unknown: Vec<String> = plan
        .resources
        .iter()
        .filter(|(_, binding)| binding.provider != SIMULATED && !is_built_in(binding.kind, &binding.provider))
        .map(|(id, binding)| format!("`{id}` ({} by {})", binding.kind, binding.provider))
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    Err(AppError::Refused(format!(
        "this version of Muster can't act on {} yet. Nothing was touched. \
         `muster simulate` rehearses the playbook on their simulated twins",
        unknown.join(", ")
    )))
}

/// Says how to get what is not in every build.
fn refuse_aws_without_it(plan: &Plan, built: bool) -> Result<(), AppError> {
    let resources = plan.resources.values().map(|binding| &binding.provider);
    let mut providers = resources.chain(plan.regions.values().map(|region| &region.provider));
    if built || !providers.any(|provider| provider == AWS) {
        return Ok(());
    }
    Err(AppError::Refused(format!(
        "{HOW_TO_GET_IT}. Nothing was touched. `muster simulate` rehearses the playbook on its simulated twin in any build"
    )))
}

/// Resources that are simulated although the rest is real; the run is stamped so.
fn simulated_part(plan: &Plan, clock: &Clock) -> Result<Resources, AppError> {
    let setup = simulation::setup(plan, Seed(0), clock.clone(), &Faults::default()).map_err(AppError::Usage)?;
    let simulation = Simulation::new(setup).map_err(|error| AppError::Usage(error.to_string()))?;
    let mut all = simulation.resources();
    if plan.resources.is_empty() {
        all.regions = BTreeMap::new();
    }
    // A twin in the place of a real region would cut nothing off, and say that it had.
    all.regions.retain(|role, _| plan.regions.get(role).is_some_and(|region| region.provider == SIMULATED));
    Ok(all)
}

/// A redactor that knows, from the first step on, every secret of the plan that can be read now: another step, or a
/// probe, may print it before the step that needs it reads it. What can't be read yet is told by that step.
pub(super) fn redactor(plan: &Plan) -> Redactor {
    let redactor = Redactor::default();
    for step in &plan.steps {
        match &step.act {
            Act::Command(command) => learn(command.env.values(), &redactor),
            Act::Http(http) => learn(http.headers.values(), &redactor),
            Act::Notify(notify) => learn(std::iter::once(&notify.webhook), &redactor),
            _ => {}
        }
    }
    let standbys = plan.services.iter().filter_map(|service| service.standby.as_ref());
    for probe in standbys.chain(plan.probes().map(|it| &it.probe)) {
        probe.secrets().into_iter().for_each(|source| learn_from(source, &redactor));
    }
    redactor
}

fn learn<'v>(values: impl Iterator<Item = &'v Value>, redactor: &Redactor) {
    values.filter_map(Value::secret).for_each(|source| learn_from(source, redactor));
}

fn learn_from(source: &SecretSource, redactor: &Redactor) {
    // A pipe can be read once, and is left to the step.
    let again = !matches!(source, SecretSource::File(path) if !path.is_file());
    if again {
        let _ = source.resolve(redactor);
    }
}

/// Those who answer its gates; files that they give as evidence are kept in the run's folder.
pub(super) fn people(attendance: Attendance, run_folder: &Path) -> Arc<dyn People> {
    match attendance {
        Attendance::Yes => Arc::new(YesPeople),
        Attendance::Terminal => Arc::new(TerminalPeople::at_stdin(run_folder.to_owned())),
        Attendance::Nobody => Arc::new(NobodyPeople),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_without_aws_says_how_to_get_one_and_one_with_it_says_nothing() {
        let playbook = "muster: 1\nname: drill\nphases: [{ name: failover, steps: [{ id: a, wait: { for: 1s } }] }]\n";
        let region = |name: &str| format!("{{ name: {name}, provider: aws, account: \"123456789012\" }}");
        let infra = format!(
            "muster: 1\nname: lab\nenvironment: lab\nregions: {{ primary: {}, secondary: {} }}\n",
            region("us-east-1"),
            region("us-west-2")
        );
        let plan = plan_of(playbook, &infra);
        let refused = refuse_aws_without_it(&plan, false).unwrap_err().to_string();
        assert!(refused.contains("cargo install --path . --features aws"), "{refused}");
        assert!(refuse_aws_without_it(&plan, true).is_ok());
    }

    fn plan_of(playbook: &str, infra: &str) -> Plan {
        let read = |_: &str| Ok(infra.as_bytes().to_vec());
        let input = crate::plan::LoadInput {
            playbook_path: "drill.yaml",
            playbook: playbook.as_bytes(),
            infrastructure_path: Some("infra.yaml"),
            mode: None,
            vars: &[],
            reality: crate::plan::Reality::AsBound,
            checked: crate::plan::Checked::default(),
            read: &read,
            calibration: &crate::plan::uncalibrated,
        };
        let loaded = crate::plan::load(&input);
        loaded.plan.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics))
    }
}
