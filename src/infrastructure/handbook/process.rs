//! By hand in place of the provider `process`: the very commands that the infrastructure file names.

use serde_json::Value;

use super::{Ask, Deed, Instruction, Reliance, Touched, program, shell};
use crate::id::RegionRole;
use crate::infrastructure::real::from_json;
use crate::infrastructure::real::process::{Group, Region, SERVER, Servers};
use crate::resource::ResourceKind;

pub(super) fn by_hand(ask: &Ask<'_>) -> Result<Vec<Instruction>, String> {
    match ask.kind {
        ResourceKind::Region => region(ask),
        _ => servers(ask),
    }
}

fn servers(ask: &Ask<'_>) -> Result<Vec<Instruction>, String> {
    let it: Servers = from_json(ask.settings)?;
    let words = ask.deed.words(ask.resource);
    Ok(match ask.deed {
        Deed::Scale { region, servers: Some(servers) } => {
            let group = it.regions.get(*region);
            let mut lines = Vec::new();
            if *servers > 0 {
                lines.push(each(&group.start, 1, (*servers).min(group.capacity)));
            }
            if *servers < group.capacity {
                lines.push(each(&group.stop, servers + 1, group.capacity));
            }
            vec![Instruction::typed(words, lines.join("\n")), status(group, *region)]
        }
        Deed::Look { region: Some(region) } => vec![status(it.regions.get(*region), *region)],
        Deed::Look { region: None } => {
            RegionRole::ALL.into_iter().map(|region| status(it.regions.get(region), region)).collect()
        }
        _ => vec![Instruction::said(words)],
    })
}

/// A command for each server of a row.
fn each(argv: &[String], first: u32, last: u32) -> String {
    format!("for server in $(seq {first} {last}); do {}; done", shell::argv_with(argv, SERVER, "server"))
}

fn status(group: &Group, region: RegionRole) -> Instruction {
    if !group.status.iter().any(|word| word.contains(SERVER)) {
        return Instruction::typed(
            format!("see the numbers of the servers that run in {region}"),
            shell::argv(&group.status),
        );
    }
    let look = shell::argv_with(&group.status, SERVER, "server");
    let line = format!(
        "for server in $(seq 1 {}); do if {look} >/dev/null; then echo \"$server runs\"; fi; done",
        group.capacity
    );
    Instruction::typed(format!("see which servers run in {region}"), line)
}

fn region(ask: &Ask<'_>) -> Result<Vec<Instruction>, String> {
    let it: Region = from_json(ask.settings)?;
    let with = |argv: &[String], more: Vec<String>| shell::argv(&argv.iter().cloned().chain(more).collect::<Vec<_>>());
    let words = ask.deed.words(ask.resource);
    let status = Instruction::typed("see from whom it is cut off; nothing is from nobody", shell::argv(&it.status));
    Ok(match ask.deed {
        Deed::Isolate { from, .. } => {
            let from = from.iter().map(ToString::to_string).collect();
            vec![Instruction::typed(words, with(&it.isolate, from)), status]
        }
        Deed::Rejoin { fenced, .. } => {
            let fenced = fenced.iter().map(ToString::to_string).collect();
            vec![Instruction::typed(words, with(&it.rejoin, fenced)), status]
        }
        Deed::Look { .. } => vec![status],
        _ => vec![Instruction::said(words)],
    })
}

/// Nothing: it keeps no marks and starts servers alone.
pub(super) fn makes(_resource: &str, _settings: &Value, _touched: Touched) -> Vec<String> {
    Vec::new()
}

pub(super) fn relies(resource: &str, settings: &Value) -> Vec<Reliance> {
    if let Ok(it) = from_json::<Servers>(settings) {
        let both = RegionRole::ALL.into_iter();
        let of = |role: RegionRole| {
            let group = it.regions.get(role);
            let purpose = format!("{resource}: starts, stops and sees servers in {role}");
            [&group.start, &group.stop, &group.status]
                .into_iter()
                .flat_map(move |argv| program(argv, &purpose, Some(role)))
                .collect::<Vec<_>>()
        };
        return both.flat_map(of).collect();
    }
    let Ok(it) = from_json::<Region>(settings) else { return Vec::new() };
    let purpose = format!("region {resource}: cuts it off, lets it in");
    // What cuts a region off should not be in it; nothing says whether it is.
    [&it.isolate, &it.rejoin, &it.status].into_iter().flat_map(|argv| program(argv, &purpose, None)).collect()
}
