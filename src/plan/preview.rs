//! What a plan would do to the world as it is: each step's changes, when it is done, and what users would notice.
//!
//! Stateful: step N sees the world as the steps before it will leave it. The effects are the catalogue's own, the same
//! that the engine checks after each step.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::schedule::{Schedule, schedule};
use crate::catalogue::sides::{never_replaced, sides_in};
use crate::catalogue::{Access, Achieved, Act, Condition, Mode, OnFailure, Part, Setting, Undo};
use crate::id::{PhaseId, RegionRole, ResourceId, StepId};
use crate::model::{Calibrated, Environment, Leg, Phase, PhaseKind, Plan, Service, SilencedWarning, Step};
use crate::resource::{ReplicaRole, ResourceState, Seen, World};
use crate::time::Span;

/// A change of one resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Which.
    pub resource: ResourceId,
    /// As it will be before the step.
    pub now: String,
    /// As the step will leave it.
    pub then: String,
}

/// Whether a precheck holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// It does.
    Holds,
    /// It does not; why.
    Fails(String),
    /// It can't be told from what was seen; why.
    Unknown(String),
    /// Nobody has looked; why not.
    NotJudged(String),
}

/// What one step would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StepPreview {
    /// Its id.
    pub id: StepId,
    /// For people.
    pub title: String,
    /// The action's key.
    pub action: &'static str,
    /// What it does, in one line.
    pub summary: String,
    /// The steps that it waits for.
    pub needs: Vec<StepId>,
    /// When it is expected to begin, from the run's start, in nanoseconds.
    pub start: Span,
    /// When it is expected to end.
    pub end: Span,
    /// Whether a delay of it delays its phase.
    pub critical: bool,
    /// What it changes.
    pub changes: Vec<Change>,
    /// How it is taken back.
    pub undo: Undo,
    /// What its failure means.
    pub on_failure: OnFailure,
    /// Whether a person must decide or act.
    pub gate: bool,
    /// Whether nothing of its leg is reversed after it.
    pub point_of_no_return: bool,
    /// Of prechecks that look at something, and not at people.
    pub judgement: Option<Judgement>,
    /// Why it would fail in the world as the steps before it would leave it, where that can be foreseen.
    pub problem: Option<String>,
}

/// A phase that is carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PhasePreview {
    /// Its name.
    pub id: PhaseId,
    /// For people.
    pub title: String,
    /// What it is for.
    pub kind: PhaseKind,
    /// Its leg.
    pub leg: Option<Leg>,
    /// When it is expected to begin.
    pub start: Span,
    /// When it is expected to end.
    pub end: Span,
    /// Its steps, in the order in which they are expected to begin.
    pub steps: Vec<StepPreview>,
}

/// What users would notice of a leg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LegPreview {
    /// Which.
    pub leg: Leg,
    /// How long they are expected to be out: from the step that takes the service away, to the end of the switch, a
    /// full TTL and the samples that end an outage.
    pub expected: Span,
    /// The objective.
    pub objective: Option<Span>,
}

impl LegPreview {
    /// Whether the objective is expected to be met; `None` without one.
    #[must_use]
    pub fn met(&self) -> Option<bool> {
        self.objective.map(|objective| self.expected <= objective)
    }
}

/// What a plan would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Preview {
    /// The playbook's name.
    pub name: String,
    /// For people.
    pub title: String,
    /// The mode.
    pub mode: Mode,
    /// The environment.
    pub environment: Environment,
    /// Whether everything is simulated.
    pub simulated: bool,
    /// The plan's digest, for `run --approved`.
    pub digest: String,
    /// How long the drill is expected to take.
    pub total: Span,
    /// The phases that are carried out.
    pub phases: Vec<PhasePreview>,
    /// The phases and steps that are left out in this mode.
    pub left_out: Vec<String>,
    /// What users would notice.
    pub legs: Vec<LegPreview>,
    /// Whether every precheck that was judged holds.
    pub prechecks_hold: bool,
    /// By which calibration what is expected was set.
    pub calibration: Option<Calibrated>,
    /// Warnings that the documents silence, each with the reason.
    pub silenced: Vec<SilencedWarning>,
    /// The prechecks that were not judged: nothing is said of them.
    pub not_judged: Vec<StepId>,
    /// The steps that would fail as things are.
    pub would_fail: Vec<StepId>,
}

