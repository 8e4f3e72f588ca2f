//! A run for the terminal: its closing tables, what must be known at once, or the whole story with the time line.

mod whole;

use std::fmt::Write as _;

use comfy_table::{Cell, CellAlignment, Color, ContentArrangement, LineStyle, Table, TableStyle};

use super::view::{Mark, Tone, View};
use super::{Format, Paint, Style, Telling};
use crate::record::{LEASE_ONLY, Record};

/// Narrower than this no table can be read.
pub(super) const WIDTH_MIN: u16 = 60;
/// The look of a table: lines at its head and foot alone.
const LOOK: TableStyle = TableStyle::new()
    .top_border(LineStyle::none().fill('─').junction('─'))
    .header_separator(LineStyle::none().fill('─').junction('─'))
    .bottom_border(LineStyle::none().fill('─').junction('─'));
/// At most so many steps are listed.
const STEPS_MAX: usize = 20;
/// The longest sentence about what a drill does not show, in characters.
const LIMIT_MAX: usize = 2_000;

pub(super) fn render(record: &Record, style: &Style) -> String {
    let view = View::of(record);
    let mut out = String::new();
    head(&mut out, &view, style);
    objectives(&mut out, &view, style);
    if style.telling == Telling::Whole {
        whole::before_steps(&mut out, record, &view, style);
    }
    forecast(&mut out, &view, style);
    steps(&mut out, &view, style);
    if style.telling == Telling::Whole {
        whole::after_steps(&mut out, &view, style);
    }
    left(&mut out, &view, style);
    for warning in view.warnings.iter().take(STEPS_MAX) {
        paragraph(&mut out, "Warning: ", warning, style);
    }
    // What another run could have changed meanwhile is said here too, not only counted.
    for limit in record.limits.iter().filter(|limit| limit.code == LEASE_ONLY) {
        paragraph(&mut out, "", &super::clean::line(&limit.text, LIMIT_MAX), style);
    }
    paragraph(&mut out, "Checks: ", &view.methodology.checks, style);
    if style.telling == Telling::Whole {
        whole::limits(&mut out, &view, style);
    } else if !view.limits.is_empty() {
        let named = if style.folder.is_some() { "; the report says which" } else { "" };
        let limits = super::view::count(view.limits.len() as u64, "thing");
        let _ = writeln!(out, "This drill does not show {limits}{named}.");
    }
    out.push('\n');
    let _ = writeln!(out, "Plan digest   {}", view.digest);
    for head in &view.heads {
        let name = if head.name.starts_with("Head when") { "Journal head" } else { "Last line" };
        let _ = writeln!(out, "{name:<13} {}", head.value);
    }
    if let Some(folder) = &style.folder {
        let files: Vec<&str> = Format::ALL.into_iter().filter_map(Format::file_name).collect();
        let _ = writeln!(out, "Reports       {}", super::clean::line(folder, 400));
        let _ = writeln!(out, "              {}, journal.jsonl", files.join(", "));
    }
    out
}

fn head(out: &mut String, view: &View, style: &Style) {
    let verdict =
        paint(&format!("{} {}", view.verdict.sign, view.verdict.word.to_uppercase()), view.verdict.tone, style);
    let _ = writeln!(out, "{verdict}  {}", view.run);
    paragraph(out, "World  ", &view.world, style);
    match view.exit_code {
        Some(code) => paragraph(out, &format!("Exit {code} "), &view.exit_meaning, style),
        None => paragraph(out, "No end ", &view.exit_meaning, style),
    }
    if let Some(stamp) = &view.stamp {
        paragraph(out, "", stamp, style);
    }
    if let Some(calibration) = &view.calibration {
        paragraph(out, "Twin set by ", calibration, style);
    }
    out.push('\n');
    paragraph(out, "", &view.sentence, style);
    for reason in view.reasons.iter().take(STEPS_MAX) {
        paragraph(out, "- ", reason, style);
    }
}

fn objectives(out: &mut String, view: &View, style: &Style) {
    if view.objectives.is_empty() {
        return;
    }
    out.push('\n');
    let mut table = table(&["Objective", "Allowed", "Actual", "Result"], style);
    for row in &view.objectives {
        let actual = match row.range.strip_prefix("between ").and_then(|range| range.split_once(" and ")) {
            Some((lower, upper)) if lower != upper => format!("{upper}, at least {lower}"),
            Some((_, upper)) => upper.to_owned(),
            None => format!("{}; {}", row.actual, row.range),
        };
        table.add_row([
            Cell::new(format!("{}: {}", row.leg, row.what)),
            Cell::new(&row.objective).set_alignment(CellAlignment::Right),
            Cell::new(actual),
            result(&row.result),
        ]);
    }
    let _ = writeln!(out, "{}", table.trim_fmt());
}

