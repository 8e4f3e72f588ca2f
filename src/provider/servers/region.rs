//! A region that commands cut off and let in again.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::{OUTPUT_LIMIT, marked, no_marks};
use crate::id::ResourceId;
use crate::infrastructure::real::process::Region as Settings;
use crate::provider::host::{Host, MarkFile, failure, short};
use crate::resource::{Claimed, Context, Exclusive, Marker, Party, ProviderError, Region, RegionState};
use crate::time::Span;

/// How long a command may take if nothing else is said: all of a region's servers may have to start.
const TIMEOUT: Span = Span::from_secs(300);

/// A region by commands.
pub struct CommandedRegion {
    settings: Settings,
    host: Host,
    mark: Option<MarkFile>,
}

impl CommandedRegion {
    /// A region by these settings.
    #[must_use]
    pub fn new(settings: Settings, host: Host) -> Self {
        let mark = marked(settings.mark.as_ref(), &host);
        Self { settings, host, mark }
    }

    /// Runs a command with these arguments after its own; what it printed.
    async fn run(&self, cx: &Context, command: &[String], more: Vec<String>) -> Result<String, ProviderError> {
        let argv: Vec<String> = command.iter().cloned().chain(more).collect();
        let timeout = self.settings.timeout.map_or(TIMEOUT, |period| period.0);
        let finished = self.host.run(cx, &argv, timeout, OUTPUT_LIMIT).await?;
        if finished.code == Some(0) {
            return Ok(finished.stdout);
        }
        // A program that failed half way leaves nobody knows what.
        Err(ProviderError::Unreachable(failure(&argv, &finished)))
    }

    /// Refuses what another run asks for than the one that has the mark.
    async fn guard(&self, cx: &Context) -> Result<(), ProviderError> {
        match &self.mark {
            Some(mark) => mark.guard(cx).await,
            None => Ok(()),
        }
    }

    /// Looks whether a command had the effect that it was run for.
    async fn prove(&self, cx: &Context, wanted: &RegionState) -> Result<(), ProviderError> {
        let now = self.observe(cx).await?;
        if now == *wanted {
            return Ok(());
        }
        let status = short(&self.settings.status);
        Err(ProviderError::Unreachable(format!("it ended well, and `{status}` says: {now}; expected: {wanted}")))
    }
}

/// A mark is kept where the settings say so.
#[async_trait]
impl Exclusive for CommandedRegion {
    async fn claim(&self, cx: &Context, marker: &Marker, over: Option<&Marker>) -> Result<Claimed, ProviderError> {
        self.mark.as_ref().ok_or_else(no_marks)?.claim(cx, marker, over).await
    }

    async fn release(&self, cx: &Context, marker: &Marker) -> Result<(), ProviderError> {
        self.mark.as_ref().ok_or_else(no_marks)?.release(cx, marker).await
    }
}

#[async_trait]
impl Region for CommandedRegion {
    async fn observe(&self, cx: &Context) -> Result<RegionState, ProviderError> {
        let said = self.run(cx, &self.settings.status, Vec::new()).await?;
        let isolated_from = parties(&said)
            .map_err(|word| ProviderError::Refused(format!("`{}` says `{word}`", short(&self.settings.status))))?;
        Ok(RegionState::cut_off_from(isolated_from))
    }

    async fn set_isolation(&self, cx: &Context, to: &RegionState) -> Result<(), ProviderError> {
        self.guard(cx).await?;
        if to.isolated_from.is_empty() {
            self.run(cx, &self.settings.rejoin, Vec::new()).await?;
        } else {
            let parties = to.isolated_from.iter().map(ToString::to_string).collect();
            self.run(cx, &self.settings.isolate, parties).await?;
        }
        self.prove(cx, to).await
    }

    async fn rejoin_fenced(&self, cx: &Context, fenced: &[ResourceId]) -> Result<(), ProviderError> {
        self.guard(cx).await?;
        self.run(cx, &self.settings.rejoin, fenced.iter().map(ToString::to_string).collect()).await?;
        self.prove(cx, &RegionState::default()).await
    }
}

/// The parties in a list; the first word that is none.
fn parties(text: &str) -> Result<BTreeSet<Party>, String> {
    let party = |word: &str| match word {
        "users" => Ok(Party::Users),
        "primary" => Ok(Party::Primary),
        "secondary" => Ok(Party::Secondary),
        other => Err(other.to_owned()),
    };
    text.split_whitespace().map(party).collect()
}
