//! Muster from outside: what a person types and sees, and the rules that the source keeps. One binary, so that all
//! of it is linked once.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on says why by panicking")]

#[cfg(feature = "aws")]
mod aws;
mod cli;
mod corpus;
mod explained;
mod harness;
mod lab;
mod layers;
mod playbooks;
mod postgres;
mod readme;
mod real;
mod reporting;
mod schedule;
mod schema;
mod simulation;
mod twin;
