//! DNS records of a real name server, changed by dynamic update (RFC 2136) signed with TSIG (RFC 8945).
//!
//! Every change is one message that the server carries out wholly or not at all: only if the record holds exactly the
//! values that were observed, and only if no other run's mark stands beside it. The server judges both, so that nobody
//! can come in between. TTLs are no part of a condition in RFC 2136: they are compared just before.
//! May rely on `resource`, `infrastructure`, `secret`, and on `network` for the wire; must never keep an answer, send a
//! change twice, or believe an answer to a change that is not signed.

mod mark;
mod refusal;
mod servers;
mod update;

#[cfg(test)]
mod tests;

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use data_encoding::BASE64;
use hickory_proto::rr::rdata::tsig::TsigAlgorithm;
use hickory_proto::rr::{Name, RData, RecordType as WireType, TSigner};

use crate::id::RegionRole;
use crate::infrastructure::real::rfc2136::{Algorithm, Rfc2136 as Settings, plain_name};
use crate::provider::network::record;
use crate::provider::network::wire::{self, Recursion};
use crate::resource::{
    Claimed, Context, Dns, DnsState, Exclusive, Marker, ProviderError, RecordSet, RecordType, ServerAnswer, told,
};
use crate::secret::Redactor;
use crate::time::{Moment, Span};
use refusal::Asked;
use servers::{Server, Version};
use update::{Update, Verdict};

/// The port of name servers that NS records name.
const DNS_PORT: u16 = 53;
/// The TTL of a record that was not there, where the settings say none.
const TTL: Span = Span::from_secs(60);
/// How long servers that do not agree are given before it is told: a zone transfer may be under way, such as that of this
/// run's own mark, and BIND tells its secondaries of changes once in 5 s.
const AGREE_MAX: Span = Span::from_secs(20);
/// From one look at them to the next.
const LOOK_EVERY: Span = Span::from_millis(500);
/// How often a change is tried whose conditions were overtaken by what does not matter to it.
const ROUNDS: u32 = 3;

/// A record and its name servers.
#[derive(Debug)]
pub struct Rfc2136(Arc<Shared>);

/// What the calls of one record share.
#[derive(Debug)]
struct Shared {
    settings: Settings,
    name: Name,
    zone: Name,
    /// The name of the mark.
    mark: Name,
    kind: WireType,
    redactor: Redactor,
    /// The port at which servers are asked that NS records name.
    ns_port: u16,
    /// By how many seconds the clock that signs is off; not zero in tests only.
    skew: i64,
    /// How long servers that do not agree are given.
    agree_within: Span,
    /// The version of the zone that the last change of this process made, before which no server's answer counts.
    needed: Mutex<Option<u32>>,
    /// Until when a look waits for servers that do not have that version: a transfer comes within moments, and users
    /// are out meanwhile.
    follow_until: Mutex<Option<Moment>>,
}

/// The record that all servers have, and what each of them answered.
type Agreed = (RecordSet, Vec<(String, String)>);

/// What stands at the primary name server beside the record.
#[derive(Debug)]
struct Guard {
    data: Vec<RData>,
    marker: Option<Marker>,
}

impl Rfc2136 {
    /// The record that `settings` describe; nothing is asked yet.
    ///
    /// # Errors
    /// Says what is wrong with the names; never with settings that were checked.
    pub fn new(settings: Settings, redactor: Redactor) -> Result<Self, String> {
        let bare = plain_name(&settings.name);
        Ok(Self(Arc::new(Shared {
            name: record::wire_name(&bare)?,
            zone: record::wire_name(&settings.zone)?,
            mark: record::wire_name(&format!("{}.{bare}", mark::LABEL))?,
            kind: record::wire_type(settings.record_type),
            settings: Settings { name: bare, ..settings },
            redactor,
            ns_port: DNS_PORT,
            skew: 0,
            agree_within: AGREE_MAX,
            needed: Mutex::new(None),
            follow_until: Mutex::new(None),
        })))
    }
}

/// `work`, unless the call is asked to end: what only reads may be dropped.
async fn unless_cancelled<T>(
    cx: &Context,
    work: impl Future<Output = Result<T, ProviderError>>,
) -> Result<T, ProviderError> {
    tokio::select! {
        biased;
        () = cx.cancel.cancelled() => Err(ProviderError::Cancelled),
        done = work => done,
    }
}

impl Shared {
    fn serves(&self, values: &[String]) -> Option<RegionRole> {
        RegionRole::ALL.into_iter().find(|role| self.settings.values(*role) == values)
    }

    fn primary(&self) -> Server {
        Server::listed(self.settings.server)
    }

