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
        let mut moved = switched.iter().filter(|(record, _)| service.depends_on.contains(record)).peekable();
        let Some((_, step)) = moved.peek().copied() else { continue };
        // One part of a combination that goes by the name will do; a program's own ways are not known.
        let asked: Vec<(&str, &Resolver)> = service.probe.probe.leaves().into_iter().filter_map(goes_to).collect();
        let Some((host, resolver)) = asked.first().copied() else { continue };
        let moved: Vec<&ResourceId> = moved.by_ref().map(|(record, _)| *record).collect();
        let by_name = |(host, resolver): &(&str, &Resolver)| {
            !matches!(resolver, Resolver::Fixed(_)) && moved.iter().any(|record| named(view, record, host))
        };
        if asked.iter().any(by_name) {
            continue;
        }
        let why = match resolver {
            Resolver::Fixed(_) => "goes to a fixed address".to_owned(),
            _ => format!("asks {host}"),
        };
        diagnostics.push(
            Diagnostic::warning(
                "M094",
                format!("the probe of `{}` {why}, and not the names that `{}` moves", service.id, view.id(*step)),
            )
            .at(name.place_of_key("probe"))
            .label(view.names[*step].place(), "moved here")
            .help("probe it as users reach it, through the moved name and a resolver: else the switch is not seen"),
        );
    }
}

/// The host that a probe asks, and who resolves its name.
fn goes_to(probe: &Probe) -> Option<(&str, &Resolver)> {
    match probe {
        Probe::Http(it) => Some((split_url(&it.url).map_or("", |(host, _, _)| host), &it.resolver)),
        Probe::Tcp(it) => Some((it.host.as_str(), &it.resolver)),
        Probe::Tls(it) => Some((it.host.as_str(), &it.resolver)),
        Probe::Postgres(it) => Some((it.host.as_str(), &it.resolver)),
        Probe::Dns(it) => Some((it.name.as_str(), &Resolver::System)),
        Probe::Command(_) | Probe::Several(_) => None,
    }
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
