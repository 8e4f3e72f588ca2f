//! Evidence bundles: files in one tar that has the same bytes whenever it is made of the same files, a manifest of their
//! SHA-256s that `sha256sum -c` checks, and a signature of that manifest that `ssh-keygen -Y verify` checks.
//!
//! Knows nothing of what the files say: what belongs into a bundle, and whether it follows from the journal in it, is told by
//! [`crate::app`]. Pure: bytes in, bytes out. Whatever it is given to read may be hostile: every length is bounded by the
//! bytes that are there, and no name leads out of the bundle.

mod archive;
mod manifest;
mod signature;

use std::collections::BTreeMap;

pub use archive::{ENTRIES_MAX, pack, unpack};
pub use manifest::{MANIFEST, manifest};
pub use signature::{NAMESPACE, SIGNATURE, Signed, Signers, sign, verify};

/// Files by their paths within a bundle.
pub type Files = BTreeMap<String, Vec<u8>>;

/// A bundle, unpacked and sound in itself: its bytes are those that packing its files gives, and its manifest is that of its
/// files. Whether they are true is another question.
#[derive(Debug)]
pub struct Unpacked {
    /// The folder in which everything lies.
    pub top: String,
    /// The files, without manifest and signature.
    pub files: Files,
    /// The manifest.
    pub manifest: Vec<u8>,
    /// The signature, if there is one.
    pub signature: Option<Vec<u8>>,
}

/// Why bytes are no bundle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unsound(pub String);

impl Unsound {
    fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

/// Packs files with their manifest, which `seal` may sign.
///
/// # Errors
/// A file's name does not fit into a bundle, or `seal` says why not.
pub fn seal(
    top: &str,
    mut files: Files,
    sign: impl FnOnce(&[u8]) -> Result<Option<Vec<u8>>, String>,
) -> Result<Vec<u8>, String> {
    let manifest = manifest(&files).into_bytes();
    if let Some(signature) = sign(&manifest)? {
        files.insert(SIGNATURE.to_owned(), signature);
    }
    files.insert(MANIFEST.to_owned(), manifest);
    pack(top, &files).map_err(|unsound| unsound.0)
}

/// Unpacks a bundle and looks whether it is sound.
///
/// # Errors
/// Says what is not as Muster writes it: the tar, a name, the manifest.
pub fn open(bytes: &[u8]) -> Result<Unpacked, Unsound> {
    let (top, mut files) = unpack(bytes)?;
    // Of a header, of what fills blocks up, and of the end, every byte must be as it is written.
    if pack(&top, &files)? != bytes {
        return Err(Unsound::new("the tar was not written by Muster, or changed: packing its files gives other bytes"));
    }
    let manifest = files.remove(MANIFEST).ok_or_else(|| Unsound::new(format!("there is no {MANIFEST}")))?;
    let signature = files.remove(SIGNATURE);
    manifest::check(&manifest, &files)?;
    Ok(Unpacked { top, files, manifest, signature })
}

#[cfg(test)]
mod tests;
