//! What was tested, by whom, on what, and against which objectives.

use super::{chapter, cleaned, facts, list, listed, stated, table, text, wall, word};
use crate::catalogue::Mode;
use crate::model::Leg;
use crate::record::{Record, Simulated};
use crate::report::rehearsal::{Block, Cell, Chapter};
use crate::report::view::View;
use crate::resource::ResourceState;

/// Its chapters.
pub(super) fn chapters(record: &Record, view: &View) -> Vec<Chapter> {
    vec![
        chapter("The test", vec![Block::Text(view.sentence.clone()), facts(the_test(record, view))]),
        chapter("Components", components(record)),
        list("Assumptions", &assumptions(record), "None is stated."),
        chapter("Objectives", objectives(view)),
        chapter("Methodology", methodology(record, view)),
    ]
}

fn the_test<'a>(record: &Record, view: &View) -> Vec<(&'a str, String)> {
    let header = &record.header;
    let (about, origin) = (&header.about, &header.origin);
    let ended = header.finished_at.map_or_else(|| "not in the journal".to_owned(), wall);
    let regions: Vec<String> = header.regions.iter().map(|it| format!("{}: {}", it.role, it.name)).collect();
    let host = [origin.user.as_str(), origin.host.as_str()].join(" at ");
    let participants = origin.participants.join(", ");
    let approved = match (&origin.approved, &origin.approved_by) {
        (Some(digest), Some(name)) => format!("{name}, as stated (the plan with the digest {digest})"),
        (Some(digest), None) => format!("the plan with the digest {digest} was approved; by whom is not stated"),
        (None, _) => "not stated".to_owned(),
    };
    let overridden: Vec<String> = view.overridden.iter().map(|it| format!("{} = {}", it.name, it.value)).collect();
    let (frequency, next) = schedule(record);
    vec![
        ("Test name", text(&header.title)),
        (
            "System",
            about.system.as_deref().map_or_else(|| text(format!("not stated; playbook {}", header.playbook)), text),
        ),
        ("Run", header.run.to_string()),
        ("Began", wall(header.started_at)),
        ("Ended", ended),
        ("Took", header.took.to_string()),
        ("Verdict", format!("{}; the world is {}", view.verdict.word, view.world)),
        ("Test type", test_type(record)),
        ("Scenario", stated(header.scenario.as_deref())),
        ("Planned or not", planned(header.mode).to_owned()),
        ("Frequency", frequency),
        ("Next due", next),
        ("Test lead", stated(origin.lead.as_deref())),
        ("Contact", stated(about.contact.as_deref().or(header.owner.as_deref()))),
        ("Location of the people", stated(about.location.as_deref())),
        (
            "Started by, as the system knows",
            if host == " at " { "not recorded (simulation)".into() } else { text(host) },
        ),
        ("Participants", stated(Some(&participants))),
        ("Roles in the plan", stated(Some(&roles(record)))),
        ("Environment", header.environment.to_string()),
        ("Regions", text(regions.join(", "))),
        ("Plan version", stated(about.version.as_deref())),
        ("Plan digest", text(&header.digest)),
        ("Plan approved by", text(approved)),
        ("Overridden variables", if overridden.is_empty() { "none".to_owned() } else { text(overridden.join("; ")) }),
        ("Muster", text(&origin.muster)),
    ]
}

/// Who was asked to decide.
fn roles(record: &Record) -> String {
    let mut roles: Vec<&str> =
        record.steps.iter().flat_map(|step| &step.gates).flat_map(|gate| &gate.approvers).map(String::as_str).collect();
    roles.sort_unstable();
    roles.dedup();
    roles.join(", ")
}

fn planned(mode: Mode) -> &'static str {
    match mode {
        Mode::Planned => "planned: the primary region was left in good order",
        Mode::Unplanned => "unplanned: the primary region was lost without warning, on purpose",
        Mode::Emergency => "emergency: the real event, no test",
    }
}

/// What kind of test it was: in the plan's words, and by what was done.
fn test_type(record: &Record) -> String {
    let did = match (&record.header.simulated, record.legs.iter().any(|leg| leg.leg == Leg::Return)) {
        (Simulated::Wholly, _) => "rehearsal on a simulation",
        (Simulated::Partly(_), _) => "rehearsal, partly on a simulation",
        (Simulated::No, true) => "functional: failover and return on real systems",
        (Simulated::No, false) => "functional: failover on real systems, without the way back",
    };
    match &record.header.about.test_type {
        Some(stated) => text(format!("{stated}, as stated; {did}")),
        None => did.to_owned(),
    }
}

