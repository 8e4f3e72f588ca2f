//! What a drawing is put on: names, which stay where they are, and the plot, whose places are parts of its width.
//!
//! So the plot can be stretched, on a phone, on paper or by whoever zooms, while its texts keep their size.

use std::fmt::Write as _;

use super::{LEFT, WIDTH};
use crate::report::clean::escape;

/// The width of the plot, where nobody stretches it.
pub(super) const PLOT: f64 = WIDTH - LEFT;

/// A drawing in the making. Every x is counted from the left of the names, in the pixels of a drawing that is not
/// stretched.
#[derive(Default)]
pub(super) struct Canvas {
    pub(super) names: String,
    pub(super) plot: String,
}

/// A place of the plot, as a part of its width.
fn place(x: f64) -> String {
    part(x - LEFT)
}

fn part(wide: f64) -> String {
    let text = format!("{:.3}", wide / PLOT * 100.0);
    let short = text.trim_end_matches('0').trim_end_matches('.');
    format!("{}%", if short == "-0" { "0" } else { short })
}

impl Canvas {
    /// A name before the axis.
    pub(super) fn name(&mut self, x: f64, y: f64, class: &str, text: &str) {
        let _ = write!(self.names, "<text class=\"{class}\" x=\"{x:.0}\" y=\"{y:.1}\">{}</text>", escape(text));
    }

    /// A text at `x`, moved aside by so many pixels, which no stretching changes.
    pub(super) fn text(&mut self, x: f64, aside: f64, y: f64, class: &str, text: &str) {
        let aside = if aside == 0.0 { String::new() } else { format!(" dx=\"{aside:.0}\"") };
        let _ =
            write!(self.plot, "<text class=\"{class}\" x=\"{}\" y=\"{y:.1}\"{aside}>{}</text>", place(x), escape(text));
    }

    /// A bar from one place to another, at least two pixels wide however it is stretched, so that what is short is
    /// seen. Of an empty title there is none.
    pub(super) fn bar(&mut self, (from, to): (f64, f64), (y, height): (f64, f64), class: &str, title: &str) {
        let wide = part((to - from).max(0.0));
        // What can't read the style has a width that is not stretched with all else.
        let least = if to - from < 4.0 { format!(" style=\"width:max(2px,{wide})\"") } else { String::new() };
        let drawn = if to - from < 2.0 { "2".to_owned() } else { wide };
        let _ = write!(
            self.plot,
            "<rect class=\"{class}\" x=\"{}\" y=\"{y:.1}\" width=\"{drawn}\" height=\"{height:.1}\"{least}",
            place(from)
        );
        if title.is_empty() {
            self.plot.push_str("/>");
        } else {
            let _ = write!(self.plot, "><title>{}</title></rect>", escape(title));
        }
    }

    /// Ground for a text of so many pixels, which begins so far aside of `x`.
    pub(super) fn ground(&mut self, x: f64, aside: f64, (y, height): (f64, f64), wide: f64) {
        let _ = write!(
            self.plot,
            "<rect class=\"bg\" x=\"{}\" y=\"{y:.1}\" width=\"{wide:.0}\" height=\"{height:.0}\" \
             transform=\"translate({aside:.0})\"/>",
            place(x)
        );
    }

    pub(super) fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64), class: &str) {
        let _ = write!(
            self.plot,
            "<line class=\"{class}\" x1=\"{}\" y1=\"{y1:.1}\" x2=\"{}\" y2=\"{y2:.1}\"/>",
            place(x1),
            place(x2)
        );
    }

    /// A disc with a number on it, so many pixels aside of `x`.
    pub(super) fn disc(&mut self, x: f64, aside: f64, y: f64, number: usize) {
        let _ = write!(
            self.plot,
            "<g transform=\"translate({aside:.0})\"><circle cx=\"{0}\" cy=\"{y:.0}\" r=\"8\"/><text x=\"{0}\" \
             y=\"{1:.1}\">{number}</text></g>",
            place(x),
            y + 3.5
        );
    }

    /// Opens a row, whose titles belong together.
    pub(super) fn open_row(&mut self, number: usize) {
        let _ = write!(self.names, "<g data-row=\"{number}\">");
        let _ = write!(self.plot, "<g data-row=\"{number}\">");
    }

    pub(super) fn close_row(&mut self) {
        self.names.push_str("</g>");
        self.plot.push_str("</g>");
    }

    /// A picture of its own, stretched with the plot, from one place to another; `inside` is drawn in units of `size`.
    pub(super) fn inset(&mut self, (from, to): (f64, f64), (y, height): (f64, f64), size: (f64, f64), inside: &str) {
        let _ = write!(
            self.plot,
            "<svg x=\"{}\" y=\"{y:.1}\" width=\"{}\" height=\"{height:.1}\" viewBox=\"0 0 {:.0} {:.0}\" \
             preserveAspectRatio=\"none\">{inside}</svg>",
            place(from),
            part(to - from),
            size.0,
            size.1
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_parts_of_the_plot() {
        assert_eq!([place(LEFT), place(WIDTH), part(PLOT / 3.0)], ["0%", "100%", "33.333%"]);
    }

    #[test]
    fn what_is_short_is_seen() {
        let mut canvas = Canvas::default();
        canvas.bar((300.0, 300.1), (0.0, 10.0), "b-good", "");
        assert!(canvas.plot.contains("width=\"2\"") && canvas.plot.contains("max(2px,"), "{}", canvas.plot);
    }
}
