use std::collections::BTreeSet;

use serde_json::Value;

use super::*;
use crate::record::Simulated;
use crate::report::samples::{incomplete, passed};

fn document(record: &Record) -> Value {
    serde_json::from_str(&render(record, &Style::default())).unwrap()
}

/// Every UUID of the document, where one is defined.
fn uuids(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            found.extend(map.get("uuid").and_then(Value::as_str).map(str::to_owned));
            map.values().for_each(|value| uuids(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| uuids(value, found)),
        _ => {}
    }
}

#[test]
fn ids_are_of_version_five_follow_from_the_run_and_none_stands_twice() {
    let mut found = Vec::new();
    uuids(&document(&passed()), &mut found);
    assert!(found.len() > 20);
    assert!(found.iter().all(|id| Uuid::parse_str(id).unwrap().get_version_num() == 5));
    assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), found.len());
    let mut other = passed();
    other.header.heads.last = "ee".repeat(32);
    let mut changed = Vec::new();
    uuids(&document(&other), &mut changed);
    assert!(found.iter().all(|id| !changed.contains(id)), "another journal has other ids");
}

#[test]
fn the_steps_are_its_log_and_the_objectives_of_cp_4_its_findings() {
    let mut record = passed();
    record.header.simulated = Simulated::No;
    let answers = record.steps.iter_mut().flat_map(|step| &mut step.gates).filter_map(|gate| gate.answer.as_mut());
    answers.for_each(|answer| answer.by = crate::resource::AnsweredBy::NobodyAsked);
    let document = document(&record);
    let result = document.pointer("/assessment-results/results/0").unwrap();
    let entries = result.pointer("/assessment-log/entries").unwrap().as_array().unwrap();
    let begun = record.steps.iter().filter(|step| step.started.is_some()).count();
    assert_eq!(entries.len(), begun);
    assert_eq!(entries[0]["start"], "2026-11-22T08:42:16Z");
    let targets: Vec<(&str, &str)> = result["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            (
                it.pointer("/target/target-id").unwrap().as_str().unwrap(),
                it.pointer("/target/status/state").unwrap().as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        targets,
        [
            ("cp-4_obj.a-1", "satisfied"),
            ("cp-4_obj.a-2", "satisfied"),
            // Gates were answered by --yes, and nobody has reviewed it.
            ("cp-4_obj.a-3", "not-satisfied"),
            ("cp-4_obj.b", "not-satisfied"),
            ("cp-4_obj.c", "not-satisfied"),
        ]
    );
    let head = record.header.heads.finished.clone().unwrap();
    let evidence = result.pointer("/observations/0/relevant-evidence/0").unwrap();
    assert!(evidence["props"].as_array().unwrap().iter().any(|prop| prop["value"] == head.as_str()));
}

#[test]
fn its_plan_stands_in_its_back_matter() {
    let document = document(&incomplete());
    let href = document.pointer("/assessment-results/import-ap/href").unwrap().as_str().unwrap();
    let resources = document.pointer("/assessment-results/back-matter/resources").unwrap().as_array().unwrap();
    let plan = resources.iter().find(|it| href == format!("#{}", it["uuid"].as_str().unwrap())).unwrap();
    let bytes =
        data_encoding::BASE64.decode(plan.pointer("/base64/value").unwrap().as_str().unwrap().as_bytes()).unwrap();
    let plan: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(plan.pointer("/assessment-plan/metadata/oscal-version").unwrap(), OSCAL);
}
