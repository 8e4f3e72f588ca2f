//! What a reader needs to see of many cases: each pair shrunk to the single fault that suffices, equal causes once, what
//! the playbook accepts apart.

use std::collections::{BTreeMap, BTreeSet};

use super::{Bad, Case, End, Exploration, Tried};
use crate::catalogue::Mode;
use crate::infrastructure::simulate::{Fault, Together};
use crate::model::Accepted;

/// Sifts single faults, and pairs of them that were played afterwards. `command`: what is typed to see a case.
#[must_use]
pub fn sift(
    accepts: &[Accepted],
    singles: Vec<Tried>,
    pairs: Vec<Tried>,
    command: impl Fn(&Case) -> String,
) -> Exploration {
    let alone: BTreeMap<(Mode, Fault), End> =
        singles.iter().map(|tried| ((tried.case.mode, tried.case.faults[0].clone()), tried.end)).collect();
    let mut bad: Vec<Bad> = Vec::new();
    let mut place: BTreeMap<(End, Option<usize>, String), usize> = BTreeMap::new();
    let mut used: BTreeSet<(usize, usize)> = BTreeSet::new();
    let mut group_of: BTreeMap<(Mode, Fault), usize> = BTreeMap::new();
    let mut pair_ends = BTreeMap::new();
    for tried in &pairs {
        *pair_ends.entry(tried.end).or_default() += 1;
    }
    let (count, mut needing_both) = (pairs.len() as u64, Vec::new());
    let mut explained: Vec<(Mode, Fault)> = Vec::new();
    for tried in pairs.into_iter().filter(|tried| tried.end.is_bad()) {
        match suffices(&alone, &tried) {
            Some(fault) => explained.push((tried.case.mode, fault.clone())),
            None => needing_both.push(tried),
        }
    }
    for tried in singles.iter().chain(&needing_both).filter(|tried| tried.end.is_bad()) {
        let mut lines = accepts.iter().enumerate();
        let found = lines.find_map(|(n, accepted)| covers(accepted, tried).map(|by| (n, by)));
        used.extend(found);
        let by = found.map(|(n, _)| n);
        let key = (tried.end, by, cause(tried));
        let at = *place.entry(key).or_insert_with(|| {
            bad.push(Bad {
                end: tried.end,
                first: tried.clone(),
                others: Vec::new(),
                pairs: 0,
                command: command(&tried.case),
                accepted: by.map(|by| accepts[by].because.clone()),
                record: None,
            });
            bad.len() - 1
        });
        if bad[at].first.case != tried.case {
            bad[at].others.push(tried.case.clone());
        }
        if let [fault] = &tried.case.faults[..] {
            group_of.insert((tried.case.mode, fault.clone()), at);
        }
    }
    for single in explained {
        if let Some(at) = group_of.get(&single) {
            bad[*at].pairs += 1;
        }
    }
    // The sort is stable: of equal size the order of the plan stays.
    bad.sort_by_key(|bad| (bad.accepted.is_some(), bad.first.case.faults.len(), bad.end));
    let idle = accepts.iter().enumerate().filter_map(|(n, accepted)| {
        let unused = accepted.when.iter().enumerate().filter(|(by, _)| !used.contains(&(n, *by)));
        let when: Vec<String> = unused.map(|(_, text)| text.clone()).collect();
        (!when.is_empty()).then(|| Accepted { when, ..accepted.clone() })
    });
    let idle = idle.collect();
    Exploration { modes: Vec::new(), left_out: Vec::new(), singles, pairs: count, pair_ends, bad, idle }
}

/// The fault of a pair that alone, in the same mode, has the same bad end or a worse one.
fn suffices<'a>(alone: &BTreeMap<(Mode, Fault), End>, tried: &'a Tried) -> Option<&'a Fault> {
    let ends = |fault: &&Fault| {
        alone.get(&(tried.case.mode, (*fault).clone())).is_some_and(|end| end.is_bad() && *end <= tried.end)
    };
    tried.case.faults.iter().find(ends)
}

/// Which of a line's alternatives accepts a case: its end, its mode, and all faults of the alternative are there.
fn covers(accepted: &Accepted, tried: &Tried) -> Option<usize> {
    let mode = accepted.modes.as_ref().is_none_or(|modes| modes.contains(&tried.case.mode));
    if tried.end.bad() != Some(accepted.end) || !mode {
        return None;
    }
    let means = |text: &String| text.parse().is_ok_and(|together: Together| together.means(&tried.case.faults));
    accepted.when.iter().position(means)
}

/// What makes two cases one to a reader: the kinds of their faults and what came of it.
fn cause(tried: &Tried) -> String {
    let kinds: Vec<&str> = tried.case.faults.iter().map(|fault| fault.kind.as_str()).collect();
    format!("{}: {}", kinds.join(" and "), tried.why.first().map_or("", String::as_str))
}
