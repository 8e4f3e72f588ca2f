//! What a recovery time is made of.

use serde::{Deserialize, Serialize};

use crate::time::Span;

/// The parts of a recovery time. Each instant belongs to the first part that applies, so they add up to the whole
/// exactly; `None` is *not exercised*: there was no such thing in this leg.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Parts {
    /// Until the phase `detect` ended. Not exercised without one.
    pub detection: Option<Span>,
    /// While a step was acting. Not exercised where none did.
    pub execution: Option<Span>,
    /// While a person was asked and nothing else went on. Not exercised where nobody was asked.
    pub decision: Option<Span>,
    /// From the switch of names until the service was asked in the new region. Not exercised without a switch.
    pub propagation: Option<Span>,
    /// The rest, until services were well.
    pub stabilisation: Option<Span>,
}

impl Parts {
    /// The whole.
    #[must_use]
    pub fn total(&self) -> Span {
        self.named().into_iter().filter_map(|(_, part)| part).sum()
    }

    /// The parts with their names, in order.
    #[must_use]
    pub fn named(&self) -> [(&'static str, Option<Span>); 5] {
        [
            ("detection", self.detection),
            ("execution", self.execution),
            ("decision", self.decision),
            ("propagation", self.propagation),
            ("stabilisation", self.stabilisation),
        ]
    }
}
