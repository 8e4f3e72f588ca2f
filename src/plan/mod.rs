//! From documents to the frozen plan, and what it would do.
//!
//! [`load`] does all of it: playbook and infrastructure file (as bytes) become a [`crate::model::Plan`], or
//! diagnostics with their places. [`preview`] walks a plan over an observed world and says what each step would change,
//! how long it takes and what that means for the objectives; [`render`] shows that.
//!
//! May rely on `playbook`, `infrastructure` and above. Must never do I/O: files are read by the caller's
//! [`LoadInput::read`].

mod accepts;
mod approval;
mod by_hand;
mod check;
mod compile;
mod controls;
mod digest;
mod excluded;
mod expected;
mod experience;
mod files;
mod flow;
mod graph;
mod hold;
mod inline;
mod load;
mod modes;
mod outline;
mod preview;
pub mod render;
mod schedule;
mod variables;

pub use approval::{Approval, Own, Relied, ServiceOutage, approval};
pub use by_hand::{PhaseByHand, StepByHand, by_hand};
pub use digest::DIGEST_FORMAT;
pub use files::Read;
pub use hold::{HELD, hold};
pub use load::{
    CalibrationFile, Checked, CheckedInfrastructure, FindCalibration, LoadInput, Loaded, Reality, infrastructure, load,
    uncalibrated,
};
pub use outline::{Ground, Outline, Outlined, ground, outline};
pub use preview::{Change, Judgement, LegPreview, Looks, PhasePreview, Preview, StepPreview, preview};

#[cfg(test)]
mod tests;
