//! Rehearsals in which Muster is killed, as often as one likes, and taken up again.

use super::play::{Back, Death, Kill};
use super::rehearsal::{Rehearsal, Rehearsed, rehearse_through};
use super::{AppError, Loaded};
use crate::event::{ResumeTo, Resumed};
use crate::id::StepId;
use crate::model::Person;
use crate::time::Span;

/// One death, and how the run is taken up after it.
#[derive(Clone, Debug)]
pub struct Crash {
    /// When.
    pub kill: Kill,
    /// How long nobody takes it up.
    pub down: Span,
    /// What for.
    pub to: ResumeTo,
    /// Steps that a person did by hand meanwhile, and why.
    pub by_hand: Vec<(StepId, String)>,
}

/// Rehearses a plan with these crashes, one after another. One that lies behind the run's end does not happen.
///
/// # Errors
/// As [`super::rehearse`]; [`AppError::Files`] if the journal can't be taken up, which is a defect too.
pub fn rehearse_crashing(loaded: &Loaded, with: &Rehearsal, crashes: &[Crash]) -> Result<Rehearsed, AppError> {
    let deaths = crashes.iter().zip(2..).map(|(crash, fencing)| Death {
        kill: crash.kill,
        back: Back::After(crash.down),
        resumed: resumed(crash.to, fencing),
        by_hand: crash.by_hand.clone(),
    });
    rehearse_through(loaded, with, &[], &deaths.collect::<Vec<_>>(), Vec::new())
}

/// How a rehearsal says that it is taken up.
fn resumed(to: ResumeTo, fencing: u64) -> Resumed {
    Resumed {
        to,
        by: Person { name: None, user: "simulation".to_owned(), host: "simulation".to_owned() },
        muster: env!("CARGO_PKG_VERSION").to_owned(),
        boot: String::new(),
        since_boot: None,
        estimated: false,
        kept: None,
        fencing,
    }
}
