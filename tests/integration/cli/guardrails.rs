//! Guardrails before the first change: a run that would begin with a broken one is refused.

use std::net::TcpListener;

use super::{REAL, lab_with};
use crate::harness::Scene;

const MAKE: &str = "      - { id: make, command: { argv: [touch, made] } }\n";

/// A playbook whose guardrail watches a port of this machine.
fn guarded(port: u16, then: &str) -> Scene {
    let top = format!(
        "guardrails: [{{ name: bastion answers, probe: {{ tcp: '127.0.0.1:{port}', every: 10s, timeout: 1s }}, \
         broken_after: 1h, then: {then} }}]\n"
    );
    lab_with(&top, MAKE)
}

/// A port that nobody listens on.
fn closed() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn a_guardrail_that_does_not_hold_refuses_the_run() {
    let scene = guarded(closed(), "pause");
    let seen = scene.types(&format!("run drill.yaml {REAL}")).exits(3);
    seen.says("REFUSED").warns("guardrail broken: bastion answers: before the first change, bastion-answers is down");
    assert!(!scene.path("made").exists());
}

#[test]
fn one_that_only_reports_refuses_nothing() {
    let scene = guarded(closed(), "continue");
    scene.types(&format!("run drill.yaml {REAL}")).warns("guardrail broken: bastion answers");
    assert!(scene.path("made").exists());
}

#[test]
fn one_that_holds_is_waited_for_and_lets_the_run_begin() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let scene = guarded(listener.local_addr().unwrap().port(), "pause");
    scene.types(&format!("run drill.yaml {REAL}")).exits(0);
    let journal = std::fs::read_to_string(scene.only_run().join("journal.jsonl")).unwrap();
    let at = |text: &str| journal.find(text).unwrap_or_else(|| panic!("no {text} in {journal}"));
    assert!(at(r#""kind":"sampled""#) < at(r#""kind":"step_started""#), "{journal}");
}
