//! What is wrong with a playbook in the modes in which it can be run.

use crate::catalogue::Mode;
use crate::diagnostic::Diagnostic;

/// So many known problems are looked at for the same one; past them it is told twice.
const LOOKED_AT: usize = 1_000;

/// Every mode, `first` at the front.
pub(super) fn all_from(first: Mode) -> Vec<Mode> {
    let others = Mode::ALL.into_iter().filter(|mode| *mode != first);
    std::iter::once(first).chain(others).collect()
}

/// The problems of several modes as one list, each problem once. One that is not there in every mode says in which it is.
pub(super) fn merge(found: Vec<(Mode, Vec<Diagnostic>)>) -> Vec<Diagnostic> {
    let checked = found.len();
    let mut merged: Vec<(Diagnostic, Vec<Mode>)> = Vec::new();
    for (mode, problems) in found {
        let (known, mut next) = (merged.len(), 0);
        for problem in problems {
            // The problems of each mode come in the order of the text, so the search goes on where the last one ended;
            // only one that is out of this order is looked for among all.
            let mut places = (next..known).chain(0..next.min(known)).take(LOOKED_AT);
            match places.find(|place| merged[*place].0 == problem) {
                Some(place) => {
                    next = place + 1;
                    if !merged[place].1.contains(&mode) {
                        merged[place].1.push(mode);
                    }
                }
                None => merged.push((problem, vec![mode])),
            }
        }
    }
    merged.into_iter().map(|(problem, modes)| said(problem, &modes, checked)).collect()
}

fn said(mut problem: Diagnostic, modes: &[Mode], checked: usize) -> Diagnostic {
    if modes.len() < checked {
        let keys: Vec<&str> = modes.iter().map(|mode| mode.key()).collect();
        problem.message = format!("in {} mode, {}", keys.join(" and "), problem.message);
    }
    problem
}
