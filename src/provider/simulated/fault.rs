//! Faults: what goes wrong with which call; and how long calls take, where a rehearsal asks *what if it were quicker*.

use std::collections::BTreeMap;

use crate::chance::Seed;
use crate::id::{ResourceId, StepId};
use crate::infrastructure::simulate::FaultKind;
use crate::resource::{Actor, Context, ProviderError};
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

/// All faults of a simulation.
#[derive(Clone, Debug)]
pub(super) struct FaultTable {
    seed: Seed,
    points: Vec<FaultPoint>,
    paces: BTreeMap<StepId, Pace>,
}

impl FaultTable {
    pub(super) fn new(seed: Seed, points: Vec<FaultPoint>, paces: BTreeMap<StepId, Pace>) -> Self {
        Self { seed, points, paces }
    }

    /// How long the calls of whoever asks take, faults apart.
    pub(super) fn pace(&self, cx: &Context) -> Pace {
        match &cx.actor {
            Actor::Step(step) => self.paces.get(step).copied().unwrap_or(Pace::PLAIN),
            Actor::Probe(_) | Actor::Muster => Pace::PLAIN,
        }
    }

    /// The fault that meets a call; a step's own goes before a resource's.
    pub(super) fn find(&self, cx: &Context, resource: Option<&ResourceId>, access: Access) -> Option<&FaultPoint> {
        let meets = |point: &&FaultPoint| access == Access::Work || point.on == FaultOn::Everything;
        let of_step = |point: &&FaultPoint| match (&point.target, &cx.actor) {
            (FaultTarget::Step(step), Actor::Step(actor)) => step == actor,
            _ => false,
        };
        let of_resource = |point: &&FaultPoint| match (&point.target, resource) {
            (FaultTarget::Resource(id), Some(resource)) => id == resource && access == Access::Work,
            _ => false,
        };
        let step = self.points.iter().filter(meets).find(of_step);
        step.or_else(|| self.points.iter().filter(meets).find(of_resource))
    }

    /// Lets a call meet its fault: hangs, or says what becomes of it.
    ///
    /// # Errors
    /// `Refused` if it fails, `Transient` if it is flaky this time, `Cancelled` if it hung until it was told to end.
    pub(super) async fn meet(
        &self,
        cx: &Context,
        resource: Option<&ResourceId>,
        access: Access,
    ) -> Result<Effect, ProviderError> {
        if self.points.is_empty() && self.paces.is_empty() {
            return Ok(Effect::PLAIN);
        }
        let slow = self.pace(cx);
        let Some(point) = self.find(cx, resource, access) else { return Ok(Effect { slow, lies: false }) };
        match point.kind {
            FaultKind::Fails => Err(ProviderError::Refused("simulated fault".into())),
            FaultKind::Hangs => {
                cx.cancel.cancelled().await;
                Err(ProviderError::Cancelled)
            }
            FaultKind::Slow => Ok(Effect { slow: slow.and(Pace::SLOW), lies: false }),
            FaultKind::Flaky if self.flakes(cx, resource, access) => {
                Err(ProviderError::Transient("simulated fault".into()))
            }
            FaultKind::Flaky => Ok(Effect { slow, lies: false }),
            FaultKind::Lies => Ok(Effect { slow, lies: true }),
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
