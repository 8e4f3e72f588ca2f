//! What serde complains about, kept in parts instead of as a sentence, and said in plain English at the end.

use super::{Taken, address, is_out};
use crate::diagnostic::{Diagnostic, Place};
use crate::yaml::nearest;
use crate::yaml::node::{Node, Value, shortened};
use crate::yaml::scalar::{Kind, Origin, Scalar, kind_of};
use serde::de::{Expected, Unexpected};
use std::fmt::{self, Display};

/// Known names that a message lists.
const LISTED: usize = 30;

/// An error on its way up to [`super::decode`].
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) problem: Problem,
    /// Where; set by the innermost node that the error comes through.
    pub(super) at: Option<At>,
}

/// Where an error is, and the node that is taken out for it.
#[derive(Debug)]
pub(super) struct At {
    pub(super) place: Place,
    pub(super) taken: usize,
}

/// What is wrong.
#[derive(Debug)]
pub(super) enum Problem {
    /// Nothing new: what is missing here was taken out before.
    Known,
    UnknownKey {
        key: String,
        known: &'static [&'static str],
    },
    MissingKey(&'static str),
    /// What stands in for a missing key does not fit; nothing to tell people.
    Unfit(&'static str),
    NoValue {
        key: String,
        expected: Option<String>,
    },
    WrongType {
        expected: String,
        found: String,
        help: Option<String>,
    },
    UnknownValue {
        value: String,
        known: &'static [&'static str],
    },
    NotAllowed(String),
}

/// The error type that serde sees. Boxed, because it is rare and results are passed around a lot.
#[derive(Debug)]
pub(super) struct Error(pub(super) Box<Failure>);

impl Error {
    pub(super) fn new(problem: Problem) -> Self {
        Self(Box::new(Failure { problem, at: None }))
    }

    /// What is wanted is not what stands here; what that is, the node says.
    pub(super) fn expected(expected: impl Into<String>) -> Self {
        Self::new(Problem::WrongType { expected: expected.into(), found: String::new(), help: None })
    }

    /// The error came out of reading this node; places the error there unless it has a place already.
    pub(super) fn at(mut self, node: &Node, taken: &Taken) -> Failure {
        self.place(node, taken);
        *self.0
    }

    pub(super) fn placed(mut self, node: &Node, taken: &Taken) -> Self {
        self.place(node, taken);
        self
    }

    fn place(&mut self, node: &Node, taken: &Taken) {
        let failure = &mut *self.0;
        if failure.at.is_some() {
            return;
        }
        failure.at = Some(At { place: node.place(), taken: address(node) });
        match &mut failure.problem {
            Problem::MissingKey(name) if was_there(name, node, taken) => failure.problem = Problem::Known,
            // A rule about the whole may be broken only because a part of it was taken out.
            Problem::NotAllowed(_) | Problem::WrongType { .. } if lacks_something(node, taken) => {
                failure.problem = Problem::Known;
            }
            Problem::WrongType { expected, found, help } => {
                if found.is_empty() {
                    *found = node.describe();
                }
                *help = advice(expected, node);
            }
            _ => {}
        }
    }

    /// The unknown name of a variant is an unknown key where the variant is written as a mapping.
    pub(super) fn of_key(mut self) -> Self {
        if let Problem::UnknownValue { value, known } = &mut self.0.problem {
            self.0.problem = Problem::UnknownKey { key: std::mem::take(value), known };
        }
        self
    }

    /// The error came out of reading a key; the value is taken out, the key is shown.
    pub(super) fn placed_at_key(mut self, key: &Node, value: &Node) -> Self {
        let failure = &mut *self.0;
        if failure.at.is_none() {
            failure.at = Some(At { place: key.place(), taken: address(value) });
            if let Problem::WrongType { found, .. } = &mut failure.problem
                && found.is_empty()
            {
                *found = format!("the key {}", key.describe());
            }
        }
        self
    }

