//! What is to be wrong with the twin so that a check has something to see, and by how much: just beyond its threshold,
//! and, where it has one, just within it. When it sets in goes by a rehearsal in which nothing is wrong, so that no
//! other check stops the drill before.

use super::baseline::{Baseline, MARGIN, before, noticed_after};
use super::{Check, Expected, Subject};
use crate::catalogue::{Act, Condition, Part, Probe, Services};
use crate::id::{RegionRole, ResourceId, ServiceId, StepId};
use crate::infrastructure::simulate::{
    Address, Affliction, Ailment, Answering, Fault, FaultKind, Recovering, Snapshotting, Stepping,
};
use crate::model::{CheckPlan, Leg, Service, Watch};
use crate::time::{Moment, Span};

/// One rehearsal with something wrong.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trial {
    /// What, for people.
    pub put_in: String,
    /// What is wrong with the world.
    pub afflictions: Vec<Affliction>,
    /// What of Muster's own acts goes wrong.
    pub faults: Vec<Fault>,
}

/// What is to be tried for one check.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trials {
    /// Beyond its threshold, one after the other until it goes red.
    pub beyond: Vec<Trial>,
    /// Just within, where that can be told apart: one for all of these, or one for each.
    pub within: Vec<Trial>,
}

impl Trials {
    /// What is just within where the `n`th is just beyond.
    #[must_use]
    pub fn within(&self, n: usize) -> Option<&Trial> {
        self.within.get(n).or(self.within.first())
    }
}

/// What is looked at is made bad at so many steps at most, one rehearsal after the other.
const OCCASIONS: usize = 16;

type Found = Result<Trials, String>;

fn trial(put_in: impl Into<String>, afflictions: Vec<Affliction>) -> Trial {
    Trial { put_in: put_in.into(), afflictions, faults: Vec::new() }
}

fn one(put_in: impl Into<String>, from: Moment, what: Ailment) -> Trial {
    trial(put_in, vec![Affliction::since(from, what)])
}

fn beyond(trial: Trial) -> Trials {
    Trials { beyond: vec![trial], within: Vec::new() }
}

fn both(beyond: Trial, within: Option<Trial>) -> Trials {
    Trials { beyond: vec![beyond], within: within.into_iter().collect() }
}

