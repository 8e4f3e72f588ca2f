//! What a playbook says, typed, with the places that later checks point at.

use crate::catalogue::{Act, Mode, OnFailure};
use crate::chance::Distribution;
use crate::diagnostic::{Place, Silence};
use crate::id::{PhaseId, StepId};
use crate::model::{
    About, Accepted, Canary, DataLoss, Guardrail, Objectives, PhaseKind, ProbePlan, Retry, Schedule, Service, Windows,
};
use crate::time::Span;
use crate::yaml::{Node, Value};

/// A checked playbook. Its templates are filled, but for names that exist only while a run goes on.
#[derive(Clone, Debug)]
pub struct Playbook {
    /// Its name; part of the ids of its runs.
    pub name: String,
    /// For people.
    pub title: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// What the drill supposes.
    pub scenario: Option<String>,
    /// How it is run unless the command line says otherwise.
    pub mode: Mode,
    /// How much may be lost on purpose.
    pub data_loss: Option<DataLoss>,
    /// Whether acknowledged writes may be thrown away.
    pub discard: bool,
    /// The bad ends of rehearsals that are accepted.
    pub accepts: Vec<(Accepted, Name)>,
    /// The drill's objectives.
    pub objectives: Objectives,
    /// What it says of itself as a test of a plan.
    pub about: About,
    /// The controls that it is evidence for, and where each is named.
    pub controls: Vec<(String, Place)>,
    /// The team's own catalogues of controls, by their paths as they are written, and where.
    pub catalogues: Vec<(String, Place)>,
    /// The roles of people.
    pub roles: Vec<String>,
    /// How many steps may run at once.
    pub at_once: Option<usize>,
    /// An outage longer than this pauses the run.
    pub outage_limit: Option<Span>,
    /// When runs may begin.
    pub windows: Option<Windows>,
    /// When it is due.
    pub schedule: Option<(Schedule, Name)>,
    /// A run that stands still waits so long for a person.
    pub pause_limit: Option<Span>,
    /// The services.
    pub services: Vec<(Service, Name)>,
    /// The canaries.
    pub canaries: Vec<(Canary, Name)>,
    /// A probe of something unrelated.
    pub witness: Option<ProbePlan>,
    /// The guardrails.
    pub guardrails: Vec<(Guardrail, Name)>,
    /// The phases, in order.
    pub phases: Vec<PhaseText>,
    /// Where its objectives stand; the beginning of the file if it has none.
    pub objectives_at: Place,
    /// Warnings that it silences.
    pub silences: Vec<Silence>,
}

/// A part of the text in which names stand, so that a message about one of them can point at it.
#[derive(Clone, Debug)]
pub struct Name {
    place: Place,
    within: Node,
}

impl Name {
    pub(crate) fn new(place: Place, within: Node) -> Self {
        Self { place, within }
    }

    /// The place of the part itself: its key or name.
    #[must_use]
    pub fn place(&self) -> Place {
        self.place.clone()
    }

    /// The place of the first value `text` in the part; the part's own where the text does not stand literally.
    #[must_use]
    pub fn place_of(&self, text: &str) -> Place {
        find(&self.within, text).map_or_else(|| self.place(), Node::place)
    }

    /// The place of the value of `key`, or of the part itself.
    #[must_use]
    pub fn place_of_key(&self, key: &str) -> Place {
        self.within.get(key).map_or_else(|| self.place(), Node::place)
    }
}

fn find<'a>(node: &'a Node, text: &str) -> Option<&'a Node> {
    match &node.value {
        Value::Scalar(scalar) => (scalar.text == text).then_some(node),
        Value::List(items) => items.iter().find_map(|item| find(item, text)),
        Value::Map(entries) => entries.iter().find_map(|entry| find(&entry.value, text)),
        Value::Broken => None,
    }
}

/// A phase.
#[derive(Clone, Debug)]
pub struct PhaseText {
    /// Its name.
    pub id: PhaseId,
    /// For people.
    pub title: Option<String>,
    /// What it is for.
    pub kind: PhaseKind,
    /// The modes in which it is carried out; `None`: all.
    pub modes: Option<Vec<Mode>>,
    /// Its steps, in written order.
    pub steps: Vec<StepText>,
    /// Where its name stands.
    pub place: Place,
}

/// A step.
#[derive(Clone, Debug)]
pub struct StepText {
    /// Its name.
    pub id: StepId,
    /// For people.
    pub title: Option<String>,
    /// The places of the steps of its phase that it needs; `None`: the step written before it.
    pub needs: Option<Vec<usize>>,
    /// The modes in which it is carried out; `None`: all.
    pub modes: Option<Vec<Mode>>,
    /// Its own objective.
    pub within: Option<Span>,
    /// After this long it is given up.
    pub timeout: Option<Span>,
    /// How often it is tried.
    pub retry: Retry,
    /// What its failure means; `None`: depends on its phase.
    pub on_failure: Option<OnFailure>,
    /// How long it takes in a simulation.
    pub takes: Option<Distribution>,
    /// What it does.
    pub act: Act,
    /// Where its id and its arguments stand.
    pub name: Name,
}
