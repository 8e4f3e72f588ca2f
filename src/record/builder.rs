//! Takes a run's events in, one by one. What they add up to stands in [`super::finish`].

use std::collections::BTreeMap;

use super::pulse::Pulses;
use super::{
    AttemptRecord, DnsChange, Entry, Gap, GateRecord, GuardrailBreak, GuardrailLook, Happening, HappeningKind, Heads,
    Record, RecordError, ReviewRecord, StepRecord, StepState, UndoRecord, VoteRecord, finish, steps,
};
use crate::catalogue::{Act, OnFailure, Part};
use crate::event::{Event, FORMAT, ResumeTo, Started};
use crate::id::{PhaseId, ProbeId, RegionRole, ResourceId, RunId, StepId};
use crate::measure::{Active, Actives, Detector, Track};
use crate::model::{
    CanaryCount, CanaryProgress, Course, ExitCode, Happened, LeftOver, Leg, PhaseKind, PhaseResult, Place, Plan,
    ProbePlan, SampleSummary, StepFailure, StepPass, UndoResult, Verdict,
};
use crate::resource::{Answer, AnsweredBy, Choice, Decision, Marker, ResourceState, World};
use crate::time::{Moment, Span};

/// How a run said that it ended.
#[derive(Clone, Debug)]
pub(super) struct Finish {
    pub(super) at: jiff::Timestamp,
    pub(super) verdict: Verdict,
    pub(super) world: Place,
    pub(super) exit: ExitCode,
    pub(super) left: Vec<LeftOver>,
    pub(super) seen: World,
}

/// The time that samples took, added up from summaries.
#[derive(Clone, Debug, Default)]
pub(super) struct Times {
    pub(super) count: u64,
    pub(super) p50_sum: u128,
    pub(super) p95_sum: u128,
    pub(super) max: Span,
}

impl Times {
    fn add(&mut self, count: u64, p50: Span, p95: Span, max: Span) {
        self.count += count;
        self.p50_sum += u128::from(p50.0) * u128::from(count);
        self.p95_sum += u128::from(p95.0) * u128::from(count);
        self.max = self.max.max(max);
    }
}

/// The rows of a canary in the whole run.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rows {
    pub(super) acknowledged: u64,
    pub(super) failed: u64,
}

/// A switch of names that passed.
#[derive(Clone, Debug)]
pub(super) struct Switched {
    pub(super) step: usize,
    pub(super) to: RegionRole,
    pub(super) records: Vec<ResourceId>,
    pub(super) done: Moment,
}

/// A phase as far as it has come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PhaseTimes {
    pub(super) started: Option<Moment>,
    pub(super) ended: Option<(Moment, PhaseResult)>,
}

/// Makes a [`Record`] of events, as they come or later; it takes constant time an event.
#[derive(Clone, Debug)]
pub struct Builder {
    pub(super) run: RunId,
    pub(super) started: Box<Started>,
    pub(super) started_at: jiff::Timestamp,
    pub(super) until: Moment,
    pub(super) events: u64,
    pub(super) before: World,
    pub(super) unseen: Vec<(ResourceId, String)>,
    step_index: BTreeMap<StepId, usize>,
    phase_index: BTreeMap<PhaseId, usize>,
    pub(super) phases: Vec<PhaseTimes>,
    pub(super) steps: Vec<StepRecord>,
    pub(super) captured: Vec<World>,
    pub(super) tracks: BTreeMap<ProbeId, Track>,
    pub(super) times: BTreeMap<ProbeId, Times>,
    /// How the samples of each service went over time.
    pub(super) pulses: BTreeMap<ProbeId, Pulses>,
    pub(super) failures: BTreeMap<ProbeId, Vec<String>>,
    /// One for each service, in the plan's order.
    pub(super) actives: Vec<Actives>,
    pub(super) switches: Vec<Switched>,
    pub(super) rows: BTreeMap<ProbeId, Rows>,
    pub(super) counts: BTreeMap<(ProbeId, Leg), CanaryCount>,
    pub(super) answers: BTreeMap<ResourceId, Vec<DnsChange>>,
    pub(super) broken: BTreeMap<String, Vec<GuardrailBreak>>,
    /// What guardrails saw of resources.
    pub(super) looks: BTreeMap<String, Vec<GuardrailLook>>,
    /// Resources that only the lease guards, and why.
    pub(super) lease_only: Vec<(ResourceId, String)>,
    /// Marks of other runs that were passed over.
    pub(super) passed_over: Vec<(ResourceId, Marker)>,
    pub(super) split_brains: Vec<(ResourceId, String)>,
    pub(super) return_began: Option<Moment>,
    pub(super) aborted: Option<String>,
    pub(super) courses: Vec<(Course, String)>,
    pub(super) timeline: Vec<Happening>,
    pub(super) finish: Option<Finish>,
    pub(super) review: ReviewRecord,
    /// When nobody watched.
    pub(super) gaps: Vec<Gap>,
    /// Until when samples are told of.
    watched_until: Moment,
}