/// How often such a test is due, and when next, by the schedule that the playbook had when it was run.
fn schedule(record: &Record) -> (String, String) {
    let Some(schedule) = &record.header.schedule else {
        let none = "not stated: the playbook has no schedule of its own";
        return (none.to_owned(), none.to_owned());
    };
    let next = record.header.origin.next_due.map_or_else(|| "never again, by its schedule".to_owned(), wall);
    (text(schedule.to_string()), next)
}

fn components(record: &Record) -> Vec<Block> {
    let services =
        record.services.iter().map(|it| [word("service"), Cell::Text(text(&it.title)), Cell::Text(text(&it.probe))]);
    let resources = record.before.iter().map(|(id, state)| {
        let touched: Vec<&str> = record
            .steps
            .iter()
            .filter(|step| step.started.is_some() && step.subjects.contains(id))
            .map(|step| step.action.as_str())
            .collect();
        let mut actions = touched.clone();
        actions.sort_unstable();
        actions.dedup();
        let told = if actions.is_empty() { "no step of this run acted on it".to_owned() } else { actions.join(", ") };
        [word(kind(state)), Cell::Text(id.to_string()), Cell::Text(text(told))]
    });
    vec![table(["Kind", "Name", "Probed or acted on by"], services.chain(resources).collect())]
}

fn kind(state: &ResourceState) -> &'static str {
    match state {
        ResourceState::Dns(_) => "DNS record",
        ResourceState::Database(_) => "database",
        ResourceState::Compute(_) => "servers",
        ResourceState::Storage(_) => "storage",
        ResourceState::Backup(_) => "backup",
        ResourceState::Region(_) => "region",
    }
}

fn assumptions(record: &Record) -> Vec<String> {
    let mut all = cleaned(&record.header.about.assumptions);
    if let Some(loss) = &record.header.data_loss {
        all.push(text(format!("A loss of up to {} is accepted, because: {}", loss.accept_up_to, loss.because)));
    }
    if let Some(why) = &record.header.origin.break_glass {
        all.push(text(format!("Passed over what stood in the way, because: {why}")));
    }
    all.extend(cleaned(&record.header.origin.passed_over));
    all.extend(record.unseen.iter().map(|(id, why)| text(format!("{id} could not be seen before: {why}"))));
    all
}

fn objectives(view: &View) -> Vec<Block> {
    if view.objectives.is_empty() {
        return vec![Block::Text("None is stated.".to_owned())];
    }
    let row = |it: &crate::report::view::ObjectiveView| {
        let words = [&it.leg, &it.what, &it.objective, &it.actual, &it.range].map(|text| Cell::Text(text.clone()));
        let [leg, what, allowed, actual, range] = words;
        [leg, what, allowed, actual, range, Cell::Mark(it.result.clone())]
    };
    let head = ["Leg", "Objective", "Allowed", "Actual", "Uncertainty", "Result"];
    vec![table(head, view.objectives.iter().map(row).collect())]
}

fn methodology(record: &Record, view: &View) -> Vec<Block> {
    let own = "The steps of the playbook are carried out and judged by Muster. Services are probed from outside, each sample on \
               a fresh connection; an outage runs from the last healthy sample before it to the first healthy one after it. \
               Loss of data is measured by numbered rows that are written during the whole run and counted after each \
               promotion. Every measure is an interval, and an objective is met only if all of the interval is within it. \
               Every event is in a journal before what it announces happens; this report follows from that journal alone.";
    let vantage = &record.header.origin.vantage;
    let mut blocks = vec![Block::Text(own.to_owned())];
    if !vantage.is_empty() {
        blocks.push(Block::Text(text(format!("Services were seen from {vantage}."))));
    }
    blocks.extend(record.header.about.methodology.as_ref().map(|it| Block::Text(text(it))));
    blocks.push(Block::Text(view.methodology.checks.clone()));
    if !view.methodology.not_red.is_empty() {
        blocks.push(Block::Heading("Checks that were never seen to fail".to_owned()));
        blocks.push(listed(&view.methodology.not_red, ""));
    }
    blocks
}
