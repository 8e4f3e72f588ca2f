//! `muster schedule` and `muster status`, as a person sees them.

use super::python::says;
use crate::harness::Scene;

const SIMULATED: &str = "\
muster: 1
name: small
environment: simulated
regions: { primary: { name: east }, secondary: { name: west } }
resources: { www: { dns: { provider: simulated, name: www.example.test, ttl: 60s } } }
";

/// A drill that is due on the second Tuesday of the second month of each quarter, at nine in Amsterdam.
const QUARTERLY: &str = "\
muster: 1
name: quarterly
title: Failover, \"quarterly\"; and back
owner: platform
infrastructure: infra/small.yaml
schedule:
  every: quarter
  on: second tuesday of the second month
  at: \"09:00\"
  timezone: Europe/Amsterdam
  from: 2026-01-01
  not_on: [\"2026-11-10\", { ics: holidays.ics }]
  if_missed: run within 5 days
  warn: 7 days before
services: { web: { title: Web, depends_on: [www], probe: { http: \"https://www.example.test/\" } } }
phases: [{ name: failover, steps: [{ id: a, check: { services: all } }] }]
";

const HOLIDAYS: &str =
    "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20261111\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

fn scene() -> Scene {
    let unscheduled = QUARTERLY.replace("name: quarterly\n", "name: plain\n");
    let cut = unscheduled.find("schedule:").unwrap()..unscheduled.find("services:").unwrap();
    Scene::new()
        .file("playbooks/quarterly.yaml", QUARTERLY)
        .file("playbooks/more/plain.yaml", &unscheduled.replace(&unscheduled[cut], "").replace("infra/", "../infra/"))
        .file("playbooks/infra/small.yaml", SIMULATED)
        .file("playbooks/holidays.ics", HOLIDAYS)
}

/// Has it run at that time, by whatever scheduler.
fn runs(scene: &Scene, at: &str) {
    scene.types(&format!("run playbooks/quarterly.yaml --start {at} --quiet")).exits(0);
}

fn row(scene: &Scene, at: &str) -> serde_json::Value {
    let all = scene.types(&format!("schedule --at {at} --format json")).exits(0).json();
    let rows = all["playbooks"].as_array().unwrap().clone();
    assert_eq!(rows.len(), 2, "{all}");
    rows.into_iter().find(|row| row["playbook"] == "quarterly").unwrap()
}

#[test]
fn the_schedule_says_what_is_due_when_next_when_last_and_what_is_overdue() {
    let scene = scene();
    let before = row(&scene, "2026-02-01T00:00:00Z");
    assert_eq!((before["state"].as_str(), before["last"].is_null()), (Some("ahead"), true));
    assert_eq!(row(&scene, "2026-02-10T08:00:00Z")["state"], "due");
    let late = row(&scene, "2026-02-15T08:00:01Z");
    assert_eq!((late["state"].as_str(), late["overdue"]["occurrence"].as_str()), (Some("overdue"), Some("2026-Q1")));
    // Somebody runs it, late.
    runs(&scene, "2026-02-20T12:00:00Z");
    let done = row(&scene, "2026-02-21T00:00:00Z");
    assert_eq!((done["state"].as_str(), done["last"]["simulated"].as_bool()), (Some("ahead"), Some(true)));
    assert_eq!(done["next"][0]["occurrence"], "2026-Q2");
    // The 10th and the 11th of November are left alone.
    let moved = &row(&scene, "2026-11-01T00:00:00Z")["next"][0];
    assert_eq!(moved["moved_from"], "2026-11-10");
    let table = scene.types("schedule --at 2026-11-01T00:00:00Z").exits(0);
    table.says("✗ overdue").says("since 2026-08-16").says("2026-11-10").says("no `schedule:`");
}

#[test]
fn status_shows_quarters_and_fails_while_something_is_overdue() {
    let scene = scene();
    runs(&scene, "2026-02-10T08:10:00Z");
    let fine = scene.types("status --at 2026-03-01T00:00:00Z").exits(0);
    fine.says("simulated only").says("2026-Q1").says("no evidence of a real failover");
    let overdue = scene.types("status --at 2026-06-01T00:00:00Z --format json").exits(1).json();
    let line =
        overdue["playbooks"].as_array().unwrap().iter().find(|line| line["name"] == "quarterly").unwrap().clone();
    let states: Vec<&str> =
        line["cells"].as_array().unwrap().iter().map(|cell| cell["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["nothing", "nothing", "simulated_only", "missed"]);
    let csv = scene.types("status --at 2026-06-01T00:00:00Z --format csv").exits(1);
    csv.says("service,\"web\",\"Web\",2026-Q2,missed,0,0,0,0,1,0");
    scene.types("status --at 2026-06-01T00:00:00Z --format html").exits(1).says("Overdue: quarterly.");
    scene.types("status --at 2026-06-01T00:00:00Z --public www").exits(1);
    assert!(scene.read("www/index.html").contains("No drill on a real service is on record"));
}

#[test]
fn a_playbook_that_cant_be_used_hides_no_other() {
    let scene = scene()
        .file("playbooks/bad.yaml", "muster: 1\nname: bad\nschedule: { every: never }\nphases: []\n")
        .file("playbooks/twin.yaml", QUARTERLY);
    let seen = scene.types("schedule --at 2026-02-01T00:00:00Z --format json").exits(0);
    let seen = seen.warns("`never` is no rhythm").warns("has the name `quarterly` too");
    assert_eq!(seen.json()["playbooks"].as_array().unwrap().len(), 2);
    scene.types("schedule nowhere").exits(2).warns("there is no file and no folder nowhere");
}

#[test]
fn what_a_drill_was_not_looked_at_for_was_not_missed() {
    let scene = scene();
    let path = "playbooks/quarterly.yaml";
    scene.write(path, &QUARTERLY.replace("  from: 2026-01-01\n", ""));
    // It is looked at for the first time today, whatever day is asked for.
    assert_eq!(row(&scene, "2026-06-01T00:00:00Z")["overdue"], serde_json::Value::Null);
    let later = row(&scene, "2199-03-01T00:00:00Z");
    assert_eq!((later["state"].as_str(), later["overdue"]["occurrence"].as_str()), (Some("overdue"), Some("2199-Q1")));
}

#[test]
fn an_occurrence_is_run_once() {
    let scene = scene();
    let line = "run playbooks/quarterly.yaml --start 2026-02-01T08:00:00Z --occurrence 2026-Q1";
    scene.types(line).exits(0);
    scene.types(line).exits(3).warns("was begun for 2026-Q1 already").warns("no drill is run twice");
    assert_eq!(scene.runs().len(), 1);
    // Neither if the store was lost: the journal says it too.
    for part in ["muster.db", "muster.db-wal", "muster.db-shm"] {
        let _ = std::fs::remove_file(scene.path("reports").join(part));
    }
    scene.types(line).exits(3).warns("was begun for 2026-Q1 already");
    // It counts for what it names, days early.
    let done = row(&scene, "2026-03-01T00:00:00Z");
    assert_eq!((done["state"].as_str(), done["next"][0]["occurrence"].as_str()), (Some("ahead"), Some("2026-Q2")));
}

#[test]
fn calendars_take_the_feed_needs_icalendar() {
    let scene = scene();
    runs(&scene, "2026-02-10T08:10:00Z");
    scene.types("schedule ics --at 2026-03-01T00:00:00Z --out feed.ics").exits(0);
    let feed = std::fs::read_to_string(scene.path("feed.ics")).unwrap();
    assert!(feed.lines().all(|line| line.len() <= 75) && feed.contains("\r\n"));
    let events: serde_json::Value = serde_json::from_str(&says("feed.py", &feed)).unwrap();
    let shown: Vec<String> = events
        .as_array()
        .unwrap()
        .iter()
        .map(|event| {
            format!("{} {} {}", event["uid"].as_str().unwrap(), event["start"].as_str().unwrap(), event["alarm"])
        })
        .collect();
    assert_eq!(
        shown,
        [
            "quarterly-2026-Q1@muster 2026-02-10T08:00:00+00:00 -604800",
            "quarterly-2026-Q2@muster 2026-05-12T07:00:00+00:00 -604800",
            "quarterly-2026-Q3@muster 2026-08-11T07:00:00+00:00 -604800",
            "quarterly-2026-Q4@muster 2026-11-12T08:00:00+00:00 -604800",
            "quarterly-2027-Q1@muster 2027-02-09T08:00:00+00:00 -604800",
        ]
    );
    assert_eq!(events[0]["summary"], "Drill (passed): Failover, \"quarterly\"; and back");
    assert!(events[3]["description"].as_str().unwrap().contains("In place of 2026-11-10, which is excluded\n"));
    // The same drill keeps its name when it moves.
    scene.write("playbooks/quarterly.yaml", &QUARTERLY.replace("09:00", "10:00"));
    let moved = scene.types("schedule ics --at 2026-03-01T00:00:00Z").exits(0);
    moved.says("UID:quarterly-2026-Q2@muster").says("DTSTART:20260512T080000Z");
}

#[test]
fn a_calendar_without_drills_says_so_and_is_valid_needs_icalendar() {
    let scene = scene();
    let seen = scene.types("schedule ics playbooks/more --out feed.ics").exits(0);
    let _ = seen.warns("the calendar is empty");
    let feed = std::fs::read_to_string(scene.path("feed.ics")).unwrap();
    assert!(feed.contains("BEGIN:VTIMEZONE\r\n"));
    assert_eq!(says("feed.py", &feed).trim(), "[]");
}

#[test]
fn status_and_a_quarters_bundle_count_a_run_for_the_same_quarter() {
    let scene = scene();
    // Half past midnight on the 1st of October in Amsterdam.
    runs(&scene, "2026-09-30T22:30:00Z");
    let _ = scene.types("bundle --quarter 2026-Q3").exits(2).warns("no run in reports began in 2026-Q3");
    let _ = scene.types("bundle --quarter 2026-Q4 --out q4.tar").exits(0).says("1 run");
    let _ = scene.types("verify q4.tar").exits(0);
    // When it is asked, the quarter has begun there and not yet in UTC.
    let all = scene.types("status --at 2026-09-30T23:00:00Z --quarters 2 --format json").exits(0).json();
    assert_eq!(all["quarters"], serde_json::json!(["2026-Q3", "2026-Q4"]));
    let line = all["playbooks"].as_array().unwrap().iter().find(|line| line["name"] == "quarterly").unwrap();
    let simulated = |at: usize| line["cells"][at]["simulated"].as_u64();
    assert_eq!((simulated(0), simulated(1)), (Some(0), Some(1)));
}

#[test]
fn pages_that_muster_wrote_before_are_taken_away_and_no_others() {
    let scene = scene();
    let _ = scene.types("status --public site --at 2026-02-01T00:00:00Z").exits(0);
    let own = scene.read("site/index.html");
    scene.write("site/a-service-of-before.html", &own);
    scene.write("site/about.html", "<!doctype html>\n<title>About us</title>");
    scene.write("site/notes.txt", &own);
    let seen = scene.types("status --public site --at 2026-02-01T00:00:00Z").exits(0);
    let _ = seen.warns("1 of before were taken away");
    let mut left: Vec<String> = std::fs::read_dir(scene.path("site"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["about.html", "index.html", "notes.txt"]);
}
