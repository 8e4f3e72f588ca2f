//! Completions and manual pages, as shells and readers take them.

use std::fs;

use crate::harness::{Scene, Seen};

/// What Bash offers for a line whose last word is being typed.
fn offered(scene: &Scene, words: &[&str]) -> Seen {
    let last = words.len() - 1;
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    let script = format!(
        "source <(muster completions bash)\ncomplete -p muster >/dev/null || exit 9\nCOMP_WORDS=({})\nCOMP_CWORD={last}\nCOMP_TYPE=9\n\
         _clap_complete_muster muster \"{}\" \"{}\"\nprintf \"%s\\n\" \"${{COMPREPLY[@]}}\"\n",
        quoted.join(" "),
        words[last],
        words[last - 1]
    );
    scene.write("complete.sh", &script);
    scene.starts_program("bash", "--norc complete.sh").ends()
}

fn scene() -> Scene {
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_muster"));
    #[expect(clippy::disallowed_methods, reason = "programs are found where this machine has them")]
    let path = std::env::var("PATH").unwrap_or_default();
    Scene::new().env("PATH", &format!("{}:{path}", program.parent().unwrap().display()))
}

#[test]
fn bash_completes_subcommands_options_and_their_values() {
    let scene = scene();
    let seen = offered(&scene, &["muster", "ca"]).exits(0);
    assert_eq!(seen.stdout.trim(), "calibrate");
    offered(&scene, &["muster", "run", "--app"]).exits(0).says("--approved");
    let seen = offered(&scene, &["muster", "plan", "--format", ""]).exits(0);
    for format in ["text", "json", "markdown", "mermaid", "graph"] {
        assert!(seen.stdout.lines().any(|line| line == format), "{seen}");
    }
    // What is hidden from people is hidden from shells.
    let seen = offered(&scene, &["muster", ""]).exits(0);
    assert!(seen.stdout.lines().any(|line| line == "init") && !seen.stdout.contains("keep"), "{seen}");
}

#[test]
fn bash_completes_the_playbooks_and_runs_that_are_there() {
    let scene = scene().file("drill.yaml", "").file("drill.txt", "").file("more/other.yml", "");
    scene.write("reports/20261122-084216-drill/journal.jsonl", "");
    scene.write("reports/20261123-084216-drill/journal.jsonl", "");
    scene.write("reports/no-run/x", "");
    let seen = offered(&scene, &["muster", "plan", ""]).exits(0).says("drill.yaml").says("more/");
    assert!(!seen.stdout.contains("drill.txt"), "{seen}");
    offered(&scene, &["muster", "validate", "more/"]).exits(0).says("more/other.yml");
    let raw = offered(&scene, &["muster", "show", ""]).exits(0);
    // Options come after them.
    assert_eq!(
        raw.stdout.lines().filter(|line| !line.starts_with("--")).count(),
        3,
        "two runs and the last one\n{raw}"
    );
    assert!(raw.stdout.starts_with("last"), "{raw}");
    assert!(!raw.stdout.contains("no-run"), "{raw}");
}

#[test]
fn each_shell_has_a_script_and_others_are_refused() {
    let scene = scene();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        scene.types(&format!("completions {shell}")).exits(0).says("muster").says("COMPLETE");
    }
    scene.types("completions tcsh").exits(2).warns("possible values");
}

/// The pages in a folder.
fn pages(scene: &Scene) -> Vec<String> {
    fs::create_dir(scene.path("man1")).unwrap();
    scene.types("man man1").exits(0).warns("pages were written into man1");
    let mut pages: Vec<String> = fs::read_dir(scene.path("man1"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    pages.sort();
    pages
}

#[test]
fn there_is_a_page_for_every_subcommand_with_exit_codes_and_environment() {
    let scene = scene();
    let pages = pages(&scene);
    let help = scene.types("--help").exits(0).stdout;
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let mut expected: Vec<String> = commands
        .filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next())
        .filter(|name| *name != "help" && help.contains(&format!("\n  {name} ")))
        .map(|name| format!("muster-{name}.1"))
        .collect();
    expected.push("muster.1".to_owned());
    expected.sort();
    expected.dedup();
    assert_eq!(pages, expected);
    assert!(pages.contains(&"muster-continue.1".to_owned()) && !pages.iter().any(|page| page.contains("keep")));
    for page in pages {
        let text = scene.read(&format!("man1/{page}"));
        for part in [
            ".SH \"EXIT STATUS\"",
            "needs a person",
            ".SH ENVIRONMENT",
            "NO_COLOR",
            "PGPASSFILE",
            ".SH FILES",
            ".SH \"SEE ALSO\"",
        ] {
            assert!(text.contains(part), "{part} in {page}:\n{text}");
        }
    }
    assert!(scene.read("man1/muster-run.1").contains("approved"));
    let alone = scene.types("man").exits(0);
    assert!(alone.stdout.contains(".TH muster"), "{alone}");
    scene.types("man nowhere").exits(2).warns("nowhere is no folder");
}

#[test]
fn needs_groff_a_reader_of_manuals_finds_nothing_wrong_with_any_page() {
    let scene = scene();
    for page in pages(&scene) {
        let seen = scene.starts_program("groff", &format!("-man -ww -z -K utf8 -T utf8 man1/{page}")).ends().exits(0);
        assert_eq!(seen.stderr, "", "{page}");
        let shown = scene.starts_program("groff", &format!("-man -K utf8 -T utf8 -P-cbou man1/{page}")).ends().exits(0);
        shown.says("EXIT STATUS").says("NO_COLOR");
    }
}
