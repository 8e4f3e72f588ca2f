//! Faults as they are written, on a plan: which calls each of them meets, and what leads to it.

use crate::catalogue::{Access, Act, Undo};
use crate::id::{RegionRole, ResourceId};
use crate::infrastructure::simulate::{Fault, FaultKind, Faults};
use crate::model::{Plan, Step};
use crate::provider::simulated::{FaultOn, FaultPoint, FaultTarget};
use crate::resource::region_resource;

/// What a fault is put on.
enum Target {
    Step(usize),
    Resource(ResourceId),
    Region(RegionRole),
}

/// Where each fault meets the run. What only leads to a fault comes after all faults, so that a step's own goes first.
///
/// # Errors
/// Says which fault does not fit the plan, and why.
pub(in crate::app) fn points(plan: &Plan, faults: &Faults) -> Result<Vec<FaultPoint>, String> {
    let (mut own, mut leading) = (Vec::new(), Vec::new());
    for (n, fault) in faults.iter().enumerate() {
        let target = target(plan, fault)?;
        let point = FaultPoint { of: Some(n), ..plain(plan, &target, fault.kind) };
        match fault.kind {
            FaultKind::FailsInUndo => {
                own.push(point);
                let after = undoable(plan, &target).and_then(|step| after(plan, step));
                leading.extend(after.map(|step| plain(plan, &Target::Step(step), FaultKind::Fails)));
            }
            FaultKind::LosesItsRegion => own.push(losing(plan, &target, point)?),
            _ => own.push(point),
        }
    }
    own.append(&mut leading);
    Ok(own)
}

/// A fault's target is a step before it is a resource.
fn target(plan: &Plan, fault: &Fault) -> Result<Target, String> {
    let name = fault.target.as_str();
    if let Some(step) = plan.steps.iter().position(|step| step.id.as_str() == name) {
        return Ok(Target::Step(step));
    }
    let named = |role: &RegionRole| role.as_str() == name || region_resource(*role).as_str() == name;
    if let Some(role) = RegionRole::ALL.into_iter().find(named) {
        return Ok(Target::Region(role));
    }
    plan.resources.keys().find(|id| id.as_str() == name).map(|id| Target::Resource(id.clone())).ok_or_else(|| {
        format!(
            "`{name}` is neither a step of the playbook nor a resource of the infrastructure file; \
             write --fault promote=hangs, for example"
        )
    })
}

fn plain(plan: &Plan, target: &Target, kind: FaultKind) -> FaultPoint {
    let (target, on) = match target {
        Target::Step(n) => {
            let step = &plan.steps[*n];
            let changes = step.act.describe().subjects().iter().any(|subject| subject.access == Access::Changes);
            // Steps that only look would never notice a fault of what they don't do.
            let on = if changes { FaultOn::Mutations } else { FaultOn::Everything };
            (FaultTarget::Step(step.id.clone()), on)
        }
        Target::Resource(id) => (FaultTarget::Resource(id.clone()), FaultOn::Mutations),
        Target::Region(role) => (FaultTarget::Resource(region_resource(*role)), FaultOn::Mutations),
    };
    FaultPoint { target, kind, on, region: None, of: None }
}

/// The fault by which a target's region is lost.
fn losing(plan: &Plan, target: &Target, point: FaultPoint) -> Result<FaultPoint, String> {
    let acts = |test: &dyn Fn(&Step) -> bool| applying(plan).find(|n| test(&plan.steps[*n]));
    match target {
        Target::Step(n) => match plan.steps[*n].act.region() {
            Some(region) => Ok(FaultPoint { region: Some(region), ..point }),
            None => Err(format!("`{}` acts in no region that could be lost", plan.steps[*n].id)),
        },
        // Where the resource serves, unless a step says where it is first acted on.
        Target::Resource(id) => {
            let first = acts(&|step| changes(step, id) && step.act.region().is_some());
            let region = first.and_then(|n| plan.steps[n].act.region()).unwrap_or(RegionRole::Primary);
            Ok(FaultPoint { region: Some(region), ..point })
        }
        // A region does nothing by itself: it is lost when a step first acts in it.
        Target::Region(role) => match acts(&|step| step.act.region() == Some(*role)) {
            Some(n) => {
                let on = plain(plan, &Target::Step(n), FaultKind::LosesItsRegion);
                Ok(FaultPoint { region: Some(*role), of: point.of, ..on })
            }
            None => Err(format!("no step acts in the {role} region, so there is no moment at which it could be lost")),
        },
    }
}

/// The steps of a run in the plan's mode.
fn applying(plan: &Plan) -> impl Iterator<Item = usize> + '_ {
    (0..plan.steps.len()).filter(|n| plan.steps[*n].applies && plan.phases[plan.steps[*n].phase].applies)
}

fn changes(step: &Step, id: &ResourceId) -> bool {
    let subjects = step.act.describe().subjects();
    subjects.iter().any(|subject| subject.access == Access::Changes && subject.resource == *id)
}

/// The step that is to be taken back: the target itself, or the first that changes it and can be taken back.
fn undoable(plan: &Plan, target: &Target) -> Option<usize> {
    let can = |n: &usize| matches!(plan.steps[*n].act.describe().undo(), Undo::Restores | Undo::Compensates(_));
    match target {
        Target::Step(n) => can(n).then_some(*n),
        Target::Resource(id) => applying(plan).filter(can).find(|n| changes(&plan.steps[*n], id)),
        Target::Region(role) => applying(plan).filter(can).find(|n| changes(&plan.steps[*n], &region_resource(*role))),
    }
}

/// What comes after a step: the first that needs it, else the first of the next phase that is carried out.
fn after(plan: &Plan, step: usize) -> Option<usize> {
    let phase = plan.steps[step].phase;
    // Who waits for something to break is content with what fails.
    let can_fail = || applying(plan).filter(|n| !matches!(plan.steps[*n].act, Act::Wait(_)));
    let needing = can_fail().find(|n| plan.steps[*n].phase == phase && plan.steps[*n].needs.contains(&step));
    needing.or_else(|| can_fail().find(|n| plan.steps[*n].phase > phase))
}
