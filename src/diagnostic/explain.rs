//! Codes explained: what each means, an example that is wrong, and the same mended. `muster explain` prints it, and
//! `docs/diagnostics.md` is written from it.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::codes::{self, Code};
use super::examples::{EXAMPLES, Example, Part};

/// A code with all that is to be said about it.
#[derive(Clone, Copy, Debug)]
pub struct Explanation {
    /// The code, its title and its explanation.
    pub code: &'static Code,
    /// The example; every code has one, which a test holds.
    pub example: Option<&'static Example>,
}

/// All of them, by code.
#[must_use]
pub fn all() -> Vec<Explanation> {
    codes::CODES.iter().map(of).collect()
}

/// That of a code.
#[must_use]
pub fn find(code: &str) -> Option<Explanation> {
    codes::find(code).map(of)
}

fn of(code: &'static Code) -> Explanation {
    Explanation { code, example: EXAMPLES.iter().find(|example| example.code == code.code) }
}

impl Explanation {
    /// `error`, or `warning` where it may be one.
    #[must_use]
    pub fn severity(&self) -> &'static str {
        if codes::may_be_a_warning(self.code.code) { "warning" } else { "error" }
    }

    /// As JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        let example = self.example.map(|it| match it.part {
            Part::Words => json!({ "words": it.wrong }),
            part => json!({ "in": part.place(), "wrong": it.wrong, "right": it.right }),
        });
        json!({
            "code": self.code.code, "severity": self.severity(), "title": self.code.title,
            "explanation": self.code.explanation, "example": example,
        })
    }

    /// For a terminal.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = format!("{}[{}]: {}\n\n", self.severity(), self.code.code, self.code.title);
        for line in wrapped(self.code.explanation) {
            let _ = writeln!(out, "{line}");
        }
        let Some(example) = self.example else { return out };
        if example.part == Part::Words {
            let _ = writeln!(out);
            for line in wrapped(example.wrong) {
                let _ = writeln!(out, "{line}");
            }
            return out;
        }
        for (word, text) in [("Wrong", example.wrong), ("Right", example.right)] {
            let _ = writeln!(out, "\n{word}, {}:\n", example.part.place());
            for line in text.lines() {
                let _ = writeln!(out, "{}", format!("    {line}").trim_end());
            }
        }
        out
    }

    fn markdown(&self) -> String {
        let Code { code, title, explanation } = self.code;
        let mut out = format!("## {code}: {title}\n\n*{}.* {explanation}\n", capital(self.severity()));
        let Some(example) = self.example else { return out };
        if example.part == Part::Words {
            let _ = write!(out, "\n{}\n", example.wrong);
            return out;
        }
        for (word, text) in [("Wrong", example.wrong), ("Right", example.right)] {
            let _ = write!(out, "\n{word}, {}:\n\n```yaml\n{}\n```\n", example.part.place(), text.trim_end());
        }
        out
    }
}

/// The page of the documentation.
#[must_use]
pub fn page(explanations: &[Explanation]) -> String {
    let mut out = String::from(
        "# What `muster validate` says\n\n\
         Each error and warning has a code; `muster explain CODE` prints what stands here. Errors refuse the playbook. Warnings do \
         not, and each can be silenced in place, with a reason: in the step, phase, service, canary, guardrail or resource that it \
         is about, or for a whole file.\n\n\
         ```yaml\n\
         - id: leave\n  \
         dns.switch: { records: [code], to: secondary }\n  \
         silence: [{ code: M095, because: \"we move for good: the old region is given up\" }]\n\
         ```\n\n\
         Errors can't be silenced, and a silence that silences nothing is itself warned of.\n\n\
         This page is written by `muster explain --all --format markdown`.\n\n\
         | code | | what it tells |\n|---|---|---|\n",
    );
    for it in explanations {
        let anchor: String = format!("{}-{}", it.code.code, it.code.title)
            .to_lowercase()
            .chars()
            .filter_map(|c| match c {
                ' ' => Some('-'),
                c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
                _ => None,
            })
            .collect();
        let _ = writeln!(out, "| [{}](#{anchor}) | {} | {} |", it.code.code, it.severity(), it.code.title);
    }
    for it in explanations {
        let _ = write!(out, "\n{}", it.markdown());
    }
    out
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Lines of at most 80 columns.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.len() - 1;
        let line = &mut lines[last];
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > 80 {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}
