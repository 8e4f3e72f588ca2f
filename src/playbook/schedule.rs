//! The key `schedule`: what can be known of it without a calendar file at hand.

use super::bounds;
use crate::diagnostic::Diagnostic;
use crate::model::Schedule;
use crate::yaml::Node;

/// Notes what does not fit together in a schedule; `node` is where it stands.
pub fn check(schedule: &Schedule, node: &Node, diagnostics: &mut Vec<Diagnostic>) {
    let place = |key: &str| node.get(key).map_or_else(|| node.place(), Node::place);
    bounds::zone(&schedule.timezone, place("timezone"), diagnostics);
    if let Err((key, what, help)) = schedule.check() {
        diagnostics.push(Diagnostic::error("M135", what).at(place(key)).help(help));
    }
}