/// What was found by looking at what prechecks are about, where resources' states do not tell: by their steps.
pub type Looks = BTreeMap<StepId, Judgement>;

/// Walks a plan over the world as it was observed. `looks`: what was found out of prechecks beside.
#[must_use]
pub fn preview(plan: &Plan, observed: &World, looks: &Looks) -> Preview {
    let schedule = schedule(plan);
    let setting = Setting { mode: plan.mode, initial: observed, discard: plan.discard };
    let mut world = observed.clone();
    let mut phases = Vec::new();
    let mut passed: Vec<Leg> = Vec::new();
    let mut settled = Settled::new();
    for (number, phase) in plan.phases.iter().enumerate().filter(|(_, phase)| phase.applies) {
        let mut steps = Vec::with_capacity(phase.count);
        for step in schedule.order(plan, number) {
            let planned = &plan.steps[step];
            let judgement = (phase.kind == PhaseKind::Prechecks)
                .then(|| looks.get(&planned.id).cloned().or_else(|| judge(&planned.act, observed)))
                .flatten();
            let unkept = unkept(planned, &world, &setting, &mut settled);
            let (changes, problem) = apply(planned, &mut world, &setting);
            let foreseen = (changes, problem.or(unkept));
            let is_promotion = matches!(planned.act.describe().part(), Part::Promotion(_));
            let point_of_no_return = is_promotion && phase.leg.is_some_and(|leg| !passed.contains(&leg));
            if point_of_no_return {
                passed.extend(phase.leg);
            }
            steps.push(step_preview(plan, step, &schedule, foreseen, point_of_no_return, judgement));
        }
        phases.push(phase_preview(phase, number, &schedule, steps));
    }
    let ids = |of: &dyn Fn(&StepPreview) -> bool| {
        phases.iter().flat_map(|phase| &phase.steps).filter(|step| of(step)).map(|step| step.id.clone()).collect()
    };
    let failing: Vec<StepId> = ids(&|step| matches!(step.judgement, Some(Judgement::Fails(_))));
    let unjudged = |step: &StepPreview| matches!(step.judgement, Some(Judgement::Unknown(_) | Judgement::NotJudged(_)));
    Preview {
        name: plan.name.clone(),
        title: plan.title.clone(),
        mode: plan.mode,
        environment: plan.environment,
        simulated: plan.simulated(),
        digest: plan.digest.clone(),
        total: schedule.total(),
        calibration: plan.calibration.clone(),
        silenced: plan.silenced.clone(),
        prechecks_hold: failing.is_empty(),
        not_judged: ids(&unjudged),
        would_fail: ids(&|step| step.problem.is_some()),
        phases,
        left_out: left_out(plan),
        legs: [Leg::Failover, Leg::Return]
            .into_iter()
            .filter_map(|leg| expected(plan, leg, observed, &schedule))
            .collect(),
    }
}

fn phase_preview(phase: &Phase, number: usize, schedule: &Schedule, steps: Vec<StepPreview>) -> PhasePreview {
    let (start, end) = schedule.phases[number];
    PhasePreview {
        id: phase.id.clone(),
        title: phase.title.clone(),
        kind: phase.kind,
        leg: phase.leg,
        start,
        end,
        steps,
    }
}

fn step_preview(
    plan: &Plan,
    number: usize,
    schedule: &Schedule,
    (changes, problem): (Vec<Change>, Option<String>),
    point_of_no_return: bool,
    judgement: Option<Judgement>,
) -> StepPreview {
    let step = &plan.steps[number];
    let describe = step.act.describe();
    let (start, end) = schedule.steps[number];
    StepPreview {
        id: step.id.clone(),
        title: step.title.clone(),
        action: step.act.key(),
        summary: describe.summary(),
        needs: step.needs.iter().map(|need| plan.steps[*need].id.clone()).collect(),
        start,
        end,
        critical: schedule.critical[number],
        changes,
        undo: describe.undo(),
        on_failure: step.on_failure,
        gate: describe.part() == Part::Gate,
        point_of_no_return,
        judgement,
        problem,
    }
}

