//! What no probe sees: users of a drill without services, and services whose probe goes past what the drill moves.

use super::{View, gives_back};
use crate::catalogue::{Act, Part, Probe, split_url};
use crate::diagnostic::Diagnostic;
use crate::id::ResourceId;
use crate::infrastructure::simulate::SimulatedResource;
use crate::infrastructure::twin;
use crate::model::Leg;
use crate::resource::Resolver;

pub(super) fn check(view: &View<'_>, diagnostics: &mut Vec<Diagnostic>) {
    if view.playbook.services.is_empty() {
        let moves = view.steps_of(Leg::Failover).find(|step| gives_back(view.act(*step)));
        if let Some(step) = moves {
            diagnostics.push(
                Diagnostic::warning(
                    "M093",
                    format!(
                        "`{}` moves users, and there are no services: no probe sees whether they are served",
                        view.id(step)
                    ),
                )
                .at(view.names[step].place())
                .help(
                    "declare under `services:` what users use, each with a `probe:`; recovery time is measured by them",
                ),
            );
        }
        return;
    }
    let switched: Vec<(&ResourceId, usize)> = view
        .plan
        .steps
        .iter()
        .enumerate()
        .filter(|(_, step)| step.applies && matches!(step.act.describe().part(), Part::Switch(_)))
        .flat_map(|(number, step)| match &step.act {
            Act::DnsSwitch(switch) => switch.records.0.iter().map(|record| (record, number)).collect(),
            _ => Vec::new(),
        })
        .collect();
    for (service, name) in &view.playbook.services {
        let moved = || switched.iter().filter(|(record, _)| service.depends_on.contains(record));
        let Some((_, step)) = moved().next().copied() else { continue };
        // One part of it that goes the users' way sees the switch.
        let past: Option<Vec<String>> = service
            .probe
            .probe
            .leaves()
            .into_iter()
            .map(|leaf| past(leaf, |host| moved().any(|(record, _)| named(view, record, host))))
            .collect();
        let Some(why) = past.filter(|past| !past.is_empty()).map(|past| past.join(" and ")) else { continue };
        diagnostics.push(
            Diagnostic::warning(
                "M094",
                format!("the probe of `{}` {why}, and not the names that `{}` moves", service.id, view.id(step)),
            )
            .at(name.place_of_key("probe"))
            .label(view.names[step].place(), "moved here")
            .help("probe it as users reach it, through the moved name and a resolver: else the switch is not seen"),
        );
    }
}

/// How a probe goes past the names that are moved; nothing where it goes through one, or where that can't be known.
fn past(probe: &Probe, moved: impl Fn(&str) -> bool) -> Option<String> {
    let (host, resolver) = match probe {
        Probe::Http(probe) => (split_url(&probe.url).map_or("", |(host, _, _)| host), &probe.resolver),
        Probe::Tcp(probe) => (probe.host.as_str(), &probe.resolver),
        Probe::Tls(probe) => (probe.host.as_str(), &probe.resolver),
        Probe::Postgres(probe) => (probe.host.as_str(), &probe.resolver),
        Probe::Dns(probe) => (probe.name.as_str(), &Resolver::System),
        Probe::Command(_) | Probe::Several(_) => return None,
    };
    if matches!(resolver, Resolver::Fixed(_)) {
        return Some("goes to a fixed address".to_owned());
    }
    (!moved(host)).then(|| format!("asks {host}"))
}

/// Whether `host` is the name of `record`.
fn named(view: &View<'_>, record: &ResourceId, host: &str) -> bool {
    let plain = |name: &str| name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let binding = view.infrastructure.resources.get(record);
    match binding.map(twin::resource) {
        Some(Ok(SimulatedResource::Dns(dns))) => plain(&dns.name.unwrap_or_else(|| record.to_string())) == plain(host),
        // What it is called is not known.
        _ => true,
    }
}
