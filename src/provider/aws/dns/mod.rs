//! `dns.switch` on Route 53: record sets of a hosted zone, routing controls, or an inverted health check.
//!
//! A change of the zone is asked for once and has happened when Route 53 says `INSYNC` and every one of the zone's name
//! servers, asked itself, gives the new answer.

pub(super) mod health;
mod ask;
mod mark;
pub(super) mod routing;
mod sets;
pub(super) mod zone;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use hickory_proto::rr::{Name, RecordType as WireType};

use super::access::Access;
use super::acl::halfway;
use crate::id::RegionRole;
use crate::infrastructure::real::aws::dns::{Route53 as Settings, Way};
use crate::infrastructure::real::rfc2136::plain_name;
use crate::provider::host::Host;
use crate::provider::network::record;
use crate::resource::{
    Claimed, Context, Dns, DnsState, Exclusive, Marker, ProviderError, RecordSet, ServerAnswer, told,
};
use crate::time::Span;
use ask::Meaning;
use mark::Mark;
use routing::Controls;
use sets::Stands;
use zone::{Batch, Taken};

/// How often a change is tried that came in the way of another.
const ROUNDS: u32 = 3;
/// The TTL that is told of a record that only the data plane knows, where the settings say none: [`Shared::longer`] holds it
/// against what the zone's servers answer.
const TTL: Span = Span::from_secs(60);

/// A record on Route 53.
pub struct Route53(Arc<Shared>);

impl fmt::Debug for Route53 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route53").field("name", &self.0.settings.name).finish_non_exhaustive()
    }
}

/// What the calls of one record share.
struct Shared {
    settings: Settings,
    name: Name,
    kind: WireType,
    access: Arc<Access>,
    host: Host,
    /// The names of the zone's servers, once Route 53 gave them.
    servers: Mutex<Option<Vec<String>>>,
    /// What stood there when it was looked at last: by it answers of name servers are understood.
    last: Mutex<Option<Stands>>,
    /// The change of this process that has not reached all of Route 53's servers yet.
    pending: Mutex<Option<String>>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Route53 {
    /// The record that `settings` describe; nothing is asked yet.
    ///
    /// # Errors
    /// Says what is wrong with the name.
    pub fn new(settings: Settings, access: Arc<Access>, host: Host) -> Result<Self, String> {
        Ok(Self(Arc::new(Shared {
            name: ask::wire_name(&settings.name)?,
            kind: record::wire_type(settings.record_type),
            settings,
            access,
            host,
            servers: Mutex::default(),
            last: Mutex::default(),
            pending: Mutex::default(),
        })))
    }
}

impl Shared {
    async fn name_servers(&self, cx: &Context) -> Result<Vec<String>, ProviderError> {
        if let Some(known) = lock(&self.servers).clone() {
            return Ok(known);
        }
        // A switch that needs only the data plane must not ask the control plane whom to ask.
        let names = if self.settings.by.changes_the_zone() {
            zone::name_servers(cx, &self.access, &self.settings).await?
        } else {
            ask::zones_servers(self, &cx.clock).await?
        };
        *lock(&self.servers) = Some(names.clone());
        Ok(names)
    }

    /// What stands in the zone, if it can be switched as the settings say.
    async fn stands(&self, cx: &Context) -> Result<Stands, ProviderError> {
        let stands = zone::stands(cx, &self.access, &self.settings).await?;
        *lock(&self.last) = Some(stands.clone());
        match stands.fault(&self.settings) {
            None => Ok(stands),
            Some(fault) => Err(ProviderError::Refused(fault)),
        }
    }

    /// A record of which only the data plane is asked.
    fn by_data_plane(&self, serves: Option<RegionRole>, whole: serde_json::Value) -> DnsState {
        let record = RecordSet {
            name: plain_name(&self.settings.name),
            record_type: self.settings.record_type,
            values: serves.map(|role| self.settings.values(role)).unwrap_or_default(),
            ttl: self.settings.ttl.map_or(TTL, |ttl| ttl.0),
            whole: Some(whole),
        };
        DnsState { record, serves }
    }

