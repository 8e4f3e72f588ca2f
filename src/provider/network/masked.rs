//! A network whose answers have no secrets in them: what is quoted of one, and cut, can't end in the middle of one.

use std::borrow::Cow;
use std::sync::Arc;

use async_trait::async_trait;

use crate::resource::{
    Certificate, Context, DnsAnswer, DnsRequest, Exchange, HttpRequest, HttpResponse, NetError, Network,
    PostgresRequest, TcpRequest, TlsRequest,
};
use crate::secret::Redactor;

/// Takes the secrets out of what servers answer. Nothing is foretold: this is for the real network.
pub struct Masked {
    network: Arc<dyn Network>,
    redactor: Redactor,
}

impl Masked {
    /// What `redactor` knows, now or later, is taken out of what `network` gives.
    #[must_use]
    pub fn new(network: Arc<dyn Network>, redactor: Redactor) -> Self {
        Self { network, redactor }
    }

    fn mask_either(&self, result: &mut Result<String, NetError>) {
        match result {
            Ok(text) => self.mask(text),
            Err(error) => self.mask(&mut error.text),
        }
    }

    fn mask(&self, text: &mut String) {
        if let Cow::Owned(clean) = self.redactor.redact(text) {
            *text = clean;
        }
    }
}

#[async_trait]
impl Network for Masked {
    async fn http(&self, cx: &Context, request: &HttpRequest) -> Exchange<HttpResponse> {
        let mut exchange = self.network.http(cx, request).await;
        match &mut exchange.result {
            Ok(response) => {
                self.mask(&mut response.body);
                response.headers.iter_mut().for_each(|(_, value)| self.mask(value));
            }
            Err(error) => self.mask(&mut error.text),
        }
        exchange
    }

    async fn tcp(&self, cx: &Context, request: &TcpRequest) -> Exchange<String> {
        let mut exchange = self.network.tcp(cx, request).await;
        self.mask_either(&mut exchange.result);
        exchange
    }

    async fn tls(&self, cx: &Context, request: &TlsRequest) -> Exchange<Certificate> {
        let mut exchange = self.network.tls(cx, request).await;
        if let Err(error) = &mut exchange.result {
            self.mask(&mut error.text);
        }
        exchange
    }

    async fn dns(&self, cx: &Context, request: &DnsRequest) -> Exchange<Vec<DnsAnswer>> {
        let mut exchange = self.network.dns(cx, request).await;
        for answer in exchange.result.iter_mut().flatten() {
            match &mut answer.result {
                Ok((values, _)) => values.iter_mut().for_each(|value| self.mask(value)),
                Err(why) => self.mask(why),
            }
        }
        exchange
    }

    async fn postgres(&self, cx: &Context, request: &PostgresRequest) -> Exchange<Option<String>> {
        let mut exchange = self.network.postgres(cx, request).await;
        match &mut exchange.result {
            Ok(value) => value.iter_mut().for_each(|value| self.mask(value)),
            Err(error) => self.mask(&mut error.text),
        }
        exchange
    }

    fn vantage(&self) -> String {
        self.network.vantage()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{HttpExpect, HttpProbe, Probe};
    use crate::id::{ProbeId, RunId};
    use crate::model::SampleResult;
    use crate::probe::{Regions, Senses, once};
    use crate::resource::{Actor, Cancellation, Stages};
    use crate::secret::Secret;
    use crate::time::{Span, run_virtual};

    /// Answers with a secret, begun so many characters into its body.
    struct Leaking(usize);

    const SECRET: &str = "a-long-secret-that-is-cut-somewhere";

    #[async_trait]
    impl Network for Leaking {
        async fn http(&self, _cx: &Context, _request: &HttpRequest) -> Exchange<HttpResponse> {
            let body = format!("{}{SECRET}{}", "x".repeat(self.0), "y".repeat(200));
            let headers = vec![("server".to_owned(), format!("it {SECRET}"))];
            let result = Ok(HttpResponse { status: 503, headers, body, certificate: None });
            Exchange { address: None, stages: Stages::default(), result }
        }

        async fn tcp(&self, _cx: &Context, _request: &TcpRequest) -> Exchange<String> {
            Exchange { address: None, stages: Stages::default(), result: Ok(String::new()) }
        }

        fn vantage(&self) -> String {
            "a test".to_owned()
        }
    }

    #[test]
    fn no_half_secret_is_left_where_a_probes_quote_is_cut() {
        let redactor = Redactor::default();
        redactor.learn(&Secret::new(SECRET.to_owned()));
        run_virtual("2026-11-22T08:00:00Z".parse().unwrap(), |clock| async move {
            let cx = Context {
                run: RunId::new("run").unwrap(),
                actor: Actor::Muster,
                attempt: 1,
                errand: crate::resource::Errand::default(),
                clock,
                fencing: 1,
                cancel: Cancellation::default(),
            };
            let processes = &crate::provider::process::RealProcesses::default();
            for begun in 0..130 {
                let network = Masked::new(Arc::new(Leaking(begun)), redactor.clone());
                let probe = Probe::Http(HttpProbe::get("http://code.example.test/", HttpExpect::default()));
                let (id, regions) = (ProbeId::new("web").unwrap(), Arc::new(Regions::new()));
                let address = "127.0.0.1".parse().unwrap();
                let sample = once(
                    &id,
                    &probe,
                    address,
                    Span::from_secs(1),
                    &regions,
                    Senses { network: &network, processes },
                    &cx,
                )
                .await;
                let SampleResult::Unhealthy(seen) = sample.result else { panic!("healthy") };
                assert!(!seen.contains("a-long") && !seen.contains("xa-"), "{seen}");
            }
        })
        .unwrap();
    }
}
