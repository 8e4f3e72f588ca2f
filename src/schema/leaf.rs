//! The forms of texts, as patterns that mean the same to every engine: no looking ahead or back.

use serde_json::{Value, json};

use super::shape::{Shape, Templates};

/// A length of time, as [`crate::time::Span::parse`] reads it: each unit once, the longest first.
pub(super) const DURATION: &str = "(?:NUMd(?:NUMh)?(?:NUMm)?(?:NUMs)?(?:NUMms)?(?:NUMus)?(?:NUMns)?|NUMh(?:NUMm)?(?:NUMs)?(?:NUMms)?(?:NUMus)?(?:NUMns)?|NUMm(?:NUMs)?(?:NUMms)?(?:NUMus)?(?:NUMns)?|NUMs(?:NUMms)?(?:NUMus)?(?:NUMns)?|NUMms(?:NUMus)?(?:NUMns)?|NUMus(?:NUMns)?|NUMns)";
/// A number in a length of time.
const NUMBER: &str = "[0-9]+(?:\\.[0-9]+)?";
/// A plain id.
pub(super) const ID: &str = "[a-z0-9][a-z0-9._-]{0,63}";
/// An id as a key.
pub(super) const ID_KEY: &str = "^[a-z0-9][a-z0-9._-]{0,63}$";
/// A variable's name as a key.
pub(super) const VARIABLE_KEY: &str = "^[A-Za-z0-9_-]{1,64}$";
/// A name in a template.
const NAME: &str = "[A-Za-z0-9_-]+(?:\\.[A-Za-z0-9_-]+)*";
/// A whole text that is one template.
pub(super) const ALONE: &str = "^\\s*\\{\\{\\s*[A-Za-z0-9_-]+(?:\\.[A-Za-z0-9_-]+)*\\s*\\}\\}\\s*$";

/// An IPv4 address.
const IPV4: &str =
    "(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])\\.){3}(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
/// An IP address; of an IPv6 address its characters.
pub(super) const ADDRESS: &str = "IPV4|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*";
/// An IP address, with a port or without.
pub(super) const SERVER: &str =
    "IPV4(?::[0-9]{1,5})?|\\[[0-9A-Fa-f:.]+\\](?::[0-9]{1,5})?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*";

/// A stretch of text without a template.
const PLAIN: &str = "\\{?[^{]";

/// The pattern of a text: its templates are well-formed, or it has none.
pub(super) fn text(templates: Templates) -> String {
    match templates {
        Templates::Filled => format!("^(?:{PLAIN}|\\{{\\{{\\s*{NAME}\\s*\\}}\\}})*\\{{?$"),
        Templates::Refused => format!("^(?:{PLAIN})*\\{{?$"),
    }
}

/// The pattern of a text that has a template in it.
pub(super) fn templated() -> String {
    format!("^{}$", with_template())
}

fn with_template() -> String {
    let template = format!("\\{{\\{{\\s*{NAME}\\s*\\}}\\}}");
    format!("(?:{PLAIN})*{template}(?:{PLAIN}|{template})*\\{{?")
}

/// The pattern of a text of a form, or one whose form is known only when its templates are filled.
pub(super) fn form(pattern: &str, templates: Templates) -> String {
    let pattern = pattern.replace("DUR", DURATION).replace("NUM", NUMBER).replace("IPV4", IPV4);
    match templates {
        Templates::Filled => format!("^(?:{pattern}|{})$", with_template()),
        Templates::Refused => format!("^(?:{pattern})$"),
    }
}

/// The schema of a form that other places refer to.
pub(super) fn written_out(shape: &Shape, templates: Templates) -> Value {
    let Shape::Form(pattern, wanted) = shape else { return json!({}) };
    json!({ "type": "string", "pattern": form(pattern, templates), "patternErrorMessage": wanted })
}

/// A length of time.
pub(super) fn duration() -> Shape {
    Shape::Form(DURATION, "a duration with a unit is wanted, such as 200ms, 30s, 5m, 1h or 30d")
}

/// The name of something.
pub(super) fn id() -> Shape {
    Shape::Form(
        ID,
        "a name of lower-case letters, digits, `-`, `_` and `.` is wanted, beginning with a letter or digit",
    )
}

/// A region.
pub(super) fn region() -> Shape {
    Shape::Words(&[("primary", "where production is at home"), ("secondary", "where it goes when that is lost")])
}

/// A number that 32 bits hold.
pub(super) fn count() -> Shape {
    Shape::Integer(0, i64::from(u32::MAX))
}

/// How a drill is run.
pub(super) fn mode() -> Shape {
    Shape::Words(&[
        ("planned", "fence, drain, promote: nothing may be lost"),
        ("unplanned", "the primary region is lost without warning"),
        ("emergency", "the real event"),
    ])
}

/// What a failure, or a no, means.
pub(super) fn on_failure() -> Shape {
    Shape::Words(&[
        ("undo", "take back what was done, or go forward to safety after the point of no return"),
        ("pause", "start nothing new and ask a person"),
        ("stop", "start nothing new and say what is left"),
        ("continue", "note it and go on; the run fails all the same"),
    ])
}

/// A secret's source.
pub(super) fn secret() -> Shape {
    Shape::Of("secret")
}
