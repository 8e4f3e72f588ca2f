//! Outages that are measured, held against those that there were.

use muster::catalogue::Mode;
use muster::time::{Moment, Span};

use super::scene::{all, quarterly, rehearse, with};

#[derive(Clone, Debug)]
struct Case {
    mode: Mode,
    seed: u64,
}

/// Probe intervals that follow from the seed: 300 ms to 7 s.
fn interval(seed: u64, service: usize) -> Span {
    Span::from_millis(300 + (seed * 977 + service as u64 * 1_733) % 6_700)
}

/// What is wrong with the outages that were printed.
fn wrongs(case: &Case) -> Vec<String> {
    let mut loaded = quarterly(case.mode, &[("soak", "3m")]);
    for (n, service) in loaded.plan.services.iter_mut().enumerate() {
        service.probe.every = interval(case.seed, n);
        service.probe.timeout = service.probe.timeout.min(service.probe.every);
    }
    let it = rehearse(&loaded, &with(case.seed, &[]));
    let mut wrong = Vec::new();
    let mut tried = 0;
    for (service, told) in loaded.plan.services.iter().zip(&it.record.services) {
        let truth = it
            .aftermath
            .truth
            .iter()
            .find(|truth| {
                service.probe.probe.to_string().contains(&*truth.endpoint.host)
                    && truth.endpoint.kind == muster::provider::simulated::EndpointKind::Serve
                    && truth.endpoint.depends_on == service.depends_on
            })
            .unwrap();
        let really = truth.outages(it.aftermath.until);
        for outage in &told.outages {
            let printed = &outage.outage;
            let (start, Some(end)) = (printed.start(), printed.end()) else {
                // It went on when the run ended; what is printed is that it was longer than this.
                tried += 1;
                let since = really.iter().find(|it| it.1 > printed.last_bad).map(|it| it.0);
                if since.is_none_or(|since| since < printed.start() || since > printed.first_bad) {
                    wrong.push(format!("{}: printed {printed:?}, true {really:?}", told.id));
                }
                continue;
            };
            // Outages of less than an interval may hide between two samples, or be seen as one.
            let within: Vec<&(Moment, Moment)> = really.iter().filter(|it| it.0 < end && it.1 > start).collect();
            let (Some(first), Some(last)) = (within.first(), within.last()) else {
                wrong.push(format!("{}: there was no outage from {start:?} to {end:?}; really: {really:?}", told.id));
                continue;
            };
            tried += 1;
            let length = last.1.since(first.0);
            if first.0 < start || last.1 > end || length > end.since(start) || length < printed.lower() {
                wrong.push(format!(
                    "{}: printed {start:?} to {end:?} (at least {}), true {first:?} to {last:?}",
                    told.id,
                    printed.lower()
                ));
            }
            let recovery = printed.recovery.unwrap();
            let answer = recovery.answered.since(recovery.sent);
            let wide = end.since(start).0 - printed.lower().0;
            let most = 2 * service.probe.every.0 + answer.0;
            if wide > most {
                wrong.push(format!(
                    "{}: {} wide, more than two intervals of {} and an answer of {answer}",
                    told.id,
                    Span(wide),
                    service.probe.every
                ));
            }
        }
    }
    if tried < loaded.plan.services.len() {
        wrong.push(format!("only {tried} outages were seen"));
    }
    wrong
}

#[test]
fn the_true_outage_lies_in_the_printed_interval() {
    let modes = [Mode::Planned, Mode::Unplanned];
    let cases: Vec<Case> = modes.into_iter().flat_map(|mode| (1..=40).map(move |seed| Case { mode, seed })).collect();
    let ends = all(cases.clone(), wrongs);
    let bad: Vec<_> = cases.iter().zip(ends).filter(|(_, end)| *end != Ok(Vec::new())).collect();
    assert!(bad.is_empty(), "{} of {}: {bad:#?}", bad.len(), cases.len());
}
