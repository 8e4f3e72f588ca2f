//! Faults: what goes wrong with which call, and whether it ever did; and how long calls take, where a rehearsal asks
//! *what if it were quicker*.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::chance::Seed;
use crate::id::{RegionRole, ResourceId, StepId};
use crate::infrastructure::simulate::FaultKind;
use crate::resource::{Actor, Context, Errand, ProviderError};
use crate::time::Span;

/// How long something takes, in hundredths of what it takes by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pace(pub u32);

impl Pace {
    /// As long as by itself.
    pub const PLAIN: Self = Self(100);
    /// With the fault `slow`: ten times as long.
    pub(super) const SLOW: Self = Self(1_000);
    /// Twice as long.
    pub(super) const TWICE: Self = Self(200);
    /// At once.
    pub(super) const AT_ONCE: Self = Self(0);

    /// One after the other.
    pub(super) fn and(self, other: Self) -> Self {
        let both = u64::from(self.0) * u64::from(other.0) / 100;
        Self(u32::try_from(both).unwrap_or(u32::MAX))
    }

    /// `span` at this pace.
    pub(super) fn of(self, span: Span) -> Span {
        match self {
            Self::PLAIN => span,
            Self(hundredths) => {
                let nanos = u128::from(span.0) * u128::from(hundredths) / 100;
                Span(u64::try_from(nanos).unwrap_or(u64::MAX))
            }
        }
    }
}

/// What a fault is put on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultTarget {
    /// Calls on behalf of this step.
    Step(StepId),
    /// Calls to this resource, whoever makes them, but for canaries and plain observations.
    Resource(ResourceId),
}

/// Which calls a fault meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultOn {
    /// Those that change something, and long work such as `verify` and `restore`: for steps that act.
    Mutations,
    /// All of them: for steps that only look, which would otherwise not notice.
    Everything,
}

/// A fault and where it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FaultPoint {
    /// On what.
    pub target: FaultTarget,
    /// What goes wrong.
    pub kind: FaultKind,
    /// With which calls.
    pub on: FaultOn,
    /// The region that is lost with [`FaultKind::LosesItsRegion`].
    pub region: Option<RegionRole>,
    /// The place, among the faults that were given, of the one that this is; `None` if it is only there to lead to one.
    pub of: Option<usize>,
}

/// What a call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// It changes something, or works long.
    Work,
    /// It only looks.
    Read,
}

/// What is to be done with a call that goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Effect {
    /// How long it takes.
    pub(super) slow: Pace,
    /// Whether success is to be reported without anything done.
    pub(super) lies: bool,
}

impl Effect {
    /// Nothing goes wrong.
    pub(super) const PLAIN: Self = Self { slow: Pace::PLAIN, lies: false };
}

/// All faults of a simulation. Its clones share what was met.
#[derive(Clone, Debug)]
pub(super) struct FaultTable {
    seed: Seed,
    points: Arc<[(FaultPoint, AtomicBool)]>,
    paces: BTreeMap<StepId, Pace>,
}

impl FaultTable {
    pub(super) fn new(seed: Seed, points: Vec<FaultPoint>, paces: BTreeMap<StepId, Pace>) -> Self {
        Self { seed, points: points.into_iter().map(|point| (point, AtomicBool::new(false))).collect(), paces }
    }

    /// How long the calls of whoever asks take, faults apart.
    pub(super) fn pace(&self, cx: &Context) -> Pace {
        match &cx.actor {
            Actor::Step(step) => self.paces.get(step).copied().unwrap_or(Pace::PLAIN),
            Actor::Probe(_) | Actor::Muster => Pace::PLAIN,
        }
    }

    /// Which of the faults went wrong with any call, by their places ([`FaultPoint::of`]).
    pub(super) fn met(&self) -> BTreeSet<usize> {
        let met = self.points.iter().filter(|(_, met)| met.load(Ordering::Relaxed));
        met.filter_map(|(point, _)| point.of).collect()
    }

