//! `command`, `http` and `notify`.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::{Again, Describe, HttpExpect, OneOrMany, Part, Subject, Undo};
use crate::resource::{Finished, Method};
use crate::secret::SecretSource;

/// A value that may be a secret: text, or `{ env: NAME }`, or `{ file: PATH }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// As it stands.
    Plain(String),
    /// Read when needed, shown nowhere.
    Secret(SecretSource),
}

impl Value {
    /// Where it is read from, if it is a secret.
    #[must_use]
    pub fn secret(&self) -> Option<&SecretSource> {
        match self {
            Self::Plain(_) => None,
            Self::Secret(source) => Some(source),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Plain(text) => serializer.serialize_str(text),
            Self::Secret(source) => source.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text, or a secret as { env: NAME } or { file: PATH }")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
                Ok(Value::Plain(text.to_owned()))
            }

            fn visit_map<M: de::MapAccess<'de>>(self, map: M) -> Result<Value, M::Error> {
                SecretSource::deserialize(de::value::MapAccessDeserializer::new(map)).map(Value::Secret)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// The exit codes that count as success.
pub type ExitCodes = OneOrMany<i32>;

/// What is expected of a program.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandExpect {
    /// One of these exit codes; unstated: 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<ExitCodes>,
    /// This text in its standard output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdout_contains: Option<String>,
}

impl CommandExpect {
    /// What is not as expected, with what was seen; `None` if all is.
    #[must_use]
    pub fn judge(&self, seen: &Finished) -> Option<String> {
        let wanted = self.exit.as_ref().map_or(&[0][..], |codes| &codes.0[..]);
        let Some(code) = seen.code else {
            return Some(format!("was ended by a signal{}", Self::tail(seen)));
        };
        if !wanted.contains(&code) {
            return Some(format!("ended with exit code {code}, expected {}{}", super::Named(wanted), Self::tail(seen)));
        }
        match &self.stdout_contains {
            Some(text) if !seen.stdout.contains(text.as_str()) => {
                Some(format!("its output does not contain `{text}`{}", Self::tail(seen)))
            }
            _ => None,
        }
    }

    /// The last line that it wrote, which most often says why.
    fn tail(seen: &Finished) -> String {
        let last = |text: &str| text.lines().rev().find(|line| !line.trim().is_empty()).map(str::to_owned);
        match last(&seen.stderr).or_else(|| last(&seen.stdout)) {
            Some(line) => format!("; it said: {}", line.chars().take(300).collect::<String>()),
            None => String::new(),
        }
    }
}

/// Runs a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// The program and its arguments; never a shell's string.
    pub argv: Vec<String>,
    /// Tells whether it is done: exit 0 it is, 1 it is not, else unknown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub observe: Vec<String>,
    /// Takes it back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undo: Vec<String>,
    /// Whether doing it twice is as good as once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub repeatable: bool,
    /// Environment variables added to Muster's own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, Value>,
    /// The folder to run in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// What is expected of it.
    #[serde(default)]
    pub expect: CommandExpect,
}

impl Describe for Command {
    fn subjects(&self) -> Vec<Subject> {
        Vec::new()
    }

    fn summary(&self) -> String {
        format!("run {}", self.argv.join(" "))
    }

    fn observable(&self) -> bool {
        !self.observe.is_empty()
    }

    fn undo(&self) -> Undo {
        if self.undo.is_empty() {
            return Undo::Irreversible(format!("what `{}` did stays; it has no undo", self.argv.join(" ")));
        }
        Undo::Compensates(format!("runs {}", self.undo.join(" ")))
    }

    fn again(&self) -> Again {
        match (self.repeatable, self.observe.is_empty()) {
            (true, _) => Again::Safe,
            (false, false) => Again::IfNotDone,
            (false, true) => Again::AskFirst,
        }
    }
}

/// Makes a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// Where.
    pub url: String,
    /// How.
    #[serde(default)]
    pub method: Method,
    /// Headers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Value>,
    /// The body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// What is expected of the answer; unstated: a status from 200 to 299.
    #[serde(default)]
    pub expect: HttpExpect,
}

impl Http {
    /// Whether the method, by its definition (RFC 9110, 9.2.1), changes nothing.
    #[must_use]
    pub fn is_safe(&self) -> bool {
        matches!(self.method, Method::Get | Method::Head)
    }

    /// Whether the method, by its definition (RFC 9110, 9.2.2), does twice what it does once.
    #[must_use]
    pub fn is_idempotent(&self) -> bool {
        self.is_safe() || matches!(self.method, Method::Put | Method::Delete)
    }
}

impl Describe for Http {
    fn subjects(&self) -> Vec<Subject> {
        Vec::new()
    }

    fn summary(&self) -> String {
        format!("{} {}", self.method.as_str(), self.url)
    }

    fn observable(&self) -> bool {
        false
    }

    fn undo(&self) -> Undo {
        if self.is_safe() {
            return Undo::Nothing;
        }
        Undo::Irreversible(format!("what {} {} did stays", self.method.as_str(), self.url))
    }

    fn again(&self) -> Again {
        if self.is_idempotent() { Again::Safe } else { Again::AskFirst }
    }
}

/// Tells people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notify {
    /// Where; most often a secret.
    pub webhook: Value,
    /// What. In a Slack-shaped one each paragraph is a block, the first the headline.
    pub message: String,
    /// In which shape; unstated: `text`.
    #[serde(default, skip_serializing_if = "is_text")]
    pub shape: MessageShape,
}

/// The shape of a message to a webhook.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageShape {
    /// JSON with the one field `text`, which most chats' webhooks take.
    #[default]
    Text,
    /// The blocks of Slack: <https://docs.slack.dev/reference/block-kit/blocks>.
    Slack,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it by reference")]
fn is_text(shape: &MessageShape) -> bool {
    *shape == MessageShape::Text
}

impl Describe for Notify {
    fn subjects(&self) -> Vec<Subject> {
        Vec::new()
    }

    fn summary(&self) -> String {
        format!("tell: {}", self.message)
    }

    fn observable(&self) -> bool {
        false
    }

    fn undo(&self) -> Undo {
        Undo::Nothing
    }

    fn part(&self) -> Part {
        Part::Notice
    }
}