/// What is to be tried for `check`.
///
/// # Errors
/// Why nothing can be.
pub fn trials(check: &Check, baseline: Baseline<'_>) -> Found {
    match &check.subject {
        Subject::Nothing(why) => Err(why.clone()),
        Subject::Answer(service, expected) => {
            let answer = |how: &Answering| answers(baseline, service, expected, how);
            Ok(both(answer(&expected.breaks)?, expected.keeps.as_ref().map(answer).transpose()?))
        }
        Subject::Healthy(step, service) => {
            let service = of(baseline, service)?;
            let from = late_in(baseline, step, service)?;
            let what = format!("{} refuses connections from {} on", service.id, told(from));
            Ok(beyond(trial(what, since(from, down(&service.probe.probe)?))))
        }
        Subject::HealthyFor(step, service, long) => now_and_then(baseline, step, of(baseline, service)?, *long),
        Subject::ServedBy(step, service, by) => served_elsewhere(baseline, step, of(baseline, service)?, *by),
        Subject::Down(step, service) => stays_up(baseline, step, of(baseline, service)?),
        Subject::Standby(step, service, region, expected) => {
            let (service, from) = (of(baseline, service)?, began(baseline, step)?);
            let probe = service.standby.as_ref().unwrap_or(&service.probe.probe);
            let answer = |how: &Answering| {
                let what = format!("the standby of {} in {region} {}", service.id, words(how));
                Ok::<_, String>(trial(what, since(from, broken(probe, Some(*region), expected, how)?)))
            };
            Ok(both(answer(&expected.breaks)?, expected.keeps.as_ref().map(answer).transpose()?))
        }
        Subject::Request(step, expected) => {
            let from = began(baseline, step)?;
            let answer = |how: &Answering| {
                let how_step = Stepping::Answered(how.clone());
                one(format!("what it asks {}", words(how)), from, Ailment::Step { step: step.clone(), how: how_step })
            };
            Ok(both(answer(&expected.breaks), expected.keeps.as_ref().map(answer)))
        }
        Subject::Behind(step, of, most) => {
            let began = began(baseline, step)?;
            let behind = |by: Span| {
                let what = format!("the copy of {of} is {} behind", by.short());
                one(what, before(began, by + MARGIN), Ailment::Behind { of: of.clone(), by })
            };
            let little = Span::from_millis(1);
            Ok(both(behind(*most + little), (*most > little).then(|| behind(*most - little))))
        }
        Subject::Ttl(step, record, most) => {
            let from = began(baseline, step)?;
            let ttl = |ttl: Span| {
                one(
                    format!("the TTL of {record} is {}", ttl.short()),
                    from,
                    Ailment::Ttl { record: record.clone(), ttl },
                )
            };
            Ok(both(ttl(*most + Span::from_secs(1)), Some(ttl(*most))))
        }
        Subject::Capacity(step, of, region, wanted) => {
            let from = began(baseline, step)?;
            let capacity = |servers: u32| {
                let what = format!("{region} can give {servers} servers of {of}");
                one(what, from, Ailment::Capacity { of: of.clone(), region: *region, servers })
            };
            let fewer = wanted.checked_sub(1).ok_or("no region gives fewer than none")?;
            Ok(both(capacity(fewer), Some(capacity(*wanted))))
        }
        Subject::Copy(step, of, [missing, damaged, diverged]) => {
            let from = began(baseline, step)?;
            let what = format!("the copy of {of}: {missing} missing, {damaged} damaged, {diverged} of its own");
            let (missing, damaged, diverged) = (*missing, *damaged, *diverged);
            Ok(beyond(one(what, from, Ailment::Copy { of: of.clone(), missing, damaged, diverged })))
        }
        Subject::Snapshots(step, of, beyond, within) => {
            let from = began(baseline, step)?;
            let how = |how: Snapshotting| one(snapshots(of, how), from, Ailment::Snapshots { of: of.clone(), how });
            Ok(both(how(*beyond), within.map(how)))
        }
        Subject::Recovery(step, of, beyond, within) => {
            let from = began(baseline, step)?;
            let how = |how: Recovering| one(recovering(of, how), from, Ailment::Recovers { of: of.clone(), how });
            Ok(both(how(*beyond), within.map(how)))
        }
        Subject::Exit(step, code) => {
            stepping(baseline, step, format!("it ends with exit code {code}"), Stepping::Exit(*code))
        }
        Subject::Output(step) => stepping(baseline, step, "it prints nothing".to_owned(), Stepping::Mute),
        Subject::Observed(step) => {
            Ok(beyond(faulty("it says that it is done, and does nothing", step, FaultKind::Lies)))
        }
        Subject::Gate(step) => Ok(beyond(faulty("people say no", step, FaultKind::Fails))),
        Subject::Within(step, within) => too_slow(baseline, step, *within),
        Subject::Guardrail(n) => guardrail(baseline, *n),
        Subject::Outage(services, after) => outage(baseline, services, *after),
        Subject::CutOff => cut_off(baseline),
        Subject::TwoWriters(resource) => two_writers(baseline, resource),
        Subject::Rto(leg, service, most) => out_too_long(baseline, *leg, service.as_ref(), *most),
        Subject::Loss(leg, of, most) => lost_too_much(baseline, *leg, of, *most),
    }
}

fn told(at: Moment) -> String {
    Span(at.0 / 1_000_000_000 * 1_000_000_000).short()
}

fn of<'a>(baseline: Baseline<'a>, service: &ServiceId) -> Result<&'a Service, String> {
    baseline.service(service).ok_or_else(|| format!("there is no service {service}"))
}

fn began(baseline: Baseline<'_>, step: &StepId) -> Result<Moment, String> {
    let times = baseline.times(step).map(|(began, _)| began);
    times.ok_or_else(|| "the drill does not come to it, though nothing is wrong".to_owned())
}

fn faulty(put_in: &str, step: &StepId, kind: FaultKind) -> Trial {
    let faults = vec![Fault { target: step.to_string(), kind }];
    Trial { put_in: put_in.to_owned(), afflictions: Vec::new(), faults }
}

