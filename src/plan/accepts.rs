//! Whether the bad ends that a playbook accepts speak of something that is there.

use crate::diagnostic::Diagnostic;
use crate::id::RegionRole;
use crate::infrastructure::simulate::Together;
use crate::model::{Accepted, Plan};
use crate::playbook::Name;
use crate::resource::region_resource;
use crate::yaml::nearest;

/// Notes faults on steps and resources that the plan does not have.
pub(super) fn check(plan: &Plan, accepts: &[(Accepted, Name)], diagnostics: &mut Vec<Diagnostic>) {
    let regions = RegionRole::ALL.map(region_resource);
    let roles = RegionRole::ALL.map(RegionRole::as_str);
    let steps = plan.steps.iter().map(|step| step.id.as_str());
    let resources = plan.resources.keys().chain(&regions).map(crate::id::ResourceId::as_str);
    let known: std::collections::BTreeSet<&str> = steps.chain(resources).chain(roles).collect();
    for (accepted, name) in accepts {
        for text in &accepted.when {
            // What is no fault at all was told when it was read.
            let Ok(faults) = text.parse::<Together>() else { continue };
            for target in faults.targets().filter(|target| !known.contains(target)) {
                let help = match nearest(target, known.iter().copied()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => "name a step or a resource; `any` means every one of them".to_owned(),
                };
                diagnostics.push(
                    Diagnostic::error("M038", format!("`{target}` is neither a step nor a resource"))
                        .at(name.place_of(text))
                        .help(help),
                );
            }
        }
    }
}
