//! What a gate says and what an answer means: pure text in, decision out.

use std::fmt::Write;

use crate::resource::{Answer, AnsweredBy, Choice, Decision, Question};

/// The longest name or role, in characters.
const MAX_NAME_CHARS: usize = 100;

/// A line, understood.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    decision: Decision,
    name: String,
    role: Option<String>,
    /// What follows the colon.
    words: Option<String>,
}

/// What a line leads to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said<T> {
    /// The question is answered.
    Decided(T),
    /// Not yet; the text says why and what to type.
    GoOn(String),
}

/// The approvals of one question so far.
#[derive(Debug)]
pub(super) struct Tally<'q> {
    question: &'q Question,
    /// Who approved: the bare name, to know a second time, and how it is recorded.
    approved: Vec<(String, String)>,
    words: Vec<String>,
}

impl<'q> Tally<'q> {
    pub(super) fn new(question: &'q Question) -> Self {
        Self { question, approved: Vec::new(), words: Vec::new() }
    }

    /// Takes one line from a person.
    pub(super) fn hear(&mut self, line: &str) -> Said<Answer> {
        let line = match parse(line) {
            Ok(line) => line,
            Err(help) => return Said::GoOn(help),
        };
        if !self.counts(&line) {
            return Said::GoOn(format!(
                "{} is not among those who may decide ({}). State a role with `as ROLE`.\n",
                line.name,
                list(&self.question.approvers)
            ));
        }
        let stated = match &line.role {
            Some(role) => format!("{} ({role})", line.name),
            None => line.name.clone(),
        };
        match line.decision {
            Decision::Rejected => match line.words {
                Some(why) => Said::Decided(self.answer(Decision::Rejected, vec![stated], Some(why))),
                None => Said::GoOn(format!("Say why: `reject {}: REASON`.\n", line.name)),
            },
            Decision::Approved => self.approve(line, stated),
        }
    }

    fn approve(&mut self, line: Line, stated: String) -> Said<Answer> {
        if self.approved.iter().any(|(name, _)| same(name, &line.name)) {
            return Said::GoOn(format!("{} has approved already; another person is needed.\n", line.name));
        }
        self.approved.push((line.name, stated));
        self.words.extend(line.words);
        let needed = self.question.quorum.max(1) as usize;
        if self.approved.len() < needed {
            return Said::GoOn(format!("{} of {needed} approvals.\n", self.approved.len()));
        }
        let names = self.approved.iter().map(|(_, stated)| stated.clone()).collect();
        let words = (!self.words.is_empty()).then(|| self.words.join("; "));
        Said::Decided(self.answer(Decision::Approved, names, words))
    }

    /// The words of a manual step are its evidence, those of a mere approval its reason.
    fn answer(&self, decision: Decision, names: Vec<String>, words: Option<String>) -> Answer {
        let manual = decision == Decision::Approved && !self.question.checklist.is_empty();
        let (because, evidence) = if manual { (None, words) } else { (words, None) };
        Answer { decision, names, because, by: AnsweredBy::Terminal, evidence }
    }

    fn counts(&self, line: &Line) -> bool {
        let approvers = &self.question.approvers;
        approvers.is_empty()
            || approvers.iter().any(|who| same(who, &line.name) || line.role.as_deref().is_some_and(|r| same(who, r)))
    }
}

/// The question as it stands on the terminal.
pub(super) fn question_text(question: &Question) -> String {
    let mut text = format!("\n{}\n", plain(&question.prompt));
    for item in &question.checklist {
        let _ = writeln!(text, "  - {}", plain(item));
    }
    if !question.approvers.is_empty() {
        let _ = writeln!(text, "Who may decide, by name or role: {}.", list(&question.approvers));
    }
    if question.quorum > 1 {
        let _ = writeln!(text, "{} people must approve.", question.quorum);
    }
    if let Some(deadline) = question.deadline {
        let _ = writeln!(text, "Answer within {deadline}.");
    }
    text.push_str(if question.checklist.is_empty() {
        "Type `approve NAME`, `approve NAME as ROLE` or `reject NAME: REASON`.\n"
    } else {
        "When it is done type `done NAME: EVIDENCE` or `done NAME as ROLE: EVIDENCE`; else `reject NAME: REASON`.\n"
    });
    text
}

/// What stands on the terminal when a run stands still.
pub(super) fn situation_text(situation: &str) -> String {
    format!(
        "\n{}\nType `retry` (try the failed step once more), `continue` (go on, the run fails all the same), \
         `undo` (back, or forward to safety) or `stop`.\n",
        plain(situation)
    )
}

/// How the run goes on. Only the whole word counts: a slip must not undo anything.
pub(super) fn choice(line: &str) -> Said<Choice> {
    match line.trim().to_ascii_lowercase().as_str() {
        "retry" => Said::Decided(Choice::Retry),
        "continue" => Said::Decided(Choice::GoOn),
        "undo" => Said::Decided(Choice::Undo),
        "stop" => Said::Decided(Choice::Stop),
        _ => Said::GoOn("Not understood. Type `retry`, `continue`, `undo` or `stop`.\n".to_owned()),
    }
}

