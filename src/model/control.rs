//! Controls of standards and regulations, as a catalogue tells of them, and what of a run can bear on one.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Something that a run may have shown. A catalogue names for each control what it rests on; whether a run has shown it is
/// told from its journal alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Showing {
    /// The plan was carried out: the run changed something, and came to an end of its own.
    Exercised,
    /// Steps were carried out by software as the plan has them, not by hand.
    Automated,
    /// The primary region was lost without warning, not left in good order.
    SuddenLoss,
    /// It was noticed by what watches, before anybody decided.
    Detected,
    /// People decided, not `--yes` or a simulation.
    PeopleDecided,
    /// Those concerned were told.
    PeopleTold,
    /// The failover leg passed: its steps and its objectives.
    SwitchedOver,
    /// Every service was seen to be served from the secondary region.
    ServedElsewhere,
    /// It stayed there for a while.
    StayedElsewhere,
    /// The secondary region had the servers that it needs, running or proven to be there to start.
    CapacityElsewhere,
    /// Recovery time was measured, and the objective met.
    RecoveryTime,
    /// Data loss was measured, and the objective met.
    DataLoss,
    /// Never did two sides take writes at once, and the old side was kept from it.
    OneWriter,
    /// Copies of storage were compared with the original.
    CopiesCompared,
    /// Backups were looked at: how new, how far back, encrypted.
    BackupsLooked,
    /// A backup was restored and read through.
    BackupRestored,
    /// The return leg passed, and everything is home.
    Returned,
    /// The checks were seen to fail in rehearsal when what they look at is wrong.
    ChecksProven,
    /// All that happened stands in a chain that a later change would break.
    Recorded,
    /// Lessons were written down after the run, and it was signed off.
    Reviewed,
    /// Every corrective action has an owner and a due date.
    ActionsOwned,
}

impl Showing {
    /// All of them, in the order in which a drill comes by them.
    pub const ALL: [Self; 21] = [
        Self::Exercised,
        Self::Automated,
        Self::SuddenLoss,
        Self::Detected,
        Self::PeopleDecided,
        Self::PeopleTold,
        Self::SwitchedOver,
        Self::ServedElsewhere,
        Self::StayedElsewhere,
        Self::CapacityElsewhere,
        Self::RecoveryTime,
        Self::DataLoss,
        Self::OneWriter,
        Self::CopiesCompared,
        Self::BackupsLooked,
        Self::BackupRestored,
        Self::Returned,
        Self::ChecksProven,
        Self::Recorded,
        Self::Reviewed,
        Self::ActionsOwned,
    ];
}

/// A control of a standard, in a catalogue's own words: what it asks for, and what a drill can do for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Control {
    /// As playbooks name it: `nist-800-53:CP-4(2)`.
    pub id: String,
    /// The standard or regulation, with its edition.
    pub standard: String,
    /// What it is about, in a few words.
    pub title: String,
    /// What it asks for.
    pub asks: String,
    /// What a drill can show for it.
    pub can: String,
    /// What no drill can show for it.
    pub cannot: String,
    /// What a run must have shown to be evidence for it at all.
    pub rests_on: Vec<Showing>,
    /// What adds weight to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub adds: Vec<Showing>,
    /// The path of the catalogue that a team brought; none for one of Muster's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

/// What a playbook says of itself as a test of a plan, for whoever reads its report as evidence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// The version of the contingency plan that is tested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The system that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// Whom to ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// Where the people are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// What kind of test it is, in the words of the plan: tabletop, functional, full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_type: Option<String>,
    /// What is taken for granted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assumptions: Vec<String>,
    /// How it is tested, beside what Muster does by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub methodology: Option<String>,
}

impl About {
    /// Whether nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Showing {
    /// In a few words, as they stand after *whether*.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exercised => "the plan was carried out",
            Self::Automated => "software carried the steps out",
            Self::SuddenLoss => "the primary region was lost without warning",
            Self::Detected => "the loss was noticed by what watches",
            Self::PeopleDecided => "people decided",
            Self::PeopleTold => "those concerned were told",
            Self::SwitchedOver => "the failover passed",
            Self::ServedElsewhere => "every service was served from the secondary region",
            Self::StayedElsewhere => "it stayed there for a while",
            Self::CapacityElsewhere => "the secondary region had the servers that it needs",
            Self::RecoveryTime => "recovery time was measured and within its objective",
            Self::DataLoss => "data loss was measured and within its objective",
            Self::OneWriter => "never two sides took writes at once",
            Self::CopiesCompared => "copies were compared with the original",
            Self::BackupsLooked => "backups were looked at",
            Self::BackupRestored => "a backup was restored and read through",
            Self::Returned => "the return passed and everything is home",
            Self::ChecksProven => "the checks were seen to fail in rehearsal",
            Self::Recorded => "all of it stands in a chain of hashes",
            Self::Reviewed => "lessons were written down and the run was signed off",
            Self::ActionsOwned => "every corrective action has an owner and a due date",
        })
    }
}
