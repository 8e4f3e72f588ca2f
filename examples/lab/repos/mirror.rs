//! What copies a region's pushes to the other one: works through the book of pushes in order, behind them, with the lag
//! that it really has.
//!
//! Runs in both regions; it copies only from the side that takes pushes to one that is its copy.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use crate::Result;
use crate::daemon;
use crate::http;
use crate::world::{Lab, Role};

/// Between two looks into the book, and after a failure.
const PAUSE: Duration = Duration::from_millis(50);
const AFTER_FAILURE: Duration = Duration::from_millis(500);
/// How long the other region may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// Copies until it is ended.
pub(crate) async fn run(lab: Lab, region: Role) -> Result<()> {
    let mut last_failure = String::new();
    loop {
        match copy(&lab, region).await {
            Ok(()) => tokio::time::sleep(PAUSE).await,
            Err(why) => {
                // Said once: the other region may be away for hours.
                if why != last_failure {
                    eprintln!("{why}");
                    last_failure = why;
                }
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }
}

/// Copies what has been pushed since the last time.
async fn copy(lab: &Lab, region: Role) -> Result<()> {
    let books = lab.repositories(region).join(".muster");
    let read = |name: &str| fs::read_to_string(books.join(name)).map_err(|error| format!("{name}: {error}"));
    if read("role")?.trim() != "primary" {
        return Ok(());
    }
    let base: u64 = read("base")?.trim().parse().map_err(|_| "base is no number".to_owned())?;
    let pushes = read("pushes")?;
    // A line that is being written is not whole yet.
    let lines: Vec<&str> = pushes.split_inclusive('\n').filter(|line| line.ends_with('\n')).collect();
    let other = region.other();
    let door = SocketAddr::new(other.address(), lab.ports.git);
    let (status, said) = http::ask(door, "git", &format!("GET /mirror/{region}/copied"), "", ANSWER_WITHIN).await?;
    if status != 200 {
        return Err(format!("{other} takes no copies: {said}"));
    }
    let copied: u64 = said.parse().map_err(|_| format!("{other} says `{said}`"))?;
    let at = usize::try_from(copied.saturating_sub(base)).unwrap_or(usize::MAX);
    let waiting = lines.get(at..).unwrap_or_default();
    if waiting.is_empty() {
        return Ok(());
    }
    let repositories: BTreeSet<&str> =
        waiting.iter().filter_map(|line| Some(line.trim_end().split_once(' ')?.1)).collect();
    for repository in repositories {
        if !lab.repositories(region).join(repository).exists() {
            // It was removed since; nothing is left to copy.
            continue;
        }
        let url = format!("http://{door}/mirror/{region}/{repository}");
        let mut push = tokio::process::Command::from(daemon::clean(lab, &lab.programs.git));
        push.arg("-C").arg(lab.repositories(region).join(repository)).kill_on_drop(true);
        push.args(["-c", "http.lowSpeedLimit=1", "-c", "http.lowSpeedTime=5", "push", "--quiet", "--mirror", &url]);
        let out = push.output().await.map_err(|error| format!("git push: {error}"))?;
        if !out.status.success() {
            return Err(format!("{repository}: {}", String::from_utf8_lossy(&out.stderr).trim()));
        }
    }
    let now = base + lines.len() as u64;
    let line = format!("POST /mirror/{region}/copied");
    let (status, said) = http::ask(door, "git", &line, &now.to_string(), ANSWER_WITHIN).await?;
    if status == 200 { Ok(()) } else { Err(format!("{other}: {said}")) }
}
