//! OSCAL assessment results, 1.1.2: the run as an assessment of CP-4, for programs that read such.
//!
//! <https://pages.nist.gov/OSCAL-Reference/models/v1.1.2/assessment-results/json-reference/>
//!
//! The steps are its assessment log, the objectives of CP-4 its findings, and a minimal assessment plan stands in its back
//! matter. Every UUID is of version 5, from the run, the plan's digest and the journal's head: same journal, same bytes.
//! OSCAL calls an objective *satisfied* for which there is evidence; it says beside it that whether a requirement is met is
//! for an assessor to find, and a simulated run satisfies none.

mod plan;

use serde_json::{Value, json};
use uuid::Uuid;

use super::Style;
use super::compliance::{CLAIM, stamp};
use super::view::{LINE_MAX, step_mark};
use super::{clean, compliance};
use crate::model::Showing;
use crate::record::showing::{Holds, Shown, Support, controls, fact};
use crate::record::{Record, StepRecord};
use crate::time::Moment;

/// The version of OSCAL.
const OSCAL: &str = "1.1.2";
/// Whose names those properties are that OSCAL does not define.
const NAMESPACE: &str = "https://github.com/muster-dr/muster/ns/oscal";
/// The longest text, in characters.
const TEXT_MAX: usize = 2_000;

/// The objectives of CP-4 by NIST SP 800-53A, each with what of a run bears on it.
const OBJECTIVES: [(&str, &str, &[Showing]); 5] = [
    ("cp-4_obj.a-1", "The contingency plan is tested", &[Showing::Exercised]),
    ("cp-4_obj.a-2", "The test tells how effective the plan is", &[Showing::RecoveryTime, Showing::SwitchedOver]),
    (
        "cp-4_obj.a-3",
        "The test tells how ready people and systems are to carry the plan out",
        &[Showing::PeopleDecided, Showing::SwitchedOver],
    ),
    ("cp-4_obj.b", "The results of the test are reviewed", &[Showing::Reviewed]),
    ("cp-4_obj.c", "Corrective actions are begun where they are needed", &[Showing::ActionsOwned]),
];

/// Makes the UUIDs of a document: the same for the same names.
struct Ids(Uuid);

impl Ids {
    fn of(record: &Record) -> Self {
        let header = &record.header;
        let name = format!("{NAMESPACE}/{}/{}/{}", header.run, header.digest, header.heads.last);
        Self(Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()))
    }

    fn id(&self, name: &str) -> String {
        Uuid::new_v5(&self.0, name.as_bytes()).to_string()
    }
}

/// The whole document.
pub(super) fn render(record: &Record, _style: &Style) -> String {
    let ids = Ids::of(record);
    let plan = plan::plan(record, &ids);
    let document = json!({ "assessment-results": {
        "uuid": ids.0.to_string(),
        "metadata": metadata(record, &ids, "Assessment results"),
        "import-ap": { "href": format!("#{}", ids.id("plan")) },
        "results": [result(record, &ids)],
        "back-matter": { "resources": resources(&ids, &plan) },
    } });
    // Values made of strings always serialise.
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_else(|_| "{}".to_owned());
    text.push('\n');
    text
}

/// What every OSCAL document begins with.
fn metadata(record: &Record, ids: &Ids, what: &str) -> Value {
    let header = &record.header;
    let reviewed = record.review.sign_offs.last().map(|it| it.at);
    let changed = reviewed.or(header.finished_at).unwrap_or(header.started_at);
    let mut document = json!({
        "title": text(format!("{what}: {}", header.title)),
        "last-modified": changed.to_string(),
        "version": format!("{}-{}", header.run, header.events),
        "oscal-version": OSCAL,
        "roles": [
            { "id": "test-lead", "title": "Led the test, as stated" },
            { "id": "participant", "title": "Took part, as stated" },
            { "id": "owner", "title": "Answers for the plan" },
            { "id": "reviewer", "title": "Reviewed the results" },
        ],
        "props": [prop("simulated", if header.simulated.is_stamped() { "yes" } else { "no" })],
        "remarks": text(remarks(record)),
    });
    let people = people(record, ids);
    if !people.is_empty() {
        document["parties"] =
            people.iter().map(|it| json!({ "uuid": it.uuid, "type": it.kind, "name": it.name })).collect();
        let roles = ["test-lead", "participant", "owner", "reviewer"];
        let responsible = roles.into_iter().filter_map(|role| {
            let uuids: Vec<&str> = people.iter().filter(|it| it.role == role).map(|it| it.uuid.as_str()).collect();
            (!uuids.is_empty()).then(|| json!({ "role-id": role, "party-uuids": uuids }))
        });
        document["responsible-parties"] = responsible.collect();
    }
    document
}

