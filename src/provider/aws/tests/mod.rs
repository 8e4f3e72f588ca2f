//! What AWS does and no server on loopback does, by recorded answers.

mod backups;
mod databases;
#[allow(dead_code, reason = "the engine of the integration tests: not all of it is used here")]
#[path = "../../../../tests/integration/aws/engine.rs"]
mod engine;
mod recorded;
mod routing;
mod servers;
