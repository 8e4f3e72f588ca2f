//! What is measured, held against what is true.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use muster::catalogue::Mode;
use muster::id::{RegionRole, ResourceId};
use muster::model::Leg;
use muster::resource::{
    CanaryRow, CanaryRows, Context, Database, DatabaseState, FenceProof, Preserved, ProviderError, Resources,
    WriteAttempt,
};
use muster::time::{Moment, Span};

use super::scene::{all, dressed, quarterly, rehearse, with};

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

/// What a database really acknowledged and kept.
#[derive(Debug, Default)]
struct Book {
    /// Rows that each side acknowledged, in the order of the promotions.
    acknowledged: BTreeMap<u64, RegionRole>,
    /// At each promotion: the side, and the rows that it had.
    promoted: Vec<(RegionRole, CanaryRows)>,
}

/// A database that keeps a book.
struct Kept(Arc<dyn Database>, Arc<Mutex<Book>>);

#[async_trait]
impl Database for Kept {
    async fn observe(&self, cx: &Context) -> Result<DatabaseState, ProviderError> {
        self.0.observe(cx).await
    }

    async fn fence(&self, cx: &Context, region: RegionRole) -> Result<FenceProof, ProviderError> {
        self.0.fence(cx, region).await
    }

    async fn unfence(&self, cx: &Context, region: RegionRole) -> Result<(), ProviderError> {
        self.0.unfence(cx, region).await
    }

    async fn promote(&self, cx: &Context, region: RegionRole) -> Result<(), ProviderError> {
        self.0.promote(cx, region).await?;
        let rows = self.0.canary_rows(cx, region).await?;
        self.1.lock().unwrap().promoted.push((region, rows));
        Ok(())
    }

    async fn replicate(&self, cx: &Context, from: RegionRole, to: RegionRole) -> Result<(), ProviderError> {
        self.0.replicate(cx, from, to).await
    }

    async fn write(&self, cx: &Context, region: RegionRole) -> WriteAttempt {
        self.0.write(cx, region).await
    }

    async fn write_canary(&self, cx: &Context, region: RegionRole, row: CanaryRow) -> WriteAttempt {
        let result = self.0.write_canary(cx, region, row).await;
        if result == WriteAttempt::Acknowledged {
            self.1.lock().unwrap().acknowledged.insert(row.number, region);
        }
        result
    }

    async fn canary_rows(&self, cx: &Context, region: RegionRole) -> Result<CanaryRows, ProviderError> {
        self.0.canary_rows(cx, region).await
    }

    async fn prepare_canary(&self, cx: &Context) -> Result<(), ProviderError> {
        self.0.prepare_canary(cx).await
    }

    async fn remove_canary(&self, cx: &Context) -> Result<(), ProviderError> {
        self.0.remove_canary(cx).await
    }

    async fn preserve(&self, cx: &Context, region: RegionRole) -> Result<Preserved, ProviderError> {
        self.0.preserve(cx, region).await
    }
}

/// (counted lost, really lost) in the failover leg.
fn lost(case: &Case) -> (Option<u64>, u64) {
    let loaded = quarterly(case.mode, &[("soak", "1m")]);
    let book = Arc::new(Mutex::new(Book::default()));
    let kept = Arc::clone(&book);
    let main = ResourceId::new("main").unwrap();
    let record = dressed(&loaded, case.seed, move |mut resources: Resources| {
        let inner = resources.databases[&main].clone();
        resources.databases.insert(main, Arc::new(Kept(inner, kept)));
        resources
    });
    let canary = record.canaries.iter().find(|canary| canary.id.as_str() == "main").unwrap();
    let told = canary.legs.iter().find(|leg| leg.leg == Leg::Failover).unwrap().lost;
    let book = book.lock().unwrap();
    let (_, there) = book.promoted.iter().find(|(side, _)| *side == RegionRole::Secondary).unwrap();
    // Rows that the primary acknowledged after it had come home have higher numbers than any that the secondary took.
    let first_there =
        book.acknowledged.iter().find(|(_, side)| **side == RegionRole::Secondary).map_or(u64::MAX, |it| *it.0);
    let old = book.acknowledged.iter().filter(|(number, side)| **side == RegionRole::Primary && **number < first_there);
    (told, old.filter(|(number, _)| !there.contains(**number)).count() as u64)
}

#[test]
fn rows_that_are_counted_as_lost_are_those_that_are_lost() {
    let modes = [Mode::Planned, Mode::Unplanned];
    let cases: Vec<Case> = modes.into_iter().flat_map(|mode| (1..=20).map(move |seed| Case { mode, seed })).collect();
    let ends = all(cases.clone(), lost);
    let mut some = 0;
    for (case, end) in cases.iter().zip(ends) {
        let (told, really) = end.unwrap();
        assert_eq!(told, Some(really), "{case:?}");
        assert!(case.mode == Mode::Unplanned || really == 0, "{case:?}: a planned drill loses nothing");
        some += u64::from(really > 0);
    }
    assert!(some > 3, "only {some} of the unplanned drills lost anything: the test shows little");
}
