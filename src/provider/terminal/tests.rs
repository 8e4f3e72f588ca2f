//! Conversations through pipes in memory.

use tokio::io::{AsyncReadExt, BufReader, DuplexStream, ReadHalf, SimplexStream, WriteHalf, duplex, simplex};

use super::*;
use crate::chance::Distribution;
use crate::id::RunId;
use crate::resource::{Actor, Cancellation};
use crate::time::{Clock, Span, run_real};

fn context(clock: &Clock) -> Context {
    Context {
        run: RunId::new("20261122-084216-people").unwrap(),
        actor: Actor::Muster,
        attempt: 1,
        errand: crate::resource::Errand::Do,
        clock: clock.clone(),
        fencing: 0,
        cancel: Cancellation::default(),
    }
}

fn question() -> Question {
    Question {
        prompt: "Start? Users are out from here.".to_owned(),
        approvers: vec!["incident-commander".to_owned()],
        quorum: 1,
        other_than_starter: false,
        evidence_required: false,
        checklist: Vec::new(),
        takes: Distribution::fixed(Span::ZERO),
        deadline: None,
    }
}

/// The person's side of the terminal.
struct Typist {
    screen: ReadHalf<SimplexStream>,
    keyboard: Option<DuplexStream>,
}

type Terminal = TerminalPeople<BufReader<DuplexStream>, WriteHalf<SimplexStream>>;

fn terminal() -> (Terminal, Typist) {
    let (keyboard, input) = duplex(1024 * 1024);
    let (screen, output) = simplex(64 * 1024);
    (TerminalPeople::new(BufReader::new(input), output), Typist { screen, keyboard: Some(keyboard) })
}

impl Typist {
    /// Reads up to the next `> ` and returns what was read.
    async fn reads(&mut self) -> String {
        let mut text = String::new();
        while !text.ends_with("> ") {
            text.push(char::from(self.screen.read_u8().await.unwrap()));
        }
        text
    }

    async fn types(&mut self, text: &str) {
        self.keyboard.as_mut().unwrap().write_all(text.as_bytes()).await.unwrap();
    }
}

#[test]
fn a_gate_is_talked_over_until_it_is_answered() {
    run_real(|clock| async move {
        let (people, mut person) = terminal();
        let (cx, question) = (context(&clock), question());
        let (answer, ()) = tokio::join!(people.ask(&cx, &question), async {
            let screen = person.reads().await;
            assert!(screen.contains("Start? Users are out from here.\n"), "{screen}");
            assert!(screen.contains("incident-commander"), "{screen}");
            person.types("\n").await;
            assert!(person.reads().await.starts_with("Not understood."));
            person.types("approve Ada\n").await;
            assert!(person.reads().await.starts_with("Ada is not among those"));
            person.types("approve Ada as ").await;
            person.types("incident-commander\r\n").await;
        });
        let answer = answer.unwrap();
        assert_eq!((answer.decision, answer.by), (Decision::Approved, AnsweredBy::Terminal));
        assert_eq!(answer.names, ["Ada (incident-commander)"]);
    })
    .unwrap();
}

#[test]
fn what_was_typed_before_the_question_is_no_answer() {
    run_real(|clock| async move {
        let (people, mut person) = terminal();
        let (cx, question) = (context(&clock), question());
        person.types("approve Mallory as incident-commander\napprove Mall").await;
        let (answer, ()) = tokio::join!(people.ask(&cx, &question), async {
            person.reads().await;
            person.types("reject Ada as incident-commander: too early\n").await;
        });
        let answer = answer.unwrap();
        assert_eq!((answer.decision, answer.because.as_deref()), (Decision::Rejected, Some("too early")));
    })
    .unwrap();
}

#[test]
fn a_line_without_end_is_bounded() {
    run_real(|clock| async move {
        let (people, mut person) = terminal();
        let (cx, question) = (context(&clock), question());
        let (answer, ()) = tokio::join!(people.ask(&cx, &question), async {
            person.reads().await;
            person.types(&format!("approve {}", "x".repeat(500_000))).await;
            person.types("\n").await;
            assert!(person.reads().await.contains("longer than 4096 bytes"));
            person.types("approve Ada as incident-commander\n").await;
        });
        assert_eq!(answer.unwrap().names, ["Ada (incident-commander)"]);
    })
    .unwrap();
}

