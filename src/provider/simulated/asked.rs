//! What else can be asked in the simulated network: who shows which certificate, what name servers, databases and programs
//! say. All of it is reached as any endpoint is, and is as well as what it depends on.

use std::net::IpAddr;
use std::sync::Arc;

use crate::infrastructure::simulate::{ADDRESS, Address, Answering, Said, elsewhere, kept_for};
use crate::resource::{
    Certificate, CommandLine, Context, DnsAnswer, DnsRequest, Exchange, Finished, NetError, PostgresRequest,
    ProcessError, Resolver, Stage, Stages, TcpRequest, TlsRequest,
};
use crate::time::Span;

use super::endpoint::plain;
use super::fault::Effect;
use super::network::{Connection, Failed, Reached, SimulatedUser, Way, greeted};
use super::world::{asker, times};

/// The last of several name servers has another answer.
const AT_ODDS: usize = 1;

/// Whether TLS is spoken on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Secured {
    Yes,
    No,
}

impl SimulatedUser {
    /// Resolves, connects and asks; gives what is answered, or why nothing is.
    async fn ask(
        &self,
        cx: &Context,
        way: &Way,
        secured: Secured,
        effect: Effect,
    ) -> Result<(Connection, Said, Stages), Failed> {
        let sent = cx.clock.now();
        let connection = self.connect(cx, way, effect.slow).await?;
        let mut stages = connection.stages;
        stages.tls = stages.connect.filter(|_| secured == Secured::Yes);
        let tls = stages.tls.unwrap_or_default();
        let first_byte = times(self.first_byte(&connection, way, sent, cx.clock.now(), tls), effect.slow);
        self.receive(cx, connection.address, tls + first_byte, connection.ill.as_ref()).await;
        stages.first_byte = Some(first_byte);
        let says = way.server.map_or_else(Said::ok, |n| self.map.servers[n].endpoint.says.clone());
        let says = match &connection.ill {
            Some(Answering::Instead(_, other)) => other.clone(),
            Some(Answering::Lacking(text)) => match says {
                Said::Text(whole) => Said::Text(whole.replace(text.as_str(), "")),
                Said::Program { code, stdout } => Said::Program { code, stdout: stdout.replace(text.as_str(), "") },
                other => other,
            },
            _ => says,
        };
        Ok((connection, says, stages))
    }

    /// What the connection lacks, in words; nothing if all is well.
    fn lacks(&self, connection: &Connection) -> Option<String> {
        match connection.reached {
            Reached::Lacks(need) => Some(self.ids.complaint(need).trim_end().to_owned()),
            _ => None,
        }
    }

    /// A conversation over TCP.
    pub(super) async fn converse(&self, cx: &Context, request: &TcpRequest, effect: Effect) -> Exchange<String> {
        let way = self.way_of_tcp(asker(&cx.actor), request);
        if !request.talks() {
            return greeted(self.connect(cx, &way, effect.slow).await);
        }
        match self.ask(cx, &way, Secured::No, effect).await {
            Err(failed) => failed.into(),
            Ok((connection, says, stages)) => {
                let address = connection.address;
                let greeted: Exchange<String> = greeted(Ok(connection));
                let text = if let Said::Text(text) = says { text } else { String::new() };
                Exchange { address: Some(address), stages, result: greeted.result.map(|_| text) }
            }
        }
    }

    /// A handshake.
    pub(super) async fn shake(&self, cx: &Context, request: &TlsRequest, effect: Effect) -> Exchange<Certificate> {
        let way = self.way(asker(&cx.actor), (&request.host, request.port, Some("tls")), &request.resolver);
        match self.ask(cx, &way, Secured::Yes, effect).await {
            Err(failed) => failed.into(),
            Ok((connection, says, mut stages)) => {
                // Nothing is said after the handshake.
                stages.first_byte = None;
                let refused = |text: &str| NetError { stage: Stage::Connect, text: text.to_owned() };
                let result = match (self.lacks(&connection), says) {
                    (Some(_), _) => Err(refused("connection refused")),
                    (None, Said::Certificate(shown)) => Ok(shown),
                    (None, _) => Err(NetError { stage: Stage::Tls, text: "it speaks no TLS".to_owned() }),
                };
                Exchange { address: Some(connection.address), stages, result }
            }
        }
    }

    /// A query.
    pub(super) async fn query(
        &self,
        cx: &Context,
        request: &PostgresRequest,
        effect: Effect,
    ) -> Exchange<Option<String>> {
        let path = format!("postgres {}: {}", request.database, request.query);
        let way = self.way(asker(&cx.actor), (&request.host, request.port, Some(&path)), &request.resolver);
        let secured = if request.sslmode == crate::resource::SslMode::Disable { Secured::No } else { Secured::Yes };
        match self.ask(cx, &way, secured, effect).await {
            Err(failed) => failed.into(),
            Ok((connection, says, stages)) => {
                let result = match (self.lacks(&connection), says) {
                    (Some(text), _) => Err(NetError { stage: Stage::Exchange, text: format!("FATAL: {text}") }),
                    (None, Said::Text(text)) => Ok(Some(text)),
                    (None, _) => Ok(None),
                };
                Exchange { address: Some(connection.address), stages, result }
            }
        }
    }

