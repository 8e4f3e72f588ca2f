//! How actions come to secrets: through a trait, so that a simulation reads none.

use crate::secret::SecretSource;

/// Reads secrets, and takes them out of texts that Muster did not write itself.
pub trait Secrets: Send + Sync {
    /// The secret that `source` names; the error names the source, never its content.
    fn read(&self, source: &SecretSource) -> Result<String, String>;

    /// `text` without any secret that was read.
    fn redact(&self, text: &str) -> String;
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
