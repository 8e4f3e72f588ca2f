//! Limits on what a playbook may ask for.

use crate::diagnostic::{Diagnostic, Place};
use crate::time::Span;

/// Attempts of a step at most.
pub(super) const ATTEMPTS_MAX: u32 = 20;
/// The shortest interval of a probe or canary.
pub(super) const EVERY_MIN: Span = Span::from_millis(10);
/// Samples in a row at most.
pub(super) const IN_A_ROW_MAX: u32 = 1_000;
/// The longest that anything in a playbook may last.
pub(super) const LONGEST: Span = Span::from_secs(366 * 86_400);

/// Notes a duration outside of `least ..= a year`.
pub(super) fn span(key: &str, span: Span, least: Span, place: Place, diagnostics: &mut Vec<Diagnostic>) {
    if span < least {
        let help = if least <= Span(1) {
            "it must be longer than 0s".to_owned()
        } else {
            format!("it must be at least {}", least.short())
        };
        diagnostics
            .push(Diagnostic::error("M043", format!("`{key}: {}` is too short", span.short())).at(place).help(help));
    } else if span > LONGEST {
        diagnostics.push(
            Diagnostic::error("M043", format!("`{key}: {}` is too long", span.short()))
                .at(place)
                .help(format!("it must be at most {}", LONGEST.short())),
        );
    }
}

/// Notes a number outside of `1 ..= most`.
pub(super) fn count(key: &str, count: u32, most: u32, place: Place, diagnostics: &mut Vec<Diagnostic>) {
    if count == 0 || count > most {
        diagnostics.push(
            Diagnostic::error("M043", format!("`{key}: {count}` is out of bounds"))
                .at(place)
                .help(format!("write a number from 1 to {most}")),
        );
    }
}

/// Notes a time zone that nobody knows.
pub(crate) fn zone(name: &str, place: Place, diagnostics: &mut Vec<Diagnostic>) {
    if let Err(error) = jiff::tz::TimeZone::get(name) {
        diagnostics.push(
            Diagnostic::error("M043", format!("`timezone: {name}` is not known: {error}"))
                .at(place)
                .help("write an IANA name such as `Europe/Berlin`, or `UTC`"),
        );
    }
}
