//! Any infrastructure through a program of the user's own: one JSON object in, one out, for each call.
//!
//! The protocol is documented in `docs/providers/exec.md`. The program is run anew for each call and knows nothing of
//! the one before. What it says is believed as what a server says is: the engine observes after each change.
//! May rely on `resource`, `infrastructure`, `secret`; programs are run by [`Processes`] alone. Must never believe an
//! answer that breaks the protocol.

mod call;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::id::{RegionRole, ResourceId};
use crate::infrastructure::real::exec::Exec as Settings;
use crate::resource::{
    Backup, BackupState, ByRegion, CanaryRow, CanaryRows, Claimed, Compute, ComputeState, Context, CopyReport,
    Database, DatabaseState, Dns, DnsState, Exclusive, FenceProof, Marker, Preserved, Processes, ProviderError,
    RecordSet, Region, RegionState, ResourceKind, RestorePoint, Restored, Seen, ServerAnswer, Storage, StorageState,
    WriteAttempt,
};
use crate::secret::Redactor;
use crate::time::Span;
use call::{Call, Program};

/// The TTL of a record that was not there, where the settings say none.
const TTL: Span = Span::from_secs(60);

/// A resource of any kind that a program acts on.
pub struct Exec(Program);

impl Exec {
    /// The resource `resource` of `kind`; nothing is run yet.
    #[must_use]
    pub fn new(
        kind: ResourceKind,
        resource: String,
        settings: Settings,
        processes: Arc<dyn Processes>,
        redactor: Redactor,
    ) -> Self {
        Self(Program { kind, resource, settings, processes, redactor })
    }

    async fn observed(&self, cx: &Context) -> Result<Value, ProviderError> {
        self.0.call(cx, Call::Observe, "", json!({})).await
    }

    async fn ask<T: DeserializeOwned>(&self, cx: &Context, act: &str, args: Value) -> Result<T, ProviderError> {
        self.0.call(cx, Call::Ask, act, args).await
    }

    async fn apply<T: DeserializeOwned>(&self, cx: &Context, act: &str, args: Value) -> Result<T, ProviderError> {
        self.0.call(cx, Call::Apply, act, args).await
    }

    /// A change whose answer says nothing: any value will do.
    async fn done(&self, cx: &Context, act: &str, args: Value) -> Result<(), ProviderError> {
        self.apply::<Value>(cx, act, args).await.map(drop)
    }

    async fn undone(&self, cx: &Context, act: &str, args: Value) -> Result<(), ProviderError> {
        self.0.call::<Value>(cx, Call::Undo, act, args).await.map(drop)
    }

    /// The states of both regions: each is one, or `{"unreachable": "why"}`.
    async fn by_region<T: DeserializeOwned>(&self, cx: &Context) -> Result<ByRegion<T>, ProviderError> {
        let said: BTreeMap<RegionRole, Value> = self.0.call(cx, Call::Observe, "", json!({})).await?;
        let mut regions = ByRegion::new();
        for role in RegionRole::ALL {
            let value = said.get(&role).ok_or_else(|| self.unusable(&format!("the region `{role}` is missing")))?;
            let seen = match value.get("unreachable") {
                Some(why) => Seen::Unreachable(why.as_str().unwrap_or("it does not answer").to_owned()),
                None => Seen::Is(
                    serde_json::from_value(value.clone())
                        .map_err(|error| self.unusable(&format!("the region `{role}`: {error}")))?,
                ),
            };
            regions.insert(role, seen);
        }
        Ok(regions)
    }

    fn unusable(&self, why: &str) -> ProviderError {
        let program = self.0.settings.command.join(" ");
        ProviderError::Refused(format!(
            "`{program}`, asked to observe {}, answered with what can't be used: {why}",
            self.0.resource
        ))
    }

    fn serves(&self, values: &[String]) -> Option<RegionRole> {
        RegionRole::ALL.into_iter().find(|role| self.0.settings.values(*role) == values)
    }

