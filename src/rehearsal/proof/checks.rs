//! What there is to be seen red in a plan.

use super::Sight;
use super::expectations::{self, Expected};
use crate::catalogue::{Act, Condition, Mode, Part, Promise, Services, StorageRecover};
use crate::id::{ProbeId, RegionRole, ResourceId, ServiceId, StepId};
use crate::infrastructure::simulate::{Answering, Recovering, Snapshotting};
use crate::model::{Leg, Plan, Service, Step, Watch};
use crate::time::Span;

/// A single condition of a playbook.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// What people know it by.
    pub name: String,
    /// What it is there to see.
    pub subject: Subject,
    /// Where a record tells of it.
    pub sight: Sight,
}

/// What a check is there to see.
#[derive(Clone, Debug, PartialEq)]
pub enum Subject {
    /// A step waits for a service that is down.
    Healthy(StepId, ServiceId),
    /// A step waits for a service that fails now and then.
    HealthyFor(StepId, ServiceId, Span),
    /// A step waits for a service that another region answers.
    ServedBy(StepId, ServiceId, RegionRole),
    /// A step waits for a service to be down that stays up.
    Down(StepId, ServiceId),
    /// An answer is otherwise than a standby's is expected to be.
    Standby(StepId, ServiceId, RegionRole, Expected),
    /// An answer is otherwise than a service's is expected to be.
    Answer(ServiceId, Expected),
    /// The answer to a step's own request is otherwise than expected.
    Request(StepId, Expected),
    /// A copy is further behind than a step allows.
    Behind(StepId, ResourceId, Span),
    /// A record's TTL is longer than a step allows.
    Ttl(StepId, ResourceId, Span),
    /// A region can't give as many servers as a step wants.
    Capacity(StepId, ResourceId, RegionRole, u32),
    /// A storage's copy is not as the original: so many missing, damaged, of their own.
    Copy(StepId, ResourceId, [u32; 3]),
    /// Snapshots are otherwise: the first is beyond what is allowed, the second just within, if there is a threshold.
    Snapshots(StepId, ResourceId, Snapshotting, Option<Snapshotting>),
    /// A deleted repository comes back otherwise: the first breaks the promise, the second just keeps it.
    Recovery(StepId, ResourceId, Recovering, Option<Recovering>),
    /// A step's program ends with another exit code.
    Exit(StepId, i32),
    /// A step's program does not print what it should.
    Output(StepId),
    /// A step's program says that it is done, and what observes it says that it is not.
    Observed(StepId),
    /// People say no.
    Gate(StepId),
    /// A step takes longer than its own objective.
    Within(StepId, Span),
    /// A guardrail's own probe fails, or its looks see what it does not allow; by the place of the guardrail.
    Guardrail(usize),
    /// Services are out for longer than a guardrail allows.
    Outage(Services, Span),
    /// Muster is the one that is cut off.
    CutOff,
    /// Both sides of a database or storage take writes.
    TwoWriters(ResourceId),
    /// Users are out for longer than an objective allows.
    Rto(Leg, Option<ServiceId>, Span),
    /// More is lost than an objective, or the playbook, allows.
    Loss(Leg, ResourceId, Span),
    /// Nothing in the twin could show it; why.
    Nothing(String),
}

/// `subject`, unless an answer that breaks what is expected would come too late to be one.
fn in_time(service: &Service, expected: &Expected, subject: Subject) -> Subject {
    let timeout = service.probe.timeout;
    match expected.breaks {
        Answering::After(long) if long >= timeout => Subject::Nothing(format!(
            "an answer is waited for no longer than {timeout}, its `timeout`: a later one is never judged"
        )),
        _ => subject,
    }
}

/// Every check of `plan` in its mode, in the order in which a reader of the playbook meets them.
#[must_use]
pub fn checks(plan: &Plan) -> Vec<Check> {
    let mut all = Vec::new();
    for service in &plan.services {
        for (name, expected) in expectations::of_probe(&service.probe.probe) {
            let sight = Sight::Samples(service.id.clone(), expected.says.clone());
            let name = format!("service {}: {name}", service.id);
            all.push(Check {
                name,
                subject: in_time(service, &expected, Subject::Answer(service.id.clone(), expected.clone())),
                sight,
            });
        }
    }
    guardrails(plan, &mut all);
    for step in &plan.steps {
        let phase = &plan.phases[step.phase];
        if step.applies && phase.applies {
            of_step(plan, step, &mut all);
        }
    }
    objectives(plan, &mut all);
    all
}