/// The most texts of failures that are kept for a service.
const MAX_FAILURES: usize = 8;

impl Builder {
    /// From the first event of a run.
    ///
    /// # Errors
    /// [`RecordError::NotStarted`], [`RecordError::Newer`], [`RecordError::Plan`].
    pub fn new(run: RunId, first: Entry) -> Result<Self, RecordError> {
        let Event::Started(started) = first.event else { return Err(RecordError::NotStarted) };
        if started.format > FORMAT {
            return Err(RecordError::Newer(started.format));
        }
        let plan = &started.plan;
        plan.check().map_err(RecordError::Plan)?;
        let probes = plan.services.iter().map(|service| &service.probe).chain(&plan.witness);
        let tracks = probes.map(|probe| (probe.id.clone(), Track::new(probe))).collect();
        let title = format!("{} ({}, {})", plan.title, plan.mode, plan.environment);
        Ok(Self {
            run,
            started_at: first.at,
            until: first.elapsed,
            events: 1,
            before: World::new(),
            unseen: Vec::new(),
            step_index: plan.steps.iter().enumerate().map(|(n, step)| (step.id.clone(), n)).collect(),
            phase_index: plan.phases.iter().enumerate().map(|(n, phase)| (phase.id.clone(), n)).collect(),
            phases: vec![PhaseTimes::default(); plan.phases.len()],
            steps: (0..plan.steps.len()).map(|n| steps::blank(plan, n)).collect(),
            captured: vec![World::new(); plan.steps.len()],
            tracks,
            times: BTreeMap::new(),
            pulses: plan.services.iter().map(|it| (it.probe.id.clone(), Pulses::default())).collect(),
            failures: BTreeMap::new(),
            actives: vec![Actives::default(); plan.services.len()],
            switches: Vec::new(),
            rows: BTreeMap::new(),
            counts: BTreeMap::new(),
            answers: BTreeMap::new(),
            broken: BTreeMap::new(),
            looks: BTreeMap::new(),
            split_brains: Vec::new(),
            lease_only: Vec::new(),
            passed_over: Vec::new(),
            return_began: None,
            aborted: None,
            courses: Vec::new(),
            timeline: vec![Happening { at: first.elapsed, kind: HappeningKind::Started, text: title }],
            finish: None,
            review: ReviewRecord::default(),
            gaps: Vec::new(),
            watched_until: first.elapsed,
            started,
        })
    }

