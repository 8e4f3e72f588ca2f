//! `backup.verify` and `backup.restore`.

use std::fmt;

use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize, Serializer};

use super::{Access, Achieved, Describe, Period, Subject, Undo};
use crate::chance::Distribution;
use crate::id::{RegionRole, ResourceId};
use crate::resource::{ResourceKind, RestorePoint, SnapshotSummary};
use crate::time::Span;

/// Checks what snapshots there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupVerify {
    /// Which.
    pub backup: ResourceId,
    /// Where.
    #[serde(rename = "in")]
    pub region: RegionRole,
    /// How old the newest may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest_at_most: Option<Period>,
    /// How far back they must reach.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_at_least: Option<Period>,
    /// Whether every one must be encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encrypted: Option<bool>,
    /// How long the time between two neighbours may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gaps_at_most: Option<Period>,
}

impl BackupVerify {
    /// What is wrong with the snapshots, each with the value that was seen; empty if nothing is.
    #[must_use]
    pub fn judge(&self, seen: &SnapshotSummary) -> Vec<String> {
        let mut wrong = Vec::new();
        if seen.count == 0 {
            return vec!["there is no snapshot".to_owned()];
        }
        if let Some(Period(most)) = self.newest_at_most
            && seen.newest_age > most
        {
            wrong.push(format!("the newest snapshot is {} old, at most {most} is allowed", seen.newest_age));
        }
        if let Some(Period(least)) = self.kept_at_least
            && seen.oldest_age < least
        {
            wrong.push(format!("the oldest snapshot is {} old, they must reach back {least}", seen.oldest_age));
        }
        if self.encrypted == Some(true) && seen.encrypted < seen.count {
            wrong.push(format!("{} of {} snapshots are not encrypted", seen.count - seen.encrypted, seen.count));
        }
        if let Some(Period(most)) = self.gaps_at_most
            && seen.longest_gap > most
        {
            wrong.push(format!("there are {} without a snapshot, at most {most} is allowed", seen.longest_gap));
        }
        wrong
    }
}

/// What to restore to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestoreTo(pub RestorePoint);

impl Default for RestoreTo {
    fn default() -> Self {
        Self(RestorePoint::Latest)
    }
}

impl fmt::Display for RestoreTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            RestorePoint::Latest => f.write_str("latest"),
            RestorePoint::Ago(span) => write!(f, "{} ago", span.short()),
        }
    }
}

impl Serialize for RestoreTo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RestoreTo {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "latest" {
            return Ok(Self(RestorePoint::Latest));
        }
        let span = text.strip_suffix(" ago").ok_or_else(|| {
            de::Error::custom(format!("`{text}` is no point in time; write latest, or for example 2h ago"))
        })?;
        Span::parse(span.trim()).map(|span| Self(RestorePoint::Ago(span))).map_err(de::Error::custom)
    }
}

/// Restores into a scratch place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupRestore {
    /// Which.
    pub backup: ResourceId,
    /// Where.
    #[serde(rename = "in")]
    pub region: RegionRole,
    /// To when: `latest` or `2h ago`.
    #[serde(default)]
    pub to: RestoreTo,
    /// How far the newest write that came back may be from the point asked for.
    #[serde(default = "one_hour_ten")]
    pub within: Period,
}

fn one_hour_ten() -> Period {
    Period(Span::from_secs(70 * 60))
}

fn subject(resource: &ResourceId, region: RegionRole) -> Vec<Subject> {
    vec![Subject {
        resource: resource.clone(),
        kinds: &[ResourceKind::Backup],
        access: Access::Reads,
        regions: vec![region],
    }]
}

impl Describe for BackupVerify {
    fn subjects(&self) -> Vec<Subject> {
        subject(&self.backup, self.region)
    }

    fn summary(&self) -> String {
        format!("check {} in {}", self.backup, self.region)
    }

    fn observable(&self) -> bool {
        false
    }

    fn undo(&self) -> Undo {
        Undo::Nothing
    }
}

impl Describe for BackupRestore {
    fn subjects(&self) -> Vec<Subject> {
        subject(&self.backup, self.region)
    }

    fn summary(&self) -> String {
        format!("restore {} in {} to {} into a scratch place and check it", self.backup, self.region, self.to)
    }

    fn achieved(&self, _world: &super::World, _setting: &super::Setting<'_>) -> Achieved {
        Achieved::No("a restore is proven by doing it".to_owned())
    }

    fn observable(&self) -> bool {
        false
    }

    fn undo(&self) -> Undo {
        Undo::Compensates("removes the scratch copy".to_owned())
    }

    fn takes(&self) -> Distribution {
        Distribution::fixed(Span::from_secs(600))
    }

    fn patience(&self) -> Span {
        Span::from_secs(7200)
    }
}
