//! A histogram, of block characters for a terminal and as SVG for a page.

use std::fmt::Write as _;

use super::super::Block;
use crate::rehearsal::forecast::{Figure, Histogram};
use crate::report::clean::escape;
use crate::time::Span;

/// The longest bar, in characters.
const BAR: u64 = 44;
/// The parts of a character, an eighth each.
const EIGHTHS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
/// The drawing's size, which the page scales.
const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 46.0;
const RIGHT: f64 = 960.0;
const TOP: f64 = 26.0;
const FLOOR: f64 = 205.0;

pub(super) fn draw(histogram: &Histogram, figure: &Figure) -> Block {
    Block::Drawing { text: text(histogram, figure.objective), svg: svg(histogram, figure) }
}

fn text(histogram: &Histogram, objective: Option<Span>) -> String {
    let mut out = String::new();
    let most = histogram.counts.iter().copied().chain([histogram.above, histogram.not_over]).max().unwrap_or(1).max(1);
    let mut marked = false;
    let mut mark = |out: &mut String, from: Option<Span>| {
        let Some(objective) = objective.filter(|objective| !marked && from.is_none_or(|from| *objective <= from))
        else {
            return;
        };
        marked = true;
        let _ = writeln!(out, "{:>18} ┄ objective {}", objective.to_string(), "┄".repeat(34));
    };
    for (from, count) in histogram.bins() {
        mark(&mut out, Some(from));
        row(&mut out, &format!("from {from}"), count, most);
    }
    if histogram.above > 0 {
        mark(&mut out, Some(histogram.end()));
        row(&mut out, &format!("{} and more", histogram.end()), histogram.above, most);
    }
    mark(&mut out, None);
    if histogram.not_over > 0 {
        row(&mut out, "not over", histogram.not_over, most);
    }
    out
}

fn row(out: &mut String, name: &str, count: u64, most: u64) {
    let eighths = count * BAR * 8 / most;
    let mut bar = "█".repeat(usize::try_from(eighths / 8).unwrap_or(0));
    match EIGHTHS[usize::try_from(eighths % 8).unwrap_or(0)] {
        // Whatever is there at all is to be seen.
        ' ' if count > 0 && bar.is_empty() => bar.push('▏'),
        ' ' => {}
        part => bar.push(part),
    }
    let _ = writeln!(out, "{name:>19} │{bar}{}{count}", if bar.is_empty() { "" } else { " " });
}

fn svg(histogram: &Histogram, figure: &Figure) -> String {
    let not_over = u64::from(histogram.not_over > 0);
    let bins: Vec<(String, u64)> = histogram
        .bins()
        .map(|(from, count)| (format!("from {from} to {}: {count}", from + histogram.width), count))
        .chain(
            (histogram.above > 0)
                .then(|| (format!("{} and more: {}", histogram.end(), histogram.above), histogram.above)),
        )
        .chain((not_over > 0).then(|| (format!("not over: {}", histogram.not_over), histogram.not_over)))
        .collect();
    let most = bins.iter().map(|(_, count)| *count).max().unwrap_or(1).max(1);
    let wide = (RIGHT - LEFT) / bins.len() as f64;
    let x = |span: Span| {
        let at = (span.as_secs_f64() - histogram.from.as_secs_f64()) / histogram.width.as_secs_f64().max(1e-9);
        LEFT + at * wide
    };
    let title = format!("Histogram of the recovery time of the {}, {} runs", figure.leg, histogram.total());
    let mut out = format!(
        "<svg class=\"timeline\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\"><title>{}</title>\
         <line class=\"grid\" x1=\"{LEFT}\" y1=\"{FLOOR}\" x2=\"{RIGHT}\" y2=\"{FLOOR}\"/>",
        escape(&title)
    );
    for (n, (name, count)) in bins.iter().enumerate() {
        let (left, tall) = (LEFT + n as f64 * wide, *count as f64 / most as f64 * (FLOOR - TOP));
        let missed = figure.objective.is_some_and(|objective| {
            n >= histogram.counts.len() || histogram.from + histogram.width * n as u64 >= objective
        });
        let class = if missed { "o-sure" } else { "b-good" };
        let _ = write!(
            out,
            "<rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{tall:.1}\"><title>{}</title></rect>",
            left + 1.0,
            FLOOR - tall,
            (wide - 2.0).max(1.0),
            escape(name)
        );
        if *count > 0 {
            let _ = write!(
                out,
                "<text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\">{count}</text>",
                left + wide / 2.0,
                FLOOR - tall - 4.0
            );
        }
    }
    // A time at every fourth edge or so: more would not be read.
    let each = histogram.counts.len().div_ceil(7).max(1);
    for n in (0..=histogram.counts.len()).step_by(each) {
        let at = histogram.from + histogram.width * n as u64;
        let _ = write!(out, "<text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\">{at}</text>", x(at), FLOOR + 16.0);
    }
    if not_over > 0 {
        let _ = write!(
            out,
            "<text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\">not over</text>",
            RIGHT - wide / 2.0,
            FLOOR + 30.0
        );
    }
    if let Some(objective) = figure.objective {
        let at = x(objective);
        if (LEFT..=RIGHT).contains(&at) {
            let _ = write!(
                out,
                "<line class=\"retry\" x1=\"{at:.1}\" y1=\"{:.1}\" x2=\"{at:.1}\" y2=\"{FLOOR}\"/>\
                 <text class=\"tick\" x=\"{at:.1}\" y=\"{:.1}\">objective {objective}</text>",
                TOP - 8.0,
                TOP - 12.0
            );
        } else {
            let (place, anchor) = if at > RIGHT { (RIGHT, "label end") } else { (LEFT, "label") };
            let side = if at > RIGHT { "beyond, to the right" } else { "before, to the left" };
            let _ = write!(
                out,
                "<text class=\"{anchor}\" x=\"{place}\" y=\"{:.1}\">objective {objective}: {side}</text>",
                TOP - 12.0
            );
        }
    }
    out.push_str("</svg>");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_their_counts_and_the_objective_stands_where_it_is() {
        let histogram = Histogram {
            from: Span::from_secs(120),
            width: Span::from_secs(10),
            counts: vec![1, 44, 22, 0, 11],
            above: 1,
            not_over: 3,
        };
        let expected = [
            "         from 2 min │█ 1".to_owned(),
            format!("    from 2 min 10 s │{} 44", "█".repeat(44)),
            format!("    from 2 min 20 s │{} 22", "█".repeat(22)),
            format!("        2 min 30 s ┄ objective {}", "┄".repeat(34)),
            "    from 2 min 30 s │0".to_owned(),
            format!("    from 2 min 40 s │{} 11", "█".repeat(11)),
            "2 min 50 s and more │█ 1".to_owned(),
            "           not over │███ 3".to_owned(),
        ];
        assert_eq!(text(&histogram, Some(Span::from_secs(150))).lines().collect::<Vec<_>>(), expected);
        assert!(text(&histogram, None).lines().all(|line| line.chars().count() <= 78));
    }
}
