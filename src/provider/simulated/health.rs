//! Faults of steps that ask for the health of services.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use crate::chance::Seed;
use crate::id::ServiceId;
use crate::infrastructure::simulate::FaultKind;
use crate::resource::{Context, Health, HealthState, ServiceHealth};
use crate::time::{Moment, Span};

use super::fault::{Access, FaultPoint, FaultTable};
use super::world::World;

/// How long an answer takes with the fault `slow`, in seconds.
const SLOW_S: u64 = 30;

/// Puts the faults of a step between it and what the probes know.
///
/// `fails` reports every service unhealthy, `hangs` answers only a cancelled call (as unknown), `slow` answers after
/// 30 s, `flaky` reports unhealthy at about every second look, `lies` reports healthy since the start, by the region
/// that was there last, `loses-its-region` loses the region and then tells what there is.
pub struct FaultyHealth {
    inner: Arc<dyn Health>,
    faults: FaultTable,
    /// What a region is lost in.
    world: Option<Arc<World>>,
}

impl FaultyHealth {
    /// Asks `inner`, through `faults`.
    #[must_use]
    pub fn new(inner: Arc<dyn Health>, seed: Seed, faults: Vec<FaultPoint>) -> Self {
        Self { inner, faults: FaultTable::new(seed, faults, BTreeMap::new()), world: None }
    }

    /// Asks `inner`, through the faults of `world`.
    pub(super) fn within(world: &Arc<World>, inner: Arc<dyn Health>) -> Self {
        Self { inner, faults: world.faults.clone(), world: Some(Arc::clone(world)) }
    }
}

#[async_trait]
impl Health for FaultyHealth {
    async fn service(&self, cx: &Context, service: &ServiceId) -> ServiceHealth {
        let met = self.faults.kind(cx, None, Access::Read);
        if let (Some((FaultKind::LosesItsRegion, Some(region))), Some(world)) = (met, &self.world) {
            world.lose(region, cx.clock.now());
        }
        let kind = met.map(|(kind, _)| kind);
        match kind {
            Some(FaultKind::Hangs) => {
                cx.cancel.cancelled().await;
                return ServiceHealth::default();
            }
            Some(FaultKind::Slow) => {
                tokio::select! {
                    biased;
                    () = cx.clock.sleep(Span::from_secs(SLOW_S)) => {}
                    () = cx.cancel.cancelled() => {}
                }
            }
            _ => {}
        }
        let seen = self.inner.service(cx, service).await;
        match kind {
            Some(FaultKind::Fails) => unhealthy(&seen),
            Some(FaultKind::Flaky) if self.faults.flakes_now(cx) => unhealthy(&seen),
            Some(FaultKind::Lies) => ServiceHealth {
                state: HealthState::Healthy,
                since: Moment::ZERO,
                good_since: Some(Moment::ZERO),
                served_since: Moment::ZERO,
                ..seen
            },
            _ => seen,
        }
    }

    async fn changed(&self, cx: &Context) {
        self.inner.changed(cx).await;
    }

    async fn settle(&self) {
        self.inner.settle().await;
    }
}

fn unhealthy(seen: &ServiceHealth) -> ServiceHealth {
    ServiceHealth {
        state: HealthState::Unhealthy,
        good_since: None,
        last_failure: Some("simulated fault".into()),
        ..seen.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::super::fault::{FaultOn, FaultTarget};
    use super::super::tests::{context, step, virtually};
    use super::*;

    struct Good;

    #[async_trait]
    impl Health for Good {
        async fn service(&self, _: &Context, _: &ServiceId) -> ServiceHealth {
            ServiceHealth { state: HealthState::Healthy, good_since: Some(Moment(5)), ..ServiceHealth::default() }
        }

        async fn changed(&self, _: &Context) {}
    }

    fn faulty(kind: FaultKind) -> FaultyHealth {
        let target = FaultTarget::Step(step("look"));
        FaultyHealth::new(
            Arc::new(Good),
            Seed(1),
            vec![FaultPoint { target, kind, on: FaultOn::Everything, region: None, of: None }],
        )
    }

    #[test]
    fn each_fault_is_seen_by_its_step_alone() {
        virtually(|clock| async move {
            let service = ServiceId::new("web").unwrap();
            let (looks, other) = (context(&clock, "look"), context(&clock, "other"));
            let state = |health: ServiceHealth| health.state;
            assert_eq!(state(faulty(FaultKind::Fails).service(&looks, &service).await), HealthState::Unhealthy);
            assert_eq!(state(faulty(FaultKind::Fails).service(&other, &service).await), HealthState::Healthy);
            assert_eq!(faulty(FaultKind::Lies).service(&looks, &service).await.good_since, Some(Moment::ZERO));
            let before = clock.now();
            faulty(FaultKind::Slow).service(&looks, &service).await;
            assert_eq!(clock.now().since(before), Span::from_secs(SLOW_S));
            let mut seen = Vec::new();
            for _ in 0..20 {
                clock.sleep(Span::from_secs(1)).await;
                seen.push(state(faulty(FaultKind::Flaky).service(&looks, &service).await));
            }
            assert!(seen.contains(&HealthState::Healthy) && seen.contains(&HealthState::Unhealthy));
            let hanging = faulty(FaultKind::Hangs);
            assert!(clock.timeout(Span::from_secs(60), hanging.service(&looks, &service)).await.is_err());
            looks.cancel.cancel();
            assert_eq!(state(hanging.service(&looks, &service).await), HealthState::Unknown);
        });
    }
}
