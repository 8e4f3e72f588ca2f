//! Secrets: a drill that has them everywhere they may be, and prints them wherever it can, leaves none anywhere.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use super::{REAL, lab_with};
use crate::harness::Scene;

/// What has characters that are encoded in URLs, JSON and HTML.
const BY_ENV: &str = r#"e-p@ss/w0rd+4711&"quoted"<x>"#;
const BY_FILE: &str = "f-t0ken_8812-zulu";
const HEADER: &str = "h-bearer-551277";
const HOOK: &str = "k-hook-900913";
/// Read by the last step alone, and printed by the first.
const LATE: &str = "l-late-secret-31337";

const ALL: [&str; 5] = [BY_ENV, BY_FILE, HEADER, HOOK, LATE];

/// The forms that the redactor knows, made by other means than its own.
fn forms() -> Vec<String> {
    let mut forms: Vec<String> = ALL.iter().map(|secret| (*secret).to_owned()).collect();
    for secret in ALL {
        let percent = |upper: bool| -> String {
            let one = |byte: u8| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
                _ if upper => format!("%{byte:02X}"),
                _ => format!("%{byte:02x}"),
            };
            secret.bytes().map(one).collect()
        };
        forms.extend([percent(true), percent(false)]);
        forms.push(secret.replace('"', "\\\""));
        forms.push(secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"));
    }
    // `printf %s SECRET | base64`.
    forms.push("ZS1wQHNzL3cwcmQrNDcxMSYicXVvdGVkIjx4Pg".to_owned());
    forms.push("Zi10MGtlbl84ODEyLXp1bHU".to_owned());
    forms.sort();
    forms.dedup();
    forms
}

#[track_caller]
fn is_clean(what: &str, text: &str) {
    for form in forms() {
        if let Some(at) = text.find(&form) {
            let around = text.floor_char_boundary(at.saturating_sub(300));
            panic!("`{form}` is in {what}: {}", &text[around..at + form.len()]);
        }
    }
}

/// Answers with what it was sent as `Authorization`, and with every secret: status 503 for `/leak`, 200 else.
fn echoes() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // It ends with the test's process.
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || echo(stream));
        }
    });
    port
}

fn echo(mut stream: TcpStream) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut request = String::new();
    reader.read_line(&mut request).ok()?;
    let mut said = String::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        if header.trim().is_empty() {
            break;
        }
        said.push_str(&header.replace("\r\n", "; "));
    }
    let status = if request.contains("/leak") { "503 Sorry" } else { "200 OK" };
    let body = format!("{} {said}", ALL.join(" "));
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len()).ok()
}

const TOP: &str = "services:
  leaks:
    title: Leaks
    probe: { http: 'http://SERVER/leak', expect: { status: 200 }, every: 100ms, timeout: 1s, healthy_after: 2, unhealthy_after: 2 }
";

/// Every place that takes a secret, and every place that could print one.
const STEPS: &str = r"      - { id: early, command: { argv: [sh, say.sh] } }
      - id: echo
        command:
          argv: [sh, -c, 'echo $A $B; printf %s $A | base64; printf %s $B | base64; env']
          env: { A: { env: BY_ENV }, B: { file: by-file } }
      - id: fails
        command: { argv: [sh, -c, 'echo $A; echo $A $B >&2; exit 3'], env: { A: { env: BY_ENV }, B: { file: by-file } } }
        on_failure: continue
      - id: observes
        command: { argv: ['true'], observe: [sh, -c, 'echo $A >&2; exit 9'], env: { A: { env: BY_ENV } } }
        timeout: 1s
        on_failure: continue
      - { id: ask, http: { url: 'http://SERVER/ok', headers: { authorization: { env: HEADER } }, expect: { status: 200 } } }
      - id: ask-wrong
        http: { url: 'http://SERVER/leak', headers: { authorization: { env: HEADER } }, expect: { status: 200 } }
        on_failure: continue
      - { id: tell, notify: { webhook: { env: HOOK }, message: 'Drill {{ run.id }}' } }
      - { id: tell-wrong, notify: { webhook: { env: WRONG_HOOK }, message: 'Drill {{ run.id }}' }, on_failure: continue }
      - { id: wait, wait: { service: leaks, until: unhealthy }, timeout: 20s }
      - id: hold
        command: { argv: [sh, -c, 'touch begun; while ! test -f end; do sleep 0.02; done'], env: { A: { env: BY_ENV } } }
      - { id: late, command: { argv: ['true'], env: { L: { file: late } } } }
";

