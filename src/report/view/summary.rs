//! The first page: verdict, sentence, objectives, legs, header.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Fact, Mark, Tone, count, line};
use crate::id::RegionRole;
use crate::measure::{Judgement, Measure};
use crate::model::{ExitCode, Leg, Place, Showing, Variable, VariableSource, Verdict};
use crate::record::{LegRecord, LegVerdict, Record, Simulated, Sooner, StepRecord, StepState, sooner};
use crate::time::Span;

/// An objective beside its actual.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct ObjectiveView {
    pub(crate) leg: String,
    pub(crate) what: String,
    pub(crate) objective: String,
    pub(crate) actual: String,
    /// What is not sure about the actual.
    pub(crate) range: String,
    pub(crate) result: Mark,
}

/// What is told first of a leg: a recovery time or data loss against what is allowed.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct TileView {
    pub(crate) what: String,
    pub(crate) actual: String,
    pub(crate) range: String,
    pub(crate) objective: String,
    pub(crate) result: Mark,
    /// How much of what is allowed was used, in percent.
    pub(crate) used: Option<u64>,
}

/// A part of a recovery time.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct PartView {
    pub(crate) name: &'static str,
    pub(crate) length: String,
    pub(crate) percent: Option<u64>,
}

/// A leg.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct LegView {
    pub(crate) leg: String,
    pub(crate) verdict: Mark,
    pub(crate) rta: String,
    pub(crate) parts: Vec<PartView>,
    /// What would have brought users' service back sooner, the most first.
    pub(crate) sooner: Vec<String>,
}

pub(super) fn stamp(simulated: &Simulated) -> Option<String> {
    match simulated {
        Simulated::No => None,
        Simulated::Wholly => Some("Simulated: not evidence of a real failover.".to_owned()),
        Simulated::Partly(what) => {
            let names: Vec<String> = what.iter().take(20).map(line).collect();
            Some(format!("Partly simulated ({}): not evidence of a real failover.", names.join(", ")))
        }
    }
}

pub(super) fn verdict_mark(verdict: Verdict) -> Mark {
    let tone = match verdict {
        Verdict::Passed => Tone::Good,
        Verdict::Failed => Tone::Bad,
        Verdict::Refused | Verdict::Aborted | Verdict::Incomplete => Tone::Doubt,
    };
    Mark::new(tone, verdict.to_string())
}

/// What an exit code means, in the words of the documentation.
pub(super) fn exit_meaning(record: &Record) -> &'static str {
    match record.ended.exit {
        Some(ExitCode::Passed) if !states_objectives(record) => "passed: every step passed; no objective was stated",
        Some(ExitCode::Passed) => "passed: every step passed and every objective was measured and met",
        Some(ExitCode::Failed) => "failed: a step or an objective failed; the world is home again",
        Some(ExitCode::Usage) => "usage or invalid input; nothing was touched",
        Some(ExitCode::Refused) => "refused; nothing was changed",
        Some(ExitCode::Aborted) => "aborted by a person or a guardrail, and the world is home again",
        Some(ExitCode::NeedsPerson) => "needs a person: see what is left, and what to do, below",
        Some(ExitCode::Defect) => "a defect in Muster",
        None => "the journal has no end: the run is going on, or was cut off",
    }
}

/// Whether the playbook states an objective that this run could meet or miss.
fn states_objectives(record: &Record) -> bool {
    let legs = record.legs.iter().any(|leg| leg.rto.is_some() || leg.rpo.is_some());
    let services = record.services.iter().flat_map(|service| &service.legs).any(|leg| leg.rto.is_some());
    let canaries = record.canaries.iter().flat_map(|canary| &canary.legs).any(|leg| leg.rpo.is_some());
    legs || services || canaries || record.steps.iter().any(|step| step.within.is_some())
}

/// Where the world is, in a sentence.
pub(super) fn world(record: &Record) -> String {
    match record.ended.world {
        Place::Home => format!("home: in the primary region, {}", name_of(record, RegionRole::Primary)),
        Place::Secondary => format!("in the secondary region, {}", name_of(record, RegionRole::Secondary)),
        Place::Mixed => "mixed: some in one region, some in the other, or out of reach".to_owned(),
        Place::Unknown => "unknown".to_owned(),
    }
}

/// The name of a region; its role, if it has none.
pub(super) fn name_of(record: &Record, role: RegionRole) -> String {
    let region = record.header.regions.iter().find(|region| region.role == role);
    region.map_or_else(|| role.to_string(), |region| line(&region.name))
}

