//! `report.md`: for a wiki or a pull request.
//!
//! Every text from elsewhere is escaped, so that it is shown as it is: no table, link, heading or HTML of its own.

use std::fmt::Write as _;

use super::Style;
use super::view::{self, Fact, LegView, Mark, PhaseView, StepView, View};
use crate::record::Record;

pub(super) fn render(record: &Record, _style: &Style) -> String {
    let view = View::of(record);
    let mut out = String::new();
    first(&mut out, &view);
    objectives(&mut out, &view);
    left(&mut out, &view);
    list(&mut out, "Warnings", &view.warnings);
    drawing(&mut out, record);
    happenings(&mut out, &view);
    parts(&mut out, &view.legs);
    compared(&mut out, &view);
    forecast(&mut out, &view);
    steps(&mut out, &view);
    outages(&mut out, &view);
    services(&mut out, &view);
    canaries(&mut out, &view);
    dns(&mut out, &view);
    guardrails(&mut out, &view);
    changes(&mut out, &view);
    facts(&mut out, "Variables that are not the playbook's defaults", &view.overridden);
    list(&mut out, "Warnings that are silenced", &view.silenced);
    list(&mut out, "What this drill does not show", &view.limits);
    people(&mut out, &view);
    lessons(&mut out, &view);
    methodology(&mut out, &view);
    facts(&mut out, "The run", &view.facts);
    let mut pins = vec![Fact::new("Plan digest", &view.digest)];
    pins.extend(view.heads.iter().cloned());
    facts(&mut out, "What pins this report", &pins);
    documents(&mut out, record);
    out
}

fn first(out: &mut String, view: &View) {
    let _ = writeln!(out, "# {}\n", esc(&view.title));
    let _ = writeln!(out, "**{}** · world: {}\n", esc(&mark(&view.verdict)), esc(&view.world));
    match view.exit_code {
        Some(code) => {
            let _ = writeln!(out, "Exit code {code}: {}.\n", esc(&view.exit_meaning));
        }
        None => {
            let _ = writeln!(out, "{}.\n", esc(&view.exit_meaning));
        }
    }
    if let Some(stamp) = &view.stamp {
        let _ = writeln!(out, "> **{}**\n", esc(stamp));
    }
    let _ = writeln!(out, "{}", esc(&view.sentence));
    if !view.reasons.is_empty() {
        out.push('\n');
    }
    for reason in &view.reasons {
        let _ = writeln!(out, "- {}", esc(reason));
    }
}

fn objectives(out: &mut String, view: &View) {
    if view.objectives.is_empty() {
        return;
    }
    table(out, "Objectives", &["Leg", "Objective", "Allowed", "Actual", "Uncertainty", "Result"]);
    for row in &view.objectives {
        cells(out, [&row.leg, &row.what, &row.objective, &row.actual, &row.range, &mark(&row.result)]);
    }
}

fn left(out: &mut String, view: &View) {
    if view.left.is_empty() {
        return;
    }
    table(out, "Left otherwise than it was found", &["What", "By step", "What to do"]);
    for left in &view.left {
        cells(out, [&left.what, left.step.as_deref().unwrap_or("–"), &left.advice]);
    }
}

fn happenings(out: &mut String, view: &View) {
    if view.happenings.is_empty() {
        return;
    }
    table(out, "What happened", &["At", "What"]);
    for happening in &view.happenings {
        cells(out, [happening.at.as_str(), &happening.text]);
    }
}

/// The time line, for whatever draws Mermaid; elsewhere it is a list of what took how long.
fn drawing(out: &mut String, record: &Record) {
    let gantt = super::mermaid::gantt(record);
    if !gantt.is_empty() {
        let _ = writeln!(out, "\n## Time line\n\nTimes of day are in the reader's zone.\n\n```mermaid\n{gantt}```");
    }
}

