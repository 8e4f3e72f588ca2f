//! How everything that runs beside the dispatcher tells it what happened.

use tokio::sync::{mpsc, oneshot};

use crate::event::Event;

/// What the dispatcher is told.
#[derive(Debug)]
pub struct Message {
    /// Events that belong together: they are written as one.
    pub events: Vec<Event>,
    /// Answered once they are durable, with `false` if the run takes them no longer.
    pub durable: Option<oneshot::Sender<bool>>,
}

/// A way to the dispatcher. Bounded: who tells faster than the journal can be written waits.
#[derive(Clone, Debug)]
pub struct Sink {
    sender: mpsc::Sender<Message>,
}

impl Sink {
    /// How many messages may wait.
    pub const BOUND: usize = 1024;

    /// A sink and its other end.
    #[must_use]
    pub fn new() -> (Self, mpsc::Receiver<Message>) {
        let (sender, receiver) = mpsc::channel(Self::BOUND);
        (Self { sender }, receiver)
    }

    /// Tells an event without waiting until it is durable. A run that has ended takes no more; that is no error.
    pub async fn tell(&self, event: Event) {
        let _ = self.sender.send(Message { events: vec![event], durable: None }).await;
    }

    /// Tells events and waits until they are durable; `false` if they never will be.
    pub async fn commit(&self, events: Vec<Event>) -> bool {
        let (sender, receiver) = oneshot::channel();
        if self.sender.send(Message { events, durable: Some(sender) }).await.is_err() {
            return false;
        }
        receiver.await.unwrap_or(false)
    }
}
