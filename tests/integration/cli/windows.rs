//! When a real run may begin.

use super::{LAB, REAL, lab, lab_with, shipped};

const TOUCH: &str = "      - { id: touch, command: { argv: [touch, touched] } }\n";
const NEVER: &str = "windows: { blackout: [daily], timezone: Europe/Berlin }\n";

#[test]
fn a_run_outside_of_its_windows_is_refused_and_told_when() {
    let scene = lab_with("windows: { blackout: ['2000-01-01..2099-12-31'] }\n", TOUCH);
    let refused = scene.types(&format!("run drill.yaml {REAL}")).exits(3);
    refused.warns("drill is outside of its windows: blackout `2000-01-01..2099-12-31` (UTC)").warns("it may not begin");
    assert!(!scene.path("touched").exists() && scene.runs().is_empty());
    let weekly = lab_with("windows: { allowed: [daily 00:00..24:00], blackout: [] }\n", TOUCH);
    weekly.types(&format!("run drill.yaml {REAL}")).exits(0);
}

#[test]
fn the_infrastructure_file_has_windows_too() {
    let scene = lab(TOUCH).file("lab.yaml", &format!("{LAB}{NEVER}"));
    scene.types(&format!("run drill.yaml {REAL}")).exits(3).warns("blackout `daily` (Europe/Berlin)");
}

#[test]
fn glass_that_is_broken_is_reported() {
    let scene = lab_with(NEVER, TOUCH);
    scene.types(&format!("run drill.yaml {REAL} --break-glass --because 'the auditor leaves at noon'")).exits(0);
    let report = scene.types(&format!("report {} --format markdown", scene.runs()[0])).exits(0);
    report.says("the auditor leaves at noon").says("outside of its windows");
}

#[test]
fn a_rehearsal_is_only_told() {
    let scene = shipped();
    let path = "playbooks/quarterly-failover.yaml";
    let text = std::fs::read_to_string(scene.path(path)).unwrap();
    scene.write(path, &text.replacen("name: ", "windows: { allowed: [mon-fri 09:00..17:00] }\nname: ", 1));
    let start = |at: &str| scene.types(&format!("run {path} --start {at} --reports r{}", &at[8..13]));
    start("2026-11-22T08:42:16Z").exits(0).warns("a real run would be refused").warns("it may next begin at [at]");
    start("2026-11-23T09:00:00Z").exits(0).never_says("would be refused");
}

#[test]
fn what_is_wrong_with_windows_is_told_at_its_place() {
    let scene = lab_with("windows: { allowed: [monday], timezone: Europe/Berlin }\n", TOUCH);
    scene.types("validate drill.yaml").exits(2).warns("`monday` is no range of time");
    let scene = lab_with("windows: { timezone: Mars/Olympus }\n", TOUCH);
    scene.types("validate drill.yaml").exits(2).warns("`timezone: Mars/Olympus` is not known");
}
