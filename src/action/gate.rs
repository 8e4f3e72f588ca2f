//! `approve` and `manual`: a person decides or acts.

use async_trait::async_trait;

use super::{ActError, Applied, Perform, Tools};
use crate::catalogue::{Achieved, Approve, Before, Describe, Evidence, EvidenceWanted, Manual, Period};
use crate::resource::{Answer, AnsweredBy, Context, Decision, Question};
use crate::time::Span;

/// Who answered, for people.
fn who(answer: &Answer) -> String {
    match answer.by {
        AnsweredBy::NobodyAsked => "nobody was asked (--yes)".to_owned(),
        AnsweredBy::Simulation => "the simulation".to_owned(),
        AnsweredBy::Terminal if answer.names.is_empty() => "somebody at the terminal".to_owned(),
        AnsweredBy::Terminal | AnsweredBy::Command => answer.names.join(", "),
    }
}

fn evidence(answer: &Answer) -> Evidence {
    let mut evidence: Evidence = [("answered by".to_owned(), who(answer))].into();
    let given: Vec<String> = answer.evidence.iter().map(ToString::to_string).collect();
    evidence.extend(answer.because.clone().map(|because| ("because".to_owned(), because)));
    evidence.extend((!given.is_empty()).then(|| ("evidence given".to_owned(), given.join("; "))));
    evidence
}

/// Asks, and waits for the answer until the deadline.
async fn ask(tools: &Tools, cx: &Context, question: Question) -> Result<Applied, ActError> {
    let gone = tools.resources.people.asked_since(cx).map_or(Span::ZERO, |since| cx.clock.now().since(since));
    let answer = async {
        match question.deadline {
            // Of a gate that was open when Muster died, some of it has gone by.
            Some(deadline) => cx.clock.timeout(deadline - gone, tools.resources.people.ask(cx, &question)).await,
            None => Ok(tools.resources.people.ask(cx, &question).await),
        }
    };
    let answer = tokio::select! {
        biased;
        () = cx.cancel.cancelled() => return Err(ActError::refused("nobody had answered when the step was asked to end")),
        answer = answer => answer,
    };
    let answer = match answer {
        Ok(Some(answer)) => answer,
        Ok(None) => {
            return Err(ActError::refused("nobody is there to answer; run at a terminal or with --yes"));
        }
        Err(_) => {
            let waited = question.deadline.unwrap_or_default();
            return Err(ActError::refused(format!("nobody answered within {waited}")));
        }
    };
    let evidence = evidence(&answer);
    match answer.decision {
        Decision::Approved => Ok(Applied { evidence, answer: Some(Box::new(answer)), ..Applied::default() }),
        Decision::Rejected => {
            let because = answer.because.as_ref().map_or_else(String::new, |because| format!(": {because}"));
            let error = ActError::refused(format!("rejected by {}{because}", who(&answer))).with(evidence);
            Err(ActError { answer: Some(Box::new(answer)), ..error })
        }
    }
}

/// How long people take in a simulation.
fn takes(tools: &Tools, cx: &Context, act: &impl Describe) -> crate::chance::Distribution {
    tools.step(cx).and_then(|step| step.takes).unwrap_or_else(|| act.takes())
}

impl Manual {
    fn question(&self, tools: &Tools, cx: &Context, prompt: &str, checklist: &[String]) -> Question {
        Question {
            prompt: prompt.to_owned(),
            approvers: self.by.clone(),
            quorum: 1,
            other_than_starter: false,
            evidence_required: false,
            checklist: checklist.to_vec(),
            takes: takes(tools, cx, self),
            deadline: self.deadline.map(|Period(deadline)| deadline),
        }
    }
}

#[async_trait]
impl Perform for Approve {
    async fn apply(&self, tools: &Tools, cx: &Context, _before: &Before) -> Result<Applied, ActError> {
        let question = Question {
            prompt: self.prompt.clone(),
            approvers: self.by.clone(),
            quorum: self.quorum.max(1),
            other_than_starter: self.other_than_starter,
            evidence_required: false,
            checklist: Vec::new(),
            takes: takes(tools, cx, self),
            deadline: self.deadline.map(|Period(deadline)| deadline),
        };
        ask(tools, cx, question).await
    }

    async fn achieved(&self, _tools: &Tools, _cx: &Context) -> Achieved {
        Achieved::No("people are asked each time".to_owned())
    }

    async fn undo(&self, _tools: &Tools, _cx: &Context, _before: &Before) -> Result<Evidence, ActError> {
        Ok(Evidence::new())
    }
}

#[async_trait]
impl Perform for Manual {
    async fn apply(&self, tools: &Tools, cx: &Context, _before: &Before) -> Result<Applied, ActError> {
        let question = self.question(tools, cx, "Do this by hand, then say that it is done", &self.checklist);
        let evidence_required = self.evidence == EvidenceWanted::Required;
        ask(tools, cx, Question { evidence_required, ..question }).await
    }

    async fn achieved(&self, _tools: &Tools, _cx: &Context) -> Achieved {
        Achieved::No("people are asked each time".to_owned())
    }

    async fn undo(&self, tools: &Tools, cx: &Context, _before: &Before) -> Result<Evidence, ActError> {
        if self.undo.is_empty() {
            return Err(ActError::refused(
                "what was done by hand stays: the playbook says no way back, so a person must take it back",
            ));
        }
        let question = self.question(tools, cx, "Take this back by hand, then say that it is done", &self.undo);
        ask(tools, cx, question).await.map(|applied| applied.evidence)
    }
}
