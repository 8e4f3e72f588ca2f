//! `status`: what runs where, who takes writes, what DNS says.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use muster::infrastructure::real::postgres::FENCE_BEGIN;

use crate::Result;
use crate::clients::Attempt;
use crate::daemon;
use crate::folder;
use crate::names;
use crate::postgres;
use crate::world::{Lab, OUTSIDE, Role};

/// Prints it; exits with 0 if everything runs.
pub(crate) fn run(at: &Path) -> Result<ExitCode> {
    if !folder::is_labs(at) {
        println!("There is no lab in {}.", at.display());
        return Ok(ExitCode::FAILURE);
    }
    let lab = Lab::open(at)?;
    let mut all_run = true;
    let mut all = format!("The lab in {}\n", at.display());
    for (name, daemon) in daemon::all(&lab) {
        let runs = daemon.process.runs();
        all_run &= runs;
        let said = if runs { format!("process {}", daemon.process.pid) } else { "DEAD".to_owned() };
        let _ = writeln!(all, "  {name:<20} {said}");
    }
    for region in Role::ALL {
        let _ = writeln!(all, "{region} ({}, {})", region.name(), region.address());
        let _ = writeln!(all, "  database     {}", database(&lab, region));
        let _ = writeln!(all, "  repositories {}", repositories(&lab, region));
    }
    all.push_str("DNS\n");
    let servers = [("first server", lab.ports.names), ("second server", lab.ports.second_names)];
    for (what, port) in servers.into_iter().chain([("resolver", lab.ports.resolver)]) {
        let server = SocketAddr::new(OUTSIDE, port);
        for name in [names::code(), names::git()] {
            let said = match names::ask(server, &name, Duration::from_secs(1)) {
                Ok((addresses, ttl)) => {
                    let list: Vec<String> = addresses.iter().map(ToString::to_string).collect();
                    format!("{} for {ttl} s", list.join(", "))
                }
                Err(why) => why,
            };
            let _ = writeln!(all, "  {what:<14} {name:<14} {said}");
        }
    }
    all.push_str("clients\n");
    for what in ["write", "read", "connect", "push"] {
        let _ = writeln!(all, "  {what:<7} {}", last_attempt(&lab, what));
    }
    // Whoever reads may stop reading: `status | head`.
    let _ = std::io::stdout().write_all(all.as_bytes());
    Ok(if all_run { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn database(lab: &Lab, region: Role) -> String {
    let question = "SELECT CASE WHEN pg_is_in_recovery() THEN 'follows, at ' || pg_last_wal_replay_lsn() \
                    ELSE 'takes writes, at ' || pg_current_wal_lsn() END \
                    || ', timeline ' || timeline_id FROM pg_control_checkpoint()";
    let said = match postgres::sql(lab, region, "postgres", &[question]) {
        Ok(said) => said,
        Err(why) => return format!("does not answer: {}", why.lines().next().unwrap_or_default()),
    };
    // A fence stands in its rules and is nothing that it tells of itself.
    let rules = fs::read_to_string(lab.of(region, "pg_hba.conf")).unwrap_or_default();
    if rules.contains(FENCE_BEGIN) { format!("{}, fenced", said.replace("takes", "would take")) } else { said }
}

fn repositories(lab: &Lab, region: Role) -> String {
    let books = lab.repositories(region).join(".muster");
    let read = |name: &str| fs::read_to_string(books.join(name)).unwrap_or_default().trim().to_owned();
    let role = read("role");
    let fence = if books.join("fence").exists() { ", fenced" } else { "" };
    if role == "primary" {
        let base: usize = read("base").parse().unwrap_or_default();
        return format!("take pushes, {} so far{fence}", base + read("pushes").lines().count());
    }
    format!("{role}, {} pushes copied{fence}", read("copied"))
}

fn last_attempt(lab: &Lab, what: &str) -> String {
    let text = fs::read_to_string(lab.folder.join("clients.jsonl")).unwrap_or_default();
    let mut attempts = text.lines().rev().filter_map(|line| serde_json::from_str::<Attempt>(line).ok());
    let Some(last) = attempts.find(|attempt| attempt.what == what) else { return "none yet".to_owned() };
    let (said, at) = (if last.ok { "acknowledged" } else { "FAILED" }, last.answered);
    let address = last.address.map_or_else(|| "no address".to_owned(), |it| it.to_string());
    format!("number {} {said} at {at:.3} by {address}: {}", last.n, last.said)
}
