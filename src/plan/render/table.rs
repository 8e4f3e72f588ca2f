//! The preview as tables for a terminal.

use std::fmt::Write as _;

use comfy_table::{ContentArrangement, Table, presets};

use super::signed::{
    self, OUTAGE_HEAD, SILENCED, command, nobody_is_out, outages, overridden, placing, relied, silenced, twin, verdicts,
};
use super::{offset, plain, wrapped};
use crate::catalogue::Undo;
use crate::plan::approval::Approval;
use crate::plan::preview::{Judgement, Preview, StepPreview};

/// Tables of all phases, `width` columns wide at most, and what an approver signs beside them.
#[must_use]
pub fn table(preview: &Preview, approval: &Approval, width: u16) -> String {
    let mut page = Page { out: String::new(), width };
    let simulated = if preview.simulated { ", everything simulated" } else { "" };
    page.line(&preview.title);
    page.line(&format!("{} mode, environment {}{simulated}", preview.mode, preview.environment));
    page.line(&format!("plan {}", preview.digest));
    if let Some(calibration) = &preview.calibration {
        page.line(&format!("expected times set by {}", calibration.told()));
        for unused in &calibration.unused {
            page.line(&format!("not used: {unused}"));
        }
    }
    for phase in &preview.phases {
        page.line("");
        page.line(&format!("{} ({}), {} to {}", phase.id, phase.title, offset(phase.start), offset(phase.end)));
        let rows = phase.steps.iter().map(|step| {
            let takes = (step.end - step.start).to_string();
            [mark(step).to_owned(), step.id.to_string(), offset(step.start), takes, does(step), undo(&step.undo)]
        });
        page.table(["", "step", "starts", "takes", "what it does", "taken back"], rows);
    }
    page.line("");
    page.line("* on the critical path of its phase");
    for text in verdicts(preview) {
        page.line(&text);
    }
    page.line("");
    page.line("Who is out, and for how long");
    for leg in &preview.legs {
        page.line(&signed::leg(leg));
    }
    if let Some(text) = nobody_is_out(preview, approval) {
        page.line(&text);
    }
    let outages = outages(approval);
    if !outages.is_empty() {
        page.table(OUTAGE_HEAD, outages.into_iter().map(|row| row.map(|cell| plain(&cell))));
        page.line(&twin(approval));
    }
    page.list("What Muster makes", &approval.makes);
    page.list("What Muster relies on", &relied(preview, approval));
    if !preview.simulated {
        page.line(placing(preview));
    }
    page.list("Variables that are not the playbook's own", &overridden(approval));
    page.list(SILENCED, &silenced(preview));
    page.line("");
    page.line("To run this plan and no other");
    page.out.push_str(&command(&plain(&approval.command), usize::from(width)));
    page.out.push('\n');
    page.out
}

/// What is written so far, and how wide it may be.
struct Page {
    out: String,
    width: u16,
}

impl Page {
    /// A line of words, wrapped.
    fn line(&mut self, text: &str) {
        let _ = writeln!(self.out, "{}", wrapped(&plain(text), usize::from(self.width), 2));
    }

    fn list(&mut self, title: &str, points: &[String]) {
        if !points.is_empty() {
            self.line("");
            self.line(title);
            for point in points {
                self.line(&format!("- {point}"));
            }
        }
    }

    fn table<const N: usize>(&mut self, head: [&str; N], rows: impl Iterator<Item = [String; N]>) {
        let mut table = Table::new();
        table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(self.width).set_header(head);
        for row in rows {
            table.add_row(row);
        }
        for line in table.to_string().lines() {
            let _ = writeln!(self.out, "{}", line.trim_end());
        }
    }
}

fn mark(step: &StepPreview) -> &'static str {
    if step.critical { "*" } else { "" }
}

/// What a step does, what it changes, and what must be known of it.
fn does(step: &StepPreview) -> String {
    let mut text = plain(&step.summary);
    for change in &step.changes {
        let _ = write!(text, "\n{}: {} -> {}", change.resource, plain(&change.now), plain(&change.then));
    }
    match &step.judgement {
        Some(Judgement::Holds) => text.push_str("\nholds now"),
        Some(Judgement::Fails(why)) => {
            let _ = write!(text, "\nDOES NOT HOLD: {}", plain(why));
        }
        Some(Judgement::Unknown(why)) => {
            let _ = write!(text, "\ncan't be judged: {}", plain(why));
        }
        Some(Judgement::NotJudged(why)) => {
            let _ = write!(text, "\nnot judged: {}", plain(why));
        }
        None => {}
    }
    if let Some(why) = &step.problem {
        let _ = write!(text, "\nWOULD FAIL: {}", plain(why));
    }
    if let Undo::Irreversible(why) = &step.undo {
        let _ = write!(text, "\nirreversible: {}", plain(why));
    }
    if step.point_of_no_return {
        text.push_str("\nPOINT OF NO RETURN: after this nothing of this leg is reversed");
    }
    text
}

fn undo(undo: &Undo) -> String {
    match undo {
        Undo::Restores => "restored".to_owned(),
        Undo::Compensates(what) => plain(what),
        Undo::Irreversible(_) => "irreversible".to_owned(),
        Undo::Nothing => String::new(),
    }
}
