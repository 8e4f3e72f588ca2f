//! Answers from here and from there, against a journal in memory.

use std::future::Future;

use super::*;
use crate::chance::Distribution;
use crate::engine::Message;
use crate::id::RunId;
use crate::resource::{Cancellation, Decision, Exhibit, Stated};
use crate::time::{Clock, Span, run_virtual};

fn step() -> StepId {
    StepId::new("go").unwrap()
}

fn context(clock: &Clock) -> Context {
    Context {
        run: RunId::new("20261122-084216-gates").unwrap(),
        actor: Actor::Step(step()),
        attempt: 1,
        errand: crate::resource::Errand::Do,
        clock: clock.clone(),
        fencing: 0,
        cancel: Cancellation::default(),
    }
}

fn question(quorum: u32) -> Question {
    Question {
        prompt: "Start?".to_owned(),
        approvers: vec!["Ada".to_owned(), "Grace".to_owned(), "dba".to_owned()],
        quorum,
        other_than_starter: false,
        evidence_required: false,
        checklist: Vec::new(),
        takes: Distribution::fixed(Span::ZERO),
        deadline: None,
    }
}

fn vote(decision: Decision, stated: &str) -> Answer {
    Answer::vote(decision, &Stated::read(stated).unwrap(), AnsweredBy::Terminal)
}

fn person(user: &str) -> Person {
    Person { name: None, user: user.to_owned(), host: "bastion".to_owned() }
}

/// People at a terminal who say all this, each a second after the one before, and then go.
struct Says(Vec<Answer>);

#[async_trait]
impl People for Says {
    async fn ask(&self, _: &Context, _: &Question) -> Option<Answer> {
        None
    }

    async fn poll(&self, cx: &Context, _: &Question, votes: &dyn Votes) -> Option<Answer> {
        for vote in &self.0 {
            cx.clock.sleep(Span::from_secs(1)).await;
            if let Cast::Decided(answer) = votes.cast(vote.clone()).await {
                return Some(*answer);
            }
        }
        None
    }
}

/// A desk in front of `terminal`, and the journal of all that came of `scene`.
fn at_the_desk<S: Future<Output = Option<Answer>>>(
    terminal: Vec<Answer>,
    open: OpenGates,
    scene: impl FnOnce(Arc<Desk>, Context) -> S,
) -> (Option<Answer>, Vec<Event>) {
    let start = "2026-03-01T02:00:00Z".parse().unwrap();
    run_virtual(start, |clock| async move {
        let (sink, mut inbox) = Sink::new();
        let setup = DeskSetup { starter: person("lead"), terminal: person("lead"), open };
        let desk = Arc::new(Desk::new(Arc::new(Says(terminal)), sink, setup));
        let journal = Arc::new(Mutex::new(Vec::new()));
        let (follower, written, now) = (Arc::clone(&desk), Arc::clone(&journal), clock.clone());
        clock.spawn(async move {
            while let Some(Message { events, durable }) = inbox.recv().await {
                for event in events {
                    follower.follow(&event, now.now());
                    written.lock().unwrap().push(event);
                }
                if let Some(durable) = durable {
                    let _ = durable.send(true);
                }
            }
        });
        let answer = scene(desk, context(&clock)).await;
        let events = journal.lock().unwrap().clone();
        (answer, events)
    })
    .unwrap()
}

fn opened() -> Event {
    Event::GateOpened { step: step(), prompt: "Start?".to_owned(), approvers: Vec::new() }
}

/// The names of the votes, and whether each counted.
fn votes(events: &[Event]) -> Vec<(String, bool)> {
    let votes = events.iter().filter_map(|event| match event {
        Event::GateVoted { answer, refused, .. } => Some((answer.names.join("+"), refused.is_none())),
        _ => None,
    });
    votes.collect()
}

#[test]
fn terminal_and_others_answer_one_question_together() {
    let (answer, events) =
        at_the_desk(vec![vote(Decision::Approved, "Ada")], OpenGates::new(), |desk, cx| async move {
            desk.follow(&opened(), cx.clock.now());
            // Before anybody asks, and from somebody who may not.
            assert_eq!(desk.vote(step(), vote(Decision::Approved, "Mallory"), &person("mallory")), None);
            let question = question(2);
            let asked = desk.ask(&cx, &question);
            let others = async {
                cx.clock.sleep(Span::from_secs(5)).await;
                let evidence = vec![Exhibit::text("call 4711").unwrap()];
                let claims = Answer { evidence, people: vec![person("nobody")], ..vote(Decision::Approved, "Grace") };
                assert_eq!(desk.vote(step(), claims, &person("grace")), None);
            };
            tokio::join!(asked, others).0
        });
    let answer = answer.unwrap();
    assert_eq!(answer.names, ["Ada", "Grace"]);
    // The accounts are those of the terminal and of who sent the vote, not what the vote says of itself.
    let users: Vec<&str> = answer.people.iter().map(|person| person.user.as_str()).collect();
    assert_eq!((users, answer.by), (vec!["lead", "grace"], AnsweredBy::Command));
    assert_eq!(answer.evidence.len(), 1);
    assert_eq!(votes(&events), [("Mallory".into(), false), ("Ada".into(), true), ("Grace".into(), true)]);
}