fn scene() -> Scene {
    let server = format!("127.0.0.1:{}", echoes());
    let say: Vec<String> = forms().iter().map(|form| format!("cat <<'END'\n{form}\nEND\n")).collect();
    let say = say.concat();
    lab_with(&TOP.replace("SERVER", &server), &STEPS.replace("SERVER", &server))
        .file("say.sh", &say)
        .file("by-file", &format!("{BY_FILE}\n"))
        .file("late", LATE)
        .env("BY_ENV", BY_ENV)
        .env("HEADER", HEADER)
        .env("HOOK", &format!("http://{server}/{HOOK}"))
        .env("WRONG_HOOK", &format!("http://127.0.0.1:1/{HOOK}"))
}

/// Every file below a folder.
fn files(folder: std::path::PathBuf) -> Vec<std::path::PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            if entry.path().is_dir() { folders.push(entry.path()) } else { found.push(entry.path()) }
        }
    }
    found
}

#[test]
fn a_drill_full_of_secrets_leaves_none_behind() {
    let scene = scene();
    let running = scene.starts(&format!("-vvv run drill.yaml {REAL}"));
    scene.until_there("begun");
    let mut looked = 0;
    for process in fs::read_dir("/proc").unwrap().map(Result::unwrap) {
        // One that has ended meanwhile shows nothing.
        let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        looked += usize::from(line.contains("touch begun"));
        is_clean("the process list", &line);
    }
    assert!(looked > 0, "the step's own process was not seen");
    scene.write("end", "");
    let seen = running.ends();
    assert!(seen.stderr.contains("hold  passed") && seen.stderr.contains("late  passed"), "{seen}");
    assert!(seen.stderr.contains("***"), "{seen}");
    is_clean("standard output", &seen.stdout);
    is_clean("standard error", &seen.stderr);
    let left = files(scene.path("reports"));
    assert!(left.len() >= 6, "{left:?}");
    for file in left {
        is_clean(&file.display().to_string(), &String::from_utf8_lossy(&fs::read(&file).unwrap()));
    }
    let run = &scene.runs()[0];
    let formats = ["text", "json", "markdown", "html", "junit"];
    let reports = formats.iter().map(|format| format!("report {run} --format {format}"));
    for line in reports.chain([format!("show {run}"), "history".to_owned(), format!("verify {run}")]) {
        let seen = scene.types(&line).exits(0);
        is_clean(&line, &seen.stdout);
        is_clean(&line, &seen.stderr);
    }
}

#[test]
fn what_people_type_is_kept_without_secrets_also_in_the_store() {
    let steps = "      - id: hold
        command:
          argv: [sh, -c, 'touch begun; while ! test -f end; do sleep 0.02; done']
          env: { A: { file: by-file }, B: { env: HEADER } }
";
    let scene = lab_with("", steps).file("by-file", &format!("{BY_FILE}\n")).env("HEADER", HEADER);
    let running = scene.starts(&format!("-vvv run drill.yaml {REAL} --lead {BY_FILE} --participant x-{HEADER}"));
    scene.until_there("begun");
    for line in [
        format!("approve hold --because because-{BY_FILE} --by {HEADER} --evidence-text saw-{HEADER}"),
        format!("pause --because because-{BY_FILE} --by name-{HEADER}"),
        format!("abort --because because-{BY_FILE} --by name-{HEADER}"),
    ] {
        // They go from the store with the run's lease, so they are read before the one that may end it.
        if line.starts_with("abort") {
            let store = rusqlite::Connection::open(scene.path("reports/muster.db")).unwrap();
            let mut rows = store.prepare("SELECT command FROM commands ORDER BY id").unwrap();
            let rows: Vec<String> = rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
            assert!(rows.len() == 2 && rows.iter().all(|row| row.contains("because-***")), "{rows:?}");
        }
        let seen = scene.types(&line);
        is_clean(&line, &seen.stdout);
        is_clean(&line, &seen.stderr);
        assert!(!seen.stderr.contains("has not taken it yet"), "{line}: {seen}");
    }
    scene.write("end", "");
    let seen = running.ends();
    is_clean("standard output", &seen.stdout);
    is_clean("standard error", &seen.stderr);
    for file in files(scene.path("reports")) {
        is_clean(&file.display().to_string(), &String::from_utf8_lossy(&fs::read(&file).unwrap()));
    }
}

#[test]
fn a_run_that_is_taken_up_again_knows_its_secrets_too() {
    let scene = scene();
    let mut running = scene.starts(&format!("-vvv run drill.yaml {REAL}"));
    running.until_file("begun").kill();
    drop(running);
    scene.write("end", "");
    let by_hand = format!("--skip hold --because by-{BY_FILE} --by name-{HEADER}");
    let seen = scene.types(&format!("-vvv resume {} --stop {by_hand}", scene.runs()[0]));
    assert!(seen.stderr.contains("by-***"), "{seen}");
    is_clean("standard output", &seen.stdout);
    is_clean("standard error", &seen.stderr);
    for file in files(scene.path("reports")) {
        is_clean(&file.display().to_string(), &String::from_utf8_lossy(&fs::read(&file).unwrap()));
    }
}
