//! Warnings that a plan's documents silence.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::diagnostic::Silenced;

/// A warning that was given for this plan and is not told as one, because its author gave a reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SilencedWarning {
    /// Its code.
    pub code: String,
    /// File, line and column; `None` for one about the whole.
    pub place: Option<String>,
    /// What it says.
    pub message: String,
    /// Why that is well as it is, in the author's words.
    pub because: String,
}

impl From<Silenced> for SilencedWarning {
    fn from(silenced: Silenced) -> Self {
        let Silenced { diagnostic, because } = silenced;
        let place = diagnostic.place.as_ref().map(ToString::to_string);
        Self { code: diagnostic.code.to_owned(), place, message: diagnostic.message, because }
    }
}

impl SilencedWarning {
    /// The warning and its reason on one line.
    #[must_use]
    pub fn told(&self) -> String {
        let place = self.place.as_ref().map_or_else(String::new, |place| format!(" at {place}"));
        format!("{}{place}: {}; silenced because: {}", self.code, self.message, self.because)
    }
}
