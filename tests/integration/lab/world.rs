//! The lab from its start to its end.

use std::fs;
use std::net::TcpListener;

use super::rig::{Rig, said, until};

const PRIMARY: &str = "127.0.10.1";
const SECONDARY: &str = "127.0.20.1";

fn acknowledged(rig: &Rig, what: &str) -> usize {
    rig.attempts().iter().filter(|one| one["what"] == what && one["ok"] == true).count()
}

#[test]
fn users_are_served_by_name_writes_and_pushes_are_copied_and_a_lost_region_is_seen_needs_postgres_needs_knot_needs_unbound()
 {
    let rig = Rig::up();
    // Served through the name, by real servers that say truthfully what they can.
    assert!(acknowledged(&rig, "write") > 0 && acknowledged(&rig, "read") > 0 && acknowledged(&rig, "push") > 0);
    assert!(rig.attempts().iter().filter(|one| one["ok"] == true).all(|one| one["where"] == PRIMARY));
    assert_eq!(rig.get(PRIMARY, "/healthz").0, 200);
    assert_eq!(rig.get(PRIMARY, "/healthz/write").0, 200);
    assert_eq!(rig.get(SECONDARY, "/readyz").0, 200);
    let (status, why) = rig.get(SECONDARY, "/healthz");
    assert_eq!((status, why.contains("takes no writes")), (503, true), "{why}");
    assert_eq!(rig.get(SECONDARY, "/healthz/write").0, 503);

    // A write and a push reach the other region behind the acknowledgement.
    rig.sql(PRIMARY, "INSERT INTO items VALUES ('test', 7)").unwrap();
    until("a row is copied", || rig.sql(SECONDARY, "SELECT n FROM items WHERE client = 'test'").as_deref() == Ok("7"));
    let first = rig.refs("primary", "clients.git")[0].clone();
    until("a push is copied", || rig.refs("secondary", "clients.git").contains(&first));
    assert!(rig.sql(SECONDARY, "INSERT INTO items VALUES ('test', 8)").unwrap_err().contains("read-only"));

    let status = rig.well(&["status"]);
    for line in ["takes writes", "follows", "replica primary", "code.lab.test  127.0.10.1", "acknowledged"] {
        assert!(status.contains(line), "no `{line}` in {status}");
    }

    // Lost without warning: everything in it is dead, nothing outside is, and users see it.
    let healthy = rig.attempts().len();
    rig.well(&["region", "primary", "isolate", "users", "secondary"]);
    assert_eq!(rig.well(&["region", "primary", "status"]).trim(), "users secondary");
    let status = said(&rig.lab(&["status"]));
    for name in ["primary-app-1", "primary-app-2", "primary-git", "primary-mirror", "primary-postgres"] {
        let line = status.lines().find(|line| line.trim_start().starts_with(name)).unwrap();
        assert!(line.ends_with("DEAD"), "{line}");
    }
    assert_eq!(status.matches("DEAD").count(), 5, "{status}");
    until("users see it", || {
        let failed = |what| rig.attempts()[healthy..].iter().any(|one| one["what"] == what && one["ok"] == false);
        failed("write") && failed("read") && failed("push")
    });
    let refused = rig.lab(&["server", "primary", "start", "1"]);
    assert!(said(&refused).contains("region primary is cut off"), "{}", said(&refused));

    // Promoted there, and the old primary let in again: it can be read, and nothing can write to it, also after a
    // restart.
    assert_eq!(rig.sql(SECONDARY, "SELECT pg_promote()").unwrap(), "t");
    rig.well(&["region", "primary", "rejoin", "main", "repositories"]);
    assert_eq!(rig.well(&["region", "primary", "status"]).trim(), "");
    for _ in 0..2 {
        assert!(rig.sql(PRIMARY, "INSERT INTO items VALUES ('test', 9)").unwrap_err().contains("read-only"));
        assert_eq!(rig.sql(PRIMARY, "SELECT count(*) FROM items WHERE client = 'test'").unwrap(), "1");
        rig.well(&["postgres", "primary", "restart"]);
    }
    let source = rig.source(SECONDARY);
    for (verb, n) in [("rewind", "10"), ("basebackup", "11")] {
        rig.sql(SECONDARY, &format!("INSERT INTO items VALUES ('test', {n}) ON CONFLICT DO NOTHING")).unwrap();
        rig.sql(SECONDARY, "CHECKPOINT").unwrap();
        rig.well(&["postgres", "primary", "stop"]);
        assert_eq!(rig.lab(&["postgres", "primary", "status"]).status.code(), Some(3));
        rig.well(&["postgres", "primary", verb, &source]);
        rig.well(&["postgres", "primary", "standby"]);
        rig.well(&["postgres", "primary", "start"]);
        until("the old primary follows", || {
            rig.sql(PRIMARY, "SELECT max(n) FROM items WHERE client = 'test'").as_deref() == Ok(n)
        });
    }

    // Gone: processes, files, ports.
    let ports: Vec<u16> = ["app", "git", "postgres"].map(|of| rig.port(of)).into();
    rig.well(&["down"]);
    assert_eq!(rig.processes(), Vec::<String>::new());
    assert!(!rig.folder().exists() && !rig.infrastructure().exists());
    for port in ports {
        for address in [PRIMARY, SECONDARY] {
            TcpListener::bind((address, port)).unwrap_or_else(|error| panic!("{address}:{port}: {error}"));
        }
    }
}