    /// That a server lets its answer be kept for longer than is told of a record that only the data plane knows. The record
    /// itself can't carry what is answered: it would be another one whenever a server is silent, and no undo would take it
    /// for what it was.
    fn longer(&self, answer: &ServerAnswer, told: &RecordSet) -> Option<ProviderError> {
        let longer = !self.settings.by.changes_the_zone() && answer.values.is_ok() && answer.ttl > told.ttl;
        longer.then(|| {
            let stated = if self.settings.ttl.is_some() { "says" } else { "unstated means" };
            ProviderError::Refused(format!(
                "{} answers for {} with a TTL of {}, and `ttl` {stated} {}: resolvers keep the old answer for longer than this \
                 drill reckons with; write `ttl: {}s` into the infrastructure file, or shorten the record's",
                answer.server,
                self.settings.name,
                answer.ttl,
                told.ttl,
                answer.ttl.0.div_ceil(1_000_000_000)
            ))
        })
    }

    async fn observe(&self, cx: &Context) -> Result<DnsState, ProviderError> {
        match (self.settings.by, &self.settings.routing_controls, &self.settings.health_check) {
            (Way::RoutingControls, Some(settings), _) => {
                let controls = routing::read(cx, &self.access, settings).await?;
                Ok(self.by_data_plane(controls.serves(), serde_json::json!(controls)))
            }
            (Way::HealthCheck, _, Some(settings)) => {
                let away = health::is_away(cx, &self.host, settings).await?;
                let serves = if away { RegionRole::Secondary } else { RegionRole::Primary };
                Ok(self.by_data_plane(Some(serves), serde_json::json!({ "away": away })))
            }
            _ => {
                let stands = self.stands(cx).await?;
                Ok(DnsState { serves: stands.serves(&self.settings), record: stands.record(&self.settings) })
            }
        }
    }

    /// The mark, if it lets `cx`'s run change the record: its own, or none.
    async fn guard(&self, cx: &Context) -> Result<Option<Mark>, ProviderError> {
        let mark = zone::mark(cx, &self.access, &self.settings).await?;
        match &mark {
            Some(there) if there.marker.run != cx.run || there.marker.fencing > cx.fencing => {
                Err(ProviderError::Refused(format!(
                    "{} says that {}: nothing was changed",
                    Mark::name(&self.settings),
                    there.marker
                )))
            }
            _ => Ok(mark),
        }
    }

    async fn change(&self, cx: &Context, expected: &RecordSet, to: &RecordSet) -> Result<(), ProviderError> {
        let (from, into) =
            (Stands::of(expected).map_err(ProviderError::Refused)?, Stands::of(to).map_err(ProviderError::Refused)?);
        let changed = |found: &RecordSet| {
            Err(ProviderError::Changed(format!(
                "{} is {} (TTL {}) now",
                self.settings.name,
                told(&found.values),
                found.ttl
            )))
        };
        let half = format!("{} is changed, and when all servers have it is not known", self.settings.name);
        let known = |made: bool, error| if made { halfway(error, &half) } else { error };
        let (mut why, mut made) = (String::new(), false);
        for round in 0..ROUNDS {
            let mark = self.guard(cx).await.map_err(|error| known(made, error))?;
            let stands = self.stands(cx).await.map_err(|error| known(made, error))?;
            if round > 0 && stands == into {
                // It was sent again because its answer was lost, and the first one was taken.
                made = true;
                match self.follow(cx, &into, mark.as_ref()).await.map_err(|error| known(true, error))? {
                    Taken::Made(change) => {
                        *lock(&self.pending) = Some(change).filter(|change| !change.is_empty());
                        return Ok(());
                    }
                    Taken::Overtaken(said) => why = said,
                }
                continue;
            }
            if stands != from {
                return changed(&stands.record(&self.settings)).map_err(|error| known(made, error));
            }
            let next = mark.as_ref().map(Mark::next);
            let batch = Batch::of(&self.settings).mark(mark.as_ref(), next.as_ref())?.replace(&from, &into)?;
            match batch.send(cx, &self.access).await? {
                Taken::Made(change) => {
                    *lock(&self.pending) = Some(change);
                    *lock(&self.last) = Some(into);
                    return Ok(());
                }
                Taken::Overtaken(said) => why = said,
            }
        }
        let name = &self.settings.name;
        Err(if made {
            ProviderError::Halfway(format!("{name} is changed, and when all servers have it is not known: {why}"))
        } else {
            ProviderError::Refused(format!("Route 53 does not take the change of {name}: {why}"))
        })
    }

