//! `muster serve`: drills that begin by themselves, people who are told, a daemon that is asked.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread::JoinHandle;

use super::python::{python, says};
use crate::harness::{Running, Scene};

const SIMULATED: &str = "\
muster: 1
name: small
environment: simulated
regions: { primary: { name: east }, secondary: { name: west } }
";

const LAB: &str = "\
muster: 1
name: lab
environment: lab
regions: { primary: { name: here }, secondary: { name: there } }
";

/// Due since the beginning of the year, for all of it.
const DUE: &str =
    "schedule: { every: year, on: 1 january, at: \"00:00\", from: 2020-01-01, if_missed: run within 366 days }\n";

/// A drill that is due now, with this step, on this infrastructure.
fn scene(infrastructure: &str, step: &str) -> Scene {
    let head = "muster: 1\nname: drill\ntitle: A drill\ninfrastructure: infra.yaml\n";
    let playbook = format!("{head}{DUE}phases:\n  - name: failover\n    steps:\n      - {step}\n");
    Scene::new().file("drill.yaml", &playbook).file("infra.yaml", infrastructure)
}

const TOUCH: &str = "{ id: touch, command: { argv: [touch, touched] } }";

/// An address that takes one request with each of these answers, one after another, and gives what came.
fn hooks(answers: &'static [&'static str]) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let taken = std::thread::spawn(move || answers.iter().map(|answer| take(&listener, answer)).collect());
    (url, taken)
}