    /// The error came out of reading the value of a key. Where nothing stands behind the colon, that is the error.
    pub(super) fn placed_at_value(mut self, key: &Node, name: &str, value: &Node, taken: &Taken) -> Self {
        let failure = &mut *self.0;
        let is_here = failure.at.as_ref().is_none_or(|at| at.taken == address(value));
        if is_here && is_empty(value) {
            let expected = match &mut failure.problem {
                Problem::WrongType { expected, .. } => Some(std::mem::take(expected)),
                _ => None,
            };
            failure.problem = Problem::NoValue { key: name.to_owned(), expected };
            failure.at = Some(At { place: key.place(), taken: address(value) });
            return self;
        }
        self.placed(value, taken)
    }
}

/// Whether nothing stands there at all, not even `null`.
pub(super) fn is_empty(node: &Node) -> bool {
    matches!(&node.value, Value::Scalar(Scalar { text, kind: Kind::Null, origin: Origin::Plain }) if text.is_empty())
}

/// Whether a key that is missing stands in the mapping but was taken out, or is what a misspelt key was meant to be.
fn was_there(name: &str, node: &Node, taken: &Taken) -> bool {
    node.as_map().is_some_and(|entries| {
        entries.iter().any(|entry| {
            let meant = taken.meant(&entry.value);
            is_out(&entry.value, taken) && (entry.name() == name || meant == Some(name))
        })
    })
}

/// Whether something right inside of the node was taken out.
fn lacks_something(node: &Node, taken: &Taken) -> bool {
    match &node.value {
        Value::List(items) => items.iter().any(|item| is_out(item, taken)),
        Value::Map(entries) => {
            taken.stand_ins.contains_key(&address(node)) || entries.iter().any(|entry| is_out(&entry.value, taken))
        }
        Value::Scalar(_) | Value::Broken => false,
    }
}

impl Problem {
    /// The known key that an unknown one was probably meant to be.
    pub(super) fn meant(&self) -> Option<&'static str> {
        match self {
            Self::UnknownKey { key, known } => nearest(key, known.iter().copied()),
            _ => None,
        }
    }

    pub(super) fn diagnostic(self) -> Diagnostic {
        match self {
            Self::Known | Self::Unfit(_) => Diagnostic::error("M024", "this could not be read"),
            Self::UnknownKey { key, known } => {
                let diagnostic = Diagnostic::error("M020", format!("the key `{}` is unknown here", shortened(&key)));
                suggest(diagnostic, &key, known, "known keys")
            }
            Self::MissingKey("muster") => Diagnostic::error("M021", "the key `muster` is missing here")
                .help("the file begins with the version of its format: add `muster: 1`"),
            Self::MissingKey(key) => Diagnostic::error("M021", format!("the key `{key}` is missing here"))
                .help(format!("add `{key}: ...` to this mapping")),
            Self::NoValue { key, expected } => {
                let wanted = expected.map_or_else(String::new, |e| format!("; expected {e}"));
                Diagnostic::error("M026", format!("the key `{}` has no value{wanted}", shortened(&key)))
                    .help("write a value, or remove the key")
            }
            Self::WrongType { expected, found, help } => {
                let diagnostic = Diagnostic::error("M022", format!("expected {expected}, found {found}"));
                match help {
                    Some(help) => diagnostic.help(help),
                    None => diagnostic,
                }
            }
            Self::UnknownValue { value, known } => {
                let diagnostic =
                    Diagnostic::error("M023", format!("`{}` is not one of the known values", shortened(&value)));
                suggest(diagnostic, &value, known, "known values")
            }
            Self::NotAllowed(message) => Diagnostic::error("M024", message),
        }
    }
}

fn suggest(diagnostic: Diagnostic, name: &str, known: &'static [&'static str], what: &str) -> Diagnostic {
    let list = listed(known);
    match nearest(name, known.iter().copied()) {
        _ if known.is_empty() => diagnostic.help("nothing is known here; remove it"),
        Some(meant) => diagnostic.help(format!("did you mean `{meant}`? {what}: {list}")),
        None => diagnostic.help(format!("{what}: {list}")),
    }
}

/// `a`, `b` and 3 more
pub(super) fn listed(known: &[&str]) -> String {
    let shown = known.iter().take(LISTED).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match known.len().checked_sub(LISTED) {
        None | Some(0) => shown,
        Some(more) => format!("{shown} and {more} more"),
    }
}