fn compared(out: &mut String, view: &View) {
    let Some(compared) = &view.compared else { return };
    let _ = writeln!(out, "\n## Compared with the run before\n\n{}", esc(&compared.sentence));
    if !(compared.measures.is_empty() && compared.steps.is_empty()) {
        let _ = writeln!(out, "\n| What | Before | Now | Change |\n| --- | --- | --- | --- |");
    }
    for row in compared.measures.iter().chain(&compared.steps) {
        cells(out, [&row.what, &row.before, &row.now, &mark(&row.change)]);
    }
    if !compared.rest.is_empty() {
        let _ = writeln!(out, "\n{}", esc(&compared.rest));
    }
}

fn people(out: &mut String, view: &View) {
    if view.took_part.is_empty() {
        return;
    }
    table(out, "Who took part", &["Name, as stated", "Account", "Did"]);
    for person in &view.took_part {
        cells(out, [&person.name, &person.account, &person.did.join(", ")]);
    }
}

/// What people fill in; what the record itself says is to be mended stands there already.
fn lessons(out: &mut String, view: &View) {
    out.push_str("\n## Lessons and corrective actions\n\n");
    for written in &view.written {
        let _ = writeln!(out, "- {}", esc(written));
    }
    out.push_str(if view.written.is_empty() { "" } else { "\n" });
    out.push_str("To be filled in.\n\n- What went well:\n- What did not:\n- What was luck:\n");
    out.push_str("\n| Corrective action | Who | Until |\n| --- | --- | --- |\n");
    for action in &view.corrective {
        cells(out, [action.as_str(), "", ""]);
    }
    out.push_str("|  |  |  |\n");
}

fn parts(out: &mut String, legs: &[LegView]) {
    let _ = writeln!(out, "\n## Legs\n");
    for leg in legs {
        let _ = writeln!(out, "- **{}**: {}; RTA {}", esc(&leg.leg), esc(&mark(&leg.verdict)), esc(&leg.rta));
        for part in &leg.parts {
            let percent = part.percent.map_or_else(String::new, |percent| format!(" ({percent} %)"));
            let _ = writeln!(out, "  - {}: {}{percent}", part.name, esc(&part.length));
        }
        if !leg.sooner.is_empty() {
            out.push_str("  - what would have shortened it most:\n");
        }
        for sooner in &leg.sooner {
            let _ = writeln!(out, "    - {}", esc(sooner));
        }
    }
}

fn forecast(out: &mut String, view: &View) {
    let Some(forecast) = &view.forecast else { return };
    let _ = writeln!(out, "\n## Forecast\n\n{}", esc(&forecast.sentence));
    if forecast.measures.is_empty() && forecast.steps.is_empty() {
        return;
    }
    table(out, "Where the truth fell", &["What", "Actual", "Fell", "Foretold by"]);
    for row in forecast.measures.iter().chain(&forecast.steps) {
        cells(out, [&row.what, &row.actual, &mark(&row.place), &row.foretold]);
    }
    if !forecast.steps_told.is_empty() {
        let _ = writeln!(out, "\n{}", esc(&forecast.steps_told));
    }
}

fn steps(out: &mut String, view: &View) {
    for phase in view.phases.iter().filter(|phase| phase.is_told()) {
        one_phase(out, phase);
    }
}

fn one_phase(out: &mut String, phase: &PhaseView) {
    let title = format!("Phase {}: {}, {}", phase.id, mark(&phase.result), phase.took);
    table(out, &title, &["Step", "Action", "Result", "At", "Expected", "Actual", "Within", "Evidence", "Undo"]);
    for step in &phase.steps {
        let within = step.within.as_ref().map_or_else(|| "–".to_owned(), mark);
        let undo = step.undo.as_ref().map_or_else(|| "–".to_owned(), mark);
        let name = step.title.as_ref().map_or_else(|| step.id.clone(), |title| format!("{}: {title}", step.id));
        let name = if step.critical { format!("{name} (critical path)") } else { name };
        let action = format!("{}: {}", step.action, step.summary);
        let result = mark(&step.result);
        let texts = [&name, &action, &result, &step.started, &step.expected, &step.took, &within, &told(step), &undo];
        cells(out, texts);
    }
}

