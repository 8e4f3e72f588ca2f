//! The machine's processes: who is whose child, and who is still the same one.
//!
//! A number alone says nothing: it is given to another process once the first has ended. So a process is known by its
//! number and its start, and only what matches both is ever ended.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use crate::Result;

/// A process that is not confused with a later one of the same number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Known {
    pub(crate) pid: i32,
    /// When it was started, in the system's own words.
    pub(crate) started: String,
}

/// One line of the table of all processes.
#[derive(Clone, Debug)]
struct Line {
    known: Known,
    parent: i32,
    /// The number of its group, which is that of the process that leads it.
    group: i32,
    /// It has ended and nobody has waited for it.
    ended: bool,
}

impl Known {
    /// The process with this number now.
    pub(crate) fn now(pid: u32) -> Option<Self> {
        let pid = i32::try_from(pid).ok()?;
        line(pid).filter(|line| !line.ended).map(|line| line.known)
    }

    /// Whether it runs still.
    pub(crate) fn runs(&self) -> bool {
        line(self.pid).is_some_and(|line| line.known == *self && !line.ended)
    }

    /// Sends a signal, if it runs still.
    pub(crate) fn send(&self, signal: Signal) {
        if let (true, Some(pid)) = (self.runs(), Pid::from_raw(self.pid)) {
            // It fails if it ended just now, which is what was wanted.
            let _ = kill_process(pid, signal);
        }
    }
}

fn line(pid: i32) -> Option<Line> {
    if cfg!(target_os = "linux") { from_proc(pid) } else { by_ps(&["-p", &pid.to_string()]).pop() }
}

fn all() -> Vec<Line> {
    if !cfg!(target_os = "linux") {
        return by_ps(&["-ax"]);
    }
    let entries = fs::read_dir("/proc").into_iter().flatten().filter_map(std::result::Result::ok);
    entries.filter_map(|entry| from_proc(entry.file_name().to_str()?.parse().ok()?)).collect()
}

/// `/proc/PID/stat`: number (name) state parent … and, as field 22, the start in ticks since boot.
fn from_proc(pid: i32) -> Option<Line> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold anything, also brackets and spaces.
    let after_name: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let known = Known { pid, started: (*after_name.get(19)?).to_owned() };
    let ended = matches!(*after_name.first()?, "Z" | "X");
    let number = |at: usize| after_name.get(at)?.parse().ok();
    Some(Line { known, parent: number(1)?, group: number(2)?, ended })
}

/// What `ps` says, where there is no `/proc`.
fn by_ps(which: &[&str]) -> Vec<Line> {
    let asked = Command::new("ps").args(["-o", "pid=,ppid=,pgid=,stat=,lstart="]).args(which).output();
    let text = asked.map(|out| String::from_utf8_lossy(&out.stdout).into_owned()).unwrap_or_default();
    let parse = |line: &str| {
        let mut words = line.split_whitespace();
        let mut number = || words.next()?.parse().ok();
        let (pid, parent, group) = (number()?, number()?, number()?);
        let state = words.next()?;
        let started = words.collect::<Vec<_>>().join(" ");
        Some(Line { known: Known { pid, started }, parent, group, ended: state.starts_with('Z') })
    };
    text.lines().filter_map(parse).collect()
}

/// These processes and all that they started, and what those started.
pub(crate) fn with_descendants(roots: &[Known]) -> Vec<Known> {
    let all = all();
    let mut found: BTreeSet<Known> = roots.iter().filter(|root| root.runs()).cloned().collect();
    loop {
        let before = found.len();
        for line in all.iter().filter(|line| !line.ended) {
            if found.iter().any(|known| known.pid == line.parent) {
                found.insert(line.known.clone());
            }
        }
        if found.len() == before {
            return found.into_iter().collect();
        }
    }
}

/// Every process that carries `NAME=VALUE` in its environment: also what lost its parent. Linux alone shows it.
pub(crate) fn marked(name: &str, value: &str) -> Vec<Known> {
    carrying(&[(name, value)]).into_iter().map(|line| line.known).collect()
}

/// The first process that carries all of these in its environment and leads a group.
pub(crate) fn first_leader(marks: &[(&str, &str)]) -> Option<Known> {
    let leaders = carrying(marks).into_iter().filter(|line| line.group == line.known.pid);
    leaders.map(|line| line.known).min_by_key(|known| known.started.parse::<u64>().unwrap_or(u64::MAX))
}

fn carrying(marks: &[(&str, &str)]) -> Vec<Line> {
    if !cfg!(target_os = "linux") {
        return Vec::new();
    }
    let wanted: Vec<String> = marks.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let carries = |line: &Line| {
        let environment = fs::read(format!("/proc/{}/environ", line.known.pid)).unwrap_or_default();
        let has = |wanted: &String| environment.split(|byte| *byte == 0).any(|one| one == wanted.as_bytes());
        wanted.iter().all(has)
    };
    all().into_iter().filter(|line| !line.ended && carries(line)).collect()
}

/// Whether a process works in this folder.
pub(crate) fn works_in(known: &Known, folder: &Path) -> bool {
    fs::read_link(format!("/proc/{}/cwd", known.pid)).is_ok_and(|at| at == folder)
}

/// Ends all of `found` at once, without warning, until `find` finds nothing more.
pub(crate) fn kill(what: &str, mut find: impl FnMut() -> Vec<Known>) -> Result<()> {
    for _ in 0..500 {
        let found = find();
        if found.is_empty() {
            return Ok(());
        }
        for known in &found {
            known.send(Signal::KILL);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Err(format!("{what} can't be ended: {:?} run still", find().iter().map(|known| known.pid).collect::<Vec<_>>()))
}
