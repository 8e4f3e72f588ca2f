//! Warnings that a document silences in place, with a reason.
//!
//! A silence belongs to a part of a document (a step, a service, a whole file) and takes the warnings of one code whose
//! place is inside of that part. Errors are never silenced, and neither is the warning that a silence silences nothing.

use super::{Diagnostic, Place, codes};

/// The code of the warning that a silence silences nothing.
pub const UNUSED: &str = "M099";

/// A part of a document asks that one code's warnings inside of it are not told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    /// The code.
    pub code: String,
    /// Why that is well as it is.
    pub because: String,
    /// Where the code stands.
    pub place: Place,
    /// The part that it speaks for.
    pub of: Place,
    /// Whether the part is the whole playbook: then it speaks for warnings without a place, too.
    pub of_all: bool,
}

/// A warning that was silenced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silenced {
    /// The warning.
    pub diagnostic: Diagnostic,
    /// The reason that was given.
    pub because: String,
}

impl Silence {
    fn speaks_for(&self, diagnostic: &Diagnostic) -> bool {
        if diagnostic.is_error() || diagnostic.code != self.code || diagnostic.code == UNUSED {
            return false;
        }
        match &diagnostic.place {
            None => self.of_all,
            Some(place) => {
                place.file == self.of.file
                    && place.span.start >= self.of.span.start
                    && place.span.end <= self.of.span.end.max(self.of.span.start)
            }
        }
    }
}

/// Whether a silence that took nothing is a warning of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unused {
    /// Everything was looked for, so that it surely silences nothing.
    Told,
    /// Only a part was looked for: what it silences may be in the rest.
    Unknown,
}

/// Takes the silenced warnings out of `diagnostics`.
pub fn apply(silences: &[Silence], unused: Unused, diagnostics: &mut Vec<Diagnostic>) -> Vec<Silenced> {
    let mut used = vec![false; silences.len()];
    let mut silenced = Vec::new();
    let mut kept = Vec::with_capacity(diagnostics.len());
    for diagnostic in diagnostics.drain(..) {
        match silences.iter().position(|silence| silence.speaks_for(&diagnostic)) {
            Some(at) => {
                used[at] = true;
                silenced.push(Silenced { diagnostic, because: silences[at].because.clone() });
            }
            None => kept.push(diagnostic),
        }
    }
    if unused == Unused::Told {
        kept.extend(silences.iter().zip(used).filter(|(_, used)| !used).map(|(silence, _)| {
            Diagnostic::warning(UNUSED, format!("nothing here is warned of as {}", silence.code))
                .at(silence.place.clone())
                .help("remove it, or put it where the warning is: what is silenced once too often hides the next one")
        }));
    }
    *diagnostics = kept;
    silenced
}

/// What is wrong with a code that is to be silenced.
#[must_use]
pub fn fault_of(code: &str, place: Place) -> Option<Diagnostic> {
    let Some(known) = codes::find(code) else {
        return Some(
            Diagnostic::error("M098", format!("there is no code `{}`", code.chars().take(40).collect::<String>()))
                .at(place)
                .help("write the code in the brackets of the warning, such as M096; `muster explain` lists them all"),
        );
    };
    (!codes::may_be_a_warning(known.code) || known.code == UNUSED).then(|| {
        let what = if known.code == UNUSED { "tells of a silence that silences nothing" } else { "is an error" };
        Diagnostic::error("M098", format!("{} {what}: it can't be silenced", known.code))
            .at(place)
            .help("mend what it says; only warnings can be silenced")
    })
}