fn stepping(baseline: Baseline<'_>, step: &StepId, put_in: String, how: Stepping) -> Found {
    let from = began(baseline, step)?;
    Ok(beyond(one(put_in, from, Ailment::Step { step: step.clone(), how })))
}

/// What an answer does, for people.
fn words(how: &Answering) -> String {
    match how {
        Answering::Refused => "refuses connections".to_owned(),
        Answering::Well => "answers as if all were well".to_owned(),
        Answering::Status(status) => format!("answers with status {status}"),
        Answering::Lacking(text) => format!("answers without `{text}` in the body"),
        Answering::Without(name) => format!("answers without the header {name}"),
        Answering::After(long) => format!("answers after {}", long.short()),
        Answering::Instead(words, _) => words.clone(),
    }
}

fn recovering(of: &ResourceId, how: Recovering) -> String {
    match how {
        Recovering::Kept(long) => format!("deleted repositories of {of} are kept for {}", long.short()),
        Recovering::Lacking(count) => format!("{count} ref of a deleted repository of {of} is not kept"),
        Recovering::Damaged(count) => format!("{count} object of a deleted repository of {of} is damaged"),
        Recovering::Metadata => format!("a deleted repository of {of} comes back with its metadata"),
    }
}

fn snapshots(of: &ResourceId, how: Snapshotting) -> String {
    match how {
        Snapshotting::Newest(age) => format!("the newest snapshot of {of} is {} old", age.short()),
        Snapshotting::Oldest(age) => format!("the oldest snapshot of {of} is {} old", age.short()),
        Snapshotting::Plain(count) => format!("{count} snapshot of {of} is not encrypted"),
        Snapshotting::Gap(gap) => format!("{} lie between two snapshots of {of}", gap.short()),
        Snapshotting::Damaged(count) => format!("{count} thing in {of} is damaged"),
        Snapshotting::Restores(age) => format!("the newest write in {of} is {} old", age.short()),
    }
}

/// Whatever a probe connects to answers otherwise.
fn ill(probe: &Probe, region: Option<RegionRole>, how: &Answering) -> Result<Vec<Ailment>, String> {
    let of = |leaf: &Probe| Ok(Ailment::Answers { at: Address::of(leaf)?, region, how: how.clone() });
    probe.leaves().into_iter().map(of).collect()
}

/// Whatever a probe connects to refuses connections.
fn down(probe: &Probe) -> Result<Vec<Ailment>, String> {
    ill(probe, None, &Answering::Refused)
}

/// What breaks, or just keeps, one expectation of a probe. Of a combination that could do without the one that expects it,
/// so many of the others are down that it can't.
fn broken(
    probe: &Probe,
    region: Option<RegionRole>,
    expected: &Expected,
    how: &Answering,
) -> Result<Vec<Ailment>, String> {
    let leaves = probe.leaves();
    let leaf = leaves.get(expected.leaf).ok_or("the probe has no such part")?;
    let mut all = ill(leaf, region, how)?;
    for beside in probe.beside(expected.leaf) {
        all.extend(ill(leaves[beside], region, &Answering::Refused)?);
    }
    Ok(all)
}

/// All of these from `from` on.
fn since(from: Moment, ills: Vec<Ailment>) -> Vec<Affliction> {
    ills.into_iter().map(|ill| Affliction::since(from, ill)).collect()
}

/// All of these, for so long.
fn lasting(from: Moment, lasts: Span, ills: Vec<Ailment>) -> Vec<Affliction> {
    since(from, ills).into_iter().map(|ill| Affliction { lasts: Some(lasts), ..ill }).collect()
}

/// A service that answers otherwise for a while, in the midst of the longest time in which it is well.
fn answers(baseline: Baseline<'_>, service: &ServiceId, expected: &Expected, how: &Answering) -> Result<Trial, String> {
    let service = of(baseline, service)?;
    let (from, long) = baseline.well(&service.id).ok_or("it is not probed")?;
    let lasts = noticed_after(&service.probe);
    let from = from + Span(long.0 / 3);
    let what = format!("{} {} for {} from {} on", service.id, words(how), lasts.short(), told(from));
    Ok(trial(what, lasting(from, lasts, broken(&service.probe.probe, None, expected, how)?)))
}