    /// Takes the next event in.
    ///
    /// # Errors
    /// [`RecordError`]: it does not belong to this run's plan.
    pub fn push(&mut self, entry: Entry) -> Result<(), RecordError> {
        let Entry { seq, at: wall, elapsed: at, event } = entry;
        self.events += 1;
        let Some(event) = self.after_the_end(seq, wall, event)? else { return Ok(()) };
        self.until = self.until.max(at);
        if matches!(event, Event::Sampled { .. } | Event::SamplesSummed { .. }) {
            self.watched_until = at;
        }
        match event {
            Event::Started(_) => return Err(RecordError::StartedTwice(seq)),
            Event::Surveyed { world, unseen } => (self.before, self.unseen) = (world, unseen),
            Event::Claimed { lease_only, taken, passed_over, .. } => {
                for (resource, marker) in taken {
                    self.mark(at, HappeningKind::Taken, format!("{resource}: {marker}"));
                }
                self.lease_only = lease_only;
                self.passed_over.extend(passed_over);
            }
            Event::PhaseStarted { phase } => self.phase_started(self.phase(seq, &phase)?, at),
            Event::PhaseFinished { phase, result } => self.phase_finished(self.phase(seq, &phase)?, at, result),
            Event::StepStarted { step, attempt, before } => {
                self.step_started(self.step(seq, &step)?, at, attempt, before);
            }
            Event::StepPassed { step, attempt, pass } => self.step_passed(self.step(seq, &step)?, at, attempt, pass),
            Event::StepFailed { step, attempt, failure } => {
                self.step_failed(self.step(seq, &step)?, at, attempt, failure);
            }
            Event::GateOpened { step, prompt, approvers } => {
                let index = self.step(seq, &step)?;
                let gates = &mut self.steps[index].gates;
                // A gate that was open when Muster died is the same gate when it is asked again.
                let again = gates.last().is_some_and(|gate| gate.closed.is_none() && gate.prompt == prompt);
                let asked = if again { "asked again" } else { "asked" };
                let text = format!("{asked}: {prompt}");
                if !again {
                    let votes = Vec::new();
                    gates.push(GateRecord { step, prompt, approvers, opened: at, closed: None, answer: None, votes });
                }
                self.mark(at, HappeningKind::Gate, text);
            }
            Event::GateAnswered { step, answer } => self.gate_answered(self.step(seq, &step)?, at, answer),
            Event::CourseChanged { course, because, aborted, .. } => {
                self.mark(at, HappeningKind::Course, format!("{course}: {because}"));
                if aborted && self.aborted.is_none() {
                    self.aborted = Some(because.clone());
                }
                self.courses.push((course, because));
            }
            Event::UndoStarted { step } => self.undo_started(self.step(seq, &step)?, at),
            Event::UndoFinished { step, result } => self.undo_finished(self.step(seq, &step)?, at, result),
            Event::Sampled { probe, last, first } => self.sampled(&probe, last.as_ref(), &first),
            Event::SamplesSummed { probes, canaries } => self.samples_summed(&probes, &canaries),
            Event::CanaryCounted { leg, count } => {
                self.counts.insert((count.canary.clone(), leg), count);
            }
            Event::DnsAnswered { record, server, server_kind, values, serves, asked } => {
                let change = DnsChange { server, server_kind, asked, values, serves };
                self.answers.entry(record).or_default().push(change);
            }
            Event::SplitBrain { resource, seen } => {
                self.mark(at, HappeningKind::SplitBrain, format!("{resource}: two sides took writes: {seen}"));
                self.split_brains.push((resource, seen));
            }
            Event::GuardrailSeen { name, stands, seen } => {
                self.looks.entry(name).or_default().push(GuardrailLook { at, stands, seen });
            }
            Event::GuardrailBroken { name, seen, then } => self.guardrail_broken(at, name, seen, then),
            Event::StepSkipped { step, because, by } => {
                let index = self.step(seq, &step)?;
                match by {
                    None => self.steps[index].warning = Some(format!("left out: {because}")),
                    Some(person) => self.done_by_hand(index, at, &format!("by {person}: {because}")),
                }
            }
            Event::Resumed(resumed) => {
                self.gaps.push(Gap { from: self.watched_until, to: at, estimated: resumed.estimated });
                let how = match resumed.to {
                    ResumeTo::GoOn => "goes on",
                    ResumeTo::Undo => "is undone",
                    ResumeTo::Stop => "is stopped",
                };
                self.mark(at, HappeningKind::Signal, format!("taken up again by {}: it {how}", resumed.by));
            }
            Event::Commanded { command, by, ignored, .. } => {
                let nothing = ignored.map_or_else(String::new, |why| format!("; nothing follows: {why}"));
                self.mark(at, HappeningKind::Signal, format!("{by}: {command}{nothing}"));
            }
            Event::LeaseLost { to } => {
                self.mark(at, HappeningKind::Signal, format!("the run may not act any more: {to}"));
            }
            Event::GateVoted { step, answer, refused } => self.gate_voted(&step, VoteRecord { at, answer, refused }),
            Event::Decided { choice, by, situation } => {
                let choice = match choice {
                    Choice::Retry => "try again",
                    Choice::GoOn => "go on",
                    Choice::Undo => "undo",
                    Choice::Stop => "stop",
                };
                let by = match by {
                    AnsweredBy::Terminal => "a person at the terminal",
                    AnsweredBy::Command => "a person at another terminal",
                    AnsweredBy::NobodyAsked => "nobody was there to ask",
                    AnsweredBy::Simulation => "the simulation",
                };
                self.mark(at, HappeningKind::Gate, format!("{situation}; decided: {choice} ({by})"));
            }
            Event::Reviewed { .. } => return Err(RecordError::ReviewedEarly(seq)),
            Event::Signalled { signal, .. } => self.mark(at, HappeningKind::Signal, signal),
            Event::Finished { verdict, world, exit, left, seen } => {
                self.mark(at, HappeningKind::Finished, format!("{verdict}; the world is {world}"));
                self.finish = Some(Finish { at: wall, verdict, world, exit, left, seen });
            }
        }
        Ok(())
    }

