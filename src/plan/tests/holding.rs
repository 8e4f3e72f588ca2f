//! The gate before the first change.

use super::{QUARTERLY, SIMULATED, load_with};
use crate::catalogue::Mode;
use crate::plan::hold;
use crate::time::Span;

#[test]
fn a_held_run_asks_before_its_first_change_and_after_everything_that_only_looks() {
    for mode in [Mode::Planned, Mode::Unplanned, Mode::Emergency] {
        let loaded = load_with(QUARTERLY, &[("infra/simulated.yaml", SIMULATED)], Some(mode), &[]);
        let plain = loaded.plan.unwrap();
        let mut plan = plain.clone();
        hold(&mut plan, Span::from_secs(3600));
        assert_eq!(plan.check(), Ok(()));
        assert_eq!((plan.steps.len(), &plan.digest), (plain.steps.len() + 1, &plain.digest));
        let gate = plan.step_index(&crate::id::StepId::new("begin").unwrap()).unwrap();
        let needs_gate = |name: &str| {
            let mut open = vec![plan.step_index(&crate::id::StepId::new(name).unwrap()).unwrap()];
            let mut seen = Vec::new();
            while let Some(at) = open.pop() {
                if !seen.contains(&at) {
                    seen.push(at);
                    open.extend(&plan.steps[at].needs);
                }
            }
            seen.contains(&gate)
        };
        // Every other step kept what it needs.
        for step in &plain.steps {
            let now = &plan.steps[plan.step_index(&step.id).unwrap()];
            let names = |plan: &crate::model::Plan, needs: &[usize]| {
                needs.iter().map(|at| plan.steps[*at].id.to_string()).filter(|id| id != "begin").collect::<Vec<_>>()
            };
            assert_eq!(names(&plan, &now.needs), names(&plain, &step.needs), "{}", step.id);
        }
        assert!(needs_gate("announce"), "nobody is told of a drill that nobody has begun");
        for need in &plan.steps[gate].needs {
            assert!(!needs_gate(plan.steps[*need].id.as_str()));
        }
        assert!(!plan.steps[gate].needs.is_empty(), "prechecks come first");
    }
}
