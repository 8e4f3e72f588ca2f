//! What a simulation knows ahead.

use crate::time::Moment;

/// What comes of a request, told when it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Foretold<T> {
    /// This, at that moment.
    At(Moment, T),
    /// No answer by the deadline, that moment included, whatever happens from the moment on until when nothing does.
    Silence,
}

impl<T> Foretold<T> {
    /// What comes of the answer.
    pub fn map<U>(self, f: impl FnOnce(Moment, T) -> U) -> Foretold<U> {
        match self {
            Self::At(at, result) => Foretold::At(at, f(at, result)),
            Self::Silence => Foretold::Silence,
        }
    }
}

/// Foretells what comes of one kind of request: made ready once, asked often. Only simulations have one.
pub trait Foretell<Q, T>: Send + Sync {
    /// What comes of `request`, sent when it says, if nothing else happens before `by`; nobody waits for it longer than
    /// until `deadline`, which is no earlier than that. `None`: it is not known, or not before `by`, and nothing was done.
    fn foretell(&self, request: Q, by: Moment, deadline: Moment) -> Option<Foretold<T>>;
}

/// What stays the same for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Steady<T> {
    /// What every request comes to that is sent from the moment asked for on and answered before `until`, if nothing
    /// else happens.
    pub answer: T,
    /// The first moment at which it may be otherwise.
    pub until: Moment,
}
