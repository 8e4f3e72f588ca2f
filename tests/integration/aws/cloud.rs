//! A cloud on loopback: moto's server, a proxy before it that notes each call and can go wrong, a name server that answers
//! what the zone holds, and an engine that takes writes as long as it is let.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use super::wire::{self, Message, signed, text};
use crate::harness::Patience;

/// The version of moto that the tests were written against; `tests/run` installs it.
const MOTO: &str = "5.2.5";

/// How a call goes wrong.
#[derive(Clone, Debug)]
pub(super) enum Wrong {
    /// The service answers this.
    Says(u16, &'static str),
    /// The service does it, and its answer is lost with the connection.
    AnswerLost,
    /// The connection is closed before the service sees it.
    Reset,
    /// Nobody answers, until the client gives up.
    Silent,
    /// The service answers this, in CBOR.
    Cbor(Vec<u8>),
    /// The answer, with one text in place of another.
    Instead(&'static str, &'static str),
    /// The answer's date is this, so that the client's clock seems to be off.
    Dated(&'static str),
}

/// A call that goes wrong this often; `route53:*` are all of a service's.
struct Fault {
    call: &'static str,
    /// Only once this call was seen.
    after: Option<&'static str>,
    times: u32,
    wrong: Wrong,
}

/// What happens when a call is seen: after the service has answered it well.
type Effect = Box<dyn Fn(&Message) + Send>;

#[derive(Default)]
struct State {
    calls: Vec<String>,
    faults: Vec<Fault>,
    /// Whose credentials each call was signed with.
    signers: Vec<(String, String)>,
    effects: Vec<(&'static str, Effect)>,
    /// Another server for a service.
    upstream: BTreeMap<String, u16>,
}

/// A cloud of one test.
pub(super) struct Cloud {
    server: Child,
    pub(super) moto: u16,
    /// Where Muster finds it.
    pub(super) port: u16,
    state: Arc<Mutex<State>>,
}

impl Drop for Cloud {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Where `tests/run` installs programs of `PyPI`.
fn program(name: &str) -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "where this machine keeps what it downloaded")]
    let var = |name: &str| std::env::var(name).ok();
    let cache = var("XDG_CACHE_HOME")
        .map_or_else(|| PathBuf::from(var("HOME").unwrap_or_default()).join(".cache"), PathBuf::from);
    let installed = cache.join(format!("muster/moto-{MOTO}/bin")).join(name);
    if installed.exists() { installed } else { PathBuf::from(name) }
}

/// A port that nobody listens at.
pub(super) fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// Starts a server of `PyPI`'s and waits until it listens.
pub(super) fn serve(name: &str, arguments: &[&str], env: &[(&str, &str)], port: u16) -> Child {
    #[expect(clippy::disallowed_methods, reason = "a server that the test starts for itself")]
    let mut command = Command::new(program(name));
    command.args(arguments).envs(env.iter().copied()).stdout(Stdio::null()).stderr(Stdio::null()).stdin(Stdio::null());
    let child = command.spawn().unwrap_or_else(|error| panic!("{name} does not start: {error}"));
    let patience = Patience::new();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        patience.check("the server never listened");
        thread::sleep(std::time::Duration::from_millis(20));
    }
    child
}