    /// The fault that meets a call; a step's own goes before a resource's.
    fn find(&self, cx: &Context, resource: Option<&ResourceId>, access: Access) -> Option<&(FaultPoint, AtomicBool)> {
        let meets = |(point, met): &&(FaultPoint, AtomicBool)| match point.kind {
            FaultKind::FailsInUndo => access == Access::Work && cx.errand == Errand::Undo,
            // A region is lost once; what goes wrong after that follows from it.
            FaultKind::LosesItsRegion if met.load(Ordering::Relaxed) => false,
            _ => access == Access::Work || point.on == FaultOn::Everything,
        };
        let of_step = |(point, _): &&(FaultPoint, AtomicBool)| match (&point.target, &cx.actor) {
            (FaultTarget::Step(step), Actor::Step(actor)) => step == actor,
            _ => false,
        };
        let of_resource = |(point, _): &&(FaultPoint, AtomicBool)| match (&point.target, resource) {
            (FaultTarget::Resource(id), Some(resource)) => id == resource && access == Access::Work,
            _ => false,
        };
        let step = self.points.iter().filter(meets).find(of_step);
        step.or_else(|| self.points.iter().filter(meets).find(of_resource))
    }

    /// The kind of the fault that meets a call, and the region that is lost with it; the caller lets it go wrong.
    pub(super) fn kind(
        &self,
        cx: &Context,
        resource: Option<&ResourceId>,
        access: Access,
    ) -> Option<(FaultKind, Option<RegionRole>)> {
        if self.points.is_empty() {
            return None;
        }
        let (point, met) = self.find(cx, resource, access)?;
        let harmless = match point.kind {
            FaultKind::Flaky => !self.flakes(cx, resource, access),
            // A look at a resource says nothing of what was done.
            FaultKind::Lies => access == Access::Read && resource.is_some(),
            _ => false,
        };
        if !harmless {
            met.store(true, Ordering::Relaxed);
        }
        Some((point.kind, point.region))
    }

    /// Whether a call of `cx` to `resource` may go otherwise than by itself.
    pub(super) fn may_meet(&self, cx: &Context, resource: &ResourceId, access: Access) -> bool {
        self.find(cx, Some(resource), access).is_some()
    }

    /// Lets a call meet its fault: hangs, or says what becomes of it, and which region is lost with it.
    ///
    /// # Errors
    /// `Refused` if it fails, `Transient` if it is flaky this time, `Cancelled` if it hung until it was told to end.
    pub(super) async fn meet(
        &self,
        cx: &Context,
        resource: Option<&ResourceId>,
        access: Access,
    ) -> Result<(Effect, Option<RegionRole>), ProviderError> {
        if self.points.is_empty() && self.paces.is_empty() {
            return Ok((Effect::PLAIN, None));
        }
        let slow = self.pace(cx);
        let plain = Effect { slow, lies: false };
        let Some((kind, region)) = self.kind(cx, resource, access) else { return Ok((plain, None)) };
        match kind {
            FaultKind::Fails => Err(ProviderError::Refused("simulated fault".into())),
            FaultKind::FailsInUndo => Err(ProviderError::Refused("simulated fault in undo".into())),
            FaultKind::Hangs => {
                cx.cancel.cancelled().await;
                Err(ProviderError::Cancelled)
            }
            FaultKind::Slow => Ok((Effect { slow: slow.and(Pace::SLOW), lies: false }, None)),
            FaultKind::Flaky if self.flakes(cx, resource, access) => {
                Err(ProviderError::Transient("simulated fault".into()))
            }
            FaultKind::Flaky => Ok((plain, None)),
            FaultKind::Lies => Ok((Effect { slow, lies: true }, None)),
            FaultKind::LosesItsRegion => Ok((plain, region)),
        }
    }

    /// Whether a flaky call fails: half of them, by attempt for work and by moment for looks, which are repeated.
    fn flakes(&self, cx: &Context, resource: Option<&ResourceId>, access: Access) -> bool {
        let count = match access {
            Access::Work => u64::from(cx.attempt),
            Access::Read => cx.clock.now().0,
        };
        let subject = format!("{}/{}", cx.actor, resource.map_or("", ResourceId::as_str));
        self.seed.draw("flaky", &subject, count) < 0.5
    }

    /// Whether a flaky look fails at this moment.
    pub(super) fn flakes_now(&self, cx: &Context) -> bool {
        self.flakes(cx, None, Access::Read)
    }
}
