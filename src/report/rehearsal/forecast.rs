//! A forecast, put into words.

mod drawing;

use super::{Block, Case, Cell, Chapter, Column, Table};
use crate::rehearsal::Subject;
use crate::rehearsal::forecast::interval::{runs_to_show, values_to_bound};
use crate::rehearsal::forecast::sensitivity::{Effect, Lever, What};
use crate::rehearsal::forecast::{
    Figure, Forecast, LegForecast, Of, Quantile, Sensitivity, Share, Spread, Stopped, Value,
};
use crate::report::view::{Mark, Tone, line};
use crate::time::Span;

/// Quantiles that need many values before they are worth their name.
const P95: f64 = 0.95;
const P99: f64 = 0.99;
/// A step that on average stands for less on the critical path is not told of in words; JSON has it.
const PATH_MIN: Span = Span::from_millis(100);
/// What stands where there is nothing.
const NOTHING: &str = "–";

pub(super) fn chapter(forecast: &Forecast, subject: &Subject) -> Chapter {
    let mut blocks = head(forecast);
    blocks.extend(ends(forecast, subject));
    blocks.extend(spreads(forecast, "Recovery time", true));
    blocks.extend(spreads(forecast, "Data loss", false));
    blocks.extend(objectives(forecast));
    for figure in forecast.figures.iter().filter(|figure| figure.of == Of::AllServices) {
        if let Some(histogram) = &figure.histogram {
            blocks.push(Block::Heading(format!("Recovery time of the {}, all services", figure.leg)));
            blocks.push(drawing::draw(histogram, figure));
        }
    }
    forecast.legs.iter().for_each(|leg| blocks.extend(where_it_goes(leg)));
    if let Some(sensitivity) = &forecast.sensitivity {
        blocks.extend(drives(sensitivity));
    }
    blocks.extend(worst(forecast, subject));
    Chapter { title: "Forecast".to_owned(), blocks, cases: cases(forecast) }
}

/// A share of 1 in percent: `95.2 %`.
fn percent(share: f64) -> String {
    // What is nearly all is not all.
    let tenths = (share * 1_000.0).floor() / 10.0;
    if tenths.fract() == 0.0 { format!("{tenths:.0} %") } else { format!("{tenths:.1} %") }
}

fn share(share: &Share) -> String {
    format!("{} (between {} and {})", percent(share.share()), percent(share.lower), upper(share.upper))
}

/// The upper end of a share, rounded up.
fn upper(share: f64) -> String {
    percent(((share * 1_000.0).ceil() / 1_000.0 + 1e-9).min(1.0))
}

fn value(value: Value, of: &Of) -> String {
    match value {
        Value::NotOver => "not over".to_owned(),
        Value::Span(Span::ZERO) if !of.is_time() => "none lost".to_owned(),
        Value::Span(span) => span.to_string(),
    }
}

fn head(forecast: &Forecast) -> Vec<Block> {
    let last = forecast.first_seed.0.wrapping_add(forecast.runs.saturating_sub(1));
    let stopped = match forecast.stopped {
        Stopped::AsAsked => String::new(),
        Stopped::Narrow { until } => {
            format!(
                " They were enough: the share that passes and the p95 of the recovery times are sure to ±{}.",
                percent(until + 1e-9)
            )
        }
        Stopped::TooMany { until } => format!(
            " They were not enough to be sure to ±{}, and no more are played; --runs N allows more.",
            percent(until + 1e-9)
        ),
    };
    let (passed, required) = (&forecast.passed, percent(forecast.require));
    let told = format!("{} of {} runs passed: {}", passed.count, forecast.runs, share(passed));
    let (mark, told) = if forecast.suffices() {
        (Mark::new(Tone::Good, "enough"), format!("{told}; {required} are required, and surely reached."))
    } else if forecast.too_few() {
        let needed = runs_to_show(forecast.require);
        (
            Mark::new(Tone::Doubt, "not shown"),
            format!(
                "{told}; {required} are required. So few runs do not show it: if all of them pass, {needed} do; \
                 otherwise more are needed."
            ),
        )
    } else {
        (Mark::new(Tone::Bad, "too few pass"), format!("{told}; {required} are required."))
    };
    vec![
        Block::Marked(mark, told),
        Block::Text(format!(
            "{} drills were played, each with chances of its own, seeds {} to {last}.{stopped} Intervals are 95 % sure, of \
             what this twin would do.",
            forecast.runs, forecast.first_seed.0
        )),
    ]
}

