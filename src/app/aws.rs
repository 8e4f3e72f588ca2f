//! The providers of AWS, built with the ways into both regions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::catalogue::Mode;
use crate::id::{RegionRole, ResourceId};
use crate::infrastructure::real::aws::database::AwsDatabase;
use crate::infrastructure::real::aws::{AWS, AwsRegion};
use crate::infrastructure::real::{from_json, typed};
use crate::model::{Binding, Plan, RegionInfo};
use crate::provider::aws::{Access, AwsCompute, AwsCutOff, AwsRds, AwsSnapshots, Line, Route53, Ways};
use crate::provider::host::Host;
use crate::resource::{Processes, ResourceKind, Resources};
use crate::secret::Redactor;
use crate::time::Clock;

/// The ways into a plan's regions of AWS.
#[derive(Clone)]
pub(super) struct Regions(BTreeMap<RegionRole, Arc<Access>>);

impl Regions {
    /// Those of `plan`; nothing is asked yet.
    pub(super) fn of(plan: &Plan, clock: &Clock, redactor: &Redactor) -> Result<Self, String> {
        let ours = plan.regions.iter().filter(|(_, region)| region.provider == AWS);
        let mut found = BTreeMap::new();
        let mut line = None;
        for (role, region) in ours {
            let settings: AwsRegion = from_json(&region.settings)?;
            let line = line.get_or_insert_with(|| Line::new(clock.clone(), redactor.clone()));
            found.insert(*role, Arc::new(Access::new(*role, region.name.clone(), settings, line.clone())));
        }
        Ok(Self(found))
    }

    /// The permissions that were found missing, each with where.
    pub(super) fn missing(&self) -> BTreeSet<(String, &'static str)> {
        let of = |access: &Arc<Access>| {
            access.missing().into_iter().map(|action| (access.region().to_owned(), action)).collect::<Vec<_>>()
        };
        self.0.values().flat_map(of).collect()
    }

    fn to(&self, role: RegionRole) -> Result<Arc<Access>, String> {
        self.0.get(&role).cloned().ok_or_else(|| format!("the region {role} has no `provider: aws` with its account"))
    }

    fn ways(&self) -> Result<Ways, String> {
        Ok(Ways { primary: self.to(RegionRole::Primary)?, secondary: self.to(RegionRole::Secondary)? })
    }

    /// Builds the provider of a resource, in place of its twin.
    pub(super) fn bind(
        &self,
        id: &ResourceId,
        binding: &Binding,
        (plan, processes, redactor): (&Plan, &Arc<dyn Processes>, &Redactor),
        all: &mut Resources,
    ) -> Result<(), String> {
        match binding.kind {
            ResourceKind::Dns => {
                let settings: crate::infrastructure::real::aws::dns::Route53 = typed(binding)?;
                let access = self.to(settings.access)?;
                let record = Route53::new(settings, access, Host::new(Arc::clone(processes)))?;
                all.dns.insert(id.clone(), Arc::new(record));
            }
            ResourceKind::Compute => {
                all.computes.insert(id.clone(), Arc::new(AwsCompute::new(typed(binding)?, self.ways()?)));
            }
            ResourceKind::Database => {
                let (processes, redactor) = (Arc::clone(processes), redactor.clone());
                let accepted = loss_accepted(plan);
                let it = AwsRds::new(id.clone(), typed(binding)?, self.ways()?, processes, redactor, accepted);
                all.databases.insert(id.clone(), Arc::new(it));
            }
            ResourceKind::Backup => {
                all.backups.insert(id.clone(), Arc::new(AwsSnapshots::new(id.clone(), typed(binding)?, self.ways()?)));
            }
            kind => return Err(format!("nothing builds the provider aws of {kind}")),
        }
        Ok(())
    }

    /// Builds the provider of a region; one that names no subnets can't be cut off, and its twin would say that it was.
    pub(super) fn bind_region(
        &self,
        role: RegionRole,
        region: &RegionInfo,
        plan: &Plan,
        all: &mut Resources,
    ) -> Result<(), String> {
        let settings: AwsRegion = from_json(&region.settings)?;
        let Some(isolate) = settings.isolate else {
            all.regions.remove(&role);
            return Ok(());
        };
        let databases = fenced(plan, role)?;
        all.regions.insert(role, Arc::new(AwsCutOff::new(role, isolate, self.to(role)?, databases)));
        Ok(())
    }
}

/// Whether a promotion may lose what was not replicated: only where the playbook says how much, with `data_loss`. That
/// `discard: accept` lets an old side be overwritten later is another matter.
fn loss_accepted(plan: &Plan) -> bool {
    plan.mode != Mode::Planned && plan.data_loss.is_some()
}

/// The plan's databases that can be fenced in `role`.
fn fenced(plan: &Plan, role: RegionRole) -> Result<BTreeMap<ResourceId, AwsDatabase>, String> {
    let databases = plan.resources.iter().filter(|(_, it)| it.kind == ResourceKind::Database && it.provider == AWS);
    let mut fenced = BTreeMap::new();
    for (id, binding) in databases {
        let settings: AwsDatabase = typed(binding)?;
        if settings.side(role).fence.is_some() {
            fenced.insert(id.clone(), settings);
        }
    }
    Ok(fenced)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan_of(head: &str, mode: Mode) -> Plan {
        let playbook = format!(
            "muster: 1\nname: drill\n{head}phases: [{{ name: failover, steps: [{{ id: a, wait: {{ for: 1s }} }}] }}]\n"
        );
        let infra =
            "muster: 1\nname: sim\nenvironment: simulated\nregions: { primary: { name: a }, secondary: { name: b } }\n";
        let read = |_: &str| Ok(infra.as_bytes().to_vec());
        let loaded = crate::plan::load(&crate::plan::LoadInput {
            playbook_path: "drill.yaml",
            playbook: playbook.as_bytes(),
            infrastructure_path: Some("infra.yaml"),
            mode: Some(mode),
            vars: &[],
            reality: crate::plan::Reality::AsBound,
            checked: crate::plan::Checked::default(),
            read: &read,
            calibration: &crate::plan::uncalibrated,
        });
        loaded.plan.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics))
    }

    #[test]
    fn a_failover_with_loss_needs_data_loss_and_no_other_word_will_do() {
        let stated = "data_loss: { accept_up_to: 30s, because: agreed }\n";
        let accepted = |head: &str, mode: Mode| loss_accepted(&plan_of(head, mode));
        assert!(accepted(stated, Mode::Unplanned) && accepted(stated, Mode::Emergency));
        assert!(!accepted(stated, Mode::Planned), "a planned one loses nothing");
        assert!(!accepted("discard: accept\n", Mode::Unplanned), "that is for what is built anew later");
    }
}