/// What happened, in one sentence.
pub(super) fn sentence(record: &Record) -> String {
    if record.ended.verdict == Verdict::Refused {
        let why = record.ended.reasons.first().map_or_else(|| "no reason is in the journal".to_owned(), line);
        return format!("Nothing was changed: {}.", why.trim_end_matches('.'));
    }
    let reached: Vec<&LegRecord> = record.legs.iter().filter(|leg| leg.verdict != LegVerdict::NotReached).collect();
    let watched = !record.services.is_empty() || !record.canaries.is_empty();
    let mut clauses: Vec<String> = Vec::new();
    if watched {
        clauses.extend(reached.iter().map(|leg| recovery_clause(record, leg)));
        join_alike(&mut clauses);
        if clauses.is_empty() {
            clauses.push("the run came to no failover".to_owned());
        }
        clauses.extend(loss_clause(&reached));
    } else {
        clauses.push(unwatched_clause(record));
    }
    clauses.extend(failure_clause(record));
    clauses.push(match (record.ended.exit, record.ended.world) {
        (None, _) => {
            format!("the journal ends after {}, and the run with it is not known to have ended", record.header.took)
        }
        (_, Place::Home) if !watched && !acted(record) => "nothing was changed".to_owned(),
        (_, Place::Home) => "everything is home again".to_owned(),
        (_, Place::Secondary) => format!("users are now served from {}", name_of(record, RegionRole::Secondary)),
        (_, Place::Mixed) => "things were left partly in one region, partly in the other".to_owned(),
        (_, Place::Unknown) => "where things were left is not known".to_owned(),
    });
    let mut text = clauses.join("; ");
    if let Some(first) = text.get(..1).map(str::to_uppercase) {
        text.replace_range(..1, &first);
    }
    text.push('.');
    text
}

/// Where nobody watched a service or counted writes, as where people sit around a table: what was gone through.
fn unwatched_clause(record: &Record) -> String {
    let planned = || record.steps.iter().filter(|step| step.state != StepState::NotInThisMode);
    let (good, all) = planned().fold((0, 0), |(good, all), step| (good + u64::from(step.state.is_good()), all + 1));
    let people = planned().all(|step| ["approve", "manual", "notify"].contains(&step.action.as_str()));
    let by = if people { ", all of them people's" } else { "" };
    format!("{good} of {} passed{by}; no service was watched and no writes were counted", count(all, "step"))
}

/// Whether a step that acts on something was begun.
fn acted(record: &Record) -> bool {
    let acts =
        |step: &&StepRecord| step.bears_on.iter().any(|it| matches!(it, Showing::Exercised | Showing::Automated));
    record.steps.iter().filter(acts).any(|step| step.started.is_some())
}

/// `users were without service …, and … on the way back`: said once where both legs begin alike.
fn join_alike(clauses: &mut Vec<String>) {
    const ALIKE: &str = "users were without service ";
    if let [first, second] = clauses.as_slice()
        && first.starts_with(ALIKE)
        && let Some(rest) = second.strip_prefix(ALIKE)
    {
        *clauses = vec![format!("{first}, and {rest}")];
    }
}

fn allowed(objective: Option<Span>) -> String {
    objective.map_or_else(String::new, |objective| format!(" ({objective} allowed)"))
}

fn recovery_clause(record: &Record, leg: &LegRecord) -> String {
    let way = match leg.leg {
        Leg::Failover => format!("during the failover to {}", name_of(record, RegionRole::Secondary)),
        Leg::Return => format!("on the way back to {}", name_of(record, RegionRole::Primary)),
    };
    let allowed = allowed(leg.rto);
    match &leg.rta {
        Measure::Between { upper, .. } => format!("users were without service for at most {upper}{allowed} {way}"),
        Measure::MoreThan { lower } => {
            format!("users were without service for more than {lower}{allowed} {way}, and it was not seen to come back")
        }
        Measure::NoneSeen { resolution } | Measure::NoneLost { resolution } => {
            format!("no outage was seen {way} (one shorter than {resolution} could have been missed)")
        }
        Measure::NotMeasured { .. } => format!("how long users were without service {way} was not measured"),
    }
}

/// The data loss of both legs, told by the worst of them.
fn loss_clause(legs: &[&LegRecord]) -> Option<String> {
    let worst = legs.iter().max_by_key(|leg| match &leg.rpa {
        Measure::NoneLost { .. } | Measure::NoneSeen { .. } => (0, Span::ZERO),
        Measure::NotMeasured { .. } => (1, Span::ZERO),
        Measure::Between { upper, .. } => (2, *upper),
        Measure::MoreThan { lower } => (3, *lower),
    })?;
    let allowed = allowed(worst.rpo);
    Some(match &worst.rpa {
        Measure::Between { upper, .. } => format!("at most {upper} of acknowledged writes were lost{allowed}"),
        Measure::MoreThan { lower } => format!("more than {lower} of acknowledged writes were lost{allowed}"),
        Measure::NoneLost { .. } | Measure::NoneSeen { .. } => "no acknowledged write was lost".to_owned(),
        Measure::NotMeasured { .. } => "how much data was lost was not measured".to_owned(),
    })
}

