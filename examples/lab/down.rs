//! `down`: nothing of the lab stays: no process, no file, no shared memory.

use std::fs;
use std::path::Path;

use crate::Result;
use crate::daemon;
use crate::folder;
use crate::postgres;
use crate::world::Lab;

/// Ends and removes a lab, also what is left of one.
pub(crate) fn run(at: &Path) -> Result<()> {
    if !folder::is_labs(at) {
        println!("There is no lab in {}.", at.display());
        return Ok(());
    }
    let _lock = folder::lock(at)?;
    clean(at)?;
    println!("The lab in {} is gone.", at.display());
    Ok(())
}

/// The same, for whoever holds the folder.
pub(crate) fn clean(at: &Path) -> Result<()> {
    // A lab that broke off in its first moments has no description yet; its processes carry its mark all the same.
    let lab = Lab::open(at).ok();
    daemon::kill_everything(at, lab.as_ref())?;
    if let Some(lab) = &lab {
        postgres::free_memory(lab);
        let ours = format!("The lab is in {}.", at.display());
        if fs::read_to_string(&lab.infrastructure).is_ok_and(|text| text.contains(&ours)) {
            fs::remove_file(&lab.infrastructure)
                .map_err(|error| format!("{}: {error}", lab.infrastructure.display()))?;
        }
    }
    folder::remove(at)
}
