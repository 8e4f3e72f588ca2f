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
use crate::id::ResourceId;
use crate::infrastructure::SIMULATED;
use crate::infrastructure::real::is_built_in;
use crate::infrastructure::simulate::Faults;
use crate::model::{Binding, Plan};
use crate::provider::network::RealNetwork;
use crate::provider::process::RealProcesses;
use crate::provider::process::keeper::Keeper;
use crate::provider::simulated::Simulation;
use crate::provider::terminal::{NobodyPeople, TerminalPeople, YesPeople};
use crate::resource::{People, Processes, Resources};
use crate::secret::{Redactor, SecretSource};
use crate::time::Clock;

/// What providers are built with.
struct Means<'p> {
    plan: &'p Plan,
    /// Programs, which die with this run.
    processes: Arc<dyn Processes>,
    /// Whatever secret a provider reads is made known to it.
    redactor: Redactor,
}

/// Everything that the plan's steps and probes may reach, but for [`people`].
pub(super) fn resources(
    plan: &Plan,
    clock: &Clock,
    keeper: Option<Keeper>,
    redactor: &Redactor,
) -> Result<Resources, AppError> {
    refuse_unknown(plan)?;
    let mut all = simulated_part(plan, clock)?;
    all.network = Arc::new(RealNetwork::new());
    all.processes = Arc::new(keeper.map(RealProcesses::kept).unwrap_or_default());
    all.people = Arc::new(NobodyPeople);
    let means = Means { plan, processes: Arc::clone(&all.processes), redactor: redactor.clone() };
    for (id, binding) in plan.resources.iter().filter(|(_, binding)| binding.provider != SIMULATED) {
        bind(id, binding, &means, &mut all)
            .map_err(|why| AppError::Usage(format!("`{id}` ({} by {}): {why}", binding.kind, binding.provider)))?;
    }
    Ok(all)
}

/// Builds the real provider of a resource, in place of its twin.
fn bind(id: &ResourceId, binding: &Binding, means: &Means<'_>, _all: &mut Resources) -> Result<(), String> {
    let _ = (id, means.plan, &means.processes, &means.redactor);
    Err(format!("nothing builds the provider {} of {}", binding.provider, binding.kind))
}

/// Names every resource that this build can't act on.
pub(super) fn refuse_unknown(plan: &Plan) -> Result<(), AppError> {
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
    redactor
}

fn learn<'v>(values: impl Iterator<Item = &'v Value>, redactor: &Redactor) {
    for value in values {
        let Value::Secret(source) = value else { continue };
        // A pipe can be read once, and is left to the step.
        let again = !matches!(source, SecretSource::File(path) if !path.is_file());
        if again {
            let _ = source.resolve(redactor);
        }
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