/// `approve NAME [as ROLE][: WORDS]`, `done …` or `reject …`; the error says what to type.
fn parse(line: &str) -> Result<Line, String> {
    let line = plain(line);
    let (verb, rest) = line.trim().split_once(char::is_whitespace).unwrap_or((line.trim(), ""));
    let verb = verb.to_ascii_lowercase();
    let decision = match verb.as_str() {
        "approve" | "done" => Decision::Approved,
        "reject" => Decision::Rejected,
        _ => {
            return Err(
                "Not understood. Type `approve NAME`, `done NAME: EVIDENCE` or `reject NAME: REASON`.\n".to_owned()
            );
        }
    };
    let (who, words) = match rest.split_once(':') {
        Some((who, words)) => (who.trim(), Some(words.trim()).filter(|words| !words.is_empty())),
        None => (rest.trim(), None),
    };
    let (name, role) = match who.rsplit_once(" as ") {
        Some((name, role)) => (name.trim(), Some(role.trim()).filter(|role| !role.is_empty())),
        None => (who, None),
    };
    if name.is_empty() {
        return Err(format!("Say who decides: `{verb} NAME`.\n"));
    }
    if [Some(name), role].into_iter().flatten().any(|text| text.chars().count() > MAX_NAME_CHARS) {
        return Err(format!("A name has at most {MAX_NAME_CHARS} characters.\n"));
    }
    Ok(Line { decision, name: name.to_owned(), role: role.map(str::to_owned), words: words.map(str::to_owned) })
}

fn same(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

fn list(approvers: &[String]) -> String {
    approvers.iter().map(|who| plain(who)).collect::<Vec<_>>().join(", ")
}

/// Without control characters: neither a playbook nor a person moves the cursor.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::chance::Distribution;
    use crate::time::Span;

    fn question(approvers: &[&str], quorum: u32) -> Question {
        Question {
            prompt: "Start?".to_owned(),
            approvers: approvers.iter().map(|who| (*who).to_owned()).collect(),
            quorum,
            checklist: Vec::new(),
            takes: Distribution::fixed(Span::ZERO),
            deadline: None,
        }
    }

    #[rstest]
    #[case("approve Ada", Decision::Approved, "Ada", None, None)]
    #[case(
        "  APPROVE  Ada Lovelace as incident-commander ",
        Decision::Approved,
        "Ada Lovelace",
        Some("incident-commander"),
        None
    )]
    #[case("done Ada: ticket 17: closed", Decision::Approved, "Ada", None, Some("ticket 17: closed"))]
    #[case("reject Ada as dba: lag is high", Decision::Rejected, "Ada", Some("dba"), Some("lag is high"))]
    #[case("reject Ada:", Decision::Rejected, "Ada", None, None)]
    fn lines_are_understood(
        #[case] text: &str,
        #[case] decision: Decision,
        #[case] name: &str,
        #[case] role: Option<&str>,
        #[case] words: Option<&str>,
    ) {
        let line = parse(text).unwrap();
        assert_eq!(
            (line.decision, line.name.as_str(), line.role.as_deref(), line.words.as_deref()),
            (decision, name, role, words)
        );
    }

    #[rstest]
    #[case("")]
    #[case("yes")]
    #[case("approve")]
    #[case("approve :because")]
    #[case("approved Ada")]
    fn anything_else_is_no_answer(#[case] text: &str) {
        assert!(parse(text).is_err());
    }

    #[test]
    fn a_name_or_a_role_counts_and_nobody_else() {
        let question = question(&["incident-commander", "Grace"], 1);
        assert!(matches!(Tally::new(&question).hear("approve Ada"), Said::GoOn(text) if text.contains("not among")));
        assert!(matches!(Tally::new(&question).hear("approve grace"), Said::Decided(_)));
        let Said::Decided(answer) = Tally::new(&question).hear("approve Ada as incident-commander") else { panic!() };
        assert_eq!(answer.names, ["Ada (incident-commander)"]);
    }

    #[test]
    fn a_quorum_is_of_different_people() {
        let question = question(&[], 2);
        let mut tally = Tally::new(&question);
        assert_eq!(tally.hear("approve Ada"), Said::GoOn("1 of 2 approvals.\n".to_owned()));
        assert!(matches!(tally.hear("approve ADA as dba"), Said::GoOn(text) if text.contains("already")));
        let Said::Decided(answer) = tally.hear("approve Grace: looks fine") else { panic!() };
        assert_eq!((answer.decision, answer.names.len()), (Decision::Approved, 2));
        assert_eq!((answer.because.as_deref(), answer.by), (Some("looks fine"), AnsweredBy::Terminal));
    }

    #[test]
    fn one_rejection_with_a_reason_decides() {
        let question = question(&[], 3);
        let mut tally = Tally::new(&question);
        assert!(matches!(tally.hear("reject Ada"), Said::GoOn(text) if text.contains("Say why")));
        let Said::Decided(answer) = tally.hear("reject Ada: lag") else { panic!() };
        assert_eq!((answer.decision, answer.because.as_deref()), (Decision::Rejected, Some("lag")));
    }

    #[test]
    fn a_manual_step_takes_evidence() {
        let question = Question { checklist: vec!["Call the bank".to_owned()], ..question(&[], 1) };
        let Said::Decided(answer) = Tally::new(&question).hear("done Ada: call 4711") else { panic!() };
        assert_eq!((answer.evidence.as_deref(), answer.because), (Some("call 4711"), None));
        assert!(question_text(&question).contains("  - Call the bank\n"));
    }

    #[test]
    fn only_the_whole_word_chooses() {
        assert_eq!(choice(" Undo\r"), Said::Decided(Choice::Undo));
        assert_eq!(choice("continue"), Said::Decided(Choice::GoOn));
        for line in ["", "u", "undo it", "yes"] {
            assert!(matches!(choice(line), Said::GoOn(_)), "{line:?}");
        }
    }

    #[test]
    fn a_prompt_can_not_drive_the_terminal() {
        let question = Question { prompt: "a\u{1b}[2Jb\rc".to_owned(), ..question(&[], 1) };
        assert!(question_text(&question).starts_with("\na [2Jb c\n"));
    }
}
