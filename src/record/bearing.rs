//! What the good end of a step counts towards, told from what the step does: the plan's typed actions are known when a
//! record is made, and a report need not guess them from words.

use super::steps::acts;
use crate::catalogue::{Access, Act, Condition, Part, Services};
use crate::id::RegionRole;
use crate::model::{Leg, PhaseKind, Plan, Showing};

/// What it counts towards, if it ends well; sorted.
pub(super) fn bears_on(plan: &Plan, index: usize) -> Vec<Showing> {
    let step = &plan.steps[index];
    let phase = plan.phase_of(index);
    let describe = step.act.describe();
    let mut found = Vec::new();
    let within = !matches!(phase.kind, PhaseKind::Prechecks | PhaseKind::Cleanup);
    let changes = describe.subjects().iter().any(|subject| subject.access == Access::Changes);
    let does =
        changes || matches!(step.act, Act::Command(_) | Act::Http(_) | Act::BackupRestore(_) | Act::DataPreserve(_));
    if within && does {
        found.push(Showing::Exercised);
    }
    if acts(&step.act) {
        found.push(Showing::Automated);
    }
    if phase.kind == PhaseKind::Disaster && does {
        found.push(Showing::SuddenLoss);
    }
    match (describe.part(), phase.leg) {
        (Part::Promotion(RegionRole::Secondary) | Part::Switch(RegionRole::Secondary), Some(Leg::Failover)) => {
            found.push(Showing::SwitchedOver);
        }
        (Part::Promotion(RegionRole::Primary) | Part::Switch(RegionRole::Primary), Some(Leg::Return)) => {
            found.push(Showing::Returned);
        }
        _ => {}
    }
    match &step.act {
        Act::DatabaseFence(_) | Act::StorageFence(_) => found.push(Showing::OneWriter),
        Act::StorageVerify(_) => found.push(Showing::CopiesCompared),
        Act::BackupVerify(_) => found.push(Showing::BackupsLooked),
        Act::BackupRestore(_) => found.push(Showing::BackupRestored),
        Act::Approve(_) | Act::Manual(_) => found.push(Showing::PeopleDecided),
        Act::Notify(_) => found.push(Showing::PeopleTold),
        // Scaling back on the way home says nothing of what the secondary region can give.
        Act::ComputeScale(scale) if scale.region == RegionRole::Secondary && phase.leg == Some(Leg::Failover) => {
            found.push(Showing::CapacityElsewhere);
        }
        Act::ComputeStart(start) if start.region == RegionRole::Secondary && phase.leg == Some(Leg::Failover) => {
            found.push(Showing::CapacityElsewhere);
        }
        Act::Check(check) => looks(plan, &check.0, phase.kind, &mut found),
        Act::Wait(wait) => looks(plan, &wait.0, phase.kind, &mut found),
        _ => {}
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// What a condition that was seen to hold counts towards.
fn looks(plan: &Plan, condition: &Condition, phase: PhaseKind, found: &mut Vec<Showing>) {
    match condition {
        Condition::Served { services, by: Some(RegionRole::Secondary), .. } if is_every(plan, services) => {
            found.push(Showing::ServedElsewhere);
            if phase == PhaseKind::Soak {
                found.push(Showing::StayedElsewhere);
            }
        }
        Condition::Capacity { region: RegionRole::Secondary, .. } => found.push(Showing::CapacityElsewhere),
        Condition::Down { .. } if phase == PhaseKind::Detect => found.push(Showing::Detected),
        _ => {}
    }
}

/// Whether these are all services of the plan, of which there is one.
fn is_every(plan: &Plan, services: &Services) -> bool {
    match services {
        Services::All => !plan.services.is_empty(),
        Services::These(named) => {
            !plan.services.is_empty() && plan.services.iter().all(|service| named.contains(&service.id))
        }
    }
}
