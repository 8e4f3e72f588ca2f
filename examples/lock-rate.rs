//! What a run's leases cost it: twenty of them taken, renewed once and let go, in a store on the disk.
//!
//! `cargo run --release --example lock-rate [FOLDER]` does it five times in a fresh store in FOLDER (the system's
//! temporary folder if none is said) and prints how long each took.

use std::error::Error;
use std::io::Write;
use std::path::PathBuf;

use muster::id::RunId;
use muster::store::{Claim, FILE_NAME, Holder, Instant, Leases, SqliteLive, SqliteStore, Taken};
use muster::time::{Moment, Span, since_boot, wall_now};

/// So many things does a large drill change.
const LEASES: usize = 20;

fn main() -> Result<(), Box<dyn Error>> {
    let given = std::env::args().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = given.join(format!("muster-locks-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    drop(SqliteStore::open(&folder, &|_| Err("no run is read here".to_owned()))?);
    let claims: Vec<Claim> =
        (0..LEASES).map(|n| Claim { name: format!("resource {n}"), shown: format!("resource {n}") }).collect();
    let holder = Holder {
        run: RunId::new("20261122-084216-lock-rate")?,
        pid: std::process::id(),
        pid_started: 1,
        boot: "this one".to_owned(),
        host: "here".to_owned(),
        user: "me".to_owned(),
    };
    for _ in 0..5 {
        let began = since_boot();
        let mut live = SqliteLive::open(&folder.join(FILE_NAME))?;
        let Taken::All { held, .. } = live.take(&claims, &holder, Span::from_secs(30), now(), &|_| false)? else {
            return Err("somebody else holds them".into());
        };
        live.renew(&held, now())?;
        live.release(&held)?;
        let took = since_boot() - began;
        writeln!(std::io::stdout(), "{LEASES} leases taken, renewed and let go: {:.3} ms", took.0 as f64 / 1e6)?;
    }
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

fn now() -> Instant {
    Instant { wall: wall_now(), boot: Moment::ZERO + since_boot() }
}