/// What the whole of it is, and what it is not.
fn remarks(record: &Record) -> String {
    let stamp = stamp(record);
    let limits = record.limits.iter().map(|limit| limit.text.clone());
    let open = (!record.limits.is_empty()).then(|| "What this drill does not show:".to_owned());
    stamp.into_iter().chain([CLAIM.to_owned()]).chain(open).chain(limits).collect::<Vec<_>>().join(" ")
}

/// Somebody who had to do with the test.
struct Person {
    uuid: String,
    kind: &'static str,
    name: String,
    role: &'static str,
}

fn people(record: &Record, ids: &Ids) -> Vec<Person> {
    let (origin, header) = (&record.header.origin, &record.header);
    let lead = origin.lead.iter().map(|name| ("person", name.clone(), "test-lead"));
    let participants = origin.participants.iter().map(|name| ("person", name.clone(), "participant"));
    let owner = header.owner.iter().map(|name| ("organization", name.clone(), "owner"));
    let reviewers = record.review.sign_offs.iter().map(|it| ("person", it.by.to_string(), "reviewer"));
    let all = lead.chain(participants).chain(owner).chain(reviewers);
    let mut people: Vec<Person> = Vec::new();
    for (kind, name, role) in all {
        let uuid = ids.id(&format!("party {role} {name}"));
        if people.iter().all(|known| known.uuid != uuid) {
            people.push(Person { uuid, kind, name: text(name), role });
        }
    }
    people
}

fn result(record: &Record, ids: &Ids) -> Value {
    let header = &record.header;
    let mut props = vec![
        prop("run", header.run.as_str()),
        prop("verdict", &record.ended.verdict.to_string()),
        prop("mode", header.mode.key()),
        prop("environment", &header.environment.to_string()),
        prop("plan-digest", &header.digest),
    ];
    props.extend(header.heads.finished.as_ref().map(|head| prop("journal-head-when-finished", head)));
    if !header.heads.last.is_empty() {
        props.push(prop("journal-head", &header.heads.last));
    }
    let mut result = json!({
        "uuid": ids.id("result"),
        "title": text(format!("{} of {}", header.title, header.started_at.strftime("%Y-%m-%d"))),
        "description": description(record),
        "start": header.started_at.to_string(),
        "props": props,
        "reviewed-controls": reviewed_controls(record),
        "observations": observations(record, ids),
        "findings": findings(record, ids),
    });
    if let Some(end) = header.finished_at {
        result["end"] = json!(end.to_string());
    }
    let log: Vec<Value> =
        record.steps.iter().filter(|step| step.started.is_some()).map(|step| entry(record, step, ids)).collect();
    if !log.is_empty() {
        result["assessment-log"] = json!({ "entries": log });
    }
    let attestations = attestations(record, ids);
    if !attestations.is_empty() {
        result["attestations"] = attestations.into();
    }
    let risks = risks(record, ids);
    if !risks.is_empty() {
        result["risks"] = risks.into();
    }
    result
}

fn description(record: &Record) -> String {
    let scenario = record.header.scenario.as_deref().unwrap_or("No scenario is stated.");
    let stamp = stamp(record).map_or_else(String::new, |stamp| format!("{stamp} "));
    text(format!("{stamp}{scenario}"))
}

/// CP-4 and whatever else of the family the playbook names.
fn reviewed_controls(record: &Record) -> Value {
    let named = record.header.controls.iter().filter_map(|id| id.strip_prefix("nist-800-53:"));
    let mut ids: Vec<String> =
        named.map(|name| name.to_lowercase().replace('(', ".").replace(')', "")).chain(["cp-4".to_owned()]).collect();
    ids.sort_unstable();
    ids.dedup();
    let controls: Vec<Value> = ids.into_iter().map(|id| json!({ "control-id": id })).collect();
    let objectives: Vec<Value> = OBJECTIVES.iter().map(|(id, ..)| json!({ "objective-id": id })).collect();
    json!({
        "control-selections": [{ "include-controls": controls }],
        "control-objective-selections": [{ "include-objectives": objectives }],
    })
}

