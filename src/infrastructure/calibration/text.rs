//! A calibration as its file has it: a line a figure, so that a change of one is a change of one line.

use std::fmt::Write as _;

use super::{Calibration, FEW, Fitted};
use crate::id::RegionRole;

const HEAD: &str = "\
# How long things took in past real runs: made by `muster calibrate`, which writes it anew, and read by `muster plan`,
# `simulate` and `run` where it lies beside its infrastructure file.";

/// The whole text.
pub(super) fn text(calibration: &Calibration) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{HEAD}\n# few: fewer than {FEW} effective samples, so that the spread assumed before weighs in."
    );
    let _ = writeln!(out, "muster: {}", calibration.muster);
    let _ = writeln!(out, "calibrates: {}", quoted(&calibration.calibrates));
    let _ = writeln!(out, "half_life: {}", calibration.half_life.0.short());
    out.push_str(if calibration.runs.is_empty() { "runs: []\n" } else { "runs:\n" });
    for source in &calibration.runs {
        let _ = writeln!(out, "  - {{ run: \"{}\", head: {:?} }}", source.run, source.head);
    }
    if !calibration.resources.is_empty() {
        out.push_str("resources:\n");
    }
    for (id, fit) in &calibration.resources {
        let _ = writeln!(out, "  {}:\n    {}:", quoted(id.as_str()), fit.kind().key());
        provider(&mut out, "      ", fit.provider());
        figures(&mut out, "      ", &fit.settings());
    }
    if !calibration.regions.is_empty() {
        out.push_str("regions:\n");
    }
    for role in RegionRole::ALL {
        let Some(fit) = calibration.regions.get(role) else { continue };
        let _ = writeln!(out, "  {role}:");
        provider(&mut out, "    ", &fit.provider);
        figures(&mut out, "    ", &fit.settings());
    }
    if !calibration.steps.is_empty() {
        out.push_str("steps:\n");
    }
    for (playbook, steps) in &calibration.steps {
        let _ = writeln!(out, "  {}:", quoted(playbook));
        for (step, fit) in steps {
            let _ = writeln!(out, "    {}:", quoted(step.as_str()));
            let _ = writeln!(out, "      action: {}\n      does: {}", quoted(&fit.action), quoted(&fit.does));
            figures(&mut out, "      ", &[("takes", &fit.takes)]);
        }
    }
    out
}

fn provider(out: &mut String, indent: &str, provider: &str) {
    let _ = writeln!(out, "{indent}provider: {}", quoted(provider));
}

fn figures(out: &mut String, indent: &str, settings: &[(&str, &Fitted)]) {
    for (key, fitted) in settings {
        let few = if fitted.is_few() { ", few: true" } else { "" };
        let _ = writeln!(
            out,
            "{indent}{key}: {{ p50: {}, p95: {}, samples: {}, effective: {:.1}, newest: {}{few} }}",
            fitted.p50.0.short(),
            fitted.p95.0.short(),
            fitted.samples,
            fitted.effective,
            quoted(fitted.newest.as_str())
        );
    }
}

/// A text in double quotes: what JSON writes is YAML.
fn quoted(text: &str) -> String {
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte));
    // What begins with a letter and has no more than these is a text in YAML too, but for a few words.
    let word = matches!(text, "true" | "false" | "null") || !text.starts_with(|c: char| c.is_ascii_alphabetic());
    if plain && !word { text.to_owned() } else { serde_json::to_string(text).unwrap_or_default() }
}
