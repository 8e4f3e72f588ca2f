//! The program as its first user meets it: what is typed, and what is then seen.

mod bad_days;
mod bundles;
mod calibrate;
mod commands;
mod differing;
mod evidence;
mod exits;
mod forecast;
mod init;
mod explore;
mod guardrails;
mod locks;
mod killed;
mod mistakes;
mod people;
mod probing;
mod programs;
mod plans;
mod proving;
mod remote;
mod reports;
mod secrets;
mod services;
mod shells;
mod signals;
mod tampering;
mod tls;
mod validating;
mod windows;

use crate::harness::Scene;

/// A lab: everything is real, and there is no resource.
const LAB: &str = "\
muster: 1
name: lab
environment: lab
regions: { primary: { name: here }, secondary: { name: there } }
";

/// What a run on a lab needs said.
const REAL: &str = "--execute --mode planned --yes";

/// A folder with a lab and `drill.yaml`, a playbook with these steps in its failover phase.
fn lab(steps: &str) -> Scene {
    lab_with("", steps)
}

/// The same with more at the playbook's top.
fn lab_with(top: &str, steps: &str) -> Scene {
    let head = "muster: 1\nname: drill\ntitle: A drill\nowner: me\ninfrastructure: lab.yaml\n";
    let playbook = format!("{head}{top}phases:\n  - name: failover\n    steps:\n{steps}");
    Scene::new().file("lab.yaml", LAB).file("drill.yaml", &playbook)
}

/// A folder with the shipped playbooks and infrastructure files.
fn shipped() -> Scene {
    Scene::new().shipped("playbooks")
}

/// Runs the shipped playbook on the simulation, at a time that tests can know.
const SHIPPED: &str = "run playbooks/quarterly-failover.yaml --start 2026-11-22T08:42:16Z";

/// Its id.
const SHIPPED_RUN: &str = "20261122-084216-quarterly-failover";
