//! Files to a tar and back: ustar, nothing in it but regular files, the same bytes for the same files.

use std::io::Read as _;

use tar::{Archive, Builder, EntryType, Header};

use super::manifest::MANIFEST;
use super::signature::SIGNATURE;
use super::{Files, Unsound};

/// Files that a bundle may have at most.
pub const ENTRIES_MAX: usize = 200_000;
/// The longest path, in bytes: what ustar has room for, in its two parts.
const PATH_MAX: usize = 255;

/// Packs files under the folder `top`: first the manifest and its signature, then the others by their names.
///
/// # Errors
/// A name does not fit.
pub fn pack(top: &str, files: &Files) -> Result<Vec<u8>, Unsound> {
    let room: usize = files.values().map(|content| content.len() + 1024).sum();
    let mut builder = Builder::new(Vec::with_capacity(room + 1024));
    let is_first = |name: &str| matches!(name, MANIFEST | SIGNATURE);
    let first = files.iter().filter(|(name, _)| is_first(name));
    for (name, content) in first.chain(files.iter().filter(|(name, _)| !is_first(name))) {
        let path = format!("{top}/{name}");
        let fits = safe(&path).and_then(|()| header(&path, content.len() as u64));
        let header = fits.map_err(|why| Unsound::new(format!("`{}` {why}", shown(&path))))?;
        let failed = |error: std::io::Error| Unsound::new(format!("`{path}` can't be packed: {error}"));
        builder.append(&header, content.as_slice()).map_err(failed)?;
    }
    builder.into_inner().map_err(|error| Unsound::new(format!("the tar can't be ended: {error}")))
}

/// Nothing in it depends on who packs it, or when.
fn header(path: &str, size: u64) -> Result<Header, String> {
    let mut header = Header::new_ustar();
    header.set_path(path).map_err(|error| format!("is no name for a tar: {error}"))?;
    header.set_size(size);
    header.set_mode(0o644);
    header.set_entry_type(EntryType::Regular);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_cksum();
    Ok(header)
}

/// Reads a tar: the folder in which everything lies, and its files.
///
/// # Errors
/// Says which entry is not as it should be: no regular file, a name that leads elsewhere or stands twice, cut.
pub fn unpack(bytes: &[u8]) -> Result<(String, Files), Unsound> {
    let broken = |error: std::io::Error| Unsound::new(format!("it is no tar that can be read: {error}"));
    let mut archive = Archive::new(bytes);
    let mut files = Files::new();
    let mut top: Option<String> = None;
    // Raw: a long name or an attribute of another format is an entry of its own, and as such refused.
    for entry in archive.entries().map_err(broken)?.raw(true) {
        let entry = entry.map_err(broken)?;
        let header = entry.header();
        let path = header.path_bytes();
        let path = std::str::from_utf8(&path).map_err(|_| Unsound::new("a name in the tar is not UTF-8"))?.to_owned();
        let refused = |why: &str| Unsound::new(format!("the entry `{}` of the tar {why}", shown(&path)));
        if header.as_ustar().is_none() || header.entry_type() != EntryType::Regular {
            return Err(refused("is no regular file (a link, a folder, a device or an extension)"));
        }
        safe(&path).map_err(|why| refused(&why))?;
        let (folder, name) = path.split_once('/').ok_or_else(|| refused("lies in no folder"))?;
        if top.get_or_insert_with(|| folder.to_owned()) != folder {
            return Err(refused("lies in another folder than the first"));
        }
        if files.len() == ENTRIES_MAX {
            return Err(Unsound::new(format!("the tar has more than {ENTRIES_MAX} files")));
        }
        let (name, size) = (name.to_owned(), entry.size());
        // What a header says of a size is believed only as far as there are bytes.
        if size > bytes.len() as u64 {
            return Err(refused("says that it is larger than the tar"));
        }
        let mut content = Vec::new();
        entry.take(size).read_to_end(&mut content).map_err(broken)?;
        if content.len() as u64 != size {
            return Err(Unsound::new(format!("the entry `{}` of the tar is cut", shown(&path))));
        }
        if files.insert(name, content).is_some() {
            return Err(Unsound::new(format!("the entry `{}` stands in the tar twice", shown(&path))));
        }
    }
    let top = top.ok_or_else(|| Unsound::new("it is no tar, or an empty one"))?;
    Ok((top, files))
}

/// Whether a path is one that Muster writes: relative, plain ASCII, no part of it a way back.
fn safe(path: &str) -> Result<(), String> {
    if path.len() > PATH_MAX {
        return Err("has too long a name".to_owned());
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    for part in path.split('/') {
        if part.is_empty() || part == "." || part == ".." || !part.chars().all(plain) {
            return Err("has a name that does not belong into a bundle".to_owned());
        }
    }
    Ok(())
}

/// A name for a message.
fn shown(path: &str) -> String {
    path.chars().take(80).map(|c| if c.is_control() { '?' } else { c }).collect()
}