#[test]
fn a_lab_whose_program_was_killed_is_cleaned_and_another_persons_folder_is_not_needs_postgres_needs_knot_needs_unbound()
{
    let mut rig = Rig::empty();
    // Killed in the middle: PostgreSQL is being made, name servers run.
    let mut starting = rig.command(&["up"]).spawn().unwrap();
    let settings = rig.folder().join("run/primary-postgres.json");
    until("the first servers run", || settings.exists());
    starting.kill().unwrap();
    starting.wait().unwrap();
    assert!(!rig.processes().is_empty(), "it was killed before it had started anything");
    rig.well(&["down"]);
    assert_eq!(rig.processes(), Vec::<String>::new());
    assert!(!rig.folder().exists());

    // Killed again; now a second `up` cleans first.
    let mut starting = rig.command(&["up"]).spawn().unwrap();
    until("the first servers run", || settings.exists());
    starting.kill().unwrap();
    starting.wait().unwrap();
    assert!(said(&rig.lab(&["up"])).contains("what is left of a lab"));
    rig.read_settings();
    assert_eq!(rig.get(PRIMARY, "/healthz").0, 200);
    let again = rig.lab(&["up"]);
    assert!(!again.status.success() && said(&again).contains("a lab is up"), "{}", said(&again));
    assert_eq!(rig.get(PRIMARY, "/healthz").0, 200, "the second `up` harmed the first lab");
    rig.well(&["down"]);

    // A folder that is no lab's is never touched.
    fs::create_dir_all(rig.folder()).unwrap();
    fs::write(rig.folder().join("thesis.txt"), "years of work").unwrap();
    let refused = rig.lab(&["up"]);
    assert!(!refused.status.success() && said(&refused).contains("holds something else"), "{}", said(&refused));
    rig.well(&["down"]);
    assert!(rig.folder().join("thesis.txt").exists());
    fs::remove_dir_all(rig.folder()).unwrap();
}

#[test]
fn a_port_that_is_taken_is_refused_before_anything_starts_needs_postgres_needs_knot_needs_unbound() {
    let rig = Rig::empty();
    let taken = TcpListener::bind((SECONDARY, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let out = rig.lab(&["up", "--app-port", &port.to_string()]);
    let told = said(&out);
    assert!(!out.status.success() && told.contains(&format!("port {port}, which --app-port asks for")), "{told}");
    assert!(told.contains("Nothing was started") && !rig.folder().exists(), "{told}");
}

#[test]
fn what_is_missing_is_named_with_the_one_command_that_installs_it() {
    let rig = Rig::empty();
    let nothing = tempfile::tempdir().unwrap();
    // Without a path there is no git; PostgreSQL and the servers are found where systems put them, if they are there.
    let out = rig.command(&["up"]).env("PATH", nothing.path()).output().unwrap();
    let told = said(&out);
    assert_eq!(out.status.code(), Some(1), "{told}");
    assert!(told.contains("not found:") && told.contains("git with git-http-backend. Nothing was started."), "{told}");
    let commands = ["sudo apt-get install -y --no-install-recommends ", "sudo dnf install -y ", "brew install "];
    assert!(commands.iter().any(|command| told.contains(command)), "{told}");
    assert!(!rig.folder().exists());
}
