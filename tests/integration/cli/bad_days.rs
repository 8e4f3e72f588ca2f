//! Bad days: the disk is full, the store is locked, clocks jump, programs talk without end, terminals are gone.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write as _};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use super::{REAL, SHIPPED, SHIPPED_RUN, lab, lab_with, shipped};
use crate::harness::{Patience, Running, Scene};

const MUSTER: &str = env!("CARGO_BIN_EXE_muster");

/// Starts Muster by a shell, after something else; `MUSTER` stands for the program.
fn by_shell<'scene>(scene: &'scene Scene, script: &str) -> Running<'scene> {
    let script = script.replace("MUSTER", MUSTER);
    scene.starts_program("sh", &format!("-c \"{script}\""))
}

fn journal(scene: &Scene) -> String {
    fs::read_to_string(scene.only_run().join("journal.jsonl")).unwrap()
}

/// How many steps the drill with the full disk has.
const TALKERS: usize = 200;

/// Steps that each add a line to a file, tell whether it is there, and leave two kilobytes in the journal.
fn talkers() -> String {
    let mut steps = String::new();
    for n in 1..=TALKERS {
        let add = format!("echo {n} >> lines; head -c 2000 /dev/zero | tr \\\\0 x");
        let observe = format!("[grep, -qx, '{n}', lines]");
        writeln!(steps, "      - {{ id: s{n}, command: {{ argv: [sh, -c, '{add}'], observe: {observe} }} }}").unwrap();
    }
    steps
}