    /// A question to name servers. They stand outside both regions, and each keeps what it has heard of a record.
    pub(super) async fn look_up(&self, cx: &Context, request: &DnsRequest) -> Exchange<Vec<DnsAnswer>> {
        let path = format!("dns {}", request.record);
        let way = self.way(asker(&cx.actor), (&request.name, Address::DNS_PORT, Some(&path)), &Resolver::System);
        let sent = cx.clock.now();
        let server = way.server.map(|n| &self.map.servers[n].endpoint);
        let ill = server.and_then(|endpoint| self.world.ills.answering(endpoint, None, sent)).cloned();
        let takes = match ill {
            Some(Answering::After(long)) => long,
            _ => self.resolves(&way, sent, super::fault::Pace::PLAIN).unwrap_or_default(),
        };
        cx.clock.sleep(takes).await;
        let now = cx.clock.now();
        let says = match (&ill, server) {
            (Some(Answering::Instead(_, other)), _) => Some(other.clone()),
            (_, Some(endpoint)) => Some(endpoint.says.clone()),
            _ => None,
        };
        let asked = if request.servers.is_empty() { vec!["the resolver".to_owned()] } else { request.servers.clone() };
        let last = asked.len() - 1;
        let answer = |(n, name): (usize, String)| {
            if ill == Some(Answering::Refused) {
                return DnsAnswer { server: name, result: Err("does not answer (timed out)".to_owned()) };
            }
            let resolver = if request.servers.is_empty() { Resolver::System } else { Resolver::Server(name.clone()) };
            let known = self.known(&request.name, request.record, &resolver, now);
            let result = match (&says, known) {
                (Some(Said::Dns { values, ttl, at_odds }), known) => {
                    let own = matches!(ill, Some(Answering::Instead(..)));
                    let (mut values, kept) = known.filter(|_| !own).unwrap_or((values.clone(), kept_for()));
                    if *at_odds && n == last && last >= AT_ODDS {
                        values = vec![elsewhere(request.record).to_owned()];
                    }
                    Ok((values, ttl.unwrap_or(kept)))
                }
                (_, Some(known)) => Ok(known),
                _ => Err("no such name".to_owned()),
            };
            DnsAnswer { server: name, result }
        };
        let answers: Vec<DnsAnswer> = asked.into_iter().enumerate().map(answer).collect();
        let mut values = answers.iter().flat_map(|answer| answer.result.iter().flat_map(|(values, _)| values));
        let address = values.find_map(|value| value.parse::<IpAddr>().ok());
        let stages = Stages { resolve: Some(takes), ..Stages::default() };
        Exchange { address, stages, result: Ok(answers) }
    }

    /// A program of a probe: it goes by the first DNS record that its service depends on, or by the address in its
    /// environment, and is as well as what it finds there.
    pub(super) async fn program(&self, cx: &Context, line: &CommandLine) -> Result<Finished, ProcessError> {
        let given = line.env.iter().find(|(name, _)| name == "MUSTER_ADDRESS");
        let resolver = given.and_then(|(_, address)| address.parse().ok()).map_or(Resolver::System, Resolver::Fixed);
        let name = line.argv.join(" ");
        let way = self.way(asker(&cx.actor), (&name, Address::NO_PORT, None), &resolver);
        let ended = |code: i32, stdout: String, stderr: String| Finished {
            code: Some(code),
            bytes: (stdout.len() + stderr.len()) as u64,
            stdout,
            stderr,
        };
        let asked = cx.clock.timeout(line.timeout, self.ask(cx, &way, Secured::No, Effect::PLAIN)).await;
        let Ok(asked) = asked else { return Err(ProcessError::TimedOut(line.timeout)) };
        Ok(match asked {
            Err(failed) => ended(1, String::new(), failed.error.text),
            Ok((connection, says, _)) => match (self.lacks(&connection), says) {
                (Some(complaint), _) => ended(1, String::new(), complaint),
                (None, Said::Program { code, stdout }) => {
                    ended(code, stdout.replace(ADDRESS, &connection.address.to_string()), String::new())
                }
                (None, _) => ended(0, String::new(), String::new()),
            },
        })
    }

    /// Whether a program is one of a probe's.
    pub(super) fn is_probes(&self, line: &CommandLine) -> bool {
        self.map.hosts.get(plain(&line.argv.join(" ")).as_ref()).is_some_and(|host| !host.endpoints.is_empty())
    }

    /// What `resolver` knows of a record of the twin's, if it has such a record.
    fn known(
        &self,
        name: &Arc<str>,
        record: crate::resource::DnsType,
        resolver: &Resolver,
        now: crate::time::Moment,
    ) -> Option<(Vec<String>, Span)> {
        let super::network::Lookup::Record(n) = self.map.hosts.get(plain(name).as_ref())?.lookup else { return None };
        let state = self.world.state();
        state.records[n].values_of(record, resolver, now)
    }
}
