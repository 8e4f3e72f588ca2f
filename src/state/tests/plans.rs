//! Random small plans: phases that apply or not, needs, promotions in both legs, every way to take a failure.

use proptest::prelude::*;
use serde_json::json;

use super::{act, empty, phase};
use crate::catalogue::{Act, OnFailure};
use crate::model::{PhaseKind, Plan};

const KINDS: [PhaseKind; 6] = [
    PhaseKind::Prechecks,
    PhaseKind::Disaster,
    PhaseKind::Failover,
    PhaseKind::Verify,
    PhaseKind::Failback,
    PhaseKind::Cleanup,
];

/// What a random step is: its act, what it needs of the five before it, whether it applies, how it takes a failure.
type Sketch = (usize, u8, bool, usize);

fn acts(to: &str) -> Vec<Act> {
    vec![
        act("check", json!({"services": "all"})),
        act("database.fence", json!({"database": "main", "in": if to == "primary" { "secondary" } else { "primary" }})),
        act("database.promote", json!({"database": "main", "to": to})),
        act("dns.switch", json!({"records": "code", "to": to})),
        act("command", json!({"argv": ["tidy"]})),
        act("notify", json!({"webhook": {"env": "HOOK"}, "message": "done"})),
    ]
}

const WAYS: [OnFailure; 4] = [OnFailure::Undo, OnFailure::Continue, OnFailure::Pause, OnFailure::Stop];

/// A random plan.
pub(super) fn plan() -> impl Strategy<Value = Plan> {
    let step = (0..6_usize, any::<u8>(), prop::bool::weighted(0.85), 0..WAYS.len());
    let phases = prop::collection::vec((prop::bool::weighted(0.85), prop::collection::vec(step, 0..5)), KINDS.len());
    (phases, prop::option::weighted(0.3, 1..3_usize)).prop_map(|(phases, at_once)| {
        let mut plan = empty();
        plan.at_once = at_once;
        for (kind, (applies, steps)) in KINDS.into_iter().zip(phases) {
            add(&mut plan, kind, applies, &steps);
        }
        plan
    })
}

fn add(plan: &mut Plan, kind: PhaseKind, applies: bool, sketches: &[Sketch]) {
    let acts = acts(if kind == PhaseKind::Failback { "primary" } else { "secondary" });
    let ids: Vec<String> = (0..sketches.len()).map(|n| format!("{kind:?}-{n}").to_lowercase()).collect();
    let steps: Vec<_> =
        ids.iter().zip(sketches).map(|(id, sketch)| (id.as_str(), acts[sketch.0].clone(), WAYS[sketch.3])).collect();
    let first = plan.steps.len();
    phase(plan, kind, &steps);
    for (n, (_, needs, applies, _)) in sketches.iter().enumerate() {
        let step = &mut plan.steps[first + n];
        step.needs = (0..n).filter(|before| needs & (1 << before) != 0).map(|before| first + before).collect();
        step.applies = *applies;
    }
    if let Some(phase) = plan.phases.last_mut() {
        phase.applies = applies;
    }
}