    async fn servers(&self, cx: &Context, act: &str) -> Result<Vec<ServerAnswer>, ProviderError> {
        let said: Vec<SaidByServer> = self.ask(cx, act, json!({})).await?;
        let answer = |said: SaidByServer| {
            let values = match said.error {
                Some(why) => Err(why),
                None => Ok(self.0.settings.compared(&said.values)),
            };
            let serves = values.as_ref().ok().and_then(|values| self.serves(values));
            ServerAnswer { server: said.server, values, ttl: said.ttl, serves, serial: None }
        };
        Ok(said.into_iter().map(answer).collect())
    }

    async fn attempt(&self, cx: &Context, act: &str, args: Value) -> WriteAttempt {
        match self.apply(cx, act, args).await {
            Ok(attempt) => attempt,
            Err(error) if error.in_doubt() => WriteAttempt::Unknown(Cow::Owned(error.to_string())),
            Err(error) => WriteAttempt::Refused(Cow::Owned(error.to_string())),
        }
    }
}

/// A record as the program tells it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SaidRecord {
    values: Vec<String>,
    #[serde(default)]
    ttl: Span,
}

/// One server's answer as the program tells it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SaidByServer {
    server: String,
    #[serde(default)]
    values: Vec<String>,
    #[serde(default)]
    ttl: Span,
    error: Option<String>,
}

/// What the program says of a mark.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum SaidClaim {
    Ours,
    Taken(Marker),
}

#[async_trait]
impl Exclusive for Exec {
    async fn claim(&self, cx: &Context, marker: &Marker, over: Option<&Marker>) -> Result<Claimed, ProviderError> {
        let said = self.apply(cx, "claim", json!({ "marker": marker, "over": over })).await?;
        Ok(match said {
            SaidClaim::Ours => Claimed::Ours,
            SaidClaim::Taken(by) => Claimed::Taken(by),
        })
    }

    async fn release(&self, cx: &Context, marker: &Marker) -> Result<(), ProviderError> {
        self.undone(cx, "claim", json!({ "marker": marker })).await
    }
}

#[async_trait]
impl Dns for Exec {
    async fn observe(&self, cx: &Context) -> Result<DnsState, ProviderError> {
        let said: SaidRecord = self.0.call(cx, Call::Observe, "", json!({})).await?;
        let settings = &self.0.settings;
        let values = settings.compared(&said.values);
        let serves = self.serves(&values);
        let (name, record_type) = (settings.record_name(), settings.kind_of_record());
        Ok(DnsState { record: RecordSet { name, record_type, values, ttl: said.ttl, whole: None }, serves })
    }

    fn target(&self, region: RegionRole, current: &RecordSet) -> RecordSet {
        let settings = &self.0.settings;
        let ttl = if current.values.is_empty() { settings.ttl.map_or(TTL, |it| it.0) } else { current.ttl };
        let (name, record_type) = (settings.record_name(), settings.kind_of_record());
        RecordSet { name, record_type, values: settings.values(region), ttl, whole: None }
    }

    async fn change(&self, cx: &Context, expected: &RecordSet, to: &RecordSet) -> Result<(), ProviderError> {
        let set = |set: &RecordSet| json!({ "values": set.values, "ttl": set.ttl });
        self.done(cx, "change", json!({ "expected": set(expected), "to": set(to) })).await
    }

    async fn authoritative(&self, cx: &Context) -> Result<Vec<ServerAnswer>, ProviderError> {
        self.servers(cx, "authoritative").await
    }

    async fn resolvers(&self, cx: &Context) -> Result<Vec<ServerAnswer>, ProviderError> {
        self.servers(cx, "resolvers").await
    }
}

#[async_trait]
impl Compute for Exec {
    async fn observe(&self, cx: &Context) -> Result<ComputeState, ProviderError> {
        Ok(ComputeState { regions: self.by_region(cx).await? })
    }

    async fn scale(&self, cx: &Context, region: RegionRole, servers: u32) -> Result<(), ProviderError> {
        self.done(cx, "scale", json!({ "region": region, "servers": servers })).await
    }
}

