//! A region: its servers started and stopped one by one, all of it killed without warning, and let in again.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::ValueEnum;

use crate::daemon::{self, Start};
use crate::http;
use crate::postgres;
use crate::world::{CAPACITY, Lab, Role};
use crate::{Result, serve, wait_until};

/// A server that does not answer after so long will not.
const START_WITHIN: Duration = Duration::from_secs(20);
/// What `status` exits with when the server does not run, as init scripts do.
const NOT_RUNNING: u8 = 3;

/// What Muster asks of one application server.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ServerVerb {
    Start,
    Stop,
    Status,
}

/// What Muster asks of a region.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Verb {
    Isolate,
    Rejoin,
    Status,
}

fn app(region: Role, server: u32) -> String {
    format!("{region}-app-{server}")
}

/// Starts a region's git server and its copier.
pub(crate) fn start_git(lab: &Lab, region: Role) -> Result<()> {
    let role = region.to_string();
    for what in ["git", "mirror"] {
        let name = format!("{region}-{what}");
        if daemon::running(lab, &name).is_none() {
            let argv = lab.command(&[what, &role]);
            let start = Start { name, region: Some(region), argv, folder: &lab.folder, user: None };
            daemon::start(lab, &start)?;
        }
    }
    let door = SocketAddr::new(region.address(), lab.ports.git);
    until_alive(lab, &format!("{region}-git"), || Some(door))
}

/// Starts an application server and waits until it answers.
pub(crate) fn start_server(lab: &Lab, region: Role, server: u32) -> Result<()> {
    let name = app(region, server);
    if daemon::running(lab, &name).is_none() {
        let _ = fs::remove_file(port_file(lab, region, server));
        let argv = lab.command(&["app", &region.to_string(), &server.to_string()]);
        daemon::start(lab, &Start { name: name.clone(), region: Some(region), argv, folder: &lab.folder, user: None })?;
    }
    until_alive(lab, &name, || own_door(lab, region, server))
}

fn port_file(lab: &Lab, region: Role, server: u32) -> PathBuf {
    lab.of(region, &format!("{}.port", app(region, server)))
}

/// Where one server of the group is asked by itself.
fn own_door(lab: &Lab, region: Role, server: u32) -> Option<SocketAddr> {
    let port = fs::read_to_string(port_file(lab, region, server)).ok()?.parse().ok()?;
    Some(SocketAddr::new(region.address(), port))
}

fn is_alive(door: SocketAddr) -> bool {
    let mut alive = false;
    let asked = serve(async {
        alive = matches!(http::ask(door, "lab", "GET /alive", "", Duration::from_secs(1)).await, Ok((200, _)));
        Ok(())
    });
    asked.is_ok() && alive
}

fn until_alive(lab: &Lab, name: &str, door: impl Fn() -> Option<SocketAddr>) -> Result<()> {
    let mut died = false;
    wait_until(&format!("{name} answers"), START_WITHIN, || {
        died = daemon::running(lab, name).is_none();
        died || door().is_some_and(is_alive)
    })?;
    if died { Err(format!("{name} ended at once: {}", daemon::last_words(lab, name))) } else { Ok(()) }
}

/// One application server: started, stopped, or asked whether it runs (exit 0) or not (exit 3).
pub(crate) fn server(lab: &Lab, region: Role, verb: ServerVerb, server: u32) -> Result<ExitCode> {
    if server == 0 || server > CAPACITY {
        return Err(format!("{region} has the servers 1 to {CAPACITY}, no {server}"));
    }
    match verb {
        ServerVerb::Start if isolation(lab, region).exists() => {
            return Err(format!("region {region} is cut off: nothing can be started in it"));
        }
        ServerVerb::Start => start_server(lab, region, server)?,
        ServerVerb::Stop => daemon::stop(lab, &app(region, server))?,
        ServerVerb::Status => {
            let runs = daemon::running(lab, &app(region, server)).is_some();
            let alive = runs && own_door(lab, region, server).is_some_and(is_alive);
            println!("{}", if alive { "running" } else { "not running" });
            return Ok(if alive { ExitCode::SUCCESS } else { NOT_RUNNING.into() });
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Stands in a region's folder while it is cut off; holds from whom.
fn isolation(lab: &Lab, region: Role) -> PathBuf {
    lab.of(region, "isolated")
}

/// The servers that ran when the region was lost.
fn lost_servers(lab: &Lab, region: Role) -> PathBuf {
    lab.of(region, "lost-servers")
}

/// Kills a region, lets it in again, or says from whom it is cut off.
pub(crate) fn run(lab: &Lab, region: Role, verb: Verb, names: &[String]) -> Result<()> {
    let mark = isolation(lab, region);
    let failed = |error: std::io::Error| format!("{}: {error}", mark.display());
    match verb {
        Verb::Isolate => {
            if !mark.exists() {
                let run: Vec<String> = (1..=CAPACITY)
                    .filter(|server| daemon::running(lab, &app(region, *server)).is_some())
                    .map(|server| server.to_string())
                    .collect();
                fs::write(lost_servers(lab, region), run.join(" ")).map_err(failed)?;
            }
            // Said before it is done: whoever looks in between finds a region that is being lost.
            fs::write(&mark, names.join(" ")).map_err(failed)?;
            daemon::kill_region(lab, region)
        }
        Verb::Rejoin => rejoin(lab, region, names),
        Verb::Status => {
            println!("{}", fs::read_to_string(&mark).unwrap_or_default().trim());
            Ok(())
        }
    }
}

/// Starts everything of a region again, with what is named refusing writes before anybody can reach it.
fn rejoin(lab: &Lab, region: Role, fenced: &[String]) -> Result<()> {
    let is_fenced = |name: &str| fenced.iter().any(|one| one == name);
    if let Some(unknown) = fenced.iter().find(|name| !["main", "repositories"].contains(&name.as_str())) {
        return Err(format!("there is no `{unknown}` in the lab that could be fenced"));
    }
    if is_fenced("repositories") {
        let fence = lab.repositories(region).join(".muster/fence");
        let written = fs::write(&fence, format!("region {region} was lost, and came back fenced"));
        written.map_err(|error| format!("{}: {error}", fence.display()))?;
    }
    // What the lost servers noted as under way is over: none of them lives.
    let _ = fs::remove_dir_all(lab.repositories(region).join(".muster/under-way"));
    postgres::rejoin(lab, region, is_fenced("main"))?;
    start_git(lab, region)?;
    let lost = fs::read_to_string(lost_servers(lab, region)).unwrap_or_default();
    for server in lost.split_whitespace().filter_map(|word| word.parse().ok()) {
        start_server(lab, region, server)?;
    }
    // They all run: nothing is left to be started by whoever takes this up.
    let _ = fs::remove_file(lost_servers(lab, region));
    let mark = isolation(lab, region);
    if mark.exists() {
        fs::remove_file(&mark).map_err(|error| format!("{}: {error}", mark.display()))?;
    }
    postgres::catch_up(lab, region)
}
