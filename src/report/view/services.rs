//! What users saw: services, outages, canaries, DNS, guardrails.

use schemars::JsonSchema;
use serde::Serialize;

use super::summary::measured;
use super::{LIST_MAX, Mark, Tone, clock, count, line, or_dash};
use crate::catalogue::OnFailure;
use crate::event::ServerKind;
use crate::model::Stands;
use crate::record::{
    CanaryRecord, DnsChange, DnsRecord, DnsSwitchRecord, GuardrailRecord, OutageRecord, Record, ServiceRecord,
    WitnessRecord,
};
use crate::resource::HealthState;
use crate::time::Moment;

/// A service.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct ServiceView {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) probe: String,
    pub(crate) rhythm: String,
    pub(crate) state: Mark,
    pub(crate) samples: String,
    pub(crate) downtime: String,
    pub(crate) latency: String,
    pub(crate) failures: Vec<String>,
}

/// An outage.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct OutageView {
    pub(crate) service: String,
    pub(crate) leg: String,
    pub(crate) began: String,
    pub(crate) ended: String,
    pub(crate) length: String,
    pub(crate) range: String,
    pub(crate) failed: u64,
    pub(crate) saw: String,
}

/// A canary in a leg.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct CanaryLegView {
    pub(crate) leg: String,
    pub(crate) actual: String,
    pub(crate) range: String,
    pub(crate) objective: String,
    pub(crate) result: Mark,
    pub(crate) rows: String,
}

/// A canary.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct CanaryView {
    pub(crate) id: String,
    pub(crate) of: String,
    pub(crate) every: String,
    pub(crate) rows: String,
    pub(crate) legs: Vec<CanaryLegView>,
}

/// A change of an answer.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct AnswerView {
    pub(crate) at: String,
    pub(crate) server: String,
    pub(crate) kind: &'static str,
    pub(crate) values: String,
    pub(crate) serves: String,
}

/// A switch.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct SwitchView {
    pub(crate) step: String,
    pub(crate) to: String,
    pub(crate) done: String,
    pub(crate) old_ttl: String,
    pub(crate) resolvers: String,
    pub(crate) worst: String,
    /// Each server, when it first gave the new answer, and how long after the switch began to act that was.
    pub(crate) servers: Vec<ServerView>,
}

/// A server's cut-over.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct ServerView {
    pub(crate) server: String,
    pub(crate) kind: &'static str,
    pub(crate) moved: String,
    pub(crate) after: String,
}

/// A DNS record.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct DnsView {
    pub(crate) record: String,
    pub(crate) switches: Vec<SwitchView>,
    pub(crate) answers: Vec<AnswerView>,
    pub(crate) more: usize,
}

/// A guardrail.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct GuardrailView {
    pub(crate) name: String,
    pub(crate) watches: String,
    pub(crate) result: Mark,
    pub(crate) breaks: Vec<String>,
}

/// A state of health as a mark with its word.
fn health(state: HealthState) -> Mark {
    match state {
        HealthState::Healthy => Mark::new(Tone::Good, "up"),
        HealthState::Unhealthy => Mark::new(Tone::Bad, "down"),
        HealthState::Unknown => Mark::new(Tone::Doubt, "unknown"),
    }
}

pub(super) fn service(service: &ServiceRecord) -> ServiceView {
    let mut samples = vec![count(service.samples, "sample"), format!("{} failed", service.failed)];
    for (number, what) in [
        (service.failed_outside, "failed outside outages"),
        (service.unknown, "unknown (the witness failed too)"),
        (service.missing, "not taken"),
    ] {
        if number > 0 {
            samples.push(format!("{number} {what}"));
        }
    }
    ServiceView {
        id: service.id.to_string(),
        title: line(&service.title),
        probe: line(&service.probe),
        rhythm: format!(
            "every {}; down after {} bad in a row, up after {} good",
            service.every, service.unhealthy_after, service.healthy_after
        ),
        state: health(service.state),
        samples: samples.join(", "),
        downtime: service.downtime.to_string(),
        latency: service
            .latency
            .map_or_else(|| "–".to_owned(), |latency| format!("{} / {} / {}", latency.p50, latency.p95, latency.max)),
        failures: service.failures.iter().take(8).map(line).collect(),
    }
}

pub(super) fn outages(record: &Record) -> Vec<OutageView> {
    let all = record.services.iter().flat_map(|service| service.outages.iter().map(move |outage| (service, outage)));
    let mut all: Vec<(&ServiceRecord, &OutageRecord)> = all.collect();
    all.sort_by_key(|(_, outage)| outage.outage.start());
    all.into_iter().take(LIST_MAX).map(|(service, outage)| one_outage(service, outage)).collect()
}

fn one_outage(service: &ServiceRecord, record: &OutageRecord) -> OutageView {
    let outage = &record.outage;
    let (length, range) = measured(&record.length);
    OutageView {
        service: line(&service.title),
        leg: record.leg.to_string(),
        began: match outage.last_healthy {
            Some(last) => format!("{} to {}", clock(last), clock(outage.first_bad)),
            None => format!("before {}", clock(outage.first_bad)),
        },
        ended: outage.recovery.map_or_else(
            || "not seen".to_owned(),
            |recovery| format!("{} to {}", clock(outage.last_bad), clock(recovery.answered)),
        ),
        length,
        range,
        failed: outage.failed,
        saw: line(&outage.saw),
    }
}

pub(super) fn witness(witness: &WitnessRecord) -> String {
    let blind = match witness.blind.len() {
        0 => "Muster was never the one cut off".to_owned(),
        times => {
            let spans: Vec<String> =
                witness.blind.iter().take(5).map(|(from, to)| format!("{} to {}", clock(*from), clock(*to))).collect();
            format!("Muster may have been the one cut off {}: {}", count(times as u64, "time"), spans.join(", "))
        }
    };
    line(format!("{}; {}, {} failed; {blind}", witness.probe, count(witness.samples, "sample"), witness.failed))
}