fn take(listener: &TcpListener, answer: &str) -> String {
    let (mut stream, _) = listener.accept().unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut request, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        request.push_str(&line);
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    request.push_str(&String::from_utf8(body).unwrap());
    write!(stream, "HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
    request
}

/// What the body of a request tells.
fn news(request: &str) -> serde_json::Value {
    serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap()
}

const TAKEN: &str = "204 No Content";

#[test]
fn a_drill_that_is_due_is_run_once_and_people_are_told_signed_needs_python3() {
    let (url, taken) = hooks(&[TAKEN]);
    let config = "muster: 1\nplaybooks: [drill.yaml]\nnotify: [{ name: ops, webhook: { file: hook }, secret: { file: key }, on: [end] }]\n";
    let scene = scene(SIMULATED, TOUCH).file("serve.yaml", config).file("hook", &url).file("key", "a secret\n");
    scene.types("serve --once --config serve.yaml").exits(0).warns("Drill passed: A drill");
    assert_eq!(scene.runs().len(), 1);
    let request = taken.join().unwrap().remove(0);
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let header = |name: &str| {
        let line = head.lines().find(|line| line.to_lowercase().starts_with(name)).unwrap_or_else(|| panic!("{head}"));
        line.split_once(": ").unwrap().1.to_owned()
    };
    let told: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!((told["event"].as_str(), told["playbook"].as_str()), (Some("end"), Some("drill")));
    assert!(told["text"].as_str().unwrap().contains("Simulated: not evidence"));
    let signed = serde_json::json!({
        "secret": "a secret", "body": body, "timestamp": header("x-muster-timestamp"), "signature": header("x-muster-signature"),
    });
    assert_eq!(says("hook.py", &signed.to_string()).trim(), "True");
    // Nothing is due any more, and nobody is told again.
    scene.types("serve --once --config serve.yaml").exits(0).never_says("Drill passed");
    assert_eq!(scene.runs().len(), 1);
    scene.types("schedule drill.yaml").exits(0).says("in time");
}

#[test]
fn what_somebody_does_not_take_is_said_and_taken_the_next_time() {
    let (url, taken) = hooks(&["503 Service Unavailable", TAKEN]);
    let config = "muster: 1\nplaybooks: [drill.yaml]\nnotify: [{ name: ops, webhook: { file: hook }, shape: slack, on: [end] }]\n";
    let scene = scene(SIMULATED, TOUCH).file("serve.yaml", config).file("hook", &url);
    let seen = scene.types("serve --once --config serve.yaml").exits(0);
    seen.warns("ops was not told of end/").warns("which is tried again: the webhook answered 503").never_says(&url);
    // As if the half minute until then had passed.
    let store = rusqlite::Connection::open(scene.path("reports/muster.db")).unwrap();
    assert_eq!(store.execute("UPDATE deliveries SET next_at = 0 WHERE state = 'waits'", []).unwrap(), 1);
    drop(store);
    scene.types("serve --once --config serve.yaml").exits(0).never_says("was not told");
    let taken = taken.join().unwrap();
    assert_eq!(taken[0].split("\r\n\r\n").nth(1), taken[1].split("\r\n\r\n").nth(1));
    assert!(taken[1].contains("{\"text\":\"*Drill passed: A drill*"));
}

#[test]
fn people_are_told_before_a_drill_and_when_one_is_overdue() {
    let (url, taken) = hooks(&[TAKEN, TAKEN]);
    let config = "muster: 1\nplaybooks: [drill.yaml]\nnotify: [{ name: ops, webhook: { file: hook } }]\n";
    // Half a year from today at least, so that nothing is due while this runs.
    let month = muster::time::wall_now().to_zoned(jiff::tz::TimeZone::UTC).month();
    let day = if (4..=9).contains(&month) { "1 january" } else { "1 july" };
    let schedule = format!(
        "schedule: {{ every: year, on: {day}, at: \"00:00\", from: 2020-01-01, if_missed: run within 1 days, warn: 366 days before }}\n"
    );
    let scene = scene(SIMULATED, TOUCH).file("serve.yaml", config).file("hook", &url);
    scene.write("drill.yaml", &scene.read("drill.yaml").replace(DUE, &schedule));
    scene
        .types("serve --once --config serve.yaml")
        .exits(0)
        .warns("Drill ahead: A drill")
        .warns("Drill overdue: A drill");
    let mut told: Vec<String> = taken.join().unwrap().iter().map(|it| news(it)["event"].to_string()).collect();
    told.sort();
    assert_eq!(told, ["\"before\"", "\"overdue\""]);
    assert!(scene.runs().is_empty());
}

#[test]
fn mail_reaches_a_server_of_another_hand_needs_aiosmtpd() {
    #[expect(clippy::disallowed_methods, reason = "this is no process of Muster's")]
    let mut server = Command::new(python());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/integration/schedule/smtp.py");
    let mut server = server.arg(script).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let port = lines.next().unwrap().unwrap();
    let email = format!(
        "{{ server: 'smtp://127.0.0.1:{port}', from: drills@example.test, to: [ops@example.test, 'Ann <ann@example.test>'] }}"
    );
    let config = format!("muster: 1\nplaybooks: [drill.yaml]\nnotify: [{{ name: mail, email: {email}, on: [end] }}]\n");
    let scene = scene(SIMULATED, TOUCH).file("serve.yaml", &config);
    scene.types("serve --once --config serve.yaml").exits(0);
    let mail: serde_json::Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    server.wait().unwrap();
    assert_eq!(mail["to"], serde_json::json!(["ops@example.test", "ann@example.test"]));
    assert_eq!(
        (mail["from"].as_str(), mail["subject"].as_str()),
        (Some("drills@example.test"), Some("[muster] Drill passed: A drill"))
    );
    assert!(mail["body"].as_str().unwrap().contains("muster show"));
}

#[test]
fn a_real_drill_waits_for_a_person_before_its_first_change() {
    let (url, taken) = hooks(&[TAKEN]);
    let config = "muster: 1\nplaybooks: [drill.yaml]\nnotify: [{ name: ops, webhook: { file: hook }, on: [gate] }]\n";
    let scene = scene(LAB, TOUCH).file("serve.yaml", config).file("hook", &url);
    let mut serving = scene.starts("serve --once --config serve.yaml");
    serving.until("Drill waits for a person: A drill").until("muster approve");
    assert!(!scene.path("touched").exists());
    let run = scene.runs().pop().unwrap();
    let told = news(&taken.join().unwrap()[0]);
    assert_eq!((told["event"].as_str(), told["run"].as_str()), (Some("gate"), Some(run.as_str())));
    assert!(told["text"].as_str().unwrap().contains(&format!("muster approve {run} begin --by NAME")));
    scene.types(&format!("approve {run} begin --by ann")).exits(0);
    serving.ends().exits(0);
    assert!(scene.path("touched").exists());
    scene.types(&format!("report {run} --format json")).exits(0).says("ann");
}

#[test]
fn a_drill_that_stands_still_tells_people_how_it_may_go_on() {
    let steps = "{ id: make, command: { argv: [touch, made], undo: [rm, made] } }\n      \
                 - { id: shaky, command: { argv: [test, -f, mended] }, on_failure: pause }";
    let (url, taken) = hooks(&[TAKEN]);
    let config = "muster: 1\nplaybooks: [drill.yaml]\nnotify: [{ name: ops, webhook: { file: hook }, on: [gate] }]\n";
    let scene = scene(&format!("{LAB}unattended: true\n"), steps).file("serve.yaml", config).file("hook", &url);
    let mut serving = scene.starts("serve --once --config serve.yaml");
    serving.until("Drill waits for a person: A drill").until("muster stop");
    let run = scene.runs().pop().unwrap();
    let told = news(&taken.join().unwrap()[0]);
    let (key, text) = (told["key"].as_str().unwrap(), told["text"].as_str().unwrap());
    assert!(key.starts_with(&format!("pause/{run}/")), "{key}");
    assert!(text.contains("step `shaky` failed") && text.contains(&format!("muster retry {run} shaky")), "{text}");
    scene.write("mended", "");
    scene.types(&format!("retry {run} shaky")).exits(0);
    serving.ends().exits(0).warns("Drill passed: A drill");
}

#[test]
fn a_drill_that_fails_is_seen_by_the_scheduler_that_called() {
    let scene = scene(&format!("{LAB}unattended: true\n"), "{ id: fails, command: { argv: ['false'] } }");
    scene.types("serve --once drill.yaml").exits(1).warns("Drill failed: A drill");
    // It was run, and is not due any more.
    scene.types("serve --once drill.yaml").exits(0);
}

/// A step that kills Muster itself, where `when` is so; it can tell whether it was done.
fn killer(when: &str) -> String {
    let script = format!("if {when}; then touch killed; kill -9 $PPID; sleep 600; fi; touch touched");
    format!("{{ id: kills, command: {{ argv: [sh, -c, \"{script}\"], observe: [test, -f, touched] }} }}")
}

#[test]
fn a_drill_that_was_killed_is_taken_up_again_by_its_daemon() {
    let scene = scene(&format!("{LAB}unattended: true\n"), &killer("! test -f killed"));
    let seen = scene.types("serve --once drill.yaml").exits(0);
    let seen =
        seen.warns("was left behind: nobody carries it out any more. It is taken up again, 1 of at most 5 times");
    let _ = seen.warns("Drill passed: A drill").never_says("2 of at most 5");
    assert!(scene.path("touched").exists());
    assert_eq!(scene.runs().len(), 1);
    let run = scene.runs().pop().unwrap();
    let journal = scene.read(&format!("reports/{run}/journal.jsonl"));
    assert_eq!(journal.matches("\"kind\":\"resumed\"").count(), 1);
}

#[test]
fn a_drill_that_is_killed_each_time_is_taken_up_so_often_and_then_named() {
    let scene = scene(&format!("{LAB}unattended: true\n"), &killer("true"));
    let seen = scene.types("serve --once drill.yaml").exits(1);
    let seen = seen.warns("5 of at most 5 times").warns("and has no end yet");
    let _ = seen.warns("It was taken up again 5 times, and is not any more by itself. Take it up again: muster resume");
    let run = scene.runs().pop().unwrap();
    let journal = scene.read(&format!("reports/{run}/journal.jsonl"));
    assert_eq!(journal.matches("\"kind\":\"resumed\"").count(), 5);
    // Another daemon leaves it at that.
    scene.types("serve --once drill.yaml").exits(0).never_says("taken up");
}

#[test]
fn a_real_drill_begins_by_itself_where_the_infrastructure_file_says_so() {
    let scene = scene(&format!("{LAB}unattended: true\n"), TOUCH);
    scene.types("serve --once drill.yaml").exits(0);
    assert!(scene.path("touched").exists() && scene.runs().len() == 1);
}

#[test]
fn a_drill_that_could_not_begin_is_told_and_not_tried_again() {
    let scene = scene(SIMULATED, "{ id: touch, comand: { argv: [touch, touched] } }");
    let seen = scene.types("serve --once drill.yaml").exits(1);
    seen.warns("could not begin for 20").warns("`comand` is neither an action nor a key");
    scene.types("serve --once drill.yaml").exits(0).never_says("could not begin");
    assert!(scene.runs().is_empty());
}

/// A daemon that listens, and where.
fn serves<'s>(scene: &'s Scene, more: &str) -> (Running<'s>, String) {
    let mut serving = scene.starts(&format!("serve drill.yaml --listen 127.0.0.1:0 {more}"));
    let said = serving.line_with("serving on http://");
    let address = said.split_once("http://").unwrap().1.trim().to_owned();
    (serving, address)
}