/// A step as an entry of the assessment log.
fn entry(record: &Record, step: &StepRecord, ids: &Ids) -> Value {
    let state = step_mark(step.state).word;
    let failure = step.failure.as_ref().map_or_else(String::new, |failure| format!(": {failure}"));
    let mut entry = json!({
        "uuid": ids.id(&format!("step {}", step.id)),
        "title": short(&format!("{}: {}", step.id, step.title)),
        "description": short(&format!("{}; {state}{failure}", step.summary)),
        "start": at(record, step.started.unwrap_or(Moment::ZERO)),
        "props": [prop("action", &step.action), prop("state", &state)],
    });
    if let Some(ended) = step.ended {
        entry["end"] = json!(at(record, ended));
    }
    entry
}

/// An instant of the run on the calendar.
fn at(record: &Record, moment: Moment) -> String {
    let offset = i64::try_from(moment.0).map(jiff::SignedDuration::from_nanos).unwrap_or_default();
    record.header.started_at.checked_add(offset).unwrap_or(record.header.started_at).to_string()
}

/// Each control of the playbook, and each fact that findings rest on.
fn observations(record: &Record, ids: &Ids) -> Vec<Value> {
    let collected = record.header.finished_at.unwrap_or(record.header.started_at).to_string();
    let evidence = evidence(record, ids);
    let observation = |name: &str, title: String, description: String, props: Vec<Value>| {
        json!({
            "uuid": ids.id(name), "title": short(&title), "description": text(description), "methods": ["TEST"],
            "types": ["control-objective"], "collected": collected, "relevant-evidence": evidence, "props": props,
        })
    };
    let facts = used().into_iter().map(|showing| {
        let fact = fact(record, showing);
        let holds = word(fact.holds);
        observation(
            &observed(showing),
            format!("Whether {showing}"),
            format!("{holds}: {}", fact.text),
            vec![prop("holds", holds)],
        )
    });
    let controls = controls(record).into_iter().map(|finding| {
        let support = compliance::support(finding.support).word;
        let told = |facts: &[Shown]| facts.iter().map(|fact| fact.text.as_str()).collect::<Vec<_>>().join("; ");
        let simulated = if finding.support == Support::Simulated { " of the simulation" } else { "" };
        let description = format!(
            "{support}. Shown{simulated}: {}. Not shown: {}. By any drill: {}",
            told(&finding.shown),
            told(&finding.not_shown),
            finding.control.cannot
        );
        let (id, title) = (&finding.control.id, &finding.control.title);
        observation(&format!("control {id}"), format!("{id}: {title}"), description, vec![prop("control", id)])
    });
    facts.chain(controls).collect()
}

/// The facts that findings rest on.
fn used() -> Vec<Showing> {
    let mut used: Vec<Showing> = OBJECTIVES.iter().flat_map(|(_, _, facts)| facts.iter().copied()).collect();
    used.sort_unstable();
    used.dedup();
    used
}

fn observed(showing: Showing) -> String {
    format!("observation {showing}")
}

fn word(holds: Holds) -> &'static str {
    match holds {
        Holds::Shown => "shown",
        Holds::NotShown => "not shown",
        Holds::Contrary => "the contrary was seen",
    }
}

/// The journal, by the hashes that pin it.
fn evidence(record: &Record, ids: &Ids) -> Value {
    let heads = &record.header.heads;
    let mut props = vec![prop("events", &record.header.events.to_string())];
    props.extend(heads.finished.as_ref().map(|head| prop("sha256-of-the-line-that-ended-the-run", head)));
    if !heads.last.is_empty() {
        props.push(prop("sha256-of-the-last-line", &heads.last));
    }
    json!([{
        "href": format!("#{}", ids.id("journal")),
        "description": "The journal of the run: each line carries the SHA-256 of the line before it",
        "props": props,
    }])
}

