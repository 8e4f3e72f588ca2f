//! `muster simulate --diff REV`: what a change of a playbook changes.

use std::fs;

use super::shipped;
use crate::harness::{Running, Scene};

/// The shipped playbook.
const PLAYBOOK: &str = "playbooks/quarterly-failover.yaml";

/// Lets git do something in the scene.
fn git(scene: &Scene, script: &str) {
    let script = script.replace("GIT", "git -c user.name=me -c user.email=me@example.test -c init.defaultBranch=main");
    let running: Running<'_> = scene.starts_program("sh", &format!("-c \"{script}\""));
    running.ends().exits(0);
}

/// The shipped playbooks, committed.
fn committed() -> Scene {
    let scene = shipped();
    git(&scene, "GIT init -q . && GIT add -A && GIT commit -q -m first");
    scene
}

fn replaced(scene: &Scene, path: &str, from: &str, to: &str) {
    let text = fs::read_to_string(scene.path(path)).unwrap();
    assert!(text.contains(from), "{path} does not have {from}");
    scene.write(path, &text.replace(from, to));
}

#[test]
fn without_a_change_nothing_differs() {
    let seen = committed().types(&format!("simulate {PLAYBOOK} --diff HEAD"));
    seen.exits(0).says("Since HEAD").says("0 figures changed").never_says("new").never_says("There");
}

#[test]
fn a_slower_database_is_told_by_what_it_does_to_the_recovery_time() {
    let scene = committed();
    replaced(&scene, "playbooks/infra/simulated.yaml", "promotion: { p50: 35s, p95: 80s }", "promotion: 3m");
    let seen = scene.types(&format!("simulate {PLAYBOOK} --diff HEAD --format json"));
    let text = seen.exits(0).to_string();
    for says in [
        r#""name": "planned: RTA of the failover""#,
        r#""name": "planned: RTA of push in the failover""#,
        "Step promote took 3 min",
        r#""gone": []"#,
    ] {
        assert!(text.contains(says), "{says}\n{text}");
    }
    // So it is of many drills, with the same chances here and there.
    let seen = scene.types(&format!("simulate {PLAYBOOK} --runs 20 --diff HEAD --format json"));
    let text = seen.to_string();
    for says in ["RTA of the failover, p50", "RTA of push of the failover, p95"] {
        assert!(text.contains(&format!(r#""name": "forecast: {says}""#)), "{says}\n{text}");
    }
    assert!(!text.contains(r#""name": "forecast: RPA"#), "{text}");
    let text = scene.types(&format!("simulate {PLAYBOOK} --diff HEAD --format json")).to_string();
    // Both have the same chances: what does not hang on the database is the same.
    assert!(!text.contains("RPA of the failover"), "{text}");
}

#[test]
fn a_check_that_can_no_longer_fail_is_new_and_one_that_again_can_is_gone() {
    let scene = committed();
    replaced(&scene, PLAYBOOK, "within: 2s }", "within: 9s }");
    let there = format!("simulate {PLAYBOOK} --prove --mode planned --diff HEAD");
    scene.types(&there).exits(1).says("✗ new").says("unproven: service push: within 9 s");
    git(&scene, "GIT commit -q -a -m second");
    replaced(&scene, PLAYBOOK, "within: 9s }", "within: 2s }");
    scene.types(&there).exits(0).says("✓ gone").says("unproven: service push: within 9 s");
    // The first commit is the same as what is there now.
    scene.types(&there.replace("HEAD", "HEAD~1")).exits(0).says("0 figures changed").never_says("gone");
}

#[test]
fn what_can_not_be_compared_is_told_plainly() {
    let typed = |scene: &Scene, revision: &str| scene.types(&format!("simulate {PLAYBOOK} --diff {revision}"));
    typed(&shipped(), "HEAD").exits(2).warns("is in no repository");
    let scene = committed();
    typed(&scene, "nowhere").exits(2).warns("has no revision `nowhere`");
    scene.types(&format!("simulate {PLAYBOOK} --diff=--all")).exits(2).warns("has no revision `--all`");
    git(&scene, "GIT mv playbooks/infra/simulated.yaml playbooks/infra/other.yaml && GIT commit -q -m moved");
    git(&scene, "GIT mv playbooks/infra/other.yaml playbooks/infra/simulated.yaml");
    typed(&scene, "HEAD").exits(2).warns("simulated.yaml cannot be read: there is no such file at HEAD");
    git(&scene, "GIT rm -q --cached -r . && GIT commit -q -m empty");
    typed(&scene, "HEAD").exits(2).warns("the playbook playbooks/quarterly-failover.yaml can't be read");
    // The work tree is as it was.
    typed(&scene, "HEAD~2").exits(0).says("0 figures changed");
}
