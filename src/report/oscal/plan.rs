//! The assessment plan that the results are of: minimal, from what the playbook says.

use serde_json::{Value, json};

use super::{Ids, metadata, reviewed_controls, short, text};
use crate::record::{PhaseState, Record};

/// An assessment plan as one JSON document.
pub(super) fn plan(record: &Record, ids: &Ids) -> String {
    let header = &record.header;
    let activities: Vec<Value> = record
        .phases
        .iter()
        .filter(|phase| phase.state != PhaseState::NotInThisMode)
        .map(|phase| {
            json!({
                "uuid": ids.id(&format!("phase {}", phase.id)),
                "title": short(&phase.title),
                "description": short(&format!("Phase {}, {} steps", phase.id, phase.count)),
            })
        })
        .collect();
    let playbook = ids.id("playbook");
    let mut document = json!({ "assessment-plan": {
        "uuid": ids.id("assessment plan"),
        "metadata": metadata(record, ids, "Assessment plan"),
        "import-ssp": {
            "href": format!("#{playbook}"),
            "remarks": "No system security plan is named: this is the playbook that was carried out",
        },
        "reviewed-controls": reviewed_controls(record),
        "back-matter": { "resources": [{
            "uuid": playbook,
            "title": text(&header.title),
            "description": text(format!("Playbook {}, plan digest {}", header.playbook, header.digest)),
            "rlinks": [{ "href": "playbook.yaml", "media-type": "application/yaml" }],
        }] },
    } });
    if !activities.is_empty() {
        document["assessment-plan"]["local-definitions"] = json!({ "activities": activities });
    }
    serde_json::to_string_pretty(&document).unwrap_or_else(|_| "{}".to_owned())
}
