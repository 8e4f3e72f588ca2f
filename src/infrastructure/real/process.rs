//! What the provider `process` is told: servers, and a region, by commands.

use serde::{Deserialize, Serialize};

use crate::catalogue::Period;
use crate::diagnostic::Diagnostic;
use crate::infrastructure::simulate::PerRegion;
use crate::yaml::{Node, decode};

/// What stands for a server's number in its commands.
pub const SERVER: &str = "{server}";
/// The most servers of a group in a region.
pub const CAPACITY_MAX: u32 = 1000;

/// Where runs mark something as theirs that has no place for a mark of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// The file; its folder is made at need. Everybody who drills the same thing must name the same file.
    pub file: String,
    /// What runs a command on the machine that has it: `[ssh, ops@host]`. Unstated: it is this one.
    #[serde(default)]
    pub via: Vec<String>,
}

/// A compute group whose servers are started, stopped and looked at by commands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Servers {
    /// By region.
    pub regions: PerRegion<Group>,
    /// Where a run marks the group as its own. Unstated: only the lease guards it.
    pub mark: Option<Mark>,
}

/// The servers of one region; they have the numbers 1 to `capacity`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// How many servers the region can give.
    pub capacity: u32,
    /// Starts one; of one that runs it does nothing. `{server}` is its number.
    pub start: Vec<String>,
    /// Stops one; of one that does not run it does nothing.
    pub stop: Vec<String>,
    /// Exits with 0 if a server runs and passes its own check, with 1 or 3 if not. Without `{server}` among its
    /// arguments it prints the numbers of those that do.
    pub status: Vec<String>,
    /// How long one command may take. Default: 1m.
    pub timeout: Option<Period>,
}

/// A region that commands cut off and let in again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// Cuts it off from exactly the parties that follow as arguments: `users`, `primary`, `secondary`.
    pub isolate: Vec<String>,
    /// Lets all in again; what follows as arguments are the resources that refuse writes in it from then on.
    pub rejoin: Vec<String>,
    /// Prints from whom it is cut off, nothing if from nobody.
    pub status: Vec<String>,
    /// Where a run marks the region as its own. Unstated: only the lease guards it.
    pub mark: Option<Mark>,
    /// How long one command may take. Default: 5m.
    pub timeout: Option<Period>,
}

/// Tells what is wrong with a group's settings.
pub(super) fn check_servers(settings: &Node, diagnostics: &mut Vec<Diagnostic>) {
    if decode::<Servers>(settings, diagnostics).is_none() {
        return;
    }
    for role in ["primary", "secondary"] {
        let Some(group) = settings.get("regions").and_then(|regions| regions.get(role)) else { continue };
        let Some(typed) = decode::<Group>(group, &mut Vec::new()) else { continue };
        if typed.capacity > CAPACITY_MAX {
            let message = format!("a group has at most {CAPACITY_MAX} servers in a region, not {}", typed.capacity);
            diagnostics.push(Diagnostic::error("M022", message).at(place(group, "capacity")));
        }
        for (key, argv) in [("start", &typed.start), ("stop", &typed.stop)] {
            if !argv.iter().any(|word| word.contains(SERVER)) {
                diagnostics.push(
                    Diagnostic::error("M042", format!("`{key}` does not say which server"))
                        .at(place(group, key))
                        .help(format!("write {SERVER} where its number goes: [systemctl, {key}, \"web@{SERVER}\"]")),
                );
            }
        }
        check_program(group, "status", &typed.status, diagnostics);
    }
}

/// Tells what is wrong with a region's settings.
pub(super) fn check_region(settings: &Node, diagnostics: &mut Vec<Diagnostic>) {
    let Some(typed) = decode::<Region>(settings, diagnostics) else { return };
    for (key, argv) in [("isolate", &typed.isolate), ("rejoin", &typed.rejoin), ("status", &typed.status)] {
        check_program(settings, key, argv, diagnostics);
    }
}

fn check_program(settings: &Node, key: &str, argv: &[String], diagnostics: &mut Vec<Diagnostic>) {
    if argv.first().is_none_or(String::is_empty) {
        diagnostics.push(
            Diagnostic::error("M042", format!("`{key}` names no program"))
                .at(place(settings, key))
                .help("write the program and its arguments as a list"),
        );
    }
}

fn place(settings: &Node, key: &str) -> crate::diagnostic::Place {
    settings.get(key).map_or_else(|| settings.place(), Node::place)
}
