//! The simulated twin of a plan: every resource, service and step of it as settings of a simulated world.

pub(super) mod faults;

use std::collections::BTreeMap;

use crate::catalogue::{Act, Probe};
use crate::chance::{Distribution, Seed};
use crate::id::{RegionRole, ResourceId, StepId};
use crate::infrastructure::simulate::{
    Address, Faults, PerRegion, Said, SimulatedNetwork, SimulatedRegion, SimulatedResource,
};
use crate::infrastructure::twin;
use crate::model::{Plan, ProbePlan, ServiceAccess};
use crate::provider::simulated::{Endpoint, EndpointKind, ObservedCommand, Pace, SimulationSetup};
use crate::time::Clock;

/// The twin of a plan: all that is the same in each of its rehearsals. Made once, used as often as the plan is rehearsed.
#[derive(Clone, Debug)]
pub struct Twin {
    region_names: PerRegion<String>,
    regions: PerRegion<SimulatedRegion>,
    resources: Vec<(ResourceId, SimulatedResource)>,
    network: SimulatedNetwork,
    endpoints: Vec<Endpoint>,
    step_says: BTreeMap<StepId, Said>,
    step_takes: BTreeMap<StepId, Distribution>,
    paces: BTreeMap<StepId, Pace>,
    commands: Vec<ObservedCommand>,
}

impl Twin {
    /// The twin of `plan`.
    ///
    /// # Errors
    /// Says which settings can't be read.
    pub fn of(plan: &Plan) -> Result<Self, String> {
        let mut resources = Vec::new();
        for (id, binding) in &plan.resources {
            let twin = twin::resource(binding).map_err(|why| format!("the simulated twin of `{id}`: {why}"))?;
            resources.push((id.clone(), twin));
        }
        let region = |role: RegionRole| {
            let info = plan.regions.get(&role).ok_or_else(|| format!("the plan has no {role} region"))?;
            let settings =
                twin::region(info).map_err(|why| format!("the simulated twin of the {role} region: {why}"))?;
            Ok::<_, String>((info.name.clone(), settings))
        };
        let (primary, secondary) = (region(RegionRole::Primary)?, region(RegionRole::Secondary)?);
        Ok(Self {
            region_names: PerRegion { primary: primary.0, secondary: secondary.0 },
            regions: PerRegion { primary: primary.1, secondary: secondary.1 },
            resources,
            network: twin::network(&plan.network).map_err(|why| format!("the simulated network: {why}"))?,
            endpoints: endpoints(plan)?,
            step_says: step_says(plan),
            step_takes: step_takes(plan),
            paces: paces(plan),
            commands: commands(plan),
        })
    }

    /// A world of its own for one rehearsal of `plan`, whose twin this is.
    ///
    /// # Errors
    /// Says which fault is on something that the plan does not have.
    pub fn setup(&self, plan: &Plan, seed: Seed, clock: Clock, faults: &Faults) -> Result<SimulationSetup, String> {
        Ok(SimulationSetup {
            seed,
            clock,
            region_names: self.region_names.clone(),
            regions: self.regions.clone(),
            resources: self.resources.clone(),
            network: self.network.clone(),
            endpoints: self.endpoints.clone(),
            faults: faults::points(plan, faults)?,
            afflictions: Vec::new(),
            step_says: self.step_says.clone(),
            step_takes: self.step_takes.clone(),
            paces: self.paces.clone(),
            commands: self.commands.clone(),
        })
    }
}

/// The settings of the world that a plan is rehearsed in, once.
///
/// # Errors
/// Says what does not fit: settings that can't be read, or a fault on something that the plan does not have.
pub fn setup(plan: &Plan, seed: Seed, clock: Clock, faults: &Faults) -> Result<SimulationSetup, String> {
    Twin::of(plan)?.setup(plan, seed, clock, faults)
}

/// Whatever probes connect to.
fn endpoints(plan: &Plan) -> Result<Vec<Endpoint>, String> {
    let mut all: Vec<Endpoint> = Vec::new();
    let mut add = |probe: &Probe, kind: EndpointKind, needs: &[ResourceId]| -> Result<(), String> {
        for leaf in probe.leaves() {
            let endpoint = endpoint(plan, leaf, kind, needs)?;
            let same = |one: &&mut Endpoint| {
                (&one.host, one.port, &one.path) == (&endpoint.host, endpoint.port, &endpoint.path)
            };
            // Two may ask at one place: the first one says what it needs, and both are answered.
            match all.iter_mut().find(same) {
                Some(one) => one.says = one.says.clone().and(endpoint.says),
                None => all.push(endpoint),
            }
        }
        Ok(())
    };
    for service in &plan.services {
        let kind = match service.access {
            ServiceAccess::Write => EndpointKind::Serve,
            ServiceAccess::Read => EndpointKind::Standby,
        };
        add(&service.probe.probe, kind, &service.depends_on)?;
        if let Some(standby) = &service.standby {
            add(standby, EndpointKind::Standby, &service.depends_on)?;
        }
    }
    for ProbePlan { probe, .. } in plan.probes().skip(plan.services.len()) {
        add(probe, EndpointKind::Serve, &[])?;
    }
    Ok(all)
}

fn endpoint(plan: &Plan, probe: &Probe, kind: EndpointKind, needs: &[ResourceId]) -> Result<Endpoint, String> {
    let Address { host, port, path } = Address::of(probe)?;
    let stands_in = plan.regions.iter().find(|(_, info)| info.gateway.as_deref() == Some(host.as_str()));
    // Name servers answer whatever is up or down.
    let needs = if matches!(probe, Probe::Dns(_)) { &[][..] } else { needs };
    Ok(Endpoint {
        host: host.into(),
        port,
        path,
        kind,
        depends_on: needs.to_vec(),
        region: stands_in.map(|(role, _)| *role),
        says: Said::of(probe),
    })
}

/// How long steps take that no resource's settings speak of.
fn step_takes(plan: &Plan) -> BTreeMap<StepId, Distribution> {
    let said = plan.steps.iter().filter_map(|step| step.takes.map(|takes| (step.id.clone(), takes)));
    said.collect()
}

/// What the programs and requests of steps answer when all is well.
fn step_says(plan: &Plan) -> BTreeMap<StepId, Said> {
    let said = plan.steps.iter().filter_map(|step| {
        let said = match &step.act {
            Act::Http(http) => Said::of_http(&http.expect),
            Act::Command(command) => Said::of_program(&command.expect),
            _ => return None,
        };
        Some((step.id.clone(), said))
    });
    said.collect()
}

/// Which steps are quicker than by themselves, in a rehearsal that asks what if.
fn paces(plan: &Plan) -> BTreeMap<StepId, Pace> {
    let changed = plan.steps.iter().filter_map(|step| Some((step.id.clone(), Pace(step.pace?))));
    changed.collect()
}

fn commands(plan: &Plan) -> Vec<ObservedCommand> {
    let observed = plan.steps.iter().filter_map(|step| match &step.act {
        Act::Command(command) if !command.observe.is_empty() => Some(ObservedCommand {
            step: step.id.clone(),
            observe: command.observe.clone(),
            act: command.argv.clone(),
            undo: (!command.undo.is_empty()).then(|| command.undo.clone()),
        }),
        _ => None,
    });
    observed.collect()
}
