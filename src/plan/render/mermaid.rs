//! The preview as Mermaid diagrams: what happens when, and what waits for what.

use std::collections::HashMap;
use std::fmt::Write as _;

use crate::id::StepId;
use crate::plan::preview::{Preview, StepPreview};
use crate::time::Span;

/// A Gantt chart, in seconds from the start; the critical path stands out.
#[must_use]
pub fn gantt(preview: &Preview) -> String {
    let mut out = String::from("gantt\n");
    let _ = writeln!(out, "    title {}", gantt_text(&preview.title));
    out.push_str("    dateFormat X\n    axisFormat %H:%M:%S\n");
    for phase in &preview.phases {
        let _ = writeln!(out, "    section {}", gantt_text(phase.id.as_str()));
        for step in &phase.steps {
            let tags = tags(step);
            let (start, end) = (seconds(step.start), seconds(step.end));
            let _ = writeln!(out, "    {} :{tags}{start}, {}", gantt_text(step.id.as_str()), end.max(start + 1));
        }
    }
    out
}

fn tags(step: &StepPreview) -> String {
    let mut tags = String::new();
    if step.critical {
        tags.push_str("crit, ");
    }
    if step.gate {
        tags.push_str("active, ");
    }
    tags
}

/// A flowchart: a box a step, an arrow from what it needs, a frame a phase.
#[must_use]
pub fn flowchart(preview: &Preview) -> String {
    let mut out = String::from("flowchart LR\n");
    let all = preview.phases.iter().flat_map(|phase| &phase.steps);
    let numbers: HashMap<&StepId, usize> = all.enumerate().map(|(number, step)| (&step.id, number)).collect();
    for (number, phase) in preview.phases.iter().enumerate() {
        let _ = writeln!(out, "    subgraph p{number}[\"{}\"]", box_text(phase.id.as_str()));
        for step in &phase.steps {
            let id = numbers.get(&step.id).copied().unwrap_or_default();
            let text = box_text(&step.title);
            let shape = if step.gate { format!("{{{{\"{text}\"}}}}") } else { format!("[\"{text}\"]") };
            let _ = writeln!(out, "        s{id}{shape}");
            for need in &step.needs {
                if let Some(need) = numbers.get(need) {
                    let _ = writeln!(out, "        s{need} --> s{id}");
                }
            }
        }
        out.push_str("    end\n");
    }
    for number in 1..preview.phases.len() {
        let _ = writeln!(out, "    p{} --> p{number}", number - 1);
    }
    out
}

fn seconds(span: Span) -> u64 {
    span.as_millis() / 1000
}

/// In a Gantt chart a colon ends a name, `#` and `;` begin and end an entity.
fn gantt_text(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || matches!(c, ':' | ';' | '#' | ',') { ' ' } else { c }).collect()
}

/// In a quoted box only the quote and what begins an entity or a tag mean anything.
fn box_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => out.push_str("#quot;"),
            '#' => out.push_str("#35;"),
            '<' => out.push_str("#lt;"),
            '>' => out.push_str("#gt;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
