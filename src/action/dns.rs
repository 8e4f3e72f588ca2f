//! `dns.switch`: conditional changes, done when every authoritative server gives the new answer.

use async_trait::async_trait;

use super::look::{self, Pace};
use super::{ActError, Applied, Perform, Tools};
use crate::catalogue::{Achieved, Before, DnsSwitch, Evidence};
use crate::id::ResourceId;
use crate::model::Happened;
use crate::resource::{Context, Dns, ProviderError, RecordSet, ResourceState, ServerAnswer, told};

/// A record set as people read it.
fn shown(record: &RecordSet) -> String {
    format!("{} (TTL {})", told(&record.values), record.ttl)
}

fn find<'a>(tools: &'a Tools, id: &ResourceId) -> Result<&'a dyn Dns, ActError> {
    tools
        .resources
        .dns
        .get(id)
        .map(AsRef::as_ref)
        .ok_or_else(|| ActError::refused(format!("the infrastructure file has no DNS record `{id}`")))
}

/// Whether every server answers `wanted`; what the first other one answers.
fn all_answer(id: &ResourceId, answers: &[ServerAnswer], wanted: &RecordSet) -> Achieved {
    if answers.is_empty() {
        return Achieved::Unknown(format!("{id} has no authoritative server that could be asked"));
    }
    Achieved::all(answers.iter().map(|answer| match &answer.values {
        // The right values of an older version are those from before an earlier change.
        Ok(values) if *values == wanted.values => Achieved::when(
            || answer.is_current(),
            || {
                let (has, needed) = answer.serial.map_or((0, 0), |serial| (serial.has, serial.needed));
                format!("{} has the zone's serial {has} still, and the change made {needed} ({id})", answer.server)
            },
        ),
        Ok(values) => Achieved::No(format!("{} still answers {} for {id}", answer.server, told(values))),
        Err(why) => Achieved::Unknown(format!("{} gives no answer for {id}: {why}", answer.server)),
    }))
}

/// Asks every authoritative server of `id` whether it answers `wanted`, and notes the answers.
async fn ask(dns: &dyn Dns, cx: &Context, id: &ResourceId, wanted: &RecordSet, evidence: &mut Evidence) -> Achieved {
    let answers = match dns.authoritative(cx).await {
        Ok(answers) => answers,
        Err(error) => return Achieved::Unknown(format!("the authoritative servers of {id}: {error}")),
    };
    for answer in &answers {
        let said = match &answer.values {
            Ok(values) => match answer.serial {
                Some(serial) => format!("{} (serial {})", told(values), serial.has),
                None => told(values),
            },
            Err(why) => format!("no answer: {why}"),
        };
        evidence.insert(format!("{id} at {}", answer.server), said);
    }
    all_answer(id, &answers, wanted)
}

impl DnsSwitch {
    /// Points one record to the region, if it does not already.
    async fn switch(&self, tools: &Tools, cx: &Context, id: &ResourceId) -> Result<Option<String>, ActError> {
        let dns = find(tools, id)?;
        let current = dns.observe(cx).await.map_err(|error| ActError::unseen(id, &error))?.record;
        let target = dns.target(self.to, &current);
        if current == target {
            return Ok(None);
        }
        match dns.change(cx, &current, &target).await {
            Ok(()) => Ok(Some(format!("{} -> {}", shown(&current), shown(&target)))),
            Err(ProviderError::Changed(found)) => Err(ActError::refused(format!(
                "{id} was changed by somebody else meanwhile ({found}): nothing was overwritten; look who did it, \
                 then try again"
            ))),
            Err(error) => Err(ActError::of(format!("changing {id}"), &error)),
        }
    }

    /// Puts one record back as it was `before`, unless something stands there that we did not put there.
    async fn put_back(
        &self,
        tools: &Tools,
        cx: &Context,
        id: &ResourceId,
        before: &Before,
    ) -> Result<String, ActError> {
        let Some(ResourceState::Dns(was)) = before.get(id) else {
            return Err(ActError::refused(format!("what {id} was before is not known; put it back by hand")));
        };
        let was = &was.record;
        let dns = find(tools, id)?;
        let now = dns.observe(cx).await.map_err(|error| ActError::unseen(id, &error))?.record;
        if now == *was {
            return Ok(format!("{} stands already", shown(was)));
        }
        let ours = dns.target(self.to, was);
        let foreign = |found: &str| {
            ActError::refused(format!(
                "{id} was changed by somebody else meanwhile: found {found}, expected {}; it was not overwritten. \
                 Before this step it was {}",
                shown(&ours),
                shown(was)
            ))
        };
        if now != ours {
            return Err(foreign(&shown(&now)));
        }
        match dns.change(cx, &ours, was).await {
            Ok(()) => Ok(format!("{} -> {}", shown(&ours), shown(was))),
            Err(ProviderError::Changed(found)) => Err(foreign(&found)),
            Err(error) => Err(ActError::of(format!("putting {id} back"), &error)),
        }
    }

