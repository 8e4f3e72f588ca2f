//! Records that no drill should leave, one that is large, and what samples of drills have in common.

use std::sync::Arc;

use super::*;
use crate::resource::{Exhibit, ExhibitKind, Person};

/// Every text that can come from elsewhere is dangerous.
pub(crate) fn hostile() -> Record {
    let mut record = failed();
    let bad = || HOSTILE.to_owned();
    let header = &mut record.header;
    (header.playbook, header.title, header.digest) = (bad(), bad(), bad());
    (header.owner, header.scenario) = (Some(bad()), Some(bad()));
    header.controls = vec![bad()];
    header.regions.iter_mut().for_each(|region| region.name = bad());
    header.overridden = vec![Variable { name: bad(), value: bad(), source: VariableSource::Infrastructure }];
    header.origin = Origin {
        muster: bad(),
        host: bad(),
        user: bad(),
        vantage: bad(),
        lead: Some(bad()),
        participants: vec![bad()],
        faults: vec![bad()],
        ..Origin::default()
    };
    Arc::make_mut(&mut header.documents).playbook = SourceDocument { path: bad(), text: bad() };
    Arc::make_mut(&mut header.documents).infrastructure.text = "````\n".repeat(3);
    header.simulated = Simulated::Partly(vec![bad()]);
    header.heads = Heads { last: bad(), finished: Some(bad()) };
    record.ended.reasons = vec![bad()];
    record.ended.aborted = Some(bad());
    record.left = vec![LeftOver { step: None, what: bad(), advice: bad() }];
    record.legs[0].rta = Measure::NotMeasured { why: bad() };
    record.phases.iter_mut().for_each(|phase| phase.title = bad());
    for step in &mut record.steps {
        (step.title, step.action, step.summary) = (bad(), bad(), bad());
        (step.failure, step.warning) = (Some(bad()), Some(bad()));
        step.evidence = BTreeMap::from([(bad(), bad())]);
        step.attempts.iter_mut().for_each(|attempt| attempt.failure = Some(bad()));
        step.changes.iter_mut().for_each(|change| change.after = Some(bad()));
        for gate in &mut step.gates {
            gate.prompt = bad();
            gate.answer = Some(Answer {
                decision: Decision::Rejected,
                names: vec![bad()],
                because: Some(bad()),
                by: AnsweredBy::Terminal,
                evidence: vec![Exhibit { kind: ExhibitKind::File, what: bad(), size: 1, sha256: bad() }],
                people: vec![Person { name: Some(bad()), user: bad(), host: bad() }],
            });
        }
        step.undo = Some(UndoRecord { started: at(700), ended: None, result: Some(UndoResult::Failed(bad())) });
    }
    for service in &mut record.services {
        (service.title, service.probe, service.failures) = (bad(), bad(), vec![bad()]);
        service.outages.iter_mut().for_each(|one| one.outage.saw = bad());
    }
    if let Some(witness) = &mut record.witness {
        witness.probe = bad();
    }
    for answer in &mut record.dns[0].answers {
        (answer.server, answer.values) = (bad(), vec![bad()]);
    }
    for guardrail in &mut record.guardrails {
        (guardrail.name, guardrail.watches) = (bad(), bad());
        guardrail.broken[0].seen = bad();
    }
    record.timeline.iter_mut().for_each(|happening| happening.text = bad());
    record.warnings = vec![bad()];
    record.changes[0].before = Some(bad());
    record.limits = vec![Limit { code: bad(), text: bad() }];
    record.previous = Some(PreviousRun {
        run: bad(),
        verdict: bad(),
        rta: None,
        rpa: None,
        mode: None,
        digest: Some(bad()),
        measures: Vec::new(),
        steps: Vec::new(),
    });
    record
}

/// A run of very many steps, one of which failed.
pub(crate) fn large(steps: usize) -> Record {
    let mut record = passed();
    record.steps = (0..steps)
        .map(|n| {
            let from = n as u64 / 10;
            let mut one = step(&format!("step-{n}"), 0, "command", (from, from + 1));
            one.title = format!("Carry out part {n} of the work on the web servers");
            one.evidence =
                BTreeMap::from([("output".to_owned(), "done; ".repeat(200)), ("exit code".to_owned(), "0".to_owned())]);
            if n == 1234 {
                one.state = StepState::Failed;
                one.failure = Some("exit code 3".to_owned());
                one.attempts[0].failure = one.failure.clone();
            }
            one
        })
        .collect();
    record.phases = vec![phase("work", PhaseKind::Other, Some(Leg::Failover), (0, steps as u64 / 10 + 1), (0, steps))];
    Arc::make_mut(&mut record.header.documents).playbook.text =
        "- { id: x, command: { argv: [\"true\"] } }\n".repeat(steps);
    record
}

/// What the previous run of [`passed`] took: the failover a little longer, the return less.
pub(super) fn previous_measures() -> Vec<PreviousMeasure> {
    let of = |of, leg, seconds| PreviousMeasure { of, leg, upper: Some(secs(seconds)), met: Some(true) };
    vec![
        of(MeasureOf::AllServices, Leg::Failover, 140),
        of(MeasureOf::AllServices, Leg::Return, 60),
        of(MeasureOf::Service(ServiceId::new("web").unwrap()), Leg::Failover, 120),
        of(MeasureOf::AllCanaries, Leg::Failover, 0),
    ]
}

pub(super) fn previous_steps() -> Vec<PreviousStep> {
    let of = |id: &str, passed, seconds| PreviousStep {
        step: StepId::new(id).unwrap(),
        passed,
        took: Some(secs(seconds)),
        already: false,
    };
    vec![of("fence", true, 5), of("scale-out", true, 90), of("promote", true, 20), of("dns", true, 34)]
}

/// A pulse every ten seconds, slower at the end of each minute; failing from `out` on for a minute.
pub(super) fn pulses(out: u64) -> Vec<Pulse> {
    let one = |n: u64| Pulse {
        from: at(n * 10),
        to: at(n * 10 + 9),
        count: 10,
        healthy: if (out..out + 60).contains(&(n * 10)) { 0 } else { 10 },
        p50: Span::from_millis(20 + n % 6),
        p95: Span::from_millis(40),
        max: Span::from_millis(if n % 6 == 5 { 400 } else { 60 }),
    };
    (0..90).map(one).collect()
}
