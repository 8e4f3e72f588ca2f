//! `storage.recover`: a repository that was deleted comes back, or is refused, as users were told.

use serde::{Deserialize, Serialize};

use super::{Access, Achieved, Describe, Period, Setting, Subject, Undo};
use crate::chance::Distribution;
use crate::id::{RegionRole, ResourceId};
use crate::resource::{Recovered, Recovery, ResourceKind, World};
use crate::time::Span;

/// What is to come of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Promise {
    /// It comes back.
    #[default]
    Recovered,
    /// It is refused: it was deleted too long ago.
    Refused,
}

/// Recovers a deleted repository into a scratch place, looks at what came back, and removes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StorageRecover {
    /// Which storage.
    pub storage: ResourceId,
    /// Where.
    #[serde(rename = "in")]
    pub region: RegionRole,
    /// How long ago it was deleted; unless `repository` names it, the one whose deletion is nearest to that is taken.
    pub deleted_ago: Period,
    /// The repository; unstated: one that was deleted about then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// What users are promised: `recovered` or `refused`. A refusal that is promised is the expected result.
    #[serde(default)]
    pub expect: Promise,
    /// Whether issues, settings and the like are promised too; unstated: refs and objects alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub metadata: bool,
}

impl StorageRecover {
    /// What is otherwise than promised, each with what was seen; empty if nothing is.
    #[must_use]
    pub fn judge(&self, recovery: &Recovery) -> Vec<String> {
        match (self.expect, recovery) {
            (Promise::Refused, Recovery::Gone(_)) => Vec::new(),
            (Promise::Refused, Recovery::Back(it)) => vec![format!(
                "{} came back {} after its deletion, and was promised to be refused",
                it.repository, it.deleted_ago
            )],
            (Promise::Recovered, Recovery::Gone(why)) => {
                vec![format!("it does not come back, and was promised to: {why}")]
            }
            (Promise::Recovered, Recovery::Back(it)) => self.judge_back(it),
        }
    }

    fn judge_back(&self, it: &Recovered) -> Vec<String> {
        let mut wrong = Vec::new();
        if it.refs < it.refs_before {
            wrong.push(format!("{} of its {} refs came back", it.refs, it.refs_before));
        }
        if it.objects == 0 {
            wrong.push("no object came back".to_owned());
        }
        if it.damaged > 0 {
            wrong.push(format!("{} of {} objects that came back are damaged", it.damaged, it.objects));
        }
        match (self.metadata, it.metadata) {
            (true, false) => wrong.push("its metadata did not come back, and was promised".to_owned()),
            (false, true) => wrong.push("its metadata came back, and users are told that it is gone".to_owned()),
            _ => {}
        }
        wrong
    }
}

impl Describe for StorageRecover {
    fn subjects(&self) -> Vec<Subject> {
        vec![Subject {
            resource: self.storage.clone(),
            kinds: &[ResourceKind::Storage],
            access: Access::Reads,
            regions: vec![self.region],
        }]
    }

    fn summary(&self) -> String {
        let what = self.repository.as_deref().unwrap_or("a repository");
        let (of, region, ago) = (&self.storage, self.region, self.deleted_ago.0.short());
        match self.expect {
            Promise::Recovered => format!("recover {what} of {of} in {region}, deleted {ago} ago, and look at it"),
            Promise::Refused => format!("try to recover {what} of {of} in {region}, deleted {ago} ago, and be refused"),
        }
    }

    fn achieved(&self, _world: &World, _setting: &Setting<'_>) -> Achieved {
        Achieved::No("a recovery is proven by doing it".to_owned())
    }

    fn observable(&self) -> bool {
        false
    }

    fn undo(&self) -> Undo {
        Undo::Compensates("removes the recovered copy".to_owned())
    }

    fn takes(&self) -> Distribution {
        Distribution::fixed(Span::from_secs(120))
    }

    fn patience(&self) -> Span {
        Span::from_secs(1_800)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn act(text: &str) -> StorageRecover {
        serde_yaml::from_str(&format!("{{ storage: repositories, in: primary, deleted_ago: 6d{text} }}")).unwrap()
    }

    fn back() -> Recovered {
        Recovered {
            repository: "team/app.git".into(),
            deleted_ago: Span::from_secs(6 * 86_400),
            scratch: "/scratch".into(),
            refs: 3,
            refs_before: 3,
            objects: 40,
            damaged: 0,
            metadata: false,
        }
    }

    #[test]
    fn a_promise_is_kept_by_what_comes_back_and_by_what_does_not() {
        let gone = Recovery::Gone("it was deleted 8d ago".into());
        assert!(act("").judge(&Recovery::Back(back())).is_empty());
        assert!(act(", expect: refused").judge(&gone).is_empty());
        let says = |act: StorageRecover, recovery: Recovery| act.judge(&recovery).join("; ");
        assert!(says(act(""), gone).contains("does not come back, and was promised to: it was deleted 8d ago"));
        assert!(says(act(", expect: refused"), Recovery::Back(back())).contains("promised to be refused"));
        let worse = Recovered { refs: 2, objects: 0, damaged: 1, metadata: true, ..back() };
        let said = says(act(""), Recovery::Back(worse));
        for what in ["2 of its 3 refs", "no object came back", "1 of 0 objects", "users are told that it is gone"] {
            assert!(said.contains(what), "{said}");
        }
        assert!(says(act(", metadata: true"), Recovery::Back(back())).contains("did not come back, and was promised"));
    }
}
