//! Faults as they are written on the command line: `promote=hangs`. Which of them meets which call is the provider's.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What goes wrong with a step or a resource of a simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// It says no; nothing happens.
    Fails,
    /// It never answers; nothing happens.
    Hangs,
    /// It takes ten times as long.
    Slow,
    /// It says no in passing, at about every second attempt.
    Flaky,
    /// It says that it is done, and nothing has happened.
    Lies,
    /// What comes after it fails, and when it is to be taken back, it says no.
    FailsInUndo,
    /// When it begins to act, the region that it acts in is cut off from users, from the other region and from Muster;
    /// nothing but a `region.rejoin` brings it back.
    LosesItsRegion,
}

impl FaultKind {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Fails, Self::Hangs, Self::Slow, Self::Flaky, Self::Lies, Self::FailsInUndo, Self::LosesItsRegion];

    /// The word on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fails => "fails",
            Self::Hangs => "hangs",
            Self::Slow => "slow",
            Self::Flaky => "flaky",
            Self::Lies => "lies",
            Self::FailsInUndo => "fails-in-undo",
            Self::LosesItsRegion => "loses-its-region",
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for FaultKind {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| FaultError::UnknownKind(text.chars().take(40).collect()))
    }
}

/// Why a text is no fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// There is no `=` in it, or nothing on one side.
    #[error("`{0}` is no fault: write STEP-or-RESOURCE=KIND, such as promote=hangs")]
    Shape(String),
    /// The kind does not exist.
    #[error(
        "there is no fault `{0}`: the kinds are fails, hangs, slow, flaky, lies, fails-in-undo and loses-its-region"
    )]
    UnknownKind(String),
    /// The same step or resource has a fault already.
    #[error("`{0}` has two faults; give each step or resource one at most")]
    Twice(String),
}

/// One fault, as it is written: `promote=hangs`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The id of a step or of a resource; which of them it is, is found out where both are known.
    pub target: String,
    /// What goes wrong.
    pub kind: FaultKind,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.target, self.kind)
    }
}

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        match text.split_once('=') {
            Some((target, kind)) if !target.is_empty() && !kind.is_empty() => {
                Ok(Self { target: target.to_owned(), kind: kind.parse()? })
            }
            _ => Err(FaultError::Shape(text.chars().take(80).collect())),
        }
    }
}

/// The faults of a simulation, at most one for each target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// Reads what was given with `--fault`.
    ///
    /// # Errors
    /// The first that is no fault, or a target's second one.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, FaultError> {
        let mut all = Self::default();
        for text in texts {
            all.add(text.parse()?)?;
        }
        Ok(all)
    }

    /// Adds a fault.
    ///
    /// # Errors
    /// [`FaultError::Twice`] if its target has one.
    pub fn add(&mut self, fault: Fault) -> Result<(), FaultError> {
        if self.0.iter().any(|known| known.target == fault.target) {
            return Err(FaultError::Twice(fault.target));
        }
        self.0.push(fault);
        Ok(())
    }

    /// All of them, in the order in which they were given.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_and_wrong_ones_explained() {
        let faults = Faults::parse(["promote=hangs", "main=slow"]).unwrap();
        let texts: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["promote=hangs", "main=slow"]);
        assert!(matches!(Faults::parse(["promote"]), Err(FaultError::Shape(_))));
        assert!(matches!(Faults::parse(["=fails"]), Err(FaultError::Shape(_))));
        assert!(matches!(Faults::parse(["promote=explodes"]), Err(FaultError::UnknownKind(_))));
        assert!(matches!(Faults::parse(["a=slow", "a=fails"]), Err(FaultError::Twice(_))));
        for kind in FaultKind::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
    }
}