/// So late in a step that waits for a service that nothing else has time to stop the drill before.
fn late_in(baseline: Baseline<'_>, step: &StepId, service: &Service) -> Result<Moment, String> {
    let (began, ended) = baseline.times(step).ok_or("the drill does not come to it, though nothing is wrong")?;
    let lead = noticed_after(&service.probe);
    Ok(if ended.since(began) > lead { before(ended, lead) } else { before(began, lead) })
}

/// One bad sample, again and again, so that it is never well for as long as it should be.
fn now_and_then(baseline: Baseline<'_>, step: &StepId, service: &Service, long: Span) -> Found {
    let (began, ended) = baseline.times(step).ok_or("the drill does not come to it, though nothing is wrong")?;
    let every = service.probe.every;
    let pulse = |from: Moment, again: Span| {
        let what = format!("{} refuses one connection every {}", service.id, again.short());
        let pulses = lasting(from, every, down(&service.probe.probe)?);
        let pulses = pulses.into_iter().map(|pulse| Affliction { again: Some(again), ..pulse });
        Ok::<_, String>(trial(what, pulses.collect()))
    };
    if long <= every * 5 + MARGIN {
        return Err(format!("{long} is too short for its probe, of one sample every {every}"));
    }
    let seldom = long + every * 4 + MARGIN;
    let timeout = baseline.plan.steps.iter().find(|it| it.id == *step).map_or(Span::ZERO, |it| it.timeout);
    // It has been well since so long before the step's end; from there on once more, and it is in time.
    let well = before(ended, long).max(began);
    let in_time = well.since(began) + seldom + MARGIN * 10 < timeout;
    let within = in_time.then(|| pulse(well, seldom)).transpose()?;
    // One that has been well for long enough when the step begins must fail just before.
    let first = if ended.since(began) < long { before(began, every * 2) } else { began };
    Ok(both(pulse(first, long - every * 3 - MARGIN)?, within))
}

/// Resolvers go back to the other region, which answers as if it still served.
fn served_elsewhere(baseline: Baseline<'_>, step: &StepId, service: &Service, by: RegionRole) -> Found {
    let place = baseline.plan.steps.iter().position(|it| it.id == *step).unwrap_or(0);
    let switches = baseline.plan.steps[..place].iter().rev().filter_map(|it| match &it.act {
        Act::DnsSwitch(switch) if switch.to == by => Some((it, switch)),
        _ => None,
    });
    for (switch, records) in switches {
        let moved: Vec<&ResourceId> = service.depends_on.iter().filter(|id| records.records.0.contains(id)).collect();
        let (false, Some((as_of, _))) = (moved.is_empty(), baseline.times(&switch.id)) else { continue };
        // Late in the step; or before users are out, where it would begin before they are back.
        let outages = baseline.record.services.iter().filter(|it| it.id == service.id).flat_map(|it| &it.outages);
        let lost = outages.map(|it| it.outage.start()).filter(|start| *start <= as_of).max();
        let late = late_in(baseline, step, service)?;
        let beyond = [Some(late), lost.map(|lost| before(lost, MARGIN))].into_iter().flatten();
        let beyond = beyond.map(|from| sent_back(service, by, &moved, (from, as_of))).collect::<Result<_, _>>()?;
        return Ok(Trials { beyond, within: Vec::new() });
    }
    Err(format!(
        "no step before it sends users of {} to {by} by a DNS record, so nothing can send them back",
        service.id
    ))
}

fn sent_back(
    service: &Service,
    by: RegionRole,
    moved: &[&ResourceId],
    (from, as_of): (Moment, Moment),
) -> Result<Trial, String> {
    let mut afflictions = since(from, ill(&service.probe.probe, Some(by.other()), &Answering::Well)?);
    let stale = |id: &&ResourceId| Affliction::since(from, Ailment::Resolves { record: ResourceId::clone(id), as_of });
    afflictions.extend(moved.iter().map(stale));
    let what = format!("resolvers send users of {} back, and it is answered there", service.id);
    Ok(trial(what, afflictions))
}

