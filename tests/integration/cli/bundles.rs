//! Evidence bundles: made, signed, checked by Muster and by whoever has none.

use std::fs;
use std::path::Path;

use muster::bundle::{Unpacked, open, seal};

use super::{SHIPPED, SHIPPED_RUN, shipped};
use crate::harness::Scene;

/// The page for auditors.
const PAGE: &str = include_str!("../../../docs/evidence.md");

/// A program in a folder of the scene: its output, if it says that all is well.
#[track_caller]
fn runs(scene: &Scene, program: &str, arguments: &[&str]) -> String {
    let output = assert_cmd::Command::new(program).args(arguments).current_dir(scene.path(".")).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program} {arguments:?} does not agree:\n{out}{err}");
    out.into_owned()
}

fn ran() -> Scene {
    let scene = shipped();
    scene.types(&format!("{SHIPPED} -q")).exits(0);
    scene
}

/// A key of the scene's own, `key` and `key.pub`, and who may sign.
fn keys(scene: &Scene) {
    runs(scene, "ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-C", "drills", "-f", "key"]);
    let key = fs::read_to_string(scene.path("key.pub")).unwrap();
    scene.write("allowed_signers", &format!("drills@example.test namespaces=\"muster-bundle\" {key}"));
}

#[test]
fn the_same_run_gives_the_same_bundle_and_it_holds_without_a_store() {
    let scene = ran();
    scene.types(&format!("bundle {SHIPPED_RUN} --out one.tar")).exits(0).says("not signed");
    scene.types(&format!("bundle {SHIPPED_RUN} --out two.tar")).exits(0);
    assert!(fs::read(scene.path("one.tar")).unwrap() == fs::read(scene.path("two.tar")).unwrap());
    // Elsewhere, where there is no run.
    let other = Scene::new();
    fs::copy(scene.path("one.tar"), other.path("evidence")).unwrap();
    other
        .types("verify evidence")
        .exits(0)
        .says("whole")
        .says("not signed")
        .says("byte for byte")
        .says("simulated: no evidence of a real failover");
    assert_eq!(other.types("verify evidence --format json").exits(0).json()["whole"], true);
    let mut bytes = fs::read(other.path("evidence")).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    fs::write(other.path("evidence"), bytes).unwrap();
    other.types("verify evidence").exits(1).says("does not hold");
    assert_eq!(other.types("verify evidence --format json").exits(1).json()["whole"], false);
}

#[test]
fn what_was_added_afterwards_is_in_the_bundle() {
    let scene = ran();
    scene.types(&format!("bundle {SHIPPED_RUN} --out one.tar")).exits(0);
    scene.types(&format!("sign-off {SHIPPED_RUN} --by Grace")).exits(0);
    scene.types(&format!("bundle {SHIPPED_RUN} --out two.tar")).exits(0);
    assert!(fs::read(scene.path("one.tar")).unwrap() != fs::read(scene.path("two.tar")).unwrap());
    scene.types("verify two.tar").exits(0);
}

#[test]
fn a_signature_is_checked_by_stock_ssh_keygen_needs_ssh_keygen() {
    let scene = ran();
    keys(&scene);
    scene.types(&format!("bundle {SHIPPED_RUN} --sign key --out one.tar")).exits(0).says(", signed");
    scene.types("verify one.tar --signer allowed_signers").exits(0).says("signed by the ed25519 key SHA256:");
    scene.types("verify one.tar --signer key.pub").exits(0);
    let fingerprint = runs(&scene, "ssh-keygen", &["-l", "-f", "key.pub"]);
    let fingerprint = fingerprint.split(' ').nth(1).unwrap();
    scene.types("verify one.tar").exits(0).says(fingerprint);
    runs(&scene, "ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", "other"]);
    scene.types("verify one.tar --signer other.pub").exits(1).says("none of the keys demanded");
    scene.types(&format!("bundle {SHIPPED_RUN} --out two.tar")).exits(0);
    scene.types("verify two.tar --signer key.pub").exits(1).says("not signed");
    runs(&scene, "tar", &["-xf", "one.tar"]);
    let (manifest, signature) = ("MANIFEST.sha256", "MANIFEST.sha256.sig");
    let check = format!(
        "ssh-keygen -Y verify -f allowed_signers -I drills@example.test -n muster-bundle -s {SHIPPED_RUN}/{signature} \
         < {SHIPPED_RUN}/{manifest}"
    );
    assert!(runs(&scene, "sh", &["-c", &check]).contains("Good \"muster-bundle\" signature"));
    // And the other way round: what ssh-keygen signs is the same signature.
    let manifest = format!("{SHIPPED_RUN}/{manifest}");
    let ours = fs::read(scene.path(&format!("{SHIPPED_RUN}/{signature}"))).unwrap();
    fs::remove_file(scene.path(&format!("{SHIPPED_RUN}/{signature}"))).unwrap();
    runs(&scene, "ssh-keygen", &["-q", "-Y", "sign", "-f", "key", "-n", "muster-bundle", &manifest]);
    assert_eq!(ours, fs::read(scene.path(&format!("{SHIPPED_RUN}/{signature}"))).unwrap());
}