    /// Sends a change after one whose id was lost with its answer, and that alters nothing but the mark: Route 53 makes the
    /// changes of a zone one after the other, so when this one is `INSYNC`, the one before is.
    async fn follow(&self, cx: &Context, stands: &Stands, mark: Option<&Mark>) -> Result<Taken, ProviderError> {
        let batch = Batch::of(&self.settings);
        let batch = match mark {
            Some(mark) => batch.mark(Some(mark), Some(&mark.next()))?,
            None if stands.0.is_empty() => return Ok(Taken::Made(String::new())),
            None => batch.again(stands)?,
        };
        batch.send(cx, &self.access).await
    }

    async fn change_controls(&self, cx: &Context, expected: &RecordSet, to: &RecordSet) -> Result<(), ProviderError> {
        let now = self.observe(cx).await?;
        if now.record != *expected {
            return Err(ProviderError::Changed(format!("{} {now}", self.settings.name)));
        }
        let whole = to.whole.clone().unwrap_or_default();
        let broken = |error: serde_json::Error| ProviderError::Refused(format!("a switch that can't be read: {error}"));
        if let Some(settings) = &self.settings.routing_controls {
            let controls: Controls = serde_json::from_value(whole).map_err(broken)?;
            return routing::set(cx, &self.access, settings, controls).await;
        }
        match &self.settings.health_check {
            Some(settings) => health::set(cx, &self.host, settings, whole["away"] == serde_json::json!(true)).await,
            None => Err(ProviderError::Refused("there is nothing to switch by".to_owned())),
        }
    }

    /// How answers of name servers are to be understood: first as what stands, then as either region's.
    async fn meanings(&self, cx: &Context) -> Result<Vec<Meaning>, ProviderError> {
        let settings = &self.settings;
        let mut meanings = Vec::new();
        if settings.by.changes_the_zone() {
            let known = lock(&self.last).clone();
            let stands = match known {
                Some(stands) => stands,
                None => self.stands(cx).await?,
            };
            meanings.push(Meaning {
                contents: stands.live(settings.by).map(|set| set.content(settings.record_type)).collect(),
                values: stands.record(settings).values,
                serves: stands.serves(settings),
            });
            // What would stand if it pointed to the other region: an answer from before a change, or after another's.
            for role in RegionRole::ALL {
                let there = stands.pointed(settings, role);
                meanings.push(Meaning {
                    contents: there.live(settings.by).map(|set| set.content(settings.record_type)).collect(),
                    values: there.record(settings).values,
                    serves: Some(role),
                });
            }
        } else {
            for role in RegionRole::ALL {
                let values = settings.values(role);
                meanings.push(Meaning { contents: vec![values.clone()], values, serves: Some(role) });
            }
        }
        Ok(meanings)
    }

    /// Route 53 itself among the servers, for as long as it says that the change has not reached all of them.
    async fn on_its_way(&self, cx: &Context) -> Option<ServerAnswer> {
        let change = lock(&self.pending).clone()?;
        match zone::in_sync(cx, &self.access, &change).await {
            Ok(true) => {
                let mut pending = lock(&self.pending);
                if pending.as_deref() == Some(&change) {
                    *pending = None;
                }
                None
            }
            Ok(false) => {
                Some(ask::silent("Route 53".to_owned(), format!("the change {change} is PENDING, not INSYNC")))
            }
            Err(error) => {
                Some(ask::silent("Route 53".to_owned(), format!("whether the change {change} is INSYNC: {error}")))
            }
        }
    }
}

#[async_trait]
impl Dns for Route53 {
    async fn observe(&self, cx: &Context) -> Result<DnsState, ProviderError> {
        self.0.observe(cx).await
    }

    fn target(&self, region: RegionRole, current: &RecordSet) -> RecordSet {
        let shared = &self.0;
        match shared.settings.by {
            Way::RoutingControls => {
                shared.by_data_plane(Some(region), serde_json::json!(Controls::only(region))).record
            }
            Way::HealthCheck => {
                let away = region == RegionRole::Secondary;
                shared.by_data_plane(Some(region), serde_json::json!({ "away": away })).record
            }
            _ => {
                let stands = Stands::of(current).unwrap_or_default();
                stands.pointed(&shared.settings, region).record(&shared.settings)
            }
        }
    }

