//! What a change of a playbook changes: the findings of another revision beside those of this one, both with the same
//! chances, so that what differs is the change's doing and not chance's.
//!
//! Each part of the findings is told as figures and as things that are wrong ([`Told`]); what is compared is the names.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Findings;
use super::exploration::End;
use super::forecast::{Forecast, Of, Share};
use crate::measure::Judgement;
use crate::record::Record;

/// What findings come to, for comparison.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Each figure by its name.
    pub figures: BTreeMap<String, String>,
    /// What is wrong, each by its name, with what is said of it.
    pub wrong: BTreeMap<String, String>,
}

impl Told {
    /// Of one drill in each mode, with the seed, and of all that was asked for beside it.
    #[must_use]
    pub fn of(findings: &Findings, drills: &[Record]) -> Self {
        let mut told = Self::default();
        for record in drills {
            told.drill(record);
        }
        if let Some(found) = &findings.exploration {
            told.figures.insert("single faults".to_owned(), found.singles.len().to_string());
            for end in End::ALL {
                told.figures.insert(format!("single faults: {}", end.words()), found.count(end).to_string());
            }
            for bad in found.unaccepted() {
                let why = bad.first.why.first().cloned().unwrap_or_default();
                for case in std::iter::once(&bad.first.case).chain(&bad.others) {
                    told.wrong.insert(format!("{}: {case}", bad.end.words()), why.clone());
                }
            }
        }
        if let Some(forecast) = &findings.forecast {
            told.forecast(forecast);
        }
        if let Some(proof) = &findings.proof {
            let count = format!("{} of {}", proof.red(), proof.checks.len());
            told.figures.insert("checks seen red".to_owned(), count);
            for (check, because) in proof.unproven() {
                told.wrong.insert(format!("unproven: {}", check.name), because.to_owned());
            }
        }
        told
    }

    fn forecast(&mut self, forecast: &Forecast) {
        let mut put = |name: String, value: String| drop(self.figures.insert(format!("forecast: {name}"), value));
        let share = |share: &Share| format!("{:.1} %", share.share() * 100.0);
        put("runs that pass".to_owned(), share(&forecast.passed));
        for figure in &forecast.figures {
            let of = match &figure.of {
                Of::AllServices => "RTA".to_owned(),
                Of::Service { id, .. } => format!("RTA of {id}"),
                Of::AllCanaries => "RPA".to_owned(),
                Of::Canary { id } => format!("RPA by canary {id}"),
            };
            let name = |what: &str| format!("{of} of the {}, {what}", figure.leg);
            if let Some(spread) = &figure.spread {
                for (what, quantile) in [("p50", &spread.p50), ("p95", &spread.p95)] {
                    let value = quantile.value.span().map_or_else(|| "not over".to_owned(), |span| span.to_string());
                    put(name(what), value);
                }
            }
            if let Some(met) = &figure.met {
                put(name("runs that meet the objective"), share(met));
            }
        }
    }

    fn drill(&mut self, record: &Record) {
        let mode = record.header.mode;
        let mut put = |name: String, value: String| drop(self.figures.insert(format!("{mode}: {name}"), value));
        put("verdict".to_owned(), record.ended.verdict.to_string());
        put("took".to_owned(), record.header.took.to_string());
        let judged = |judgement: Judgement| match judgement {
            Judgement::NoObjective => String::new(),
            judgement => format!(", {judgement}"),
        };
        for leg in &record.legs {
            put(format!("RTA of the {}", leg.leg), format!("{}{}", leg.rta, judged(leg.rto_judgement)));
            put(format!("RPA of the {}", leg.leg), format!("{}{}", leg.rpa, judged(leg.rpo_judgement)));
        }
        for service in &record.services {
            for leg in &service.legs {
                let name = format!("RTA of {} in the {}", service.id, leg.leg);
                put(name, format!("{}{}", leg.rta, judged(leg.judgement)));
            }
        }
        for reason in &record.ended.reasons {
            self.wrong.insert(format!("{mode}: {reason}"), String::new());
        }
    }
}

/// A figure that is another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// Its name.
    pub name: String,
    /// At the other revision; none: there was none.
    pub before: Option<String>,
    /// Now; none: there is none any more.
    pub after: Option<String>,
}

/// Something wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wrong {
    /// Its name.
    pub name: String,
    /// What is said of it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub because: String,
}

/// What differs from another revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The revision, as it was asked for.
    pub revision: String,
    /// The commit that it is.
    pub commit: String,
    /// The digest of the plan there.
    pub digest: String,
    /// Figures that are others.
    pub changed: Vec<Changed>,
    /// How many are the same.
    pub same: u64,
    /// What is wrong now, and was not.
    pub new: Vec<Wrong>,
    /// What was wrong, and is no more.
    pub gone: Vec<Wrong>,
}

impl Difference {
    /// What differs between `before`, at a revision, and `after`.
    #[must_use]
    pub fn between((revision, commit, digest): (&str, &str, &str), before: &Told, after: &Told) -> Self {
        let mut names: Vec<&String> = before.figures.keys().chain(after.figures.keys()).collect();
        names.sort();
        names.dedup();
        let compared = names.into_iter().map(|name| {
            let (before, after) = (before.figures.get(name).cloned(), after.figures.get(name).cloned());
            Changed { name: name.clone(), before, after }
        });
        let (same, changed): (Vec<Changed>, Vec<Changed>) = compared.partition(|it| it.before == it.after);
        let only = |here: &Told, there: &Told| -> Vec<Wrong> {
            let own = here.wrong.iter().filter(|(name, _)| !there.wrong.contains_key(*name));
            own.map(|(name, because)| Wrong { name: name.clone(), because: because.clone() }).collect()
        };
        Self {
            revision: revision.to_owned(),
            commit: commit.to_owned(),
            digest: digest.to_owned(),
            changed,
            same: same.len() as u64,
            new: only(after, before),
            gone: only(before, after),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(figures: &[(&str, &str)], wrong: &[(&str, &str)]) -> Told {
        let map = |all: &[(&str, &str)]| all.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        Told { figures: map(figures), wrong: map(wrong) }
    }

    #[test]
    fn what_is_new_gone_changed_and_the_same_is_told_apart() {
        let before = told(&[("a", "1"), ("b", "2"), ("c", "3")], &[("x", "old"), ("y", "stays")]);
        let after = told(&[("a", "1"), ("b", "5"), ("d", "4")], &[("y", "stays"), ("z", "fresh")]);
        let found = Difference::between(("HEAD", "c0ffee", "d1"), &before, &after);
        let changed: Vec<(&str, Option<&str>, Option<&str>)> =
            found.changed.iter().map(|it| (it.name.as_str(), it.before.as_deref(), it.after.as_deref())).collect();
        assert_eq!(changed, [("b", Some("2"), Some("5")), ("c", Some("3"), None), ("d", None, Some("4"))]);
        assert_eq!(found.same, 1);
        assert_eq!(found.new, [Wrong { name: "z".to_owned(), because: "fresh".to_owned() }]);
        assert_eq!(found.gone, [Wrong { name: "x".to_owned(), because: "old".to_owned() }]);
        assert!(Difference::between(("HEAD", "c0ffee", "d1"), &before, &before).changed.is_empty());
    }
}