/// The sides of which it is known by then what they have of their own: it was kept, or the plan's own promotions away were
/// checked for it.
type Settled = BTreeSet<(ResourceId, RegionRole)>;

/// Why a replication would be refused for what its target may have of its own.
fn unkept(step: &Step, world: &World, setting: &Setting<'_>, settled: &mut Settled) -> Option<String> {
    let (of, to) = match &step.act {
        Act::DataPreserve(it) => {
            settled.extend(it.of.0.iter().map(|of| (of.clone(), it.region)));
            return None;
        }
        Act::DatabasePromote(it) => {
            settled.insert((it.database.clone(), it.to.other()));
            return None;
        }
        Act::StoragePromote(it) => {
            settled.insert((it.storage.clone(), it.to.other()));
            return None;
        }
        Act::DatabaseReplicate(it) => (&it.database, it.to),
        Act::StorageReplicate(it) => (&it.storage, it.to),
        _ => return None,
    };
    let sides = sides_in(world, of)?;
    let followed = sides.get(&to)?.known()?.role == ReplicaRole::Replica || never_replaced(&sides, to);
    (!followed && !setting.discard && !settled.contains(&(of.clone(), to))).then(|| {
        format!(
            "what only {to} may have of {of} is not kept before: `data.preserve: {{ of: [{of}], in: {to} }}` does it"
        )
    })
}

/// Lets a step have its effect; tells what it changed, and why the step would fail.
fn apply(step: &Step, world: &mut World, setting: &Setting<'_>) -> (Vec<Change>, Option<String>) {
    let describe = step.act.describe();
    if !describe.subjects().iter().any(|subject| subject.access == Access::Changes) {
        return (Vec::new(), None);
    }
    // What is done already is not done again.
    if describe.observable() && describe.achieved(world, setting) == Achieved::Yes {
        return (Vec::new(), None);
    }
    let refused = describe.refusal(world, setting);
    let before = world.clone();
    describe.effect(world, setting);
    let problem = refused.or_else(|| match describe.achieved(world, setting) {
        Achieved::No(why) if describe.observable() && *world != before => Some(why),
        _ => None,
    });
    let changed = before.iter().filter_map(|(id, was)| {
        let is = world.get(id)?;
        let (now, then) = (was.to_string(), is.to_string());
        (was != is && now != then).then(|| Change { resource: id.clone(), now, then })
    });
    (changed.collect(), problem)
}

/// What is known of a precheck; `None` for what checks nothing: people, messages, changes.
fn judge(act: &Act, world: &World) -> Option<Judgement> {
    let judged = |achieved| match achieved {
        Achieved::Yes => Judgement::Holds,
        Achieved::No(why) => Judgement::Fails(why),
        Achieved::Unknown(why) => Judgement::Unknown(why),
    };
    let not = |why: &str| Some(Judgement::NotJudged(why.to_owned()));
    match act {
        Act::Check(check) => check.0.judge(world).map(judged).or_else(|| match &check.0 {
            Condition::Served { .. } | Condition::Down { .. } => not("services are probed only while a run goes on"),
            _ => not("nobody was asked"),
        }),
        Act::Wait(_) => not("a plan waits for nothing"),
        Act::StorageVerify(_) => not("the copies were not compared"),
        Act::BackupRestore(_) => not("a plan restores nothing"),
        Act::StorageRecover(_) => not("a plan recovers nothing"),
        // What can be taken back is done, not checked.
        Act::Command(command) if command.undo.is_empty() => not("a plan runs no program"),
        Act::Http(_) => not("a plan makes no request"),
        Act::BackupVerify(verify) => Some(match world.get(&verify.backup) {
            Some(ResourceState::Backup(state)) => match state.regions.get(&verify.region) {
                Some(Seen::Is(seen)) => {
                    let wrong = verify.judge(seen);
                    if wrong.is_empty() { Judgement::Holds } else { Judgement::Fails(wrong.join("; ")) }
                }
                Some(Seen::Unreachable(why)) => Judgement::Unknown(why.clone()),
                None => Judgement::Fails(format!("there are no snapshots in {}", verify.region)),
            },
            _ => Judgement::Unknown(format!("{} was not seen", verify.backup)),
        }),
        _ => None,
    }
}

