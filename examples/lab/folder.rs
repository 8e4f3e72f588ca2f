//! The lab's folder: which one, that it is a lab's, and that one command at a time works in it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::Result;

/// Stands in a lab's folder from its first moment, so that nothing else is ever removed.
const MARK: &str = "this-is-a-muster-lab";

/// The folder that was asked for, or the usual one.
pub(crate) fn chosen(asked: Option<PathBuf>) -> Result<PathBuf> {
    let folder = match asked {
        Some(folder) => folder,
        // PostgreSQL, which runs as another user then, could not reach a folder in root's home.
        None if rustix::process::geteuid().is_root() => PathBuf::from("/var/cache/muster-lab"),
        None => cache()?.join("muster-lab"),
    };
    let absolute = std::path::absolute(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let plain =
        absolute.to_str().is_some_and(|text| text.chars().all(|it| it.is_alphanumeric() || "/._-+".contains(it)));
    if plain {
        Ok(absolute)
    } else {
        Err(format!(
            "{} can't be the lab's folder: its path goes into other programs' settings, so only letters, digits and \
             / . _ - + may be in it",
            absolute.display()
        ))
    }
}

fn cache() -> Result<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(cache) = set("XDG_CACHE_HOME") {
        return Ok(cache);
    }
    let home = set("HOME").ok_or("neither XDG_CACHE_HOME nor HOME is set: say where with --dir")?;
    Ok(home.join(if cfg!(target_os = "macos") { "Library/Caches" } else { ".cache" }))
}

/// Whether there is a lab, or what is left of one.
pub(crate) fn is_labs(folder: &Path) -> bool {
    folder.join(MARK).exists()
}

/// Makes the folder of a new lab; refuses one that holds anything else.
pub(crate) fn make(folder: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let failed = |error: std::io::Error| format!("{} can't be made: {error}", folder.display());
    fs::create_dir_all(folder).map_err(failed)?;
    let mut inside = fs::read_dir(folder).map_err(failed)?;
    if inside.next().is_some() {
        return Err(format!("{} holds something else: the lab needs a folder of its own", folder.display()));
    }
    // Others may pass through, as PostgreSQL's user must; what is secret is kept from them file by file.
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).map_err(failed)?;
    fs::write(folder.join(MARK), "Made by `lab up`; `lab down` removes this folder.\n").map_err(failed)
}

/// Removes a lab's folder.
pub(crate) fn remove(folder: &Path) -> Result<()> {
    if !is_labs(folder) {
        return Err(format!("{} is no lab's folder: nothing is removed", folder.display()));
    }
    let failed = |error: std::io::Error| format!("{} can't be removed: {error}", folder.display());
    // The mark goes last: whatever comes between, the next `down` still knows the folder.
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_name() == MARK {
            continue;
        }
        let kind = entry.file_type().map_err(failed)?;
        let removed = if kind.is_dir() { fs::remove_dir_all(entry.path()) } else { fs::remove_file(entry.path()) };
        removed.map_err(failed)?;
    }
    fs::remove_file(folder.join(MARK)).and_then(|()| fs::remove_dir(folder)).map_err(failed)
}

/// Holds the folder for one command; a second one is refused at once.
pub(crate) fn lock(folder: &Path) -> Result<File> {
    let path = folder.join("lock");
    let file = File::create(&path).map_err(|error| format!("{} can't be made: {error}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => {
            Err(format!("another `lab up` or `lab down` works in {} now: wait for it", folder.display()))
        }
        Err(fs::TryLockError::Error(error)) => Err(format!("{} can't be locked: {error}", path.display())),
    }
}
