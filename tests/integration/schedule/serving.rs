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

/// An address that takes one request with this answer, and gives what came.
fn hook(answer: &'static str) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let taken = std::thread::spawn(move || {
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
    });
    (url, taken)
}

#[test]
fn a_drill_that_is_due_is_run_once_and_people_are_told_signed_needs_python3() {
    let (url, taken) = hook("204 No Content");
    let config = "muster: 1\nplaybooks: [drill.yaml]\nnotify: [{ name: ops, webhook: { file: hook }, secret: { file: key }, on: [end] }]\n";
    let scene = scene(SIMULATED, TOUCH).file("serve.yaml", config).file("hook", &url).file("key", "a secret\n");
    scene.types("serve --once --config serve.yaml").exits(0).warns("Drill passed: A drill");
    assert_eq!(scene.runs().len(), 1);
    let request = taken.join().unwrap();
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
fn what_somebody_does_not_take_is_said_and_tried_again() {
    let (url, taken) = hook("503 Service Unavailable");
    let config = "muster: 1\nplaybooks: [drill.yaml]\nnotify: [{ name: ops, webhook: { file: hook }, shape: slack, on: [end] }]\n";
    let scene = scene(SIMULATED, TOUCH).file("serve.yaml", config).file("hook", &url);
    let seen = scene.types("serve --once --config serve.yaml").exits(0);
    seen.warns("ops was not told of end/").warns("which is tried again: the webhook answered 503").never_says(&url);
    assert!(taken.join().unwrap().contains("{\"text\":\"*Drill passed: A drill*"));
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
    let scene = scene(LAB, TOUCH);
    let mut serving = scene.starts("serve --once drill.yaml");
    serving.until("Drill waits for a person: A drill").until("muster approve");
    assert!(!scene.path("touched").exists());
    let run = scene.runs().pop().unwrap();
    scene.types(&format!("approve {run} begin --by ann")).exits(0);
    serving.ends().exits(0);
    assert!(scene.path("touched").exists());
    scene.types(&format!("report {run} --format json")).exits(0).says("ann");
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
    let seen = scene.types("serve --once drill.yaml").exits(0);
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
    // Calendars can't send headers.
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
