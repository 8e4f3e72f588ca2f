//! Whether everything that a playbook names is there, and of the right kind.

use crate::catalogue::{Act, Condition, Services};
use crate::diagnostic::{Diagnostic, Place};
use crate::id::{ResourceId, ServiceId};
use crate::infrastructure::Infrastructure;
use crate::infrastructure::real::aws::AWS;
use crate::model::{Environment, Watch};
use crate::playbook::{Name, Playbook, StepText};
use crate::resource::ResourceKind;
use crate::yaml::nearest;

use super::load::Reality;

/// Names that help lines list at most.
const LISTED: usize = 30;

/// Checks all names of a playbook against itself and its infrastructure file.
pub(super) fn references(
    playbook: &Playbook,
    infrastructure: &Infrastructure,
    reality: Reality,
    diagnostics: &mut Vec<Diagnostic>,
) {
    for (service, name) in &playbook.services {
        if matches!(service.id.as_str(), "all" | "any") {
            diagnostics.push(
                Diagnostic::error("M030", format!("`{}` means every service, so none can have that name", service.id))
                    .at(name.place())
                    .help("rename the service"),
            );
        }
        for id in &service.depends_on {
            resource(infrastructure, id, &ResourceKind::DECLARED, || name.place_of(id.as_str()), diagnostics);
        }
    }
    for (canary, name) in &playbook.canaries {
        resource(infrastructure, &canary.of, &[canary.kind], || name.place_of(canary.of.as_str()), diagnostics);
    }
    for (guardrail, name) in &playbook.guardrails {
        match &guardrail.watch {
            Watch::Probe(_) => {}
            Watch::OutageOf(services) => services_exist(playbook, services, name, diagnostics),
            Watch::Check(look) => {
                for subject in look.check.0.subjects() {
                    let place = || name.place_of(subject.resource.as_str());
                    resource(infrastructure, &subject.resource, subject.kinds, place, diagnostics);
                }
            }
        }
    }
    for phase in &playbook.phases {
        steps(&phase.steps, playbook, infrastructure, reality, diagnostics);
    }
}

/// Checks the names in steps: those of the playbook itself, or of one that is inlined into it.
pub(super) fn steps(
    steps: &[StepText],
    playbook: &Playbook,
    infrastructure: &Infrastructure,
    reality: Reality,
    diagnostics: &mut Vec<Diagnostic>,
) {
    for step in steps {
        for subject in step.act.describe().subjects() {
            // Both regions are always there.
            if subject.kinds != [ResourceKind::Region] {
                let place = || step.name.place_of(subject.resource.as_str());
                resource(infrastructure, &subject.resource, subject.kinds, place, diagnostics);
            }
        }
        match &step.act {
            Act::Approve(gate) => approvers(&gate.by, playbook, &step.name, diagnostics),
            Act::Manual(gate) => approvers(&gate.by, playbook, &step.name, diagnostics),
            Act::Check(check) => condition(&check.0, playbook, &step.name, diagnostics),
            Act::Wait(wait) => condition(&wait.0, playbook, &step.name, diagnostics),
            Act::RegionIsolate(isolate) => {
                let provider = infrastructure.regions.get(&isolate.region).map_or("none", |it| it.provider.as_str());
                let real = reality == Reality::AsBound && infrastructure.environment != Environment::Simulated;
                let settings = infrastructure.regions.get(&isolate.region).map(|it| &it.settings);
                let no_subnets = provider == AWS && settings.is_none_or(|it| it.get("isolate").is_none());
                if real && (provider == "none" || no_subnets) {
                    diagnostics.push(
                        Diagnostic::error("M039", format!("nothing can cut the region {} off", isolate.region))
                            .at(step.name.place_of_key("region"))
                            .help(if no_subnets {
                                format!(
                                    "name the subnets of the region `{}`: `isolate: {{ subnets: [subnet-…] }}`",
                                    isolate.region
                                )
                            } else {
                                format!("give the region `{}` a `provider:` in the infrastructure file", isolate.region)
                            }),
                    );
                }
            }
            _ => {}
        }
    }
}

