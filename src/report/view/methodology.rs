//! What shows that the checks of a run can fail.

use schemars::JsonSchema;
use serde::Serialize;

use super::{LIST_MAX, count, line};
use crate::record::Record;

/// What shows that the checks of a run can fail.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct MethodologyView {
    /// In one sentence.
    pub(crate) checks: String,
    /// Those that were seen red.
    pub(crate) red: Vec<String>,
    /// Those that were not, each with the reason.
    pub(crate) not_red: Vec<String>,
}

pub(super) fn methodology(record: &Record) -> MethodologyView {
    let Some(proof) = &record.proof else {
        let checks = "None of its checks was proven: no rehearsal of this playbook, with these variables, had put into \
                      the twin what they are there to see.";
        return MethodologyView { checks: checks.to_owned(), red: Vec::new(), not_red: Vec::new() };
    };
    let all = (proof.seen_red.len() + proof.not_seen_red.len()) as u64;
    let modes: Vec<&str> = proof.modes.iter().map(|mode| mode.key()).collect();
    let checks = format!(
        "{} of {} were seen red in rehearsal, because of what they are there to see, on {} by Muster {} (seed {}, modes \
         {}) on the twin of {}.",
        proof.seen_red.len(),
        count(all, "check"),
        proof.at.strftime("%Y-%m-%d %H:%M:%S UTC"),
        proof.muster,
        proof.seed.0,
        modes.join(", "),
        proof.infrastructure
    );
    MethodologyView {
        checks: line(checks),
        red: proof.seen_red.iter().take(LIST_MAX).map(line).collect(),
        not_red: proof
            .not_seen_red
            .iter()
            .take(LIST_MAX)
            .map(|it| line(format!("{}: {}", it.name, it.because)))
            .collect(),
    }
}
