//! `report.html`: one file, no outside asset, light and dark, for a phone and for A4.
//!
//! The page is a Handlebars template, strict, with HTML escaping. Two parts go in unescaped and escape what they take
//! themselves: the drawing, and the rows of steps, of which there may be so many that a template is too slow for them.

use std::fmt::Write as _;

use handlebars::{Context, Handlebars, Helper, HelperResult, Output, RenderContext};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::clean::escape;
use super::view::{self, DocumentView, Mark, PhaseView, StepView, Tone, View};
use super::{Style, clean, timeline};
use crate::record::Record;

const PAGE: &str = include_str!("templates/page.hbs");
const STEPS: &str = include_str!("templates/steps.hbs");
const STEPS_HEAD: &str = include_str!("templates/steps_head.hbs");
const SCRIPT: &str = include_str!("templates/page.js");
const EVIDENCE: &str = include_str!("templates/evidence.hbs");
pub(super) const STYLE: &str = include_str!("templates/page.css");

#[derive(Serialize)]
struct MarkView {
    at: String,
    text: String,
}

#[derive(Serialize)]
struct PhasePage {
    title: String,
    result: Mark,
    leg: Option<String>,
    started: String,
    took: String,
    rows: String,
    /// Of very many steps: how many, and the rows of those that tell most; the others are folded.
    folded: Option<usize>,
    telling: String,
}

#[derive(Serialize)]
struct Page {
    #[serde(flatten)]
    view: View,
    style: &'static str,
    script: &'static str,
    script_hash: String,
    drawing: String,
    marks: Vec<MarkView>,
    documents: Vec<DocumentView>,
    canary_rows: bool,
    told_phases: Vec<PhasePage>,
}

pub(super) fn render(record: &Record, _style: &Style) -> String {
    let mut view = View::of(record);
    let phases = std::mem::take(&mut view.phases);
    let marks = timeline::marks(record);
    let page = Page {
        style: STYLE,
        script: SCRIPT,
        script_hash: script_hash(),
        drawing: timeline::draw_parts(record),
        marks: marks.iter().map(|mark| MarkView { at: view::clock(mark.at), text: view::line(&mark.text) }).collect(),
        documents: view::documents(record),
        canary_rows: view.canaries.iter().any(|canary| !canary.legs.is_empty()),
        told_phases: phases.into_iter().filter(PhaseView::is_told).map(phase).collect(),
        view,
    };
    fill(&page).unwrap_or_else(|error| {
        // Only a defect in the templates comes here, and tests render every one of their branches.
        let (run, error) = (clean::escape(&page.view.run), clean::escape(&error.to_string()));
        format!("<!doctype html><title>{run}</title><p>This report could not be drawn: {error}. See report.md.</p>\n")
    })
}

/// The one script that the page may run: a text that got in from elsewhere is none, whatever it says.
fn script_hash() -> String {
    format!("sha256-{}", data_encoding::BASE64.encode(&Sha256::digest(SCRIPT)))
}

/// A phase with more steps is folded.
const FOLDED_FROM: usize = 200;
/// Of a folded phase at most so many steps are told first.
const TELLING_MAX: usize = 100;

fn phase(phase: PhaseView) -> PhasePage {
    let (mut rows, mut telling) = (String::new(), String::new());
    for step in &phase.steps {
        row(&mut rows, step);
    }
    let folded = (phase.steps.len() > FOLDED_FROM).then_some(phase.steps.len());
    if folded.is_some() {
        phase.steps.iter().filter(|step| tells(step)).take(TELLING_MAX).for_each(|step| row(&mut telling, step));
    }
    let PhaseView { title, result, leg, started, took, .. } = phase;
    PhasePage { title, result, leg, started, took, rows, folded, telling }
}

/// Whether a reader of a long list looks for this step.
fn tells(step: &StepView) -> bool {
    let bad = |mark: &Mark| matches!(mark.tone, Tone::Bad | Tone::Doubt);
    bad(&step.result) || step.undo.is_some() || step.within.as_ref().is_some_and(bad)
}

/// A step's row of the table in `templates/steps.hbs`.
fn row(out: &mut String, step: &StepView) {
    let _ = write!(out, "<tr><td><b>{}</b>", escape(&step.id));
    if let Some(title) = &step.title {
        let _ = write!(out, "<br>{}", escape(title));
    }
    let _ = write!(out, "<br><small>{}: {}</small></td><td>", escape(&step.action), escape(&step.summary));
    mark(out, &step.result);
    if step.critical {
        out.push_str("<br><small>critical path</small>");
    }
    if step.attempts > 1 {
        let _ = write!(out, "<br><small>{} attempts</small>", step.attempts);
    }
    let (started, expected, took) = (escape(&step.started), escape(&step.expected), escape(&step.took));
    let _ = write!(out, "</td><td>{started}</td><td class=\"num\">{expected}</td><td class=\"num\">{took}</td><td>");
    if let Some(within) = &step.within {
        mark(out, within);
    }
    out.push_str("</td><td>");
    for failure in &step.failures {
        let _ = write!(out, "<p class=\"bad\">{}</p>", sentence(failure));
    }
    if let Some(warning) = &step.warning {
        let _ = write!(out, "<p>Warning: {}</p>", sentence(warning));
    }
    for told in step.gates.iter().chain(&step.changes) {
        let _ = write!(out, "<p>{}</p>", sentence(told));
    }
    let _ = write!(out, "{}</td>", sentence(&step.evidence));
    if let Some(undo) = &step.undo {
        out.push_str("<td class=\"undo\">");
        mark(out, undo);
        out.push_str("</td></tr>\n");
    } else {
        out.push_str("<td></td></tr>\n");
    }
}

pub(super) fn mark(out: &mut String, mark: &Mark) {
    let tone = mark.tone.class();
    let _ = write!(out, "<span class=\"mark {tone}\">{} {}</span>", mark.sign, escape(&mark.word));
}

/// A sentence whose words in backticks are set as code, as everywhere else where people read it; escaped. Where
/// backticks make no pairs they are somebody else's, and stay.
fn sentence(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) || parts.iter().skip(1).step_by(2).any(|part| part.is_empty()) {
        return escape(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for (n, part) in parts.iter().enumerate() {
        let _ = if n % 2 == 1 { write!(out, "<code>{}</code>", escape(part)) } else { write!(out, "{}", escape(part)) };
    }
    out
}

/// `{{words TEXT}}` in a template: [`sentence`].
fn words(
    helper: &Helper<'_>,
    _: &Handlebars<'_>,
    _: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    let text = helper.param(0).and_then(|it| it.value().as_str()).unwrap_or_default();
    out.write(&sentence(text))?;
    Ok(())
}

fn fill(page: &Page) -> Result<String, handlebars::RenderError> {
    let mut handlebars = Handlebars::new();
    handlebars.set_strict_mode(true);
    handlebars.register_helper("words", Box::new(words));
    for (name, template) in [("steps", STEPS), ("steps_head", STEPS_HEAD), ("evidence", EVIDENCE)] {
        handlebars.register_partial(name, template)?;
    }
    handlebars.render_template(PAGE, page)
}

#[cfg(test)]
mod tests {
    use super::sentence;

    #[test]
    fn words_in_backticks_are_set_as_code_and_nothing_gets_out() {
        assert_eq!(sentence("end of `detect`, of <b>"), "end of <code>detect</code>, of &lt;b&gt;");
        assert_eq!(sentence("`<i>`"), "<code>&lt;i&gt;</code>");
        for other in ["one ` alone", "``", "`a` `"] {
            assert_eq!(sentence(other), other);
        }
    }
}