fn left_out(plan: &Plan) -> Vec<String> {
    let mut out = Vec::new();
    for phase in &plan.phases {
        if !phase.applies {
            out.push(phase.id.to_string());
            continue;
        }
        let steps = &plan.steps[phase.first..phase.first + phase.count];
        out.extend(steps.iter().filter(|step| !step.applies).map(|step| format!("{}/{}", phase.id, step.id)));
    }
    out
}

/// Lets a step have its effect.
pub(super) fn advance(step: &Step, world: &mut World, setting: &Setting<'_>) {
    apply(step, world, setting);
}

/// From when to when users are expected to be out in a leg.
pub(super) struct LegOutage {
    /// The step that takes the service away.
    pub(super) first: usize,
    /// The step that gives it back.
    pub(super) last: usize,
    /// For how long: with a full TTL and the samples that end an outage.
    pub(super) expected: Span,
}

/// How long users are expected to be out in a leg; `None` if nothing in it takes the service away.
fn expected(plan: &Plan, leg: Leg, observed: &World, schedule: &Schedule) -> Option<LegPreview> {
    let outage = outage_of(plan, leg, observed, schedule, &|_| true, &plan.services)?;
    Some(LegPreview { leg, expected: outage.expected, objective: plan.objectives.rto_of(leg) })
}

/// How long users of `services` are expected to be out in a leg, by the acts that concern them; `None` if none takes
/// anything away.
pub(super) fn outage_of(
    plan: &Plan,
    leg: Leg,
    observed: &World,
    schedule: &Schedule,
    concerns: &dyn Fn(&Act) -> bool,
    services: &[Service],
) -> Option<LegOutage> {
    let in_leg = |number: &usize| plan.steps[*number].applies && plan.leg_of(*number) == Some(leg);
    let concerned = |number: &usize| concerns(&plan.steps[*number].act);
    let steps: Vec<usize> = (0..plan.steps.len()).filter(in_leg).filter(concerned).collect();
    let takes_away = |act: &Act| {
        matches!(act, Act::DatabaseFence(_) | Act::StorageFence(_))
            || matches!(act.describe().part(), Part::Disaster | Part::Promotion(_) | Part::Switch(_))
    };
    let gives_back = |act: &Act| matches!(act.describe().part(), Part::Promotion(_) | Part::Switch(_));
    let taking = steps.iter().copied().filter(|step| takes_away(&plan.steps[*step].act));
    let first = taking.min_by_key(|step| schedule.steps[*step].0)?;
    let giving = steps.iter().copied().filter(|step| gives_back(&plan.steps[*step].act));
    let last = giving.max_by_key(|step| schedule.steps[*step].1)?;
    let switched = steps.iter().flat_map(|step| match &plan.steps[*step].act {
        Act::DnsSwitch(switch) => switch.records.0.as_slice(),
        _ => &[],
    });
    let ttl = switched.filter_map(|record| match observed.get(record) {
        Some(ResourceState::Dns(state)) => Some(state.record.ttl),
        _ => None,
    });
    let recognised = services.iter().map(|it| it.probe.every * u64::from(it.probe.healthy_after));
    let out = schedule.steps[last].1 - schedule.steps[first].0;
    Some(LegOutage {
        first,
        last,
        expected: out + ttl.max().unwrap_or_default() + recognised.max().unwrap_or_default(),
    })
}
