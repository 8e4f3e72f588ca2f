//! The controls that a playbook names, as Muster's catalogue or one that the team brought tells of them.

use super::files::{Files, beside};
use crate::controls;
use crate::diagnostic::Diagnostic;
use crate::model::Control;
use crate::playbook::Playbook;

/// Catalogues that a playbook may name.
const CATALOGUES_MAX: usize = 16;

/// What came of it.
#[derive(Clone, Default)]
pub(super) struct Resolved {
    /// The controls that the playbook names, in its order.
    pub(super) controls: Vec<Control>,
    /// The paths of the team's catalogues.
    pub(super) paths: Vec<String>,
}

/// Finds every control that a playbook names.
pub(super) fn resolve(
    playbook: &Playbook,
    playbook_path: &str,
    files: &mut Files<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Resolved {
    let mut resolved = Resolved::default();
    let mut theirs: Vec<Control> = Vec::new();
    for (n, (file, place)) in playbook.catalogues.iter().enumerate() {
        if n == CATALOGUES_MAX {
            let message = format!("a playbook names at most {CATALOGUES_MAX} catalogues");
            diagnostics.push(Diagnostic::error("M126", message).at(place.clone()));
            break;
        }
        let path = beside(playbook_path, file);
        match files.open(&path, diagnostics) {
            Ok(node) => {
                let found = node.map(|node| controls::read(&node, &path, diagnostics)).unwrap_or_default();
                for control in found {
                    if let Some(before) = theirs.iter().find(|before| before.id == control.id) {
                        let from = before.from.clone().unwrap_or_default();
                        let message = format!("the control `{}` of {path} stands in {from} as well", control.id);
                        diagnostics.push(Diagnostic::error("M126", message).at(place.clone()));
                    } else {
                        theirs.push(control);
                    }
                }
                resolved.paths.push(path);
            }
            Err(why) => {
                let message = format!("the catalogue {path} cannot be read: {why}");
                diagnostics.push(Diagnostic::error("M126", message).at(place.clone()));
            }
        }
    }
    for (n, (id, place)) in playbook.controls.iter().enumerate() {
        if playbook.controls[..n].iter().any(|(before, _)| before == id) {
            let message = format!("the control `{id}` is named twice");
            diagnostics.push(Diagnostic::error("M125", message).at(place.clone()).help("remove one"));
            continue;
        }
        if let Some(control) = theirs.iter().find(|control| control.id == *id).cloned().or_else(|| controls::find(id)) {
            resolved.controls.push(control);
            continue;
        }
        let help = controls::meant(id, &theirs).map_or_else(
            || "docs/evidence.md lists the controls that Muster knows; bring others with `catalogues:`".to_owned(),
            |meant| format!("did you mean `{meant}`?"),
        );
        let message = format!("no catalogue has the control `{id}`");
        diagnostics.push(Diagnostic::error("M125", message).at(place.clone()).help(help));
    }
    resolved
}
