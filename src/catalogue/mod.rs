//! Each action and each probe as data: its arguments, what it acts on, what it does to the world, how it is undone.
//!
//! All of it is pure: a plan predicts with [`Describe::effect`] what the engine later observes with
//! [`Describe::achieved`], and both are the same few lines, so that they can't drift apart. How an action is carried
//! out stands in [`crate::action`]. May rely on `time`, `chance`, `id`, `resource`; must never do I/O or read a clock.
//!
//! A new action is one struct that implements [`Describe`] in a file here, and one line in `actions!` below.

mod args;
mod backup;
mod check;
mod command;
mod compute;
mod database;
mod dns;
mod gate;
mod nested;
mod probe;
mod recover;
mod region;
pub(crate) mod sides;
mod storage;
mod whereabouts;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use args::{Named, OneOrMany, Period, Services};
pub use backup::{BackupRestore, BackupVerify, RestoreTo};
pub use check::{Check, Condition, Until, Wait};
pub use command::{Command, CommandExpect, ExitCodes, Http, MessageShape, Notify, Value};
pub use compute::{ComputeScale, ComputeStart, ComputeStop, Servers};
pub use database::{Accept, DataPreserve, DatabaseFence, DatabasePromote, DatabaseReplicate, WhenUnreachable};
pub use dns::DnsSwitch;
pub use gate::{Approve, EvidenceWanted, Manual};
pub use nested::NestedPlaybook;
pub use probe::{
    Combination, CommandProbe, DnsExpect, DnsProbe, HttpExpect, HttpProbe, Judged, Literal, PostgresExpect,
    PostgresProbe, Probe, ProgramExpect, StatusCodes, TcpExpect, TcpProbe, TlsExpect, TlsProbe, split_url,
};
pub use recover::{Promise, StorageRecover};
pub use region::{RegionIsolate, RegionRejoin};
pub use storage::{StorageFence, StoragePromote, StorageReplicate, StorageVerify};

use crate::chance::Distribution;
use crate::id::{RegionRole, ResourceId};
use crate::resource::{ResourceKind, World};
use crate::time::Span;

/// How a drill is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Fence, drain, promote: nothing may be lost.
    Planned,
    /// The primary region is lost without warning.
    Unplanned,
    /// The real event.
    Emergency,
}

impl Mode {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Planned, Self::Unplanned, Self::Emergency];

    /// The key in YAML and on the command line.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Unplanned => "unplanned",
            Self::Emergency => "emergency",
        }
    }
}

impl std::fmt::Display for Mode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.key())
    }
}

/// What happens when a step fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// Take back what was done, or go forward to safety after the point of no return.
    Undo,
    /// Start nothing new and ask a person.
    Pause,
    /// Start nothing new and say what is left.
    Stop,
    /// Note it and go on; the run fails all the same.
    Continue,
}

/// What a step does with a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Looks only.
    Reads,
    /// Changes it.
    Changes,
}

/// A resource that a step acts on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Which; regions by [`crate::resource::region_resource`].
    pub resource: ResourceId,
    /// The kinds that it may be.
    pub kinds: &'static [ResourceKind],
    /// Reads or changes.
    pub access: Access,
    /// The regions whose data or control plane must answer for it.
    pub regions: Vec<RegionRole>,
}

/// How a step can be taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Undo {
    /// The state from before is put back, and seen to be back.
    Restores,
    /// Something else is done that makes up for it.
    Compensates(String),
    /// It can't be taken back; what stays.
    Irreversible(String),
    /// It changes nothing.
    Nothing,
}

/// Whether an act may be done once more when nobody knows whether it was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// Twice is as good as once, or it is seen first whether it is done.
    Safe,
    /// Only if a look says for certain that it was not done.
    IfNotDone,
    /// Only a person who has looked can tell.
    AskFirst,
}

/// What an action means to the course of a drill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Nothing special.
    Ordinary,
    /// Makes a region lose its users: the disaster.
    Disaster,
    /// Passes the point of no return of its leg.
    Promotion(RegionRole),
    /// Moves users.
    Switch(RegionRole),
    /// A person must decide.
    Gate,
    /// Tells people; changes no system.
    Notice,
}

