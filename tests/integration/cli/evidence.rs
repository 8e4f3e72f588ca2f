//! What an auditor is given of a run, and what people add to it afterwards.

use std::fs::{self, File};

use super::{REAL, SHIPPED, SHIPPED_RUN, lab_with, shipped};
use crate::harness::Scene;

/// The shipped drill, carried out on the simulation.
fn ran() -> Scene {
    let scene = shipped();
    scene.types(&format!("{SHIPPED} -q")).exits(0);
    scene
}

#[test]
fn what_people_add_extends_the_chain_and_every_report_prints_both_heads() {
    let scene = ran();
    let before = fs::read(scene.only_run().join("journal.jsonl")).unwrap();
    scene.types(&format!("lesson {SHIPPED_RUN} 'Resolvers kept the old address' --by Ada")).exits(0).says("head now");
    scene.types(&format!("lesson {SHIPPED_RUN} 'Lower the TTL before' --plan-change --by Ada")).exits(0);
    let signed = scene.types(&format!("sign-off {SHIPPED_RUN} --by Grace --as reviewer --format json")).exits(0).json();
    assert_eq!(signed["done"], "signed off");
    let after = fs::read(scene.only_run().join("journal.jsonl")).unwrap();
    assert!(after.starts_with(&before), "what was there stays as it was");
    assert_eq!(after[before.len()..].split(|byte| *byte == b'\n').count(), 4);
    scene.types(&format!("verify {SHIPPED_RUN}")).exits(0).says("whole").says(", 3 records added after that");
    let report = fs::read_to_string(scene.only_run().join("report.md")).unwrap();
    let compliance = String::from_utf8(raw(&scene, &format!("report {SHIPPED_RUN} --format compliance"))).unwrap();
    let (first, last) = heads(&scene);
    assert_ne!(first, last);
    for text in [&report, &compliance] {
        assert!(text.contains(&first) && text.contains(&last), "{text}");
    }
    for said in ["Resolvers kept the old address", "Lower the TTL before", "Grace (as stated;", "| reviewer |"] {
        assert!(compliance.contains(said), "{said}");
    }
    // A person at a terminal reads the same.
    for line in [format!("show {SHIPPED_RUN}"), format!("report {SHIPPED_RUN} --format text")] {
        let seen = scene.types(&line).exits(0);
        let told = seen.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        for said in ["Resolvers kept the old address", "Lower the TTL before", "Signed off by Grace"] {
            assert!(told.contains(said), "{line}: {said}: {seen}");
        }
    }
    // The index has taken it in, and the run can still be listed.
    scene.types("history").exits(0).says("passed");
}

