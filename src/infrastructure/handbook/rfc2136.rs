//! By hand in place of the provider `rfc2136`: `knsupdate` (or `nsupdate`, which reads the same) and `kdig`.

use serde_json::Value;

use super::{Ask, Deed, Instruction, Reliance, RelianceKind, Touched, shell};
use crate::infrastructure::real::from_json;
use crate::infrastructure::real::rfc2136::Rfc2136;
use crate::resource::ResourceState;
use crate::time::Span;

/// The TTL of a record that is not there yet.
const TTL: Span = Span::from_secs(60);

pub(super) fn by_hand(ask: &Ask<'_>) -> Result<Vec<Instruction>, String> {
    let it: Rfc2136 = from_json(ask.settings)?;
    let before = match ask.before {
        Some(ResourceState::Dns(state)) => Some(&state.record),
        _ => None,
    };
    // A record that is there keeps its TTL.
    let ttl = before.filter(|record| !record.values.is_empty()).map(|record| record.ttl);
    let ttl = ttl.unwrap_or_else(|| it.ttl.map_or(TTL, |period| period.0));
    let values = match ask.deed {
        Deed::Point { to } => Some(it.values(*to)),
        Deed::PutBack => before.map(|record| record.values.clone()).filter(|values| !values.is_empty()),
        _ => None,
    };
    let look = look(&it);
    Ok(match (ask.deed, values) {
        (Deed::Point { .. } | Deed::PutBack, Some(values)) => {
            let told =
                format!("set {} {} to {} (`nsupdate` reads the same lines)", it.name, it.record_type, values.join(" "));
            vec![Instruction::typed(told, update(&it, ttl, &values)), look]
        }
        (Deed::PutBack, None) => {
            let told = format!("give {} the values that it had; they could not be seen when this was written", it.name);
            vec![Instruction::said(told), look]
        }
        _ => vec![look],
    })
}

fn update(it: &Rfc2136, ttl: Span, values: &[String]) -> String {
    let name = format!("{}.", it.name.trim_end_matches('.'));
    let algorithm = serde_json::to_value(it.key.algorithm).unwrap_or_default();
    let mut lines = vec![
        "knsupdate <<END".to_owned(),
        format!("server {} {}", it.server.0.ip(), it.server.0.port()),
        format!("zone {}.", it.zone.trim_end_matches('.')),
        format!(
            "key {}:{} {}",
            algorithm.as_str().unwrap_or_default(),
            it.key.name,
            shell::bare_secret(&it.key.secret)
        ),
        format!("update delete {name} {}", it.record_type),
    ];
    let seconds = ttl.as_millis() / 1000;
    let add = |value: &String| format!("update add {name} {seconds} {} {value}", it.record_type);
    lines.extend(values.iter().map(add));
    lines.extend(["send".to_owned(), "END".to_owned()]);
    lines.join("\n")
}

fn look(it: &Rfc2136) -> Instruction {
    let servers = if it.authoritative.is_empty() { std::slice::from_ref(&it.server) } else { &it.authoritative };
    let ask = |address: &crate::infrastructure::real::ServerAddress| {
        let (ip, port) = (address.0.ip(), address.0.port());
        format!("kdig @{ip} -p {port} {} {} +noall +answer", it.name.trim_end_matches('.'), it.record_type)
    };
    let lines: Vec<String> = servers.iter().chain(&it.resolvers).map(ask).collect();
    let whom = if it.resolvers.is_empty() { "every name server" } else { "every name server, then every resolver" };
    Instruction::typed(format!("see what {whom} answers (`dig` takes the same)"), lines.join("\n"))
}

pub(super) fn makes(resource: &str, settings: &Value, touched: Touched) -> Vec<String> {
    let Ok(it) = from_json::<Rfc2136>(settings) else { return Vec::new() };
    let mark =
        format!("{resource}: a mark, the TXT record _muster.{}; removed at the end", it.name.trim_end_matches('.'));
    touched.changed.then_some(mark).into_iter().collect()
}

pub(super) fn relies(resource: &str, settings: &Value) -> Vec<Reliance> {
    let Ok(it) = from_json::<Rfc2136>(settings) else { return Vec::new() };
    let server = |address: &crate::infrastructure::real::ServerAddress, purpose: &str| {
        Reliance::new(RelianceKind::NameServer, address.0.to_string(), format!("{resource}: {purpose}"))
    };
    let mut all = vec![server(&it.server, "takes its updates")];
    all.extend(it.authoritative.iter().map(|address| server(address, "must answer with the change")));
    all.extend(it.resolvers.iter().map(|address| server(address, "is watched for the change")));
    all.push(Reliance::secret(&it.key.secret, format!("{resource}: the TSIG key {}", it.key.name)));
    all
}
