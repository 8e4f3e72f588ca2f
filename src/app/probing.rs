//! Tries a probe by hand: asks as a run would, now, and tells all that was seen. It takes no lease and changes nothing.

use std::sync::Arc;

use super::{AppError, real, simulation};
use crate::catalogue::Probe;
use crate::chance::Seed;
use crate::engine;
use crate::id::{ProbeId, RegionRole, RunId};
use crate::infrastructure::simulate::Faults;
use crate::model::{Plan, Service};
use crate::probe::{Look, NoAddress, PreparedProbe, Regions, Senses, address_in, look};
use crate::provider::network::Masked;
use crate::provider::process::MaskedProcesses;
use crate::provider::simulated::Simulation;
use crate::resource::{Actor, Context, Resources};
use crate::time::{Clock, Span, run_real, run_virtual};

/// The most times that one is tried.
pub const TRIES_MAX: u32 = 10_000;

/// Which probe is tried, and how often.
#[derive(Clone, Debug)]
pub struct Trying {
    /// A service, `witness`, or a guardrail, by its name or its probe's.
    pub name: String,
    /// In this region, whatever its name says: for a service, the standby is asked if it has one.
    pub standby: Option<RegionRole>,
    /// So often.
    pub count: u32,
    /// From one to the next; unstated: as often as in a run.
    pub every: Option<Span>,
}

/// What a playbook has by that name.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its name in reports.
    pub id: ProbeId,
    /// What is asked.
    pub probe: Probe,
    /// From one sample to the next.
    pub every: Span,
    /// After this long a sample has failed.
    pub timeout: Span,
    /// The service, if it is one's.
    pub service: Option<Service>,
}

/// What `trying` means in `plan`.
///
/// # Errors
/// [`AppError::Usage`] lists what there is.
pub fn find(plan: &Plan, trying: &Trying) -> Result<Found, AppError> {
    let guarded = |name: &str| {
        let mut all = plan.guardrails.iter().filter_map(|guardrail| match &guardrail.watch {
            crate::model::Watch::Probe(probe) => Some((&guardrail.name, probe)),
            _ => None,
        });
        all.find(|(of, probe)| *of == name || probe.id.as_str() == name).map(|(_, probe)| probe)
    };
    let name = trying.name.as_str();
    let service = plan.services.iter().find(|service| service.id.as_str() == name);
    let witness = plan.witness.as_ref().filter(|_| name == "witness");
    let Some(it) = service.map(|service| &service.probe).or(witness).or_else(|| guarded(name)) else {
        let known: Vec<&str> = plan.probes().map(|it| it.id.as_str()).collect();
        let known =
            if known.is_empty() { "it has no probes".to_owned() } else { format!("there are {}", known.join(", ")) };
        return Err(AppError::Usage(format!(
            "the playbook has no service, witness or guardrail with a probe `{name}`: {known}"
        )));
    };
    if trying.standby.is_some() && service.is_none() {
        return Err(AppError::Usage(format!("`{name}` is no service: only a service stands by somewhere")));
    }
    let standby = service.filter(|_| trying.standby.is_some()).and_then(|service| service.standby.as_ref());
    Ok(Found {
        id: it.id.clone(),
        probe: standby.unwrap_or(&it.probe).clone(),
        every: it.every,
        timeout: it.timeout,
        service: service.cloned(),
    })
}

/// What was seen, and from where.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The vantage point.
    pub vantage: String,
    /// Each look.
    pub looks: Vec<Look>,
}

/// Tries it; `each` is told of every look when it is there.
///
/// # Errors
/// [`AppError::Refused`] for resources that this build can't reach, [`AppError::Usage`] where the address of a standby is
/// not known or a twin does not fit.
pub fn try_probe(
    plan: &Plan,
    trying: &Trying,
    found: &Found,
    each: &mut (dyn FnMut(&Look) + Send),
) -> Result<Seen, AppError> {
    let start = crate::time::wall_now();
    let run = RunId::make(start, &plan.name).map_err(|error| AppError::Usage(error.to_string()))?;
    if plan.simulated() {
        let seen = run_virtual(start, |clock| async move {
            let setup = simulation::setup(plan, Seed(1), clock.clone(), &Faults::default()).map_err(AppError::Usage)?;
            let simulation = Simulation::new(setup).map_err(|error| AppError::Usage(error.to_string()))?;
            asked(&simulation.resources(), trying, found, &run, &clock, each).await
        });
        return seen.map_err(|stuck| AppError::Defect(stuck.to_string()))?;
    }
    let seen = run_real(|clock| async move {
        let redactor = real::redactor(plan);
        let mut resources = real::resources(plan, &clock, None, &redactor)?;
        resources.network = Arc::new(Masked::new(resources.network, redactor.clone()));
        resources.processes = Arc::new(MaskedProcesses::new(resources.processes, redactor));
        asked(&resources, trying, found, &run, &clock, each).await
    });
    seen.map_err(|error| AppError::Defect(error.to_string()))?
}

async fn asked(
    resources: &Resources,
    trying: &Trying,
    found: &Found,
    run: &RunId,
    clock: &Clock,
    each: &mut (dyn FnMut(&Look) + Send),
) -> Result<Seen, AppError> {
    let cx = Context { actor: Actor::Probe(found.id.clone()), ..engine::muster_context(run, clock, 0) };
    let regions = Arc::new(Regions::survey(resources, &cx).await);
    let mut prepared = PreparedProbe::of(found.id.clone(), &found.probe, found.timeout, regions);
    if let (Some(region), Some(service)) = (trying.standby, &found.service) {
        let address = address_in(resources, &cx, service, &found.probe, region).await;
        prepared = prepared.at(address.map_err(|none| match none {
            NoAddress::Unseen(id, error) => AppError::Usage(format!("{id} could not be seen: {error}")),
            NoAddress::Unknown(why) => AppError::Usage(why),
        })?);
    }
    let every = trying.every.unwrap_or(found.every);
    let mut looks = Vec::new();
    let first = clock.now();
    for n in 0..trying.count.clamp(1, TRIES_MAX) {
        clock.sleep_until(first + every * u64::from(n)).await;
        let seen = look(&prepared, Senses::from(resources), &cx).await;
        each(&seen);
        looks.push(seen);
    }
    Ok(Seen { vantage: resources.network.vantage(), looks })
}
