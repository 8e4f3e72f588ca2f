//! `http`, and the one way in which actions ask over HTTP.

use async_trait::async_trait;

use super::{ActError, Applied, Perform, Tools};
use crate::catalogue::{Achieved, Before, Describe, Evidence, Http, HttpExpect, Judged, Undo, Value, split_url};
use crate::resource::{Context, HttpRequest, HttpResponse, Method, Resolver, Stage};
use crate::time::Span;

/// The most that is kept of an answer, in bytes.
const BODY_LIMIT: usize = 64 * 1024;

/// A request.
pub(super) struct Asked<'a> {
    pub(super) method: Method,
    pub(super) url: &'a str,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<String>,
    pub(super) timeout: Span,
}

/// An answer.
pub(super) struct Answered {
    pub(super) response: HttpResponse,
    pub(super) took: Span,
}

impl Answered {
    /// The error is without secrets. They are taken out before the quotes in it are cut: half a secret would not be
    /// found.
    pub(super) fn judge(&self, tools: &Tools, expect: &HttpExpect) -> Result<(), String> {
        let Judged::Otherwise(what) = expect.judge(&self.response, self.took) else { return Ok(()) };
        let clean = HttpResponse { body: tools.secrets.redact(&self.response.body), ..self.response.clone() };
        match expect.judge(&clean, self.took) {
            Judged::AsExpected => Err(tools.secrets.redact(&what)),
            Judged::Otherwise(clean) => Err(tools.secrets.redact(&clean)),
        }
    }
}

/// No answer.
pub(super) struct Unanswered {
    pub(super) what: String,
    /// Whether the request may have reached the server.
    pub(super) sent: bool,
}

/// Asks. Never names the URL, which may be a secret.
pub(super) async fn ask(tools: &Tools, cx: &Context, asked: Asked<'_>) -> Result<Answered, Unanswered> {
    let unsent = |what: String| Unanswered { what, sent: false };
    let (host, port, _) = split_url(asked.url).map_err(unsent)?;
    let mut request = HttpRequest::new(asked.method, asked.url, (host, port), Resolver::System, BODY_LIMIT);
    (request.headers, request.body) = (asked.headers, asked.body);
    let began = cx.clock.now();
    let exchange = tokio::select! {
        biased;
        // The network's futures may be dropped; what was sent by then is not known.
        () = cx.cancel.cancelled() => {
            return Err(Unanswered { what: "no answer before the step was asked to end".to_owned(), sent: true });
        }
        exchange = cx.clock.timeout(asked.timeout, tools.resources.network.http(cx, &request)) => exchange,
    };
    let Ok(exchange) = exchange else {
        return Err(Unanswered { what: format!("no answer within {}", asked.timeout), sent: true });
    };
    match exchange.result {
        Ok(response) => Ok(Answered { response, took: cx.clock.now().since(began) }),
        Err(error) => Err(Unanswered { what: error.text, sent: error.stage == Stage::Exchange }),
    }
}

/// A value, read if it is a secret.
pub(super) fn reveal(tools: &Tools, value: &Value) -> Result<String, ActError> {
    match value {
        Value::Plain(text) => Ok(text.clone()),
        Value::Secret(source) => tools.secrets.read(source).map_err(ActError::refused),
    }
}

impl Http {
    /// The error of a request that reached the server, or may have.
    fn failed(&self, status: Option<u16>, what: String) -> ActError {
        match status {
            _ if self.is_safe() => ActError::refused(what),
            // RFC 9110, 15.5: the request was not fulfilled.
            Some(400..=499) => ActError::refused(what),
            Some(200..=299) => ActError::in_part(what),
            Some(_) | None => ActError::in_doubt(what),
        }
    }
}

#[async_trait]
impl Perform for Http {
    async fn apply(&self, tools: &Tools, cx: &Context, _before: &Before) -> Result<Applied, ActError> {
        let mut headers = Vec::with_capacity(self.headers.len());
        for (name, value) in &self.headers {
            headers.push((name.clone(), reveal(tools, value)?));
        }
        let asked = Asked {
            method: self.method,
            url: &self.url,
            headers,
            body: self.body.clone(),
            timeout: tools.timeout(cx, self),
        };
        let summary = self.summary();
        let answer = match ask(tools, cx, asked).await {
            Ok(answer) => answer,
            Err(Unanswered { what, sent: false }) => return Err(ActError::refused(format!("{summary}: {what}"))),
            Err(Unanswered { what, sent: true }) => return Err(self.failed(None, format!("{summary}: {what}"))),
        };
        let status = answer.response.status;
        let evidence: Evidence =
            [("status".to_owned(), status.to_string()), ("took".to_owned(), answer.took.to_string())].into();
        match answer.judge(tools, &self.expect) {
            Ok(()) => Ok(Applied::showing(evidence)),
            Err(otherwise) => {
                let what = tools.secrets.redact(&format!("{summary}: {otherwise}"));
                Err(self.failed(Some(status), what).with(evidence))
            }
        }
    }

    async fn achieved(&self, _tools: &Tools, _cx: &Context) -> Achieved {
        Achieved::No("a request is made each time".to_owned())
    }

    async fn undo(&self, _tools: &Tools, _cx: &Context, _before: &Before) -> Result<Evidence, ActError> {
        match Describe::undo(self) {
            Undo::Irreversible(stays) => Err(ActError::refused(format!("it can't be taken back: {stays}"))),
            _ => Ok(Evidence::new()),
        }
    }
}
