//! Templates in texts: `{{ var.url }}`.
//!
//! The syntax is that of Handlebars' plain names, and strict: an unknown name is an error, never an empty text. There
//! are no helpers, blocks or partials, and nothing is escaped (a URL is no HTML), so the few lines here do it in one
//! pass over the text; the Handlebars crate compiles each text first, which would cost more than all the rest of
//! reading 10,000 steps.

use std::collections::BTreeMap;

use super::late;
use crate::yaml::{Filled, nearest};

/// A piece of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// As it stands.
    Text(&'a str),
    /// The name in a `{{ … }}`.
    Name(&'a str),
}

/// Cuts a text at its templates.
///
/// # Errors
/// Says what is wrong with the first template that is not well-formed.
pub fn pieces(text: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        if start > 0 {
            pieces.push(Piece::Text(&rest[..start]));
        }
        let inside = &rest[start + 2..];
        let Some(end) = inside.find("}}") else {
            return Err("a `{{` is not closed by `}}`".to_owned());
        };
        pieces.push(Piece::Name(name(&inside[..end])?));
        rest = &inside[end + 2..];
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    Ok(pieces)
}

fn name(inside: &str) -> Result<&str, String> {
    let name = inside.trim();
    let fits = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if name.split('.').all(fits) {
        return Ok(name);
    }
    let shown: String = name.chars().take(60).collect();
    Err(format!("`{{{{ {shown} }}}}` is no name: write {{{{ var.NAME }}}}; there are no helpers, blocks or partials"))
}

/// Whether a text may name what exists only while a run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Late {
    /// It may: it is filled again when it is used.
    Allowed,
    /// It may not.
    Refused,
}

/// The names that are known when a playbook is read, with their values.
#[derive(Clone, Debug, Default)]
pub struct Names {
    values: BTreeMap<String, String>,
    /// Names that could have a value but have none, with the reason.
    without: BTreeMap<String, String>,
}

impl Names {
    /// Gives `name` a value.
    pub fn add(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.values.insert(name.into(), value.into());
    }

    /// Notes why `name` has no value.
    pub fn lacks(&mut self, name: impl Into<String>, because: impl Into<String>) {
        self.without.insert(name.into(), because.into());
    }

    /// Fills the templates of a text. Names that exist only later stay, where they are allowed.
    ///
    /// # Errors
    /// Says which name is unknown or not allowed here, and which was probably meant.
    pub fn fill(&self, text: &str, late: Late) -> Result<Filled, String> {
        let mut out = String::with_capacity(text.len());
        let mut waits = false;
        for piece in pieces(text)? {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Name(name) if late::NAMES.contains(&name) => {
                    if late == Late::Refused {
                        return Err(format!(
                            "`{name}` is known only while a run goes on; it can stand in messages, prompts, commands \
                             and requests"
                        ));
                    }
                    waits = true;
                    out.push_str("{{ ");
                    out.push_str(name);
                    out.push_str(" }}");
                }
                Piece::Name(name) => out.push_str(self.value(name)?),
            }
        }
        // A text that is one late name alone stays as it is; it has no type yet.
        Ok(if waits && out == text { Filled::Later } else { Filled::Text(out) })
    }

    fn value(&self, name: &str) -> Result<&str, String> {
        if let Some(value) = self.values.get(name) {
            return Ok(value);
        }
        if let Some(because) = self.without.get(name) {
            return Err(format!("`{name}` has no value: {because}"));
        }
        let known = self.values.keys().map(String::as_str).chain(late::NAMES.iter().copied());
        Err(match nearest(name, known) {
            Some(meant) => format!("the name `{name}` is unknown; did you mean `{meant}`?"),
            None if name.starts_with("var.") => {
                format!("the variable `{name}` is unknown; give it a default under `vars:` in the playbook")
            }
            None => format!(
                "the name `{name}` is unknown; there are var.NAME, region.primary.name, region.primary.gateway, the \
                 same of region.secondary, and {}",
                late::NAMES.join(", ")
            ),
        })
    }
}
