//! How actions come to secrets: through a trait, so that a simulation reads none.

use crate::secret::{Redactor, SecretSource};

/// Reads secrets, and takes them out of texts that Muster did not write itself.
pub trait Secrets: Send + Sync {
    /// The secret that `source` names; the error names the source, never its content.
    fn read(&self, source: &SecretSource) -> Result<String, String>;

    /// `text` without any secret that was read.
    fn redact(&self, text: &str) -> String;
}

/// The real way: from the environment and from files, and known to the redactor from then on.
impl Secrets for Redactor {
    fn read(&self, source: &SecretSource) -> Result<String, String> {
        source.resolve(self).map(|secret| secret.expose().to_owned()).map_err(|error| error.to_string())
    }

    fn redact(&self, text: &str) -> String {
        Self::redact(self, text).into_owned()
    }
}

/// For simulations: opens nothing, and has something that looks like a secret or a webhook for every source.
#[derive(Clone, Copy, Debug, Default)]
pub struct StandInSecrets;

impl Secrets for StandInSecrets {
    fn read(&self, _source: &SecretSource) -> Result<String, String> {
        // The domain `invalid` never resolves (RFC 6761, 6.4): should it ever get out, it reaches nobody.
        Ok("https://secret.invalid/".to_owned())
    }

    fn redact(&self, text: &str) -> String {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_is_redacted_and_what_is_missing_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "hook-4711\n").unwrap();
        let redactor = Redactor::default();
        let secrets: &dyn Secrets = &redactor;
        assert_eq!(secrets.redact("at hook-4711"), "at hook-4711");
        assert_eq!(secrets.read(&SecretSource::File(file.path().into())).unwrap(), "hook-4711");
        assert_eq!(secrets.redact("at hook-4711"), "at ***");
        let missing = secrets.read(&SecretSource::Env("MUSTER_TEST_IS_NOT_SET".into())).unwrap_err();
        assert!(missing.contains("MUSTER_TEST_IS_NOT_SET"), "{missing}");
    }

    #[test]
    fn a_stand_in_opens_nothing() {
        let text = StandInSecrets.read(&SecretSource::File("/does/not/exist".into())).unwrap();
        assert!(text.starts_with("https://"));
    }
}
