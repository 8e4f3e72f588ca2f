//! The plan as Markdown: what an approver signs, and each step and its undo as people do them without Muster.

use std::fmt::Write as _;

use super::offset;
use super::signed::{
    self, OUTAGE_HEAD, SILENCED, command, nobody_is_out, outages, overridden, placing, relied, silenced, twin, verdicts,
};
use crate::catalogue::Undo;
use crate::infrastructure::handbook::Instruction;
use crate::plan::approval::Approval;
use crate::plan::by_hand::PhaseByHand;
use crate::plan::preview::{Judgement, PhasePreview, Preview, StepPreview};

/// The columns of a command.
const COLUMNS: usize = 80;

/// The whole document.
#[must_use]
pub fn markdown(preview: &Preview, approval: &Approval, by_hand: &[PhaseByHand]) -> String {
    let mut out = format!("# Plan: {}\n\n", text(&preview.title));
    let simulated = if preview.simulated { ", everything simulated" } else { "" };
    let _ = writeln!(
        out,
        "- playbook {}, {} mode, environment {}{simulated}",
        text(&preview.name),
        preview.mode,
        preview.environment
    );
    let _ = writeln!(out, "- digest `{}`", preview.digest);
    if let Some(calibration) = &preview.calibration {
        let _ = writeln!(out, "- expected times set by {}", text(&calibration.told()));
    }
    for verdict in verdicts(preview) {
        let _ = writeln!(out, "- {}", text(&verdict));
    }
    out.push_str("\n## Steps\n");
    for phase in &preview.phases {
        steps(&mut out, phase);
    }
    out.push_str("\n\\* on the critical path of its phase\n\n## Who is out, and for how long\n\n");
    for leg in &preview.legs {
        let _ = writeln!(out, "- {}", text(&signed::leg(leg)));
    }
    if let Some(nobody) = nobody_is_out(preview, approval) {
        let _ = writeln!(out, "{nobody}");
    }
    let rows = outages(approval);
    if !rows.is_empty() {
        let _ = writeln!(out, "\n| {} |\n|{}", OUTAGE_HEAD.join(" | "), "---|".repeat(OUTAGE_HEAD.len()));
        for row in rows {
            let _ = writeln!(out, "| {} |", row.map(|cell| text(&cell)).join(" | "));
        }
        let _ = writeln!(out, "\n{}", text(&twin(approval)));
    }
    list(&mut out, "What Muster makes", &approval.makes);
    list(&mut out, "What Muster relies on", &relied(preview, approval));
    if !preview.simulated {
        let _ = writeln!(out, "\n{}", placing(preview));
    }
    list(&mut out, "Variables that are not the playbook's own", &overridden(approval));
    list(&mut out, SILENCED, &silenced(preview));
    out.push_str("\n## To run this plan and no other\n\n");
    code(&mut out, "", &command(&approval.command, COLUMNS));
    hands(&mut out, by_hand);
    out
}

fn steps(out: &mut String, phase: &PhasePreview) {
    let (start, end) = (offset(phase.start), offset(phase.end));
    let _ = writeln!(out, "\n### {} ({}), {start} to {end}\n", text(phase.id.as_str()), text(&phase.title));
    out.push_str("| | step | starts | takes | what it does | taken back |\n|---|---|---|---|---|---|\n");
    for step in &phase.steps {
        let mark = if step.critical { "\\*" } else { "" };
        let takes = (step.end - step.start).to_string();
        let undone = match &step.undo {
            Undo::Restores => "restored".to_owned(),
            Undo::Compensates(what) => text(what),
            Undo::Irreversible(why) => format!("irreversible: {}", text(why)),
            Undo::Nothing => String::new(),
        };
        let _ = writeln!(
            out,
            "| {mark} | {} | {} | {takes} | {} | {undone} |",
            text(step.id.as_str()),
            offset(step.start),
            does(step)
        );
    }
}

fn does(step: &StepPreview) -> String {
    let mut lines = vec![text(&step.summary)];
    let changes = step.changes.iter();
    lines.extend(changes.map(|it| format!("{}: {} → {}", text(it.resource.as_str()), text(&it.now), text(&it.then))));
    lines.extend(step.judgement.as_ref().map(|judged| match judged {
        Judgement::Holds => "holds now".to_owned(),
        Judgement::Fails(why) => format!("**does not hold**: {}", text(why)),
        Judgement::Unknown(why) => format!("can't be judged: {}", text(why)),
        Judgement::NotJudged(why) => format!("not judged: {}", text(why)),
    }));
    lines.extend(step.problem.as_ref().map(|why| format!("**would fail**: {}", text(why))));
    if step.point_of_no_return {
        lines.push("**point of no return**: after this nothing of this leg is reversed".to_owned());
    }
    lines.join("<br>")
}

fn list(out: &mut String, title: &str, points: &[String]) {
    if points.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n## {title}\n");
    for point in points {
        let _ = writeln!(out, "- {}", text(point));
    }
}

fn hands(out: &mut String, phases: &[PhaseByHand]) {
    out.push_str(
        "\n## By hand\n\nFor the day when Muster itself is down. The lines are for a POSIX shell, from the folder that Muster is \
         run in, and read each secret from where Muster reads it. See after each step that it did what it should, before the \
         next; nothing here looks ahead, or keeps two sides from taking writes.\n",
    );
    for phase in phases {
        let _ = writeln!(out, "\n### {}, by hand: {}", text(&phase.id), text(&phase.title));
        for step in &phase.steps {
            let _ = writeln!(out, "\n#### {}: {}\n", text(step.id.as_str()), text(&step.title));
            instructions(out, &step.doing);
            out.push_str("\nTo take it back:\n\n");
            instructions(out, &step.undoing);
        }
    }
}

fn instructions(out: &mut String, all: &[Instruction]) {
    for one in all {
        let _ = writeln!(out, "- {}", text(&one.words));
        if !one.shell.is_empty() {
            out.push('\n');
            code(out, "sh", &one.shell);
            out.push('\n');
        }
    }
}

/// A block of code whose end is found whatever is in it. It stands at the margin, so that lines can be taken as they are.
fn code(out: &mut String, language: &str, lines: &str) {
    let longest = lines.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(3.max(longest + 1));
    let _ = writeln!(out, "{fence}{language}\n{}\n{fence}", lines.trim_end_matches('\n'));
}

/// Text that means itself, but for words in backticks, which are code here as in every message.
fn text(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    // A code span ends a table's cell at a `|`, and nothing can be escaped in it.
    let spans = || parts.iter().skip(1).step_by(2);
    if parts.len().is_multiple_of(2)
        || spans().any(|part| part.trim() != *part || part.is_empty() || part.contains('|'))
    {
        return literal(text);
    }
    let mut out = String::with_capacity(text.len());
    for (n, part) in parts.iter().enumerate() {
        if n % 2 == 1 {
            let plain: String = part.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            let _ = write!(out, "`{plain}`");
        } else {
            out.push_str(&literal(part));
        }
    }
    out
}

/// Text that means itself.
fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' => {
                out.push('\\');
                out.push(c);
            }
            '&' => out.push_str("&amp;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn words_in_backticks_are_code_and_all_else_means_itself() {
        assert_eq!(text("`fence` *now*"), "`fence` \\*now\\*");
        for odd in ["a ` b", "`a|b`", "``", "` a`"] {
            assert_eq!(text(odd), odd.replace('`', "\\`").replace('|', "\\|"));
        }
        assert_eq!(text("a\\`b` <i>"), "a\\\\`b` \\<i\\>");
    }
}