    /// What a message about `name` says of whom it asked.
    fn asked(&self, name: &str) -> Asked {
        let key = &self.settings.key;
        Asked {
            server: self.settings.server.to_string(),
            zone: self.settings.zone.clone(),
            name: name.to_owned(),
            key: key.name.clone(),
            algorithm: algorithm(key.algorithm).1.to_owned(),
            secret: key.secret.to_string(),
        }
    }

    /// The key, its secret read now.
    fn signer(&self) -> Result<TSigner, ProviderError> {
        let key = &self.settings.key;
        let refused = |why: String| ProviderError::Refused(format!("the key `{}`: {why}", key.name));
        let secret = key.secret.resolve(&self.redactor).map_err(|error| refused(error.to_string()))?;
        let text: String = secret.expose().split_whitespace().collect();
        let bytes = BASE64
            .decode(text.as_bytes())
            .map_err(|_| refused(format!("what {} holds is not base64, as TSIG secrets are written", key.secret)))?;
        let name = record::wire_name(&key.name.to_ascii_lowercase()).map_err(refused)?;
        TSigner::new(bytes, algorithm(key.algorithm).0, name, update::FUDGE).map_err(|error| refused(error.to_string()))
    }

    async fn send(&self, cx: &Context, name: &str, update: Update) -> Result<Verdict, ProviderError> {
        let now = cx.clock.wall().as_second().saturating_add(self.skew);
        let now = u64::try_from(now).unwrap_or(0);
        update.send(cx, self.settings.server, &self.signer()?, now, &self.asked(name)).await
    }

    fn set(&self, version: &Version) -> RecordSet {
        RecordSet {
            name: self.settings.name.clone(),
            record_type: self.settings.record_type,
            values: version.stands.values(),
            ttl: Span::from_secs(version.stands.ttl.into()),
            whole: None,
        }
    }

    /// What the primary name server has.
    async fn at_primary(&self, cx: &Context) -> Result<Version, ProviderError> {
        let version = self.version_at(&cx.clock, &self.primary()).await;
        version.map_err(|why| self.asked(&self.settings.name).silent(&why))
    }

    fn mark_name(&self) -> String {
        format!("{}.{}", mark::LABEL, self.settings.name)
    }

    /// The mark at the primary name server.
    async fn guard(&self, cx: &Context) -> Result<Guard, ProviderError> {
        let asked = wire::ask(&cx.clock, self.settings.server.0, &self.mark, WireType::TXT, Recursion::No).await;
        let stands = asked
            .and_then(|answer| record::read(&answer, &self.mark, WireType::TXT, Recursion::No))
            .map_err(|why| self.asked(&self.mark_name()).silent(&why))?;
        let marker = match stands.data.as_slice() {
            [] => None,
            [one] => Some(mark::decode(one).ok_or_else(|| self.foreign())?),
            _ => return Err(self.foreign()),
        };
        Ok(Guard { data: stands.data, marker })
    }

    fn foreign(&self) -> ProviderError {
        ProviderError::Refused(format!(
            "{} holds a TXT record that is no mark of Muster's: take it away, or nothing is changed here",
            self.mark_name()
        ))
    }

    /// The mark, if it lets `cx`'s run change the record: its own, or none.
    async fn guard_for(&self, cx: &Context) -> Result<Guard, ProviderError> {
        let guard = self.guard(cx).await?;
        match &guard.marker {
            Some(marker) if marker.run != cx.run || marker.fencing > cx.fencing => {
                Err(ProviderError::Refused(format!("{} says that {marker}: nothing was changed", self.mark_name())))
            }
            _ => Ok(guard),
        }
    }

    fn wire_values(&self, set: &RecordSet) -> Result<Vec<RData>, ProviderError> {
        let value =
            |value: &String| record::wire_value(self.settings.record_type, value).map_err(ProviderError::Refused);
        set.values.iter().map(value).collect()
    }

    /// The change itself: the server carries it out only if both conditions hold.
    async fn replace(
        &self,
        cx: &Context,
        expected: &RecordSet,
        to: &RecordSet,
        guard: &Guard,
    ) -> Result<Verdict, ProviderError> {
        let update = Update::of(&self.zone)
            .only_if(&self.name, self.kind, &self.wire_values(expected)?)
            .only_if(&self.mark, WireType::TXT, &guard.data)
            .replace(&self.name, self.kind, record::wire_ttl(to.ttl), self.wire_values(to)?);
        self.send(cx, &self.settings.name, update).await
    }

    fn needs(&self, serial: Option<u32>) {
        *self.needed.lock().unwrap_or_else(PoisonError::into_inner) = serial;
    }