    /// Looks until every authoritative server answers for `id` as it did `before`.
    async fn settled_back(
        &self,
        tools: &Tools,
        cx: &Context,
        id: &ResourceId,
        before: &Before,
        evidence: &mut Evidence,
    ) -> Result<(), ActError> {
        let Some(ResourceState::Dns(was)) = before.get(id) else { return Ok(()) };
        let dns = find(tools, id)?;
        let mut pace = Pace::quick();
        loop {
            let last = match ask(dns, cx, id, &was.record, evidence).await {
                Achieved::Yes => return Ok(()),
                Achieved::No(why) | Achieved::Unknown(why) => why,
            };
            if let Err(stop) = pace.rest(cx).await {
                return Err(ActError::in_doubt(format!("{id} was put back, but {last} ({stop})")));
            }
        }
    }
}

/// The error of several records: what each said; it happened if it did for any.
fn joined(errors: Vec<ActError>, changed: bool, evidence: Evidence) -> ActError {
    let doubt = errors.iter().any(|error| error.happened == Happened::Unknown);
    let what = errors.into_iter().map(|error| error.what).collect::<Vec<_>>().join("; ");
    let error = if changed {
        ActError::in_part(format!("switched in part: {what}"))
    } else if doubt {
        ActError::in_doubt(what)
    } else {
        ActError::refused(what)
    };
    error.with(evidence)
}

#[async_trait]
impl Perform for DnsSwitch {
    async fn apply(&self, tools: &Tools, cx: &Context, _before: &Before) -> Result<Applied, ActError> {
        let mut evidence = Evidence::new();
        let (mut errors, mut changed) = (Vec::new(), false);
        for id in &self.records.0 {
            // After a failure nothing more is switched: users of the others stay where they are served.
            match self.switch(tools, cx, id).await {
                Ok(Some(change)) => {
                    changed = true;
                    evidence.insert(id.to_string(), change);
                }
                Ok(None) => {
                    evidence.insert(id.to_string(), format!("pointed to {} already", self.to));
                }
                Err(error) => {
                    errors.push(error);
                    break;
                }
            }
        }
        if errors.is_empty() { Ok(Applied::showing(evidence)) } else { Err(joined(errors, changed, evidence)) }
    }

    async fn achieved(&self, tools: &Tools, cx: &Context) -> Achieved {
        let world = match look::subjects(tools, cx, self).await {
            Ok(world) => world,
            Err(unseen) => return Achieved::Unknown(unseen),
        };
        let mut parts = vec![crate::catalogue::Describe::achieved(self, &world, &tools.setting())];
        for id in &self.records.0 {
            if let (Ok(dns), Some(ResourceState::Dns(now))) = (find(tools, id), world.get(id)) {
                let target = dns.target(self.to, &now.record);
                parts.push(ask(dns, cx, id, &target, &mut Evidence::new()).await);
            }
        }
        Achieved::all(parts)
    }

    /// The answers of every server once more, for the report.
    async fn prove(&self, tools: &Tools, cx: &Context) -> Result<Evidence, ActError> {
        let mut evidence = Evidence::new();
        for id in &self.records.0 {
            let dns = find(tools, id)?;
            let now = dns.observe(cx).await.map_err(|error| ActError::in_part(format!("{id}: {error}")))?.record;
            let target = dns.target(self.to, &now);
            match ask(dns, cx, id, &target, &mut evidence).await {
                // A server that is silent for a moment takes nothing back of what was seen.
                Achieved::Yes | Achieved::Unknown(_) => {}
                Achieved::No(why) => {
                    return Err(ActError::in_part(format!("after the switch {why}")).with(evidence));
                }
            }
        }
        Ok(evidence)
    }

    async fn undo(&self, tools: &Tools, cx: &Context, before: &Before) -> Result<Evidence, ActError> {
        let mut evidence = Evidence::new();
        let (mut errors, mut back) = (Vec::new(), Vec::new());
        for id in &self.records.0 {
            match self.put_back(tools, cx, id, before).await {
                Ok(change) => {
                    evidence.insert(id.to_string(), change);
                    back.push(id);
                }
                // The others are put back all the same: each record that is home again helps.
                Err(error) => errors.push(error),
            }
        }
        for id in back {
            if let Err(error) = self.settled_back(tools, cx, id, before, &mut evidence).await {
                errors.push(error);
            }
        }
        if errors.is_empty() { Ok(evidence) } else { Err(joined(errors, false, evidence)) }
    }
}