/// What an effect may depend on beside the world.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// The run's mode.
    pub mode: Mode,
    /// The world at the run's start: what `as_before` means.
    pub initial: &'a World,
    /// Whether acknowledged writes may be thrown away.
    pub discard: bool,
}

/// Whether the world is as an action would have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Achieved {
    /// It is.
    Yes,
    /// It is not; what is otherwise.
    No(String),
    /// Can't be seen: something does not answer.
    Unknown(String),
}

impl Achieved {
    /// Yes only if all are; unknown outweighs no, since it may yet have happened.
    #[must_use]
    pub fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut verdict = Self::Yes;
        for part in parts {
            verdict = match (verdict, part) {
                (Self::Unknown(why), _) | (_, Self::Unknown(why)) => Self::Unknown(why),
                (Self::No(why), _) | (Self::Yes, Self::No(why)) => Self::No(why),
                (Self::Yes, Self::Yes) => Self::Yes,
            };
        }
        verdict
    }

    /// `Yes` if `holds`, else `No` with the reason.
    pub fn when(holds: impl FnOnce() -> bool, why: impl FnOnce() -> String) -> Self {
        if holds() { Self::Yes } else { Self::No(why()) }
    }
}

/// What every action tells of itself.
pub trait Describe: Send + Sync {
    /// What it acts on. Observed before it, after it and before its undo.
    fn subjects(&self) -> Vec<Subject>;

    /// What else must be in a region and answer there, beside its subjects: what, for people, and where.
    fn relies_on(&self) -> Vec<(String, RegionRole)> {
        Vec::new()
    }

    /// One line for people, in the imperative: `switch code, git to secondary`.
    fn summary(&self) -> String;