fn guardrails(plan: &Plan, all: &mut Vec<Check>) {
    for (n, guardrail) in plan.guardrails.iter().enumerate() {
        let subject = match &guardrail.watch {
            Watch::Probe(_) | Watch::Check(_) => Subject::Guardrail(n),
            Watch::OutageOf(services) => Subject::Outage(services.clone(), guardrail.broken_after),
        };
        let (name, sight) = (format!("guardrail {}", guardrail.name), Sight::Guardrail(guardrail.name.clone()));
        all.push(Check { name, subject, sight });
    }
    if let Some(limit) = plan.outage_limit.filter(|_| !plan.services.is_empty()) {
        let name = format!("guardrail outage limit, built in: {limit}");
        let sight = Sight::Guardrail("outage limit".to_owned());
        all.push(Check { name, subject: Subject::Outage(Services::All, limit), sight });
    }
    let probed = plan.guardrails.iter().any(|it| matches!(it.watch, Watch::Probe(_))) || !plan.services.is_empty();
    if plan.witness.is_some() && probed {
        let name = "guardrail witness, built in".to_owned();
        all.push(Check { name, subject: Subject::CutOff, sight: Sight::Guardrail("witness".to_owned()) });
    }
    for resource in promoted(plan) {
        let name = format!("guardrail two writers of {resource}, built in");
        let watched = plan.canaries.iter().any(|canary| canary.of == resource);
        let subject = if watched {
            Subject::TwoWriters(resource.clone())
        } else {
            Subject::Nothing(format!(
                "no canary writes to {resource}, so nothing would tell that two sides of it take writes"
            ))
        };
        all.push(Check { name, subject, sight: Sight::TwoWriters(resource) });
    }
}

/// What is promoted in a run, each once, in order.
fn promoted(plan: &Plan) -> Vec<ResourceId> {
    let mut all: Vec<ResourceId> = Vec::new();
    for step in plan.steps.iter().filter(|step| step.applies && plan.phases[step.phase].applies) {
        if matches!(step.act.describe().part(), Part::Promotion(_)) {
            let new = step.act.describe().subjects().into_iter().map(|subject| subject.resource);
            all.extend(new.filter(|id| !all.contains(id)).collect::<Vec<_>>());
        }
    }
    all
}

/// The services that a condition means.
fn meant<'a>(plan: &'a Plan, services: &Services) -> Vec<&'a Service> {
    let wanted = |id: &ServiceId| match services {
        Services::All => true,
        Services::These(ids) => ids.contains(id),
    };
    plan.services.iter().filter(|service| wanted(&service.id)).collect()
}

/// What says that a wait ended because its time was over, and not because the run left its course.
const GIVEN_UP: &str = "given up after";

