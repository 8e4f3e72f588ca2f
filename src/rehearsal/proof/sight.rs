//! Where a record tells of a check, and whether it is red there.

use crate::id::{ProbeId, ResourceId, ServiceId, StepId};
use crate::measure::Judgement;
use crate::model::Leg;
use crate::record::{HappeningKind, Record, verdict};

/// Where a record tells of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    /// In the failure of a step, which has each of these texts in it.
    Step {
        /// The step.
        step: StepId,
        /// What its failure says if it is this condition that failed.
        says: Vec<String>,
    },
    /// In the time that a step took.
    Within(StepId),
    /// In an outage of a service, of which the first failed sample saw this.
    Samples(ServiceId, String),
    /// Among the guardrails that broke.
    Guardrail(String),
    /// In a split brain of this resource.
    TwoWriters(ResourceId),
    /// In the judgement on a recovery time: of a service, else of all together.
    Rto(Leg, Option<ServiceId>),
    /// In the judgement on a loss: of a canary, else the worst of all.
    Rpo(Leg, Option<ProbeId>),
    /// Among the reasons: more was lost than is accepted.
    Accepted,
}

/// What a record tells of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Colour {
    /// It failed, was missed, or broke; what is said of it.
    Red(String),
    /// It holds.
    Green,
    /// It was not judged, or failed of something else; what the record says instead.
    Unseen(String),
}

impl Sight {
    /// What `record` tells of the check; `without` is the record of the same run with nothing wrong.
    #[must_use]
    pub fn colour(&self, record: &Record, without: &Record) -> Colour {
        match self {
            Self::Step { step, says } => of_step(record, step, says),
            Self::Within(id) => {
                let within = record.steps.iter().find(|step| step.id == *id).and_then(|step| step.within);
                match within {
                    Some(it) => judged(it.judgement, || {
                        let took = it.counted.map_or_else(|| "longer".to_owned(), |counted| counted.to_string());
                        format!("took {took}, {} was its objective", it.within)
                    })
                    .unwrap_or_else(|| instead(record)),
                    None => instead(record),
                }
            }
            Self::Samples(id, says) => {
                let service = record.services.iter().find(|service| service.id == *id);
                // Both runs are alike up to where something goes wrong; what follows from that is another matter.
                let usual = without.services.iter().find(|service| service.id == *id);
                let is_usual =
                    |first_bad| usual.is_some_and(|it| it.outages.iter().any(|it| it.outage.first_bad == first_bad));
                let mut outages = service.iter().flat_map(|service| &service.outages);
                match outages.find(|it| !is_usual(it.outage.first_bad)) {
                    Some(it) if it.outage.saw.contains(says.as_str()) => Colour::Red(it.outage.saw.clone()),
                    Some(it) => Colour::Unseen(format!("its samples failed of something else: {}", it.outage.saw)),
                    None if service.is_some_and(|service| service.samples > 0) => Colour::Green,
                    None => instead(record),
                }
            }
            Self::Guardrail(name) => {
                let guardrail = record.guardrails.iter().find(|guardrail| guardrail.name == *name);
                match guardrail.and_then(|guardrail| guardrail.broken.first()) {
                    Some(broken) => Colour::Red(broken.seen.clone()),
                    None => Colour::Green,
                }
            }
            Self::TwoWriters(resource) => {
                let told = |text: &str| text.starts_with(&format!("{resource}:"));
                let mut all = record.timeline.iter().filter(|it| it.kind == HappeningKind::SplitBrain);
                all.find(|it| told(&it.text)).map_or(Colour::Green, |it| Colour::Red(it.text.clone()))
            }
            Self::Rto(leg, None) => {
                let found = record.legs.iter().find(|it| it.leg == *leg);
                found
                    .and_then(|it| judged(it.rto_judgement, || format!("missed: {}", it.rta)))
                    .unwrap_or_else(|| instead(record))
            }
            Self::Rto(leg, Some(id)) => {
                let service = record.services.iter().find(|service| service.id == *id);
                let found = service.and_then(|service| service.legs.iter().find(|it| it.leg == *leg));
                found
                    .and_then(|it| judged(it.judgement, || format!("missed: {}", it.rta)))
                    .unwrap_or_else(|| instead(record))
            }
            Self::Rpo(leg, None) => {
                let found = record.legs.iter().find(|it| it.leg == *leg);
                found
                    .and_then(|it| judged(it.rpo_judgement, || format!("missed: {}", it.rpa)))
                    .unwrap_or_else(|| instead(record))
            }
            Self::Rpo(leg, Some(id)) => {
                let canary = record.canaries.iter().find(|canary| canary.id == *id);
                let found = canary.and_then(|canary| canary.legs.iter().find(|it| it.leg == *leg));
                found
                    .and_then(|it| judged(it.judgement, || format!("missed: {}", it.rpa)))
                    .unwrap_or_else(|| instead(record))
            }
            Self::Accepted => verdict::lost_too_much(record).map_or(Colour::Green, Colour::Red),
        }
    }
}

fn of_step(record: &Record, id: &StepId, says: &[String]) -> Colour {
    let Some(step) = record.steps.iter().find(|step| step.id == *id) else { return instead(record) };
    if step.state.is_good() {
        return Colour::Green;
    }
    match step.failure.as_deref().filter(|_| step.state.is_bad()) {
        Some(failure) if says.iter().all(|text| failure.contains(text.as_str())) => Colour::Red(failure.to_owned()),
        Some(failure) if first_failure(record).is_some_and(|first| first.id == *id) => {
            Colour::Unseen(format!("it failed of something else: {failure}"))
        }
        _ => instead(record),
    }
}

fn judged(judgement: Judgement, red: impl FnOnce() -> String) -> Option<Colour> {
    match judgement {
        Judgement::Missed => Some(Colour::Red(red())),
        Judgement::Met => Some(Colour::Green),
        Judgement::Undecided | Judgement::NotMeasured | Judgement::NoObjective => None,
    }
}

/// The step that failed first, if one did.
fn first_failure(record: &Record) -> Option<&crate::record::StepRecord> {
    record.steps.iter().filter(|step| step.state.is_bad()).min_by_key(|step| step.ended)
}

/// What happened in place of a judgement.
fn instead(record: &Record) -> Colour {
    let broken = record.guardrails.iter().filter_map(|it| Some((it.broken.first()?.at, it)));
    let broken = broken.min_by_key(|(at, _)| *at);
    let failed = first_failure(record);
    let why = match (failed.and_then(|step| step.ended.map(|at| (at, step))), broken) {
        (Some((at, step)), broken) if broken.is_none_or(|(earlier, _)| at <= earlier) => {
            let what = step.failure.as_deref().unwrap_or("no reason given");
            format!("step {} stops the drill first: {what}", step.id)
        }
        (_, Some((_, guardrail))) => format!("the guardrail {} stops the drill first", guardrail.name),
        _ => match record.ended.reasons.first() {
            Some(reason) => format!("it was not judged: {reason}"),
            None => "nothing went red".to_owned(),
        },
    };
    Colour::Unseen(why)
}