fn ends(forecast: &Forecast, subject: &Subject) -> Vec<Block> {
    let mut rows = Vec::new();
    for end in &forecast.ends {
        let tone = if end.verdict == crate::model::Verdict::Passed { Tone::Good } else { Tone::Bad };
        let exit = end.exit.map_or_else(|| NOTHING.to_owned(), |exit| u8::from(exit).to_string());
        rows.push(vec![
            Cell::Mark(Mark::new(tone, end.verdict.to_string())),
            Cell::Text(end.world.to_string()),
            Cell::Text(exit),
            Cell::Text(end.runs.count.to_string()),
            Cell::Text(share(&end.runs)),
            Cell::Text(end.first.0.to_string()),
        ]);
    }
    let mut blocks = vec![
        Block::Heading("How the runs ended".to_owned()),
        table(&["Verdict", "World", "-Exit", "-Runs", "Share", "-First seed"], rows),
    ];
    if let Some(end) = forecast.ends.iter().find(|end| end.verdict != crate::model::Verdict::Passed) {
        blocks.push(Block::Text(format!("The first that ended as {} is played again by", end.verdict)));
        blocks.push(Block::Code(replay(subject, end.first.0)));
    }
    blocks
}

/// A table; the heads of columns of numbers begin with `-`.
fn table(heads: &[&str], rows: Vec<Vec<Cell>>) -> Block {
    let head = heads.iter().map(|head| match head.strip_prefix('-') {
        Some(head) => (head.to_owned(), Column::Numbers),
        None => ((*head).to_owned(), Column::Words),
    });
    Block::Table(Table { head: head.collect(), rows })
}

fn of(figure: &Figure) -> String {
    let what = match &figure.of {
        Of::AllServices => "all services".to_owned(),
        Of::Service { title, .. } => line(title),
        Of::AllCanaries => "all canaries".to_owned(),
        Of::Canary { id } => id.to_string(),
    };
    format!("{}: {what}", figure.leg)
}

fn spreads(forecast: &Forecast, title: &str, times: bool) -> Vec<Block> {
    let figures = || forecast.figures.iter().filter(|figure| figure.of.is_time() == times);
    if figures().next().is_none() {
        return Vec::new();
    }
    let quantile = |quantile: &Quantile, figure: &Figure| {
        let end = |end: Option<Value>| end.map(|end| value(end, &figure.of));
        let at = value(quantile.value, &figure.of);
        let range = match (end(quantile.lower), end(quantile.upper)) {
            (Some(lower), Some(upper)) if lower == upper && lower == at => return Cell::Text(at),
            (Some(lower), None) if lower == at => return Cell::Text(at),
            (Some(lower), Some(upper)) => format!("{lower} to {upper}"),
            (None, Some(upper)) => format!("at most {upper}"),
            (Some(lower), None) => format!("at least {lower}"),
            (None, None) => return Cell::Text(at),
        };
        Cell::Text(format!("{at} ({range})"))
    };
    let mut rows = Vec::new();
    let mut notes = Vec::new();
    for figure in figures() {
        notes.extend(left(figure, forecast.runs));
        let Some(Spread { p50, p95, p99, worst, .. }) = &figure.spread else {
            rows.push(
                std::iter::once(Cell::Text(of(figure))).chain((0..4).map(|_| Cell::Text(NOTHING.to_owned()))).collect(),
            );
            continue;
        };
        rows.push(vec![
            Cell::Text(of(figure)),
            quantile(p50, figure),
            quantile(p95, figure),
            quantile(p99, figure),
            Cell::Text(value(*worst, &figure.of)),
        ]);
    }
    let mut blocks =
        vec![Block::Heading(title.to_owned()), table(&["Leg and what", "p50", "p95", "p99", "Worst"], rows)];
    let least = figures().filter_map(|figure| figure.spread.map(|spread| spread.of)).min().unwrap_or(0);
    blocks.extend(too_few(least).map(Block::Text));
    if !notes.is_empty() {
        blocks.push(Block::List(notes));
    }
    blocks
}