/// The service goes on as if nothing had happened.
fn stays_up(baseline: Baseline<'_>, step: &StepId, service: &Service) -> Found {
    let (began, ended) = baseline.times(step).ok_or("the drill does not come to it, though nothing is wrong")?;
    let service_record = baseline.record.services.iter().find(|it| it.id == service.id);
    let outages = service_record.iter().flat_map(|it| &it.outages).map(|it| it.outage.start());
    let lost = outages.filter(|start| *start <= ended).max().unwrap_or(began);
    let what = format!("{} answers as if all were well", service.id);
    let from = before(lost.min(began), MARGIN);
    Ok(beyond(trial(what, since(from, ill(&service.probe.probe, None, &Answering::Well)?))))
}

/// A step's work takes longer.
fn too_slow(baseline: Baseline<'_>, step: &StepId, within: Span) -> Found {
    let found = baseline.plan.steps.iter().find(|it| it.id == *step).ok_or("there is no such step")?;
    let began = began(baseline, step)?;
    if let Act::Check(crate::catalogue::Check(Condition::Served { services, healthy_for, .. }))
    | Act::Wait(crate::catalogue::Wait(Condition::Served { services, healthy_for, .. })) = &found.act
    {
        let service = first(baseline, services)?;
        // Down already when it begins, or it would be over at once.
        let from = before(began, noticed_after(&service.probe));
        let lasts = began.since(from) + (within - *healthy_for) + MARGIN;
        let what = format!("{} refuses connections for {}", service.id, lasts.short());
        return Ok(beyond(trial(what, lasting(from, lasts, down(&service.probe.probe)?))));
    }
    let took = baseline.step(step).and_then(|it| it.within?.counted).unwrap_or_default();
    let looks = matches!(found.act, Act::Check(_) | Act::Wait(_) | Act::BackupVerify(_));
    let late = |by: Span| {
        let how = if looks { Stepping::Slow(by) } else { Stepping::Late(by) };
        one(format!("its work takes {} longer", by.short()), began, Ailment::Step { step: step.clone(), how })
    };
    // A look that sees it done may come two seconds later.
    let kept = (within > took + MARGIN * 3).then(|| late(within - took - MARGIN * 3));
    Ok(both(late(within - took + MARGIN), kept))
}

fn first<'a>(baseline: Baseline<'a>, services: &Services) -> Result<&'a Service, String> {
    let found = match services {
        Services::All => baseline.plan.services.first(),
        Services::These(ids) => ids.first().and_then(|id| baseline.service(id)),
    };
    found.ok_or_else(|| "there is no service".to_owned())
}

/// Instants at which something may go wrong for long: in the midst of the longest step, at its beginning, and when users
/// are out anyway.
fn occasions(baseline: Baseline<'_>) -> Result<Vec<Moment>, String> {
    let (from, to) = baseline.longest().ok_or("no step was carried out, though nothing is wrong")?;
    Ok(vec![from + Span(to.since(from).0 / 3), from + MARGIN])
}

fn guardrail(baseline: Baseline<'_>, n: usize) -> Found {
    let guardrail = &baseline.plan.guardrails[n];
    let probe = match &guardrail.watch {
        Watch::Probe(probe) => probe,
        Watch::Check(look) => return looked_at(baseline, look, guardrail.broken_after),
        Watch::OutageOf(_) => return Err("it has no probe".to_owned()),
    };
    let refuses = |from: Moment, lasts: Span| {
        let what = format!("{} refuses connections for {}", probe.probe, lasts.short());
        Ok::<_, String>(trial(what, lasting(from, lasts, down(&probe.probe)?)))
    };
    let after = guardrail.broken_after;
    let occasions = occasions(baseline)?;
    let longer = occasions.iter().map(|from| refuses(*from, after + noticed_after(probe))).collect::<Result<_, _>>()?;
    let shorter = after - (probe.every * 2 + MARGIN);
    let within = (shorter > probe.every).then(|| refuses(occasions[0], shorter)).transpose()?;
    Ok(Trials { beyond: longer, within: within.into_iter().collect() })
}