#[test]
fn a_full_disk_stops_a_run_before_the_next_step_and_it_is_taken_up_when_there_is_room() {
    let scene = lab(&talkers()).file("lines", "");
    // A limit on the size of files is a disk that is full for the journal alone; 512 bytes each.
    let running = by_shell(&scene, &format!("trap '' XFSZ; ulimit -f 500; exec MUSTER run drill.yaml {REAL}"));
    let run = "[time]-drill";
    let seen = running.ends().exits(5).warns("the journal can't be written any more").warns("Nothing new was begun");
    let seen = seen.warns(&format!("muster resume {run}"));
    let done = fs::read_to_string(scene.path("lines")).unwrap().lines().count();
    assert!((10..TALKERS).contains(&done), "{done} steps were done\n{seen}");
    let whole = journal(&scene).lines().filter(|line| line.contains(r#""kind":"step_started""#)).count();
    assert!(done <= whole, "{done} steps were done, {whole} intents are in the journal");
    let run = scene.runs()[0].clone();
    scene.types("history").exits(0).warns("left behind");
    scene.types(&format!("resume {run}")).exits(0).says("PASSED");
    let lines: Vec<usize> =
        fs::read_to_string(scene.path("lines")).unwrap().lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(lines, (1..=TALKERS).collect::<Vec<_>>(), "each step once, in order");
    scene.types(&format!("verify {run}")).exits(0);
}

#[test]
fn a_disk_that_is_full_from_the_start_lets_nothing_begin() {
    let scene = lab("      - { id: touch, command: { argv: [touch, touched] } }\n");
    // The index of runs is there, and nothing more fits.
    scene.types("simulate drill.yaml").exits(0);
    let running = by_shell(&scene, &format!("trap '' XFSZ; ulimit -f 1; exec MUSTER run drill.yaml {REAL}"));
    let seen = running.ends();
    let seen = seen.exits(2).warns("Nothing was touched");
    assert!(!scene.path("touched").exists(), "{seen}");
    scene.types("history").exits(0).never_says("left behind");
    scene.types(&format!("run drill.yaml {REAL}")).exits(0);
}

#[test]
fn a_report_that_cannot_be_written_at_the_end_costs_neither_verdict_nor_leases() {
    let wait = "touch begun; while ! test -f end; do sleep 0.02; done";
    let scene = lab(&format!("      - {{ id: wait, command: {{ argv: [sh, -c, '{wait}'] }} }}\n"));
    let mut running = scene.starts(&format!("run drill.yaml {REAL}"));
    running.until_file("begun");
    // As if the disk were full for this one: nothing can be put in the place of a folder.
    fs::create_dir_all(scene.only_run().join("report.html/full")).unwrap();
    scene.write("end", "");
    let seen = running.ends().exits(1).says("PASSED");
    seen.warns("report.html can't be written").warns("muster report [time]-drill --format");
    for there in ["report.md", "report.json", "junit.xml"] {
        assert!(scene.only_run().join(there).exists(), "{there}");
    }
    assert!(!scene.only_run().join("report.part").exists());
    scene.types("history").exits(0).says("passed").never_says("left behind");
    // Nothing is held any more.
    scene.types(&format!("run drill.yaml {REAL}")).exits(0);
}

/// Keeps every other program from writing to the store while it lives; from reading it too, if `how` says so.
fn locked(scene: &Scene, how: &str) -> rusqlite::Connection {
    let connection = rusqlite::Connection::open(scene.path("reports/muster.db")).unwrap();
    connection.busy_timeout(Duration::from_secs(10)).unwrap();
    connection.execute_batch(how).unwrap();
    connection
}

#[test]
fn a_store_that_another_program_locks_is_waited_for_and_then_named() {
    let scene = lab("      - { id: touch, command: { argv: [touch, touched] } }\n");
    scene.types("simulate drill.yaml").exits(0);
    scene.types(&format!("run drill.yaml {REAL}")).exits(0);
    fs::remove_file(scene.path("touched")).unwrap();
    let lock = locked(&scene, "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; UPDATE runs SET title = title;");
    let seen = scene.types(&format!("run drill.yaml {REAL}")).exits(2);
    seen.warns("muster.db").warns("another program").warns("try again");
    assert!(!scene.path("touched").exists());
    drop(lock);
    scene.types(&format!("run drill.yaml {REAL}")).exits(0);
}

#[test]
fn a_store_that_is_locked_under_a_run_lets_it_act_no_longer_than_its_lease() {
    let steps =
        "      - { id: first, command: { argv: [sh, -c, 'touch begun; while ! test -f end; do sleep 0.02; done'] } }
      - { id: after, command: { argv: [touch, after] }, timeout: 20s }
";
    let scene = lab(steps);
    let mut running = scene.starts(&format!("run drill.yaml {REAL} --lease 900ms"));
    running.until_file("begun");
    let lock = locked(&scene, "BEGIN IMMEDIATE;");
    thread::sleep(Duration::from_secs(1));
    scene.write("end", "");
    let seen = running.ends();
    assert_ne!(seen.code, 0, "{seen}");
    assert!(!scene.path("after").exists(), "it acted although it could not know that it still may\n{seen}");
    seen.warns("muster.db").warns("another program");
    drop(lock);
}

/// The same journal with other wall times, and the chain made anew.
fn retimed(journal: &str, at: impl Fn(usize, jiff::Timestamp) -> jiff::Timestamp) -> String {
    use sha2::Digest as _;
    let mut out = String::new();
    let mut prev = "0".repeat(64);
    for (n, line) in journal.lines().enumerate() {
        let (head, rest) = line.split_once(r#""at":""#).unwrap();
        let (time, rest) = rest.split_once('"').unwrap();
        let time = at(n, time.parse().unwrap());
        let (body, old) = rest.rsplit_once(r#""prev":""#).unwrap();
        let line = format!("{head}\"at\":\"{time:.9}\"{body}\"prev\":\"{prev}{}", &old[64..]);
        prev = sha2::Sha256::digest(line.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        writeln!(out, "{line}").unwrap();
    }
    out
}

#[test]
fn a_clock_that_jumps_by_hours_changes_no_figure() {
    let scene = shipped();
    scene.types(SHIPPED).exits(0);
    // Times of day and hashes are taken out of what is seen; all else must be the same.
    let report = |scene: &Scene| scene.types(&format!("report {SHIPPED_RUN} --format json")).exits(0).stdout;
    let before = report(&scene);
    let path = scene.path("reports").join(SHIPPED_RUN);
    let text = fs::read_to_string(path.join("journal.jsonl")).unwrap();
    assert_eq!(retimed(&text, |_, at| at), text, "the chain is made as Muster makes it");
    let hours = |hours: i64| jiff::SignedDuration::from_hours(hours);
    // Five hours forward, then eleven back, then an hour forward.
    let jumping = retimed(&text, |n, at| at + hours([0, 5, -6, -5][(n / 40).min(3)]));
    assert_ne!(jumping, text);
    fs::write(path.join("journal.jsonl"), &jumping).unwrap();
    fs::remove_file(path.join("report.json")).unwrap();
    scene.types(&format!("verify {SHIPPED_RUN}")).exits(0);
    let after = report(&scene);
    for (left, right) in before.lines().zip(after.lines()) {
        assert_eq!(left, right, "a figure follows from the time of day");
    }
    assert_eq!(before.len(), after.len());
}

#[test]
fn a_gigabyte_of_output_is_cut_and_counted_and_takes_no_memory() {
    let steps = "      - { id: talk, command: { argv: [head, -c, '1000000000', /dev/zero] }, timeout: 50s }
      - { id: look, command: { argv: [sh, -c, 'grep VmHWM /proc/$PPID/status > peak'] } }
";
    let scene = lab(steps);
    scene.types(&format!("run drill.yaml {REAL}")).exits(0).says("PASSED");
    let peak = fs::read_to_string(scene.path("peak")).unwrap();
    let kib: u64 = peak.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(kib < 100 * 1024, "{peak}");
    let journal = journal(&scene);
    assert!(journal.contains("1000000000 bytes"), "how much it was is counted");
    assert!(journal.len() < 100_000, "the journal has {} bytes", journal.len());
}

fn is_alive(id: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", id.trim())).unwrap_or_default();
    let state = stat.rsplit(") ").next().unwrap_or_default();
    !state.is_empty() && !state.starts_with(['Z', 'X'])
}

fn ends_soon(scene: &Scene, file: &str) {
    let id = fs::read_to_string(scene.path(file)).unwrap();
    let patience = Patience::new();
    while is_alive(&id) {
        patience.check(&format!("{file} {id} goes on"));
    }
}

#[test]
fn a_program_that_forks_and_holds_its_output_open_does_not_hold_up_its_step() {
    let steps = "      - { id: fork, command: { argv: [sh, -c, 'sleep 600 & echo $! > child; echo done'] } }
      - { id: after, command: { argv: [touch, after] } }
";
    let scene = lab(steps);
    scene.types(&format!("run drill.yaml {REAL}")).exits(0).says("PASSED");
    assert!(scene.path("after").exists());
    ends_soon(&scene, "child");
}

#[test]
fn a_daemon_that_a_step_starts_goes_on_past_its_end() {
    let daemon = "setsid sh -c 'echo $$ > child; exec sleep 600' < /dev/null > /dev/null 2>&1 & while ! test -s child; do sleep 0.02; done";
    let scene = lab("      - { id: start, command: { argv: [sh, daemon.sh] } }\n      - { id: after, command: { argv: [touch, after] } }\n")
        .file("daemon.sh", daemon);
    scene.types(&format!("run drill.yaml {REAL}")).exits(0).says("PASSED");
    let id = fs::read_to_string(scene.path("child")).unwrap();
    assert!(is_alive(&id), "a service that a step starts is to stay");
    let id = rustix::process::Pid::from_raw(id.trim().parse().unwrap()).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::KILL).unwrap();
}

#[test]
fn nothing_of_a_step_goes_on_past_its_timeout_also_what_left_its_group() {
    let daemon = "setsid sh -c 'echo $$ > child; exec sleep 600' < /dev/null > /dev/null 2>&1 & while ! test -s child; do sleep 0.02; done; sleep 600";
    let other = "setsid sh -c 'echo $$ > other; exec sleep 600' < /dev/null > /dev/null 2>&1 & while ! test -s other; do sleep 0.02; done";
    let steps = "      - { id: service, command: { argv: [sh, other.sh] } }
      - { id: hang, command: { argv: [sh, daemon.sh] }, timeout: 1s }
";
    let scene = lab(steps).file("daemon.sh", daemon).file("other.sh", other);
    scene.types(&format!("run drill.yaml {REAL}")).exits(5).says("in doubt");
    ends_soon(&scene, "child");
    let id = fs::read_to_string(scene.path("other")).unwrap();
    assert!(is_alive(&id), "what an earlier step started is none of this one's");
    let id = rustix::process::Pid::from_raw(id.trim().parse().unwrap()).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::KILL).unwrap();
}

/// Answers with a header, and from then on with a byte a second (ten, so that no test is slow).
fn drips() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // It ends with the test's process.
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let _ = stream.read(&mut [0; 1024]);
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
                while stream.write_all(b"o").is_ok() {
                    thread::sleep(Duration::from_millis(100));
                }
            });
        }
    });
    port
}