/// All that a step has to say for itself.
fn told(step: &StepView) -> String {
    let mut told: Vec<String> = step.failures.clone();
    told.extend(step.warning.iter().map(|warning| format!("warning: {warning}")));
    told.extend(step.gates.iter().cloned());
    told.extend(step.changes.iter().cloned());
    if !step.evidence.is_empty() {
        told.push(step.evidence.clone());
    }
    told.join("; ")
}

fn outages(out: &mut String, view: &View) {
    if view.outages.is_empty() {
        return;
    }
    table(
        out,
        "Outages",
        &["Service", "Leg", "Began", "Ended", "Length", "Uncertainty", "Failed samples", "First seen"],
    );
    for one in &view.outages {
        let failed = one.failed.to_string();
        cells(out, [&one.service, &one.leg, &one.began, &one.ended, &one.length, &one.range, &failed, &one.saw]);
    }
}

fn services(out: &mut String, view: &View) {
    if view.services.is_empty() {
        return;
    }
    table(
        out,
        "Services",
        &[
            "Service",
            "At the end",
            "Probe",
            "Rhythm",
            "Samples",
            "Downtime",
            "Latency p50 / p95 / max",
            "What failed samples saw",
        ],
    );
    for one in &view.services {
        let (state, failures) = (mark(&one.state), one.failures.join("; "));
        let texts = [&one.title, &state, &one.probe, &one.rhythm, &one.samples, &one.downtime, &one.latency, &failures];
        cells(out, texts);
    }
    if let Some(witness) = &view.witness {
        let _ = writeln!(out, "\nWitness: {}", esc(witness));
    }
}

fn canaries(out: &mut String, view: &View) {
    if view.canaries.is_empty() {
        return;
    }
    table(out, "Canaries", &["Canary", "Leg", "Every", "RPA", "Uncertainty", "Allowed", "Result", "Rows"]);
    for canary in &view.canaries {
        let name = format!("{} ({})", canary.id, canary.of);
        for leg in &canary.legs {
            let result = mark(&leg.result);
            let texts = [&name, &leg.leg, &canary.every, &leg.actual, &leg.range, &leg.objective, &result, &leg.rows];
            cells(out, texts);
        }
        if canary.legs.is_empty() {
            cells(out, [&name, "–", &canary.every, "–", "–", "–", "–", &canary.rows]);
        }
    }
}

fn dns(out: &mut String, view: &View) {
    for record in &view.dns {
        for switch in &record.switches {
            let _ = writeln!(
                out,
                "\n- {}: switched to the {} region by {}; every authoritative server agreed at {}; watched resolvers: \
                 {}; old TTL {}; the worst case for a user: {}",
                esc(&record.record),
                esc(&switch.to),
                esc(&switch.step),
                esc(&switch.done),
                esc(&switch.resolvers),
                esc(&switch.old_ttl),
                esc(&switch.worst)
            );
        }
        for switch in record.switches.iter().filter(|switch| !switch.servers.is_empty()) {
            let title = format!("DNS cut-over of {}, server by server, by {}", record.record, switch.step);
            table(out, &title, &["Server", "Kind", "New answer first seen at", "After the switch began"]);
            for one in &switch.servers {
                cells(out, [one.server.as_str(), one.kind, &one.moved, &one.after]);
            }
        }
        if record.answers.is_empty() {
            continue;
        }
        table(
            out,
            &format!("Every answer of {} that changed", record.record),
            &["At", "Server", "Kind", "Answer", "Region"],
        );
        for one in &record.answers {
            cells(out, [one.at.as_str(), &one.server, one.kind, &one.values, &one.serves]);
        }
        if record.more > 0 {
            let _ = writeln!(out, "\n… and {} more in report.json", record.more);
        }
    }
}