    /// As [`Builder::push`], of an event that stays where it is. Samples, of which a long run has the most, are not
    /// copied.
    ///
    /// # Errors
    /// As [`Builder::push`].
    pub fn push_ref(&mut self, entry: &Entry) -> Result<(), RecordError> {
        match &entry.event {
            Event::Sampled { probe, last, first } => self.sampled(probe, last.as_ref(), first),
            Event::SamplesSummed { probes, canaries } => self.samples_summed(probes, canaries),
            _ => return self.push(entry.clone()),
        }
        if self.finish.is_some() {
            return Err(RecordError::AfterTheEnd(entry.seq));
        }
        self.events += 1;
        self.until = self.until.max(entry.elapsed);
        self.watched_until = entry.elapsed;
        Ok(())
    }

    /// The record of all that was taken in.
    #[must_use]
    pub fn record(&self, heads: Heads) -> Record {
        finish::record(self, heads)
    }

    /// What the samples of a service's probe, or the witness's, add up to so far: as [`Record`] judges them.
    #[must_use]
    pub fn detector(&self, probe: &ProbePlan) -> Option<Detector> {
        let track = self.tracks.get(&probe.id)?;
        let plan = self.plan();
        let witness = plan.witness.as_ref().filter(|witness| witness.id != probe.id);
        let blind = witness.and_then(|witness| self.tracks.get(&witness.id)).map(Track::blind).unwrap_or_default();
        let actives = plan.services.iter().position(|service| service.probe.id == probe.id);
        let actives = actives.map(|place| self.actives[place].clone()).unwrap_or_default();
        Some(track.detector(probe, &actives, &blind))
    }

    /// The region whose answers alone end an outage of the service at `place`.
    #[must_use]
    pub fn active(&self, place: usize) -> Active {
        self.actives.get(place).and_then(|actives| actives.at(Moment::MAX))
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.started.plan
    }

    fn step(&self, seq: u64, step: &StepId) -> Result<usize, RecordError> {
        self.step_index.get(step).copied().ok_or_else(|| RecordError::UnknownStep { seq, step: step.clone() })
    }

    fn phase(&self, seq: u64, phase: &PhaseId) -> Result<usize, RecordError> {
        self.phase_index.get(phase).copied().ok_or_else(|| RecordError::UnknownPhase { seq, phase: phase.clone() })
    }

    fn mark(&mut self, at: Moment, kind: HappeningKind, text: String) {
        self.timeline.push(Happening { at, kind, text });
    }

    fn phase_started(&mut self, phase: usize, at: Moment) {
        self.phases[phase].started.get_or_insert(at);
        let plan = &self.started.plan.phases[phase];
        let text = format!("{} began", plan.title);
        if plan.kind == PhaseKind::Failback || plan.leg == Some(Leg::Return) {
            self.return_began.get_or_insert(at);
        }
        self.mark(at, HappeningKind::Phase, text);
    }

    fn phase_finished(&mut self, phase: usize, at: Moment, result: PhaseResult) {
        self.phases[phase].ended = Some((at, result));
        let how = match result {
            PhaseResult::Passed => "passed",
            PhaseResult::Failed => "failed",
        };
        let text = format!("{} {how}", self.started.plan.phases[phase].title);
        self.mark(at, HappeningKind::Phase, text);
    }

    fn step_started(&mut self, index: usize, at: Moment, attempt: u32, before: World) {
        let step = &mut self.steps[index];
        step.started.get_or_insert(at);
        step.state = StepState::Running;
        let began = AttemptRecord { attempt, started: at, ended: None, failure: None, happened: None, retry_in: None };
        step.attempts.push(began);
        if attempt <= 1 || self.captured[index].is_empty() {
            self.captured[index] = before;
        }
        self.set_active(index, at, None);
    }

