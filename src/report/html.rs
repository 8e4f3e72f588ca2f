//! `report.html`: one file, no outside asset, light and dark, for a phone and for A4.
//!
//! The page is a Handlebars template, strict, with HTML escaping; the drawing alone goes in unescaped, and escapes what
//! it takes itself.

use handlebars::Handlebars;
use serde::Serialize;

use super::view::{self, DocumentView, View};
use super::{Style, clean, timeline};
use crate::record::Record;

const PAGE: &str = include_str!("templates/page.hbs");
const STEPS: &str = include_str!("templates/steps.hbs");
const EVIDENCE: &str = include_str!("templates/evidence.hbs");
const STYLE: &str = include_str!("templates/page.css");

#[derive(Serialize)]
struct MarkView {
    at: String,
    text: String,
}

#[derive(Serialize)]
struct Page {
    #[serde(flatten)]
    view: View,
    style: &'static str,
    drawing: String,
    marks: Vec<MarkView>,
    documents: Vec<DocumentView>,
    canary_rows: bool,
}

pub(super) fn render(record: &Record, _style: &Style) -> String {
    let view = View::of(record);
    let marks = timeline::marks(record);
    let page = Page {
        style: STYLE,
        drawing: timeline::draw(record),
        marks: marks.iter().map(|mark| MarkView { at: view::clock(mark.at), text: view::line(&mark.text) }).collect(),
        documents: view::documents(record),
        canary_rows: view.canaries.iter().any(|canary| !canary.legs.is_empty()),
        view,
    };
    fill(&page).unwrap_or_else(|error| {
        // Only a defect in the templates comes here, and tests render every one of their branches.
        let (run, error) = (clean::escape(&page.view.run), clean::escape(&error.to_string()));
        format!("<!doctype html><title>{run}</title><p>This report could not be drawn: {error}. See report.md.</p>\n")
    })
}

fn fill(page: &Page) -> Result<String, handlebars::RenderError> {
    let mut handlebars = Handlebars::new();
    handlebars.set_strict_mode(true);
    for (name, template) in [("steps", STEPS), ("evidence", EVIDENCE)] {
        handlebars.register_partial(name, template)?;
    }
    handlebars.render_template(PAGE, page)
}
