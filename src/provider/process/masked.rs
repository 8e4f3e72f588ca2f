//! Programs of probes whose outputs have no secrets in them: what is quoted of one, and cut, can't end in the midst of one.

use std::borrow::Cow;
use std::sync::Arc;

use async_trait::async_trait;

use crate::resource::{Actor, CommandLine, Context, Finished, ProcessError, Processes};
use crate::secret::Redactor;

/// Takes the secrets out of what probes' programs say; others need what theirs say as it is.
pub struct MaskedProcesses {
    processes: Arc<dyn Processes>,
    redactor: Redactor,
}

impl MaskedProcesses {
    /// What `redactor` knows, now or later, is taken out of what `processes` give to probes.
    #[must_use]
    pub fn new(processes: Arc<dyn Processes>, redactor: Redactor) -> Self {
        Self { processes, redactor }
    }
}

#[async_trait]
impl Processes for MaskedProcesses {
    async fn run(&self, cx: &Context, command: &CommandLine) -> Result<Finished, ProcessError> {
        let mut finished = self.processes.run(cx, command).await?;
        // A standby is asked by a step, and told where.
        let of_probe =
            matches!(cx.actor, Actor::Probe(_)) || command.env.iter().any(|(name, _)| name == "MUSTER_ADDRESS");
        if of_probe {
            for text in [&mut finished.stdout, &mut finished.stderr] {
                if let Cow::Owned(clean) = self.redactor.redact(text) {
                    *text = clean;
                }
            }
        }
        Ok(finished)
    }
}
