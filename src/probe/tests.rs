//! Samples over a network that a test plays.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use super::*;
use crate::catalogue::{HttpExpect, HttpProbe, Judged, OneOrMany, Period, Probe, StatusCodes, TcpProbe};
use crate::id::{ProbeId, RegionRole, RunId};
use crate::model::{ProbePlan, Sample, SampleResult};
use crate::resource::{
    Actor, Cancellation, CommandLine, Context, Exchange, Finished, HttpRequest, HttpResponse, NetError, Network,
    ProcessError, Processes, RecordSet, RecordType, Resolver, Stage, Stages, TcpRequest,
};
use crate::time::{Clock, Moment, Span, run_virtual};

/// Answers after a while, or never; keeps who was asked by which resolver.
struct Fake {
    takes: Option<Span>,
    result: Result<(u16, &'static str), NetError>,
    asked: Mutex<Vec<(String, u16, Resolver)>>,
}

fn fake(takes: Option<Span>, result: Result<(u16, &'static str), NetError>) -> Fake {
    Fake { takes, result, asked: Mutex::default() }
}

/// Runs nothing but `echo`.
struct Echo;

#[async_trait]
impl Processes for Echo {
    async fn run(&self, cx: &Context, command: &CommandLine) -> Result<Finished, ProcessError> {
        cx.clock.sleep(Span::from_millis(10)).await;
        let [program, words @ ..] = &command.argv[..] else { panic!("an empty command") };
        if program != "echo" {
            return Err(ProcessError::NotStarted { program: program.clone(), why: "there is no such program".into() });
        }
        let env = command.env.iter().map(|(name, value)| format!("{name}={value}"));
        let stdout = words.iter().cloned().chain(env).collect::<Vec<_>>().join(" ") + "\n";
        Ok(Finished { code: Some(0), bytes: stdout.len() as u64, stdout, stderr: String::new() })
    }
}

fn senses(network: &Fake) -> Senses<'_> {
    Senses { network, processes: &Echo }
}

impl Fake {
    async fn answer<T>(
        &self,
        cx: &Context,
        asked: (&str, u16, &Resolver),
        f: impl FnOnce(u16, &str) -> T,
    ) -> Exchange<T> {
        self.asked.lock().unwrap().push((asked.0.to_owned(), asked.1, asked.2.clone()));
        match self.takes {
            Some(takes) => cx.clock.sleep(takes).await,
            None => std::future::pending().await,
        }
        let address = match asked.2 {
            Resolver::Fixed(address) => *address,
            _ => "192.0.2.10".parse().unwrap(),
        };
        let stages = Stages { connect: Some(Span::from_millis(2)), ..Stages::default() };
        Exchange { address: Some(address), stages, result: self.result.clone().map(|(status, body)| f(status, body)) }
    }
}

#[async_trait]
impl Network for Fake {
    async fn http(&self, cx: &Context, request: &HttpRequest) -> Exchange<HttpResponse> {
        let response =
            |status, body: &str| HttpResponse { status, headers: Vec::new(), body: body.into(), certificate: None };
        self.answer(cx, (&request.host, request.port, &request.resolver), response).await
    }

    async fn tcp(&self, cx: &Context, request: &TcpRequest) -> Exchange<String> {
        self.answer(cx, (&request.host, request.port, &request.resolver), |_, _| String::new()).await
    }

