//! Puts a record together out of all that a builder took in.

use std::sync::Arc;

use super::builder::Builder;
use super::{
    Ended, GuardrailRecord, Happening, HappeningKind, Header, Heads, LegRecord, LegVerdict, Limit, Record, RegionName,
    ServiceRecord, Simulated, StepState, changes, foreseen, legs, limits, steps, users, verdict,
};
use crate::model::{Environment, Place, VariableSource, Verdict, Watch};
use crate::time::Moment;

pub(super) fn record(builder: &Builder, heads: Heads) -> Record {
    let plan = builder.plan();
    let steps = steps::steps(builder);
    let phases = steps::phases(builder);
    let witness = users::witness(builder);
    let blind = witness.as_ref().map(|witness| witness.blind.clone()).unwrap_or_default();
    let planned = legs::planned(plan);
    let seen = users::services(builder, &blind, &planned);
    let canaries = users::canaries(builder, &planned);
    let legs: Vec<LegRecord> =
        planned.iter().map(|leg| legs::leg(builder, *leg, &seen, &canaries, &phases, &steps)).collect();
    let services: Vec<ServiceRecord> = seen.into_iter().map(|seen| seen.record).collect();
    let after = builder.finish.as_ref().map(|finish| finish.seen.clone());
    let mut record = Record {
        header: header(builder, heads),
        ended: Ended {
            verdict: Verdict::Incomplete,
            world: Place::Unknown,
            exit: None,
            reasons: Vec::new(),
            aborted: builder.aborted.clone(),
        },
        left: builder.finish.as_ref().map(|finish| finish.left.clone()).unwrap_or_default(),
        legs,
        phases,
        steps,
        timeline: timeline(builder, &services),
        services,
        witness,
        canaries,
        dns: users::dns(builder),
        guardrails: guardrails(builder),
        gaps: builder.gaps.clone(),
        warnings: Vec::new(),
        changes: after.as_ref().map(|after| changes::between(&builder.before, after)).unwrap_or_default(),
        before: builder.before.clone(),
        unseen: builder.unseen.clone(),
        after,
        limits: Vec::<Limit>::new(),
        previous: builder.started.previous.clone(),
        proof: builder.started.proof.clone(),
        forecast: None,
        open_actions: builder.started.open_actions.clone(),
        review: builder.review.clone(),
    };
    record.forecast = builder.started.forecast.as_ref().map(|foreseen| foreseen::held_against(foreseen, &record));
    record.limits = limits::limits(builder, &record);
    record.warnings = limits::warnings(builder, &record);
    if let Some(finish) = &builder.finish {
        record.ended.verdict = finish.verdict;
        record.ended.world = finish.world;
        record.ended.exit = Some(finish.exit);
    }
    record.ended.reasons = verdict::reasons(&record);
    for leg in &mut record.legs {
        // What was going on when the run ended will not go on.
        if record.ended.exit.is_some() && leg.verdict == LegVerdict::Incomplete {
            leg.verdict = LegVerdict::Failed;
        }
    }
    record
}

fn header(builder: &Builder, heads: Heads) -> Header {
    let plan = builder.plan();
    let started = &builder.started;
    Header {
        run: builder.run.clone(),
        format: started.format,
        playbook: plan.name.clone(),
        title: plan.title.clone(),
        owner: plan.owner.clone(),
        scenario: plan.scenario.clone(),
        mode: plan.mode,
        environment: plan.environment,
        simulated: simulated(builder),
        digest: plan.digest.clone(),
        objectives: plan.objectives,
        data_loss: plan.data_loss.clone(),
        about: plan.about.clone(),
        controls: plan.controls.clone(),
        control_texts: plan.control_texts.clone(),
        silenced: plan.silenced.clone(),
        regions: plan
            .regions
            .iter()
            .map(|(role, region)| RegionName { role: *role, name: region.name.clone() })
            .collect(),
        variables: plan.variables.clone(),
        overridden: plan
            .variables
            .iter()
            .filter(|variable| variable.source != VariableSource::Playbook)
            .cloned()
            .collect(),
        seed: started.seed,
        origin: started.origin.clone(),
        schedule: plan.schedule.clone(),
        documents: Arc::clone(&started.documents),
        calibration: plan.calibration.clone(),
        started_at: builder.started_at,
        finished_at: builder.finish.as_ref().map(|finish| finish.at),
        until: builder.until,
        took: builder.until.since(Moment::ZERO),
        events: builder.events,
        heads,
    }
}

fn simulated(builder: &Builder) -> Simulated {
    let plan = builder.plan();
    if plan.twin || plan.environment == Environment::Simulated {
        return Simulated::Wholly;
    }
    let resources = plan.resources.iter().filter(|(_, it)| it.provider == "simulated").map(|(id, _)| id.to_string());
    let regions = plan.regions.values().filter(|it| it.provider == "simulated").map(|it| it.name.clone());
    let parts: Vec<String> = resources.chain(regions).collect();
    if parts.is_empty() { Simulated::No } else { Simulated::Partly(parts) }
}

fn guardrails(builder: &Builder) -> Vec<GuardrailRecord> {
    let mut broken = builder.broken.clone();
    let mut all: Vec<GuardrailRecord> = Vec::new();
    for guardrail in &builder.plan().guardrails {
        all.push(GuardrailRecord {
            name: guardrail.name.clone(),
            watches: match &guardrail.watch {
                Watch::Probe(probe) => probe.probe.to_string(),
                Watch::OutageOf(services) => format!("outage of {services}"),
                Watch::Check(look) => format!("{}, looked at every {}", look.check.0.describe(), look.every),
            },
            broken_after: Some(guardrail.broken_after),
            broken: broken.remove(&guardrail.name).unwrap_or_default(),
            looks: builder.looks.get(&guardrail.name).cloned().unwrap_or_default(),
        });
    }
    let built_in = |(name, broken)| {
        let (watches, looks) = (String::new(), Vec::new());
        GuardrailRecord { name, watches, broken_after: None, broken, looks }
    };
    all.extend(broken.into_iter().map(built_in));
    all
}

fn timeline(builder: &Builder, services: &[ServiceRecord]) -> Vec<Happening> {
    let mut timeline = builder.timeline.clone();
    for service in services {
        for outage in service.outages.iter().map(|it| &it.outage) {
            timeline.push(Happening {
                at: outage.start(),
                kind: HappeningKind::Lost,
                text: format!("{} lost: {}", service.title, outage.saw),
            });
            if let Some(recovery) = outage.recovery {
                let text = format!("{} back after {}", service.title, outage.length());
                timeline.push(Happening { at: recovery.answered, kind: HappeningKind::Recovered, text });
            }
        }
    }
    // Stable: what happened at one instant stays in the journal's order.
    timeline.sort_by_key(|happening| happening.at);
    timeline
}

impl StepState {
    /// Whether a run in this mode has it.
    #[must_use]
    pub fn applies(self) -> bool {
        self != Self::NotInThisMode
    }
}
