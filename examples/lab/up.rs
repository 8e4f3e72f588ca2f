//! `up`: everything is started in a folder of its own, and the infrastructure file written.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;

use crate::clients;
use crate::daemon::{self, Start};
use crate::down;
use crate::folder;
use crate::infra;
use crate::names;
use crate::postgres;
use crate::region;
use crate::repos;
use crate::tools;
use crate::world::{Lab, Role, free_ports, random};
use crate::{Result, wait_until};

/// Application servers that run at first: as many as carry users, and one that stands by.
const AT_FIRST: [(Role, u32); 3] = [(Role::Primary, 1), (Role::Primary, 2), (Role::Secondary, 1)];
/// The clients have been served after so long, or something is wrong.
const SERVED_WITHIN: Duration = Duration::from_secs(20);

/// So often other ports are tried.
const TRIES: u32 = 3;

/// Stands in the folder once everything has been started.
const READY: &str = "ready";

/// What a new lab may be told.
#[derive(Args)]
pub(crate) struct Options {
    /// Where the infrastructure file is written; unstated: playbooks/infra/lab.yaml.
    #[arg(long, value_name = "FILE")]
    infra: Option<PathBuf>,
    /// The application's port; unstated: a free one.
    #[arg(long, value_name = "PORT")]
    app_port: Option<u16>,
    /// Between two writes of the clients, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=60_000))]
    client_pause: u64,
}

/// Starts everything; whatever fails, nothing of it stays.
pub(crate) fn run(at: &Path, options: &Options) -> Result<()> {
    let begun = Instant::now();
    let programs = tools::find()?;
    let postgres_user = tools::postgres_user()?;
    if folder::is_labs(at) {
        let _lock = folder::lock(at)?;
        let runs = || Lab::open(at).is_ok_and(|lab| daemon::all(&lab).values().any(|daemon| daemon.process.runs()));
        if at.join(READY).exists() && runs() {
            return Err(format!(
                "a lab is up in {} already: `status` shows it, `down` ends it; for a second one give another --dir",
                at.display()
            ));
        }
        eprintln!("{} holds what is left of a lab that ended without `down`: it is removed", at.display());
        down::clean(at)?;
    }
    if let Some(user) = postgres_user {
        reachable(at, user.0)?;
    }
    let infrastructure = options.infra.clone().map_or_else(|| Ok(infra::usual_path()), std::path::absolute);
    let infrastructure = infrastructure.map_err(|error| error.to_string())?;
    let mut tries = 0;
    let (lab, _lock) = loop {
        tries += 1;
        let ports = free_ports(options.app_port)?;
        folder::make(at)?;
        let lock = folder::lock(at)?;
        let lab = Lab {
            folder: at.to_owned(),
            infrastructure: infrastructure.clone(),
            ports,
            programs: programs.clone(),
            postgres_user,
            admin_password: hex(&random::<32>()?),
            app_password: hex(&random::<32>()?),
            replicator_password: hex(&random::<32>()?),
            key: base64(&random::<32>()?),
            client_pause_ms: options.client_pause,
        };
        let Err(why) = start(&lab) else { break (lab, lock) };
        let cleaned = down::clean(at);
        // A port that was free when it was chosen may be taken by another program before it is used: others are.
        let taken = ["already in use", "failed to bind", "could not bind"].iter().any(|sign| why.contains(sign));
        match cleaned {
            Ok(()) if taken && tries < TRIES => {}
            Ok(()) => return Err(format!("{why}. What was started is ended again")),
            Err(left) => return Err(format!("{why}. Cleaning up: {left}")),
        }
    };
    println!("The lab is up after {:.1} s, in {}.", begun.elapsed().as_secs_f64(), at.display());
    println!("  application  http://{}:{}/", names::code(), lab.ports.app);
    println!("  resolver     {}", lab.resolver());
    println!("  clients      {}", at.join("clients.jsonl").display());
    println!("  for Muster   {}", lab.infrastructure.display());
    println!("Now, from the checkout (on real servers the mode is said):");
    println!(
        "  muster run playbooks/quarterly-failover.yaml --infra {} --execute --mode planned",
        lab.infrastructure.display()
    );
    Ok(())
}

/// PostgreSQL's user must get through to the folder.
fn reachable(at: &Path, user: u32) -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    for folder in at.ancestors().skip(1) {
        let Ok(seen) = fs::metadata(folder) else { continue };
        let through = if seen.uid() == user { 0o100 } else { 0o001 };
        if seen.mode() & through == 0 {
            return Err(format!(
                "PostgreSQL runs as the user `postgres`, who can't get through {}: give a --dir elsewhere",
                folder.display()
            ));
        }
    }
    Ok(())
}

fn start(lab: &Lab) -> Result<()> {
    let failed = |error: std::io::Error| format!("{}: {error}", lab.folder.display());
    for name in ["bin", "log", "run"] {
        fs::create_dir_all(lab.folder.join(name)).map_err(failed)?;
    }
    lab.save()?;
    programs(lab)?;
    names::start(lab)?;
    postgres::make(lab)?;
    repos::make(lab)?;
    for region in Role::ALL {
        region::start_git(lab, region)?;
    }
    for (region, server) in AT_FIRST {
        region::start_server(lab, region, server)?;
    }
    fs::write(lab.folder.join("autofailover"), "active").map_err(failed)?;
    for what in ["outside", "clients"] {
        let argv = lab.command(&[what]);
        daemon::start(lab, &Start { name: what.to_owned(), region: None, argv, folder: &lab.folder, user: None })?;
    }
    served(lab)?;
    infra::write(lab)?;
    fs::write(lab.folder.join(READY), "").map_err(failed)
}

/// The lab's own program in its folder, and `autofailover`, which is it too.
fn programs(lab: &Lab) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let (own, program) = (std::env::current_exe().map_err(|error| error.to_string())?, lab.program());
    let failed = |error: std::io::Error| format!("{}: {error}", program.display());
    // A second name for the same file costs nothing; a copy, where the folder is on another disk.
    if fs::hard_link(&own, &program).is_err() {
        fs::copy(&own, &program).map_err(failed)?;
    }
    let script =
        format!("#!/bin/sh\nexec '{}' --dir '{}' autofailover \"$@\"\n", program.display(), lab.folder.display());
    let path = lab.folder.join("bin/autofailover");
    fs::write(&path, script).map_err(failed)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).map_err(failed)
}

/// The clients have been served: each kind of attempt was acknowledged once.
fn served(lab: &Lab) -> Result<()> {
    let path = lab.folder.join("clients.jsonl");
    let mut last = String::new();
    let waited = wait_until("the clients are served", SERVED_WITHIN, || {
        let text = fs::read_to_string(&path).unwrap_or_default();
        let attempts: Vec<clients::Attempt> = text.lines().filter_map(|it| serde_json::from_str(it).ok()).collect();
        if let Some(failed) = attempts.iter().rev().find(|attempt| !attempt.ok) {
            last.clone_from(&failed.said);
        }
        ["write", "read", "push"].iter().all(|what| attempts.iter().any(|one| one.ok && one.what == *what))
    });
    waited.map_err(|why| format!("{why}; the last failure they saw: {last}"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |all, byte| all + &format!("{byte:02x}"))
}

/// Base64 (RFC 4648) of a whole key.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let word = three.iter().chain(&[0; 2]).take(3).fold(0_usize, |word, byte| (word << 8) | usize::from(*byte));
        for place in 0..4 {
            let digit = char::from(DIGITS[(word >> (18 - 6 * place)) & 63]);
            text.push(if place <= three.len() { digit } else { '=' });
        }
    }
    text
}
