//! What implements the traits of `resource`: each folder one world. Imports `resource` and above, never actions or engine.

#[cfg(feature = "aws")]
pub mod aws;
pub mod exec;
pub mod git;
pub mod host;
pub mod network;
pub mod postgres;
pub mod process;
pub mod rfc2136;
pub mod servers;
pub mod simulated;
pub mod terminal;
