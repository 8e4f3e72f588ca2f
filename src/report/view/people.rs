//! Who took part, and what is left for people to write.

use schemars::JsonSchema;
use serde::Serialize;

use super::{LIST_MAX, Tone, View, line};
use crate::record::Record;
use crate::resource::{Answer, AnsweredBy};

/// Somebody who took part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct PersonView {
    /// By their own statement, or by their account.
    pub(crate) name: String,
    /// The accounts that the operating system knows them by.
    pub(crate) account: String,
    /// What they did.
    pub(crate) did: Vec<String>,
}

#[derive(Default)]
struct People(Vec<PersonView>);

impl People {
    fn note(&mut self, name: &str, account: &str, did: String) {
        let name = line(name);
        let place = self.0.iter().position(|person| person.name == name);
        let place = place.unwrap_or_else(|| {
            self.0.push(PersonView { name, account: String::new(), did: Vec::new() });
            self.0.len() - 1
        });
        let person = &mut self.0[place];
        if !account.is_empty() && !person.account.split(", ").any(|known| known == account) {
            let before = if person.account.is_empty() { String::new() } else { format!("{}, ", person.account) };
            person.account = line(before + account);
        }
        if !person.did.contains(&did) && person.did.len() < LIST_MAX {
            person.did.push(line(did));
        }
    }

    fn answered(&mut self, step: &str, answer: &Answer) {
        if matches!(answer.by, AnsweredBy::NobodyAsked | AnsweredBy::Simulation) {
            return;
        }
        let decided = format!("{:?} {step}", answer.decision).to_lowercase();
        let accounts: Vec<String> =
            answer.people.iter().map(|person| format!("{} at {}", person.user, person.host)).collect();
        for (n, name) in answer.names.iter().enumerate() {
            // One account gave several names, or each its own.
            let account = accounts.get(n).or(accounts.first()).map_or("", String::as_str);
            self.note(name, account, decided.clone());
        }
        if let (true, Some(account)) = (answer.names.is_empty(), accounts.first()) {
            self.note(account, account, decided);
        }
    }
}

/// Who took part: names as stated, accounts as the operating system knows them.
pub(super) fn took_part(record: &Record) -> Vec<PersonView> {
    let origin = &record.header.origin;
    let mut people = People::default();
    if let Some(lead) = &origin.lead {
        people.note(lead, "", "led".to_owned());
    }
    for name in &origin.participants {
        people.note(name, "", "took part".to_owned());
    }
    let account = [origin.user.as_str(), origin.host.as_str()].join(" at ");
    if !origin.user.is_empty() {
        people.note(&account, &account, "started the run".to_owned());
    }
    for step in &record.steps {
        for gate in &step.gates {
            let votes = gate.votes.iter().filter(|vote| vote.refused.is_none()).map(|vote| &vote.answer);
            let only = gate.answer.iter().filter(|_| gate.votes.is_empty());
            votes.chain(only).for_each(|answer| people.answered(step.id.as_str(), answer));
        }
    }
    people.0.truncate(LIST_MAX);
    people.0
}

/// What people wrote down after the run had ended, a line each.
pub(super) fn written(record: &Record) -> Vec<String> {
    let review = &record.review;
    let mut all: Vec<String> = Vec::new();
    all.extend(review.lessons.iter().map(|it| format!("Lesson, by {}: {}", it.by, it.text)));
    all.extend(review.plan_changes.iter().map(|it| format!("Change of the plan, by {}: {}", it.by, it.text)));
    for action in &review.actions {
        let owner = action.owner.as_ref().map_or_else(String::new, |owner| format!(", {owner}"));
        let due = action.due.map_or_else(String::new, |due| format!(", until {due}"));
        let state = match &action.closed {
            None => "open".to_owned(),
            Some(closed) if closed.text.is_empty() => "closed".to_owned(),
            Some(closed) => format!("closed: {}", closed.text),
        };
        all.push(format!("Corrective action {}{owner}{due}: {} ({state})", action.number, action.opened.text));
    }
    for sign_off in &review.sign_offs {
        let role = sign_off.role.as_ref().map_or_else(String::new, |role| format!(" as {role}"));
        let remark = sign_off.remark.as_ref().map_or_else(String::new, |remark| format!(": {remark}"));
        all.push(format!("Signed off by {}{role}{remark}", sign_off.by));
    }
    all.into_iter().take(LIST_MAX).map(line).collect()
}

/// What the record itself says is to be mended: the first lines of a list that people go on with.
pub(super) fn corrective(view: &View) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    all.extend(view.left.iter().map(|left| format!("Mend what was left: {}", left.what)));
    for row in view.objectives.iter().filter(|row| row.result.tone == Tone::Bad || row.result.tone == Tone::Doubt) {
        all.push(format!("{}, {}: {} ({} allowed): {}", row.what, row.leg, row.actual, row.objective, row.result.word));
    }
    for step in view.phases.iter().flat_map(|phase| &phase.steps) {
        if matches!(step.result.tone, Tone::Bad | Tone::Doubt) {
            let why = step.failures.last().map_or_else(String::new, |why| format!(": {why}"));
            all.push(format!("Step {} {}{why}", step.id, step.result.word));
        } else if let Some(within) = step.within.as_ref().filter(|within| within.tone == Tone::Bad) {
            all.push(format!("Step {} took {}; {}", step.id, step.took, within.word));
        }
    }
    all.extend(view.warnings.iter().filter_map(|text| text.strip_prefix("Corrective action: ")).map(str::to_owned));
    all.extend(view.methodology.not_red.iter().map(|check| format!("Make this check able to fail: {check}")));
    all.into_iter().take(CORRECTIVE_MAX).map(line).collect()
}

/// At most so many corrective actions are written down already: more than that nobody reads one by one.
const CORRECTIVE_MAX: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn people_are_named_once_with_all_that_they_did() {
        let people = took_part(&samples::passed());
        let told: Vec<String> = people.iter().map(|it| format!("{}: {}", it.name, it.did.join(", "))).collect();
        assert_eq!(told, ["Ada: led, approved go", "Grace: took part", "ops at drill-1: started the run"]);
    }

    #[test]
    fn what_failed_is_to_be_mended() {
        let view = View::of(&samples::failed());
        let all = view.corrective.join("\n");
        for part in
            ["Mend what was left: main is writable", "Step dns in doubt: ", "Step promote took 35 s; 30 s: missed"]
        {
            assert!(all.contains(part), "{part} is missing in\n{all}");
        }
    }
}