fn guardrails(out: &mut String, view: &View) {
    if view.guardrails.is_empty() {
        return;
    }
    table(out, "Guardrails", &["Guardrail", "Watches", "Result", "When"]);
    for one in &view.guardrails {
        cells(out, [&one.name, &one.watches, &mark(&one.result), &one.breaks.join("; ")]);
    }
}

fn changes(out: &mut String, view: &View) {
    if view.changes.is_empty() {
        return;
    }
    table(out, "What is otherwise than before", &["Resource", "Before", "After"]);
    for one in &view.changes {
        cells(out, [&one.resource, &one.before, &one.after]);
    }
}

/// What shows that its checks can fail.
fn methodology(out: &mut String, view: &View) {
    let _ = writeln!(out, "\n## Methodology\n\n{}", esc(&view.methodology.checks));
    for (title, items) in [("Never seen red", &view.methodology.not_red), ("Seen red", &view.methodology.red)] {
        if !items.is_empty() {
            let _ = writeln!(out, "\n{title}:\n");
            for item in items {
                let _ = writeln!(out, "- {}", esc(item));
            }
        }
    }
}

fn documents(out: &mut String, record: &Record) {
    for document in view::documents(record) {
        let fence = fence(&document.text);
        let cut = if document.cut { " (cut short; the journal has all of it)" } else { "" };
        let _ = writeln!(
            out,
            "\n<details><summary>{}: {}{cut}</summary>\n\n{fence}yaml\n{}\n{fence}\n\n</details>",
            document.what,
            esc(&document.path),
            document.text.trim_end()
        );
    }
}

/// What a block of code stands between: longer than every run of backticks inside it.
pub(super) fn fence(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    "`".repeat(longest.max(2) + 1)
}

fn list(out: &mut String, title: &str, items: &[String]) {
    if items.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n## {title}\n");
    for item in items {
        let _ = writeln!(out, "- {}", esc(item));
    }
}

fn facts(out: &mut String, title: &str, facts: &[Fact]) {
    if facts.is_empty() {
        return;
    }
    table(out, title, &["What", "Value"]);
    for fact in facts {
        cells(out, [fact.name.as_str(), &fact.value]);
    }
}

/// A heading and the head of a table.
fn table(out: &mut String, title: &str, columns: &[&str]) {
    let _ = writeln!(out, "\n## {}\n\n| {} |", esc(title), columns.join(" | "));
    let _ = writeln!(out, "|{}", " --- |".repeat(columns.len()));
}

/// A row of a table.
fn cells<T: AsRef<str>, const N: usize>(out: &mut String, texts: [T; N]) {
    out.push('|');
    for text in texts {
        let _ = write!(out, " {} |", esc(text.as_ref()));
    }
    out.push('\n');
}

fn mark(mark: &Mark) -> String {
    format!("{} {}", mark.sign, mark.word)
}

/// A text on one line that is shown as it is, in a table's cell too.
pub(super) fn esc(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for (n, c) in text.chars().enumerate() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '$' | '!' => {
                out.push('\\');
                out.push(c);
            }
            // These make a list or a heading only at the beginning.
            '-' | '+' | '=' if n == 0 => {
                out.push('\\');
                out.push(c);
            }
            // A name after it would be told of the report.
            '@' => out.push_str("&#64;"),
            '\n' | '\r' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::esc;

    #[test]
    fn a_text_is_shown_as_it_is() {
        assert_eq!(esc("a|b `c` <b>\n*x* @me"), "a\\|b \\`c\\` &lt;b&gt; \\*x\\* &#64;me");
        assert_eq!(esc("- no list"), "\\- no list");
        assert_eq!(esc("[x](javascript:y) ![z]"), "\\[x\\](javascript:y) \\!\\[z\\]");
    }
}