    fn end_attempt(&mut self, index: usize, at: Moment, attempt: u32) -> Option<&mut AttemptRecord> {
        let step = &mut self.steps[index];
        step.ended = Some(at);
        let open = step.attempts.iter_mut().rev().find(|one| one.attempt == attempt)?;
        open.ended = Some(at);
        Some(open)
    }

    fn step_passed(&mut self, index: usize, at: Moment, attempt: u32, pass: StepPass) {
        self.end_attempt(index, at, attempt);
        let step = &mut self.steps[index];
        step.state = if pass.already { StepState::AlreadyDone } else { StepState::Passed };
        step.failure = None;
        step.warning = pass.warning;
        step.evidence = pass.evidence;
        let title = step.title.clone();
        self.steps[index].changes = steps::step_changes(self, index);
        let act = &self.started.plan.steps[index].act;
        let part = act.describe().part();
        // What was there already did not happen: no disaster, promotion or switch is told, and nothing propagates from it.
        if pass.already {
            if let Part::Switch(to) = part {
                self.set_active(index, at, Some(to));
            }
            return;
        }
        match part {
            Part::Disaster => self.mark(at, HappeningKind::Disaster, title),
            Part::Promotion(_) => self.mark(at, HappeningKind::Promotion, title),
            Part::Switch(to) => {
                if let Act::DnsSwitch(switch) = act {
                    let records = switch.records.0.clone();
                    self.switches.push(Switched { step: index, to, records, done: at });
                }
                self.set_active(index, at, Some(to));
                self.mark(at, HappeningKind::Switch, title);
            }
            Part::Ordinary | Part::Gate | Part::Notice => {}
        }
    }

    fn done_by_hand(&mut self, index: usize, at: Moment, who_and_why: &str) {
        let step = &mut self.steps[index];
        step.started.get_or_insert(at);
        step.ended = Some(at);
        step.state = StepState::ByHand;
        step.failure = Some(who_and_why.to_owned());
        let text = format!("{} was done by hand {who_and_why}", step.title);
        if let Part::Switch(to) = self.started.plan.steps[index].act.describe().part() {
            self.set_active(index, at, Some(to));
        }
        self.mark(at, HappeningKind::Gate, text);
    }

    fn step_failed(&mut self, index: usize, at: Moment, attempt: u32, failure: StepFailure) {
        let StepFailure { what, happened, retry_in, evidence, ask: _, cancelled } = failure;
        if let Some(open) = self.end_attempt(index, at, attempt) {
            open.failure = Some(what.clone());
            open.happened = Some(happened);
            open.retry_in = retry_in;
        }
        let step = &mut self.steps[index];
        step.evidence.extend(evidence);
        let tried = step.attempts.iter().filter_map(|attempt| attempt.happened);
        let happened = tried.fold(happened, Happened::stronger);
        step.state = match (retry_in, happened) {
            (Some(_), _) => StepState::Running,
            (None, Happened::No) if cancelled => StepState::Cancelled,
            (None, Happened::Yes) if cancelled => StepState::CancelledButHappened,
            (None, Happened::No) => StepState::Failed,
            (None, Happened::Yes) => StepState::FailedButHappened,
            (None, Happened::Unknown) => StepState::InDoubt,
        };
        let (kind, how) = if cancelled {
            (HappeningKind::Course, "cancelled, since the run leaves its course")
        } else {
            (HappeningKind::Failure, "failed")
        };
        let text = format!("{} {how}: {what}", step.title);
        step.failure = Some(what);
        self.mark(at, kind, text);
    }

    /// A vote that came from outside may name a step that asks nobody, or that is not there: then the timeline has it.
    fn gate_voted(&mut self, step: &StepId, vote: VoteRecord) {
        let decision = match vote.answer.decision {
            Decision::Approved => "approved",
            Decision::Rejected => "rejected",
        };
        let names = vote.answer.names.join(", ");
        let refused = vote.refused.as_ref().map_or_else(String::new, |why| format!("; it does not count: {why}"));
        self.mark(vote.at, HappeningKind::Gate, format!("{step}: {decision} by {names}{refused}"));
        let gates = self.step_index.get(step).map(|index| &mut self.steps[*index].gates);
        if let Some(gate) = gates.and_then(|gates| gates.last_mut()).filter(|gate| gate.closed.is_none()) {
            gate.votes.push(vote);
        }
    }

