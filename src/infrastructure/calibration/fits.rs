//! The figures of a calibration file: which settings of which kind of twin there are.

use serde::{Deserialize, Serialize};

use crate::catalogue::Period;
use crate::chance::Distribution;
use crate::id::RunId;
use crate::resource::ResourceKind;
use crate::time::Span;

/// A setting with fewer effective samples than this is said to rest on few.
pub const FEW: u32 = 5;

/// A distribution that was fitted, and what it rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Fitted {
    /// The median, above zero.
    pub p50: Period,
    /// The 95th percentile, no shorter.
    pub p95: Period,
    /// How many samples.
    pub samples: u32,
    /// How many newest samples would tell as much: (Σw)² / Σw² (L. Kish, *Survey Sampling*, 1965).
    pub effective: f64,
    /// The newest run that has one.
    pub newest: RunId,
}

/// The same as it is written.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    p50: Period,
    p95: Period,
    samples: u32,
    effective: f64,
    newest: RunId,
    /// Follows from `effective`; written for people.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    few: bool,
}

impl TryFrom<Written> for Fitted {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let Written { p50, p95, samples, effective, newest, few: _ } = written;
        Distribution::from_quantiles((50.0, p50.0), (95.0, p95.0))?;
        if !(effective > 0.0 && effective <= f64::from(samples) + 0.051) {
            return Err(format!("`effective` lies between 0 and `samples`, which is {samples}; found {effective}"));
        }
        Ok(Self { p50, p95, samples, effective, newest })
    }
}

impl From<Fitted> for Written {
    fn from(fitted: Fitted) -> Self {
        let few = fitted.is_few();
        let Fitted { p50, p95, samples, effective, newest } = fitted;
        Self { p50, p95, samples, effective: (effective * 10.0).round() / 10.0, newest, few }
    }
}

impl Fitted {
    /// Whether it rests on few samples.
    #[must_use]
    pub fn is_few(&self) -> bool {
        // As it is written, so that it says the same when it is read again.
        (self.effective * 10.0).round() < f64::from(FEW) * 10.0
    }

    /// The distribution that it stands for.
    #[must_use]
    pub fn distribution(&self) -> Distribution {
        Distribution::from_quantiles((50.0, self.p50.0), (95.0, self.p95.0))
            .unwrap_or_else(|_| Distribution::fixed(self.p50.0.max(Span(1))))
    }
}

macro_rules! fits {
    ($($(#[doc = $doc:literal])* $name:ident { $($(#[doc = $of:literal])* $key:ident,)* })*) => {$(
        $(#[doc = $doc])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            /// Its provider, when it was measured.
            pub provider: String,
            $(
                $(#[doc = $of])*
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub $key: Option<Fitted>,
            )*
        }

        impl $name {
            /// The settings, by their keys in an infrastructure file.
            pub const KEYS: &'static [&'static str] = &[$(stringify!($key)),*];

            /// Without any figure.
            #[must_use]
            pub fn of(provider: String) -> Self {
                Self { provider, ..Self::default() }
            }

            /// What is set.
            #[must_use]
            pub fn settings(&self) -> Vec<(&'static str, &Fitted)> {
                [$((stringify!($key), &self.$key)),*]
                    .into_iter()
                    .filter_map(|(key, fitted)| Some((key, fitted.as_ref()?)))
                    .collect()
            }

            /// Sets one; nothing happens with a key that it does not have.
            pub fn set(&mut self, key: &str, fitted: Fitted) {
                match key {
                    $(stringify!($key) => self.$key = Some(fitted),)*
                    _ => {}
                }
            }
        }
    )*};
}

fits! {
    /// A DNS record.
    DnsFit {
        /// From its change to each authoritative server's answer.
        converges,
    }
    /// A database.
    DatabaseFit {
        /// How far the copy is behind.
        replication_lag,
        /// Promotion, without the wait until it is drained.
        promotion,
        /// A fence.
        fence,
        /// A replica built anew.
        replicate,
        /// Keeping what only one side has.
        preserve,
    }
    /// A storage.
    StorageFit {
        /// How long after a push the copy has it.
        replication_delay,
        /// Promotion, without the wait until it is drained.
        promotion,
        /// A fence.
        fence,
        /// A copy made anew.
        replicate,
        /// Keeping what only one side has.
        preserve,
        /// Comparing the copy.
        verify,
    }
    /// A group of servers.
    ComputeFit {
        /// One server, from being asked for to passing its checks.
        boot,
    }
    /// Snapshots.
    BackupFit {
        /// A restore, read through.
        restore,
    }
    /// A region.
    RegionFit {
        /// Cutting it off.
        isolate,
        /// Letting it in again.
        rejoin,
    }
}

/// The figures of a resource, by its kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResourceFit {
    /// A DNS record.
    Dns(DnsFit),
    /// A database.
    Database(DatabaseFit),
    /// A storage.
    Storage(StorageFit),
    /// A group of servers.
    Compute(ComputeFit),
    /// Snapshots.
    Backup(BackupFit),
}

impl ResourceFit {
    /// Of a kind of resource, without any figure; `None` for a region, which is no resource of a file.
    #[must_use]
    pub fn of(kind: ResourceKind, provider: String) -> Option<Self> {
        Some(match kind {
            ResourceKind::Dns => Self::Dns(DnsFit::of(provider)),
            ResourceKind::Database => Self::Database(DatabaseFit::of(provider)),
            ResourceKind::Storage => Self::Storage(StorageFit::of(provider)),
            ResourceKind::Compute => Self::Compute(ComputeFit::of(provider)),
            ResourceKind::Backup => Self::Backup(BackupFit::of(provider)),
            ResourceKind::Region => return None,
        })
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> ResourceKind {
        match self {
            Self::Dns(_) => ResourceKind::Dns,
            Self::Database(_) => ResourceKind::Database,
            Self::Storage(_) => ResourceKind::Storage,
            Self::Compute(_) => ResourceKind::Compute,
            Self::Backup(_) => ResourceKind::Backup,
        }
    }

    /// Its provider, when it was measured.
    #[must_use]
    pub fn provider(&self) -> &str {
        match self {
            Self::Dns(it) => &it.provider,
            Self::Database(it) => &it.provider,
            Self::Storage(it) => &it.provider,
            Self::Compute(it) => &it.provider,
            Self::Backup(it) => &it.provider,
        }
    }

    /// What is set.
    #[must_use]
    pub fn settings(&self) -> Vec<(&'static str, &Fitted)> {
        match self {
            Self::Dns(it) => it.settings(),
            Self::Database(it) => it.settings(),
            Self::Storage(it) => it.settings(),
            Self::Compute(it) => it.settings(),
            Self::Backup(it) => it.settings(),
        }
    }

    /// Sets one; nothing happens with a key that its kind does not have.
    pub fn set(&mut self, key: &str, fitted: Fitted) {
        match self {
            Self::Dns(it) => it.set(key, fitted),
            Self::Database(it) => it.set(key, fitted),
            Self::Storage(it) => it.set(key, fitted),
            Self::Compute(it) => it.set(key, fitted),
            Self::Backup(it) => it.set(key, fitted),
        }
    }
}
