//! The provider `process`: servers and regions by commands that the infrastructure file gives, locally or through
//! `ssh`.
//!
//! May rely on `resource` and `infrastructure::real`; must never take what could not be seen for what is not there.

mod region;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use super::host::{Host, MarkFile, failure, short};
use crate::id::RegionRole;
use crate::infrastructure::real::process::{Group, Mark, SERVER, Servers};
use crate::resource::{Claimed, Compute, ComputeGroup, ComputeState, Context, Exclusive, Marker, ProviderError, Seen};
use crate::time::Span;

pub use region::CommandedRegion;

/// How long a command may take if nothing else is said.
const TIMEOUT: Span = Span::from_secs(60);
/// What is kept of a command's output, in bytes.
const OUTPUT_LIMIT: usize = 64 * 1024;

/// A group of servers by commands.
pub struct CommandedServers {
    settings: Servers,
    host: Host,
    mark: Option<MarkFile>,
    /// How many were asked for last, by region. Before that, those that run are those that were asked for: commands
    /// keep no wish.
    asked: Mutex<BTreeMap<RegionRole, u32>>,
}

impl CommandedServers {
    /// A group by these settings.
    #[must_use]
    pub fn new(settings: Servers, host: Host) -> Self {
        let mark = marked(settings.mark.as_ref(), &host);
        Self { settings, host, mark, asked: Mutex::default() }
    }

    fn group(&self, region: RegionRole) -> &Group {
        self.settings.regions.get(region)
    }

    /// Runs a command for one server, or for all where `server` is `None`.
    async fn run(
        &self,
        cx: &Context,
        region: RegionRole,
        command: &[String],
        server: Option<u32>,
    ) -> Result<(Vec<String>, crate::resource::Finished), ProviderError> {
        let argv = numbered(command, server);
        let timeout = self.group(region).timeout.map_or(TIMEOUT, |period| period.0);
        let finished = self.host.run(cx, &argv, timeout, OUTPUT_LIMIT).await?;
        Ok((argv, finished))
    }

    /// Which servers run, ascending.
    async fn running(&self, cx: &Context, region: RegionRole) -> Result<Vec<u32>, ProviderError> {
        let group = self.group(region);
        if !group.status.iter().any(|word| word.contains(SERVER)) {
            let (argv, finished) = self.run(cx, region, &group.status, None).await?;
            if finished.code != Some(0) {
                return Err(ProviderError::Unreachable(failure(&argv, &finished)));
            }
            return listed(&finished.stdout, group.capacity)
                .map_err(|why| ProviderError::Unreachable(format!("`{}` {why}", short(&argv))));
        }
        let mut running = Vec::new();
        for server in 1..=group.capacity {
            let (argv, finished) = self.run(cx, region, &group.status, Some(server)).await?;
            match finished.code {
                Some(0) => running.push(server),
                Some(1 | 3) => {}
                _ => return Err(ProviderError::Unreachable(failure(&argv, &finished))),
            }
        }
        Ok(running)
    }

    async fn observed(&self, cx: &Context, region: RegionRole) -> Result<Seen<ComputeGroup>, ProviderError> {
        let running = match self.running(cx, region).await {
            Ok(running) => u32::try_from(running.len()).unwrap_or(u32::MAX),
            Err(ProviderError::Unreachable(why) | ProviderError::Refused(why)) => return Ok(Seen::Unreachable(why)),
            Err(error) => return Err(error),
        };
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner).get(&region).copied();
        let capacity = self.group(region).capacity;
        Ok(Seen::Is(ComputeGroup { desired: asked.unwrap_or(running), running, capacity, up: Vec::new() }))
    }
}

fn marked(settings: Option<&Mark>, host: &Host) -> Option<MarkFile> {
    settings.map(|mark| MarkFile::new(host, &mark.via, mark.file.clone()))
}

fn no_marks() -> ProviderError {
    ProviderError::Unsupported("its settings name no `mark:`".to_owned())
}

/// A command with the server's number in it.
fn numbered(command: &[String], server: Option<u32>) -> Vec<String> {
    let number = server.map(|it| it.to_string()).unwrap_or_default();
    command.iter().map(|word| word.replace(SERVER, &number)).collect()
}

/// The numbers in a list of servers that run; an error if it is none.
fn listed(text: &str, capacity: u32) -> Result<Vec<u32>, String> {
    let mut numbers = Vec::new();
    for word in text.split_whitespace() {
        match word.parse::<u32>() {
            Ok(number) if (1..=capacity).contains(&number) => numbers.push(number),
            _ => return Err(format!("says `{word}`, which is no server: they are 1 to {capacity}")),
        }
    }
    numbers.sort_unstable();
    numbers.dedup();
    Ok(numbers)
}

/// A mark is kept where the settings say so.
#[async_trait]
impl Exclusive for CommandedServers {
    async fn claim(&self, cx: &Context, marker: &Marker, over: Option<&Marker>) -> Result<Claimed, ProviderError> {
        self.mark.as_ref().ok_or_else(no_marks)?.claim(cx, marker, over).await
    }

    async fn release(&self, cx: &Context, marker: &Marker) -> Result<(), ProviderError> {
        self.mark.as_ref().ok_or_else(no_marks)?.release(cx, marker).await
    }
}

#[async_trait]
impl Compute for CommandedServers {
    async fn observe(&self, cx: &Context) -> Result<ComputeState, ProviderError> {
        let (primary, secondary) =
            tokio::join!(self.observed(cx, RegionRole::Primary), self.observed(cx, RegionRole::Secondary));
        let regions = [(RegionRole::Primary, primary?), (RegionRole::Secondary, secondary?)];
        Ok(ComputeState { regions: regions.into() })
    }

    async fn scale(&self, cx: &Context, region: RegionRole, servers: u32) -> Result<(), ProviderError> {
        let group = self.group(region);
        if servers > group.capacity {
            return Err(ProviderError::Refused(format!("{region} has {} servers, not {servers}", group.capacity)));
        }
        if let Some(mark) = &self.mark {
            mark.guard(cx).await?;
        }
        let running = self.running(cx, region).await?;
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(region, servers);
        let missing = (1..=servers).filter(|server| !running.contains(server)).map(|server| (&group.start, server));
        let surplus = running.iter().filter(|server| **server > servers).map(|server| (&group.stop, *server));
        let mut changed = 0_u32;
        for (command, server) in missing.chain(surplus) {
            let failed = match self.run(cx, region, command, Some(server)).await {
                Ok((_, finished)) if finished.code == Some(0) => {
                    changed += 1;
                    continue;
                }
                Ok((argv, finished)) => ProviderError::Refused(failure(&argv, &finished)),
                Err(error) => error,
            };
            // What was changed before it stays changed: then it is no refusal of the whole.
            return Err(match failed {
                ProviderError::Refused(why) if changed > 0 => {
                    ProviderError::Unreachable(format!("{changed} servers were started or stopped, then {why}"))
                }
                error => error,
            });
        }
        Ok(())
    }
}