fn of_step(plan: &Plan, step: &Step, all: &mut Vec<Check>) {
    let id = &step.id;
    let mut add = |what: String, says: &[&str], subject: Subject| {
        let says = says.iter().map(|text| (*text).to_owned()).collect();
        let sight = Sight::Step { step: id.clone(), says };
        all.push(Check { name: format!("step {id}: {what}"), subject, sight });
    };
    match &step.act {
        Act::Check(it) => condition(plan, id, &it.0, &[], &mut add),
        Act::Wait(it) => condition(plan, id, &it.0, &[GIVEN_UP], &mut add),
        Act::StorageVerify(it) => {
            let of = &it.storage;
            let most = it.behind_at_most.0;
            let says = "the oldest push that is missing is";
            add(format!("behind at most {most}"), &[says], Subject::Behind(id.clone(), of.clone(), most));
            let copy = |counts| Subject::Copy(id.clone(), of.clone(), counts);
            add("none missing".to_owned(), &["repositories are missing"], copy([1, 0, 0]));
            add("none damaged".to_owned(), &["are damaged"], copy([0, 1, 0]));
            add("nothing of its own".to_owned(), &["what the original never had"], copy([0, 0, 1]));
        }
        Act::StorageRecover(it) => recovery(id, it, &mut add),
        Act::BackupVerify(it) => {
            let of = |beyond, within| Subject::Snapshots(id.clone(), it.backup.clone(), beyond, within);
            let second = Span::from_secs(1);
            if let Some(most) = it.newest_at_most.map(|it| it.0) {
                // The look comes a little after what is looked at set in.
                let subject = of(Snapshotting::Newest(most + second), Some(Snapshotting::Newest(most - second * 10)));
                add(format!("newest at most {most}"), &["the newest snapshot is"], subject);
            }
            if let Some(least) = it.kept_at_least.map(|it| it.0) {
                let subject = of(Snapshotting::Oldest(least - second), Some(Snapshotting::Oldest(least + second)));
                add(format!("kept at least {least}"), &["the oldest snapshot is"], subject);
            }
            if it.encrypted == Some(true) {
                add("encrypted".to_owned(), &["are not encrypted"], of(Snapshotting::Plain(1), None));
            }
            if let Some(most) = it.gaps_at_most.map(|it| it.0) {
                let subject = of(Snapshotting::Gap(most + second), Some(Snapshotting::Gap(most)));
                add(format!("gaps at most {most}"), &["without a snapshot"], subject);
            }
        }
        Act::BackupRestore(it) => {
            let of = |beyond, within| Subject::Snapshots(id.clone(), it.backup.clone(), beyond, within);
            add("none damaged".to_owned(), &["are damaged"], of(Snapshotting::Damaged(1), None));
            let asked = match it.to.0 {
                crate::resource::RestorePoint::Latest => Span::ZERO,
                crate::resource::RestorePoint::Ago(ago) => ago,
            };
            let most = it.within.0;
            let beyond = Snapshotting::Restores(asked + most + Span::from_secs(1));
            let subject = of(beyond, Some(Snapshotting::Restores(asked + most)));
            add(format!("newest write within {most}"), &["the newest write that came back is"], subject);
        }
        Act::Command(it) => {
            let wanted = it.expect.exit.as_ref().map_or(&[0][..], |codes| &codes.0[..]);
            if let Some(other) = (1..=255).find(|code| !wanted.contains(code)) {
                let exit = format!("exit code {}", crate::catalogue::Named(wanted));
                add(exit, &["ended with exit code"], Subject::Exit(id.clone(), other));
            }
            if let Some(text) = &it.expect.stdout_contains {
                add(format!("prints `{text}`"), &["output does not contain"], Subject::Output(id.clone()));
            }
            if !it.observe.is_empty() {
                add("seen by `observe`".to_owned(), &["says that it is not done"], Subject::Observed(id.clone()));
            }
        }
        Act::Http(it) => {
            for (name, expected) in expectations::of_http(&it.expect) {
                let says = expected.says.clone();
                add(name, &[&says], Subject::Request(id.clone(), expected));
            }
        }
        Act::Approve(_) | Act::Manual(_) if plan.phases[step.phase].kind == crate::model::PhaseKind::Prechecks => {
            add("people say yes".to_owned(), &[], Subject::Gate(id.clone()));
        }
        _ => {}
    }
    if let Some(within) = step.within {
        let subject = if step.act.describe().part() == Part::Gate {
            Subject::Nothing("the time that people take is not counted".to_owned())
        } else if within >= step.timeout {
            Subject::Nothing(format!("it is given up after {}, before it could take longer than that", step.timeout))
        } else {
            Subject::Within(id.clone(), within)
        };
        all.push(Check { name: format!("step {id}: within {within}"), subject, sight: Sight::Within(id.clone()) });
    }
}

/// What users are promised of a deleted repository.
fn recovery(id: &StepId, it: &StorageRecover, add: &mut impl FnMut(String, &[&str], Subject)) {
    let of = |beyond, within| Subject::Recovery(id.clone(), it.storage.clone(), beyond, within);
    let (ago, second) = (it.deleted_ago.0, Span::from_secs(1));
    let (kept, gone) = (Recovering::Kept(ago), Recovering::Kept(ago - second));
    if it.expect == Promise::Refused {
        add(format!("refused after {ago}"), &["and was promised to be refused"], of(kept, Some(gone)));
        return;
    }
    add(format!("comes back after {ago}"), &["it does not come back"], of(gone, Some(kept)));
    add("all refs".to_owned(), &["refs came back"], of(Recovering::Lacking(1), None));
    add("none damaged".to_owned(), &["are damaged"], of(Recovering::Damaged(1), None));
    if !it.metadata {
        let says = "users are told that it is gone";
        add("metadata stays gone".to_owned(), &[says], of(Recovering::Metadata, None));
    }
}

