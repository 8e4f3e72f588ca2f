//! The engine: turns a plan into events.

mod sink;

pub use sink::{Message, Sink};