    fn vantage(&self) -> String {
        "a test".into()
    }
}

fn context(clock: &Clock) -> Context {
    Context {
        run: RunId::new("20261122-080000-test").unwrap(),
        actor: Actor::Probe(id()),
        attempt: 1,
        errand: crate::resource::Errand::Do,
        clock: clock.clone(),
        fencing: 1,
        cancel: Cancellation::default(),
    }
}

fn id() -> ProbeId {
    ProbeId::new("web").unwrap()
}

fn http(url: &str, expect: HttpExpect) -> Probe {
    Probe::Http(HttpProbe::get(url, expect))
}

fn tcp() -> Probe {
    Probe::Tcp(TcpProbe::to("git.example.test", 22, Resolver::Server("192.0.2.53".into())))
}

#[test]
fn a_header_is_judged_by_its_value() {
    let expect = HttpExpect { headers: [("X-Region".into(), "west".into())].into(), ..HttpExpect::default() };
    let answer = |headers: &[(&str, &str)]| HttpResponse {
        status: 200,
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        body: String::new(),
        certificate: None,
    };
    let judge = |headers: &[(&str, &str)]| expect.judge(&answer(headers), Span::ZERO);
    assert_eq!(judge(&[("x-region", "west")]), Judged::AsExpected);
    let says = |text: &str| Judged::Otherwise(text.into());
    assert_eq!(judge(&[("X-Region", "east")]), says("header X-Region is `east`, expected `west`"));
    assert_eq!(judge(&[("Server", "west")]), says("header X-Region is missing, expected `west`"));
}

fn regions() -> Arc<Regions> {
    let record = |value: &str| RecordSet {
        name: "code.example.test".into(),
        record_type: RecordType::A,
        values: vec![value.into()],
        ttl: Span::from_secs(60),
        whole: None,
    };
    let mut regions = Regions::new();
    regions.insert_record(RegionRole::Primary, &record("192.0.2.10"));
    regions.insert_record(RegionRole::Secondary, &record("198.51.100.10"));
    regions.insert_record(RegionRole::Secondary, &record("lb.example.test"));
    Arc::new(regions)
}

/// One sample, taken a second after it was due.
fn take(probe: &Probe, network: &Fake) -> Sample {
    let plan = ProbePlan {
        id: id(),
        probe: probe.clone(),
        every: Span::from_secs(1),
        timeout: Span::from_secs(3),
        healthy_after: 3,
        unhealthy_after: 2,
    };
    run_virtual("2026-11-22T08:00:00Z".parse().unwrap(), |clock| async move {
        clock.sleep(Span::from_secs(1)).await;
        sample(&PreparedProbe::new(&plan, regions()), senses(network), &context(&clock), 7, Moment::ZERO).await
    })
    .unwrap()
}

fn seen(sample: &Sample) -> &str {
    match &sample.result {
        SampleResult::Unhealthy(seen) => seen,
        SampleResult::Healthy => "healthy",
    }
}

#[test]
fn a_good_answer_is_a_healthy_sample_with_its_times_and_its_region() {
    let network = fake(Some(Span::from_millis(40)), Ok((200, "ok")));
    let sample = take(&http("https://code.example.test/healthz", HttpExpect::default()), &network);
    assert!(sample.is_healthy());
    assert_eq!((sample.tick, sample.scheduled), (7, Moment::ZERO));
    assert_eq!((sample.sent.since(Moment::ZERO), sample.took()), (Span::from_secs(1), Span::from_millis(40)));
    assert_eq!(sample.region, Some(RegionRole::Primary));
    assert_eq!(sample.stages.connect, Some(Span::from_millis(2)));
    assert_eq!(network.asked.lock().unwrap()[..], [("code.example.test".into(), 443, Resolver::System)]);
}

#[test]
fn a_failed_expectation_tells_what_was_seen() {
    let url = "https://code.example.test/healthz";
    let network = fake(Some(Span::from_millis(900)), Ok((503, "database main is down")));
    let sample = take(&http(url, HttpExpect::default()), &network);
    assert_eq!(seen(&sample), "status 503, expected 2xx: database main is down");
    assert_eq!(sample.region, Some(RegionRole::Primary), "it did answer");

    let status = StatusCodes(vec![(503, 503)]);
    let body_contains = Some(OneOrMany(vec!["all well".to_owned()]));
    let sample =
        take(&http(url, HttpExpect { status: status.clone(), body_contains, ..HttpExpect::default() }), &network);
    assert_eq!(seen(&sample), "the body does not contain `all well`; it begins `database main is down`");

    let within = Some(Period(Span::from_millis(800)));
    let sample = take(&http(url, HttpExpect { status, within, ..HttpExpect::default() }), &network);
    assert!(seen(&sample).contains("900") && seen(&sample).contains("800"), "{}", seen(&sample));
}

#[test]
fn silence_ends_at_the_timeout() {
    let sample = take(&tcp(), &fake(None, Ok((200, ""))));
    assert_eq!((seen(&sample), sample.took()), ("no answer within 3s", Span::from_secs(3)));
    assert_eq!((sample.address, sample.region), (None, None));
}

#[test]
fn a_failure_says_where_it_happened() {
    let error = NetError { stage: Stage::Connect, text: "connection refused".into() };
    let network = fake(Some(Span::from_millis(1)), Err(error));
    let sample = take(&tcp(), &network);
    assert_eq!(seen(&sample), "connecting (192.0.2.10): connection refused");
    let server = Resolver::Server("192.0.2.53".into());
    assert_eq!(network.asked.lock().unwrap()[..], [("git.example.test".into(), 22, server)]);
}

#[test]
fn what_cannot_be_asked_fails_in_words() {
    let network = fake(Some(Span::ZERO), Ok((200, "")));
    let sample = take(&http("code.example.test/healthz", HttpExpect::default()), &network);
    assert!(seen(&sample).contains("does not begin with http:// or https://"), "{}", seen(&sample));
    assert!(network.asked.lock().unwrap().is_empty());
}

#[test]
fn a_standby_is_asked_at_its_own_address() {
    let network = fake(Some(Span::from_millis(5)), Ok((200, "ok")));
    let network = &network;
    let sample = run_virtual("2026-11-22T08:00:00Z".parse().unwrap(), |clock| async move {
        let (probe, address) = (http("https://code.example.test/readyz", HttpExpect::default()), "198.51.100.10");
        let timeout = Span::from_secs(3);
        once(&id(), &probe, address.parse().unwrap(), timeout, &regions(), senses(network), &context(&clock)).await
    })
    .unwrap();
    assert_eq!(sample.result, SampleResult::Healthy);
    assert_eq!(sample.region, Some(RegionRole::Secondary));
    assert_eq!(network.asked.lock().unwrap()[0].2, Resolver::Fixed("198.51.100.10".parse().unwrap()));
}
