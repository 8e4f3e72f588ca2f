//! What can be written and carried out, and can never come true: times that contradict each other, objectives that nothing
//! can meet, a shell's line where a program's name belongs.

use super::bounds;
use super::document::Name;
use crate::catalogue::{Act, Condition, Period};
use crate::diagnostic::{Diagnostic, Place};
use crate::model::{Objectives, Service};
use crate::time::Span;
use crate::yaml::{Entry, Node};

/// Checks a step's times against each other. `timeout`: the one that is written. `place`: that of a key of the step.
pub(super) fn times(
    (act, arguments): (&Act, &Entry),
    within: Option<Span>,
    timeout: Option<Span>,
    place: &dyn Fn(&str) -> Place,
    diagnostics: &mut Vec<Diagnostic>,
) {
    // What is out of bounds is told there, and once.
    let timeout = timeout.filter(|timeout| !timeout.is_zero());
    let within = within.filter(|within| *within <= bounds::LONGEST);
    let argument = |key: &str| arguments.value.get(key).map_or_else(|| arguments.key.place(), Node::place);
    if let (Some(timeout), Some((key, long))) = (timeout, lasts(act))
        && (long > timeout || long == timeout && key == "for")
    {
        diagnostics.push(
            Diagnostic::error(
                "M062",
                format!("`{key}: {}` can't pass within the step's `timeout: {}`", long.short(), timeout.short()),
            )
            .at(argument(key))
            .label(place("timeout"), "given up here")
            .help(format!("make the timeout longer than {}, or leave it out", long.short())),
        );
        return;
    }
    let is_single = !matches!(act, Act::Approve(_) | Act::Manual(_) | Act::Playbook(_));
    let given_up = timeout.unwrap_or_else(|| act.describe().patience());
    if let Some(within) = within.filter(|within| is_single && *within >= given_up) {
        let default = if timeout.is_some() { "" } else { ", which is that of such a step" };
        diagnostics.push(
            Diagnostic::warning(
                "M063",
                format!(
                    "`within: {}` can't be missed: the step is given up after {}{default}",
                    within.short(),
                    given_up.short()
                ),
            )
            .at(place("within"))
            .help("state a `timeout` that is longer than `within`: a step that is given up has no time to be judged"),
        );
    }
}

/// What of an action lasts at least how long, by its key.
fn lasts(act: &Act) -> Option<(&'static str, Span)> {
    let condition = |condition: &Condition| match condition {
        Condition::Served { healthy_for, .. } => Some(("healthy_for", *healthy_for)),
        Condition::For(span) => Some(("for", *span)),
        _ => None,
    };
    let deadline = |deadline: Option<Period>| deadline.map(|Period(span)| ("deadline", span));
    match act {
        Act::Check(check) => condition(&check.0),
        Act::Wait(wait) => condition(&wait.0),
        Act::Approve(gate) => deadline(gate.deadline),
        Act::Manual(gate) => deadline(gate.deadline),
        _ => None,
    }
}

/// Notes a program whose name is a whole line: no shell takes it apart.
pub(super) fn program(key: &str, argv: &[String], place: Place, diagnostics: &mut Vec<Diagnostic>) {
    let [line] = argv else { return };
    let words: Vec<&str> = line.split_whitespace().collect();
    // A path may have spaces in it: then its last part rarely stands alone.
    let is_path =
        line.starts_with(['/', '.']) && words.last().is_some_and(|last| last.chars().skip(1).any(|c| c == '/'));
    if words.len() < 2 || is_path {
        return;
    }
    let listed: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
    diagnostics.push(
        Diagnostic::warning("M064", format!("`{key}` is one word with spaces in it: no shell takes it apart"))
            .at(place)
            .help(format!("write each argument by itself: [{}]", listed.join(", "))),
    );
}

/// Notes recovery objectives that are shorter than the shortest outage that the probes can tell from none.
pub(super) fn objectives(
    root: &Node,
    drill: &Objectives,
    services: &[(Service, Name)],
    diagnostics: &mut Vec<Diagnostic>,
) {
    let resolution = |service: &Service| service.probe.every * u64::from(service.probe.unhealthy_after.max(1));
    let coarsest = services.iter().max_by_key(|(service, _)| resolution(service));
    let of_drill = root.get("objectives").map_or_else(|| root.place(), Node::place);
    if let Some((service, _)) = coarsest {
        too_short(drill, service, resolution(service), &of_drill, diagnostics);
    }
    for (service, name) in services {
        too_short(&service.objectives, service, resolution(service), &name.place_of_key("objectives"), diagnostics);
    }
}

fn too_short(of: &Objectives, service: &Service, least: Span, place: &Place, diagnostics: &mut Vec<Diagnostic>) {
    for (key, objective) in [("rto", of.rto), ("failback_rto", of.failback_rto)] {
        let Some(objective) = objective.filter(|objective| *objective < least) else { continue };
        diagnostics.push(
            Diagnostic::warning(
                "M065",
                format!(
                    "`{key}: {}` can't be shown to be met: the probe of `{}` may miss an outage of {}",
                    objective.short(),
                    service.id,
                    least.short()
                ),
            )
            .at(place.clone())
            .help(format!(
                "probe it more often, or with a smaller `unhealthy_after` ({} samples, one each {})",
                service.probe.unhealthy_after,
                service.probe.every.short()
            )),
        );
    }
}