/// What so few values do not say.
fn too_few(values: u64) -> Option<String> {
    let short = |p: f64| values < values_to_bound(p);
    let needed = |p: f64| format!("p{:.0} from {} on", p * 100.0, values_to_bound(p));
    match (short(P95), short(P99)) {
        // Without a value there is nothing to be sure of, and the list says why.
        _ if values == 0 => None,
        (_, false) => None,
        (false, true) => Some(format!(
            "{values} runs are too few for p99, which is little more than the worst that came: its interval has no upper \
             end yet; {}.",
            needed(P99)
        )),
        (true, true) => Some(format!(
            "{values} runs are too few for p95 and p99, which are little more than the worst that came: their intervals \
             have no upper end yet; {}, {}.",
            needed(P95),
            needed(P99)
        )),
    }
}

/// What is to be said of a figure that was not measured from start to end in every run.
fn left(figure: &Figure, runs: u64) -> Option<String> {
    let seen = &figure.seen;
    let none = if figure.of.is_time() { "no outage was seen" } else { "" };
    let told: Vec<String> = [
        (seen.none, none),
        (seen.not_over, "it was not over when the run ended, and counts as longer than all others"),
        (seen.not_measured, "nothing measured it"),
        (seen.not_reached, "the run never came to it"),
    ]
    .into_iter()
    .filter(|(count, what)| *count > 0 && !what.is_empty())
    .map(|(count, what)| format!("in {count} of {runs} runs {what}"))
    .collect();
    (!told.is_empty()).then(|| format!("{}: {}.", of(figure), told.join("; ")))
}

fn objectives(forecast: &Forecast) -> Vec<Block> {
    let mut rows = Vec::new();
    for figure in &forecast.figures {
        let (Some(objective), Some(met), Some(judged)) = (figure.objective, &figure.met, &figure.judged) else {
            continue;
        };
        let kind = if figure.of.is_time() { "RTO" } else { "RPO" };
        let rest = [
            (judged.missed, "missed"),
            (judged.undecided, "undecided"),
            (judged.not_measured, "not measured"),
            (judged.not_reached, "not reached"),
        ];
        let rest: Vec<String> =
            rest.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
        let rest = if rest.is_empty() { NOTHING.to_owned() } else { rest.join(", ") };
        rows.push([format!("{kind}, {}", of(figure)), objective.to_string(), share(met), rest]);
    }
    for within in &forecast.within {
        let not = within.met.of - within.met.count;
        let rest = if not == 0 { NOTHING.to_owned() } else { format!("{not} not met") };
        rows.push([format!("step {}", within.step), within.within.to_string(), share(&within.met), rest]);
    }
    if rows.is_empty() {
        return Vec::new();
    }
    let rows = rows.into_iter().map(|row| row.into_iter().map(Cell::Text).collect()).collect();
    vec![
        Block::Heading("Objectives".to_owned()),
        table(&["Objective", "-Allowed", "Met in", "In the other runs"], rows),
    ]
}

fn where_it_goes(leg: &LegForecast) -> Vec<Block> {
    if leg.of == 0 {
        return Vec::new();
    }
    let mut rows = Vec::new();
    for part in &leg.parts {
        let times = if part.exercised == 0 {
            ["not exercised".to_owned(), NOTHING.to_owned(), NOTHING.to_owned()]
        } else {
            [part.mean.to_string(), part.p50.to_string(), part.p95.to_string()]
        };
        rows.push(std::iter::once(part.name.clone()).chain(times).map(Cell::Text).collect());
    }
    let mut blocks = vec![
        Block::Heading(format!("Where the time of the {} goes", leg.leg)),
        table(&["Part", "-Mean", "-p50", "-p95"], rows),
    ];
    if leg.path.iter().any(|step| step.mean >= PATH_MIN) {
        let mut rows = Vec::new();
        for step in leg.path.iter().filter(|step| step.mean >= PATH_MIN) {
            rows.push(vec![
                Cell::Text(step.step.to_string()),
                Cell::Text(percent(step.on_path.share())),
                Cell::Text(step.mean.to_string()),
                Cell::Text(step.p50.to_string()),
                Cell::Text(step.p95.to_string()),
                Cell::Text(step.correlation.map_or_else(|| NOTHING.to_owned(), correlation)),
            ]);
        }
        blocks.push(table(
            &["Step on the critical path", "-In runs", "-Mean share", "-Takes p50", "-p95", "-Rank correlation"],
            rows,
        ));
    }
    blocks
}

