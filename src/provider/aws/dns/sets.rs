//! Record sets of Route 53 as data: what a switch makes of them, and which region they send users to. Pure.

use serde::{Deserialize, Serialize};

use crate::id::RegionRole;
use crate::infrastructure::real::aws::dns::{Alias, Route53, Target, Way};
use crate::infrastructure::real::rfc2136::{plain_name, plain_value};
use crate::resource::{RecordSet, RecordType};
use crate::time::Span;

/// The TTL of a record that was not there, where the settings say none.
const TTL: i64 = 60;
/// How long an alias is kept: it has no TTL of its own, and Route 53 answers with that of load balancers.
const ALIAS_TTL: Span = Span::from_secs(60);
/// The weight of the region that users are sent to, where the other one had none to take over.
const WEIGHT: i64 = 100;

/// One record set, whole: everything that Route 53 keeps of the kinds that a drill switches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_field_names, reason = "Route 53 calls it the set's identifier")]
pub(super) struct Set {
    /// The set identifier, where there are several of a name and type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) set: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) weight: Option<i64>,
    /// `PRIMARY` or `SECONDARY`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) failover: Option<String>,
    /// The region of a latency record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) region: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ttl: Option<i64>,
    /// The values as they are written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) values: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) alias: Option<Alias>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) health_check: Option<String>,
}

impl Set {
    /// What it answers: its values, sorted, or the name that it is an alias of.
    pub(super) fn content(&self, record_type: RecordType) -> Vec<String> {
        if let Some(alias) = &self.alias {
            return vec![plain_name(&alias.name)];
        }
        let mut values: Vec<String> =
            self.values.iter().map(|value| plain_value(record_type, value).unwrap_or_else(|_| value.clone())).collect();
        values.sort();
        values.dedup();
        values
    }

    /// Makes it answer what `target` says. Its policy and its health check stay.
    fn point(&mut self, target: &Target, ttl: Option<i64>) {
        self.values.clone_from(&target.values);
        // Whether a target's health counts is Route 53's to keep, as the TTL is, unless the settings say it.
        let counted = self.alias.as_ref().and_then(|was| was.evaluate_health);
        self.alias = target.alias.clone().map(|to| {
            let counts = to.evaluate_health.or(counted).unwrap_or_default();
            Alias { evaluate_health: Some(counts), ..to }
        });
        self.ttl = if target.alias.is_some() { None } else { self.ttl.or(ttl) };
    }
}

/// What stands under a name and type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stands(pub(super) Vec<Set>);

impl Stands {
    /// As the house has it; `settings` say what it is called.
    pub(super) fn record(&self, settings: &Route53) -> RecordSet {
        let mut values: Vec<String> =
            self.live(settings.by).flat_map(|set| set.content(settings.record_type)).collect();
        values.sort();
        values.dedup();
        let seconds = |set: &Set| set.ttl.and_then(|ttl| u64::try_from(ttl).ok()).map(Span::from_secs);
        let ttl = self.0.iter().map(|set| seconds(set).unwrap_or(ALIAS_TTL)).max().unwrap_or(Span::ZERO);
        let whole = serde_json::to_value(&self.0).ok().filter(|_| !self.0.is_empty());
        RecordSet { name: plain_name(&settings.name), record_type: settings.record_type, values, ttl, whole }
    }

    /// Back from what the house has.
    pub(super) fn of(record: &RecordSet) -> Result<Self, String> {
        let Some(whole) = &record.whole else { return Ok(Self::default()) };
        serde_json::from_value(whole.clone())
            .map(Self)
            .map_err(|error| format!("a record set that can't be read: {error}"))
    }

    /// The sets that users may be answered with.
    pub(super) fn live(&self, by: Way) -> impl Iterator<Item = &Set> {
        self.0.iter().filter(move |set| match by {
            Way::Weight => set.weight.is_some_and(|weight| weight > 0),
            Way::Failover => set.failover.as_deref() == Some("PRIMARY"),
            Way::Record | Way::Latency | Way::RoutingControls | Way::HealthCheck => true,
        })
    }