    /// What it does to the world, as far as it can be foreseen.
    fn effect(&self, _world: &mut World, _setting: &Setting<'_>) {}

    /// Why the action would be refused in this world before it did anything, as far as that can be seen.
    fn refusal(&self, _world: &World, _setting: &Setting<'_>) -> Option<String> {
        None
    }

    /// Whether the world is as this action would have it. Only meaningful for actions that change something that can
    /// be observed; others say `No`, so that they are always carried out.
    fn achieved(&self, _world: &World, _setting: &Setting<'_>) -> Achieved {
        Achieved::No("this leaves no trace that could be observed".to_owned())
    }

    /// Whether [`Describe::achieved`] can ever say yes, so that a doubt can be settled by looking.
    fn observable(&self) -> bool {
        true
    }

    /// How it is taken back.
    fn undo(&self) -> Undo;

    /// Whether it may be done once more when nobody knows whether it was done: what a crash leaves behind.
    fn again(&self) -> Again {
        Again::Safe
    }

    /// Whether `now` is as `before` was, in what this action changes.
    fn restored(&self, before: &World, now: &World) -> Achieved {
        let changed = self.subjects().into_iter().filter(|subject| subject.access == Access::Changes);
        Achieved::all(changed.map(|subject| {
            Achieved::when(
                || before.get(&subject.resource) == now.get(&subject.resource),
                || format!("{} is not as it was", subject.resource),
            )
        }))
    }

    /// What it means to the drill.
    fn part(&self) -> Part {
        Part::Ordinary
    }

    /// How long it takes when nothing is known of the infrastructure.
    fn takes(&self) -> Distribution {
        Distribution::fixed(Span::from_secs(1))
    }

    /// The timeout of a step that states none.
    fn patience(&self) -> Span {
        Span::from_secs(300)
    }
}

/// The list of all actions. A line: the key in YAML, the variant, the type of its arguments.
macro_rules! actions {
    ($($(#[doc = $doc:literal])* $key:literal => $variant:ident($args:ty),)*) => {
        /// An action with its arguments, as a playbook's step has it.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub enum Act {
            $($(#[doc = $doc])* #[serde(rename = $key)] $variant($args),)*
        }

        impl Act {
            /// The keys of all actions, in the order of the documentation.
            pub const KEYS: &'static [&'static str] = &[$($key),*];

            /// The key in YAML.
            #[must_use]
            pub fn key(&self) -> &'static str {
                match self { $(Self::$variant(_) => $key,)* }
            }

            /// What it tells of itself.
            #[must_use]
            pub fn describe(&self) -> &dyn Describe {
                match self { $(Self::$variant(args) => args,)* }
            }

            /// What `key` does, in one line, for schemas and help.
            #[must_use]
            pub fn explain(key: &str) -> Option<&'static str> {
                match key { $($key => Some(concat!($($doc),*)),)* _ => None }
            }

            /// Decodes the arguments of the action `key` with a decoder of the caller's own.
            /// `None`: there is no such action, or the decoder gave nothing.
            pub fn decode<D: Decoder>(key: &str, decoder: D) -> Option<Self> {
                match key { $($key => decoder.decode::<$args>().map(Self::$variant),)* _ => None }
            }
        }
    };
}

/// Decodes the arguments of an action, of whichever type they turn out to be.
pub trait Decoder {
    /// `None`: it could not, and has noted why.
    fn decode<T: serde::de::DeserializeOwned>(self) -> Option<T>;
}

actions! {
    /// Points DNS records to a region; done when every authoritative server gives the new answer.
    "dns.switch" => DnsSwitch(DnsSwitch),
    /// Makes a database refuse writes, also after a restart, and proves it.
    "database.fence" => DatabaseFence(DatabaseFence),
    /// Makes a region's replica the database that takes writes; drained first when planned.
    "database.promote" => DatabasePromote(DatabasePromote),
    /// Builds a region's database anew as a replica of the other.
    "database.replicate" => DatabaseReplicate(DatabaseReplicate),
    /// Makes a storage refuse pushes, and proves it.
    "storage.fence" => StorageFence(StorageFence),
    /// Makes a region's copy the storage that takes pushes.
    "storage.promote" => StoragePromote(StoragePromote),
    /// Makes a region's storage a copy of the other again.
    "storage.replicate" => StorageReplicate(StorageReplicate),
    /// Compares a storage's copy with the original: complete, and as new.
    "storage.verify" => StorageVerify(StorageVerify),
    /// Recovers a deleted repository into a scratch place and looks at it; or is refused, where that is promised.
    "storage.recover" => StorageRecover(StorageRecover),
    /// Keeps acknowledged writes that exist nowhere else before they are overwritten.
    "data.preserve" => DataPreserve(DataPreserve),
    /// Starts a compute group.
    "compute.start" => ComputeStart(ComputeStart),
    /// Stops a compute group.
    "compute.stop" => ComputeStop(ComputeStop),
    /// Sets how many servers a compute group has, and waits until they run.
    "compute.scale" => ComputeScale(ComputeScale),
    /// Checks snapshots: new enough, kept long enough, encrypted.
    "backup.verify" => BackupVerify(BackupVerify),
    /// Restores into a scratch place at a point in time, checks what came back, and removes it.
    "backup.restore" => BackupRestore(BackupRestore),
    /// Cuts a region off: the disaster itself.
    "region.isolate" => RegionIsolate(RegionIsolate),
    /// Ends a region's isolation, with what it holds fenced.
    "region.rejoin" => RegionRejoin(RegionRejoin),
    /// Checks services, lag, TTLs or capacity.
    "check" => Check(Check),
    /// Waits for services, lag, TTLs, capacity, or a time.
    "wait" => Wait(Wait),
    /// Runs a program.
    "command" => Command(Command),
    /// Makes an HTTP request and checks its answer.
    "http" => Http(Http),
    /// Asks people for their approval.
    "approve" => Approve(Approve),
    /// Asks people to do something by hand and to say when it is done.
    "manual" => Manual(Manual),
    /// Tells people through a webhook.
    "notify" => Notify(Notify),
    /// Carries out the steps of another playbook as one step.
    "playbook" => Playbook(NestedPlaybook),
}

/// What was captured of a step's subjects before it acted: what undo goes by.
pub type Before = World;

/// Facts that show what an action did, for the report, in the order of the names.
pub type Evidence = BTreeMap<String, String>;

#[cfg(test)]
mod tests;