/// What is answered to a request.
fn asks(address: &str, request: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    // In one piece: who answers early closes.
    stream.write_all(format!("{request} HTTP/1.1\r\nhost: muster\r\n{headers}\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Until the daemon has looked at everything once.
fn until_well(scene: &Scene, address: &str, headers: &str) {
    scene.until("the daemon is well", || asks(address, "GET /healthz", headers).starts_with("HTTP/1.1 200"));
}

#[test]
fn the_daemon_answers_monitoring_and_ends_in_good_order_needs_promtool() {
    let scene = scene(SIMULATED, TOUCH);
    let (mut serving, address) = serves(&scene, "");
    until_well(&scene, &address, "");
    scene.until("the run is seen", || {
        asks(&address, "GET /metrics", "").contains("muster_drill_last_passed{playbook=\"drill\"} 1")
    });
    let metrics = asks(&address, "GET /metrics", "");
    let metrics = metrics.split_once("\r\n\r\n").unwrap().1;
    assert!(metrics.contains("muster_drill_overdue{playbook=\"drill\"} 0"), "{metrics}");
    promtool(metrics);
    assert!(asks(&address, "GET /schedule.ics", "").contains("BEGIN:VCALENDAR"));
    assert!(asks(&address, "GET /status.json", "").contains("\"kind\": \"muster-status\""));
    assert!(asks(&address, "POST /healthz", "content-length: 0\r\n").starts_with("HTTP/1.1 405"));
    assert!(asks(&address, "GET /etc/passwd", "").starts_with("HTTP/1.1 404"));
    let many = (0..70).map(|number| format!("x-{number}: 1\r\n")).collect::<Vec<_>>().concat();
    assert!(asks(&address, "GET /healthz", &many).starts_with("HTTP/1.1 431"));
    serving.terminate();
    serving.ends().exits(0);
}

fn promtool(metrics: &str) {
    #[expect(clippy::disallowed_methods, reason = "this is no process of Muster's")]
    let mut command = Command::new("promtool");
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn beyond_the_loopback_interface_a_token_is_needed() {
    let scene = scene(SIMULATED, TOUCH).file("token", "correct-horse-battery\n");
    scene.types("serve drill.yaml --listen 0.0.0.0:0").exits(2).warns("Name a token");
    let (mut serving, address) = serves(&scene, "--token-file token");
    let right = "authorization: Bearer correct-horse-battery\r\n";
    until_well(&scene, &address, right);
    for wrong in
        ["", "authorization: Bearer correct-horse-batterz\r\n", "authorization: Basic correct-horse-battery\r\n"]
    {
        assert!(asks(&address, "GET /metrics", wrong).starts_with("HTTP/1.1 401"), "{wrong}");
    }
    assert!(
        asks(&address, "GET /metrics", "authorization: bearer correct-horse-battery\r\n").starts_with("HTTP/1.1 200")
    );
    // Calendars can't send headers, and write as an address what stands in one.
    assert!(asks(&address, "GET /schedule.ics?token=correct%2Dhorse%2dbattery", "").starts_with("HTTP/1.1 200"));
    assert!(asks(&address, "GET /schedule.ics?token=correct-horse-battery", "").starts_with("HTTP/1.1 200"));
    assert!(asks(&address, "GET /schedule.ics?token=correct-horse-batter", "").starts_with("HTTP/1.1 401"));
    assert!(asks(&address, "GET /metrics?token=correct-horse-battery", "").starts_with("HTTP/1.1 401"));
    serving.terminate();
    serving.ends().exits(0);
}

#[test]
fn a_drill_goes_on_without_its_daemon_and_the_next_one_finds_it() {
    let long = "{ id: long, command: { argv: [sh, -c, 'touch begun; while ! test -f end; do sleep 0.02; done; touch touched'] } }";
    let scene = scene(&format!("{LAB}unattended: true\n"), long);
    let (mut serving, _) = serves(&scene, "");
    scene.until_there("begun");
    serving.terminate();
    serving.ends().exits(0).warns("these drills go on without the daemon: drill (20");
    // Another daemon begins nothing.
    scene.types("serve --once drill.yaml").exits(0);
    assert_eq!(scene.runs().len(), 1);
    scene.write("end", "");
    scene.until_there("touched");
    let run = scene.runs().pop().unwrap();
    scene.until("the run has ended", || scene.path("reports").join(&run).join("report.html").exists());
    let told = scene.types("serve --once drill.yaml").exits(0);
    let _ = told.warns("Drill passed: A drill");
    assert_eq!(scene.runs().len(), 1);
}
