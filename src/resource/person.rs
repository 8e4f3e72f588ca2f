//! Who people are: as they state themselves, and as the operating system knows them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The longest name or role, in characters.
const NAME_MAX: usize = 100;

/// Who said something: as stated, and as the operating system knows them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Person {
    /// As they state themselves.
    pub name: Option<String>,
    /// The operating system's user.
    pub user: String,
    /// The machine.
    pub host: String,
}

impl fmt::Display for Person {
    /// `ada (as stated; ops at bastion-1)`, or `ops at bastion-1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} (as stated; {} at {})", self.user, self.host),
            None => write!(f, "{} at {}", self.user, self.host),
        }
    }
}

/// A name as a person states it, with the role in which they answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stated {
    /// The name.
    pub name: String,
    /// The role, if they say one.
    pub role: Option<String>,
}

impl Stated {
    /// Reads `Ada`, `Ada as dba` or `Ada (dba)`.
    ///
    /// # Errors
    /// A text for people: there is no name, or it is too long.
    pub fn read(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let bracketed = text.strip_suffix(')').and_then(|rest| rest.rsplit_once('('));
        let (name, role) = text.rsplit_once(" as ").or(bracketed).map_or((text, ""), |(name, role)| (name, role));
        let (name, role) = (name.trim(), Some(role.trim()).filter(|role| !role.is_empty()));
        if name.is_empty() {
            return Err("no name is stated".to_owned());
        }
        if [Some(name), role].into_iter().flatten().any(|text| text.chars().count() > NAME_MAX) {
            return Err(format!("a name has at most {NAME_MAX} characters"));
        }
        if text.chars().any(char::is_control) {
            return Err("a name has no control characters".to_owned());
        }
        Ok(Self { name: name.to_owned(), role: role.map(str::to_owned) })
    }
}

impl fmt::Display for Stated {
    /// `Ada (dba)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.role {
            Some(role) => write!(f, "{} ({role})", self.name),
            None => f.write_str(&self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Stated;

    #[test]
    fn a_name_comes_with_or_without_a_role() {
        for (text, name, role) in [
            (" Ada Lovelace ", "Ada Lovelace", None),
            ("Ada as incident-commander", "Ada", Some("incident-commander")),
            ("Ada (dba)", "Ada", Some("dba")),
            ("Ada as ", "Ada as", None),
        ] {
            let stated = Stated::read(text).unwrap();
            assert_eq!((stated.name.as_str(), stated.role.as_deref()), (name, role), "{text}");
            assert_eq!(Stated::read(&stated.to_string()), Ok(stated), "{text}");
        }
        for bad in ["", "  ", "(dba)", "A\u{1b}da"] {
            assert!(Stated::read(bad).is_err(), "{bad:?}");
        }
        assert!(Stated::read(&"x".repeat(101)).is_err());
    }
}
