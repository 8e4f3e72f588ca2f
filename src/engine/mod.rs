//! The engine: turns a plan into events.

mod sink;
pub mod watch;

pub use sink::{Message, Sink};
