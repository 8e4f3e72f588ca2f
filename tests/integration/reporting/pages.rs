//! `report.html` by the rules of accessibility, on a desk and on a phone, without a mouse and without its script.

use std::path::PathBuf;

use super::runs::of_every_kind;
use super::{output, program, root};
use crate::harness::Scene;

/// Where `tests/run` installs it, in the folder of npm's packages.
const AXE: &str = "node_modules/axe-core/axe.min.js";

fn axe() -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "tests/run keeps packages where this machine keeps caches")]
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(|| {
        #[expect(clippy::disallowed_methods, reason = "as above")]
        std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"))
    });
    let axe = cache.unwrap().join("muster/npm").join(AXE);
    assert!(axe.is_file(), "axe-core is not there: tests/run installs it");
    axe
}

/// What is wrong with pages.
fn wrong(pages: &[PathBuf]) -> Vec<String> {
    let told = output(program("node").arg(root().join("tests/browser/check.mjs")).arg(axe()).args(pages));
    serde_json::from_str(&told).unwrap_or_else(|error| panic!("{error}: {told}"))
}

#[test]
fn needs_axe_the_page_of_every_kind_of_run_can_be_used_by_everybody() {
    let runs = of_every_kind();
    let pages: Vec<PathBuf> = runs
        .iter()
        .map(|run| {
            run.scene.types(&format!("report {} --format html --out page.html", run.id)).exits(0);
            run.scene.path("page.html")
        })
        .collect();
    assert_eq!(wrong(&pages), Vec::<String>::new());
}

#[test]
fn needs_axe_what_shuts_people_out_is_found() {
    let page = "<!doctype html><title>x</title><h1>x</h1><p style='color:#ccc;background:#fff'>pale</p><button></button>\
                <div style='width:900px'>wide</div><script>console.error('oh')</script>";
    let scene = Scene::new().file("bad.html", page);
    let found = wrong(&[scene.path("bad.html")]).join("\n");
    for part in ["color-contrast", "html-has-lang", "button-name", "it is 9", "it said oh"] {
        assert!(found.contains(part), "`{part}` was not found:\n{found}");
    }
}