#[test]
fn a_rejection_from_elsewhere_ends_the_question_at_the_terminal() {
    let terminal = (0..100).map(|_| vote(Decision::Approved, "Mallory")).collect();
    let (answer, _) = at_the_desk(terminal, OpenGates::new(), |desk, cx| async move {
        desk.follow(&opened(), cx.clock.now());
        let question = question(1);
        let asked = desk.ask(&cx, &question);
        let others = async {
            cx.clock.sleep(Span::from_millis(2500)).await;
            let no = Answer { because: Some("lag".to_owned()), names: Vec::new(), ..vote(Decision::Rejected, "x") };
            // Who states no name is named by the account.
            assert_eq!(desk.vote(step(), no, &person("ada")), None);
        };
        let (answer, ()) = tokio::join!(asked, others);
        assert_eq!(cx.clock.now(), Moment::ZERO + Span::from_millis(2500));
        // From then on a vote reaches nobody, and is told so.
        let late = desk.vote(step(), vote(Decision::Approved, "Ada"), &person("ada"));
        assert!(matches!(late, Some(Event::GateVoted { refused: Some(why), .. }) if why.contains("already")));
        desk.follow(&Event::GateAnswered { step: step(), answer: None }, cx.clock.now());
        let late = desk.vote(step(), vote(Decision::Approved, "Ada"), &person("ada"));
        assert!(matches!(late, Some(Event::GateVoted { refused: Some(why), .. }) if why.contains("asks nobody")));
        answer
    });
    let answer = answer.unwrap();
    assert_eq!((answer.decision, answer.names), (Decision::Rejected, vec!["ada".to_owned()]));
}

#[test]
fn a_gate_that_was_open_goes_on_with_its_votes_and_its_age() {
    let since = Moment::ZERO + Span::from_secs(7);
    let open = OpenGates::from([(step(), (since, vec![vote(Decision::Approved, "Ada")]))]);
    let (answer, events) = at_the_desk(Vec::new(), open, |desk, cx| async move {
        cx.clock.sleep(Span::from_secs(60)).await;
        desk.follow(&opened(), cx.clock.now());
        assert_eq!(desk.asked_since(&cx), Some(since));
        let question = question(2);
        assert_eq!(desk.vote(step(), vote(Decision::Approved, "ada"), &person("ada")), None);
        assert_eq!(desk.vote(step(), vote(Decision::Approved, "Grace"), &person("grace")), None);
        desk.ask(&cx, &question).await
    });
    assert_eq!(answer.unwrap().names, ["Ada", "Grace"]);
    // What is in the journal already is not written again.
    assert_eq!(votes(&events), [("ada".into(), false), ("Grace".into(), true)]);
}

#[test]
fn votes_that_were_enough_before_the_crash_are_enough_after_it() {
    let open = OpenGates::from([(step(), (Moment::ZERO, vec![vote(Decision::Approved, "Ada")]))]);
    let (answer, events) = at_the_desk(Vec::new(), open, |desk, cx| async move {
        let question = question(1);
        cx.clock.timeout(Span::ZERO, desk.ask(&cx, &question)).await.unwrap()
    });
    assert_eq!((answer.unwrap().names, events), (vec!["Ada".to_owned()], Vec::new()));
}

#[test]
fn the_gate_of_an_undo_opens_and_closes_in_the_journal() {
    let (answer, events) =
        at_the_desk(vec![vote(Decision::Approved, "Ada")], OpenGates::new(), |desk, cx| async move {
            desk.ask(&cx, &Question { checklist: vec!["Plug it in".to_owned()], ..question(1) }).await
        });
    let [Event::GateOpened { prompt, .. }, Event::GateVoted { .. }, Event::GateAnswered { answer: written, .. }] =
        &events[..]
    else {
        panic!("{events:#?}")
    };
    assert_eq!((prompt.as_str(), written), ("Plug it in", &answer));
}

#[test]
fn the_events_tell_which_gates_are_open() {
    let entry = |secs: u64, event: Event| crate::record::Entry {
        seq: 0,
        at: "2026-03-01T02:00:00Z".parse().unwrap(),
        elapsed: Moment::ZERO + Span::from_secs(secs),
        event,
    };
    let voted = |stated: &str, refused: Option<&str>| Event::GateVoted {
        step: step(),
        answer: vote(Decision::Approved, stated),
        refused: refused.map(str::to_owned),
    };
    let mut events = vec![
        entry(1, opened()),
        entry(2, voted("Ada", None)),
        entry(3, voted("Mallory", Some("not among"))),
        // Asked again by one that died, too.
        entry(9, opened()),
    ];
    let kept = (Moment::ZERO + Span::from_secs(1), vec![vote(Decision::Approved, "Ada")]);
    assert_eq!(open_gates(&events), OpenGates::from([(step(), kept)]));
    events.push(entry(10, Event::GateAnswered { step: step(), answer: None }));
    assert_eq!(open_gates(&events), OpenGates::new());
}
