//! Secrets: where they come from, a value that prints nothing, and a redactor for all that others print.
//!
//! A playbook never holds a secret, only its source. It is read when needed, and whatever is read is made known to
//! the [`Redactor`] through which every text passes that Muster did not write itself (outputs, answers, errors).
//! May rely on nothing of the house; must never write a secret anywhere.

use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use serde::de::{self, MapAccess};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

mod forms;
pub mod pgpass;
pub mod plain;

/// What stands where a secret was.
pub const MASK: &str = "***";

/// The longest secret, in bytes.
pub const MAX_BYTES: usize = 64 * 1024;

/// A value that prints nothing and is overwritten when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A secret from text that was read elsewhere.
    #[must_use]
    pub fn new(value: String) -> Self {
        Self(value)
    }

    /// The value, for the one call that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl Drop for Secret {
    /// As well as it goes without `unsafe`: the optimiser is told that the zeros are read.
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.0).into_bytes();
        bytes.fill(0);
        std::hint::black_box(&bytes);
    }
}

/// Where a secret is read from: `{ env: NAME }` or `{ file: PATH }`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecretSource {
    /// An environment variable of Muster's.
    Env(String),
    /// A file; one newline at its end is no part of the secret.
    File(PathBuf),
}

/// Why a secret could not be read. Names its source, never its content.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The variable is not there.
    #[error("the environment variable `{0}` is not set: a secret is to be read from it")]
    NotSet(String),
    /// The file can't be read.
    #[error("the file `{path}` can't be read: {why}; a secret is to be read from it")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        why: io::Error,
    },
    /// Nothing is in it.
    #[error("{0} is empty: a secret is to be read from it")]
    Empty(SecretSource),
    /// More than [`MAX_BYTES`].
    #[error("{0} is longer than 64 KiB: that is no secret")]
    TooLong(SecretSource),
    /// Not UTF-8.
    #[error("{0} is not valid UTF-8: a secret is to be read from it")]
    NotText(SecretSource),
}

impl SecretSource {
    /// Reads the secret now and makes it known to `redactor`.
    pub fn resolve(&self, redactor: &Redactor) -> Result<Secret, SecretError> {
        let text = match self {
            Self::Env(name) => self.read_env(name)?,
            Self::File(path) => self.read_file(path)?,
        };
        if text.expose().is_empty() {
            return Err(SecretError::Empty(self.clone()));
        }
        redactor.learn(&text);
        Ok(text)
    }

    fn read_env(&self, name: &str) -> Result<Secret, SecretError> {
        #[expect(clippy::disallowed_methods, reason = "secrets are read from the environment here alone")]
        let read = std::env::var(name);
        match read {
            Ok(text) if text.len() > MAX_BYTES => Err(SecretError::TooLong(self.clone())),
            Ok(text) => Ok(Secret(text)),
            Err(std::env::VarError::NotPresent) => Err(SecretError::NotSet(name.to_owned())),
            Err(std::env::VarError::NotUnicode(_)) => Err(SecretError::NotText(self.clone())),
        }
    }

    fn read_file(&self, path: &PathBuf) -> Result<Secret, SecretError> {
        let unreadable = |why| SecretError::Unreadable { path: path.clone(), why };
        let mut bytes = Vec::new();
        // Two more than fit: the newline, and one byte that shows that there is too much.
        let limit = MAX_BYTES as u64 + 3;
        File::open(path).map_err(unreadable)?.take(limit).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.ends_with(b"\n") {
            bytes.pop();
            if bytes.ends_with(b"\r") {
                bytes.pop();
            }
        }
        if bytes.len() > MAX_BYTES {
            return Err(SecretError::TooLong(self.clone()));
        }
        String::from_utf8(bytes).map(Secret).map_err(|_| SecretError::NotText(self.clone()))
    }
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "the environment variable `{name}`"),
            Self::File(path) => write!(f, "the file `{}`", path.display()),
        }
    }
}

impl Serialize for SecretSource {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        match self {
            Self::Env(name) => map.serialize_entry("env", name)?,
            Self::File(path) => map.serialize_entry("file", path)?,
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for SecretSource {
    /// By hand, as YAML's own way to write an enum is a tag, and tags are refused.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = SecretSource;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("where a secret is read from: { env: NAME } or { file: PATH }")
            }

            fn visit_str<E: de::Error>(self, _: &str) -> Result<SecretSource, E> {
                // The default message would print the text, and it may be the secret itself.
                Err(E::custom("a secret is never written here: say { env: NAME } or { file: PATH }"))
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<SecretSource, M::Error> {
                let Some((key, value)) = map.next_entry::<String, String>()? else {
                    return Err(de::Error::custom("expected { env: NAME } or { file: PATH }"));
                };
                if map.next_key::<String>()?.is_some() {
                    return Err(de::Error::custom("a secret has one source: either `env` or `file`"));
                }
                match key.as_str() {
                    "env" if value.is_empty() || value.contains(['=', '\0']) => {
                        Err(de::Error::custom("`env` is to be the name of an environment variable"))
                    }
                    "env" => Ok(SecretSource::Env(value)),
                    "file" if value.is_empty() => Err(de::Error::custom("`file` is to be the path of a file")),
                    "file" => Ok(SecretSource::File(value.into())),
                    _ => Err(de::Error::unknown_field(&key, &["env", "file"])),
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// Knows every secret that was read, and takes them out of texts. Clones share what they know.
#[derive(Clone, Default)]
pub struct Redactor {
    /// Each form of each secret, the longest first. As many as the documents name sources, times the forms.
    known: Arc<RwLock<Vec<Secret>>>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redactor")
    }
}

impl Redactor {
    /// Makes `secret` known. One of fewer than 4 bytes is not: it would be found in every other word.
    pub fn learn(&self, secret: &Secret) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        for form in forms::forms(secret.expose()) {
            let form = Secret(form);
            if !known.contains(&form) {
                known.push(form);
            }
        }
        known.sort_by_key(|form| std::cmp::Reverse(form.0.len()));
    }

    /// `text` with `***` for each secret in it, also where it is percent-encoded, in base64 or escaped for JSON, and
    /// for each long line of a secret of several lines.
    #[must_use]
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut found: Vec<(usize, usize)> = Vec::new();
        for form in known.iter() {
            found.extend(text.match_indices(form.expose()).map(|(at, hit)| (at, at + hit.len())));
        }
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        found.sort_unstable();
        let mut clean = String::with_capacity(text.len());
        let (mut copied, mut masked_to) = (0, 0);
        for (from, to) in found {
            // Secrets that overlap are one gap, so that no end of the second is left over.
            if from >= masked_to {
                clean.push_str(&text[copied..from]);
                clean.push_str(MASK);
            }
            masked_to = masked_to.max(to);
            copied = masked_to;
        }
        clean.push_str(&text[copied..]);
        Cow::Owned(clean)
    }
}

#[cfg(test)]
mod tests;
