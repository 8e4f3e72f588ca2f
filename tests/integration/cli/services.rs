//! Probes, requests and messages, against a small server on this machine.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;

use super::{REAL, lab_with};
use crate::harness::Scene;

/// Answers 200 and `ok`; 503 while there is a file `down` in its folder. Notes what is posted in the file `posted`.
fn serve(folder: PathBuf) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // It ends with the test's process.
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let folder = folder.clone();
            thread::spawn(move || answer(stream, &folder));
        }
    });
    port
}

fn answer(mut stream: TcpStream, folder: &Path) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut request = String::new();
    reader.read_line(&mut request).ok()?;
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        if header.trim().is_empty() {
            break;
        }
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    if request.starts_with("POST") {
        let mut body = String::new();
        reader.take(length).read_to_string(&mut body).ok()?;
        let mut posted = fs::OpenOptions::new().create(true).append(true).open(folder.join("posted")).ok()?;
        writeln!(posted, "{} {body}", request.trim()).ok()?;
    }
    let (status, body) = if folder.join("down").exists() { ("503 Sorry", "sorry") } else { ("200 OK", "ok") };
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len()).ok()
}

/// A folder with a server beside it; `SERVER` in the texts is its address.
fn served(top: &str, steps: &str) -> Scene {
    let scene = lab_with(top, steps);
    let port = serve(scene.path("."));
    let text = fs::read_to_string(scene.path("drill.yaml")).unwrap();
    scene.write("drill.yaml", &text.replace("SERVER", &format!("127.0.0.1:{port}")));
    scene
}

const WEB: &str = "objectives: { rto: 30s }
services:
  web:
    title: Web
    probe: { http: 'http://SERVER/healthz', expect: { status: 200, body_contains: ok }, every: 50ms, timeout: 1s, healthy_after: 2, unhealthy_after: 2 }
  port: { title: Port, probe: { tcp: SERVER, every: 50ms, timeout: 1s, healthy_after: 2, unhealthy_after: 2 } }
";

const DOWN_AND_UP: &str = "      - { id: well, check: { services: all, healthy_for: 200ms }, timeout: 20s }
      - { id: break, command: { argv: [touch, down] } }
      - { id: noticed, wait: { service: web, until: unhealthy }, timeout: 20s }
      - { id: repair, command: { argv: [rm, down] } }
      - { id: well-again, check: { services: all, healthy_for: 200ms }, timeout: 20s }
";

#[test]
fn an_outage_is_measured_in_real_time() {
    let scene = served(WEB, DOWN_AND_UP);
    let seen = scene.types(&format!("run drill.yaml {REAL}")).exits(0);
    let seen =
        seen.warns("web does not answer as it should: status 503, expected 200: sorry").warns("web answers again");
    assert!(!seen.stderr.contains("port does not answer"), "the port was open all the while\n{seen}");
    let report = fs::read_to_string(scene.only_run().join("report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let services = report["record"]["services"].as_array().unwrap();
    let outages = |n: usize| services[n]["outages"].as_array().unwrap().clone();
    assert_eq!((outages(0).len(), outages(1).len()), (1, 0), "{services:?}");
}

#[test]
fn an_outage_that_takes_too_long_is_missed() {
    let scene =
        served(&WEB.replace("objectives: { rto: 30s }", "objectives: { rto: 1ms }\noutage_limit: 1m"), DOWN_AND_UP);
    scene.types(&format!("run drill.yaml {REAL}")).exits(1).says("missed");
}

#[test]
fn a_request_is_judged_and_what_was_seen_is_told() {
    let ask = "      - { id: ask, http: { url: 'http://SERVER/x', expect: { status: 200, body_contains: WORD } } }\n";
    served("", &ask.replace("WORD", "ok")).types(&format!("run drill.yaml {REAL}")).exits(0);
    let seen = served("", &ask.replace("WORD", "fine")).types(&format!("run drill.yaml {REAL}"));
    assert_ne!(seen.code, 0, "{seen}");
    seen.warns("the body does not contain `fine`; it begins `ok`");
    let scene = served("", &ask.replace("WORD", "ok")).file("down", "");
    let seen = scene.types(&format!("run drill.yaml {REAL}"));
    assert_ne!(seen.code, 0, "{seen}");
    seen.warns("status 503, expected 200: sorry");
}

const SECRET: &str = "t0p-secret-token";

/// A secret is in no file that a run leaves, and nowhere on the screen.
#[track_caller]
fn is_nowhere(scene: &Scene) {
    let mut folders = vec![scene.path("reports")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            if entry.path().is_dir() {
                folders.push(entry.path());
                continue;
            }
            let bytes = fs::read(entry.path()).unwrap();
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains(SECRET), "the secret is in {}", entry.path().display());
        }
    }
}