#[test]
fn keys_that_cannot_sign_are_told_why_needs_ssh_keygen() {
    let scene = ran();
    runs(&scene, "ssh-keygen", &["-q", "-t", "ed25519", "-N", "a passphrase", "-f", "locked"]);
    runs(&scene, "ssh-keygen", &["-q", "-t", "ecdsa", "-N", "", "-f", "ecdsa"]);
    let sign = |key: &str| scene.types(&format!("bundle {SHIPPED_RUN} --out x.tar --sign {key}")).exits(2);
    sign("locked").warns("encrypted, and Muster asks for no passphrase");
    sign("ecdsa").warns("of another kind than ed25519");
    sign("playbooks/quarterly-failover.yaml").warns("no private key");
    sign("nothing").warns("can't be read");
    assert!(!scene.path("x.tar").exists());
}

#[test]
fn evidence_that_people_gave_is_in_the_bundle_and_must_be_there() {
    let steps =
        "      - { id: pull, manual: { checklist: [Pull the red cable], evidence: required, deadline: 50s } }\n";
    let scene = super::lab(steps).file("photo.jpg", "abc");
    let mut running = scene.starts("run drill.yaml --execute --mode planned");
    running.until("`pull` waits for an answer");
    let run = scene.runs()[0].clone();
    scene.types(&format!("bundle {run}")).exits(3).warns("goes on");
    scene.types(&format!("approve {run} pull --by bob --evidence-file photo.jpg")).exits(0);
    running.ends().exits(0);
    scene.types(&format!("bundle {run} --out one.tar")).exits(0);
    scene.types("verify one.tar").exits(0).says("whole").never_says("simulated");
    runs(&scene, "tar", &["-xf", "one.tar"]);
    // The digest of `abc`, FIPS 180-2 appendix B.1.
    let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(fs::read(scene.path(&format!("{run}/evidence/{digest}-photo.jpg"))).unwrap(), b"abc");
    fs::write(scene.path(&format!("reports/{run}/evidence/{digest}-photo.jpg")), "abd").unwrap();
    scene.types(&format!("bundle {run}")).exits(2).warns("is not there as it was given");
    scene.types("bundle nothing").exits(2).warns("there is no run");
    scene.types("bundle").exits(2);
}

/// A bundle as another version might have drawn it, with this file changed: sealed anew, as whoever forges one would.
fn of_another_version(scene: &Scene, file: &str, change: impl Fn(String) -> String) {
    let Unpacked { top, mut files, .. } = open(&fs::read(scene.path("one.tar")).unwrap()).unwrap();
    let mut edit = |name: &str, change: &dyn Fn(String) -> String| {
        let text = String::from_utf8(files[name].clone()).unwrap();
        files.insert(name.to_owned(), change(text).into_bytes());
    };
    let own = format!("\"muster\": \"{}\"", env!("CARGO_PKG_VERSION"));
    edit("bundle.json", &|text| text.replace(&own, "\"muster\": \"9.9.9\""));
    edit(file, &change);
    fs::write(scene.path("other.tar"), seal(&top, files, |_| Ok(None)).unwrap()).unwrap();
}