fn correlation(value: f64) -> String {
    // Nothing has no sign.
    format!("{:.2}", if value.abs() < 0.005 { 0.0 } else { value })
}

fn drives(sensitivity: &Sensitivity) -> Vec<Block> {
    let mut told: Vec<(u64, String)> = Vec::new();
    let mut without: Vec<String> = Vec::new();
    for lever in &sensitivity.levers {
        let before = told.len();
        told.extend(lever.effects.iter().filter_map(|effect| tell(lever, effect)));
        if told.len() == before {
            without.push(name(&lever.what));
        }
    }
    // The largest first; equal ones stay in their order.
    told.sort_by_key(|(size, _)| std::cmp::Reverse(*size));
    let mut points: Vec<String> = told.into_iter().map(|(_, text)| text).collect();
    if !without.is_empty() {
        points.push(format!("Without an effect on p95 that could be told from none: {}.", without.join("; ")));
    }
    let more = match sensitivity.not_played {
        0 => String::new(),
        more => format!(" {more} more that may save less were not tried."),
    };
    vec![
        Block::Heading("What drives it".to_owned()),
        Block::Text(format!(
            "Each was tried: {} of these runs were played again with the same chances and that one thing halved.{more}",
            sensitivity.runs
        )),
        Block::List(points),
    ]
}

fn name(what: &What) -> String {
    match what {
        What::Step(id) => format!("step {id}"),
        What::Ttl(records) => format!("the time to live of {}", names(records)),
        What::Probes => "the rhythm of the probes".to_owned(),
    }
}

fn names(records: &[crate::id::ResourceId]) -> String {
    records.iter().map(crate::id::ResourceId::as_str).collect::<Vec<_>>().join(", ")
}

/// What is surely so, with its size in nanoseconds.
fn tell(lever: &Lever, effect: &Effect) -> Option<(u64, String)> {
    let (falls, lower, upper) = (effect.p95_falls_by_ns?, effect.lower_ns?, effect.upper_ns?);
    if lower <= 0 && upper >= 0 {
        return None;
    }
    let what = match &lever.what {
        What::Step(id) => format!("{id} took half as long"),
        What::Ttl(records) => format!("the time to live of {} were half as long", names(records)),
        What::Probes => "all services were probed twice as often".to_owned(),
    };
    let (word, ends) = if falls > 0 { ("fall", [lower, upper]) } else { ("rise", [-upper, -lower]) };
    let text = format!(
        "If {what}, p95 of the {} would {word} by {} (between {} and {}).",
        effect.leg,
        Span(falls.unsigned_abs()),
        signed(ends[0]),
        signed(ends[1])
    );
    Some((falls.unsigned_abs(), text))
}

fn signed(nanos: i64) -> String {
    let span = Span(nanos.unsigned_abs());
    if nanos < 0 { format!("−{span}") } else { span.to_string() }
}

fn worst(forecast: &Forecast, subject: &Subject) -> Vec<Block> {
    let mut blocks = Vec::new();
    for figure in &forecast.figures {
        let drill = matches!(figure.of, Of::AllServices | Of::AllCanaries);
        let (Some(seed), Some(spread)) = (figure.worst.filter(|_| drill), &figure.spread) else { continue };
        let worst = value(spread.worst, &figure.of);
        if spread.worst == Value::Span(Span::ZERO) {
            continue;
        }
        let kind = if figure.of.is_time() { "recovery" } else { "data loss" };
        blocks.push(Block::Text(format!("The worst {kind} of the {} ({worst}) is played again by", figure.leg)));
        blocks.push(Block::Code(replay(subject, seed.0)));
    }
    if !blocks.is_empty() {
        blocks.insert(0, Block::Heading("The worst runs".to_owned()));
    }
    blocks
}

/// The command that plays one run again.
fn replay(subject: &Subject, seed: u64) -> String {
    let options = ["--mode".to_owned(), subject.mode.to_string(), "--seed".to_owned(), seed.to_string()];
    super::replay(subject, &options)
}

fn cases(forecast: &Forecast) -> Vec<Case> {
    let required = percent(forecast.require);
    let passes = Case {
        name: format!("at least {required} of runs pass"),
        failure: (!forecast.suffices()).then(|| format!("{} passed", share(&forecast.passed))),
    };
    vec![passes]
}
