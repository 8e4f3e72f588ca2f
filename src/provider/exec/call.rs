//! One call of the program: a JSON object to its standard input, one from its standard output.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::infrastructure::real::exec::Exec as Settings;
use crate::resource::{CommandLine, Context, Errand, ProcessError, Processes, ProviderError, ResourceKind};
use crate::secret::Redactor;
use crate::time::Span;

/// The version of the protocol.
const VERSION: u32 = 1;
/// The most that a program may answer.
const ANSWER_MAX: usize = 1024 * 1024;
/// So much of its standard error is told, in characters.
const TOLD_MAX: usize = 400;
/// The fields that are lengths of time: texts such as `1m30s` on the wire.
const SPANS: [&str; 7] = ["lag", "ttl", "newest_age", "oldest_age", "longest_gap", "oldest_missing", "ago"];

/// What a call is to do with the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// Tell the state.
    Observe,
    /// Find something out.
    Ask,
    /// Change something.
    Apply,
    /// Take away what an `apply` made.
    Undo,
}

impl Call {
    fn word(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Ask => "ask",
            Self::Apply => "apply",
            Self::Undo => "undo",
        }
    }

    fn changes(self) -> bool {
        matches!(self, Self::Apply | Self::Undo)
    }
}

/// A program that acts on one resource.
pub(super) struct Program {
    pub(super) kind: ResourceKind,
    pub(super) resource: String,
    pub(super) settings: Settings,
    pub(super) processes: Arc<dyn Processes>,
    pub(super) redactor: Redactor,
}

impl Program {
    /// Calls the program; `act` says what is to be done, in the words of the documentation.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        cx: &Context,
        call: Call,
        act: &str,
        args: Value,
    ) -> Result<T, ProviderError> {
        let line = self.line(cx, call, act, args)?;
        let ended = match self.processes.run(cx, &line).await {
            Ok(ended) => ended,
            Err(error @ ProcessError::NotStarted { .. }) => return Err(ProviderError::Refused(error.to_string())),
            Err(ProcessError::Cancelled) => return Err(ProviderError::Cancelled),
            Err(ProcessError::TimedOut(span)) => {
                return Err(self.unclear(call, act, &format!("did not answer within {span} and was ended")));
            }
        };
        let code = ended.code.map_or_else(|| "by a signal".to_owned(), |code| format!("with exit code {code}"));
        let said = self.redactor.redact(ended.stderr.trim());
        let said: String = said.chars().take(TOLD_MAX).collect();
        let words = if said.is_empty() { String::new() } else { format!("; it wrote to standard error: {said}") };
        if ended.stdout.len() >= ANSWER_MAX {
            return Err(self.unclear(call, act, "answered with more than 1 MiB"));
        }
        if ended.stdout.trim().is_empty() {
            return Err(self.unclear(call, act, &format!("ended {code} without an answer{words}")));
        }
        let answer = serde_json::from_str(&ended.stdout).map_err(|error| {
            self.unclear(call, act, &format!("ended {code} and answered with no JSON object ({error}){words}"))
        })?;
        match read(answer) {
            Ok(Answer::Error(error)) => Err(error),
            Ok(Answer::Ok(_)) if ended.code != Some(0) => {
                Err(self.unclear(call, act, &format!("answered `ok` and ended {code}{words}")))
            }
            Ok(Answer::Ok(value)) => {
                typed(value).map_err(|why| self.unclear(call, act, &format!("answered with what can't be used: {why}")))
            }
            Err(why) => Err(self.unclear(call, act, &format!("answered with what can't be used: {why}"))),
        }
    }

    fn line(&self, cx: &Context, call: Call, act: &str, mut args: Value) -> Result<CommandLine, ProviderError> {
        spans_to_text(&mut args);
        let mut env = Vec::new();
        for (name, source) in &self.settings.env {
            let secret = source.resolve(&self.redactor).map_err(|error| ProviderError::Refused(error.to_string()))?;
            env.push((name.clone(), secret.expose().to_owned()));
        }
        let request = json!({
            "muster": VERSION,
            "call": call.word(),
            "act": act,
            "kind": self.kind.key(),
            "resource": self.resource,
            "args": args,
            "settings": self.settings.settings,
            "run": cx.run.as_str(),
            "step": cx.actor.to_string(),
            "attempt": cx.attempt,
            "errand": match cx.errand {
                Errand::Do | Errand::GoOn => "do",
                Errand::Undo => "undo",
            },
            "fencing": cx.fencing,
        });
        Ok(CommandLine {
            argv: self.settings.command.clone(),
            env,
            folder: self.settings.folder.clone(),
            timeout: self.settings.patience(),
            output_limit: ANSWER_MAX,
            input: Some(format!("{request}\n")),
        })
    }

    /// The program broke the protocol. After a change nobody knows what it did; a look did nothing.
    fn unclear(&self, call: Call, act: &str, what: &str) -> ProviderError {
        let program = self.settings.command.join(" ");
        let asked = if call == Call::Observe { call.word().to_owned() } else { format!("{} {act}", call.word()) };
        let text = format!("`{program}`, asked to {asked} {}, {what}", self.resource);
        if call.changes() { ProviderError::Unreachable(text) } else { ProviderError::Refused(text) }
    }
}

