//! The progress of a run while it goes on, from its events alone: lines for a log, a small screen for a terminal.
//!
//! Pure: the caller says what time it is. What is shown here may be lost; the journal has all of it. Bounded: at most
//! [`STEPS_SHOWN`] running steps and [`LIGHTS_SHOWN`] services are on the screen, the rest are counted.

mod lines;

use std::collections::BTreeMap;

use crate::event::Event;
use crate::id::{PhaseId, StepId};
use crate::model::{Course, Plan, Sample};
use crate::report::clean;
use crate::report::view::clock;
use crate::time::{Moment, Span};

/// Running steps on the screen.
pub const STEPS_SHOWN: usize = 8;
/// Services on the screen.
pub const LIGHTS_SHOWN: usize = 12;

/// What is known of a step before it runs.
#[derive(Clone, Debug)]
struct Planned {
    phase: usize,
    expected: Span,
}

/// A step that is under way.
#[derive(Clone, Debug)]
struct Running {
    since: Moment,
    attempt: u32,
    doing: Doing,
}

#[derive(Clone, Debug)]
enum Doing {
    Acting,
    Waiting { until: Moment },
    Asking { prompt: String },
    Undoing,
}

/// What a probe last said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Light {
    Up,
    Down,
    Unknown,
}

impl Light {
    fn sign(self) -> &'static str {
        match self {
            Self::Up => "●",
            Self::Down => "○",
            Self::Unknown => "?",
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Unknown => "unknown",
        }
    }
}

/// A service's light, or the witness's.
#[derive(Clone, Debug)]
struct Watched {
    id: String,
    light: Light,
    since: Moment,
    region: Option<String>,
    service: bool,
}

/// The progress of a run.
#[derive(Clone, Debug)]
pub struct Live {
    head: String,
    phases: Vec<PhaseId>,
    steps: BTreeMap<StepId, Planned>,
    watched: Vec<Watched>,
    running: BTreeMap<StepId, Running>,
    phase: Option<(usize, Moment)>,
    course: Course,
    begun: usize,
    failed: usize,
}