fn failure_clause(record: &Record) -> Option<String> {
    // What was cancelled ended so because of something else, which is told.
    let mut bad = record.steps.iter().filter(|step| step.state.is_bad() && !step.state.was_cancelled());
    let first = bad.next()?;
    let others = match bad.count() {
        0 => String::new(),
        others => format!(" (and {})", count(others as u64, "other step")),
    };
    let how = match first.state {
        StepState::InDoubt => "is in doubt",
        StepState::ByHand => "was done by hand",
        _ => "failed",
    };
    Some(format!("step {} {how}{others}", first.id))
}

/// Every objective with its actual.
pub(super) fn objectives(record: &Record) -> Vec<ObjectiveView> {
    let mut rows = Vec::new();
    for leg in &record.legs {
        let name = leg.leg.to_string();
        rows.push(objective(&name, "RTO, all services", leg.rto, &leg.rta, Mark::of(leg.rto_judgement)));
        for service in &record.services {
            for own in service.legs.iter().filter(|own| own.leg == leg.leg && own.rto.is_some()) {
                let what = format!("RTO, {}", line(&service.title));
                rows.push(objective(&name, &what, own.rto, &own.rta, Mark::of(own.judgement)));
            }
        }
        rows.push(objective(&name, "RPO", leg.rpo, &leg.rpa, Mark::of(leg.rpo_judgement)));
        if record.canaries.len() > 1 {
            for canary in &record.canaries {
                for own in canary.legs.iter().filter(|own| own.leg == leg.leg && own.rpo.is_some()) {
                    let what = format!("RPO, {}", canary.id);
                    rows.push(objective(&name, &what, own.rpo, &own.rpa, Mark::of(own.judgement)));
                }
            }
        }
    }
    rows
}

fn objective(leg: &str, what: &str, objective: Option<Span>, measure: &Measure, result: Mark) -> ObjectiveView {
    let (actual, range) = measured(measure);
    let objective = objective.map_or_else(|| "none stated".to_owned(), |span| span.to_string());
    ObjectiveView { leg: leg.to_owned(), what: what.to_owned(), objective, actual, range, result }
}

/// A measure as its main figure and what is not sure about it.
pub(crate) fn measured(measure: &Measure) -> (String, String) {
    match measure {
        Measure::Between { lower, upper } => (upper.to_string(), format!("between {lower} and {upper}")),
        Measure::MoreThan { lower } => (format!("more than {lower}"), "no end was seen".to_owned()),
        Measure::NoneSeen { resolution } => {
            ("none seen".to_owned(), format!("none longer than {resolution} would have been missed"))
        }
        Measure::NoneLost { resolution } => {
            ("none lost".to_owned(), format!("less than {resolution} would not be seen"))
        }
        Measure::NotMeasured { why } => ("not measured".to_owned(), line(why)),
    }
}

pub(super) fn leg(record: &Record, leg: &LegRecord) -> LegView {
    let tone = match leg.verdict {
        LegVerdict::Passed => Tone::Good,
        LegVerdict::Failed => Tone::Bad,
        LegVerdict::Incomplete => Tone::Doubt,
        LegVerdict::NotReached => Tone::Quiet,
    };
    let parts = leg.parts.as_ref().map_or_else(Vec::new, |parts| {
        let total = parts.total().0.max(1);
        let part = |(name, length): (&'static str, Option<Span>)| PartView {
            name,
            length: match length {
                None => "not exercised".to_owned(),
                // What was there and lies wholly within the parts before it is told as that, and not as nothing.
                Some(Span::ZERO) if name != "stabilisation" => "counted in the parts before it".to_owned(),
                Some(length) => length.to_string(),
            },
            percent: length
                .filter(|length| *length > Span::ZERO || name == "stabilisation")
                .map(|length| (length.0.saturating_mul(100) + total / 2) / total),
        };
        parts.named().into_iter().map(part).collect()
    });
    LegView {
        leg: leg.leg.to_string(),
        verdict: Mark::new(tone, leg.verdict.to_string()),
        rta: line(leg.rta.to_string()),
        parts,
        sooner: sooner(record, leg).iter().take(SOONER_MAX).map(|one| line(saved(one))).collect(),
    }
}

/// At most so many ways to be sooner are told.
const SOONER_MAX: usize = 5;

