//! The same playbook in another mode, out of the texts that it was loaded from: no file is read a second time.

use super::super::Loaded;
use crate::catalogue::Mode;
use crate::model::{Documents, VariableSource};
use crate::plan::{CalibrationFile, Checked, LoadInput, Reality};

/// The calibration that documents were made with.
pub(super) fn as_it_was(documents: &Documents) -> Option<CalibrationFile> {
    let document = documents.calibration.as_ref()?;
    Some((document.path.clone(), Ok(document.text.clone().into_bytes())))
}

/// `loaded` in `mode`; the error says in a few words why it can't be run in it.
pub(super) fn in_mode(loaded: &Loaded, mode: Mode) -> Result<Loaded, String> {
    let documents = &loaded.documents;
    let all = [&documents.playbook, &documents.infrastructure];
    let read = |path: &str| {
        let found = all.into_iter().chain(&documents.nested).find(|document| document.path == path);
        found.map(|document| document.text.clone().into_bytes()).ok_or_else(|| "it was not read before".to_owned())
    };
    let said = loaded.plan.variables.iter().filter(|variable| variable.source == VariableSource::CommandLine);
    let vars: Vec<(String, String)> = said.map(|it| (it.name.clone(), it.value.clone())).collect();
    let calibration = |_: &str| as_it_was(documents);
    let other = crate::plan::load(&LoadInput {
        playbook_path: &documents.playbook.path,
        playbook: documents.playbook.text.as_bytes(),
        infrastructure_path: Some(&documents.infrastructure.path),
        mode: Some(mode),
        vars: &vars,
        reality: if loaded.plan.twin { Reality::Twin } else { Reality::AsBound },
        checked: Checked::InItsMode,
        read: &read,
        calibration: &calibration,
    });
    if let (Some(plan), Some(documents)) = (other.plan, other.documents) {
        return Ok(Loaded { plan, documents, warnings: other.diagnostics, sources: other.sources });
    }
    let first = other.diagnostics.iter().find(|diagnostic| diagnostic.is_error());
    Err(first.map_or_else(|| "it can't be loaded".to_owned(), |it| it.message.clone()))
}
