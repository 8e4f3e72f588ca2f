//! Simulated people: they take their time, and approve.

use std::sync::Arc;

use async_trait::async_trait;

use crate::chance::Distribution;
use crate::infrastructure::simulate::FaultKind;
use crate::resource::{Answer, AnsweredBy, Choice, Context, Decision, People, Question};
use crate::time::Span;

use super::fault::{Access, Pace};
use super::world::{World, asker, times};

/// The most names that an answer carries.
const NAMES_MAX: u32 = 100;

/// Approves everything.
#[derive(Debug)]
pub(super) struct SimulatedPeople {
    pub(super) world: Arc<World>,
}

#[async_trait]
impl People for SimulatedPeople {
    /// Faults: `fails` rejects, `hangs` never answers, `slow` takes ten times as long, `flaky` may take twice as
    /// long, `lies` approves at once, without a look; `fails-in-undo` rejects what is asked when it is taken back.
    async fn ask(&self, cx: &Context, question: &Question) -> Option<Answer> {
        let count = u64::from(cx.attempt);
        let takes = question.takes.draw(self.world.seed, "takes", asker(&cx.actor), count);
        let mut takes = times(takes, self.world.faults.pace(cx));
        let mut decision = Decision::Approved;
        match self.world.faults.kind(cx, None, Access::Work).map(|(kind, _)| kind) {
            Some(FaultKind::Fails | FaultKind::FailsInUndo) => decision = Decision::Rejected,
            Some(FaultKind::Hangs) => {
                cx.cancel.cancelled().await;
                return None;
            }
            Some(FaultKind::Slow) => takes = times(takes, Pace::SLOW),
            Some(FaultKind::Flaky) if self.world.seed.draw("flaky", asker(&cx.actor), count) < 0.5 => {
                takes = times(takes, Pace::TWICE);
            }
            Some(FaultKind::Lies) => takes = times(takes, Pace::AT_ONCE),
            // A gate acts in no region.
            Some(FaultKind::Flaky | FaultKind::LosesItsRegion) | None => {}
        }
        self.world.spend(cx, takes).await.ok()?;
        let quorum = question.quorum.clamp(1, NAMES_MAX);
        let named = question.approvers.iter().cloned();
        let others = (1..=quorum).map(|n| format!("simulated person {n}"));
        Some(Answer {
            decision,
            names: named.chain(others).take(quorum as usize).collect(),
            because: (decision == Decision::Rejected).then(|| "simulated fault".to_owned()),
            by: AnsweredBy::Simulation,
            evidence: Vec::new(),
            people: Vec::new(),
        })
    }

    /// A run that stands still is taken back, after the minute that a person needs to see what happened.
    async fn decide(&self, cx: &Context, _situation: &str) -> Option<(Choice, AnsweredBy)> {
        let takes = Distribution::fixed(Span::from_secs(60));
        let takes = takes.draw(self.world.seed, "decides", asker(&cx.actor), u64::from(cx.attempt));
        self.world.spend(cx, takes).await.ok()?;
        Some((Choice::Undo, AnsweredBy::Simulation))
    }
}