    async fn change(&self, cx: &Context, expected: &RecordSet, to: &RecordSet) -> Result<(), ProviderError> {
        if self.0.settings.by.changes_the_zone() {
            self.0.change(cx, expected, to).await
        } else {
            self.0.change_controls(cx, expected, to).await
        }
    }

    async fn authoritative(&self, cx: &Context) -> Result<Vec<ServerAnswer>, ProviderError> {
        let meanings = self.0.meanings(cx).await?;
        let asked = async { tokio::join!(ask::authoritative(&self.0, cx, meanings), self.0.on_its_way(cx)) };
        tokio::select! {
            biased;
            () = cx.cancel.cancelled() => Err(ProviderError::Cancelled),
            (answers, pending) = asked => Ok(pending.into_iter().chain(answers?).collect()),
        }
    }

    async fn resolvers(&self, cx: &Context) -> Result<Vec<ServerAnswer>, ProviderError> {
        if self.0.settings.resolvers.is_empty() {
            return Ok(Vec::new());
        }
        let meanings = self.0.meanings(cx).await?;
        tokio::select! {
            biased;
            () = cx.cancel.cancelled() => Err(ProviderError::Cancelled),
            answers = ask::resolvers(&self.0, cx, meanings) => answers,
        }
    }

    async fn ready(&self, cx: &Context) -> Result<Vec<(String, String)>, ProviderError> {
        let mut shown = Vec::new();
        let wanted = self.0.observe(cx).await?.record;
        if let Some(check) = &self.0.settings.health_check {
            shown.push(health::status(cx, &self.0.access, check).await?);
        }
        for answer in self.authoritative(cx).await? {
            if let Some(longer) = self.0.longer(&answer, &wanted) {
                return Err(longer);
            }
            match &answer.values {
                Ok(values) if *values == wanted.values => shown.push((answer.server, told(values))),
                Ok(values) => {
                    return Err(ProviderError::Refused(format!(
                        "{} answers {} for {}, and {} is set",
                        answer.server,
                        told(values),
                        self.0.settings.name,
                        told(&wanted.values)
                    )));
                }
                Err(why) => return Err(ProviderError::Refused(format!("{} gives no answer: {why}", answer.server))),
            }
        }
        Ok(shown)
    }
}

#[async_trait]
impl Exclusive for Route53 {
    async fn claim(&self, cx: &Context, marker: &Marker, over: Option<&Marker>) -> Result<Claimed, ProviderError> {
        let shared = &self.0;
        if !shared.settings.by.changes_the_zone() {
            return Err(ProviderError::Unsupported("what is switched in the data plane keeps no marks".to_owned()));
        }
        for _ in 0..ROUNDS {
            let there = zone::mark(cx, &shared.access, &shared.settings).await?;
            if let Some(there) = &there {
                let known = &there.marker;
                if known == marker {
                    return Ok(Claimed::Ours);
                }
                if !marker.continues(known) && over != Some(known) {
                    return Ok(Claimed::Taken(known.clone()));
                }
            }
            let changes = there.as_ref().map_or(0, |there| there.changes + 1);
            let ours = Mark { marker: marker.clone(), changes };
            let batch = Batch::of(&shared.settings).mark(there.as_ref(), Some(&ours))?;
            if let Taken::Made(_) = batch.send(cx, &shared.access).await? {
                return Ok(Claimed::Ours);
            }
        }
        Err(ProviderError::Transient(format!("the mark at {} changes all the time", Mark::name(&shared.settings))))
    }

    async fn release(&self, cx: &Context, marker: &Marker) -> Result<(), ProviderError> {
        let shared = &self.0;
        if !shared.settings.by.changes_the_zone() {
            return Err(ProviderError::Unsupported("what is switched in the data plane keeps no marks".to_owned()));
        }
        for _ in 0..ROUNDS {
            let there = zone::mark(cx, &shared.access, &shared.settings).await?;
            let Some(there) = there.filter(|there| marker.continues(&there.marker)) else { return Ok(()) };
            let batch = Batch::of(&shared.settings).mark(Some(&there), None)?;
            if let Taken::Made(_) = batch.send(cx, &shared.access).await? {
                return Ok(());
            }
        }
        Err(ProviderError::Transient(format!("the mark at {} changes all the time", Mark::name(&shared.settings))))
    }
}
