//! `storage.recover`.

use async_trait::async_trait;

use super::look;
use super::{ActError, Applied, Perform, Tools};
use crate::catalogue::{Achieved, Before, Evidence, StorageRecover};
use crate::resource::{Context, Recovery, Storage, Wanted};
use crate::time::Span;

/// How long one attempt to remove what was recovered may take.
const TIDY_AT_MOST: Span = Span::from_secs(60);

impl StorageRecover {
    fn find<'a>(&self, tools: &'a Tools) -> Result<&'a dyn Storage, ActError> {
        let found = tools.resources.storages.get(&self.storage).map(AsRef::as_ref);
        found.ok_or_else(|| ActError::refused(format!("the infrastructure file has no storage `{}`", self.storage)))
    }

    /// Removes what this run recovered, although the step may have been asked to end.
    async fn discard(&self, storage: &dyn Storage, cx: &Context) -> Result<Vec<String>, ActError> {
        let (cx, region) = (look::uncancelled(cx), self.region);
        let gone =
            look::at_most(&cx, TIDY_AT_MOST, |inner| async move { storage.discard_recovered(&inner, region).await });
        gone.await.map_err(|error| {
            let of = &self.storage;
            ActError::in_part(format!(
                "what was recovered of {of} in {region} may still stand: {error}; remove it by hand"
            ))
        })
    }
}

#[async_trait]
impl Perform for StorageRecover {
    async fn apply(&self, tools: &Tools, cx: &Context, _before: &Before) -> Result<Applied, ActError> {
        let storage = self.find(tools)?;
        let wanted = Wanted { repository: self.repository.clone(), deleted_ago: self.deleted_ago.0 };
        let recovered = storage.recover(cx, self.region, &wanted).await;
        let left = self.discard(storage, cx).await.err();
        let recovery = match recovered {
            Ok(recovery) => recovery,
            Err(error) => {
                let what = format!("recovering from {} in {}: {error}", self.storage, self.region);
                return Err(match left {
                    None => ActError::refused(what),
                    Some(left) => ActError { what: format!("{what}; {}", left.what), ..left },
                });
            }
        };
        let evidence: Evidence = match &recovery {
            Recovery::Gone(why) => [("refused".to_owned(), why.clone())].into(),
            Recovery::Back(it) => [
                ("repository".to_owned(), it.repository.clone()),
                ("deleted".to_owned(), format!("{} ago", it.deleted_ago)),
                ("refs".to_owned(), format!("{} of {}", it.refs, it.refs_before)),
                ("objects".to_owned(), it.objects.to_string()),
                ("damaged".to_owned(), it.damaged.to_string()),
                ("metadata".to_owned(), if it.metadata { "came back" } else { "did not come back" }.to_owned()),
            ]
            .into(),
        };
        let mut wrong = self.judge(&recovery);
        wrong.extend(left.as_ref().map(|left| left.what.clone()));
        if wrong.is_empty() {
            return Ok(Applied::showing(evidence));
        }
        let what = format!("{} in {}: {}", self.storage, self.region, wrong.join("; "));
        let error = if left.is_some() { ActError::in_part(what) } else { ActError::refused(what) };
        Err(error.with(evidence))
    }

    async fn achieved(&self, _tools: &Tools, _cx: &Context) -> Achieved {
        Achieved::No("a recovery is proven by doing it".to_owned())
    }

    async fn undo(&self, tools: &Tools, cx: &Context, _before: &Before) -> Result<Evidence, ActError> {
        let removed = self.discard(self.find(tools)?, cx).await?;
        let removed = if removed.is_empty() { "none stood".to_owned() } else { removed.join(", ") };
        Ok([("recovered copies removed".to_owned(), removed)].into())
    }
}
