//! A run of every kind: passed, failed, aborted, refused, cut off, taken up again.

use std::fs;

use crate::harness::Scene;

/// A run and where it is.
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) scene: Scene,
    pub(super) id: String,
}

const PLAYBOOK: &str = "playbooks/quarterly-failover.yaml";

fn ran(name: &'static str, change: impl Fn(&str) -> String, options: &str, exit: i32) -> Kind {
    let scene = Scene::new().shipped("playbooks");
    let text = fs::read_to_string(scene.path(PLAYBOOK)).unwrap();
    let changed = change(&text);
    scene.write(PLAYBOOK, &changed);
    scene.types(&format!("run {PLAYBOOK} --start 2026-11-22T08:42:16Z {options} -q")).exits(exit);
    let id = scene.runs().pop().unwrap();
    Kind { name, scene, id }
}

fn as_shipped(text: &str) -> String {
    text.to_owned()
}

/// One in which users can't be moved.
pub(super) fn failed() -> Kind {
    ran("failed", as_shipped, "--mode unplanned --fault dns=fails", 1)
}

/// The journal of a run, cut off in the midst of it.
fn cut(name: &'static str) -> Kind {
    let run = ran(name, as_shipped, "--mode unplanned", 0);
    let folder = run.scene.path("reports").join(&run.id);
    let journal = fs::read_to_string(folder.join("journal.jsonl")).unwrap();
    let lines: Vec<&str> = journal.split_inclusive('\n').collect();
    let promoted =
        lines.iter().position(|line| line.contains("\"step_passed\"") && line.contains("\"promote\"")).unwrap();
    for entry in fs::read_dir(&folder).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    fs::write(folder.join("journal.jsonl"), lines[..=promoted].concat()).unwrap();
    run
}

/// A run of every kind.
pub(super) fn of_every_kind() -> Vec<Kind> {
    let guarded = |text: &str| {
        let rule = "guardrails:\n  - { name: enough, outage_of: any, broken_after: 5s, then: undo }\n";
        assert!(text.contains("guardrails:\n"), "the playbook has guardrails");
        text.replacen("guardrails:\n", rule, 1)
    };
    let resumed = cut("resumed");
    let seen = resumed.scene.types(&format!("resume {} -q", resumed.id));
    assert!(seen.stdout.contains(&resumed.id[16..]), "{seen}");
    let aborted = ran("aborted", guarded, "--mode planned --fault promote=slow", 5);
    vec![
        ran("passed", as_shipped, "--mode planned", 0),
        ran("unplanned", as_shipped, "--mode unplanned --fault promote=flaky", 0),
        failed(),
        ran("left in doubt", as_shipped, "--mode unplanned --fault dns-back=fails", 5),
        ran("refused", as_shipped, "--fault capacity=fails", 3),
        aborted,
        cut("cut off"),
        resumed,
    ]
}
