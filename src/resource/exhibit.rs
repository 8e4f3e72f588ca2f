//! What is given as evidence with an answer: a text, a file or a link, each with the SHA-256 of exactly its bytes.

use std::fmt::{self, Write as _};

use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest, Sha256};

/// The largest file, in bytes.
pub const EXHIBIT_FILE_MAX: u64 = 16 * 1024 * 1024;
/// The longest text, in bytes.
pub const EXHIBIT_TEXT_MAX: usize = 16 * 1024;
/// The longest link, in bytes.
pub const EXHIBIT_LINK_MAX: usize = 2048;
/// The longest name of a file, in characters.
const NAME_MAX: usize = 100;

/// What kind of thing an [`Exhibit`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExhibitKind {
    /// Words.
    Text,
    /// A file, of which a copy stands in the run's folder.
    File,
    /// A web address. What is behind it is not read.
    Link,
}

/// A piece of evidence that a person gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Exhibit {
    /// Its kind.
    pub kind: ExhibitKind,
    /// The text, the file's name without its folder, or the address.
    pub what: String,
    /// How long it is, in bytes.
    pub size: u64,
    /// The SHA-256 in hex: of the text, of the file's content, or of the address itself.
    pub sha256: String,
}

impl Exhibit {
    /// Words.
    ///
    /// # Errors
    /// A text for people: it is empty or longer than [`EXHIBIT_TEXT_MAX`].
    pub fn text(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.is_empty() || text.len() > EXHIBIT_TEXT_MAX {
            return Err(format!("evidence in words has 1 to {EXHIBIT_TEXT_MAX} bytes, this has {}", text.len()));
        }
        Ok(Self::of(ExhibitKind::Text, text.to_owned(), text.as_bytes()))
    }

    /// A web address.
    ///
    /// # Errors
    /// A text for people: it is no `https://` address, or too long.
    pub fn link(address: &str) -> Result<Self, String> {
        let address = address.trim();
        let host = address.strip_prefix("https://").unwrap_or_default();
        let odd = |c: char| c.is_whitespace() || c.is_control();
        if host.is_empty() || host.starts_with('/') || address.contains(odd) || address.len() > EXHIBIT_LINK_MAX {
            return Err(format!("a link begins with https:// and has at most {EXHIBIT_LINK_MAX} bytes and no spaces"));
        }
        if host.split('/').next().is_some_and(|authority| authority.contains('@')) {
            return Err("a link with a user or a password in it would show them in every report".to_owned());
        }
        Ok(Self::of(ExhibitKind::Link, address.to_owned(), address.as_bytes()))
    }

    /// A file's content; of its name only the last part is kept.
    ///
    /// # Errors
    /// A text for people: it is larger than [`EXHIBIT_FILE_MAX`].
    pub fn file(name: &str, content: &[u8]) -> Result<Self, String> {
        if content.len() as u64 > EXHIBIT_FILE_MAX {
            return Err(format!("{name} is larger than {} MiB", EXHIBIT_FILE_MAX / 1024 / 1024));
        }
        let last = name.rsplit('/').next().unwrap_or_default();
        let plain = |c: char| if c.is_alphanumeric() || "._-".contains(c) { c } else { '_' };
        let last: String = last.chars().take(NAME_MAX).map(plain).collect();
        Ok(Self::of(ExhibitKind::File, last, content))
    }

    /// The name of a file's copy in the run's folder `evidence`; none for what is no file.
    #[must_use]
    pub fn copy_name(&self) -> Option<String> {
        (self.kind == ExhibitKind::File).then(|| format!("{}-{}", self.sha256, self.what))
    }

    fn of(kind: ExhibitKind, what: String, content: &[u8]) -> Self {
        let mut sha256 = String::with_capacity(64);
        for byte in Sha256::digest(content) {
            let _ = write!(sha256, "{byte:02x}");
        }
        Self { kind, what, size: content.len() as u64, sha256 }
    }
}

impl fmt::Display for Exhibit {
    /// `file switch.log (1204 bytes, SHA-256 …)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, size, sha256, .. } = self;
        match self.kind {
            ExhibitKind::Text => write!(f, "“{what}” (SHA-256 {sha256})"),
            ExhibitKind::File => write!(f, "file {what} ({size} bytes, SHA-256 {sha256})"),
            ExhibitKind::Link => write!(f, "link {what} (SHA-256 of the address {sha256})"),
        }
    }
}

/// Evidence of an [`Answer`](super::Answer), also as journals of the first version have it: one text, or nothing.
pub(super) fn exhibits<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Exhibit>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Given {
        Nothing(()),
        Words(String),
        Pieces(Vec<Exhibit>),
    }
    Ok(match Given::deserialize(from)? {
        Given::Nothing(()) => Vec::new(),
        Given::Words(words) => vec![Exhibit::of(ExhibitKind::Text, words.clone(), words.as_bytes())],
        Given::Pieces(pieces) => pieces,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::Answer;

    #[test]
    fn the_digest_is_of_exactly_the_bytes() {
        // sha256sum of `abc`, FIPS 180-2 appendix B.1.
        const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Exhibit::text(" abc\n").unwrap().sha256, ABC);
        let file = Exhibit::file("/tmp/a b\u{1b}.log", b"abc").unwrap();
        assert_eq!((file.what.as_str(), file.size, file.sha256.as_str()), ("a_b_.log", 3, ABC));
        assert_eq!(file.copy_name().unwrap(), format!("{ABC}-a_b_.log"));
        assert_eq!(file.to_string(), format!("file a_b_.log (3 bytes, SHA-256 {ABC})"));
    }

    #[test]
    fn what_is_too_large_or_no_link_is_refused() {
        let most = usize::try_from(EXHIBIT_FILE_MAX).unwrap();
        assert!(Exhibit::file("a", &vec![0; most]).is_ok());
        assert!(Exhibit::file("a", &vec![0; most + 1]).unwrap_err().contains("16 MiB"));
        assert!(Exhibit::text(&"x".repeat(EXHIBIT_TEXT_MAX + 1)).is_err() && Exhibit::text(" ").is_err());
        assert!(Exhibit::link("https://tickets.example.test/17?a=b@c").is_ok());
        for bad in ["http://a.test", "https://", "https:///x", "https://a b", "file:///x", "https://u:p@a.test/"] {
            assert!(Exhibit::link(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn journals_of_the_first_version_are_read() {
        let read = |evidence: &str| -> Vec<Exhibit> {
            let head = r#"{"decision":"approved","names":["Ada"],"because":null,"by":"terminal""#;
            serde_json::from_str::<Answer>(&format!("{head}{evidence}}}")).unwrap().evidence
        };
        assert_eq!((read(""), read(r#","evidence":null"#)), (vec![], vec![]));
        assert_eq!(read(r#","evidence":"call 4711""#), [Exhibit::text("call 4711").unwrap()]);
        let answer = Answer { evidence: vec![Exhibit::link("https://a.test").unwrap()], ..Answer::nobody_asked() };
        assert_eq!(serde_json::from_str::<Answer>(&serde_json::to_string(&answer).unwrap()).unwrap(), answer);
    }
}
