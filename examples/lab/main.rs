//! The lab: two regions of real servers on one machine, for real drills.
//!
//! ```sh
//! cargo run --release --example lab -- up        # starts everything, writes playbooks/infra/lab.yaml
//! cargo run --release --example lab -- status    # what runs where, who takes writes, what DNS says
//! cargo run --release --example lab -- down      # ends everything and removes it
//! ```
//!
//! PostgreSQL with a standby, application servers, git repositories over HTTP with a mirror, in each of two regions;
//! beside them Knot DNS with a second name server, Unbound, a status hook, and clients that write, read and push
//! without pause. Everything is in one folder and listens on loopback. `docs/lab.md` has the whole of it.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the lab is the world outside Muster: it starts programs, sees the machine's time and prints"
)]

mod app;
mod clients;
mod daemon;
mod down;
mod folder;
mod http;
mod infra;
mod names;
mod outside;
mod postgres;
mod processes;
mod region;
mod repos;
mod status;
mod tools;
mod up;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

use world::{Lab, Role};

/// What goes wrong, in words for people.
type Result<T> = std::result::Result<T, String>;

/// The path of Muster's lab: two regions of real servers on this machine.
#[derive(Parser)]
#[command(name = "lab", about = "Two regions of real servers on this machine, for real drills", version)]
struct Arguments {
    /// The folder that holds all of the lab; unstated: one in the user's cache folder.
    #[arg(long, global = true, value_name = "DIR")]
    dir: Option<PathBuf>,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Starts everything and writes the infrastructure file.
    Up(up::Options),
    /// Ends everything and removes it.
    Down,
    /// Says what runs where, who takes writes, and what DNS says.
    Status,
    /// An application server (run by the lab).
    #[command(hide = true)]
    App { region: Role, server: u32 },
    /// A region's git server (run by the lab).
    #[command(hide = true)]
    Git { region: Role },
    /// What copies a region's pushes to the other one (run by the lab).
    #[command(hide = true)]
    Mirror { region: Role },
    /// Programs like users' that write, read and push (run by the lab).
    #[command(hide = true)]
    Clients,
    /// What hears about the drill, and answers the witness (run by the lab).
    #[command(hide = true)]
    Outside,
    /// A region's PostgreSQL: start, stop, status, standby, rewind, basebackup, preserve, waldump (run by Muster).
    #[command(hide = true)]
    Postgres {
        region: Role,
        verb: postgres::Verb,
        /// What the verb needs.
        arguments: Vec<String>,
    },
    /// An application server of a region: start, stop, status (run by Muster).
    #[command(hide = true)]
    Server { region: Role, verb: region::ServerVerb, server: u32 },
    /// A region: isolate, rejoin, status (run by Muster).
    #[command(hide = true)]
    Region {
        region: Role,
        verb: region::Verb,
        /// From whom it is cut off, or what is fenced when it returns.
        names: Vec<String>,
    },
    /// The automatic failover: pause, resume, status (run by the playbook).
    #[command(hide = true)]
    Autofailover { verb: outside::AutofailoverVerb, state: Option<outside::AutofailoverState> },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(code) => code,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<ExitCode> {
    let folder = folder::chosen(arguments.dir)?;
    let done = |()| ExitCode::SUCCESS;
    match arguments.what {
        What::Up(options) => up::run(&folder, &options).map(done),
        What::Down => down::run(&folder).map(done),
        What::Status => status::run(&folder),
        What::App { region, server } => serve(app::run(Lab::open(&folder)?, region, server)).map(done),
        What::Git { region } => serve(repos::server::run(Lab::open(&folder)?, region)).map(done),
        What::Mirror { region } => serve(repos::mirror::run(Lab::open(&folder)?, region)).map(done),
        What::Clients => serve(clients::run(Lab::open(&folder)?)).map(done),
        What::Outside => serve(outside::run(Lab::open(&folder)?)).map(done),
        What::Postgres { region, verb, arguments } => postgres::host(&Lab::open(&folder)?, region, verb, &arguments),
        What::Server { region, verb, server } => region::server(&Lab::open(&folder)?, region, verb, server),
        What::Region { region, verb, names } => region::run(&Lab::open(&folder)?, region, verb, &names).map(done),
        What::Autofailover { verb, state } => outside::autofailover(&Lab::open(&folder)?, verb, state),
    }
}

/// Runs a server until it is ended.
fn serve(server: impl Future<Output = Result<()>>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| format!("no runtime: {error}"))?.block_on(server)
}

/// Looks again and again until `ready` says so or `at_most` has passed; then says what was waited for.
fn wait_until(what: &str, at_most: Duration, mut ready: impl FnMut() -> bool) -> Result<()> {
    let begun = std::time::Instant::now();
    while !ready() {
        if begun.elapsed() > at_most {
            return Err(format!("{what} within {at_most:?}: it did not happen"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