fn saved(one: &Sooner) -> String {
    match one {
        Sooner::Step { step, took, saved } => {
            format!("Step {step} took {took} of it: in half of that, users would have had service {saved} sooner.")
        }
        Sooner::Decision { saved } => {
            format!(
                "People were asked for {saved} while users waited: asked before the outage, that time would not count."
            )
        }
        Sooner::Propagation { took, saved } => {
            format!("Old answers to names lived on for {took}: with half the TTL, up to {saved} less.")
        }
        Sooner::Detection { took, asked: Span::ZERO, saved } => {
            format!("It took {took} until the end of `detect`: half of that saves {saved}.")
        }
        Sooner::Detection { took, asked, saved } => format!(
            "It took {took} until the end of `detect`, of which people were asked for {asked}: half of the rest saves {saved}."
        ),
    }
}

/// What is told first of a leg.
pub(super) fn tiles(leg: &LegRecord) -> [TileView; 2] {
    let tile = |what: &str, objective: Option<Span>, measure: &Measure, judgement: Judgement| {
        let (actual, range) = measured(measure);
        let used = match (measure, objective) {
            (Measure::Between { upper: span, .. } | Measure::MoreThan { lower: span }, Some(allowed)) => {
                Some((u128::from(span.0) * 100).div_ceil(u128::from(allowed.0.max(1))).min(999) as u64)
            }
            (Measure::NoneLost { .. } | Measure::NoneSeen { .. }, Some(_)) => Some(0),
            _ => None,
        };
        TileView {
            what: format!("{what}, {}", leg.leg),
            actual,
            range,
            objective: objective.map_or_else(|| "none stated".to_owned(), |span| span.to_string()),
            result: Mark::of(judgement),
            used,
        }
    };
    [
        tile("Recovery time", leg.rto, &leg.rta, leg.rto_judgement),
        tile("Data loss", leg.rpo, &leg.rpa, leg.rpo_judgement),
    ]
}

/// A wall-clock time as a label.
fn wall(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

pub(super) fn facts(record: &Record) -> Vec<Fact> {
    let header = &record.header;
    let origin = &header.origin;
    let ended = header.finished_at.map_or_else(|| "not in the journal".to_owned(), wall);
    let regions: Vec<String> =
        header.regions.iter().map(|region| format!("{}: {}", region.role, region.name)).collect();
    let mut facts = vec![
        Fact::new("Playbook", &header.playbook),
        Fact::new("Run", header.run.as_str()),
        Fact::new("Mode", header.mode.key()),
        Fact::new("Environment", header.environment.to_string()),
        Fact::new("Regions", regions.join(", ")),
        Fact::new("Started", wall(header.started_at)),
        Fact::new("Ended", ended),
        Fact::new("Took", header.took.to_string()),
    ];
    let mut some = |name: &str, value: &str| {
        if !value.is_empty() {
            facts.push(Fact::new(name, value));
        }
    };
    some("Owner", header.owner.as_deref().unwrap_or_default());
    some("Led by, as stated", origin.lead.as_deref().unwrap_or_default());
    some("Took part, as stated", &origin.participants.join(", "));
    some("Seen from", &origin.vantage);
    some("Host and user", [origin.host.as_str(), origin.user.as_str()].join(", ").trim_matches([',', ' ']));
    some("Leases on", &origin.leases.join(", "));
    some("Glass broken, because", origin.break_glass.as_deref().unwrap_or_default());
    some("Passed over", &origin.passed_over.join("; "));
    some("Muster", &origin.muster);
    some("Seed", &header.seed.map_or_else(String::new, |seed| seed.0.to_string()));
    some("Faults put in", &origin.faults.join(", "));
    let calibration = header.calibration.as_ref().map(|it| format!("{}, SHA-256 {}", it.told(), it.sha256));
    some("Twin set by", calibration.as_deref().unwrap_or_default());
    some("Evidence supporting the controls", &header.controls.join(", "));
    if origin.yes {
        some("Gates", "answered by --yes: nobody was asked");
    }
    if let Some(loss) = &header.data_loss {
        some("Data loss accepted", &format!("up to {}, because: {}", loss.accept_up_to, loss.because));
    }
    some("Events in the journal", &header.events.to_string());
    facts
}

pub(super) fn variable(variable: &Variable) -> Fact {
    let source = match variable.source {
        VariableSource::Playbook => "playbook",
        VariableSource::Infrastructure => "infrastructure file",
        VariableSource::CommandLine => "--var",
    };
    Fact::new(line(&variable.name), format!("{} (from the {source})", variable.value).replace("the --var", "--var"))
}

pub(super) fn heads(record: &Record) -> Vec<Fact> {
    let heads = &record.header.heads;
    let mut facts = Vec::new();
    if let Some(finished) = &heads.finished {
        facts.push(Fact::new("Head when the run finished", finished));
    }
    if !heads.last.is_empty() && heads.finished.as_ref() != Some(&heads.last) {
        facts.push(Fact::new("Head of the last line", &heads.last));
    }
    facts
}