#[test]
fn what_another_version_drew_is_never_said_to_follow_where_it_was_not_held_against_the_journal() {
    let scene = ran();
    scene.types(&format!("bundle {SHIPPED_RUN} --out one.tar")).exits(0);
    let md = "reports/report.md";
    of_another_version(&scene, md, |text| text.replace(" the ", " that very "));
    let seen = scene.types("verify other.tar").exits(0).says("Muster 9.9.9 drew the reports; every figure in them");
    let _ = seen.never_says("byte for byte");
    of_another_version(&scene, md, |text| text.replacen("2 min 50 s", "1 min 50 s", 1));
    scene.types("verify other.tar").exits(1).says("does not hold: reports/report.md: it says `1`, by the journal `2`");
    of_another_version(&scene, md, |text| text + "\nUsers were out for 12 s in all.\n");
    let seen = scene.types("verify other.tar").exits(1).says("other.tar: not wholly checked");
    let _ = seen.says("not checked: reports/report.md: it has").never_says("every figure");
    let json = scene.types("verify other.tar --format json").exits(1).json();
    assert_eq!((&json["whole"], &json["not_checked"]), (&false.into(), &serde_json::json!([md])));
}

#[test]
fn a_quarter_is_one_bundle_with_what_it_covers_on_top() {
    let scene = ran();
    for at in ["2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z"] {
        scene.types(&format!("run playbooks/quarterly-failover.yaml --start {at} -q")).exits(0);
    }
    scene.types("bundle --quarter 2026-Q4").exits(0).says("muster-2026-Q4.tar: 2 runs");
    scene.types("verify muster-2026-Q4.tar").exits(0).says("whole");
    runs(&scene, "tar", &["-xf", "muster-2026-Q4.tar"]);
    let table = scene.read("muster-2026-Q4/coverage.md");
    assert!(table.contains("| quarterly-failover | ? simulated only | 0 | 0 | 0 | 2 |"), "{table}");
    assert!(table.contains("no evidence of a real failover"));
    scene.types("bundle --quarter 2026-Q3").exits(2).warns("no run in reports began in 2026-Q3");
    scene.types("bundle --quarter 2026-Q5").exits(2).warns("is no quarter");
}

#[test]
fn a_run_that_goes_on_is_not_bundled() {
    let scene = ran();
    let file = fs::File::options().append(true).open(scene.only_run().join("journal.jsonl")).unwrap();
    file.lock().unwrap();
    scene.types(&format!("bundle {SHIPPED_RUN}")).exits(3).warns("goes on");
}

