//! By hand in place of the provider `exec`: the program itself, with the same line that Muster would hand over.

use serde_json::{Value, json};

use super::{Ask, Deed, Instruction, Reliance, Touched, program, shell};
use crate::infrastructure::real::exec::Exec;
use crate::infrastructure::real::from_json;
use crate::resource::{ResourceState, RestorePoint};

/// What a call is, by the protocol in `docs/providers/exec.md`.
struct Call {
    verb: &'static str,
    act: &'static str,
    args: Value,
    errand: &'static str,
}

fn call(verb: &'static str, act: &'static str, args: Value) -> Call {
    Call { verb, act, args, errand: "do" }
}

pub(super) fn by_hand(ask: &Ask<'_>) -> Result<Vec<Instruction>, String> {
    let it: Exec = from_json(ask.settings)?;
    let words = ask.deed.words(ask.resource);
    let Some(calls) = calls(ask, &it) else { return Ok(vec![Instruction::said(words)]) };
    let lines: Vec<String> = calls.iter().map(|call| line(ask, &it, call)).collect();
    let told = format!("{words}; the program answers with `ok` where that went well");
    Ok(vec![Instruction::typed(told, lines.join("\n"))])
}

/// The calls that make up a deed; `None` where what to say can't be known now.
fn calls(ask: &Ask<'_>, it: &Exec) -> Option<Vec<Call>> {
    let record = match ask.before {
        Some(ResourceState::Dns(state)) => json!({ "values": state.record.values, "ttl": state.record.ttl.short() }),
        _ => Value::Null,
    };
    let to = |values: Vec<String>| {
        let ttl = record
            .get("ttl")
            .cloned()
            .unwrap_or_else(|| json!(it.ttl.map_or_else(|| "60s".to_owned(), |ttl| ttl.0.short())));
        json!({ "values": values, "ttl": ttl })
    };
    let region = |region| json!({ "region": region });
    Some(match ask.deed {
        Deed::Look { .. } => vec![call("observe", "observe", Value::Null)],
        // What stands there is what the program demands to find: it is read first.
        Deed::Point { to: role } => {
            let target = to(it.values(*role));
            vec![call("apply", "change", json!({ "expected": record, "to": target }))]
        }
        Deed::PutBack if record.is_null() => return None,
        Deed::PutBack => {
            let values = |role| it.values(role);
            let [one, other] = [crate::id::RegionRole::Primary, crate::id::RegionRole::Secondary];
            let there = if record["values"] == json!(values(one)) { values(other) } else { values(one) };
            vec![Call { errand: "undo", ..call("apply", "change", json!({ "expected": to(there), "to": record })) }]
        }
        Deed::Fence { region: role } => vec![call("apply", "fence", region(role))],
        Deed::Unfence { region: role } => vec![Call { errand: "undo", ..call("undo", "fence", region(role)) }],
        Deed::Promote { to: role, .. } => vec![call("apply", "promote", region(role))],
        Deed::Replicate { from, to } => vec![call("apply", "replicate", json!({ "from": from, "to": to }))],
        Deed::Preserve { region: role } => vec![call("apply", "preserve", region(role))],
        Deed::Compare { region: role } => vec![call("ask", "verify", region(role))],
        Deed::Scale { region: role, servers: Some(servers) } => {
            vec![call("apply", "scale", json!({ "region": role, "servers": servers }))]
        }
        Deed::Scale { servers: None, .. } => return None,
        Deed::Restore { region: role, point } => {
            let point = match point {
                RestorePoint::Latest => json!("latest"),
                RestorePoint::Ago(span) => json!({ "ago": span.short() }),
            };
            let restore = call("apply", "restore", json!({ "region": role, "point": point }));
            vec![restore, call("undo", "restore", json!({ "scratch": "WHAT-IT-ANSWERED" }))]
        }
        Deed::Isolate { from, .. } => vec![call(
            "apply",
            "isolate",
            json!({ "isolated_from": from.iter().map(ToString::to_string).collect::<Vec<_>>() }),
        )],
        Deed::Rejoin { fenced, .. } => {
            vec![call(
                "apply",
                "rejoin",
                json!({ "fenced": fenced.iter().map(ToString::to_string).collect::<Vec<_>>() }),
            )]
        }
    })
}

fn line(ask: &Ask<'_>, it: &Exec, call: &Call) -> String {
    let request = json!({
        "muster": 1, "call": call.verb, "act": call.act, "kind": ask.kind.key(), "resource": ask.resource,
        "args": call.args, "settings": it.settings, "run": "by-hand", "step": "by-hand", "attempt": 1,
        "errand": call.errand, "fencing": 0,
    });
    let env = it.env.iter().map(|(name, source)| format!("{name}={} ", shell::secret(source)));
    let run = format!("{}{}", env.collect::<String>(), shell::argv(&it.command));
    let said = format!("printf '%s\\n' {}", shell::quoted(&request.to_string()));
    match &it.folder {
        Some(folder) => format!("{said} | (cd {} && {run})", shell::word(folder)),
        None => format!("{said} | {run}"),
    }
}

pub(super) fn makes(resource: &str, _settings: &Value, touched: Touched) -> Vec<String> {
    let mut all = Vec::new();
    if touched.changed {
        all.push(format!("{resource}: a mark, where its program keeps marks; removed at the end"));
    }
    if touched.canary {
        all.push(format!("{resource}: what its program makes for canaries; removed at the end"));
    }
    if touched.restored {
        all.push(format!("{resource}: what its program restores; removed by the step that restored it"));
    }
    all
}

pub(super) fn relies(resource: &str, settings: &Value) -> Vec<Reliance> {
    let Ok(it) = from_json::<Exec>(settings) else { return Vec::new() };
    let mut all = program(&it.command, &format!("{resource}: whatever is done with it"), None);
    all.extend(it.env.iter().map(|(name, source)| Reliance::secret(source, format!("{resource}: {name}"))));
    all
}
