//! What canaries count as lost, held against what a database or storage really acknowledged and kept.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use muster::catalogue::Mode;
use muster::id::{RegionRole, ResourceId};
use muster::model::Leg;
use muster::resource::{
    CanaryRow, CanaryRows, Context, CopyReport, Database, DatabaseState, Exclusive, FenceProof, Preserved,
    ProviderError, Resources, Storage, StorageState, WriteAttempt,
};

use super::scene::{all, dressed, quarterly};

#[derive(Clone, Debug)]
struct Case {
    /// The resource, and the canary's name.
    of: &'static str,
    mode: Mode,
    seed: u64,
}

/// What a database or storage really acknowledged and kept.
#[derive(Debug, Default)]
struct Book {
    /// Rows that each side acknowledged, in the order of the promotions.
    acknowledged: BTreeMap<u64, RegionRole>,
    /// At each promotion: the side, and the rows that it had.
    promoted: Vec<(RegionRole, CanaryRows)>,
}

/// A database that keeps a book.
struct Kept(Arc<dyn Database>, Arc<Mutex<Book>>);

impl Exclusive for Kept {}

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

/// A storage that keeps a book.
struct KeptStorage(Arc<dyn Storage>, Arc<Mutex<Book>>);

impl Exclusive for KeptStorage {}

#[async_trait]
impl Storage for KeptStorage {
    async fn observe(&self, cx: &Context) -> Result<StorageState, ProviderError> {
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

    async fn verify(&self, cx: &Context, region: RegionRole) -> Result<CopyReport, ProviderError> {
        self.0.verify(cx, region).await
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

/// (counted lost, really lost) of `of` in the failover leg.
fn lost(case: &Case) -> (Option<u64>, u64) {
    let loaded = quarterly(case.mode, &[("soak", "1m")]);
    let book = Arc::new(Mutex::new(Book::default()));
    let (kept, of) = (Arc::clone(&book), ResourceId::new(case.of).unwrap());
    let record = dressed(&loaded, case.seed, move |mut resources: Resources| {
        if let Some(inner) = resources.databases.get(&of).cloned() {
            resources.databases.insert(of, Arc::new(Kept(inner, kept)));
        } else {
            let inner = resources.storages[&of].clone();
            resources.storages.insert(of, Arc::new(KeptStorage(inner, kept)));
        }
        resources
    });
    let canary = record.canaries.iter().find(|canary| canary.id.as_str() == case.of).unwrap();
    let told = canary.legs.iter().find(|leg| leg.leg == Leg::Failover).unwrap().lost;
    let book = book.lock().unwrap();
    let (_, there) = book.promoted.iter().find(|(side, _)| *side == RegionRole::Secondary).unwrap();
    // Rows that the primary acknowledged after it had come home have higher numbers than any that the secondary took.
    let first_there =
        book.acknowledged.iter().find(|(_, side)| **side == RegionRole::Secondary).map_or(u64::MAX, |it| *it.0);
    let old = book.acknowledged.iter().filter(|(number, side)| **side == RegionRole::Primary && **number < first_there);
    (told, old.filter(|(number, _)| !there.contains(**number)).count() as u64)
}

fn what_is_counted_as_lost_is_lost(of: &'static str) {
    let modes = [Mode::Planned, Mode::Unplanned];
    let cases: Vec<Case> =
        modes.into_iter().flat_map(|mode| (1..=20).map(move |seed| Case { of, mode, seed })).collect();
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

#[test]
fn rows_of_a_database_that_are_counted_as_lost_are_those_that_are_lost() {
    what_is_counted_as_lost_is_lost("main");
}

#[test]
fn commits_to_a_storage_that_are_counted_as_lost_are_those_that_are_lost() {
    what_is_counted_as_lost_is_lost("repositories");
}
