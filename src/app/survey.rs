//! Looks at everything that a plan knows, and changes nothing.

use std::sync::Arc;

use super::AppError;
use super::real;
use super::simulation;
use crate::action::{Secrets, StandInSecrets};
use crate::chance::Seed;
use crate::engine;
use crate::id::{ResourceId, RunId};
use crate::infrastructure::simulate::Faults;
use crate::model::Plan;
use crate::plan::Looks;
use crate::provider::network::Masked;
use crate::provider::process::MaskedProcesses;
use crate::provider::simulated::Simulation;
use crate::resource::{Resources, World};
use crate::time::{Clock, run_real, run_virtual};

/// What was seen of everything that a plan knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surveyed {
    /// What answered.
    pub world: World,
    /// What could not be seen, and why.
    pub unseen: Vec<(ResourceId, String)>,
    /// What was found of prechecks that no resource's state tells of.
    pub looks: Looks,
    /// The permissions that were found missing: where, and which.
    pub missing: Vec<(String, String)>,
}

/// Looks at everything that the plan knows.
///
/// # Errors
/// [`AppError::Refused`] for resources that this build can't reach, [`AppError::Usage`] for a twin that does not fit.
pub fn survey(plan: &Plan) -> Result<Surveyed, AppError> {
    let start = crate::time::wall_now();
    let run = RunId::make(start, &plan.name).map_err(|error| AppError::Usage(error.to_string()))?;
    let ((world, unseen), looks, missing) = if plan.simulated() {
        let seen = run_virtual(start, |clock| async move {
            let setup = simulation::setup(plan, Seed(1), clock.clone(), &Faults::default()).map_err(AppError::Usage)?;
            let simulation = Simulation::new(setup).map_err(|error| AppError::Usage(error.to_string()))?;
            let (seen, looks) = look(plan, &simulation.resources(), Arc::new(StandInSecrets), &run, &clock).await;
            Ok((seen, looks, Vec::new()))
        });
        seen.map_err(|stuck| AppError::Defect(stuck.to_string()))?
    } else {
        let seen = run_real(|clock| async move {
            let redactor = real::redactor(plan);
            let (mut resources, denials) = real::resources_and_denials(plan, &clock, None, &redactor)?;
            resources.network = Arc::new(Masked::new(resources.network, redactor.clone()));
            resources.processes = Arc::new(MaskedProcesses::new(resources.processes, redactor.clone()));
            let (seen, looks) = look(plan, &resources, Arc::new(redactor), &run, &clock).await;
            Ok((seen, looks, denials.found()))
        });
        seen.map_err(|error| AppError::Defect(error.to_string()))?
    }?;
    Ok(Surveyed { world, unseen, looks, missing })
}

/// The states of all resources, then what prechecks are about beside them.
async fn look(
    plan: &Plan,
    resources: &Resources,
    secrets: Arc<dyn Secrets>,
    run: &RunId,
    clock: &Clock,
) -> ((World, Vec<(ResourceId, String)>), Looks) {
    let cx = engine::muster_context(run, clock, 0);
    let seen = engine::survey(plan, resources, &cx).await;
    (seen, engine::look_ahead(plan, resources, secrets, &cx).await)
}