impl Cloud {
    pub(super) fn start() -> Self {
        let moto = free_port();
        let server = serve("moto_server", &["-H", "127.0.0.1", "-p", &moto.to_string()], &[], moto);
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                thread::spawn(move || pass(stream, moto, &shared));
            }
        });
        Self { server, moto, port, state }
    }

    /// From now on this call goes wrong so often.
    pub(super) fn goes_wrong(&self, call: &'static str, times: u32, wrong: Wrong) {
        self.state.lock().unwrap().faults.push(Fault { call, after: None, times, wrong });
    }

    /// As [`Self::goes_wrong`], once the call `after` was seen.
    pub(super) fn goes_wrong_after(&self, after: &'static str, call: &'static str, times: u32, wrong: Wrong) {
        self.state.lock().unwrap().faults.push(Fault { call, after: Some(after), times, wrong });
    }

    /// From now on nothing goes wrong any more.
    pub(super) fn all_goes_well(&self) {
        self.state.lock().unwrap().faults.clear();
    }

    /// Whenever this call was answered well, this happens too.
    pub(super) fn whenever(&self, call: &'static str, effect: impl Fn(&Message) + Send + 'static) {
        self.state.lock().unwrap().effects.push((call, Box::new(effect)));
    }

    /// This service is another server's.
    pub(super) fn served_by(&self, service: &str, port: u16) {
        self.state.lock().unwrap().upstream.insert(service.to_owned(), port);
    }

    /// The calls that were made, by their names.
    pub(super) fn calls(&self) -> Vec<String> {
        self.state.lock().unwrap().calls.clone()
    }

    /// The access keys that a call was signed with, each once, in order.
    pub(super) fn signers(&self, call: &str) -> Vec<String> {
        let state = self.state.lock().unwrap();
        let mut keys: Vec<String> =
            state.signers.iter().filter(|(name, _)| name == call).map(|(_, key)| key.clone()).collect();
        keys.dedup();
        keys
    }

    pub(super) fn forget_calls(&self) {
        self.state.lock().unwrap().calls.clear();
    }

    /// Asks a service of moto's by a form, as its own API has it.
    #[track_caller]
    pub(super) fn form(&self, service: &str, region: &str, action: &str, fields: &[(&str, &str)]) -> String {
        form_at(self.moto, service, region, action, fields)
    }

    /// Asks Route 53.
    #[track_caller]
    pub(super) fn route53(&self, method: &str, path: &str, body: &str) -> String {
        route53_at(self.moto, method, path, body)
    }

    /// A hosted zone of this name; its id.
    pub(super) fn zone(&self, name: &str) -> String {
        let body = format!(
            "<CreateHostedZoneRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><Name>{name}</Name>\
             <CallerReference>{name}</CallerReference></CreateHostedZoneRequest>"
        );
        text(&self.route53("POST", "hostedzone", &body), "Id").trim_start_matches("/hostedzone/").to_owned()
    }

    /// Puts a record set there; `inner` is what stands between the type and the end.
    pub(super) fn record(&self, zone: &str, name: &str, kind: &str, inner: &str) {
        record_at(self.moto, zone, name, kind, inner);
    }

    /// All record sets of the zone but those that a zone has by itself, each as its XML, sorted.
    pub(super) fn records(&self, zone: &str) -> Vec<String> {
        let mut sets = wire::texts(&self.route53("GET", &format!("hostedzone/{zone}/rrset"), ""), "ResourceRecordSet");
        sets.retain(|set| !set.contains("<Type>NS</Type>") && !set.contains("<Type>SOA</Type>"));
        let mut plain: Vec<String> =
            sets.iter().map(|set| set.split_whitespace().collect::<Vec<_>>().join(" ").replace("> <", "><")).collect();
        plain.sort();
        plain
    }
}

/// Asks Route 53.
#[track_caller]
fn route53_at(port: u16, method: &str, path: &str, body: &str) -> String {
    let request = Message {
        line: format!("{method} /2013-04-01/{path} HTTP/1.1"),
        headers: vec![("host".into(), "route53.amazonaws.com".into()), signed("route53", "us-east-1")],
        body: body.as_bytes().to_vec(),
    };
    let answer = wire::ask(port, &request).expect("moto answers");
    assert!(answer.status() < 300, "{}\n{}", answer.line, answer.text());
    answer.text()
}

/// Puts a record set into a zone.
fn record_at(port: u16, zone: &str, name: &str, kind: &str, inner: &str) {
    let body = format!(
        "<ChangeResourceRecordSetsRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><ChangeBatch><Changes>\
         <Change><Action>UPSERT</Action><ResourceRecordSet><Name>{name}</Name><Type>{kind}</Type>{inner}\
         </ResourceRecordSet></Change></Changes></ChangeBatch></ChangeResourceRecordSetsRequest>"
    );
    route53_at(port, "POST", &format!("hostedzone/{zone}/rrset/"), &body);
}

/// Asks a service by a form.
#[track_caller]
pub(super) fn form_at(port: u16, service: &str, region: &str, action: &str, fields: &[(&str, &str)]) -> String {
    let version = match service {
        "ec2" => "2016-11-15",
        "autoscaling" => "2011-01-01",
        "rds" => "2014-10-31",
        _ => "2010-08-01",
    };
    let mut body = format!("Action={action}&Version={version}");
    for (key, value) in fields {
        write!(body, "&{key}={}", wire::encoded(value)).unwrap();
    }
    let request = Message {
        line: "POST / HTTP/1.1".into(),
        headers: vec![
            ("host".into(), format!("{service}.{region}.amazonaws.com")),
            ("content-type".into(), "application/x-www-form-urlencoded".into()),
            signed(service, region),
        ],
        body: body.into_bytes(),
    };
    let answer = wire::ask(port, &request).unwrap_or_else(|| panic!("nobody answers {service} {action}"));
    assert!(answer.status() < 300, "{action}: {}\n{}", answer.line, answer.text());
    answer.text()
}

