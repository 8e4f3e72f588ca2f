use super::*;
use crate::catalogue::Mode;
use crate::diagnostic::{Color, render_text};

const YARDSTICK: &str = include_str!("tests/yardstick.yaml");
const SIMULATED: &str = include_str!("../../playbooks/infra/simulated.yaml");

/// Loads a playbook whose other files are `files`.
fn load_with(playbook: &str, files: &[(&str, &str)], mode: Option<Mode>, vars: &[(&str, &str)]) -> Loaded {
    load_checked(playbook, files, mode, vars, Checked::InItsMode)
}

fn load_checked(
    playbook: &str,
    files: &[(&str, &str)],
    mode: Option<Mode>,
    vars: &[(&str, &str)],
    checked: Checked,
) -> Loaded {
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
        checked,
        read: &read,
        calibration: &crate::plan::uncalibrated,
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

/// The world that the quarterly playbook finds: all well.
fn world() -> crate::resource::World {
    use crate::id::{RegionRole::*, ResourceId};
    use crate::resource::*;
    use crate::time::Span;
    use std::collections::BTreeMap;
    let id = |name: &str| ResourceId::new(name).unwrap();
    let dns = |name: &str| {
        let values = vec!["192.0.2.10".to_owned()];
        let record = RecordSet {
            name: name.to_owned(),
            record_type: RecordType::A,
            values,
            ttl: Span::from_secs(60),
            whole: None,
        };
        ResourceState::Dns(DnsState { record, serves: Some(Primary) })
    };
    let instance = |role, writable, from, lag| DatabaseInstance {
        role,
        fenced: false,
        writable,
        replicates_from: from,
        position: 1000,
        timeline: 1,
        lag,
    };
    let lag = Some(Span::from_millis(400));
    let database = DatabaseState {
        regions: BTreeMap::from([
            (Primary, Seen::Is(instance(ReplicaRole::Primary, true, None, None))),
            (Secondary, Seen::Is(instance(ReplicaRole::Replica, false, Some(Primary), lag))),
        ]),
    };
    let group = |desired| Seen::Is(ComputeGroup { desired, running: desired, capacity: 24, up: Vec::new() });
    let snapshots = Seen::Is(SnapshotSummary {
        count: 744,
        newest_age: Span::from_secs(1200),
        oldest_age: Span::from_secs(31 * 86_400),
        longest_gap: Span::from_secs(3600),
        encrypted: 744,
        aged_as_copies: 0,
    });
    BTreeMap::from([
        (id("code"), dns("code.example.test")),
        (id("git"), dns("git.example.test")),
        (id("main"), ResourceState::Database(database)),
        (
            id("web-servers"),
            ResourceState::Compute(ComputeState {
                regions: BTreeMap::from([(Primary, group(12)), (Secondary, group(3))]),
            }),
        ),
        (id("snapshots"), ResourceState::Backup(BackupState { regions: BTreeMap::from([(Secondary, snapshots)]) })),
        (region_resource(Primary), ResourceState::Region(RegionState::default())),
        (region_resource(Secondary), ResourceState::Region(RegionState::default())),
    ])
}

fn quarterly(mode: Mode, infrastructure: &str) -> crate::model::Plan {
    let loaded = load_with(QUARTERLY, &[("infra/simulated.yaml", infrastructure)], Some(mode), &[]);
    assert!(loaded.diagnostics.is_empty(), "{}", shown(&loaded));
    let mut plan = loaded.plan.unwrap();
    plan.digest = "[digest]".to_owned();
    plan
}

/// What is signed beside it, with no drill on the twin.
fn signed(plan: &crate::model::Plan) -> Approval {
    let own = Own { reports: "reports".to_owned(), store: "muster.db".to_owned(), command: vec!["muster".to_owned()] };
    let none = crate::model::Foreseen::NotMade { because: "none was wanted".to_owned() };
    approval(plan, &world(), &own, none)
}

#[test]
fn the_preview_of_an_unplanned_drill() {
    let plan = quarterly(Mode::Unplanned, SIMULATED);
    let preview = preview(&plan, &world(), &Looks::new());
    insta::assert_snapshot!(render::table(&preview, &signed(&plan), 150));
}

#[test]
fn the_preview_as_diagrams() {
    let preview = preview(&quarterly(Mode::Planned, SIMULATED), &world(), &Looks::new());
    insta::assert_snapshot!("gantt", render::gantt(&preview));
    insta::assert_snapshot!("flowchart", render::flowchart(&preview));
}

#[test]
fn a_slow_promotion_is_expected_to_miss_the_objective() {
    let slow = preview(&quarterly(Mode::Planned, SLOW), &world(), &Looks::new());
    assert_eq!(slow.legs[0].met(), Some(false), "{:?}", slow.legs);
    let plan = quarterly(Mode::Planned, SIMULATED);
    let good = preview(&plan, &world(), &Looks::new());
    assert_eq!(good.legs[0].met(), Some(true), "{:?}", good.legs);
    assert_eq!(render::json(&good, &signed(&plan), &[])["legs"][0]["met"], true);
}

#[test]
fn what_a_step_would_be_refused_or_could_not_reach_is_foreseen() {
    let loaded = load_with(QUARTERLY, &[("infra/simulated.yaml", SIMULATED)], None, &[("servers", "500")]);
    let plan = loaded.plan.unwrap();
    let told = preview(&plan, &world(), &Looks::new());
    assert_eq!(told.would_fail, ["scale-out"]);
    let scale_out = told.phases.iter().flat_map(|phase| &phase.steps).find(|step| step.id == "scale-out").unwrap();
    assert_eq!(scale_out.problem.as_deref(), Some("24 of 500 servers run (500 asked for)"));
    let table = render::table(&told, &signed(&plan), 120);
    assert!(
        table.contains("WOULD FAIL: 24 of 500") && table.contains("WOULD FAIL as things are: scale-out"),
        "{table}"
    );
    // A way home from a world in which the old side is no copy: no promotion of this plan says so.
    let home = "muster: 1
name: home
infrastructure: infra/simulated.yaml
phases:
  - name: failback
    steps:
      - { id: fence, database.fence: { database: main, in: secondary } }
      - { id: promote, database.promote: { database: main, to: primary } }";
    let home = load_with(home, &[("infra/simulated.yaml", SIMULATED)], None, &[]).plan.unwrap();
    let mut left = world();
    if let Some(crate::resource::ResourceState::Database(state)) = left.get_mut("main") {
        use crate::id::RegionRole::{Primary, Secondary};
        let old = state.regions.get_mut(&Primary).unwrap().known_mut().unwrap();
        (old.fenced, old.writable) = (true, false);
        let new = state.regions.get_mut(&Secondary).unwrap().known_mut().unwrap();
        (new.role, new.writable, new.replicates_from) = (crate::resource::ReplicaRole::Primary, true, None);
    }
    let told = preview(&home, &left, &Looks::new());
    assert_eq!(told.would_fail, ["promote"]);
    let promote = &told.phases[0].steps[1];
    assert!(promote.problem.as_ref().is_some_and(|why| why.contains("does not follow secondary")), "{promote:?}");
    let rebuild = "database.replicate: { database: main, from: secondary, to: primary }";
    let text = format!(
        "muster: 1\nname: home\ninfrastructure: infra/simulated.yaml\nphases: [ {{ name: failback, steps: [ {{ id: build, {rebuild} }} ] }} ]"
    );
    let of = |text: &str| load_with(text, &[("infra/simulated.yaml", SIMULATED)], None, &[]).plan.unwrap();
    assert_eq!(preview(&of(&text), &left, &Looks::new()).would_fail, ["build"]);
    let keep = text.replace("steps: [", "steps: [ { id: keep, data.preserve: { of: [main], in: primary } },");
    assert_eq!(preview(&of(&keep), &left, &Looks::new()).would_fail, [""; 0]);
    // The drills that are shipped are foreseen to be carried out as they stand.
    for mode in Mode::ALL {
        assert_eq!(preview(&quarterly(mode, SIMULATED), &world(), &Looks::new()).would_fail, [""; 0], "{mode}");
    }
}

#[test]
fn prechecks_that_nobody_judged_are_named() {
    let plan = quarterly(Mode::Planned, SIMULATED);
    let told = preview(&plan, &world(), &Looks::new());
    assert_eq!(told.not_judged, ["all-healthy", "standby-ready", "copies"]);
    let id = |name: &str| crate::id::StepId::new(name).unwrap();
    let looks = [(id("standby-ready"), Judgement::Holds), (id("copies"), Judgement::Fails("2 are missing".into()))];
    let told = preview(&plan, &world(), &looks.into());
    assert_eq!(told.not_judged, ["all-healthy"]);
    assert!(!told.prechecks_hold, "a look counts as the state of a resource does");
    assert_eq!(render::json(&told, &signed(&plan), &[])["not_judged"], serde_json::json!(["all-healthy"]));
    assert!(render::table(&told, &signed(&plan), 120).contains("prechecks that were not judged: all-healthy"));
}

mod diagnostics;
mod holding;
mod experience;
mod made;
mod safety;
mod schedules;
mod sense;
