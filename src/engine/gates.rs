//! The desk: where the answers to a gate come together, from the run's terminal and from others.
//!
//! It stands between the actions and the people: an action asks, the desk asks the people at the terminal and takes
//! votes that the dispatcher passes in, whichever settle the question first. Each vote is durable before it counts.
//! It must never hold the dispatcher up, and never count what is not in the journal.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::Sink;
use crate::event::Event;
use crate::id::StepId;
use crate::resource::{Actor, Answer, AnsweredBy, Ballot, Cast, Choice, Context, People, Person, Question, Votes};
use crate::time::Moment;

/// How many votes from other terminals may wait for one gate.
const WAITING_MAX: usize = 64;

/// The gates that were open when Muster died: since when, and the votes that counted until then, in order.
pub(super) type OpenGates = BTreeMap<StepId, (Moment, Vec<Answer>)>;

/// Who is who, and what was open already.
#[derive(Debug, Default)]
pub(super) struct DeskSetup {
    /// Who started the run.
    pub(super) starter: Person,
    /// Whose account the run's terminal is.
    pub(super) terminal: Person,
    /// Gates of a run that was left behind.
    pub(super) open: OpenGates,
}

/// A gate that is open.
struct Gate {
    since: Moment,
    earlier: Vec<Answer>,
    votes: mpsc::Sender<Answer>,
    /// Until somebody asks.
    waiting: Option<mpsc::Receiver<Answer>>,
}

impl Gate {
    fn new(since: Moment, earlier: Vec<Answer>) -> Self {
        let (votes, waiting) = mpsc::channel(WAITING_MAX);
        Self { since, earlier, votes, waiting: Some(waiting) }
    }
}

/// Puts gates to people, wherever they are.
pub(super) struct Desk {
    people: Arc<dyn People>,
    sink: Sink,
    starter: Person,
    terminal: Person,
    gates: Mutex<BTreeMap<StepId, Gate>>,
}

impl Desk {
    /// In front of `people`.
    pub(super) fn new(people: Arc<dyn People>, sink: Sink, setup: DeskSetup) -> Self {
        let open = setup.open.into_iter().map(|(step, (since, earlier))| (step, Gate::new(since, earlier)));
        let gates = Mutex::new(open.collect());
        Self { people, sink, starter: setup.starter, terminal: setup.terminal, gates }
    }

    /// From this event on votes on a step are taken, or no more.
    pub(super) fn follow(&self, event: &Event, now: Moment) {
        match event {
            Event::GateOpened { step, .. } => {
                // One that was open when Muster died stays as old as it is.
                self.gates().entry(step.clone()).or_insert_with(|| Gate::new(now, Vec::new()));
            }
            Event::GateAnswered { step, .. }
            | Event::StepPassed { step, .. }
            | Event::StepFailed { step, .. }
            | Event::StepSkipped { step, .. }
            | Event::UndoFinished { step, .. } => {
                self.gates().remove(step);
            }
            _ => {}
        }
    }

    /// Takes a vote from another terminal. What is given back is the event of one that reaches nobody; any other is
    /// journalled when it is counted.
    pub(super) fn vote(&self, step: StepId, answer: Answer, by: &Person) -> Option<Event> {
        let answer = from_elsewhere(answer, by);
        let refused = {
            let gates = self.gates();
            let sent = gates.get(&step).map(|gate| gate.votes.try_send(answer.clone()));
            match sent {
                Some(Ok(())) => return None,
                Some(Err(mpsc::error::TrySendError::Full(_))) => "too many votes wait to be counted; give it again",
                Some(Err(mpsc::error::TrySendError::Closed(_))) => "the question has been answered already",
                None => "this step asks nobody now",
            }
        };
        Some(Event::GateVoted { step, answer, refused: Some(refused.to_owned()) })
    }

    fn gates(&self) -> MutexGuard<'_, BTreeMap<StepId, Gate>> {
        self.gates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has come, and will come, for this step's gate.
    fn take(&self, step: &StepId) -> Option<(Vec<Answer>, mpsc::Receiver<Answer>)> {
        let mut gates = self.gates();
        let gate = gates.get_mut(step)?;
        Some((gate.earlier.clone(), gate.waiting.take()?))
    }

    /// The gate of a step's undo is opened here: the undo is one act to the dispatcher.
    async fn open(&self, step: &StepId, question: &Question) -> bool {
        let prompt = question.checklist.join("\n");
        let approvers = question.approvers.clone();
        self.sink.commit(vec![Event::GateOpened { step: step.clone(), prompt, approvers }]).await
    }