/// `rds:FailoverDBCluster`, as permissions are named.
fn name_of(request: &Message) -> String {
    let scope = request.header("authorization").unwrap_or_default().split("Credential=").nth(1).unwrap_or_default();
    let service = scope.split('/').nth(3).unwrap_or("nobody").replace("monitoring", "cloudwatch");
    let mut words = request.line.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = path.split('?').next().unwrap_or_default().trim_end_matches('/');
    let parts: Vec<&str> = path.trim_start_matches("/2013-04-01/").split('/').collect();
    let action = match (service.as_str(), method, &parts[..]) {
        ("route53", "POST", ["hostedzone", _, "rrset"]) => "ChangeResourceRecordSets".to_owned(),
        ("route53", "GET", ["hostedzone", _, "rrset"]) => "ListResourceRecordSets".to_owned(),
        ("route53", "GET", ["hostedzone", _]) => "GetHostedZone".to_owned(),
        ("route53", "GET", ["change", _]) => "GetChange".to_owned(),
        ("route53", "GET", ["healthcheck", _]) => "GetHealthCheck".to_owned(),
        ("route53", "GET", ["healthcheck", _, "status"]) => "GetHealthCheckStatus".to_owned(),
        ("route53", method, _) => format!("{method} {path}"),
        _ => {
            let body = request.text();
            let field = body.split('&').find_map(|field| field.strip_prefix("Action=")).map(str::to_owned);
            field.unwrap_or_else(|| path.rsplit('/').next().unwrap_or_default().to_owned())
        }
    };
    format!("{service}:{action}")
}

/// Passes requests of one connection on, until it is closed.
fn pass(mut stream: TcpStream, moto: u16, state: &Arc<Mutex<State>>) {
    while let Some(request) = wire::read(&mut stream) {
        let name = name_of(&request);
        let service = name.split(':').next().unwrap_or_default().to_owned();
        let (wrong, port) = {
            let mut state = state.lock().unwrap();
            let State { calls, faults, signers, .. } = &mut *state;
            let fits = |fault: &&mut Fault| {
                let call = match fault.call.strip_suffix('*') {
                    Some(service) => name.starts_with(service),
                    None => fault.call == name,
                };
                call && fault.times > 0 && fault.after.is_none_or(|after| calls.iter().any(|call| call == after))
            };
            let wrong = faults.iter_mut().find(fits).map(|fault| {
                fault.times -= 1;
                fault.wrong.clone()
            });
            calls.push(name.clone());
            let scope = request.header("authorization").unwrap_or_default().split("Credential=").nth(1);
            signers.push((name.clone(), scope.and_then(|it| it.split('/').next()).unwrap_or_default().to_owned()));
            (wrong, state.upstream.get(&service).copied().unwrap_or(moto))
        };
        let mut answer = match &wrong {
            Some(Wrong::Reset) => return,
            Some(Wrong::Silent) => {
                // Until the client has had enough.
                let _ = wire::read(&mut stream);
                return;
            }
            Some(Wrong::Says(status, body)) => Message {
                line: format!("HTTP/1.1 {status} Wrong"),
                headers: vec![("content-type".into(), "text/xml".into())],
                body: body.as_bytes().to_vec(),
            },
            Some(Wrong::Cbor(body)) => Message {
                line: "HTTP/1.1 200 OK".into(),
                headers: vec![
                    ("content-type".into(), "application/cbor".into()),
                    ("smithy-protocol".into(), "rpc-v2-cbor".into()),
                ],
                body: body.clone(),
            },
            _ => {
                let Some(answer) = wire::ask(port, &request) else { return };
                if answer.status() < 300 {
                    for (_, effect) in state.lock().unwrap().effects.iter().filter(|(call, _)| *call == name) {
                        effect(&request);
                    }
                }
                answer
            }
        };
        match wrong {
            Some(Wrong::AnswerLost) => return,
            Some(Wrong::Instead(one, other)) => answer.body = answer.text().replace(one, other).into_bytes(),
            Some(Wrong::Dated(date)) => {
                answer.headers.retain(|(key, _)| key != "date");
                answer.headers.push(("date".into(), date.into()));
            }
            _ => {}
        }
        if stream.write_all(&wire::bytes(&answer, "keep-alive")).is_err() {
            return;
        }
    }
}
