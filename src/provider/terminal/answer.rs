//! What a gate says and what an answer means: pure text in, decision out.

use std::fmt::Write;

use crate::resource::{Actor, Cast, Choice, Context, Decision, Exhibit, Question, Stated};

/// A line, understood.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) decision: Decision,
    pub(super) stated: Stated,
    /// What follows the colon.
    pub(super) words: Option<String>,
}

/// What a line leads to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said<T> {
    /// The question is answered.
    Decided(T),
    /// Not yet; the text says why and what to type.
    GoOn(String),
}

/// Evidence as it is typed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Given {
    /// None.
    Nothing,
    /// `file:PATH`; it is yet to be read.
    File(String),
    /// Words or a link.
    Exhibit(Exhibit),
}

/// What a line of evidence means; the error says what to type.
pub(super) fn given(line: &str) -> Result<Given, String> {
    let line = plain(line);
    let line = line.trim();
    if line.is_empty() || line.eq_ignore_ascii_case("none") {
        return Ok(Given::Nothing);
    }
    if let Some(path) = line.strip_prefix("file:") {
        return Ok(Given::File(path.trim().to_owned()));
    }
    let exhibit = if line.starts_with("https://") { Exhibit::link(line) } else { Exhibit::text(line) };
    exhibit.map(Given::Exhibit).map_err(|why| format!("{why}.\n"))
}

/// What is asked once somebody says that it is done.
pub(super) fn evidence_text(question: &Question) -> &'static str {
    if question.evidence_required {
        "Evidence: type a text, `file:PATH` or an https:// address. Without any it is not done.\n"
    } else {
        "Evidence: type a text, `file:PATH` or an https:// address; `none` if there is none.\n"
    }
}

/// What is said to somebody whose vote was taken; none where it settled the question.
pub(super) fn reply(cast: &Cast) -> Option<String> {
    match cast {
        Cast::Counted { approved, needed } => Some(format!("{approved} of {needed} approvals.\n")),
        Cast::Refused(why) => Some(format!("{}.\n", plain(why))),
        Cast::Decided(_) => None,
    }
}

/// The question as it stands on the terminal.
pub(super) fn question_text(question: &Question, approved: &[String]) -> String {
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
    if !approved.is_empty() {
        let _ = writeln!(text, "Approved so far by {}.", list(approved));
    }
    if question.other_than_starter {
        text.push_str("Who started the run, and this terminal with them, can only reject.\n");
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

/// How the question is answered from another terminal; nothing where it is no step's.
pub(super) fn elsewhere(cx: &Context, question: &Question) -> String {
    let Actor::Step(step) = &cx.actor else { return String::new() };
    let evidence = if question.evidence_required { " --evidence-text TEXT" } else { "" };
    format!("From another terminal: muster approve {} {step}{evidence} --by NAME\n", cx.run)
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
pub(super) fn parse(line: &str) -> Result<Line, String> {
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
    if who.is_empty() {
        return Err(format!("Say who decides: `{verb} NAME`.\n"));
    }
    let stated = Stated::read(who).map_err(|why| format!("Not understood: {why}.\n"))?;
    if decision == Decision::Rejected && words.is_none() {
        return Err(format!("Say why: `reject {}: REASON`.\n", stated.name));
    }
    Ok(Line { decision, stated, words: words.map(str::to_owned) })
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

    fn question() -> Question {
        Question {
            prompt: "Start?".to_owned(),
            approvers: Vec::new(),
            quorum: 1,
            other_than_starter: false,
            evidence_required: false,
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
    fn lines_are_understood(
        #[case] text: &str,
        #[case] decision: Decision,
        #[case] name: &str,
        #[case] role: Option<&str>,
        #[case] words: Option<&str>,
    ) {
        let line = parse(text).unwrap();
        assert_eq!(
            (line.decision, line.stated.name.as_str(), line.stated.role.as_deref(), line.words.as_deref()),
            (decision, name, role, words)
        );
    }

    #[rstest]
    #[case("")]
    #[case("yes")]
    #[case("approve")]
    #[case("approve :because")]
    #[case("approved Ada")]
    #[case("reject Ada:")]
    fn anything_else_is_no_answer(#[case] text: &str) {
        assert!(parse(text).is_err());
    }

    #[test]
    fn evidence_is_words_a_file_or_a_link() {
        assert_eq!(given(" none "), Ok(Given::Nothing));
        assert_eq!(given("file: out.log"), Ok(Given::File("out.log".to_owned())));
        assert_eq!(given("call 4711"), Exhibit::text("call 4711").map(Given::Exhibit));
        assert_eq!(given("https://a.test/1"), Exhibit::link("https://a.test/1").map(Given::Exhibit));
        assert!(given("https://a b").unwrap_err().contains("no spaces"));
    }

    #[test]
    fn a_question_says_who_and_how() {
        let question = Question {
            approvers: vec!["dba".to_owned()],
            quorum: 2,
            other_than_starter: true,
            checklist: vec!["Call the bank".to_owned()],
            ..question()
        };
        let text = question_text(&question, &["Ada (dba)".to_owned()]);
        for words in ["  - Call the bank\n", "2 people must", "so far by Ada (dba).", "can only reject", "`done NAME"] {
            assert!(text.contains(words), "{text}");
        }
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
        let question = Question { prompt: "a\u{1b}[2Jb\rc".to_owned(), ..question() };
        assert!(question_text(&question, &[]).starts_with("\na [2Jb c\n"));
    }
}
