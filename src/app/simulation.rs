//! The simulated twin of a plan: every resource, service and step of it as settings of a simulated world.

pub(super) mod faults;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::catalogue::{Act, HttpExpect, Probe, split_url};
use crate::chance::{Distribution, Seed};
use crate::id::{RegionRole, ResourceId, StepId};
use crate::infrastructure::simulate::{Faults, PerRegion, SimulatedNetwork, SimulatedRegion, SimulatedResource};
use crate::infrastructure::twin;
use crate::model::{Plan, ProbePlan, Watch};
use crate::provider::simulated::{Endpoint, EndpointKind, ObservedCommand, Pace, Said, SimulationSetup};
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
    let mut add = |endpoint: Endpoint| {
        let same = |one: &Endpoint| (&one.host, one.port, &one.path) == (&endpoint.host, endpoint.port, &endpoint.path);
        // Two services may share an address; the first one says what it needs.
        if !all.iter().any(same) {
            all.push(endpoint);
        }
    };
    for service in &plan.services {
        add(endpoint(plan, &service.probe.probe, EndpointKind::Serve, &service.depends_on)?);
        if let Some(standby) = &service.standby {
            add(endpoint(plan, standby, EndpointKind::Standby, &service.depends_on)?);
        }
    }
    let watched = plan.guardrails.iter().filter_map(|guardrail| match &guardrail.watch {
        Watch::Probe(probe) => Some(probe),
        Watch::OutageOf(_) | Watch::Check(_) => None,
    });
    for ProbePlan { probe, .. } in plan.witness.iter().chain(watched) {
        add(endpoint(plan, probe, EndpointKind::Serve, &[])?);
    }
    Ok(all)
}

fn endpoint(plan: &Plan, probe: &Probe, kind: EndpointKind, needs: &[ResourceId]) -> Result<Endpoint, String> {
    let (host, port, path) = match probe {
        Probe::Http(http) => {
            let (host, port, path) = split_url(&http.url)?;
            // What is asked for is the same whatever is asked of it.
            let path = path.find(['?', '#']).map_or(path, |at| &path[..at]);
            (host, port, Some(path.to_owned()))
        }
        Probe::Tcp(tcp) => (tcp.host.as_str(), tcp.port, None),
    };
    let stands_in = plan.regions.iter().find(|(_, info)| info.gateway.as_deref() == Some(host));
    Ok(Endpoint {
        host: Arc::from(host),
        port,
        path,
        kind,
        depends_on: needs.to_vec(),
        region: stands_in.map(|(role, _)| *role),
        says: match probe {
            Probe::Http(http) => as_expected(&http.expect),
            Probe::Tcp(_) => Said::ok(),
        },
    })
}

/// How long steps take that no resource's settings speak of.
fn step_takes(plan: &Plan) -> BTreeMap<StepId, Distribution> {
    let said = plan.steps.iter().filter_map(|step| step.takes.map(|takes| (step.id.clone(), takes)));
    said.collect()
}

/// The answer that is just as expected.
fn as_expected(expect: &HttpExpect) -> Said {
    let status = expect.status.0.first().map_or(200, |(low, _)| *low);
    let headers = expect.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect();
    let body = match &expect.body_contains {
        Some(texts) => texts.0.join("\n"),
        None => "ok".to_owned(),
    };
    Said::Http { status, headers, body }
}

/// What the programs and requests of steps answer when all is well.
fn step_says(plan: &Plan) -> BTreeMap<StepId, Said> {
    let said = plan.steps.iter().filter_map(|step| {
        let said = match &step.act {
            Act::Http(http) => as_expected(&http.expect),
            Act::Command(command) => Said::Program {
                code: command.expect.exit.as_ref().and_then(|codes| codes.0.first().copied()).unwrap_or(0),
                stdout: command.expect.stdout_contains.clone().unwrap_or_default(),
            },
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
