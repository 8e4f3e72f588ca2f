//! Playbooks: from text to a checked [`Playbook`], with every problem and its place at once.
//!
//! A playbook is read in two steps, because variables stand in its own text and the infrastructure file may override
//! them: [`prelude`] reads the variables and the name of the infrastructure file; [`read`] fills the templates and
//! types everything. Each part (the header, a service, a step) is decoded by itself, so that an error in one hides
//! none in another and 10,000 steps cost 10,000 times one.
//!
//! What needs more than one playbook to be judged (resources, services of steps, modes) is checked in [`crate::plan`].
//! May rely on `yaml`, `diagnostic`, `catalogue`, `model` and above. Must never do I/O.

mod accepts;
mod bounds;
mod document;
pub mod late;
mod needs;
mod prelude;
mod probe;
mod read;
pub mod schedule;
mod sense;
mod services;
mod step;
pub mod template;

pub use document::{Name, PhaseText, Playbook, StepText};
pub use prelude::{Prelude, WrittenVariable, prelude};
pub use read::read;
pub use step::KEYS as STEP_KEYS;

#[cfg(test)]
mod tests;
