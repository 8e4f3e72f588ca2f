//! The time in the secondary region: how long, with what capacity, and how normal functioning came back.

use super::{facts, text};
use crate::id::RegionRole;
use crate::model::{Leg, Showing};
use crate::record::showing::{self, Holds};
use crate::record::{LegVerdict, Record};
use crate::report::rehearsal::{Block, Chapter};
use crate::resource::{ResourceState, Seen};

/// Its chapter.
pub(super) fn chapter_of(record: &Record) -> Vec<Block> {
    let reached = |leg: Leg| record.legs.iter().any(|it| it.leg == leg && it.verdict != LegVerdict::NotReached);
    if !reached(Leg::Failover) {
        return vec![Block::Text("The run did not come to the secondary region.".to_owned())];
    }
    let fact = |showing| {
        let fact = showing::fact(record, showing);
        let sign = match fact.holds {
            Holds::Shown => "shown",
            Holds::NotShown => "not shown",
            Holds::Contrary => "the contrary was seen",
        };
        text(format!("{sign}: {}", fact.text))
    };
    let long = showing::time_elsewhere(record);
    let back = record.legs.iter().find(|leg| leg.leg == Leg::Return);
    let came_back = match back {
        None => "the way back is no part of this run".to_owned(),
        Some(leg) if leg.verdict == LegVerdict::NotReached => "the run did not come to the way back".to_owned(),
        Some(leg) => format!("the return {}; recovery time {}; data loss {}", leg.verdict, leg.rta, leg.rpa),
    };
    vec![facts(vec![
        (
            "Ran in the secondary region for",
            long.map_or_else(
                || "not known: users were not seen to be served there".to_owned(),
                |long| long.to_string(),
            ),
        ),
        ("Served there", fact(Showing::ServedElsewhere)),
        ("Stayed there", fact(Showing::StayedElsewhere)),
        ("Capacity there", fact(Showing::CapacityElsewhere)),
        ("Servers before and at the end", text(servers(record))),
        ("Return to normal functioning", text(came_back)),
        ("Normal at the end", fact(Showing::Returned)),
    ])]
}

/// As a chapter.
pub(super) fn chapter(record: &Record) -> Chapter {
    super::chapter("In the secondary region, and back to normal", chapter_of(record))
}

/// How many servers each group had there before and at the end.
fn servers(record: &Record) -> String {
    let count = |state: Option<&ResourceState>| match state {
        Some(ResourceState::Compute(state)) => match state.regions.get(&RegionRole::Secondary) {
            Some(Seen::Is(group)) => Some(group.running.to_string()),
            Some(Seen::Unreachable(_)) | None => None,
        },
        _ => None,
    };
    let told: Vec<String> = record
        .before
        .iter()
        .filter(|(_, state)| matches!(state, ResourceState::Compute(_)))
        .map(|(id, state)| {
            let after = record.after.as_ref().and_then(|after| count(after.get(id)));
            let unseen = || "not seen".to_owned();
            format!(
                "{id}: {} before, {} at the end",
                count(Some(state)).unwrap_or_else(unseen),
                after.unwrap_or_else(unseen)
            )
        })
        .collect();
    if told.is_empty() { "no servers are part of the plan".to_owned() } else { told.join("; ") }
}
