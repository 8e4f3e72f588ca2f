//! Recorded answers in place of the network. They are written from the services' API documentation, for what no server on
//! loopback does. (The SDK's own replay client is not used: it brings in `serde_json/preserve_order`, by which the bytes
//! of journals and digests under test would be others than those that are shipped.)

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;

use crate::id::{RegionRole, RunId};
use crate::infrastructure::real::aws::AwsRegion;
use crate::provider::aws::{Access, Line, Ways};
use crate::resource::{Actor, Cancellation, Context, Errand};
use crate::time::Clock;

/// An answer to requests that contain a text; the last one for a text is given again and again.
#[derive(Debug)]
struct Answer {
    to: &'static str,
    status: u16,
    body: String,
}

#[derive(Debug, Default)]
struct State {
    answers: VecDeque<Answer>,
    asked: Vec<String>,
}

/// A network of recorded answers.
#[derive(Clone, Debug, Default)]
pub(super) struct Recorded(Arc<Mutex<State>>);

impl Recorded {
    pub(super) fn new() -> Self {
        let it = Self::default();
        let identity = "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:sts::123456789012:user/a</Arn>\
                        <UserId>U</UserId><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";
        it.answers("GetCallerIdentity", 200, identity);
        it
    }

    /// Requests with `to` in their address, headers or body are answered so. Status 0: nobody answers.
    pub(super) fn answers(&self, to: &'static str, status: u16, body: &str) -> &Self {
        self.0.lock().unwrap().answers.push_back(Answer { to, status, body: body.to_owned() });
        self
    }

    /// What was asked: address and body.
    pub(super) fn asked(&self) -> Vec<String> {
        self.0.lock().unwrap().asked.clone()
    }

    /// The ways into both regions, through this.
    pub(super) fn ways(&self) -> Ways {
        let line = Line::replaying(SharedHttpClient::new(self.clone()), Clock::real());
        let settings: AwsRegion = serde_json::from_str(r#"{"account":"123456789012","timeout":"2s"}"#).unwrap();
        let to = |role, name: &str| Arc::new(Access::new(role, name.to_owned(), settings.clone(), line.clone()));
        Ways { primary: to(RegionRole::Primary, "us-east-1"), secondary: to(RegionRole::Secondary, "us-west-2") }
    }
}

/// A step's context.
pub(super) fn context() -> Context {
    Context {
        run: RunId::new("20261122-084216-drill").unwrap(),
        actor: Actor::Muster,
        attempt: 1,
        errand: Errand::Do,
        clock: Clock::real(),
        fencing: 1,
        cancel: Cancellation::default(),
    }
}

impl HttpConnector for Recorded {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = request.body().bytes().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default();
        let target = request.headers().get("x-amz-target").unwrap_or_default().to_owned();
        let asked = format!("{} {target} {body} ", request.uri());
        let mut state = self.0.lock().unwrap();
        let first = state.answers.iter().position(|answer| asked.contains(answer.to));
        let answer = first.map(|first| {
            let (to, status) = (state.answers[first].to, state.answers[first].status);
            let body = state.answers[first].body.clone();
            if state.answers.iter().filter(|answer| answer.to == to).count() > 1 {
                state.answers.remove(first);
            }
            (status, body)
        });
        state.asked.push(asked.clone());
        HttpConnectorFuture::ready(match answer {
            None => Err(ConnectorError::user(format!("nothing is recorded for {asked}").into())),
            Some((0, _)) => Err(ConnectorError::io("nobody answers".into())),
            Some((status, body)) => {
                let status = status.try_into().unwrap();
                Ok(HttpResponse::new(status, SdkBody::from(body)))
            }
        })
    }
}

impl HttpClient for Recorded {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