/// Where a playbook says which roles there are, a gate that waits for another one waits for nobody.
fn approvers(by: &[String], playbook: &Playbook, name: &Name, diagnostics: &mut Vec<Diagnostic>) {
    if playbook.roles.is_empty() {
        return;
    }
    let known: Vec<&str> = playbook.roles.iter().map(String::as_str).collect();
    for one in by.iter().filter(|one| !known.contains(&one.as_str())) {
        diagnostics.push(
            Diagnostic::warning("M066", format!("`{one}` is none of the playbook's `roles`"))
                .at(name.place_of(one))
                .help(meant(one, &known, "roles")),
        );
    }
}

fn condition(condition: &Condition, playbook: &Playbook, name: &Name, diagnostics: &mut Vec<Diagnostic>) {
    match condition {
        Condition::Served { services, .. } | Condition::Down { services } => {
            services_exist(playbook, services, name, diagnostics);
        }
        Condition::Standby { service, .. } => {
            let Some((known, at)) = playbook.services.iter().find(|(known, _)| known.id == *service) else {
                no_service(playbook, service, name.place_of(service.as_str()), diagnostics);
                return;
            };
            if known.standby.is_none() {
                diagnostics.push(
                    Diagnostic::error("M038", format!("the service `{service}` has no standby that could be asked"))
                        .at(name.place_of(service.as_str()))
                        .label(at.place(), "declared here")
                        .help("add `standby: { http: … }` to the service"),
                );
            }
        }
        _ => {}
    }
}

fn services_exist(playbook: &Playbook, services: &Services, name: &Name, diagnostics: &mut Vec<Diagnostic>) {
    match services {
        Services::All if playbook.services.is_empty() => diagnostics.push(
            Diagnostic::error("M038", "the playbook has no services")
                .at(name.place())
                .help("declare under `services:` what users use, with a probe each"),
        ),
        Services::All => {}
        Services::These(ids) => {
            for id in ids {
                if !playbook.services.iter().any(|(known, _)| known.id == *id) {
                    no_service(playbook, id, name.place_of(id.as_str()), diagnostics);
                }
            }
        }
    }
}

fn no_service(playbook: &Playbook, id: &ServiceId, place: Place, diagnostics: &mut Vec<Diagnostic>) {
    let known: Vec<&str> = playbook.services.iter().map(|(known, _)| known.id.as_str()).collect();
    diagnostics.push(Diagnostic::error("M038", format!("there is no service `{id}`")).at(place).help(meant(
        id.as_str(),
        &known,
        "services",
    )));
}

fn resource(
    infrastructure: &Infrastructure,
    id: &ResourceId,
    kinds: &[ResourceKind],
    place: impl Fn() -> Place,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let wanted = || kinds.iter().map(|kind| kind.key()).collect::<Vec<_>>().join(" or ");
    match infrastructure.resources.get(id) {
        Some(binding) if kinds.contains(&binding.kind) => {}
        Some(binding) => diagnostics.push(
            Diagnostic::error("M039", format!("`{id}` is a {}; a {} is needed here", binding.kind, wanted()))
                .at(place())
                .help(meant("", &of_kinds(infrastructure, kinds), &format!("resources of kind {}", wanted()))),
        ),
        None => {
            let known = of_kinds(infrastructure, kinds);
            let message = format!("the infrastructure file has no resource `{id}`");
            let what = if kinds.len() == ResourceKind::DECLARED.len() {
                "resources".to_owned()
            } else {
                format!("resources of kind {}", wanted())
            };
            diagnostics.push(Diagnostic::error("M038", message).at(place()).help(meant(id.as_str(), &known, &what)));
        }
    }
}

fn of_kinds<'a>(infrastructure: &'a Infrastructure, kinds: &[ResourceKind]) -> Vec<&'a str> {
    let fitting = infrastructure.resources.iter().filter(|(_, binding)| kinds.contains(&binding.kind));
    fitting.map(|(id, _)| id.as_str()).collect()
}

/// A help line: the known name that was probably meant, or all of them.
fn meant(name: &str, known: &[&str], what: &str) -> String {
    match nearest(name, known.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if known.is_empty() => format!("there are no {what}"),
        None => format!("the {what} are {}", known[..known.len().min(LISTED)].join(", ")),
    }
}