#[test]
fn a_manual_step_asks_for_evidence_and_keeps_the_file() {
    run_real(|clock| async move {
        let (mut people, mut person) = terminal();
        let folder = tempfile::TempDir::with_prefix("muster-").unwrap();
        std::fs::write(folder.path().join("cable.jpg"), "abc").unwrap();
        people.folder = Some(folder.path().join("run"));
        let question = Question {
            checklist: vec!["Pull the cable".to_owned()],
            evidence_required: true,
            approvers: Vec::new(),
            ..question()
        };
        let cx = context(&clock);
        let (answer, ()) = tokio::join!(people.ask(&cx, &question), async {
            person.reads().await;
            person.types("done Ada\n").await;
            assert!(person.reads().await.contains("Without any it is not done"));
            person.types("none\n").await;
            assert!(person.reads().await.contains("not done without evidence"));
            person.types("done Ada: file:/none\n").await;
            assert!(person.reads().await.contains("/none can't be read"));
            person.types("done Ada\n").await;
            person.reads().await;
            person.types(&format!("file:{}\n", folder.path().join("cable.jpg").display())).await;
        });
        let [exhibit] = &answer.unwrap().evidence[..] else { panic!() };
        assert_eq!((exhibit.what.as_str(), exhibit.size), ("cable.jpg", 3));
        let copy = folder.path().join("run/evidence").join(exhibit.copy_name().unwrap());
        assert_eq!(std::fs::read(copy).unwrap(), b"abc");
    })
    .unwrap();
}

#[test]
fn several_people_approve_one_after_another() {
    run_real(|clock| async move {
        let (people, mut person) = terminal();
        let question = Question { quorum: 2, ..question() };
        let cx = context(&clock);
        let (answer, ()) = tokio::join!(people.ask(&cx, &question), async {
            person.reads().await;
            person.types("approve Ada as incident-commander\n").await;
            assert!(person.reads().await.starts_with("1 of 2 approvals."));
            person.types("approve ada as incident-commander\n").await;
            assert!(person.reads().await.contains("approved already"));
            person.types("approve Grace as incident-commander: go\n").await;
        });
        let answer = answer.unwrap();
        assert_eq!(answer.names, ["Ada (incident-commander)", "Grace (incident-commander)"]);
        assert_eq!(answer.because.as_deref(), Some("go"));
    })
    .unwrap();
}

#[test]
fn the_end_of_the_input_is_no_approval() {
    run_real(|clock| async move {
        let (people, mut person) = terminal();
        let (cx, question) = (context(&clock), question());
        let (answer, ()) = tokio::join!(people.ask(&cx, &question), async {
            person.reads().await;
            person.types("approve Ada as incident-commander").await;
            person.keyboard = None;
        });
        assert_eq!(answer, None);
    })
    .unwrap();
}

#[test]
fn a_question_that_is_given_up_leaves_the_next_one_untouched() {
    run_real(|clock| async move {
        let (people, mut person) = terminal();
        let (cx, question) = (context(&clock), question());
        tokio::select! {
            answer = people.ask(&cx, &question) => panic!("{answer:?}"),
            () = async { person.reads().await; person.types("approve Ada as inc").await; person.reads().await; } => {},
            // The half line was heard once the pipe is empty; the caller's deadline is here.
            () = clock.sleep(Span::from_millis(20)) => {}
        }
        let (answer, ()) = tokio::join!(people.ask(&cx, &question), async {
            person.reads().await;
            person.types("approve Grace as incident-commander\n").await;
        });
        assert_eq!(answer.unwrap().names, ["Grace (incident-commander)"]);
        cx.cancel.cancel();
        assert_eq!(people.ask(&cx, &question).await, None);
    })
    .unwrap();
}

#[test]
fn a_run_that_stands_still_is_decided_upon() {
    run_real(|clock| async move {
        let (people, mut person) = terminal();
        let cx = context(&clock);
        let (choice, ()) = tokio::join!(people.decide(&cx, "Step `promote` failed."), async {
            assert!(person.reads().await.contains("Step `promote` failed.\n"));
            person.types("y\n").await;
            assert!(person.reads().await.starts_with("Not understood."));
            person.types("retry\n").await;
        });
        assert_eq!(choice, Some((Choice::Retry, AnsweredBy::Terminal)));
        assert_eq!(YesPeople.decide(&cx, "Step `promote` failed.").await, None);
    })
    .unwrap();
}

#[test]
fn yes_says_that_nobody_was_asked_and_nobody_says_nothing() {
    run_real(|clock| async move {
        let cx = context(&clock);
        let answer = YesPeople.ask(&cx, &question()).await.unwrap();
        assert_eq!((answer.decision, answer.by), (Decision::Approved, AnsweredBy::NobodyAsked));
        assert!(answer.names.is_empty());
        assert_eq!(NobodyPeople.ask(&cx, &question()).await, None);
    })
    .unwrap();
}