impl Live {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let watched = |id: &str, service| Watched {
            id: id.to_owned(),
            light: Light::Unknown,
            since: Moment::ZERO,
            region: None,
            service,
        };
        let services = plan.services.iter().map(|service| watched(service.probe.id.as_str(), true));
        let witness = plan.witness.iter().map(|witness| watched(witness.id.as_str(), false));
        let simulated = if plan.simulated() { ", simulated" } else { "" };
        let planned =
            plan.steps.iter().map(|step| (step.id.clone(), Planned { phase: step.phase, expected: step.expected }));
        Self {
            head: format!("{} ({}, {}{simulated})", clean::line(&plan.name, 64), plan.mode, plan.environment)
                .replace("simulated, simulated", "simulated"),
            phases: plan.phases.iter().map(|phase| phase.id.clone()).collect(),
            steps: planned.collect(),
            watched: services.chain(witness).collect(),
            running: BTreeMap::new(),
            phase: None,
            course: Course::Forward,
            begun: 0,
            failed: 0,
        }
    }

    /// Takes an event that was written at `at` of the run, `wall` by the calendar. Gives the lines that a log of the
    /// run gets for it: none for most, one for what is notable.
    pub fn event(&mut self, at: Moment, wall: jiff::Timestamp, event: &Event) -> Vec<String> {
        let told = self.tell(at, wall, event);
        self.note(at, event);
        told.into_iter().map(|text| format!("{}  {}", clock(at), clean::line(&text, 400))).collect()
    }

    /// The screen at `now`: each line fits into `width` columns, as far as letters are one column wide.
    #[must_use]
    pub fn screen(&self, now: Moment, width: u16) -> Vec<String> {
        let mut lines = vec![format!("{}  {}", clock(now), self.head)];
        lines.push(self.phase_line(now));
        lines.extend(self.lights_lines(now, usize::from(width)));
        for (id, running) in self.running.iter().take(STEPS_SHOWN) {
            lines.push(self.step_line(id, running, now));
        }
        if self.running.len() > STEPS_SHOWN {
            lines.push(format!("  … and {} more steps under way", self.running.len() - STEPS_SHOWN));
        }
        lines.into_iter().map(|line| clean::line(&line, usize::from(width.max(2)) - 1)).collect()
    }

    /// Whether a person is being asked, or is about to be: whoever draws a screen leaves the terminal to them.
    #[must_use]
    pub fn asks(&self) -> bool {
        self.course == Course::Paused
            || self.running.values().any(|running| matches!(running.doing, Doing::Asking { .. }))
    }

    fn phase_line(&self, now: Moment) -> String {
        let failed = if self.failed == 0 { String::new() } else { format!(", {} failed", self.failed) };
        let steps = format!("{} of {} steps begun{failed}", self.begun, self.steps.len());
        let course = match self.course {
            Course::Forward => String::new(),
            other => format!("  {}", other.to_string().to_uppercase()),
        };
        match self.phase {
            Some((n, since)) => {
                let (name, all) = (&self.phases[n], self.phases.len());
                format!("phase {name} ({} of {all}) for {}; {steps}{course}", n + 1, whole(now.since(since)))
            }
            None => format!("between phases; {steps}{course}"),
        }
    }

    /// Service lights, as many on a line as fit.
    fn lights_lines(&self, now: Moment, width: usize) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        let services: Vec<&Watched> = self.watched.iter().filter(|watched| watched.service).collect();
        for watched in services.iter().take(LIGHTS_SHOWN) {
            let length = match watched.light {
                Light::Down => format!(" {}", whole(now.since(watched.since))),
                _ => String::new(),
            };
            let region = watched.region.as_ref().filter(|_| watched.light == Light::Up);
            let region = region.map_or_else(String::new, |region| format!(" ({region})"));
            let light = format!("{} {} {}{length}{region}", watched.light.sign(), watched.id, watched.light.word());
            match lines.last_mut() {
                Some(line) if line.chars().count() + 3 + light.chars().count() < width => {
                    line.push_str("   ");
                    line.push_str(&light);
                }
                _ => lines.push(format!("  {light}")),
            }
        }
        if services.len() > LIGHTS_SHOWN {
            lines.push(format!("  … and {} more services", services.len() - LIGHTS_SHOWN));
        }
        lines
    }

    fn step_line(&self, id: &StepId, running: &Running, now: Moment) -> String {
        let ran = whole(now.since(running.since));
        let doing = match &running.doing {
            Doing::Acting => match self.steps.get(id) {
                Some(planned) => format!("about {} expected", planned.expected),
                None => String::new(),
            },
            Doing::Waiting { until } => format!("failed, again in {}", whole(until.since(now))),
            Doing::Asking { prompt } => format!("waits for people: {prompt}"),
            Doing::Undoing => "being taken back".to_owned(),
        };
        let attempt = if running.attempt > 1 { format!(", attempt {}", running.attempt) } else { String::new() };
        format!("  {:<24} {ran:>9}{attempt}  {doing}", clean::line(id.as_str(), 40))
    }

    /// Changes what is known.
    fn note(&mut self, at: Moment, event: &Event) {
        match event {
            Event::PhaseStarted { phase } => {
                self.phase = self.phases.iter().position(|one| one == phase).map(|n| (n, at));
            }
            Event::PhaseFinished { .. } => self.phase = None,
            Event::StepStarted { step, attempt, .. } => self.begin(step, *attempt, at),
            Event::StepPassed { step, .. } | Event::UndoFinished { step, .. } => {
                self.running.remove(step);
            }
            Event::StepFailed { step, failure, .. } => match (failure.retry_in, self.running.get_mut(step)) {
                (Some(wait), Some(running)) => running.doing = Doing::Waiting { until: at + wait },
                (Some(_), None) => {}
                (None, _) => {
                    self.failed += 1;
                    self.running.remove(step);
                }
            },
            Event::GateOpened { step, prompt, .. } => {
                let running = self.running.entry(step.clone());
                let running = running.or_insert(Running { since: at, attempt: 1, doing: Doing::Acting });
                running.doing = Doing::Asking { prompt: clean::line(prompt, 200) };
            }
            Event::GateAnswered { step, .. } => {
                if let Some(running) = self.running.get_mut(step) {
                    running.doing = Doing::Acting;
                }
            }
            Event::UndoStarted { step } => {
                self.running.insert(step.clone(), Running { since: at, attempt: 1, doing: Doing::Undoing });
            }
            Event::CourseChanged { course, .. } => self.course = *course,
            Event::Sampled { probe, first, .. } => self.sampled(probe.as_str(), first),
            Event::Finished { .. } => self.running.clear(),
            _ => {}
        }
    }

    fn begin(&mut self, step: &StepId, attempt: u32, at: Moment) {
        // The clock of a step goes on through its attempts.
        let since = self.running.get(step).map_or(at, |running| running.since);
        self.begun += usize::from(attempt == 1);
        self.running.insert(step.clone(), Running { since, attempt, doing: Doing::Acting });
    }

    fn sampled(&mut self, probe: &str, sample: &Sample) {
        let cut_off = self.watched.iter().any(|one| !one.service && one.light == Light::Down);
        let Some(watched) = self.watched.iter_mut().find(|one| one.id == probe) else { return };
        let light = match (sample.is_healthy(), watched.service && cut_off) {
            (true, _) => Light::Up,
            (false, true) => Light::Unknown,
            (false, false) => Light::Down,
        };
        if light != watched.light {
            watched.since = sample.sent;
        }
        watched.light = light;
        watched.region = sample.region.map(|role| role.to_string());
    }
}

/// A span in whole seconds: a clock that ticks, rather than one that flickers.
fn whole(span: Span) -> String {
    Span::from_secs(span.0 / 1_000_000_000).to_string()
}

#[cfg(test)]
mod tests;