    /// The serial before which no server's answer counts: that of the last change, or what the primary has now.
    async fn needed(&self, cx: &Context) -> Result<u32, ProviderError> {
        let known = *self.needed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(serial) = known {
            return Ok(serial);
        }
        let serial = self.at_primary(cx).await?.serial;
        self.needs(Some(serial));
        Ok(serial)
    }

    /// Looks at what a change that was acknowledged has done.
    async fn confirm(&self, cx: &Context, expected: &RecordSet, to: &RecordSet) -> Result<(), ProviderError> {
        let until = cx.clock.now() + servers::FOLLOW_MAX;
        *self.follow_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
        // A server that does not answer now has taken the change all the same; who waits for it looks again.
        let Ok(now) = self.at_primary(cx).await else { return Ok(()) };
        let found = self.set(&now);
        if found == *expected && expected != to {
            return Err(ProviderError::Refused(format!(
                "the name server {} took the update and answers {} still: other records at the name, or a rule of the \
                 server, keep it from being changed",
                self.settings.server,
                told(&found.values)
            )));
        }
        self.needs(Some(now.serial));
        Ok(())
    }

    async fn change(&self, cx: &Context, expected: &RecordSet, to: &RecordSet) -> Result<(), ProviderError> {
        let mut found = String::new();
        for _ in 0..ROUNDS {
            let (now, guard) =
                unless_cancelled(cx, async { Ok((self.at_primary(cx).await?, self.guard_for(cx).await?)) }).await?;
            let set = self.set(&now);
            if set != *expected {
                return Err(ProviderError::Changed(format!(
                    "{} is {} (TTL {}) now",
                    self.settings.name,
                    told(&set.values),
                    set.ttl
                )));
            }
            // Until it is confirmed, nobody knows which version the change is in.
            self.needs(None);
            let verdict = self.replace(cx, expected, to, &guard).await;
            // Whoever looked in the meantime may have taken the version before it for the one after it.
            self.needs(None);
            match verdict? {
                Verdict::Done => return self.confirm(cx, expected, to).await,
                // The next look says what came in between: the record, the mark, or nothing that stayed.
                Verdict::Unmet(code) => found = format!("{code:?}").to_uppercase(),
            }
        }
        Err(ProviderError::Changed(format!("{} or its mark changes all the time ({found})", self.settings.name)))
    }

    /// Whether every authoritative server answers what the primary does, at its serial; what the first other one does.
    async fn agree(self: &Arc<Self>, cx: &Context) -> Result<Result<Agreed, String>, ProviderError> {
        let now = self.at_primary(cx).await?;
        let set = self.set(&now);
        let mut shown = Vec::new();
        for answer in servers::authoritative(self, cx, now.serial).await? {
            let has = answer.serial.map_or(0, |serial| serial.has);
            let values = match &answer.values {
                Ok(values) => values,
                Err(why) => {
                    return Ok(Err(format!("the authoritative server {} gives no answer: {why}", answer.server)));
                }
            };
            if *values != set.values || !answer.is_current() {
                return Ok(Err(format!(
                    "the authoritative servers do not agree: {} answers {} (serial {has}), and {} answers {} (serial {}); \
                     look why the zone is not transferred",
                    answer.server,
                    told(values),
                    self.settings.server,
                    told(&set.values),
                    now.serial
                )));
            }
            shown.push((answer.server.clone(), format!("{} (serial {has})", told(values))));
        }
        Ok(Ok((set, shown)))
    }

    /// A value that the record does not have.
    fn absent(&self, values: &[String]) -> Result<RData, ProviderError> {
        let candidate = |n: usize| match self.settings.record_type {
            RecordType::A => format!("192.0.2.{n}"),
            RecordType::Aaaa => format!("2001:db8::{n:x}"),
            RecordType::Cname => format!("muster-{n}.invalid"),
        };
        let absent = (1..=254).map(candidate).find(|value| !values.contains(value)).unwrap_or_default();
        record::wire_value(self.settings.record_type, &absent).map_err(ProviderError::Refused)
    }

    /// Asks for the removal of a value that is not there: the server judges key, time and permission, and changes nothing.
    async fn try_key(&self, cx: &Context, set: &RecordSet) -> Result<String, ProviderError> {
        let update = Update::of(&self.zone)
            .only_if(&self.name, self.kind, &self.wire_values(set)?)
            .delete(&self.name, self.absent(&set.values)?);
        let key = &self.settings.key;
        match self.send(cx, &self.settings.name, update).await? {
            Verdict::Done => Ok(format!("accepted by {} ({})", self.settings.server, algorithm(key.algorithm).1)),
            Verdict::Unmet(_) => Err(ProviderError::Changed(format!(
                "{} was {} a moment ago; look who changes it",
                self.settings.name,
                told(&set.values)
            ))),
        }
    }
}