#[test]
fn the_last_message_of_a_drill_says_how_it_ended_and_stands_in_the_evidence_as_it_was_sent() {
    let scene = ran();
    let report = fs::read_to_string(scene.only_run().join("report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let steps = report.pointer("/record/steps").unwrap().as_array().unwrap();
    let said = |id: &str| {
        let step = steps.iter().find(|step| step["id"] == id).unwrap();
        step.pointer("/evidence/message").unwrap().as_str().unwrap().to_owned()
    };
    let run = scene.runs().pop().unwrap();
    assert_eq!(said("announce"), format!("Drill {run} begins"));
    assert_eq!(report.pointer("/record/ended/verdict").unwrap(), "passed");
    assert_eq!(said("tell"), format!("Drill {run}: passed"));
}

/// Standard output as it is, nothing taken out.
fn raw(scene: &Scene, line: &str) -> Vec<u8> {
    scene.types(&format!("{line} --out raw.out")).exits(0);
    fs::read(scene.path("raw.out")).unwrap()
}

/// The heads that the JSON report of the only run prints.
fn heads(scene: &Scene) -> (String, String) {
    let report = fs::read(scene.only_run().join("report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    let head =
        |name: &str| report.pointer(&format!("/record/header/heads/{name}")).unwrap().as_str().unwrap().to_owned();
    (head("finished"), head("last"))
}

#[test]
fn a_changed_sign_off_is_found_although_nothing_follows_it() {
    let scene = ran();
    scene.types(&format!("sign-off {SHIPPED_RUN} --by Grace")).exits(0);
    let journal = scene.only_run().join("journal.jsonl");
    let text = fs::read_to_string(&journal).unwrap();
    fs::write(&journal, text.replace("\"Grace\"", "\"Grave\"")).unwrap();
    scene.types(&format!("verify {SHIPPED_RUN}")).exits(1).says("no line has that hash");
}

#[test]
fn an_open_action_goes_along_until_it_is_closed() {
    let scene = ran();
    let added = scene.types(&format!("action add {SHIPPED_RUN} 'Lower the TTL' --owner Bob --due 2027-01-31 --by Ada"));
    added.exits(0).says("quarterly-failover:1: opened");
    scene.types("action list").exits(0).says("Lower the TTL").says("Bob").says("2027-01-31");
    let again = |at: &str| {
        scene.types(&format!("run playbooks/quarterly-failover.yaml --start {at} -q")).exits(0);
        let run = scene.runs().last().unwrap().clone();
        String::from_utf8(raw(&scene, &format!("report {run} --format compliance"))).unwrap()
    };
    let row = format!("| {SHIPPED_RUN}:1 | Lower the TTL | Bob | 2027-01-31 | ? open when this run began |");
    assert!(again("2026-11-23T08:00:00Z").contains(&row), "the next run names it");
    assert!(again("2026-11-24T08:00:00Z").contains(&row), "and the one after");
    scene.types(&format!("action close {SHIPPED_RUN}:1 --how 'it is 20 s now' --by Bob")).exits(0);
    let later = again("2026-11-25T08:00:00Z");
    assert!(!later.contains("Lower the TTL"), "closed is closed");
    let own = String::from_utf8(raw(&scene, &format!("report {SHIPPED_RUN} --format compliance"))).unwrap();
    assert!(own.contains("closed") && own.contains("it is 20 s now"), "{own}");
    scene.types("action list").exits(0).says("No corrective action is open");
    let all = scene.types("action list --all --format json").exits(0).json();
    assert_eq!(all.pointer("/actions/0/how").unwrap(), "it is 20 s now");
    scene.types(&format!("action close {SHIPPED_RUN}:1")).exits(2).warns("closed already");
    scene.types(&format!("action close {SHIPPED_RUN}:7")).exits(2).warns("there is no corrective action 7");
    scene.types("action close nothing").exits(2).warns("RUN:NUMBER");
}

#[test]
fn nothing_is_added_to_a_run_that_goes_on_or_was_left_behind() {
    let scene = ran();
    let journal = scene.only_run().join("journal.jsonl");
    let whole = fs::read_to_string(&journal).unwrap();
    // While another process writes it.
    {
        let file = File::options().append(true).open(&journal).unwrap();
        file.lock().unwrap();
        scene.types(&format!("lesson {SHIPPED_RUN} x")).exits(3).warns("being written by another process");
        assert_eq!(fs::read_to_string(&journal).unwrap(), whole);
    }
    let lines: Vec<&str> = whole.lines().collect();
    let cut = format!("{}\n", lines[..lines.len() - 1].join("\n"));
    fs::write(&journal, &cut).unwrap();
    scene
        .types(&format!("sign-off {SHIPPED_RUN} --by Ada"))
        .exits(3)
        .warns("it was left behind")
        .warns("muster resume");
    let file = File::options().append(true).open(&journal).unwrap();
    file.lock().unwrap();
    scene.types(&format!("sign-off {SHIPPED_RUN} --by Ada")).exits(3).warns("goes on");
    assert_eq!(fs::read_to_string(&journal).unwrap(), cut, "nothing was added");
    scene.types("lesson no-such-run x").exits(2).warns("there is no run");
    scene.types(&format!("sign-off {SHIPPED_RUN}")).exits(2).warns("--by NAME");
}

#[test]
fn a_review_stands_behind_the_end_or_nowhere() {
    let scene = ran();
    scene.types(&format!("lesson {SHIPPED_RUN} x --by Ada")).exits(0);
    let journal = scene.only_run().join("journal.jsonl");
    let text = fs::read_to_string(&journal).unwrap();
    // A chain that holds, and a story that can't be: made anew as whoever forges one would.
    let mut lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let last = lines.pop().unwrap();
    lines.insert(1, last);
    fs::write(&journal, chained(&lines)).unwrap();
    scene.types(&format!("show {SHIPPED_RUN}")).exits(2).warns("reviews the run before it has ended");
}

/// Lines with their numbers and hashes made anew.
fn chained(lines: &[serde_json::Value]) -> String {
    use sha2::Digest as _;
    let (mut out, mut head) = (String::new(), "0".repeat(64));
    for (seq, line) in lines.iter().enumerate() {
        let text = format!(
            r#"{{"seq":{seq},"at":{},"elapsed_ns":{},"run":{},"event":{},"prev":"{head}"}}"#,
            line["at"], line["elapsed_ns"], line["run"], line["event"]
        );
        head = data_encoding::HEXLOWER.encode(&sha2::Sha256::digest(&text));
        out.push_str(&text);
        out.push('\n');
    }
    out
}

/// A drill on real programs that names these controls.
fn real_drill(controls: &str) -> Scene {
    let steps = "      - { id: act, command: { argv: ['true'] } }\n";
    lab_with(&format!("controls: {controls}\n"), steps)
}

#[test]
fn a_real_run_is_evidence_of_what_it_did_and_of_nothing_else() {
    let scene = real_drill(r#"["nist-800-53:CP-4(3)", "nist-800-53:CP-9", "nist-800-53:CP-4(4)"]"#);
    scene.types(&format!("run drill.yaml {REAL} -q --approved-by Board")).exits(2).warns("--approved");
    scene.types(&format!("run drill.yaml {REAL} -q --lead Ada --participant Bob"));
    let run = scene.runs()[0].clone();
    let text = String::from_utf8(raw(&scene, &format!("report {run} --format compliance"))).unwrap();
    let of = |id: &str| {
        let from = text.find(&format!("### {id} ")).unwrap_or_else(|| panic!("{id} is not in it\n{text}"));
        text[from..].lines().nth(2).unwrap().to_owned()
    };
    assert_eq!(of("nist-800-53:CP-4(3)"), "✓ **evidence supporting this control** ");
    assert_eq!(of("nist-800-53:CP-9"), "– **no evidence supporting this control** ");
    assert_eq!(of("nist-800-53:CP-4(4)"), "– **no evidence supporting this control** ");
    assert!(!text.contains("(simulated)"));
    for format in ["compliance", "compliance-html", "oscal", "html", "markdown", "json"] {
        let text = String::from_utf8(raw(&scene, &format!("report {run} --format {format}"))).unwrap().to_lowercase();
        assert!(!text.contains("compliant"), "{format}");
        assert!(text.contains("evidence supporting"), "{format}");
    }
}

#[test]
fn who_approved_the_plan_stands_in_the_report() {
    let scene = real_drill(r#"["dora:11.6"]"#);
    scene.types(&format!("run drill.yaml {REAL} -q"));
    let first = scene.runs()[0].clone();
    let report = fs::read(scene.path("reports").join(&first).join("report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    let digest = report.pointer("/record/header/digest").unwrap().as_str().unwrap().to_owned();
    scene.types(&format!("run drill.yaml {REAL} -q --approved {digest} --approved-by 'The board'"));
    let run = scene.runs().into_iter().find(|run| *run != first).unwrap();
    let text = String::from_utf8(raw(&scene, &format!("report {run} --format compliance"))).unwrap();
    assert!(text.contains(&format!("The board, as stated (the plan with the digest {digest})")), "{text}");
}

#[test]
fn a_control_that_no_catalogue_has_is_told_with_what_was_meant() {
    let scene = real_drill(r#"["soc2:A1.4", "dora:11(6)", "acme:R-1", "soc2:A1.3", "soc2:A1.3"]"#);
    scene
        .types("validate drill.yaml")
        .exits(2)
        .warns("no catalogue has the control `soc2:A1.4`")
        .warns("did you mean `soc2:A1.2`?")
        .warns("did you mean `dora:11.6`?")
        .warns("no catalogue has the control `acme:R-1`")
        .warns("the control `soc2:A1.3` is named twice");
}

const CATALOGUE: &str = "\
muster: 1
prefix: acme
standard: ACME resilience policy
controls:
  R-1:
    title: Yearly exercise
    asks: That the plan is carried out once a year.
    can: That it was carried out.
    cannot: That it is each year.
    rests_on: [exercised]
";

#[test]
fn a_team_s_own_catalogue_is_part_of_the_plan_and_of_the_journal() {
    let playbook = |top: &str| {
        format!(
            "muster: 1\nname: drill\ninfrastructure: lab.yaml\n{top}phases:\n  - name: failover\n    steps:\n      - {{ id: act, \
             command: {{ argv: ['true'] }} }}\n"
        )
    };
    let scene = Scene::new()
        .file("lab.yaml", super::LAB)
        .file("controls/acme.yaml", CATALOGUE)
        .file("drill.yaml", &playbook("controls: [\"acme:R-1\"]\ncatalogues: [controls/acme.yaml]\n"));
    scene.types(&format!("run drill.yaml {REAL} -q"));
    let run = scene.runs()[0].clone();
    // The journal is enough: the catalogue may be gone, or say something else by now.
    fs::remove_file(scene.path("controls/acme.yaml")).unwrap();
    let text = String::from_utf8(raw(&scene, &format!("report {run} --format compliance"))).unwrap();
    assert!(text.contains("### acme:R-1 (ACME resilience policy): Yearly exercise"), "{text}");
    assert!(text.contains("As the catalogue controls/acme.yaml has it."));
    scene.types("validate drill.yaml").exits(2).warns("the catalogue controls/acme.yaml cannot be read");
    scene.write("controls/acme.yaml", &CATALOGUE.replace("That it was carried out.", "That we are compliant."));
    scene.types("validate drill.yaml").exits(2).warns("M127");
    // Another catalogue is another plan.
    scene.write("controls/acme.yaml", &CATALOGUE.replace("once a year", "twice a year"));
    scene.types(&format!("run drill.yaml {REAL} -q"));
    let digests: Vec<String> = scene
        .runs()
        .iter()
        .map(|run| {
            let report = fs::read(scene.path("reports").join(run).join("report.json")).unwrap();
            let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
            report.pointer("/record/header/digest").unwrap().to_string()
        })
        .collect();
    assert_ne!(digests[0], digests[1]);
}

#[test]
fn a_secret_that_somebody_types_does_not_stand_in_the_journal() {
    let steps = "      - { id: act, command: { argv: ['true'], env: { TOKEN: { env: DRILL_TOKEN } } } }\n";
    let scene = lab_with("", steps).env("DRILL_TOKEN", "hunter22-and-more");
    scene.types(&format!("run drill.yaml {REAL} -q"));
    let run = scene.runs()[0].clone();
    scene.types(&format!("lesson {run} 'the token was hunter22-and-more' --by hunter22-and-more")).exits(0);
    let journal = fs::read_to_string(scene.only_run().join("journal.jsonl")).unwrap();
    assert!(!journal.contains("hunter22-and-more") && journal.contains("the token was ***"));
}