    fn gate_answered(&mut self, index: usize, at: Moment, answer: Option<Answer>) {
        let text = match &answer {
            Some(answer) => format!("answered: {:?}", answer.decision).to_lowercase(),
            None => "no answer came".to_owned(),
        };
        if let Some(gate) = self.steps[index].gates.iter_mut().rev().find(|gate| gate.closed.is_none()) {
            gate.closed = Some(at);
            gate.answer = answer;
        }
        self.mark(at, HappeningKind::Gate, text);
    }

    fn undo_started(&mut self, index: usize, at: Moment) {
        self.steps[index].undo = Some(UndoRecord { started: at, ended: None, result: None });
        self.set_active(index, at, None);
    }

    fn undo_finished(&mut self, index: usize, at: Moment, result: UndoResult) {
        let text = format!("{}: {}", self.steps[index].title, steps::undo_text(&result));
        if let Part::Switch(to) = self.started.plan.steps[index].act.describe().part()
            && result == UndoResult::Restored
        {
            self.set_active(index, at, Some(to.other()));
        }
        // A gate of the undo that nobody answered ends with it.
        for gate in self.steps[index].gates.iter_mut().filter(|gate| gate.closed.is_none()) {
            gate.closed = Some(at);
        }
        let undo = self.steps[index].undo.get_or_insert(UndoRecord { started: at, ended: None, result: None });
        undo.ended = Some(at);
        undo.result = Some(result);
        self.mark(at, HappeningKind::Undo, text);
    }

    /// While a switch is under way either region's answers count; after it only the new one's.
    fn set_active(&mut self, index: usize, at: Moment, active: Active) {
        let plan = &self.started.plan;
        let Act::DnsSwitch(switch) = &plan.steps[index].act else { return };
        for (service, actives) in plan.services.iter().zip(&mut self.actives) {
            if service.depends_on.iter().any(|resource| switch.records.0.contains(resource)) {
                actives.set(at, active);
            }
        }
    }

    fn sampled(&mut self, probe: &ProbeId, last: Option<&crate::model::Sample>, first: &crate::model::Sample) {
        if let Some(track) = self.tracks.get_mut(probe) {
            track.changed(last, first);
        }
        if let crate::model::SampleResult::Unhealthy(saw) = &first.result {
            let texts = self.failures.entry(probe.clone()).or_default();
            if texts.len() < MAX_FAILURES && !texts.contains(saw) {
                texts.push(saw.clone());
            }
        }
    }

    fn samples_summed(&mut self, probes: &[SampleSummary], canaries: &[CanaryProgress]) {
        for summary in probes {
            self.summed(summary);
        }
        for progress in canaries {
            self.rows(progress);
        }
    }

    fn summed(&mut self, summary: &SampleSummary) {
        if let Some(track) = self.tracks.get_mut(&summary.probe) {
            track.summed(summary);
            let times = self.times.entry(summary.probe.clone()).or_default();
            times.add(summary.count, summary.p50, summary.p95, summary.max);
        }
        if let Some(pulses) = self.pulses.get_mut(&summary.probe)
            && let Some(service) = self.started.plan.services.iter().find(|it| it.probe.id == summary.probe)
        {
            pulses.push(service.probe.every, summary);
        }
    }

    fn rows(&mut self, progress: &CanaryProgress) {
        let rows = self.rows.entry(progress.canary.clone()).or_default();
        rows.acknowledged += progress.acknowledged;
        rows.failed += progress.failed;
    }

    fn guardrail_broken(&mut self, at: Moment, name: String, seen: String, then: OnFailure) {
        self.mark(at, HappeningKind::Guardrail, format!("{name}: {seen}"));
        self.broken.entry(name).or_default().push(GuardrailBreak { at, seen, then });
    }

    /// The TTL of the answer that a switch replaced.
    pub(super) fn old_ttl(&self, step: usize, record: &ResourceId) -> Option<Span> {
        match self.captured[step].get(record) {
            Some(ResourceState::Dns(state)) => Some(state.record.ttl),
            _ => None,
        }
    }
}