    async fn settle(
        &self,
        cx: &Context,
        question: &Question,
        poll: &Poll<'_>,
        votes: &mut mpsc::Receiver<Answer>,
    ) -> Answer {
        let elsewhere = async {
            while let Some(vote) = votes.recv().await {
                if let Cast::Decided(answer) = poll.cast(vote).await {
                    return *answer;
                }
            }
            std::future::pending().await
        };
        let here = async {
            match self.people.poll(cx, question, poll).await {
                Some(answer) => answer,
                // Nobody is here; others may answer from where they are until the deadline.
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            answer = elsewhere => answer,
            answer = here => answer,
        }
    }
}

#[async_trait]
impl People for Desk {
    async fn ask(&self, cx: &Context, question: &Question) -> Option<Answer> {
        let Actor::Step(step) = &cx.actor else { return self.people.ask(cx, question).await };
        let (mut taken, mut of_undo) = (self.take(step), false);
        if taken.is_none() {
            of_undo = self.open(step, question).await;
            taken = self.take(step);
        }
        let (earlier, mut votes) = taken?;
        let mut ballot = Ballot::new(question, &self.starter);
        // They are in the journal already, and counted when they came.
        let decided = earlier.iter().find_map(|vote| match ballot.cast(vote) {
            Cast::Decided(answer) => Some(*answer),
            Cast::Counted { .. } | Cast::Refused(_) => None,
        });
        let poll = Poll { desk: self, step, ballot: tokio::sync::Mutex::new(ballot) };
        let answer = match decided {
            Some(answer) => answer,
            None => self.settle(cx, question, &poll, &mut votes).await,
        };
        // Who was a moment too late is told so by the journal.
        votes.close();
        while let Ok(late) = votes.try_recv() {
            poll.keep(late, Some("the question has been answered already".to_owned())).await;
        }
        if of_undo {
            let answered = Event::GateAnswered { step: step.clone(), answer: Some(answer.clone()) };
            self.sink.commit(vec![answered]).await;
        }
        Some(answer)
    }

    fn asked_since(&self, cx: &Context) -> Option<Moment> {
        let Actor::Step(step) = &cx.actor else { return None };
        self.gates().get(step).map(|gate| gate.since)
    }

    async fn decide(&self, cx: &Context, situation: &str) -> Option<(Choice, AnsweredBy)> {
        self.people.decide(cx, situation).await
    }
}

/// The votes on one gate while it is open.
struct Poll<'a> {
    desk: &'a Desk,
    step: &'a StepId,
    /// Held while a vote is written, so that the journal has them in the order in which they count.
    ballot: tokio::sync::Mutex<Ballot>,
}

impl Poll<'_> {
    async fn keep(&self, answer: Answer, refused: Option<String>) {
        let voted = Event::GateVoted { step: self.step.clone(), answer, refused };
        if !self.desk.sink.commit(vec![voted]).await {
            // The journal takes nothing more: nothing is decided any more, and whoever waits is asked to end.
            std::future::pending::<()>().await;
        }
    }
}

#[async_trait]
impl Votes for Poll<'_> {
    async fn cast(&self, vote: Answer) -> Cast {
        let vote = with_account(vote, &self.desk.terminal);
        let mut ballot = self.ballot.lock().await;
        let cast = ballot.cast(&vote);
        let refused = match &cast {
            Cast::Refused(why) => Some(why.clone()),
            Cast::Counted { .. } | Cast::Decided(_) => None,
        };
        self.keep(vote, refused).await;
        cast
    }

    async fn approved(&self) -> Vec<String> {
        self.ballot.lock().await.approved()
    }
}

/// A vote from another terminal is that of the account that gave it, whatever it says of itself. Who states no name,
/// is named by the account.
fn from_elsewhere(answer: Answer, by: &Person) -> Answer {
    let names = match (&answer.names[..], &by.name) {
        ([], Some(name)) => vec![name.clone()],
        ([], None) => vec![by.user.clone()],
        (names, _) => names.to_vec(),
    };
    with_account(Answer { names, by: AnsweredBy::Command, people: Vec::new(), ..answer }, by)
}

fn with_account(answer: Answer, account: &Person) -> Answer {
    if !answer.people.is_empty() || account.user.is_empty() {
        return answer;
    }
    let person = Person { name: answer.names.first().cloned(), ..account.clone() };
    Answer { people: vec![person], ..answer }
}

/// The gates that are open at the end of these events, for a run that is taken up again.
pub(super) fn open_gates<'e>(entries: impl IntoIterator<Item = &'e crate::record::Entry>) -> OpenGates {
    let mut open = OpenGates::new();
    for entry in entries {
        match &entry.event {
            Event::GateOpened { step, .. } => {
                open.entry(step.clone()).or_insert_with(|| (entry.elapsed, Vec::new()));
            }
            Event::GateVoted { step, answer, refused: None } => {
                if let Some((_, votes)) = open.get_mut(step) {
                    votes.push(answer.clone());
                }
            }
            Event::GateAnswered { step, .. }
            | Event::StepPassed { step, .. }
            | Event::StepFailed { step, .. }
            | Event::StepSkipped { step, .. }
            | Event::UndoFinished { step, .. } => {
                open.remove(step);
            }
            _ => {}
        }
    }
    open
}

#[cfg(test)]
mod tests;