/// What a guardrail looks at is beyond what it allows, for longer than it may be.
fn looked_at(baseline: Baseline<'_>, look: &CheckPlan, after: Span) -> Found {
    let (beyond, within) = match &look.check.0 {
        Condition::Lag { resource: of, at_most: most, .. } => {
            let behind = |by: Span| {
                (format!("the copy of {of} is {} behind", by.short()), Ailment::Behind { of: of.clone(), by })
            };
            let little = Span::from_millis(1);
            (behind(*most + little), (*most > little).then(|| behind(*most - little)))
        }
        Condition::Ttl { records, at_most: most } => {
            let record = records.first().ok_or("it names no record")?;
            let ttl = |ttl: Span| {
                (format!("the TTL of {record} is {}", ttl.short()), Ailment::Ttl { record: record.clone(), ttl })
            };
            (ttl(*most + Span::from_secs(1)), Some(ttl(*most)))
        }
        Condition::Capacity { compute: of, region, servers: wanted } => {
            let capacity = |servers: u32| {
                let what = format!("{region} can give {servers} servers of {of}");
                (what, Ailment::Capacity { of: of.clone(), region: *region, servers })
            };
            let fewer = wanted.checked_sub(1).ok_or("no region gives fewer than none")?;
            (capacity(fewer), Some(capacity(*wanted)))
        }
        _ => return Err("it is about no resource".to_owned()),
    };
    // Long enough for the look that sees it first, and for the one that sees that it has been so for too long. A copy
    // falls no further behind than time goes by.
    let sets_in = if let Condition::Lag { at_most, .. } = &look.check.0 { *at_most + MARGIN } else { Span::ZERO };
    let lasts = sets_in + after + look.every * 3 + MARGIN;
    let ill = |(what, ailment): &(String, Ailment), from: Moment| {
        let what = format!("{what}, and that lasts for {} from {} on", lasts.short(), told(from));
        trial(what, vec![Affliction { lasts: Some(lasts), ..Affliction::since(from, ailment.clone()) }])
    };
    // A copy that the drill turns round is not judged until it follows, and a step that waits for it may end the drill
    // before: when it is looked at and nothing else is in the way can only be tried.
    let steps: Vec<Moment> = baseline.record.steps.iter().filter_map(|step| step.started).collect();
    let apart = steps.len().div_ceil(OCCASIONS).max(1);
    let mut from = occasions(baseline)?;
    from.extend(steps.into_iter().step_by(apart));
    let at = |what: &(String, Ailment)| from.iter().map(|from| ill(what, *from)).collect();
    Ok(Trials { beyond: at(&beyond), within: within.as_ref().map(at).unwrap_or_default() })
}

fn outage(baseline: Baseline<'_>, services: &Services, after: Span) -> Found {
    let service = first(baseline, services)?;
    let probe = &service.probe;
    let out = |from: Moment, lasts: Span| {
        let what = format!("{} refuses connections for {} from {} on", service.id, lasts.short(), told(from));
        Ok::<_, String>(trial(what, lasting(from, lasts, down(&probe.probe)?)))
    };
    let mut from = occasions(baseline)?;
    from.extend(baseline.outage(&service.id, Leg::Failover).map(|(from, _)| from));
    let longer = from.iter().map(|from| out(*from, after + noticed_after(probe))).collect::<Result<_, _>>()?;
    let shorter = after - (probe.every * (u64::from(probe.healthy_after) + 2) + MARGIN);
    let within = (shorter > probe.every).then(|| out(from[1], shorter)).transpose()?;
    Ok(Trials { beyond: longer, within: within.into_iter().collect() })
}

/// The witness fails together with something else.
fn cut_off(baseline: Baseline<'_>) -> Found {
    let plan = baseline.plan;
    let Some(witness) = &plan.witness else { return Err("there is no witness".to_owned()) };
    let watched = plan.guardrails.iter().find_map(|it| match &it.watch {
        Watch::Probe(probe) => Some(probe),
        Watch::OutageOf(_) | Watch::Check(_) => None,
    });
    let Some(probe) = plan.services.first().map(|it| &it.probe).or(watched) else {
        return Err("nothing else is probed".to_owned());
    };
    let what = format!("{} and {} refuse connections", witness.probe, probe.probe);
    let lasts = noticed_after(probe).max(noticed_after(witness));
    let mut beyond = Vec::new();
    for from in occasions(baseline)? {
        let mut both = down(&witness.probe)?;
        both.extend(down(&probe.probe)?);
        beyond.push(trial(what.clone(), lasting(from, lasts, both)));
    }
    Ok(Trials { beyond, within: Vec::new() })
}