/// What databases and storages have in common.
macro_rules! replicated {
    ($of:ident, $state:ident, { $($more:tt)* }) => {
        #[async_trait]
        impl $of for Exec {
            async fn observe(&self, cx: &Context) -> Result<$state, ProviderError> {
                Ok($state { regions: self.by_region(cx).await? })
            }

            async fn fence(&self, cx: &Context, region: RegionRole) -> Result<FenceProof, ProviderError> {
                self.apply(cx, "fence", json!({ "region": region })).await
            }

            async fn unfence(&self, cx: &Context, region: RegionRole) -> Result<(), ProviderError> {
                self.undone(cx, "fence", json!({ "region": region })).await
            }

            async fn promote(&self, cx: &Context, region: RegionRole) -> Result<(), ProviderError> {
                self.done(cx, "promote", json!({ "region": region })).await
            }

            async fn replicate(&self, cx: &Context, from: RegionRole, to: RegionRole) -> Result<(), ProviderError> {
                self.done(cx, "replicate", json!({ "from": from, "to": to })).await
            }

            async fn write(&self, cx: &Context, region: RegionRole) -> WriteAttempt {
                self.attempt(cx, "write", json!({ "region": region })).await
            }

            async fn write_canary(&self, cx: &Context, region: RegionRole, row: CanaryRow) -> WriteAttempt {
                let args = json!({ "region": region, "number": row.number, "sent_ns": row.sent.0 });
                self.attempt(cx, "write_canary", args).await
            }

            async fn canary_rows(&self, cx: &Context, region: RegionRole) -> Result<CanaryRows, ProviderError> {
                self.ask(cx, "canary_rows", json!({ "region": region })).await
            }

            async fn prepare_canary(&self, cx: &Context) -> Result<(), ProviderError> {
                self.done(cx, "canary", json!({})).await
            }

            async fn remove_canary(&self, cx: &Context) -> Result<(), ProviderError> {
                self.undone(cx, "canary", json!({})).await
            }

            async fn preserve(&self, cx: &Context, region: RegionRole) -> Result<Preserved, ProviderError> {
                self.apply(cx, "preserve", json!({ "region": region })).await
            }

            $($more)*
        }
    };
}

replicated!(Database, DatabaseState, {});
replicated!(Storage, StorageState, {
    async fn verify(&self, cx: &Context, region: RegionRole) -> Result<CopyReport, ProviderError> {
        self.ask(cx, "verify", json!({ "region": region })).await
    }
});

#[async_trait]
impl Backup for Exec {
    async fn observe(&self, cx: &Context) -> Result<BackupState, ProviderError> {
        Ok(BackupState { regions: self.by_region(cx).await? })
    }

    async fn restore(&self, cx: &Context, region: RegionRole, point: RestorePoint) -> Result<Restored, ProviderError> {
        let point = match point {
            RestorePoint::Latest => json!("latest"),
            RestorePoint::Ago(span) => json!({ "ago": span }),
        };
        self.apply(cx, "restore", json!({ "region": region, "point": point })).await
    }

    async fn scratches(&self, cx: &Context) -> Result<Vec<String>, ProviderError> {
        self.ask(cx, "scratches", json!({})).await
    }

    async fn discard(&self, cx: &Context, scratch: &str) -> Result<(), ProviderError> {
        self.undone(cx, "restore", json!({ "scratch": scratch })).await
    }
}

#[async_trait]
impl Region for Exec {
    async fn observe(&self, cx: &Context) -> Result<RegionState, ProviderError> {
        let said = self.observed(cx).await?;
        serde_json::from_value(said).map_err(|error| self.unusable(&error.to_string()))
    }

    async fn set_isolation(&self, cx: &Context, to: &RegionState) -> Result<(), ProviderError> {
        self.done(cx, "isolate", json!({ "isolated_from": to.isolated_from })).await
    }

    async fn rejoin_fenced(&self, cx: &Context, fenced: &[ResourceId]) -> Result<(), ProviderError> {
        self.done(cx, "rejoin", json!({ "fenced": fenced })).await
    }
}