/// What to do about a value of the wrong type, where that is plain.
fn advice(expected: &str, node: &Node) -> Option<String> {
    let Value::Scalar(scalar) = &node.value else { return None };
    let looks_like_number = matches!(kind_of(&scalar.text), Kind::Integer(_) | Kind::Float(_));
    match scalar.kind {
        Kind::Text if scalar.origin == Origin::Quoted && expected.contains("number") && looks_like_number => {
            Some(format!("remove the quotes: {}", shortened(&scalar.text)))
        }
        Kind::Text if expected == BOOL && matches!(scalar.text.as_str(), "yes" | "on" | "no" | "off") => {
            Some("YAML 1.2 knows only `true` and `false`".to_owned())
        }
        Kind::Text if expected == LIST && !scalar.text.contains(['\n', ',']) => {
            Some(format!("write it as a list: [{}]", shortened(&scalar.text)))
        }
        Kind::Integer(_) | Kind::Float(_) if expected.starts_with(DURATION) && !scalar.text.starts_with('-') => {
            let number = shortened(&scalar.text);
            Some(format!("add its unit: `{number}s` for seconds, `{number}m` for minutes, `{number}h` for hours"))
        }
        Kind::Integer(_) if expected.starts_with(WHOLE) && scalar.text.starts_with('-') => {
            Some("a number below zero means nothing here: write 0 or more, or leave the key out".to_owned())
        }
        Kind::Float(_) if expected.starts_with(WHOLE) => Some("write it without a fraction".to_owned()),
        Kind::Bool(_) | Kind::Integer(_) | Kind::Float(_) | Kind::TooLarge if expected == TEXT => {
            Some(format!("put it in quotes: \"{}\"", shortened(&scalar.text)))
        }
        _ => None,
    }
}

const TEXT: &str = "text";
const BOOL: &str = "true or false";
const LIST: &str = "a list";
/// How the type of durations begins to say what it wants.
const DURATION: &str = "a duration with a unit";
const WHOLE: &str = "a whole number ";

/// What serde calls the types that it knows, in plain English. Types of our own say what they expect themselves.
fn plain(expected: &str) -> String {
    let nonzero = expected.strip_prefix("a nonzero ");
    if let Some((least, most)) = integer_range(nonzero.unwrap_or(expected)) {
        let least = if nonzero.is_some() && least == "0" { "1" } else { least };
        return format!("a whole number from {least} to {most}");
    }
    match expected {
        "a string" | "a borrowed string" | "str" | "string" => TEXT.to_owned(),
        "a boolean" | "bool" => BOOL.to_owned(),
        "i64" | "u64" | "i128" | "u128" | "isize" | "usize" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a sequence" => LIST.to_owned(),
        "a map" => "a mapping".to_owned(),
        "unit" => "nothing".to_owned(),
        "a character" => "one character".to_owned(),
        other if other.starts_with("struct ") => "a mapping".to_owned(),
        other => {
            let count = other.strip_prefix("a tuple of size ").or_else(|| other.strip_prefix("an array of length "));
            count.map_or_else(|| other.to_owned(), |count| format!("a list of {count} values"))
        }
    }
}

fn integer_range(name: &str) -> Option<(&'static str, &'static str)> {
    Some(match name {
        "u8" => ("0", "255"),
        "u16" => ("0", "65535"),
        "u32" => ("0", "4294967295"),
        "u64" | "usize" => ("0", "18446744073709551615"),
        "i8" => ("-128", "127"),
        "i16" => ("-32768", "32767"),
        "i32" => ("-2147483648", "2147483647"),
        _ => return None,
    })
}

impl serde::de::Error for Error {
    fn custom<T: Display>(message: T) -> Self {
        Self::new(Problem::NotAllowed(message.to_string()))
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::expected(plain(&expected.to_string()))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::expected(plain(&expected.to_string()))
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        let values = if length == 1 { "value" } else { "values" };
        Self::new(Problem::WrongType {
            expected: plain(&expected.to_string()),
            found: format!("{length} {values}"),
            help: None,
        })
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::new(Problem::UnknownValue { value: variant.to_owned(), known: expected })
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::new(Problem::UnknownKey { key: field.to_owned(), known: expected })
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(Problem::MissingKey(field))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new(Problem::NotAllowed(format!("`{field}` is given twice, perhaps once under another name")))
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0.problem)
    }
}

impl std::error::Error for Error {}
