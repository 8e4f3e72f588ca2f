//! Variables: the playbook's defaults, overridden by the infrastructure file, overridden by the command line.

use crate::diagnostic::Diagnostic;
use crate::id::RegionRole;
use crate::infrastructure::Infrastructure;
use crate::model::{Variable, VariableSource};
use crate::playbook::WrittenVariable;
use crate::playbook::template::Names;
use crate::yaml::nearest;

/// Every variable with its value, in the order in which they were first named.
pub(super) fn resolve(
    written: &[WrittenVariable],
    infrastructure: Option<&Infrastructure>,
    overrides: &[(String, String)],
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Variable> {
    let mut all: Vec<Variable> = Vec::new();
    let mut set = |name: &str, value: &str, source: VariableSource| {
        if let Some(known) = all.iter_mut().find(|known| known.name == name) {
            value.clone_into(&mut known.value);
            known.source = source;
        } else {
            all.push(Variable { name: name.to_owned(), value: value.to_owned(), source });
        }
    };
    for variable in written {
        set(&variable.name, &variable.value, VariableSource::Playbook);
    }
    for setting in infrastructure.iter().flat_map(|it| &it.vars) {
        set(&setting.name, &setting.value, VariableSource::Infrastructure);
    }
    for (name, value) in overrides {
        override_one(name, value, &mut all, diagnostics);
    }
    all
}

fn override_one(name: &str, value: &str, all: &mut [Variable], diagnostics: &mut Vec<Diagnostic>) {
    if value.contains("{{") {
        diagnostics.push(
            Diagnostic::error("M040", format!("--var {name}: a variable's value is plain text, without templates"))
                .help("write the value out"),
        );
        return;
    }
    if let Some(known) = all.iter_mut().find(|known| known.name == name) {
        value.clone_into(&mut known.value);
        known.source = VariableSource::CommandLine;
        return;
    }
    let names = all.iter().map(|known| known.name.as_str());
    let help = match nearest(name, names) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "give it a default under `vars:` in the playbook".to_owned(),
    };
    diagnostics.push(Diagnostic::error("M040", format!("--var {name}: there is no variable `{name}`")).help(help));
}

/// The names that templates can use.
pub(super) fn names(variables: &[Variable], infrastructure: Option<&Infrastructure>) -> Names {
    let mut names = Names::default();
    for variable in variables {
        names.add(format!("var.{}", variable.name), variable.value.as_str());
    }
    for role in RegionRole::ALL {
        let (name, gateway) = (format!("region.{role}.name"), format!("region.{role}.gateway"));
        let Some(infrastructure) = infrastructure else {
            // It could not be read, which was complained about; the playbook is checked all the same.
            names.add(name, role.as_str());
            names.add(gateway, role.as_str());
            continue;
        };
        let Some(region) = infrastructure.regions.get(&role) else {
            names.add(name, role.as_str());
            names.add(gateway, role.as_str());
            continue;
        };
        names.add(name, region.name.as_str());
        match &region.gateway {
            Some(host) => names.add(gateway, host.as_str()),
            None => names.lacks(gateway, format!("the infrastructure file gives the region {role} no `gateway:`")),
        }
    }
    names
}