/// When a resource is promoted in a leg: when that begins and when it is done.
fn promotion(baseline: Baseline<'_>, resource: &ResourceId, leg: Leg) -> Option<(RegionRole, Moment, Moment)> {
    baseline.plan.steps.iter().enumerate().find_map(|(n, step)| {
        let Part::Promotion(to) = step.act.describe().part() else { return None };
        let its = step.act.describe().subjects().iter().any(|subject| subject.resource == *resource);
        let (began, ended) = baseline.times(&step.id).filter(|_| its && baseline.plan.leg_of(n) == Some(leg))?;
        Some((to, began, ended))
    })
}

fn two_writers(baseline: Baseline<'_>, resource: &ResourceId) -> Found {
    let mut beyond = Vec::new();
    for leg in [Leg::Failover, Leg::Return] {
        let Some((to, _, ended)) = promotion(baseline, resource, leg) else { continue };
        let region = to.other();
        let what = format!("{resource} in {region} takes writes again after {to} was promoted");
        beyond.push(one(what, ended + MARGIN * 5, Ailment::Unfenced { of: resource.clone(), region }));
    }
    if beyond.is_empty() {
        return Err("it is promoted nowhere".to_owned());
    }
    Ok(Trials { beyond, within: Vec::new() })
}

/// Users stay out for longer than they would.
fn out_too_long(baseline: Baseline<'_>, leg: Leg, service: Option<&ServiceId>, most: Span) -> Found {
    let service = match service {
        Some(id) => of(baseline, id)?,
        None => first(baseline, &Services::All)?,
    };
    let probe = &service.probe;
    let begins = baseline.plan.phases.iter().zip(&baseline.record.phases);
    let begins = begins.filter(|(phase, _)| phase.leg == Some(leg)).filter_map(|(_, it)| it.started).min();
    let (from, back) = match (baseline.outage(&service.id, leg), begins) {
        (Some(outage), _) => outage,
        (None, Some(begins)) => (begins + MARGIN, begins + MARGIN),
        (None, None) => return Err(format!("the drill does not come to the {leg}, though nothing is wrong")),
    };
    let out = |lasts: Span| {
        let what = format!("{} stays out for {}", service.id, lasts.short());
        Ok::<_, String>(trial(what, lasting(from, lasts, down(&probe.probe)?)))
    };
    let lead = noticed_after(probe);
    let shorter = most - lead - MARGIN;
    // It ends where the leg's own outage is over anyway, or later.
    let within = (from + shorter > back).then(|| out(shorter)).transpose()?;
    Ok(both(out(most + lead + MARGIN)?, within))
}

/// What is promoted lacks the end of what was acknowledged.
fn lost_too_much(baseline: Baseline<'_>, leg: Leg, resource: &ResourceId, most: Span) -> Found {
    let canary = baseline.plan.canaries.iter().find(|canary| canary.of == *resource);
    let every = canary.map_or(Span::ZERO, |canary| canary.every);
    let Some((_, began, _)) = promotion(baseline, resource, leg) else {
        return Err(format!("{resource} is not promoted in the {leg}"));
    };
    let hollow = |lacks: Span| {
        let what = format!("the copy of {resource} that is promoted lacks its last {}", lacks.short());
        one(what, began, Ailment::Hollow { of: resource.clone(), lacks })
    };
    let loss = baseline.record.legs.iter().find(|it| it.leg == leg).and_then(|it| it.rpa.upper()).unwrap_or_default();
    let shorter = most - (loss + every * 4 + MARGIN);
    Ok(both(hollow(most + every * 3 + MARGIN), (!shorter.is_zero()).then(|| hollow(shorter))))
}
