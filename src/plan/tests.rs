use super::*;
use crate::catalogue::Mode;
use crate::diagnostic::{Color, render_text};

const YARDSTICK: &str = include_str!("tests/yardstick.yaml");
const SIMULATED: &str = include_str!("../../playbooks/infra/simulated.yaml");

/// Loads a playbook whose other files are `files`.
fn load_with(playbook: &str, files: &[(&str, &str)], mode: Option<Mode>, vars: &[(&str, &str)]) -> Loaded {
    let read = |path: &str| {
        let found = files.iter().find(|(name, _)| *name == path);
        found.map(|(_, text)| text.as_bytes().to_vec()).ok_or_else(|| "there is no such file".to_owned())
    };
    let vars: Vec<(String, String)> = vars.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    load(&LoadInput {
        playbook_path: "drill.yaml",
        playbook: playbook.as_bytes(),
        infrastructure_path: None,
        mode,
        vars: &vars,
        reality: Reality::AsBound,
        read: &read,
    })
}

fn shown(loaded: &Loaded) -> String {
    render_text(&loaded.diagnostics, &loaded.sources, Color::Never, 50)
}

fn yardstick(mode: Mode) -> crate::model::Plan {
    let loaded = load_with(YARDSTICK, &[("infra/simulated.yaml", SIMULATED)], Some(mode), &[]);
    assert!(loaded.diagnostics.is_empty(), "{}", shown(&loaded));
    loaded.plan.unwrap()
}

#[test]
fn the_yardstick_compiles_in_every_mode() {
    for mode in [Mode::Planned, Mode::Unplanned, Mode::Emergency] {
        let plan = yardstick(mode);
        assert_eq!(plan.mode, mode);
        assert_eq!(plan.steps.len(), 40);
    }
}

const QUARTERLY: &str = include_str!("../../playbooks/quarterly-failover.yaml");
const SLOW: &str = include_str!("../../playbooks/infra/simulated-slow.yaml");

#[test]
fn the_shipped_playbook_compiles_in_every_mode_on_both_simulations() {
    for (mode, infrastructure) in
        [(None, SIMULATED), (None, SLOW), (Some(Mode::Unplanned), SIMULATED), (Some(Mode::Emergency), SLOW)]
    {
        let loaded = load_with(QUARTERLY, &[("infra/simulated.yaml", infrastructure)], mode, &[]);
        assert!(loaded.diagnostics.is_empty(), "{}", shown(&loaded));
        assert_eq!(loaded.plan.unwrap().mode, mode.unwrap_or(Mode::Planned));
    }
}