/// Where the truth fell in the forecast that the run began with.
fn forecast(out: &mut String, view: &View, style: &Style) {
    let Some(forecast) = &view.forecast else { return };
    out.push('\n');
    paragraph(out, "", &forecast.sentence, style);
    if !forecast.measures.is_empty() {
        let mut table = table(&["Foretold", "Actual", "Fell", "Of"], style);
        for row in &forecast.measures {
            table.add_row([Cell::new(&row.what), Cell::new(&row.actual), result(&row.place), Cell::new(&row.foretold)]);
        }
        let _ = writeln!(out, "{}", table.trim_fmt());
    }
    if !forecast.steps_told.is_empty() {
        paragraph(out, "", &forecast.steps_told, style);
    }
}

fn steps(out: &mut String, view: &View, style: &Style) {
    let told = |mark: &Mark| mark.tone == Tone::Bad || mark.tone == Tone::Doubt;
    let all = || {
        let steps = view.phases.iter().flat_map(|phase| phase.steps.iter().map(move |step| (phase, step)));
        steps.filter(|(_, step)| {
            told(&step.result)
                || step.within.as_ref().is_some_and(|within| within.tone == Tone::Bad)
                || step.undo.is_some()
        })
    };
    let count = all().count();
    if count == 0 {
        return;
    }
    out.push('\n');
    let mut table = table(&["Step", "Result", "What happened"], style);
    for (phase, step) in all().take(STEPS_MAX) {
        let mut what: Vec<String> = step.failures.last().cloned().into_iter().collect();
        what.extend(
            step.within
                .iter()
                .filter(|within| told(within))
                .map(|within| format!("its own objective of {}", within.word)),
        );
        what.extend(step.undo.as_ref().map(|undo| format!("undo: {}", undo.word)));
        let took = if step.took == "–" { String::new() } else { format!(" after {}", step.took) };
        let slow = step.within.as_ref().is_some_and(|within| within.tone == Tone::Bad);
        let shown = match (told(&step.result), slow) {
            (true, _) => Mark { word: format!("{}{took}", step.result.word), ..step.result.clone() },
            (false, true) => Mark::new(Tone::Bad, format!("too slow: {}", step.took)),
            (false, false) => step.result.clone(),
        };
        table.add_row([Cell::new(format!("{} / {}", phase.id, step.id)), result(&shown), Cell::new(what.join("\n"))]);
    }
    let _ = writeln!(out, "{}", table.trim_fmt());
    if count > STEPS_MAX {
        let _ = writeln!(out, "… and {} more; the report has all of them.", count - STEPS_MAX);
    }
}

fn left(out: &mut String, view: &View, style: &Style) {
    if view.left.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{}", paint("Left otherwise than it was found", Tone::Bad, style));
    for left in &view.left {
        let step = left.step.as_ref().map_or_else(String::new, |step| format!(" (step {step})"));
        paragraph(out, "- ", &format!("{}{step}", left.what), style);
        if !left.advice.is_empty() {
            paragraph(out, "  try: ", &left.advice, style);
        }
    }
}

/// A table in the house's look.
pub(super) fn table(header: &[&str], style: &Style) -> Table {
    let mut table = Table::new();
    table
        .load_style(LOOK)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(style.width.max(WIDTH_MIN))
        .set_header(header.iter().copied());
    match style.paint {
        Paint::Plain => table.force_no_tty(),
        Paint::Coloured => table.enforce_styling(),
    };
    table
}

/// A result's cell: its word, with a sign, and a colour where there are colours.
pub(super) fn result(mark: &Mark) -> Cell {
    let cell = Cell::new(format!("{} {}", mark.sign, mark.word));
    match mark.tone {
        Tone::Good => cell.fg(Color::Green),
        Tone::Bad => cell.fg(Color::Red),
        Tone::Doubt => cell.fg(Color::Yellow),
        Tone::Quiet => cell,
    }
}

/// A text in its tone's colour, if there are colours.
pub(super) fn paint(text: &str, tone: Tone, style: &Style) -> String {
    let code = match (style.paint, tone) {
        (Paint::Plain, _) | (_, Tone::Quiet) => return text.to_owned(),
        (_, Tone::Good) => "32",
        (_, Tone::Bad) => "31",
        (_, Tone::Doubt) => "33",
    };
    format!("\u{1b}[1;{code}m{text}\u{1b}[0m")
}

/// Words wrapped to the width, later lines indented as far as `first` is long.
pub(super) fn paragraph(out: &mut String, first: &str, text: &str, style: &Style) {
    let indent = first.chars().count();
    let width = usize::from(style.width.max(WIDTH_MIN));
    out.push_str(first);
    let mut used = indent;
    for word in text.split(' ') {
        let length = word.chars().count();
        if used > indent && used + 1 + length > width {
            let _ = write!(out, "\n{:indent$}", "");
            used = indent;
        } else if used > indent {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += length;
    }
    out.push('\n');
}
