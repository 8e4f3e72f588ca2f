//! A step: an id, one action, and conditions.

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::document::{Name, StepText};
use super::late::{self, LateNames};
use super::template::{Late, Names};
use super::{bounds, probe, sense};
use crate::catalogue::{Act, Decoder, Mode, OnFailure, OneOrMany, Period};
use crate::chance::Distribution;
use crate::diagnostic::{Diagnostic, Place};
use crate::id::StepId;
use crate::model::Retry;
use crate::time::Span;
use crate::yaml::{Entry, Node, Value, decode, fill, nearest};

/// The keys of a step beside its action.
pub const KEYS: &[&str] =
    &["id", "title", "needs", "when", "within", "timeout", "retry", "on_failure", "simulate", "silence"];

/// Where an action's arguments are texts that are used while the run goes on, so that late names may stand in them.
const LATE: &[(&str, &str)] = &[
    ("notify", "message"),
    ("command", "argv"),
    ("command", "env"),
    ("command", "observe"),
    ("command", "undo"),
    ("http", "url"),
    ("http", "headers"),
    ("http", "body"),
    ("approve", "prompt"),
    ("manual", "checklist"),
    ("manual", "undo"),
];

/// In which modes something is carried out.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct When {
    pub(super) mode: OneOrMany<Mode>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStep {
    id: StepId,
    title: Option<String>,
    needs: Option<Vec<StepId>>,
    when: Option<When>,
    within: Option<Period>,
    timeout: Option<Period>,
    retry: Option<RawRetry>,
    on_failure: Option<OnFailure>,
    simulate: Option<Simulate>,
    #[serde(rename = "silence", default)]
    _silence: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRetry {
    attempts: u32,
    wait: Option<Period>,
    max_wait: Option<Period>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Simulate {
    takes: Distribution,
}

/// A step whose needs are still names.
pub(super) struct NamedStep {
    pub(super) step: Option<StepText>,
    /// Known also of steps in which something else is wrong, so that others may need them.
    pub(super) id: Option<(StepId, Place)>,
    pub(super) needs: Option<Vec<(StepId, Place)>>,
}

/// Decodes a node into whatever the action's arguments are.
struct FromNode<'a>(&'a Node, &'a mut Vec<Diagnostic>);

impl Decoder for FromNode<'_> {
    fn decode<T: DeserializeOwned>(self) -> Option<T> {
        decode(self.0, self.1)
    }
}

/// Fills the templates of a step.
pub(super) fn fill_step(node: &mut Node, names: &Names, diagnostics: &mut Vec<Diagnostic>) {
    let mut strict = |text: &str, _: &Place| names.fill(text, Late::Refused);
    let Value::Map(entries) = &mut node.value else {
        fill(node, &mut strict, diagnostics);
        return;
    };
    for entry in entries {
        let action = Act::KEYS.iter().find(|key| **key == entry.name()).copied();
        match (&mut entry.value.value, action) {
            (Value::Map(arguments), Some(action)) => {
                for argument in arguments {
                    let late = if LATE.contains(&(action, argument.name())) { Late::Allowed } else { Late::Refused };
                    fill(&mut argument.value, &mut |text, _| names.fill(text, late), diagnostics);
                }
            }
            _ => fill(&mut entry.value, &mut strict, diagnostics),
        }
    }
}

/// Reads a step; its node is taken apart.
pub(super) fn read(mut node: Node, diagnostics: &mut Vec<Diagnostic>) -> NamedStep {
    let nothing = NamedStep { step: None, id: None, needs: None };
    if node.is_broken() {
        return nothing;
    }
    let step_place = node.place();
    let Value::Map(entries) = &mut node.value else {
        let message =
            format!("expected a step, which is a mapping with an id and an action, found {}", node.describe());
        diagnostics.push(Diagnostic::error("M022", message).at(step_place));
        return nothing;
    };
    let (kept, others): (Vec<Entry>, Vec<Entry>) =
        std::mem::take(entries).into_iter().partition(|entry| KEYS.contains(&entry.name()));
    *entries = kept;
    let action = the_action(others, &node, diagnostics);
    let raw: Option<RawStep> = decode(&node, diagnostics);
    let act = action.and_then(|entry| {
        let act = arguments(&entry, diagnostics)?;
        // What was left out because its template could not be filled is no second problem.
        if !has_broken(&entry.value) {
            check_act(&act, &entry, diagnostics);
        }
        Some((act, entry))
    });
    let Some(raw) = raw else { return nothing };
    let place = |key: &str| node.get(key).map_or_else(|| step_place.clone(), Node::place);
    let id_known = node.get("id").and_then(Node::as_str).is_some_and(|text| raw.id == text);
    let id = id_known.then(|| (raw.id.clone(), place("id")));
    if id_known && raw.id.as_str().contains('/') {
        diagnostics.push(
            Diagnostic::error("M030", format!("the step id `{}` has a `/`", raw.id))
                .at(place("id"))
                .help("a `/` stands only in the ids of steps of inlined playbooks; use `-`"),
        );
    }
    let needs_node = node.get("needs");
    let needs = raw.needs.map(|needs| {
        let items = needs_node.and_then(Node::as_seq).unwrap_or_default();
        let place_of = |need: &StepId| items.iter().find(|item| item.as_str() == Some(need.as_str())).map(Node::place);
        needs
            .into_iter()
            .map(|need| (place_of(&need).unwrap_or_else(|| place("needs")), need))
            .map(|(p, n)| (n, p))
            .collect()
    });
    let span = |key: &str, period: Option<Period>, diagnostics: &mut Vec<Diagnostic>| {
        period.map(|Period(span)| {
            bounds::span(key, span, Span(1), place(key), diagnostics);
            span
        })
    };
    let within = span("within", raw.within, diagnostics);
    let timeout = span("timeout", raw.timeout, diagnostics);
    let retry = raw.retry.map_or_else(Retry::default, |raw| retry(&raw, place("retry"), diagnostics));
    let step = act.map(|(act, entry)| {
        sense::times((&act, &entry), within, timeout, &place, diagnostics);
        if matches!(act, Act::Playbook(_)) {
            only_for_single_steps(&node, diagnostics);
        }
        if matches!(act, Act::Approve(_) | Act::Manual(_)) {
            gates_say_then(&node, act.key(), diagnostics);
        }
        StepText {
            id: raw.id,
            title: raw.title,
            needs: None,
            modes: raw.when.map(|when| when.mode.0),
            within,
            timeout,
            retry,
            on_failure: raw.on_failure,
            takes: raw.simulate.map(|simulate| simulate.takes),
            act,
            name: Name::new(id.as_ref().map_or_else(|| step_place.clone(), |(_, place)| place.clone()), entry.value),
        }
    });
    NamedStep { step, id, needs }
}

/// The one entry that is an action.
fn the_action(others: Vec<Entry>, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<Entry> {
    let (mut actions, unknown): (Vec<Entry>, Vec<Entry>) =
        others.into_iter().partition(|entry| Act::KEYS.contains(&entry.name()));
    for entry in &unknown {
        let name: String = entry.name().chars().take(60).collect();
        let message = format!("`{name}` is neither an action nor a key of a step");
        let known = Act::KEYS.iter().chain(KEYS).copied();
        let help = match nearest(entry.name(), known) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("the actions are {}", Act::KEYS.join(", ")),
        };
        diagnostics.push(Diagnostic::error("M031", message).at(entry.key.place()).help(help));
    }
    if actions.len() > 1 {
        let mut diagnostic = Diagnostic::error(
            "M033",
            format!("a step has one action; this has both `{}` and `{}`", actions[0].name(), actions[1].name()),
        )
        .at(actions[1].key.place())
        .help("make two steps of it");
        diagnostic = diagnostic.label(actions[0].key.place(), "first here");
        diagnostics.push(diagnostic);
    }
    if actions.is_empty() {
        // The unknown key was probably meant to be the action.
        if unknown.is_empty() {
            let place = node.get("id").map_or_else(|| node.place(), Node::place);
            diagnostics.push(
                Diagnostic::error("M032", "the step has no action")
                    .at(place)
                    .help(format!("add one of {}", Act::KEYS.join(", "))),
            );
        }
        return None;
    }
    Some(actions.swap_remove(0))
}

fn arguments(entry: &Entry, diagnostics: &mut Vec<Diagnostic>) -> Option<Act> {
    let before = diagnostics.len();
    let act = Act::decode(entry.name(), FromNode(&entry.value, diagnostics));
    // What was made up for a missing argument must not be checked any further.
    if diagnostics.len() > before { None } else { act }
}

/// Whether something in a tree was complained about before.
fn has_broken(node: &Node) -> bool {
    match &node.value {
        Value::Broken => true,
        Value::Scalar(_) => false,
        Value::List(items) => items.iter().any(has_broken),
        Value::Map(entries) => entries.iter().any(|entry| has_broken(&entry.value)),
    }
}

/// Checks what the types can't say.
fn check_act(act: &Act, entry: &Entry, diagnostics: &mut Vec<Diagnostic>) {
    let place = |key: &str| entry.value.get(key).map_or_else(|| entry.key.place(), Node::place);
    match act {
        Act::Approve(approve) => {
            bounds::count("quorum", approve.quorum, 100, place("quorum"), diagnostics);
            let asked = u32::try_from(approve.by.len()).unwrap_or(u32::MAX);
            if !approve.by.is_empty() && approve.quorum > asked {
                diagnostics.push(
                    Diagnostic::error("M044", format!("{} must approve, but `by` names only {asked}", approve.quorum))
                        .at(place("quorum"))
                        .help("lower `quorum`, or name more people or roles in `by`"),
                );
            }
        }
        Act::Command(command) => {
            for (key, argv) in [("argv", &command.argv), ("observe", &command.observe), ("undo", &command.undo)] {
                let is_there = key == "argv" || entry.value.get(key).is_some();
                if is_there && argv.first().is_none_or(String::is_empty) {
                    diagnostics.push(
                        Diagnostic::error("M042", format!("`{key}` names no program"))
                            .at(place(key))
                            .help("write the program and its arguments as a list: [autofailover, pause]"),
                    );
                }
                sense::program(key, argv, place(key), diagnostics);
            }
        }
        Act::Http(http) => {
            let x = Some("x");
            let stand_in = LateNames { id: "x", mode: "x", started: "x", verdict: x, world: x, summary: x };
            probe::check_url(&late::fill(&http.url, &stand_in), place("url"), diagnostics);
        }
        Act::RegionIsolate(isolate) if isolate.from.is_empty() => diagnostics.push(
            Diagnostic::error("M042", "the region is cut off from nobody")
                .at(place("from"))
                .help("write for example from: [users, secondary]"),
        ),
        Act::DatabaseReplicate(it) if it.from == it.to => same_region(place("to"), diagnostics),
        Act::StorageReplicate(it) if it.from == it.to => same_region(place("to"), diagnostics),
        _ => {}
    }
}

fn same_region(place: Place, diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.push(
        Diagnostic::error("M042", "`from` and `to` are the same region")
            .at(place)
            .help("a copy is made from one region to the other"),
    );
}

fn retry(raw: &RawRetry, place: Place, diagnostics: &mut Vec<Diagnostic>) -> Retry {
    bounds::count("attempts", raw.attempts, bounds::ATTEMPTS_MAX, place.clone(), diagnostics);
    let default = Retry::default();
    let wait = raw.wait.map_or(default.wait, |it| it.0);
    let max_wait = raw.max_wait.map_or(default.max_wait.max(wait), |it| it.0);
    bounds::span("wait", wait, Span::ZERO, place.clone(), diagnostics);
    if max_wait < wait {
        diagnostics.push(
            Diagnostic::error(
                "M043",
                format!("`max_wait: {}` is shorter than `wait: {}`", max_wait.short(), wait.short()),
            )
            .at(place)
            .help("the wait is doubled after each attempt, up to `max_wait`"),
        );
    }
    Retry { attempts: raw.attempts, wait, max_wait }
}

/// What a gate's no means stands in one place.
fn gates_say_then(node: &Node, key: &str, diagnostics: &mut Vec<Diagnostic>) {
    if let Some(entry) = node.get_entry("on_failure") {
        diagnostics.push(
            Diagnostic::error("M048", format!("`on_failure` does not go with `{key}`"))
                .at(entry.key.place())
                .help(format!("write `then` in `{key}`: what happens when the answer is no, or none comes in time")),
        );
    }
}

fn only_for_single_steps(node: &Node, diagnostics: &mut Vec<Diagnostic>) {
    for key in ["within", "timeout", "retry", "simulate"] {
        if let Some(entry) = node.get_entry(key) {
            diagnostics.push(
                Diagnostic::error("M048", format!("`{key}` does not go with `playbook`"))
                    .at(entry.key.place())
                    .help("the steps of the other playbook have their own; write it there"),
            );
        }
    }
}
