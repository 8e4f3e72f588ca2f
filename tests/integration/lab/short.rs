//! Short drills of a test's own on a lab: a playbook of a few steps, and the lab's infrastructure cut down to what it uses.

use std::fs;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::rig::{PATIENCE, Rig, until};

/// A playbook beside a lab that is up, with runs of its own.
pub(crate) struct Short<'a> {
    place: PathBuf,
    /// A lab that is gone has no drills.
    lab: PhantomData<&'a Rig>,
}

/// A run that goes on, and is ended with the test however that ends.
pub(crate) struct Going {
    child: Child,
    said: PathBuf,
}

/// Far longer than any of these drills takes, also where every step of it was interrupted.
const RUN_MAX: Duration = Duration::from_mins(3);

impl Going {
    /// Its exit code, once it has ended by itself; none if a signal ended it.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        let begun = Instant::now();
        while !self.is_over() {
            let said = fs::read_to_string(&self.said).unwrap_or_default();
            assert!(begun.elapsed() < RUN_MAX, "the run never ends: {said}");
            std::thread::sleep(Duration::from_millis(20));
        }
        self.child.wait().unwrap().code()
    }

    /// Ends it without warning.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Whether it has ended.
    pub(crate) fn is_over(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl<'a> Short<'a> {
    /// The phases `phases` on those of the lab's resources that are named; each `name` has a folder of its own.
    pub(crate) fn new(rig: &'a Rig, name: &str, resources: &[&str], head: &str, phases: &str) -> Self {
        let place = rig.folder().with_file_name(name);
        fs::create_dir_all(&place).unwrap();
        let short = Self { place, lab: PhantomData };
        let mut infrastructure: Value =
            serde_yaml::from_str(&fs::read_to_string(rig.infrastructure()).unwrap()).unwrap();
        infrastructure["resources"].as_object_mut().unwrap().retain(|name, _| resources.contains(&name.as_str()));
        // Variables that the playbook does not have would be refused.
        let mut used = infrastructure["vars"].take();
        used.as_object_mut().unwrap().retain(|name, _| format!("{head}{phases}").contains(&format!("var.{name} ")));
        infrastructure["vars"] = json!({});
        short.write("infra.yaml", &infrastructure.to_string());
        let text = format!(
            "muster: 1\nname: {name}\ntitle: A short drill of a test\ninfrastructure: infra.yaml\nmode: planned\n\
             data_loss: {{ accept_up_to: 1m, because: copies are asynchronous }}\nvars: {used}\n{head}\nphases:\n{phases}"
        );
        short.write("drill.yaml", &text);
        short
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.place.join(name), text).unwrap();
    }

    /// Changes the infrastructure file.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Value)) {
        let path = self.place.join("infra.yaml");
        let mut infrastructure: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        change(&mut infrastructure);
        fs::write(path, infrastructure.to_string()).unwrap();
    }

    /// Muster with these arguments, not yet started.
    pub(crate) fn muster(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
        command.current_dir(&self.place).args(arguments).stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, mode: &str) -> Output {
        self.muster(&["run", "drill.yaml", "--execute", "--yes", "--mode", mode]).output().unwrap()
    }

    /// The same, going on; what it says is kept in a file.
    pub(crate) fn start(&self, mode: &str) -> Going {
        self.go(&["run", "drill.yaml", "--execute", "--yes", "--mode", mode])
    }

    /// Muster with these arguments, going on.
    pub(crate) fn go(&self, arguments: &[&str]) -> Going {
        let said = fs::OpenOptions::new().create(true).append(true).open(self.place.join("said.txt")).unwrap();
        let mut command = self.muster(arguments);
        let child = command.stdout(said.try_clone().unwrap()).stderr(said).spawn().unwrap();
        Going { child, said: self.place.join("said.txt") }
    }

    pub(crate) fn said(&self) -> String {
        fs::read_to_string(self.place.join("said.txt")).unwrap_or_default()
    }

    /// The newest run's folder.
    pub(crate) fn newest(&self) -> PathBuf {
        self.runs().pop().unwrap()
    }

    /// All runs' folders, oldest first.
    pub(crate) fn runs(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.place.join("reports")).into_iter().flatten();
        let mut runs: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        runs.retain(|path| path.join("journal.jsonl").is_file());
        runs.sort();
        runs
    }

    /// The newest run's events, with when each was, in nanoseconds.
    pub(crate) fn events(&self) -> Vec<(u64, Value)> {
        let text = self.runs().pop().map(|run| fs::read_to_string(run.join("journal.jsonl")).unwrap());
        let text = text.unwrap_or_default();
        // The last line may be half written.
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.map(|mut line| (line["elapsed_ns"].as_u64().unwrap(), line["event"].take())).collect()
    }

    /// Waits for an event.
    pub(crate) fn until_event(&self, what: &str, wanted: impl Fn(&Value) -> bool) {
        until(what, || self.events().iter().any(|(_, event)| wanted(event)));
    }

    /// The newest run's report.
    pub(crate) fn report(&self) -> Value {
        let text = fs::read_to_string(self.newest().join("report.json")).unwrap();
        serde_json::from_str::<Value>(&text).unwrap()["record"].take()
    }

    pub(crate) fn place(&self) -> &Path {
        &self.place
    }
}

