//! What the daemon is told to do: `muster-serve.yaml`, and what the command line says over it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::decide::Resume;
use super::news::NewsKind;
use crate::diagnostic::{Diagnostic, Sources};
use crate::secret::{Redactor, Secret, SecretSource};
use crate::yaml::{Node, decode, parse};

/// Where it listens unless it is said.
pub const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8465);
/// Those who are told, at most.
const NOTIFY_MAX: usize = 50;
/// Addresses of one e-mail, at most.
const TO_MAX: usize = 50;
/// The shortest token that is taken.
const TOKEN_LEAST: usize = 16;

/// What the daemon is told to do.
#[derive(Debug)]
pub struct Config {
    /// The playbooks, or folders that have some.
    pub playbooks: Vec<PathBuf>,
    /// Where it listens.
    pub listen: SocketAddr,
    /// What those who ask must know; none: it listens on the loopback interface alone.
    pub token: Option<Secret>,
    /// What becomes of runs that were left behind.
    pub left_behind: LeftBehindRuns,
    /// Who is told.
    pub notify: Vec<Named>,
    /// Takes secrets out of what is told.
    pub redactor: Redactor,
}

/// What becomes of runs that were left behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LeftBehindRuns {
    /// Those that the daemon begun and that nobody need attend are taken up again, others named.
    #[default]
    Resume,
    /// All are named.
    Name,
}

impl From<LeftBehindRuns> for Resume {
    fn from(what: LeftBehindRuns) -> Self {
        match what {
            LeftBehindRuns::Resume => Self::Unattended,
            LeftBehindRuns::Name => Self::Never,
        }
    }
}

/// Someone who is told.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// By which name the store and the metrics know it.
    pub name: String,
    /// An address that JSON is posted to; a secret, for who knows it may post there.
    pub webhook: Option<SecretSource>,
    /// What webhooks are signed with.
    pub secret: Option<SecretSource>,
    /// What a webhook gets.
    #[serde(default)]
    pub shape: Shape,
    /// An e-mail.
    pub email: Option<Email>,
    /// Of what it is told; unstated: of everything.
    pub on: Option<Vec<NewsKind>>,
}

impl Named {
    /// Whether it is told of such things.
    #[must_use]
    pub fn wants(&self, event: NewsKind) -> bool {
        self.on.as_ref().is_none_or(|on| on.contains(&event))
    }
}

/// What a webhook gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// A document of Muster's.
    #[default]
    Json,
    /// `{ "text": … }`, as Slack takes it.
    Slack,
}

/// An e-mail and the server that takes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Email {
    /// `smtps://host`, `smtp://host` with STARTTLS, or without it on the loopback interface: `smtp://127.0.0.1:25`.
    pub server: String,
    /// The sender.
    pub from: String,
    /// Who gets it.
    pub to: Vec<String>,
    /// Who the server is told that we are.
    pub user: Option<String>,
    /// And by which password.
    pub password: Option<SecretSource>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    muster: u32,
    #[serde(default)]
    playbooks: Vec<String>,
    listen: Option<String>,
    token: Option<SecretSource>,
    #[serde(default)]
    left_behind: LeftBehindRuns,
    #[serde(default)]
    notify: Vec<Named>,
}

/// What the command line says over the file.
#[derive(Clone, Debug, Default)]
pub struct Over {
    /// Playbooks in place of the file's.
    pub playbooks: Vec<PathBuf>,
    /// Where to listen.
    pub listen: Option<SocketAddr>,
    /// A file with the token.
    pub token: Option<PathBuf>,
}

/// Why the daemon can't do as it is told.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file has mistakes.
    #[error("{} problem(s) were found", .0.len())]
    Invalid(Vec<Diagnostic>, Box<Sources>),
    /// What was asked for can't be done.
    #[error("{0}")]
    Usage(String),
}

