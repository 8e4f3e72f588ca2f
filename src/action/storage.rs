//! `storage.fence`, `storage.promote`, `storage.replicate`, `storage.verify`: how a storage goes through what [`Replicated`] things have
//! in common.

use async_trait::async_trait;

use super::replicated::Replicated;
use super::{ActError, Applied, Perform, Tools, fence, look, promote, replicate};
use crate::catalogue::sides::Promotion;
use crate::catalogue::{
    Achieved, Before, Describe, Evidence, StorageFence, StoragePromote, StorageReplicate, StorageVerify, Undo,
};
use crate::model::Plan;
use crate::resource::{Context, CopyReport};

/// What stays, in the catalogue's words.
fn stays(act: &impl Describe) -> ActError {
    match act.undo() {
        Undo::Irreversible(stays) => replicate::irreversible(&stays),
        _ => replicate::irreversible("nothing is known of a way back"),
    }
}

#[async_trait]
impl Perform for StorageFence {
    async fn apply(&self, tools: &Tools, cx: &Context, _before: &Before) -> Result<Applied, ActError> {
        fence::apply(Replicated::find(tools, &self.storage)?, cx, self.region, self.unreachable).await
    }

    async fn achieved(&self, tools: &Tools, cx: &Context) -> Achieved {
        look::achieved(tools, cx, self).await
    }

    async fn prove(&self, tools: &Tools, cx: &Context) -> Result<Evidence, ActError> {
        fence::prove(Replicated::find(tools, &self.storage)?, cx, self.region, self.unreachable).await
    }

    async fn undo(&self, tools: &Tools, cx: &Context, before: &Before) -> Result<Evidence, ActError> {
        fence::undo(Replicated::find(tools, &self.storage)?, tools, cx, self, self.region, before).await
    }
}

#[async_trait]
impl Perform for StoragePromote {
    async fn apply(&self, tools: &Tools, cx: &Context, _before: &Before) -> Result<Applied, ActError> {
        let Plan { mode, discard, .. } = *tools.plan;
        let how = Promotion { to: self.to, drained: self.drained(mode), mode, discard };
        promote::apply(Replicated::find(tools, &self.storage)?, cx, how).await
    }

    async fn achieved(&self, tools: &Tools, cx: &Context) -> Achieved {
        look::achieved(tools, cx, self).await
    }

    async fn prove(&self, tools: &Tools, cx: &Context) -> Result<Evidence, ActError> {
        promote::prove(Replicated::find(tools, &self.storage)?, cx, self.to).await
    }

    async fn undo(&self, _tools: &Tools, _cx: &Context, _before: &Before) -> Result<Evidence, ActError> {
        Err(stays(self))
    }
}

#[async_trait]
impl Perform for StorageReplicate {
    async fn apply(&self, tools: &Tools, cx: &Context, before: &Before) -> Result<Applied, ActError> {
        replicate::apply(Replicated::find(tools, &self.storage)?, tools, cx, before, self.from, self.to).await
    }

    async fn achieved(&self, tools: &Tools, cx: &Context) -> Achieved {
        look::achieved(tools, cx, self).await
    }

    async fn prove(&self, tools: &Tools, cx: &Context) -> Result<Evidence, ActError> {
        replicate::prove(Replicated::find(tools, &self.storage)?, cx, self.from, self.to).await
    }

    async fn undo(&self, _tools: &Tools, _cx: &Context, _before: &Before) -> Result<Evidence, ActError> {
        Err(stays(self))
    }
}

impl StorageVerify {
    /// What is wrong with the copy, each with its count; empty if nothing is.
    fn wrong(&self, seen: &CopyReport) -> Vec<String> {
        let mut wrong = Vec::new();
        if seen.missing > 0 {
            wrong.push(format!("{} of {} repositories are missing", seen.missing, seen.repositories));
        }
        if seen.diverged > 0 {
            wrong.push(format!("{} have what the original never had", seen.diverged));
        }
        if seen.stale > 0 {
            wrong.push(format!(
                "{} have references that the original moved back or deleted, or lack some, and have taken all of its \
                 pushes: what copies them leaves these out",
                seen.stale
            ));
        }
        if seen.damaged > 0 {
            wrong.push(format!("{} of {} that were read through are damaged", seen.damaged, seen.checked));
        }
        if seen.oldest_missing > self.behind_at_most.0 {
            wrong.push(format!(
                "{} are behind, the oldest push that is missing is {} old, at most {} is allowed",
                seen.behind, seen.oldest_missing, self.behind_at_most.0
            ));
        }
        wrong
    }
}

#[async_trait]
impl Perform for StorageVerify {
    async fn apply(&self, tools: &Tools, cx: &Context, _before: &Before) -> Result<Applied, ActError> {
        let id = &self.storage;
        let Some(storage) = tools.resources.storages.get(id) else {
            return Err(ActError::refused(format!("the infrastructure file has no storage `{id}`")));
        };
        let compared = storage.verify(cx, self.region).await;
        let seen = compared.map_err(|error| {
            ActError::refused(format!("comparing {id} in {} with the original: {error}", self.region))
        })?;
        let evidence: Evidence = [
            ("repositories".to_owned(), seen.repositories.to_string()),
            ("missing".to_owned(), seen.missing.to_string()),
            ("behind".to_owned(), seen.behind.to_string()),
            ("diverged".to_owned(), seen.diverged.to_string()),
            ("read through".to_owned(), seen.checked.to_string()),
            ("damaged".to_owned(), seen.damaged.to_string()),
            ("age of the oldest missing push".to_owned(), seen.oldest_missing.to_string()),
        ]
        .into();
        let wrong = self.wrong(&seen);
        if wrong.is_empty() {
            return Ok(Applied::showing(evidence));
        }
        let what = format!("the copy of {id} in {} is not as the original: {}", self.region, wrong.join("; "));
        Err(ActError::refused(what).with(evidence))
    }

    async fn achieved(&self, _tools: &Tools, _cx: &Context) -> Achieved {
        Achieved::No("copies are compared each time".to_owned())
    }

    async fn undo(&self, _tools: &Tools, _cx: &Context, _before: &Before) -> Result<Evidence, ActError> {
        Ok(Evidence::new())
    }
}
