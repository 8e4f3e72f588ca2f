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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::{Request, load};
    use crate::time::Span;

    const DRILL: &str = "\
muster: 1
name: drill
title: There
infrastructure: lab.yaml
mode: planned
phases: [{ name: failover, steps: [{ id: go, command: { argv: [go] }, simulate: { takes: 10m } }] }]
";
    const LAB: &str = "\
muster: 1
name: lab
environment: lab
regions: { primary: { name: here }, secondary: { name: there } }
resources: { main: { database: { provider: patroni } } }
";
    const CALIBRATION: &str = "\
muster: 1
calibrates: lab
half_life: 180d
runs: []
resources: { main: { database: { provider: patroni, promotion: { p50: 7s, p95: 9s, samples: 9, effective: 9.0, newest: run } } } }
steps: { drill: { go: { action: command, does: run go, takes: { p50: 3s, p95: 4s, samples: 9, effective: 9.0, newest: run } } } }
";

    /// Rehearsals that look at other modes than the playbook's play them on the same twin.
    #[test]
    fn another_mode_has_the_same_calibration() {
        let folder = tempfile::TempDir::with_prefix("muster-").unwrap();
        for (name, text) in [("drill.yaml", DRILL), ("lab.yaml", LAB), ("lab.calibration.yaml", CALIBRATION)] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let playbook = folder.path().join("drill.yaml").display().to_string();
        let planned = load(&Request { playbook, reality: Reality::Twin, ..Request::default() }).unwrap();
        let unplanned = in_mode(&planned, Mode::Unplanned).unwrap();
        for loaded in [&planned, &unplanned] {
            assert_eq!(loaded.plan.steps[0].expected, Span::from_secs(3));
            assert_eq!(loaded.plan.resources["main"].simulate["promotion"]["p50"], "7s");
        }
        assert!(unplanned.plan.calibration.is_some() && unplanned.plan.calibration == planned.plan.calibration);
    }
}
