//! `report.html` as a browser shows it.

use std::path::Path;
use std::process::Command;

use super::shipped;
use crate::harness::Scene;

/// What a browser made of a page.
struct Page {
    /// The document after everything has run.
    dom: String,
    /// What it said: errors of the page's among much else.
    log: String,
}

/// Loads a page in a browser that can reach nothing.
fn load(scene: &Scene, page: &Path) -> Page {
    #[expect(clippy::disallowed_methods, reason = "the page is looked at as a person looks at it")]
    let mut browser = Command::new("chromium");
    browser.args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-extensions"]);
    browser.args(["--disable-background-networking", "--disable-dev-shm-usage", "--enable-logging=stderr", "--v=0"]);
    // Whatever the page asks for elsewhere fails, and that it asked is in the log.
    browser.args(["--host-resolver-rules=MAP * ~NOTFOUND", "--proxy-server=direct://", "--virtual-time-budget=2000"]);
    browser.arg(format!("--user-data-dir={}", scene.path("browser").display()));
    browser.arg("--dump-dom").arg(format!("file://{}", page.display()));
    let output = browser.output().unwrap();
    assert!(output.status.success(), "the browser failed: {}", String::from_utf8_lossy(&output.stderr));
    Page { dom: String::from_utf8(output.stdout).unwrap(), log: String::from_utf8_lossy(&output.stderr).into_owned() }
}

/// What the console of a page said.
fn console(page: &Page) -> Vec<&str> {
    page.log.lines().filter(|line| line.contains("CONSOLE")).collect()
}

#[test]
fn needs_chromium_the_report_is_whole_and_asks_for_nothing() {
    let scene = shipped();
    scene.types("run playbooks/quarterly-failover.yaml --mode unplanned -q").exits(0);
    let page = load(&scene, &scene.only_run().join("report.html"));
    assert_eq!(console(&page), Vec::<&str>::new());
    for part in ["Quarterly failover of the code host", "passed", "<svg", "us-west-2", "</html>"] {
        assert!(page.dom.contains(part), "the page does not show `{part}`");
    }
    // Nothing on it could be loaded from anywhere.
    for outside in ["src=\"http", "href=\"http", "url(http", "@import", "<script src", "<link"] {
        assert!(!page.dom.contains(outside), "the page refers to something outside: {outside}");
    }
}

#[test]
fn needs_chromium_a_console_error_would_be_seen() {
    let scene = Scene::new()
        .file("page.html", "<!doctype html><script>console.error('oh')</script><img src='http://a.test/x'>");
    let page = load(&scene, &scene.path("page.html"));
    assert!(console(&page).iter().any(|line| line.contains("oh")), "{}", page.log);
}

#[test]
fn needs_chromium_hostile_text_stays_text() {
    let scene = shipped();
    let path = "playbooks/quarterly-failover.yaml";
    let text = std::fs::read_to_string(scene.path(path)).unwrap();
    let hostile = "title: \"<script>console.error('run')</script><img src=x onerror=console.error('run')>\"";
    let title = text.lines().find(|line| line.starts_with("title: ")).unwrap();
    scene.write(path, &text.replacen(title, hostile, 1));
    scene.types(&format!("run {path} -q")).exits(0);
    let page = load(&scene, &scene.only_run().join("report.html"));
    assert_eq!(console(&page), Vec::<&str>::new());
    assert!(page.dom.contains("&lt;script&gt;console.error('run')"));
}