fn condition(
    plan: &Plan,
    id: &StepId,
    condition: &Condition,
    waits: &[&str],
    add: &mut impl FnMut(String, &[&str], Subject),
) {
    match condition {
        Condition::Served { services, healthy_for, by } => {
            for service in meant(plan, services) {
                let of = &service.id;
                let subject = Subject::Healthy(id.clone(), of.clone());
                add(format!("{of} is healthy"), &[GIVEN_UP, &format!("{of} is unhealthy")], subject);
                if !healthy_for.is_zero() {
                    let subject = Subject::HealthyFor(id.clone(), of.clone(), *healthy_for);
                    let says = format!("{of} has been healthy for");
                    add(format!("{of} is healthy for {healthy_for}"), &[GIVEN_UP, &says], subject);
                }
                if let Some(by) = by {
                    let says = format!("{of} is served by {}, not by {by}", by.other());
                    let subject = Subject::ServedBy(id.clone(), of.clone(), *by);
                    add(format!("{of} is served by {by}"), &[GIVEN_UP, &says], subject);
                }
            }
        }
        Condition::Down { services } => {
            for service in meant(plan, services) {
                let says = format!("{} is healthy", service.id);
                let subject = Subject::Down(id.clone(), service.id.clone());
                add(format!("{} is down", service.id), &[GIVEN_UP, &says], subject);
            }
        }
        Condition::Standby { service, region } => {
            let Some(found) = plan.services.iter().find(|one| one.id == *service) else { return };
            for (name, expected) in expectations::of_probe(found.standby.as_ref().unwrap_or(&found.probe.probe)) {
                let says: Vec<&str> = waits.iter().copied().chain([expected.says.as_str()]).collect();
                let subject = Subject::Standby(id.clone(), service.clone(), *region, expected.clone());
                let subject = in_time(found, &expected, subject);
                add(format!("standby of {service} in {region}: {name}"), &says, subject);
            }
        }
        Condition::Lag { resource, at_most, .. } => {
            let says: Vec<&str> = waits.iter().copied().chain([" behind, at most"]).collect();
            let subject = Subject::Behind(id.clone(), resource.clone(), *at_most);
            add(format!("lag of {resource} at most {at_most}"), &says, subject);
        }
        Condition::Ttl { records, at_most } => {
            for record in records {
                let own = format!("the TTL of {record} is");
                let says: Vec<&str> = waits.iter().copied().chain([own.as_str()]).collect();
                let subject = Subject::Ttl(id.clone(), record.clone(), *at_most);
                add(format!("TTL of {record} at most {at_most}"), &says, subject);
            }
        }
        Condition::Capacity { compute, region, servers } => {
            let says: Vec<&str> = waits.iter().copied().chain(["are needed"]).collect();
            let subject = Subject::Capacity(id.clone(), compute.clone(), *region, *servers);
            add(format!("{compute} in {region} can scale to {servers}"), &says, subject);
        }
        // Time passes: there is nothing to be seen.
        Condition::For(_) | Condition::At(_) => {}
    }
}

fn objectives(plan: &Plan, all: &mut Vec<Check>) {
    for leg in [Leg::Failover, Leg::Return] {
        if !plan.phases.iter().any(|phase| phase.applies && phase.leg == Some(leg)) {
            continue;
        }
        let mut add = |what: String, subject: Subject, sight: Sight| {
            all.push(Check { name: format!("objective {what} of the {leg}"), subject, sight });
        };
        if let Some(rto) = plan.objectives.rto_of(leg) {
            let subject = match plan.services.first() {
                Some(_) => Subject::Rto(leg, None, rto),
                None => Subject::Nothing("no service is probed: it is never measured".to_owned()),
            };
            add(format!("RTO ({rto})"), subject, Sight::Rto(leg, None));
        }
        for service in &plan.services {
            if let Some(rto) = service.objectives.rto_of(leg).or(plan.objectives.rto_of(leg)) {
                let of = Some(service.id.clone());
                add(format!("RTO of {} ({rto})", service.id), Subject::Rto(leg, of.clone(), rto), Sight::Rto(leg, of));
            }
        }
        let canary = |it: &crate::model::Canary, most| Subject::Loss(leg, it.of.clone(), most);
        if let Some(rpo) = plan.objectives.rpo_of(leg) {
            let subject = match plan.canaries.first() {
                Some(first) => canary(first, rpo),
                None => Subject::Nothing("the playbook has no canary: it is never measured".to_owned()),
            };
            add(format!("RPO ({rpo})"), subject, Sight::Rpo(leg, None));
            for it in &plan.canaries {
                let sight = Sight::Rpo(leg, Some(ProbeId::clone(&it.id)));
                add(format!("RPO by canary {} ({rpo})", it.id), canary(it, rpo), sight);
            }
        }
        if let Some(loss) = plan.data_loss.as_ref().filter(|_| plan.mode == Mode::Unplanned && leg == Leg::Failover) {
            let most = loss.accept_up_to;
            let subject = match plan.canaries.first() {
                Some(first) => canary(first, most),
                None => Subject::Nothing("the playbook has no canary: it is never measured".to_owned()),
            };
            add(format!("data loss accepted ({most})"), subject, Sight::Accepted);
        }
    }
}