/// The algorithm for the wire, and its name.
fn algorithm(algorithm: Algorithm) -> (TsigAlgorithm, &'static str) {
    match algorithm {
        Algorithm::HmacSha256 => (TsigAlgorithm::HmacSha256, "hmac-sha256"),
        Algorithm::HmacSha384 => (TsigAlgorithm::HmacSha384, "hmac-sha384"),
        Algorithm::HmacSha512 => (TsigAlgorithm::HmacSha512, "hmac-sha512"),
    }
}

#[async_trait]
impl Dns for Rfc2136 {
    async fn observe(&self, cx: &Context) -> Result<DnsState, ProviderError> {
        let now = unless_cancelled(cx, self.0.at_primary(cx)).await?;
        let record = self.0.set(&now);
        Ok(DnsState { serves: self.0.serves(&record.values), record })
    }

    fn target(&self, region: RegionRole, current: &RecordSet) -> RecordSet {
        // A record that is not there has no TTL to keep.
        let ttl = if current.values.is_empty() { self.0.settings.ttl.map_or(TTL, |it| it.0) } else { current.ttl };
        let record_type = self.0.settings.record_type;
        RecordSet {
            name: self.0.settings.name.clone(),
            record_type,
            values: self.0.settings.values(region),
            ttl,
            whole: None,
        }
    }

    async fn change(&self, cx: &Context, expected: &RecordSet, to: &RecordSet) -> Result<(), ProviderError> {
        self.0.change(cx, expected, to).await
    }

    async fn authoritative(&self, cx: &Context) -> Result<Vec<ServerAnswer>, ProviderError> {
        unless_cancelled(cx, servers::followed(&self.0, cx)).await
    }

    async fn resolvers(&self, cx: &Context) -> Result<Vec<ServerAnswer>, ProviderError> {
        unless_cancelled(cx, servers::resolvers(&self.0, cx)).await
    }

    async fn ready(&self, cx: &Context) -> Result<Vec<(String, String)>, ProviderError> {
        let shared = &self.0;
        let began = cx.clock.now();
        let (now, mut shown) = loop {
            let told = match unless_cancelled(cx, shared.agree(cx)).await? {
                Ok(agreed) => break agreed,
                Err(told) => told,
            };
            if cx.clock.now().since(began) >= shared.agree_within {
                return Err(ProviderError::Refused(told));
            }
            unless_cancelled(cx, async {
                cx.clock.sleep(LOOK_EVERY).await;
                Ok(())
            })
            .await?;
        };
        shown.push((format!("the key {}", shared.settings.key.name), shared.try_key(cx, &now).await?));
        Ok(shown)
    }
}

#[async_trait]
impl Exclusive for Rfc2136 {
    async fn claim(&self, cx: &Context, marker: &Marker, over: Option<&Marker>) -> Result<Claimed, ProviderError> {
        let shared = &self.0;
        for _ in 0..ROUNDS {
            let guard = shared.guard(cx).await?;
            if let Some(there) = guard.marker.as_ref().filter(|there| !marker.continues(there) && over != Some(*there))
            {
                return Ok(Claimed::Taken(there.clone()));
            }
            let update = Update::of(&shared.zone).only_if(&shared.mark, WireType::TXT, &guard.data).replace(
                &shared.mark,
                WireType::TXT,
                mark::TTL,
                vec![mark::encode(marker)],
            );
            if shared.send(cx, &shared.mark_name(), update).await? == Verdict::Done {
                return Ok(Claimed::Ours);
            }
        }
        Err(ProviderError::Transient(format!("the mark at {} changes all the time", shared.mark_name())))
    }

    async fn release(&self, cx: &Context, marker: &Marker) -> Result<(), ProviderError> {
        let shared = &self.0;
        for _ in 0..ROUNDS {
            let guard = shared.guard(cx).await?;
            if guard.marker.as_ref().is_none_or(|there| !marker.continues(there)) {
                return Ok(());
            }
            let update = Update::of(&shared.zone).only_if(&shared.mark, WireType::TXT, &guard.data).replace(
                &shared.mark,
                WireType::TXT,
                mark::TTL,
                Vec::new(),
            );
            if shared.send(cx, &shared.mark_name(), update).await? == Verdict::Done {
                return Ok(());
            }
        }
        Err(ProviderError::Transient(format!("the mark at {} changes all the time", shared.mark_name())))
    }
}