    fn named<'a>(&'a self, settings: &Route53, role: RegionRole) -> Option<&'a Set> {
        self.0.iter().find(|set| set.set.is_some() && set.set == settings.targets.get(role).set)
    }

    /// Where users are sent.
    pub(super) fn serves(&self, settings: &Route53) -> Option<RegionRole> {
        RegionRole::ALL.into_iter().find(|role| match settings.by {
            Way::Record => {
                matches!(&self.0[..], [only] if only.set.is_none()
                    && only.content(settings.record_type) == settings.values(*role))
            }
            Way::Weight | Way::Failover => {
                let own = self.named(settings, *role);
                let mut live = self.live(settings.by);
                matches!((live.next(), live.next()), (Some(only), None) if Some(only) == own)
            }
            Way::Latency => {
                let content = |set: &Set| set.content(settings.record_type);
                // At home each set answers with its own region; away all of them with the other.
                RegionRole::ALL.into_iter().all(|of| {
                    let answers = if *role == RegionRole::Primary { of } else { RegionRole::Secondary };
                    self.named(settings, of).is_some_and(|set| content(set) == settings.values(answers))
                })
            }
            Way::RoutingControls | Way::HealthCheck => false,
        })
    }

    /// What is to stand so that users are sent to `role`.
    pub(super) fn pointed(&self, settings: &Route53, role: RegionRole) -> Self {
        let ttl = settings.ttl.and_then(|ttl| i64::try_from(ttl.0.0 / 1_000_000_000).ok()).unwrap_or(TTL);
        let mut to = self.clone();
        match settings.by {
            Way::Record => {
                if to.0.is_empty() {
                    to.0.push(Set::default());
                }
                for set in &mut to.0 {
                    set.point(settings.targets.get(role), Some(ttl));
                }
            }
            Way::Weight => {
                let most = self.0.iter().filter_map(|set| set.weight).max().filter(|most| *most > 0).unwrap_or(WEIGHT);
                for set in &mut to.0 {
                    let own = set.set == settings.targets.get(role).set;
                    set.weight = Some(if own { most } else { 0 });
                }
            }
            Way::Failover => {
                for set in &mut to.0 {
                    let own = set.set == settings.targets.get(role).set;
                    set.failover = Some(if own { "PRIMARY" } else { "SECONDARY" }.to_owned());
                }
            }
            Way::Latency => {
                for set in &mut to.0 {
                    let of = RegionRole::ALL.into_iter().find(|of| set.set == settings.targets.get(*of).set);
                    let answers = if role == RegionRole::Primary { of } else { Some(RegionRole::Secondary) };
                    if let Some(answers) = answers {
                        set.point(settings.targets.get(answers), Some(ttl));
                    }
                }
            }
            Way::RoutingControls | Way::HealthCheck => {}
        }
        to
    }

    /// Why these sets can't be switched by the way that the settings say, if so.
    pub(super) fn fault(&self, settings: &Route53) -> Option<String> {
        let name = &settings.name;
        if settings.by == Way::Record {
            return self.0.iter().find_map(|set| set.set.as_ref()).map(|set| {
                format!(
                    "{name} has a record set `{set}` under a routing policy: say `by: weight`, `failover` or `latency`"
                )
            });
        }
        for role in RegionRole::ALL {
            let wanted = settings.targets.get(role).set.as_deref().unwrap_or_default();
            let Some(set) = self.named(settings, role) else {
                return Some(format!("{name} has no record set `{wanted}`, which is the {role} region's"));
            };
            let (fits, policy) = match settings.by {
                Way::Weight => (set.weight.is_some(), "weighted"),
                Way::Failover => (set.failover.is_some(), "failover"),
                _ => (set.region.is_some(), "latency"),
            };
            if !fits {
                return Some(format!("the record set `{wanted}` of {name} is no {policy} record"));
            }
        }
        (settings.by != Way::Weight && self.0.len() > 2)
            .then(|| format!("{name} has {} record sets, and a drill knows two", self.0.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Route53 {
        serde_json::from_str(text).unwrap()
    }

    fn of(by: &str) -> Route53 {
        settings(&format!(
            r#"{{"name":"code.example.test","zone":"Z1","by":"{by}","targets":{{
                "primary":{{"set":"one","values":["192.0.2.1"]}},"secondary":{{"set":"two","values":["198.51.100.1"]}}}}}}"#
        ))
    }

    fn set(name: &str, value: &str) -> Set {
        Set { set: Some(name.into()), ttl: Some(60), values: vec![value.into()], ..Set::default() }
    }

    /// Switching there and back: who serves on each side, and whether the way back ends where it began.
    #[track_caller]
    fn there_and_back(settings: &Route53, home: &Stands) -> Stands {
        assert_eq!(home.serves(settings), Some(RegionRole::Primary), "{home:?}");
        assert_eq!(home.fault(settings), None);
        let away = home.pointed(settings, RegionRole::Secondary);
        assert_eq!(away.serves(settings), Some(RegionRole::Secondary), "{away:?}");
        assert_eq!(away.record(settings).values, ["198.51.100.1"]);
        assert_eq!(away.pointed(settings, RegionRole::Primary), *home);
        assert_eq!(Stands::of(&home.record(settings)).unwrap(), *home, "nothing is lost in a journal");
        away
    }

    #[test]
    fn a_plain_record_changes_its_values_and_keeps_ttl_and_health_check() {
        let settings = settings(
            r#"{"name":"a.test","zone":"Z1","targets":{"primary":{"values":["192.0.2.1"]},"secondary":{"values":["198.51.100.1"]}}}"#,
        );
        let home =
            Stands(vec![Set { set: None, health_check: Some("h1".into()), ttl: Some(20), ..set("", "192.0.2.1") }]);
        let away = there_and_back(&settings, &home);
        assert_eq!((away.0[0].ttl, away.0[0].health_check.as_deref()), (Some(20), Some("h1")));
        let made = Stands::default().pointed(&settings, RegionRole::Secondary);
        assert_eq!(made.0, [Set { set: None, ..set("", "198.51.100.1") }]);
    }

    #[test]
    fn weights_move_whole_and_other_sets_get_none() {
        let weighted = |name: &str, value: &str, weight| Set { weight: Some(weight), ..set(name, value) };
        let home = Stands(vec![weighted("one", "192.0.2.1", 255), weighted("two", "198.51.100.1", 0)]);
        let away = there_and_back(&of("weight"), &home);
        assert_eq!(away.0.iter().map(|set| set.weight).collect::<Vec<_>>(), [Some(0), Some(255)]);
        let split = Stands(vec![weighted("one", "192.0.2.1", 90), weighted("two", "198.51.100.1", 10)]);
        assert_eq!(split.serves(&of("weight")), None, "users of both");
    }

    #[test]
    fn failover_records_change_their_roles_and_keep_their_checks() {
        let pair = |name: &str, value: &str, role: &str| Set {
            failover: Some(role.into()),
            health_check: Some(name.into()),
            ..set(name, value)
        };
        let home = Stands(vec![pair("one", "192.0.2.1", "PRIMARY"), pair("two", "198.51.100.1", "SECONDARY")]);
        let away = there_and_back(&of("failover"), &home);
        assert_eq!(away.0[0].failover.as_deref(), Some("SECONDARY"));
        assert_eq!(away.0[0].health_check.as_deref(), Some("one"));
    }

    #[test]
    fn latency_records_all_point_to_one_region_and_back_each_to_its_own() {
        let near = |name: &str, value: &str, region: &str| Set { region: Some(region.into()), ..set(name, value) };
        let home = Stands(vec![near("one", "192.0.2.1", "us-east-1"), near("two", "198.51.100.1", "us-west-2")]);
        let away = there_and_back(&of("latency"), &home);
        assert_eq!(away.0[0].region.as_deref(), Some("us-east-1"), "the policy stays");
        assert_eq!(home.record(&of("latency")).values, ["192.0.2.1", "198.51.100.1"]);
    }

    #[test]
    fn an_alias_has_no_ttl_and_is_compared_by_its_name() {
        let settings = settings(
            r#"{"name":"a.test","zone":"Z1","targets":{"primary":{"alias":{"name":"LB-1.elb.test.","zone":"Z2"}},
                "secondary":{"values":["198.51.100.1"]}}}"#,
        );
        let alias = Alias { name: "LB-1.elb.test.".into(), zone: "Z2".into(), evaluate_health: Some(false) };
        let home = Stands(vec![Set { alias: Some(alias), ..Set::default() }]);
        assert_eq!(home.serves(&settings), Some(RegionRole::Primary));
        let away = home.pointed(&settings, RegionRole::Secondary);
        assert_eq!((away.0[0].ttl, away.0[0].alias.as_ref()), (Some(60), None));
        assert_eq!(away.pointed(&settings, RegionRole::Primary), home);
    }

    #[test]
    fn whether_a_targets_health_counts_is_kept_unless_the_settings_say_it() {
        let with = |stated: &str| {
            settings(&format!(
                r#"{{"name":"a.test","zone":"Z1","targets":{{"primary":{{"alias":{{"name":"lb-1.elb.test","zone":"Z2"{stated}}}}},
                    "secondary":{{"alias":{{"name":"lb-2.elb.test","zone":"Z3"{stated}}}}}}}}}"#
            ))
        };
        for counts in [true, false] {
            let alias = Alias { name: "lb-1.elb.test".into(), zone: "Z2".into(), evaluate_health: Some(counts) };
            let home = Stands(vec![Set { alias: Some(alias), ..Set::default() }]);
            let away = home.pointed(&with(""), RegionRole::Secondary);
            assert_eq!(away.0[0].alias.as_ref().unwrap().evaluate_health, Some(counts));
            assert_eq!(away.pointed(&with(""), RegionRole::Primary), home);
            let stated = home.pointed(&with(r#","evaluate_health":false"#), RegionRole::Secondary);
            assert_eq!(stated.0[0].alias.as_ref().unwrap().evaluate_health, Some(false));
        }
    }

    #[test]
    fn record_sets_of_another_policy_than_stated_are_refused() {
        let weighted = Set { weight: Some(1), ..set("one", "192.0.2.1") };
        let fault = |by: &str, sets: Vec<Set>| Stands(sets).fault(&of(by)).unwrap();
        assert!(fault("record", vec![weighted.clone()]).contains("say `by: weight`"));
        assert!(fault("failover", vec![weighted.clone()]).contains("no failover record"));
        assert!(fault("weight", vec![weighted]).contains("no record set `two`"));
    }
}