/// What the program said.
#[derive(Debug, PartialEq)]
enum Answer {
    Ok(Value),
    Error(ProviderError),
}

/// Reads `{"ok": …}` or `{"error": {"kind": …, "text": …}}`.
fn read(answer: Value) -> Result<Answer, String> {
    let Value::Object(mut map) = answer else { return Err("it is no JSON object".to_owned()) };
    let (ok, error) = (map.remove("ok"), map.remove("error"));
    if let Some(unknown) = map.keys().next() {
        return Err(format!("there is no key `{unknown}` in an answer: it is {{\"ok\": …}} or {{\"error\": …}}"));
    }
    match (ok, error) {
        (Some(value), None) => Ok(Answer::Ok(value)),
        (None, Some(Value::Object(error))) => refusal(&error).map(Answer::Error),
        (None, Some(_)) => Err("`error` is {\"kind\": …, \"text\": …}".to_owned()),
        (Some(_), Some(_)) => Err("it has both `ok` and `error`".to_owned()),
        (None, None) => Err("it has neither `ok` nor `error`".to_owned()),
    }
}

fn refusal(error: &Map<String, Value>) -> Result<ProviderError, String> {
    let text = |key: &str| error.get(key).and_then(Value::as_str);
    let kind = text("kind").ok_or("`error` has no text `kind`")?;
    let what = text("text").ok_or("`error` has no text `text`")?.to_owned();
    Ok(match kind {
        "refused" => ProviderError::Refused(what),
        "changed" => ProviderError::Changed(what),
        "transient" => ProviderError::Transient(what),
        "unsupported" => ProviderError::Unsupported(what),
        "unreachable" => ProviderError::Unreachable(what),
        other => {
            return Err(format!(
                "there is no kind of error `{other}`: they are refused, changed, transient, unsupported and unreachable"
            ));
        }
    })
}

/// A value by its type; the error says where it does not fit.
fn typed<T: DeserializeOwned>(mut value: Value) -> Result<T, String> {
    spans_from_text(&mut value)?;
    serde_json::from_value(value).map_err(|error| error.to_string())
}

/// Lengths of time are texts on the wire, as in playbooks.
fn spans_from_text(value: &mut Value) -> Result<(), String> {
    match value {
        Value::Array(items) => items.iter_mut().try_for_each(spans_from_text),
        Value::Object(map) => map.iter_mut().try_for_each(|(key, value)| match value {
            Value::String(text) if SPANS.contains(&key.as_str()) => {
                let span = Span::parse(text).map_err(|error| format!("`{key}`: {error}"))?;
                *value = Value::from(span.0);
                Ok(())
            }
            Value::Number(_) if SPANS.contains(&key.as_str()) => {
                Err(format!("`{key}` is a length of time with its unit: \"90s\""))
            }
            other => spans_from_text(other),
        }),
        _ => Ok(()),
    }
}

fn spans_to_text(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(spans_to_text),
        Value::Object(map) => {
            for (key, value) in map {
                match value.as_u64() {
                    Some(nanos) if SPANS.contains(&key.as_str()) => *value = Value::from(Span(nanos).short()),
                    _ => spans_to_text(value),
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_strictly() {
        let read = |text: &str| read(serde_json::from_str(text).unwrap());
        assert_eq!(read(r#"{"ok": 3}"#), Ok(Answer::Ok(json!(3))));
        let refused = read(r#"{"error": {"kind": "refused", "text": "not today"}}"#);
        assert_eq!(refused, Ok(Answer::Error(ProviderError::Refused("not today".into()))));
        for (text, told) in [
            ("3", "no JSON object"),
            ("{}", "neither `ok` nor `error`"),
            (r#"{"ok": 1, "error": {}}"#, "both"),
            (r#"{"okay": 1}"#, "no key `okay`"),
            (r#"{"error": "no"}"#, "`error` is"),
            (r#"{"error": {"kind": "no", "text": ""}}"#, "no kind of error `no`"),
        ] {
            assert!(read(text).unwrap_err().contains(told), "{text}");
        }
    }

    #[test]
    fn lengths_of_time_are_texts_both_ways() {
        let mut value = json!({ "a": [{ "lag": "1m30s" }], "ttl": "5s", "position": 7 });
        spans_from_text(&mut value).unwrap();
        assert_eq!(value["a"][0]["lag"], 90_000_000_000_u64);
        spans_to_text(&mut value);
        assert_eq!(value, json!({ "a": [{ "lag": "1m30s" }], "ttl": "5s", "position": 7 }));
        assert!(spans_from_text(&mut json!({ "ttl": 5 })).unwrap_err().contains("with its unit"));
    }
}
