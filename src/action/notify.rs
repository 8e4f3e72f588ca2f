//! `notify`: a message to a webhook, as JSON with the one field `text`.

use async_trait::async_trait;

use super::http::{self, Asked, Unanswered};
use super::{ActError, Applied, Perform, Tools};
use crate::catalogue::{Achieved, Before, Evidence, HttpExpect, Notify};
use crate::resource::{Context, Method};
use crate::time::Span;

/// A webhook that takes longer is down.
const TIMEOUT: Span = Span::from_secs(30);

#[async_trait]
impl Perform for Notify {
    async fn apply(&self, tools: &Tools, cx: &Context, _before: &Before) -> Result<Applied, ActError> {
        let url = http::reveal(tools, &self.webhook)?;
        // What is wrong with the URL is not told in the words of its reader, which would print it.
        if crate::catalogue::split_url(&url).is_err() {
            return Err(ActError::refused("the webhook is not an http:// or https:// URL with a host"));
        }
        let asked = Asked {
            method: Method::Post,
            url: &url,
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: Some(serde_json::json!({ "text": self.message }).to_string()),
            timeout: TIMEOUT.min(tools.timeout(cx, self)),
        };
        let answer = http::ask(tools, cx, asked).await.map_err(|Unanswered { what, sent }| {
            let what = tools.secrets.redact(&format!("the message was not delivered to the webhook: {what}"));
            if sent { ActError::in_doubt(what) } else { ActError::refused(what) }
        })?;
        let evidence: Evidence = [("status".to_owned(), answer.response.status.to_string())].into();
        answer.judge(tools, &HttpExpect::default()).map_err(|otherwise| {
            let what = format!("the webhook did not take the message: {otherwise}");
            ActError::refused(tools.secrets.redact(&what)).with(evidence.clone())
        })?;
        Ok(Applied::showing(evidence))
    }

    async fn achieved(&self, _tools: &Tools, _cx: &Context) -> Achieved {
        Achieved::No("a message leaves no trace that could be observed".to_owned())
    }

    async fn undo(&self, _tools: &Tools, _cx: &Context, _before: &Before) -> Result<Evidence, ActError> {
        Ok(Evidence::new())
    }
}