fn findings(record: &Record, ids: &Ids) -> Vec<Value> {
    let finding = |(id, title, showings): &(&str, &str, &[Showing])| {
        let facts: Vec<Shown> = showings.iter().map(|showing| fact(record, *showing)).collect();
        let shown = facts.iter().all(|fact| fact.holds == Holds::Shown);
        let stamp = stamp(record);
        let (state, reason) = if shown && stamp.is_none() { ("satisfied", "pass") } else { ("not-satisfied", "other") };
        let told: Vec<String> = facts.iter().map(|fact| format!("{}: {}", word(fact.holds), fact.text)).collect();
        let related: Vec<Value> =
            showings.iter().map(|it| json!({ "observation-uuid": ids.id(&observed(*it)) })).collect();
        let stamp = stamp.map_or_else(String::new, |stamp| format!("{stamp} "));
        json!({
            "uuid": ids.id(&format!("finding {id}")),
            "title": title,
            "description": text(format!("{stamp}{}", told.join(". "))),
            "target": {
                "type": "objective-id", "target-id": id,
                "status": { "state": state, "reason": reason, "remarks": CLAIM },
            },
            "related-observations": related,
        })
    };
    OBJECTIVES.iter().map(finding).collect()
}

/// Sign-offs.
fn attestations(record: &Record, ids: &Ids) -> Vec<Value> {
    let people = people(record, ids);
    let one = |it: &crate::record::SignOffRecord| {
        let party = people.iter().find(|person| person.role == "reviewer" && person.name == text(it.by.to_string()))?;
        let role = it.role.as_deref().unwrap_or("role not stated");
        let remark = it.remark.as_deref().unwrap_or("without remark");
        Some(json!({
            "responsible-parties": [{ "role-id": "reviewer", "party-uuids": [party.uuid] }],
            "parts": [{
                "name": "sign-off", "ns": NAMESPACE,
                "prose": text(format!("Signed off at {}, {role}: {remark}", it.at)),
            }],
        }))
    };
    record.review.sign_offs.iter().filter_map(one).collect()
}

/// Corrective actions, open and closed.
fn risks(record: &Record, ids: &Ids) -> Vec<Value> {
    let risk = |name: String, what: &str, owner: Option<&str>, due: Option<jiff::civil::Date>, status: &str| {
        let mut risk = json!({
            "uuid": ids.id(&format!("action {name}")),
            "title": short(&format!("Corrective action {name}")),
            "description": text(what),
            "statement": text(what),
            "status": status,
            "props": [prop("action", &name), prop("owner", owner.unwrap_or("not stated"))],
        });
        if let Some(due) = due {
            risk["deadline"] = json!(format!("{due}T23:59:59Z"));
        }
        risk
    };
    let carried =
        record.open_actions.iter().map(|it| risk(it.id.to_string(), &it.text, it.owner.as_deref(), it.due, "open"));
    let own = record.review.actions.iter().map(|it| {
        let status = if it.closed.is_some() { "closed" } else { "open" };
        let name = format!("{}:{}", record.header.run, it.number);
        risk(name, &it.opened.text, it.owner.as_deref(), it.due, status)
    });
    carried.chain(own).collect()
}

fn resources(ids: &Ids, plan: &str) -> Value {
    json!([
        {
            "uuid": ids.id("plan"),
            "title": "Assessment plan",
            "description": "A minimal assessment plan in OSCAL: what the playbook says of the test",
            "base64": {
                "filename": "assessment-plan.json", "media-type": "application/json",
                "value": data_encoding::BASE64.encode(plan.as_bytes()),
            },
        },
        {
            "uuid": ids.id("journal"),
            "title": "Journal",
            "description": "All that happened in the run, and what people added after its end",
            "rlinks": [{ "href": "journal.jsonl", "media-type": "application/jsonl" }],
        },
    ])
}

/// A property of our own; its value may neither be empty nor begin or end with a space.
fn prop(name: &str, value: &str) -> Value {
    let value = short(value);
    let value = value.trim();
    json!({ "name": name, "ns": NAMESPACE, "value": if value.is_empty() { "-" } else { value } })
}

fn text(text: impl AsRef<str>) -> String {
    clean::line(text.as_ref(), TEXT_MAX)
}

fn short(text: &str) -> String {
    clean::line(text, LINE_MAX)
}

#[cfg(test)]
mod tests;
