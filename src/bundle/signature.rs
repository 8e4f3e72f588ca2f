//! The signature of a manifest: SSHSIG with an ed25519 key, as `ssh-keygen -Y sign` makes it and `-Y verify` checks it.
//!
//! <https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.sshsig>

use ssh_key::public::KeyData;
use ssh_key::{Algorithm, HashAlg, LineEnding, PrivateKey, PublicKey, SshSig};

use super::Unsound;

/// Its name in a bundle.
pub const SIGNATURE: &str = "MANIFEST.sha256.sig";
/// What it is a signature for, so that none for another purpose can be passed off as one: `ssh-keygen -Y verify -n`.
pub const NAMESPACE: &str = "muster-bundle";

/// A signature that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The key's fingerprint, as `ssh-keygen -l` prints it.
    pub fingerprint: String,
    /// The key, as it stands in an `allowed_signers` file.
    pub key: String,
}

/// Signs a manifest with a private key in OpenSSH's form.
///
/// # Errors
/// A sentence for people: it is no such key, it is encrypted, or of another kind.
pub fn sign(private_key: &[u8], manifest: &[u8]) -> Result<Vec<u8>, String> {
    let key = PrivateKey::from_openssh(private_key).map_err(|error| {
        format!("it is no private key in OpenSSH's form, or of another kind than ed25519 ({error}); make one: {MAKE}")
    })?;
    if key.is_encrypted() {
        return Err(format!(
            "the key is encrypted, and Muster asks for no passphrase. Sign with a key that has none and that only you may \
             read: {MAKE}"
        ));
    }
    if key.algorithm() != Algorithm::Ed25519 {
        return Err(format!("the key is of the kind {}, and only ed25519 is signed with: {MAKE}", key.algorithm()));
    }
    let signature = key.sign(NAMESPACE, HashAlg::Sha512, manifest).map_err(|error| error.to_string())?;
    signature.to_pem(LineEnding::LF).map(String::into_bytes).map_err(|error| error.to_string())
}

/// How such a key is made.
const MAKE: &str = "ssh-keygen -t ed25519 -N '' -f KEY";

/// Checks the signature of a manifest.
///
/// # Errors
/// It is none, is not of this manifest, or was changed.
pub fn verify(signature: &[u8], manifest: &[u8]) -> Result<Signed, Unsound> {
    let wrong = |why: String| Unsound::new(format!("{SIGNATURE} does not hold: {why}"));
    let parsed = SshSig::from_pem(signature).map_err(|error| wrong(error.to_string()))?;
    let KeyData::Ed25519(_) = parsed.public_key() else {
        return Err(wrong("it is not by an ed25519 key".to_owned()));
    };
    // One signature has one form: a byte that means nothing is a change all the same.
    let written = parsed.to_pem(LineEnding::LF).map_err(|error| wrong(error.to_string()))?;
    if written.as_bytes() != signature {
        return Err(wrong("it is not written as Muster writes it".to_owned()));
    }
    let key = PublicKey::new(parsed.public_key().clone(), "");
    key.verify(NAMESPACE, manifest, &parsed).map_err(|error| wrong(error.to_string()))?;
    let text = key.to_openssh().map_err(|error| wrong(error.to_string()))?;
    Ok(Signed { fingerprint: key.fingerprint(HashAlg::Sha256).to_string(), key: text.trim().to_owned() })
}

/// Keys whose signatures are wanted: of an `allowed_signers` file, or a public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signers(Vec<String>);

impl Signers {
    /// Reads them.
    ///
    /// # Errors
    /// There is no ed25519 key among them.
    pub fn read(text: &str) -> Result<Self, String> {
        let key = |line: &str| {
            let mut words = line.split_whitespace().skip_while(|word| *word != "ssh-ed25519");
            let key = PublicKey::from_openssh(&format!("{} {}", words.next()?, words.next()?)).ok()?;
            key.to_openssh().ok().map(|text| text.trim().to_owned())
        };
        let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        let keys: Vec<String> = lines.filter_map(key).collect();
        if keys.is_empty() {
            return Err("it has no ed25519 key, neither of an allowed_signers file nor by itself".to_owned());
        }
        Ok(Self(keys))
    }

    /// Whether a signature is by one of them.
    #[must_use]
    pub fn have(&self, signed: &Signed) -> bool {
        self.0.contains(&signed.key)
    }
}