/// The blocks of the page in this language, under the heading for auditors.
fn blocks(language: &str) -> Vec<String> {
    let (_, page) = PAGE.split_once("## Checking a bundle without Muster").unwrap();
    let fence = format!("```{language}\n");
    page.split(fence.as_str()).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn an_auditor_checks_a_bundle_as_the_page_says_needs_ssh_keygen_needs_python3() {
    let scene = ran();
    keys(&scene);
    scene.types(&format!("sign-off {SHIPPED_RUN} --by Grace")).exits(0);
    scene.types(&format!("bundle {SHIPPED_RUN} --sign key --out evidence.tar")).exits(0);
    let (shell, python) = (blocks("sh"), blocks("python"));
    assert_eq!((shell.len(), python.len()), (3, 1));
    assert!(python[0].lines().count() <= 30, "thirty lines are promised");
    scene.write("check.py", &python[0]);
    let script = format!("set -eu\n{}{}python3 ../check.py\n", shell[0], shell[1]);
    scene.write("check.sh", &script);
    let said = runs(&scene, "bash", &["check.sh"]);
    assert!(said.contains(&format!("{SHIPPED_RUN}: passed")) && said.contains("failover: passed"), "{said}");
    assert!(said.contains("Good \"muster-bundle\" signature"), "{said}");
    // Each of the three finds what it is there to find.
    let folder = scene.path(SHIPPED_RUN);
    let refuses = |script: &str| {
        let output = assert_cmd::Command::new("bash").args(["-c", script]).current_dir(&folder).output().unwrap();
        assert!(!output.status.success(), "{script} should not agree");
    };
    let journal = fs::read_to_string(folder.join("journal.jsonl")).unwrap();
    change(&folder, "journal.jsonl", &journal.replacen("\"attempt\":1", "\"attempt\":2", 1));
    refuses("sha256sum --check --strict --quiet MANIFEST.sha256");
    refuses("python3 ../check.py");
    change(&folder, "journal.jsonl", &journal);
    let record = fs::read_to_string(folder.join("record.json")).unwrap();
    change(&folder, "record.json", &record.replacen("\"verdict\":\"passed\"", "\"verdict\":\"failed\"", 1));
    refuses("python3 ../check.py");
    // A recovery time in one of the two.
    let (_, rta) = record.split_once("\"rta\":{\"kind\":\"between\",\"lower\":").unwrap();
    let lower = rta.split(',').next().unwrap();
    change(&folder, "record.json", &record.replacen(&format!("\"lower\":{lower}"), "\"lower\":1", 1));
    refuses("python3 ../check.py");
    change(&folder, "record.json", &record);
    let manifest = fs::read_to_string(folder.join("MANIFEST.sha256")).unwrap();
    change(&folder, "MANIFEST.sha256", &manifest.replacen('a', "b", 1));
    refuses(shell[1].as_str());
}

#[test]
fn an_auditor_checks_a_quarters_bundle_as_the_page_says_needs_ssh_keygen_needs_python3() {
    let scene = ran();
    keys(&scene);
    scene.types("run playbooks/quarterly-failover.yaml --start 2026-12-01T00:00:00Z -q").exits(0);
    scene.types("bundle --quarter 2026-Q4 --sign key --out evidence.tar").exits(0);
    let (shell, python) = (blocks("sh"), blocks("python"));
    scene.write("check.py", &python[0]);
    let script = format!("set -eu\n{}{}{}", shell[0], shell[1], shell[2]);
    scene.write("check.sh", &script);
    let said = runs(&scene, "bash", &["check.sh"]);
    assert!(
        said.matches("  simulated: no evidence").count() == 2 && said.contains(&format!("{SHIPPED_RUN}: passed")),
        "{said}"
    );
    let folder = scene.path("muster-2026-Q4");
    let refuses = || {
        let script = format!("set -eu\n{}", shell[2]);
        let output = assert_cmd::Command::new("bash").args(["-c", &script]).current_dir(&folder).output().unwrap();
        assert!(!output.status.success(), "it should not agree: {}", String::from_utf8_lossy(&output.stdout));
    };
    let record = fs::read_to_string(folder.join(format!("runs/{SHIPPED_RUN}/record.json"))).unwrap();
    let changed = record.replacen("\"verdict\":\"passed\"", "\"verdict\":\"failed\"", 1);
    change(&folder, &format!("runs/{SHIPPED_RUN}/record.json"), &changed);
    refuses();
    change(&folder, &format!("runs/{SHIPPED_RUN}/record.json"), &record);
    fs::remove_dir_all(folder.join("runs/20261201-000000-quarterly-failover")).unwrap();
    refuses();
}

fn change(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    assert_ne!(fs::read_to_string(&path).unwrap_or_default(), text, "{name} is to be changed");
    fs::write(path, text).unwrap();
}

#[test]
fn oscal_is_what_another_project_reads_needs_trestle() {
    let scene = ran();
    scene.types(&format!("action add {SHIPPED_RUN} 'Lower the TTL' --owner Bob --due 2027-01-31")).exits(0);
    scene.types(&format!("sign-off {SHIPPED_RUN} --by Grace --as reviewer")).exits(0);
    scene.types(&format!("report {SHIPPED_RUN} --format oscal --out results.json")).exits(0);
    // Trestle reads a document strictly by the models of its version of OSCAL, unknown members refused.
    scene.write(
        "read.py",
        "import base64, json, pathlib\n\
         from trestle.oscal.assessment_results import Model as Results\n\
         from trestle.oscal.assessment_plan import Model as Plan\n\
         text = pathlib.Path('results.json').read_text()\n\
         results = Results.parse_raw(text).assessment_results\n\
         plan = next(r for r in results.back_matter.resources if '#' + r.uuid == results.import_ap.href)\n\
         Plan.parse_raw(base64.b64decode(plan.base64.value))\n\
         result = results.results[0]\n\
         targets = [f.target.target_id for f in result.findings]\n\
         assert targets[0] == 'cp-4_obj.a-1' and len(targets) == 5, targets\n\
         assert all(f.target.status.state.value == 'not-satisfied' for f in result.findings)\n\
         print(len(result.assessment_log.entries), 'entries', results.metadata.oscal_version.__root__)\n",
    );
    #[expect(clippy::disallowed_methods, reason = "tests/run says where it put the other project")]
    let python = std::env::var("MUSTER_TRESTLE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let said = runs(&scene, &python, &["read.py"]);
    assert!(said.ends_with("entries 1.1.2\n"), "{said}");
}
