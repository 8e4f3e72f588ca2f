//! `notify`: a message to a webhook, as JSON with the one field `text`, or in Slack's blocks.

use async_trait::async_trait;

use super::http::{self, Asked, Unanswered};
use super::{ActError, Applied, Perform, Tools};
use crate::catalogue::{Achieved, Before, Evidence, HttpExpect, MessageShape, Notify};
use crate::resource::{Context, Method};
use crate::time::Span;

/// A webhook that takes longer is down.
const TIMEOUT: Span = Span::from_secs(30);

/// What Slack takes: characters of a headline, of a section's text, and blocks of a message.
/// <https://docs.slack.dev/reference/block-kit/blocks>
const HEADLINE_MAX: usize = 150;
const SECTION_MAX: usize = 3_000;
const BLOCKS_MAX: usize = 50;

/// Characters of the message that are kept as evidence.
const SAID_MAX: usize = 1_000;

/// What is posted.
fn body(notify: &Notify) -> serde_json::Value {
    match notify.shape {
        MessageShape::Text => serde_json::json!({ "text": notify.message }),
        MessageShape::Slack => slack(&notify.message),
    }
}

/// A message in blocks: its first paragraph the headline, each other one a section. `text` is what notifications show,
/// and what is shown where blocks can't be.
fn slack(message: &str) -> serde_json::Value {
    let mut paragraphs = message.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty());
    let headline = paragraphs.next().unwrap_or_default();
    let mut blocks = Vec::new();
    if !headline.is_empty() {
        let plain = cut(&headline.replace('\n', " "), HEADLINE_MAX);
        blocks.push(serde_json::json!({ "type": "header", "text": { "type": "plain_text", "text": plain } }));
    }
    // A headline that is too long to be shown whole stands whole below it.
    let whole = (headline.chars().count() > HEADLINE_MAX).then_some(headline);
    for paragraph in whole.into_iter().chain(paragraphs).take(BLOCKS_MAX - 1) {
        let text = serde_json::json!({ "type": "mrkdwn", "text": cut(&escaped(paragraph), SECTION_MAX) });
        blocks.push(serde_json::json!({ "type": "section", "text": text }));
    }
    serde_json::json!({ "text": escaped(headline), "blocks": blocks })
}

/// These three begin links and mentions: <https://docs.slack.dev/messaging/formatting-message-text#escaping>
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most { text.to_owned() } else { text.chars().take(most - 1).chain(['…']).collect() }
}

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
            body: Some(body(self).to_string()),
            timeout: TIMEOUT.min(tools.timeout(cx, self)),
        };
        // What was really said: the plan has no more than the template that it was made of.
        let said = cut(&tools.secrets.redact(&self.message), SAID_MAX);
        let mut evidence: Evidence = [("message".to_owned(), said)].into();
        let answer = http::ask(tools, cx, asked).await.map_err(|Unanswered { what, sent }| {
            let what = tools.secrets.redact(&format!("the message was not delivered to the webhook: {what}"));
            if sent { ActError::in_doubt(what) } else { ActError::refused(what) }.with(evidence.clone())
        })?;
        evidence.insert("status".to_owned(), answer.response.status.to_string());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_in_blocks_has_a_headline_and_a_section_for_each_paragraph() {
        let posted =
            slack("Drill 1: passed\n\nUsers were out for <2 min> & back.\n\n✓ Recovery time: 2 min\n✓ Data loss: none");
        let section = |text: &str| serde_json::json!({ "type": "section", "text": { "type": "mrkdwn", "text": text } });
        assert_eq!(
            posted,
            serde_json::json!({
                "text": "Drill 1: passed",
                "blocks": [
                    { "type": "header", "text": { "type": "plain_text", "text": "Drill 1: passed" } },
                    section("Users were out for &lt;2 min&gt; &amp; back."),
                    section("✓ Recovery time: 2 min\n✓ Data loss: none"),
                ]
            })
        );
    }

    #[test]
    fn no_message_is_larger_than_slack_takes() {
        let long = format!("{}\n\n{}", "h".repeat(400), "word & word\n\n".repeat(400) + &"x".repeat(9_000));
        let posted = slack(&long);
        let blocks = posted["blocks"].as_array().unwrap();
        assert_eq!(blocks.len(), BLOCKS_MAX);
        for block in blocks {
            let most = if block["type"] == "header" { HEADLINE_MAX } else { SECTION_MAX };
            assert!(block["text"]["text"].as_str().unwrap().chars().count() <= most);
        }
        assert_eq!(blocks[1]["text"]["text"], "h".repeat(400), "a headline that was cut stands whole below it");
        assert_eq!(slack("  ")["blocks"], serde_json::json!([]));
    }
}
