//! What implements the traits of `resource`: each folder one world. Imports `resource` and above, never actions or engine.

pub mod network;
pub mod postgres;
pub mod process;
pub mod simulated;
pub mod terminal;
