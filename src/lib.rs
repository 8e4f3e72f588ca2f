//! Muster runs disaster-recovery drills: it reads a playbook, fails a system over to its secondary region, measures
//! from the users' side, brings everything back, and leaves a report that can be checked without trusting Muster.
//!
//! # The way of the data
//!
//! ```text
//! playbook.yaml ─┐                                                      ┌─> terminal, HTML, Markdown, JSON, JUnit, OSCAL
//!                ├─> Playbook ──> Plan ──> engine ──> journal ──> Record ┤
//! infra.yaml ────┘   (checked)   (frozen)    │  ▲      (events)           └─> history, show, verify, bundle
//!                                            ▼  │
//!                                   actions and probes
//!                                 simulated · process · network
//! ```
//!
//! One direction, no way back. Events go to the journal *before* anything acts on them; every report is drawn from a
//! [`record`], which is a journal read back.
//!
//! # The house
//!
//! A module imports only from modules above its own (`tests/integration/layers.rs` holds it).
//! `catalogue`, `yaml`, `controls`, `playbook`, `schema`, `calendar`, `plan`, `starter`, `state`, `measure`, `record`, `rehearsal`, `report`, `bundle` are pure: no I/O, no clock, no async.
//!
//! # Where a new thing goes
//!
//! * an action: one file in `catalogue/` (what it means), one in `action/` (how it is done), one line in each list;
//! * a probe: one file in `probe/` and one line in its list;
//! * a provider: one folder in `provider/`, built by `app`, and what people do in its place in `infrastructure/handbook`;
//! * a report format: one file in `report/` and one line in its list;
//! * a standard with its controls: one file in `controls/` and one line in its list;
//! * a subcommand: one file in `cli/` and one line in its list.
//!
//! `catalogue` stands above `model` and `event` (the design's first sketch had it below): a frozen plan, which is
//! data in `model` and part of the first event, holds typed actions, and the types are the catalogue's.

pub mod time;
pub mod chance;
pub mod id;
pub mod secret;
pub mod diagnostic;
pub mod resource;
pub mod catalogue;
pub mod model;
pub mod event;
pub mod yaml;
pub mod controls;
pub mod infrastructure;
pub mod playbook;
pub mod schema;
pub mod calendar;
pub mod plan;
pub mod starter;
pub mod state;
pub mod measure;
pub mod record;
pub mod rehearsal;
pub mod report;
pub mod journal;
pub mod bundle;
pub mod store;
pub mod probe;
pub mod action;
pub mod provider;
pub mod engine;
pub mod app;
pub mod schedule;
pub mod server;
pub mod cli;
