//! What is otherwise in one world than in another, numbers that vary by themselves left out.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Change;
use crate::resource::{ResourceState, Seen, World};
use crate::time::Span;

/// Every resource that is otherwise in `after` than in `before`, in the order of names.
#[must_use]
pub fn between(before: &World, after: &World) -> Vec<Change> {
    let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let changed = |name: &&crate::id::ResourceId| {
        let (old, new) = (before.get(*name), after.get(*name));
        old.map(lasting) != new.map(lasting)
    };
    let tell = |name: &crate::id::ResourceId| {
        let (old, new) = (before.get(name), after.get(name));
        let mut text = new.map(ToString::to_string);
        if let (Some(old), Some(new)) = (old, new)
            && short(old) == short(new)
        {
            text = Some(format!("{new} ({})", details(&lasting(old), &lasting(new))));
        }
        Change { resource: name.clone(), before: old.map(ToString::to_string), after: text }
    };
    names.into_iter().filter(changed).map(tell).collect()
}

fn short(state: &ResourceState) -> String {
    lasting(state).to_string()
}

/// The state without what varies by itself: lags, positions, ages, counts of promotions, words of errors.
fn lasting(state: &ResourceState) -> ResourceState {
    let mut state = state.clone();
    match &mut state {
        ResourceState::Database(database) => {
            each(&mut database.regions, |it| (it.position, it.timeline, it.lag) = (0, 0, None));
        }
        ResourceState::Storage(storage) => each(&mut storage.regions, |it| (it.position, it.lag) = (0, None)),
        ResourceState::Compute(compute) => each(&mut compute.regions, |_| {}),
        ResourceState::Backup(backup) => each(&mut backup.regions, |it| {
            it.encrypted = u32::from(it.encrypted == it.count);
            it.count = u32::from(it.count > 0);
            (it.newest_age, it.oldest_age, it.longest_gap) = (Span::ZERO, Span::ZERO, Span::ZERO);
        }),
        ResourceState::Dns(_) | ResourceState::Region(_) => {}
    }
    state
}

fn each<T>(regions: &mut crate::resource::ByRegion<T>, clear: impl Fn(&mut T)) {
    for seen in regions.values_mut() {
        match seen {
            Seen::Is(state) => clear(state),
            Seen::Unreachable(why) => why.clear(),
        }
    }
}

/// What differs where one line for people says the same: `primary.fenced: false, was true`.
fn details(old: &ResourceState, new: &ResourceState) -> String {
    let mut found = Vec::new();
    if let (Ok(old), Ok(new)) = (serde_json::to_value(old), serde_json::to_value(new)) {
        differences("", &old, &new, &mut found);
    }
    found.join(", ")
}

/// Steps of the way that only wrap a state.
const WRAPPERS: [&str; 8] = ["database", "storage", "compute", "backup", "dns", "region", "regions", "is"];

fn differences(path: &str, old: &Value, new: &Value, found: &mut Vec<String>) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for key in old.keys().chain(new.keys().filter(|key| !old.contains_key(*key))) {
                let inner = match (WRAPPERS.contains(&key.as_str()), path) {
                    (true, _) => path.to_owned(),
                    (false, "") => key.clone(),
                    (false, _) => format!("{path}.{key}"),
                };
                let absent = Value::Null;
                differences(&inner, old.get(key).unwrap_or(&absent), new.get(key).unwrap_or(&absent), found);
            }
        }
        _ if old != new => found.push(format!("{path}: {new}, was {old}")),
        _ => {}
    }
}