/// An argv, as YAML, that asks a region's server as the administrator and writes the answer to a file.
pub(crate) fn ask(rig: &Rig, address: &str, statement: &str, into: &Path) -> String {
    let psql = Path::new(rig.settings["programs"]["postgres"].as_str().unwrap()).join("psql");
    let (password, port) = (rig.settings["admin_password"].as_str().unwrap(), rig.port("postgres"));
    let script = format!(
        "PGPASSWORD={password} exec {} -XAtq -v ON_ERROR_STOP=1 -h {address} -p {port} -U muster -d app -c \"$1\" > {}",
        psql.display(),
        into.display()
    );
    json!(["sh", "-c", script, "ask", statement]).to_string()
}

/// What the servers themselves say of where everything is: a drill that changed nothing leaves it as it was.
pub(crate) fn records(rig: &Rig) -> Vec<String> {
    let mut records = Vec::new();
    for (region, address) in [("primary", "127.0.10.1"), ("secondary", "127.0.20.1")] {
        let state = "SELECT pg_is_in_recovery(), count(*) FROM pg_namespace WHERE nspname LIKE 'muster%'";
        // Marks and what was noted at a fence are in the maintenance database.
        for database in ["app", "postgres"] {
            records.push(format!(
                "{region} {database} {}",
                rig.sql_in(database, address, state).unwrap_or_else(|why| why)
            ));
        }
        let books = rig.folder().join(region).join("repositories/.muster");
        let role = fs::read_to_string(books.join("role")).unwrap();
        records.push(format!("{region} {} fence {}", role.trim(), books.join("fence").exists()));
        records.push(format!("{region} cut off from: {}", rig.well(&["region", region, "status"]).trim()));
        let servers: Vec<Option<i32>> =
            (1..=4).map(|n| rig.lab(&["server", region, "status", &n.to_string()]).status.code()).collect();
        records.push(format!("{region} servers {servers:?}"));
    }
    for port in ["names", "second_names"] {
        for (name, kind) in [("code", "A"), ("git", "A"), ("_muster.code", "TXT"), ("_muster.git", "TXT")] {
            records.push(format!("{port} {name} {:?}", rig.dig(port, &format!("{name}.lab.test"), kind)));
        }
    }
    records
}

/// Everything is as it was, at the latest once the second name server and the copies have heard of it.
pub(crate) fn as_before(rig: &Rig, before: &[String]) {
    let begun = Instant::now();
    while records(rig) != before {
        if begun.elapsed() > PATIENCE {
            assert_eq!(records(rig), before);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
