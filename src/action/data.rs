//! `data.preserve`: a copy of what exists nowhere else, before it is overwritten.

use async_trait::async_trait;

use super::look;
use super::replicated::Replicated;
use super::{ActError, Applied, Perform, Tools};
use crate::catalogue::{Achieved, Before, DataPreserve, Evidence};
use crate::resource::{Context, ProviderError};

#[async_trait]
impl Perform for DataPreserve {
    async fn apply(&self, tools: &Tools, cx: &Context, _before: &Before) -> Result<Applied, ActError> {
        let mut evidence = Evidence::new();
        let at_most = self.at_most.map_or_else(|| tools.timeout(cx, self), |period| period.0);
        for id in &self.of.0 {
            let it = Replicated::find(tools, id)?;
            let began = cx.clock.now();
            let kept = look::at_most(cx, at_most, |inner| async move { it.preserve(&inner, self.region).await }).await;
            let kept = kept.map_err(|error| {
                let why = match error {
                    ProviderError::Cancelled if !cx.cancel.is_cancelled() => {
                        format!("was given up after {}", cx.clock.now().since(began))
                    }
                    error => error.to_string(),
                };
                // A copy that is there in part harms nobody; only what was to be kept is not kept.
                ActError::refused(format!(
                    "what only {} has of {id} is not kept: {why}; nothing may be built over it before it is",
                    self.region
                ))
                .with(evidence.clone())
            })?;
            let only_here = kept.only_here.map_or_else(|| "not counted".to_owned(), |count| count.to_string());
            evidence.insert(format!("{id}: kept at"), kept.location);
            evidence.insert(format!("{id}: what"), kept.what);
            evidence.insert(format!("{id}: {} that exist only there", it.kept()), only_here);
        }
        Ok(Applied::showing(evidence))
    }

    async fn achieved(&self, _tools: &Tools, _cx: &Context) -> Achieved {
        Achieved::No("what is kept is kept anew each time".to_owned())
    }

    async fn undo(&self, _tools: &Tools, _cx: &Context, _before: &Before) -> Result<Evidence, ActError> {
        Ok([("copies".to_owned(), "they stay: they hold what may exist nowhere else".to_owned())].into())
    }
}
