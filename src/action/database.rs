//! `database.fence`, `database.promote`, `database.replicate`: how a database goes through what [`Replicated`] things have
//! in common.

use async_trait::async_trait;

use super::replicated::Replicated;
use super::{ActError, Applied, Perform, Tools, fence, look, promote, replicate};
use crate::catalogue::sides::Promotion;
use crate::catalogue::{Achieved, Before, DatabaseFence, DatabasePromote, DatabaseReplicate, Describe, Evidence, Undo};
use crate::model::Plan;
use crate::resource::Context;

/// What stays, in the catalogue's words.
fn stays(act: &impl Describe) -> ActError {
    match act.undo() {
        Undo::Irreversible(stays) => replicate::irreversible(&stays),
        _ => replicate::irreversible("nothing is known of a way back"),
    }
}

#[async_trait]
impl Perform for DatabaseFence {
    async fn apply(&self, tools: &Tools, cx: &Context, _before: &Before) -> Result<Applied, ActError> {
        fence::apply(Replicated::find(tools, &self.database)?, cx, self.region, self.unreachable).await
    }

    async fn achieved(&self, tools: &Tools, cx: &Context) -> Achieved {
        look::achieved(tools, cx, self).await
    }

    async fn prove(&self, tools: &Tools, cx: &Context) -> Result<Evidence, ActError> {
        fence::prove(Replicated::find(tools, &self.database)?, cx, self.region, self.unreachable).await
    }

    async fn undo(&self, tools: &Tools, cx: &Context, before: &Before) -> Result<Evidence, ActError> {
        fence::undo(Replicated::find(tools, &self.database)?, tools, cx, self, self.region, before).await
    }
}

#[async_trait]
impl Perform for DatabasePromote {
    async fn apply(&self, tools: &Tools, cx: &Context, _before: &Before) -> Result<Applied, ActError> {
        let Plan { mode, discard, .. } = *tools.plan;
        let how = Promotion { to: self.to, drained: self.drained(mode), mode, discard };
        promote::apply(Replicated::find(tools, &self.database)?, cx, how).await
    }

    async fn achieved(&self, tools: &Tools, cx: &Context) -> Achieved {
        look::achieved(tools, cx, self).await
    }

    async fn prove(&self, tools: &Tools, cx: &Context) -> Result<Evidence, ActError> {
        promote::prove(Replicated::find(tools, &self.database)?, cx, self.to).await
    }

    async fn undo(&self, _tools: &Tools, _cx: &Context, _before: &Before) -> Result<Evidence, ActError> {
        Err(stays(self))
    }
}

#[async_trait]
impl Perform for DatabaseReplicate {
    async fn apply(&self, tools: &Tools, cx: &Context, before: &Before) -> Result<Applied, ActError> {
        replicate::apply(Replicated::find(tools, &self.database)?, tools, cx, before, self.from, self.to).await
    }

    async fn achieved(&self, tools: &Tools, cx: &Context) -> Achieved {
        look::achieved(tools, cx, self).await
    }

    async fn prove(&self, tools: &Tools, cx: &Context) -> Result<Evidence, ActError> {
        replicate::prove(Replicated::find(tools, &self.database)?, cx, self.from, self.to).await
    }

    async fn undo(&self, _tools: &Tools, _cx: &Context, _before: &Before) -> Result<Evidence, ActError> {
        Err(stays(self))
    }
}