impl Config {
    /// From the text of a file, if there is one, and the command line. Secrets of the daemon's own are read at once: it says
    /// at its start what it lacks. Paths in the file are taken from its folder.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn read(file: Option<(&str, &[u8])>, over: Over) -> Result<Self, ConfigError> {
        let (document, folder) = match file {
            None => (Document::default(), PathBuf::new()),
            Some((path, bytes)) => {
                (read_document(path, bytes)?, Path::new(path).parent().unwrap_or(Path::new("")).to_owned())
            }
        };
        let usage = |why: String| ConfigError::Usage(why);
        let listen = match (over.listen, &document.listen) {
            (Some(listen), _) => listen,
            (None, Some(text)) => text
                .parse()
                .map_err(|_| usage(format!("`listen: {text}` is no address and port; write 127.0.0.1:8465")))?,
            (None, None) => LISTEN,
        };
        let redactor = Redactor::default();
        let source = over.token.map(SecretSource::File).or(document.token);
        let token =
            source.map(|source| source.resolve(&redactor)).transpose().map_err(|error| usage(error.to_string()))?;
        if let Some(token) = &token
            && token.expose().len() < TOKEN_LEAST
        {
            return Err(usage(format!("the token is too short to be one: it has at least {TOKEN_LEAST} characters")));
        }
        if !listen.ip().is_loopback() && token.is_none() {
            return Err(usage(format!(
                "{listen} is not the loopback interface: whoever reaches it may ask. Name a token: `token: {{ file: PATH }}`, \
                 or --token-file"
            )));
        }
        let playbooks = if over.playbooks.is_empty() {
            document.playbooks.iter().map(|path| folder.join(path)).collect()
        } else {
            over.playbooks
        };
        if playbooks.is_empty() {
            return Err(usage(
                "which playbooks are served is not said: name files, or folders that have some".to_owned(),
            ));
        }
        let config =
            Self { playbooks, listen, token, left_behind: document.left_behind, notify: document.notify, redactor };
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let wrong = |why: String| Err(ConfigError::Usage(why));
        if self.notify.len() > NOTIFY_MAX {
            return wrong(format!("at most {NOTIFY_MAX} can be told"));
        }
        for (number, it) in self.notify.iter().enumerate() {
            let name = &it.name;
            let good =
                (1..=64).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
            if !good {
                return wrong(format!("`{name}` is no name: use letters, digits, `-`, `_` and `.`"));
            }
            if self.notify[..number].iter().any(|other| other.name == *name) {
                return wrong(format!("two who are told are called `{name}`"));
            }
            match (&it.webhook, &it.email) {
                (Some(_), None) => {}
                (None, Some(email)) => {
                    if it.secret.is_some() || it.shape != Shape::Json {
                        return wrong(format!("`{name}`: `secret` and `shape` are of webhooks"));
                    }
                    if email.to.is_empty() || email.to.len() > TO_MAX {
                        return wrong(format!("`{name}`: an e-mail goes to 1 to {TO_MAX} addresses"));
                    }
                    super::deliver::transport(email, &self.redactor)
                        .map_err(|why| ConfigError::Usage(format!("`{name}`: {why}")))?;
                }
                _ => return wrong(format!("`{name}` has either a `webhook` or an `email`")),
            }
        }
        Ok(())
    }
}

fn read_document(path: &str, bytes: &[u8]) -> Result<Document, ConfigError> {
    let parsed = parse(path, bytes);
    let mut diagnostics = parsed.diagnostics;
    let document: Option<Document> = parsed.node.as_ref().and_then(|node| decode(node, &mut diagnostics));
    if let (Some(document), Some(node)) = (&document, &parsed.node)
        && document.muster != 1
    {
        let place = node.get("muster").map_or_else(|| node.place(), Node::place);
        diagnostics.push(
            Diagnostic::error("M055", format!("the file is of version {} of the format", document.muster)).at(place),
        );
    }
    match document {
        Some(document) if !diagnostics.iter().any(Diagnostic::is_error) => Ok(document),
        _ => {
            let mut sources = Sources::new();
            sources.add(path, parsed.text);
            Err(ConfigError::Invalid(diagnostics, Box::new(sources)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, String> {
        Config::read(Some(("etc/serve.yaml", text.as_bytes())), Over::default()).map_err(|error| match error {
            ConfigError::Invalid(found, _) => found.iter().map(|it| it.message.as_str()).collect::<Vec<_>>().join("; "),
            ConfigError::Usage(why) => why,
        })
    }

    #[test]
    fn it_listens_on_the_loopback_interface_or_with_a_token() {
        assert_eq!(read("muster: 1\nplaybooks: [a]\n").unwrap().listen, LISTEN);
        assert_eq!(read("muster: 1\nplaybooks: [a]\n").unwrap().playbooks, [PathBuf::from("etc/a")]);
        let open = read("muster: 1\nplaybooks: [a]\nlisten: 0.0.0.0:80\n").unwrap_err();
        assert!(open.contains("Name a token"), "{open}");
        let file = tempfile::NamedTempFile::new().unwrap();
        let with = |token: &str| {
            std::fs::write(file.path(), token).unwrap();
            let token = format!("token: {{ file: {} }}", file.path().display());
            read(&format!("muster: 1\nplaybooks: [a]\nlisten: 0.0.0.0:80\n{token}\n"))
        };
        assert!(with("long enough to be one").is_ok());
        assert!(with("short").unwrap_err().contains("too short"));
    }

    #[test]
    fn who_is_told_has_a_name_of_its_own_and_one_way() {
        for (notify, wrong) in [
            ("{ name: a }", "either a `webhook` or an `email`"),
            ("{ name: 'a b', webhook: { env: X } }", "no name"),
            ("{ name: a, webhook: { env: X } }, { name: a, webhook: { env: X } }", "are called `a`"),
            ("{ name: a, email: { server: 'smtp://127.0.0.1', from: a@example.test, to: [] } }", "1 to 50"),
            (
                "{ name: a, email: { server: 'smtp://mail.example.test?tls=none', from: a@example.test, to: [b@example.test] } }",
                "TLS",
            ),
            ("{ name: a, email: { server: 'ftp://mail', from: a@example.test, to: [b@example.test] } }", "smtps://"),
            ("{ name: a, webhook: { env: X }, on: [ends] }", "not one of the known values"),
        ] {
            let found = read(&format!("muster: 1\nplaybooks: [a]\nnotify: [{notify}]\n")).unwrap_err();
            assert!(found.contains(wrong), "{notify}: {found}");
        }
        let one = read("muster: 1\nplaybooks: [a]\nnotify: [{ name: a, webhook: { env: X }, on: [end, overdue] }]\n")
            .unwrap();
        assert!(one.notify[0].wants(NewsKind::End) && !one.notify[0].wants(NewsKind::Before));
    }
}
