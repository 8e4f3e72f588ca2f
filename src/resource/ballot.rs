//! The count of a gate's answers: who may decide, who has, and what it comes to. Pure.
//!
//! A vote is one person's [`Answer`]. Approval takes a quorum of different names; one rejection rejects. In doubt a
//! vote is refused: an approval that should not have counted starts a failover.

use async_trait::async_trait;

use super::{Answer, Decision, Person, Question, Stated};

/// What became of one vote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cast {
    /// It counts, and more are needed.
    Counted {
        /// How many have approved.
        approved: u32,
        /// How many must.
        needed: u32,
    },
    /// It does not count; the text says why and what to do.
    Refused(String),
    /// With it the question is answered.
    Decided(Box<Answer>),
}

/// Takes votes while a question stands, one at a time, and keeps each of them before it counts.
#[async_trait]
pub trait Votes: Send + Sync {
    /// Takes one person's answer.
    async fn cast(&self, vote: Answer) -> Cast;

    /// Who has approved so far, for whoever is asked now.
    async fn approved(&self) -> Vec<String>;
}

/// The votes on one question.
#[derive(Clone, Debug)]
pub struct Ballot {
    approvers: Vec<String>,
    needed: u32,
    /// Who started the run, where it must be somebody else.
    not: Option<Person>,
    evidence_required: bool,
    approved: Vec<Answer>,
    decided: bool,
}

impl Ballot {
    /// No votes yet; `starter` is who started the run.
    #[must_use]
    pub fn new(question: &Question, starter: &Person) -> Self {
        Self {
            approvers: question.approvers.clone(),
            needed: question.quorum.max(1),
            not: question.other_than_starter.then(|| starter.clone()),
            evidence_required: question.evidence_required,
            approved: Vec::new(),
            decided: false,
        }
    }

    /// Who has approved, as stated.
    #[must_use]
    pub fn approved(&self) -> Vec<String> {
        self.approved.iter().flat_map(|vote| vote.names.clone()).collect()
    }

    /// Counts one vote.
    pub fn cast(&mut self, vote: &Answer) -> Cast {
        match self.judge(vote) {
            Err(why) => Cast::Refused(why),
            Ok(()) if vote.decision == Decision::Rejected => {
                self.decided = true;
                Cast::Decided(Box::new(vote.clone()))
            }
            Ok(()) => {
                self.approved.push(vote.clone());
                let approved = u32::try_from(self.approved.len()).unwrap_or(u32::MAX);
                if approved < self.needed {
                    return Cast::Counted { approved, needed: self.needed };
                }
                self.decided = true;
                Cast::Decided(Box::new(self.all(vote)))
            }
        }
    }

    /// Whether a vote counts; the error says why it does not.
    fn judge(&self, vote: &Answer) -> Result<(), String> {
        if self.decided {
            return Err("the question has been answered already".to_owned());
        }
        let [name] = &vote.names[..] else {
            return Err("a vote is one person's: say one name".to_owned());
        };
        let stated = Stated::read(name)?;
        if !self.may_decide(&stated) {
            return Err(format!(
                "{} is not among those who may decide ({}). State a role with `NAME as ROLE`",
                stated.name,
                self.approvers.join(", ")
            ));
        }
        if vote.decision == Decision::Rejected {
            return Ok(());
        }
        if let Some(starter) = &self.not {
            other_than(starter, &stated, vote)?;
        }
        if self.evidence_required && vote.evidence.is_empty() {
            return Err("this step is not done without evidence: give a text, a file or a link".to_owned());
        }
        let again = |earlier: &&Answer| {
            earlier.names.iter().any(|name| Stated::read(name).is_ok_and(|other| same(&other.name, &stated.name)))
        };
        if self.approved.iter().any(|earlier| again(&earlier)) {
            return Err(format!("{} has approved already; another person is needed", stated.name));
        }
        Ok(())
    }

    fn may_decide(&self, stated: &Stated) -> bool {
        let fits = |who: &String| same(who, &stated.name) || stated.role.as_ref().is_some_and(|role| same(who, role));
        self.approvers.is_empty() || self.approvers.iter().any(fits)
    }

    /// All approvals as one answer, which came by the means of the last.
    fn all(&self, last: &Answer) -> Answer {
        let words: Vec<String> = self.approved.iter().filter_map(|vote| vote.because.clone()).collect();
        Answer {
            decision: Decision::Approved,
            names: self.approved(),
            because: (!words.is_empty()).then(|| words.join("; ")),
            by: last.by,
            evidence: self.approved.iter().flat_map(|vote| vote.evidence.clone()).collect(),
            people: self.approved.iter().flat_map(|vote| vote.people.clone()).collect(),
        }
    }
}

/// Whether the vote is surely not that of who started the run. Names are as stated and accounts are shared, so either
/// of them that is the same, or not known, is a doubt.
fn other_than(starter: &Person, stated: &Stated, vote: &Answer) -> Result<(), String> {
    const RULE: &str = "this gate needs somebody other than who started the run";
    const ADVICE: &str = "let another person answer with `muster approve` from an account of their own";
    let lead = starter.name.as_deref().and_then(|lead| Stated::read(lead).ok());
    if lead.as_ref().is_some_and(|lead| same(&lead.name, &stated.name)) || same(&starter.user, &stated.name) {
        return Err(format!("{RULE}, and {} did; {ADVICE}", stated.name));
    }
    if starter.user.is_empty() {
        return Err(format!("{RULE}, and the account that started it is not known, so nobody can be told from it"));
    }
    let Some(account) = vote.people.first().filter(|person| !person.user.is_empty()) else {
        return Err(format!("{RULE}, and from which account {} answers is not known; {ADVICE}", stated.name));
    };
    if same(&account.user, &starter.user) {
        return Err(format!(
            "{RULE}: {} answers from the account {}, which started it on {}; {ADVICE}",
            stated.name, account.user, starter.host
        ));
    }
    Ok(())
}

/// Whether two names are the same but for case and spaces.
fn same(one: &str, other: &str) -> bool {
    let words = |text: &str| text.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>();
    words(one) == words(other)
}

#[cfg(test)]
mod tests;
