//! `status`: what runs where, who takes writes, what DNS says.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

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
    println!("The lab in {}", at.display());
    for (name, daemon) in daemon::all(&lab) {
        let runs = daemon.process.runs();
        all_run &= runs;
        let said = if runs { format!("process {}", daemon.process.pid) } else { "DEAD".to_owned() };
        println!("  {name:<20} {said}");
    }
    for region in Role::ALL {
        println!("{region} ({}, {})", region.name(), region.address());
        println!("  database     {}", database(&lab, region));
        println!("  repositories {}", repositories(&lab, region));
    }
    println!("DNS");
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
            println!("  {what:<14} {name:<14} {said}");
        }
    }
    println!("clients");
    for what in ["write", "read", "connect", "push"] {
        println!("  {what:<7} {}", last_attempt(&lab, what));
    }
    Ok(if all_run { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn database(lab: &Lab, region: Role) -> String {
    let question = "SELECT CASE WHEN pg_is_in_recovery() THEN 'follows, at ' || pg_last_wal_replay_lsn() \
                    ELSE CASE WHEN current_setting('default_transaction_read_only')::bool THEN 'refuses writes, at ' \
                    ELSE 'takes writes, at ' END || pg_current_wal_lsn() END \
                    || ', timeline ' || timeline_id FROM pg_control_checkpoint()";
    postgres::sql(lab, region, "postgres", &[question]).unwrap_or_else(|why| {
        let first = why.lines().next().unwrap_or_default().to_owned();
        format!("does not answer: {first}")
    })
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