#[test]
fn a_target_that_drips_ends_each_sample_with_its_timeout_and_probes_stay_punctual() {
    let services = "services:
  slow:
    title: Slow
    probe: { http: 'http://SERVER/healthz', expect: { status: 200, body_contains: ok }, every: 500ms, timeout: 400ms, healthy_after: 2, unhealthy_after: 2 }
";
    let steps = "      - { id: noticed, wait: { service: slow, until: unhealthy }, timeout: 20s }
      - { id: rest, command: { argv: [sleep, '4'] } }
      - { id: look, command: { argv: [sh, -c, 'grep VmHWM /proc/$PPID/status > peak'] } }
";
    let services = services.replace("SERVER", &format!("127.0.0.1:{}", drips()));
    let scene = lab_with(&services, steps);
    let seen = scene.types(&format!("run drill.yaml {REAL}"));
    assert!([0, 1].contains(&seen.code), "{seen}");
    let journal = journal(&scene);
    let peak = fs::read_to_string(scene.path("peak")).unwrap();
    let kib: u64 = peak.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(kib < 100 * 1024, "{peak}");
    let report = fs::read_to_string(scene.only_run().join("report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["record"]["services"][0]["id"], "slow", "{report:#}");
    punctual(&journal);
}

/// No tick was left out, and each sample was sent when it was due and ended soon after its timeout.
#[track_caller]
fn punctual(journal: &str) {
    let events = journal.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let events: Vec<_> = events.map(|line| line["event"].clone()).collect();
    let ns = |value: &serde_json::Value| value.as_u64().unwrap();
    let first = events.iter().find(|event| event["kind"] == "sampled").unwrap()["first"].clone();
    assert_eq!(first["result"]["unhealthy"], "no answer within 400ms");
    let sums: Vec<_> = events.iter().filter(|event| event["kind"] == "samples_summed").collect();
    assert!(!sums.is_empty());
    let mut next = ns(&first["tick"]) + 1;
    for sum in sums {
        let (sum, last) = (&sum["probes"][0], &sum["probes"][0]["last"]);
        assert_eq!(ns(&sum["first_tick"]), next, "a sample was left out");
        next = ns(&sum["last_tick"]) + 1;
        assert_eq!(ns(&sum["count"]), next - ns(&sum["first_tick"]));
        let ticks = ns(&last["tick"]) - ns(&first["tick"]);
        assert_eq!(ns(&last["scheduled"]), ns(&first["scheduled"]) + ticks * 500_000_000);
        assert!(ns(&last["sent"]) - ns(&last["scheduled"]) < 300_000_000, "{sum}");
        assert!(ns(&sum["max"]) < 1_000_000_000, "{sum}");
    }
}

#[test]
fn a_template_can_not_name_a_secret() {
    let scene = lab("      - { id: say, command: { argv: [echo, '{{ env.TOKEN }}'] } }\n").env("TOKEN", "t0p-secret");
    scene.types("validate drill.yaml").exits(2).warns("env.TOKEN").never_says("t0p-secret");
    let scene = lab_with(
        "vars: { token: { env: TOKEN } }\n",
        "      - { id: say, command: { argv: [echo, '{{ var.token }}'] } }\n",
    );
    scene.env("TOKEN", "t0p-secret").types("validate drill.yaml").exits(2).never_says("t0p-secret");
    let scene = lab("      - { id: say, command: { argv: [echo, { env: TOKEN }] } }\n").env("TOKEN", "t0p-secret");
    scene.types("validate drill.yaml").exits(2).never_says("t0p-secret");
}

/// A step that is under way until there is a file `end`, and one after it.
const LONG: &str =
    "      - { id: long, command: { argv: [sh, -c, 'touch begun; while ! test -f end; do sleep 0.02; done'] } }
      - { id: after, command: { argv: [touch, after] } }
";

#[test]
fn outputs_that_nobody_reads_any_more_end_nothing() {
    for (what, verbose) in [("--format json", ""), ("", "-vvv")] {
        let scene = lab(LONG);
        let line = format!("MUSTER {verbose} run drill.yaml {REAL} {what}");
        // The reader goes at once: whatever is written after that meets a broken pipe.
        let running = by_shell(&scene, &format!("( {line} 2>&1; echo $? > code ) | true"));
        scene.until_there("begun");
        scene.write("end", "");
        running.ends();
        scene.until_there("code");
        scene.until("the exit code is there", || !fs::read(scene.path("code")).unwrap().is_empty());
        assert_eq!(fs::read_to_string(scene.path("code")).unwrap(), "0\n", "{line}");
        assert!(scene.path("after").exists());
        scene.types(&format!("verify {}", scene.runs()[0])).exits(0);
        assert!(scene.only_run().join("report.html").exists());
    }
}

#[test]
fn a_run_without_any_input_and_output_goes_on() {
    let scene = lab(LONG).file("end", "");
    let running = by_shell(&scene, &format!("MUSTER run drill.yaml {REAL} <&- >&- 2>&-; echo $? > code"));
    running.ends();
    assert_eq!(fs::read_to_string(scene.path("code")).unwrap(), "0\n");
    scene.types(&format!("verify {}", scene.runs()[0])).exits(0);
    // No file of the run's was taken for its output.
    assert!(!fs::read_to_string(scene.only_run().join("journal.jsonl")).unwrap().contains("PASSED\n"));
}

#[test]
fn a_terminal_that_is_closed_ends_nothing() {
    let scene = lab(LONG);
    // `script` makes a terminal; killed, it takes it away, and the kernel sends SIGHUP to who sits there.
    let mut running = scene.starts_program("script", &format!("-qec 'exec {MUSTER} run drill.yaml {REAL}' /dev/null"));
    scene.until_there("begun");
    running.kill();
    drop(running);
    scene.write("end", "");
    scene.until_there("after");
    scene.until("the report is there", || scene.only_run().join("report.html").exists());
    scene.types(&format!("verify {}", scene.runs()[0])).exits(0).says("head at the run's end");
}

#[test]
fn a_termination_after_a_closed_terminal_still_ends_it() {
    let scene = lab(LONG);
    let mut running = scene.starts(&format!("run drill.yaml {REAL}"));
    running.until_file("begun");
    running.hang_up();
    running.terminate();
    running.ends().exits(5).warns("SIGTERM");
    scene.write("end", "");
    scene.types(&format!("resume {} --stop", scene.runs()[0])).exits(5);
    assert!(!scene.path("after").exists());
}

#[test]
fn a_reports_folder_that_can_not_be_written_is_found_before_the_drill() {
    let scene = lab("      - { id: touch, command: { argv: [touch, touched] } }\n").file("taken", "a file");
    for reports in ["/proc/reports", "taken", "taken/below", "/proc", "/proc --store sqlite:index.db"] {
        let seen = scene.types(&format!("run drill.yaml {REAL} --reports {reports}")).exits(2);
        seen.warns("othing was touched").warns(reports.split(' ').next().unwrap());
        assert!(!scene.path("touched").exists());
    }
}