pub(super) fn canary(canary: &CanaryRecord) -> CanaryView {
    let legs = canary.legs.iter().map(|leg| {
        let (actual, range) = measured(&leg.rpa);
        let mut rows = Vec::new();
        for (number, what) in [
            (leg.acknowledged, "acknowledged"),
            (leg.lost, "lost"),
            (leg.survived_unacknowledged, "survived unacknowledged"),
        ] {
            rows.extend(number.map(|number| format!("{number} {what}")));
        }
        CanaryLegView {
            leg: leg.leg.to_string(),
            actual,
            range,
            objective: leg.rpo.map_or_else(|| "none stated".to_owned(), |rpo| rpo.to_string()),
            result: Mark::of(leg.judgement),
            rows: if rows.is_empty() { "not counted".to_owned() } else { rows.join(", ") },
        }
    });
    CanaryView {
        id: canary.id.to_string(),
        of: format!("{} {}", canary.kind, canary.of),
        every: canary.every.to_string(),
        rows: format!("{} acknowledged, {} refused or not answered", canary.acknowledged, canary.failed),
        legs: legs.collect(),
    }
}

pub(super) fn dns(whole: &Record, record: &DnsRecord) -> DnsView {
    let switches = record.switches.iter().take(LIST_MAX).map(|switch| SwitchView {
        servers: servers(whole, record, switch),
        step: switch.step.to_string(),
        to: switch.to.to_string(),
        done: clock(switch.done),
        old_ttl: or_dash(switch.old_ttl),
        resolvers: switch.resolvers_done.map_or_else(|| "not seen".to_owned(), clock),
        worst: switch.worst_case_until.map_or_else(|| "not known".to_owned(), clock),
    });
    DnsView {
        record: record.record.to_string(),
        switches: switches.collect(),
        answers: record.answers.iter().take(LIST_MAX).map(answer).collect(),
        more: record.answers.len().saturating_sub(LIST_MAX),
    }
}

/// When each server that was watched gave the answer of a switch.
fn servers(whole: &Record, record: &DnsRecord, switch: &DnsSwitchRecord) -> Vec<ServerView> {
    let step = whole.steps.iter().find(|step| step.id == switch.step);
    let began = step.and_then(|step| step.started).unwrap_or(switch.done);
    // What was answered after the next switch began is that one's.
    let next = record.switches.iter().filter(|other| other.done > switch.done);
    let next = next.filter_map(|other| whole.steps.iter().find(|step| step.id == other.step)?.started);
    let next = next.min().unwrap_or(Moment::MAX);
    let mut names: Vec<(ServerKind, &str)> =
        record.answers.iter().map(|answer| (answer.server_kind, answer.server.as_str())).collect();
    names.sort_unstable();
    names.dedup();
    let one = |(kind, server): (ServerKind, &str)| {
        let mine = record.answers.iter().filter(|it| it.server == server && it.server_kind == kind);
        let moved = mine.filter(|it| it.serves == Some(switch.to) && it.asked >= began && it.asked < next);
        let moved = moved.map(|it| it.asked).min();
        ServerView {
            server: line(server),
            kind: kind_word(kind),
            moved: moved.map_or_else(|| "not seen".to_owned(), clock),
            after: moved.map_or_else(|| "–".to_owned(), |moved| moved.since(began).to_string()),
        }
    };
    names.into_iter().take(LIST_MAX).map(one).collect()
}

fn kind_word(kind: ServerKind) -> &'static str {
    match kind {
        ServerKind::Authoritative => "authoritative",
        ServerKind::Resolver => "resolver",
    }
}

fn answer(answer: &DnsChange) -> AnswerView {
    AnswerView {
        at: clock(answer.asked),
        server: line(&answer.server),
        kind: kind_word(answer.server_kind),
        values: line(answer.values.join(", ")),
        serves: answer.serves.map_or_else(|| "neither region".to_owned(), |role| role.to_string()),
    }
}

pub(super) fn guardrail(guardrail: &GuardrailRecord) -> GuardrailView {
    let watches = match (&guardrail.watches, guardrail.broken_after) {
        (watches, _) if watches.is_empty() => "built in".to_owned(),
        (watches, Some(after)) => format!("{watches}; broken after {after}"),
        (watches, None) => watches.clone(),
    };
    let broken = guardrail.broken.iter().map(|it| (it.at, format!("{}; then {}", it.seen, then(it.then))));
    let looks = guardrail.looks.iter().map(|it| {
        let stands = match it.stands {
            Stands::Holds => "it holds",
            Stands::Fails => "it does not hold",
            Stands::Quiet => "it is not judged",
        };
        (it.at, format!("{stands}: {}", it.seen))
    });
    let mut told: Vec<_> = looks.chain(broken).collect();
    // Stable: a look comes before the break that follows from it.
    told.sort_by_key(|(at, _)| *at);
    let breaks = told.into_iter().take(LIST_MAX).map(|(at, text)| line(format!("{}: {text}", clock(at)))).collect();
    let result = if guardrail.broken.is_empty() {
        Mark::new(Tone::Good, "held")
    } else {
        Mark::new(Tone::Bad, format!("broken {}", count(guardrail.broken.len() as u64, "time")))
    };
    GuardrailView { name: line(&guardrail.name), watches: line(watches), result, breaks }
}

/// What a failure leads to, in one word.
fn then(then: OnFailure) -> &'static str {
    match then {
        OnFailure::Undo => "undo",
        OnFailure::Pause => "pause",
        OnFailure::Stop => "stop",
        OnFailure::Continue => "continue",
    }
}