const TELL: &str = "      - { id: tell, notify: { webhook: { env: HOOK }, message: 'Drill {{ run.id }} begins' } }\n";

#[test]
fn a_message_reaches_its_webhook_and_its_secret_stays_one() {
    let scene = served("", TELL);
    let text = fs::read_to_string(scene.path("drill.yaml")).unwrap();
    let port = serve(scene.path("."));
    assert!(!text.contains(SECRET));
    let scene = scene.env("HOOK", &format!("http://127.0.0.1:{port}/hook/{SECRET}"));
    scene.types(&format!("run drill.yaml {REAL}")).exits(0).never_says(SECRET);
    let posted = scene.read("posted");
    assert!(posted.starts_with(&format!("POST /hook/{SECRET} ")), "{posted}");
    assert!(posted.contains(r#"{"text":"Drill [time]-drill begins"}"#), "{posted}");
    is_nowhere(&scene);
}

#[test]
fn a_message_to_slack_has_blocks_and_tells_what_happened() {
    let summary = "message: \"Drill {{ run.id }}: {{ run.verdict }}\\n\\n{{ run.summary }}\"";
    let tell = format!(
        "      - {{ id: work, command: {{ argv: ['true'], undo: ['true'] }} }}\n  - name: cleanup\n    steps:\n      - {{ id: tell, notify: {{ webhook: {{ env: HOOK }}, shape: slack, {summary} }} }}\n"
    );
    let scene = served("", &tell);
    let port = serve(scene.path("."));
    let scene = scene.env("HOOK", &format!("http://127.0.0.1:{port}/hook"));
    scene.types(&format!("run drill.yaml {REAL}"));
    let posted = scene.read("posted");
    let (_, body) = posted.split_once("HTTP/1.1 ").unwrap();
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    let verdict = body["text"].as_str().unwrap();
    assert!(verdict.starts_with("Drill [time]-drill: ") && !verdict.contains("not known"), "{body:#}");
    assert_eq!(body["blocks"][0]["type"], "header");
    assert_eq!(body["blocks"][0]["text"]["text"], verdict);
    let told = body["blocks"][1]["text"]["text"].as_str().unwrap();
    assert!(told.ends_with("everything is home again."), "{told}");
    let objectives = body["blocks"][2]["text"]["text"].as_str().unwrap();
    assert!(objectives.contains("Recovery time, failover: "), "{objectives}");
}

#[test]
fn a_webhook_that_is_not_there_does_not_give_its_secret_away() {
    for hook in ["http://127.0.0.1:1/t0p-secret-token", "http://t0p-secret-token.invalid/", "t0p-secret-token"] {
        let scene = lab_with("", TELL).env("HOOK", hook);
        let seen = scene.types(&format!("run drill.yaml {REAL}")).never_says(SECRET);
        assert_ne!(seen.code, 0, "{seen}");
        is_nowhere(&scene);
    }
    let seen = lab_with("", TELL).types(&format!("run drill.yaml {REAL}"));
    assert_ne!(seen.code, 0, "{seen}");
    seen.says("HOOK");
}

#[test]
fn a_program_that_prints_its_secret_prints_stars() {
    let steps = "      - { id: leak, command: { argv: [sh, -c, 'echo $TOKEN; echo $TOKEN >&2; exit $CODE'], env: { TOKEN: { env: TOKEN }, CODE: 'N' } } }\n";
    for code in ["0", "1"] {
        let scene = lab_with("", &steps.replace('N', code)).env("TOKEN", SECRET);
        scene.types(&format!("run drill.yaml {REAL}")).never_says(SECRET);
        is_nowhere(&scene);
    }
}
