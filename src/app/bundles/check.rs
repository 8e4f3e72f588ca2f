//! Checks a bundle from its bytes alone.

use std::collections::BTreeMap;
use std::path::Path;

use super::BUNDLE_MAX;
use super::contents::{EVIDENCE, INDEX, Index, JOURNAL, RunInput, contents};
use super::other::{Unheld, figure_by_figure};
use crate::app::AppError;
use crate::bundle::{self, Files, Signed, Signers, Unpacked};
use crate::calendar::Quarter;
use crate::journal::LineHash;
use crate::record::Record;

/// The largest file of keys that is read, in bytes.
const SIGNERS_MAX: u64 = 1024 * 1024;

/// How reports were seen to follow from the journals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Followed {
    /// Drawn again, every byte was the same.
    ByteForByte,
    /// Another version drew them: every figure was the same, but in those that could not be held against the journals.
    FigureByFigure {
        /// Which version.
        muster: String,
        /// The files of which it can't be told whether they follow, and why. A bundle that has some is not wholly checked.
        unheld: Vec<Unheld>,
    },
}

/// A bundle that holds.
#[derive(Debug)]
pub struct VerifiedBundle {
    /// Its SHA-256.
    pub sha256: String,
    /// How many files its manifest lists.
    pub files: usize,
    /// Its runs.
    pub records: Vec<Record>,
    /// The quarter that it is of.
    pub quarter: Option<String>,
    /// Who signed it, if anybody did.
    pub signed: Option<Signed>,
    /// How its reports follow from its journals.
    pub followed: Followed,
}

/// Whether a file is meant as a bundle: by its name, or by what a tar has at its beginning.
#[must_use]
pub fn is_bundle(path: &Path) -> bool {
    use std::io::Read as _;
    if path.extension().is_some_and(|extension| extension == "tar") {
        return path.is_file();
    }
    let mut start = [0; 512];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && start[257..262] == *b"ustar"
}

/// Reads the keys whose signatures are demanded.
///
/// # Errors
/// [`AppError::Usage`] if there are none in the file.
pub fn read_signers(path: &Path) -> Result<Signers, AppError> {
    let wrong = |why: String| AppError::Usage(format!("{}: {why}", path.display()));
    let size = std::fs::metadata(path).map_err(|error| wrong(error.to_string()))?.len();
    if size > SIGNERS_MAX {
        return Err(wrong(format!("it has {size} bytes; a file of keys has at most {SIGNERS_MAX}")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    Signers::read(&text).map_err(wrong)
}

/// Checks the file of a bundle. `signers`: whose signature it must have.
///
/// # Errors
/// [`AppError::Files`] if it can't be read; the inner error says what is wrong with it.
pub fn verify_bundle(path: &Path, signers: Option<&Signers>) -> Result<Result<VerifiedBundle, String>, AppError> {
    let failed = |error: std::io::Error| AppError::Files(format!("{}: {error}", path.display()));
    let size = std::fs::metadata(path).map_err(failed)?.len();
    if size > BUNDLE_MAX {
        return Ok(Err(format!("it has {size} bytes; no bundle of Muster's has more than {BUNDLE_MAX}")));
    }
    let bytes = std::fs::read(path).map_err(failed)?;
    Ok(check(&bytes, signers))
}

/// Checks the bytes of a bundle.
pub(super) fn check(bytes: &[u8], signers: Option<&Signers>) -> Result<VerifiedBundle, String> {
    let Unpacked { top, files, manifest, signature } = bundle::open(bytes).map_err(|unsound| unsound.0)?;
    let signed = signature.map(|it| bundle::verify(&it, &manifest)).transpose().map_err(|unsound| unsound.0)?;
    if let Some(signers) = signers {
        match &signed {
            None => return Err("it is not signed, and a signature is demanded".to_owned()),
            Some(signed) if !signers.have(signed) => {
                return Err(format!("it is signed by {}, which is none of the keys demanded", signed.fingerprint));
            }
            Some(_) => {}
        }
    }
    let index = files.get(INDEX).ok_or_else(|| format!("there is no {INDEX}"))?;
    let index: Index = serde_json::from_slice(index).map_err(|error| format!("{INDEX} can't be read: {error}"))?;
    let quarter = index.quarter.as_deref().map(str::parse::<Quarter>).transpose().map_err(|error| error.to_string())?;
    let own = env!("CARGO_PKG_VERSION");
    let (records, followed) = if index.muster == own {
        (byte_for_byte(&top, &files, &index, quarter)?, Followed::ByteForByte)
    } else {
        let (records, unheld) = figure_by_figure(&top, &files, &index, quarter)?;
        (records, Followed::FigureByFigure { muster: index.muster.chars().take(40).collect(), unheld })
    };
    if let Some(quarter) = quarter
        && let Some(stray) = records.iter().find(|record| Quarter::of(record.day()) != quarter)
    {
        return Err(format!("{} did not begin in {quarter}", stray.header.run));
    }
    let quarter = quarter.map(|quarter| quarter.to_string());
    let sha256 = LineHash::of(bytes).to_string();
    Ok(VerifiedBundle { sha256, files: files.len(), records, quarter, signed, followed })
}

/// What can't be drawn from journals: these themselves, and files of evidence by their own digests.
fn inputs(files: &Files, index: &Index) -> Result<Vec<RunInput>, String> {
    let mut all = Vec::new();
    for run in &index.runs {
        let journal = files.get(&format!("{}{JOURNAL}", run.folder));
        let journal = journal.ok_or_else(|| format!("there is no journal of {}", run.run))?.clone();
        let within = format!("{}{EVIDENCE}", run.folder);
        let given = files.range(within.clone()..).take_while(|(name, _)| name.starts_with(&within));
        let evidence: BTreeMap<String, Vec<u8>> =
            given.map(|(_, content)| (LineHash::of(content).to_string(), content.clone())).collect();
        all.push(RunInput { journal, evidence });
    }
    Ok(all)
}

fn byte_for_byte(top: &str, files: &Files, index: &Index, quarter: Option<Quarter>) -> Result<Vec<Record>, String> {
    let (own_top, own, records) = contents(inputs(files, index)?, quarter).map_err(|error| error.to_string())?;
    for (name, content) in files {
        match own.get(name) {
            Some(drawn) if drawn == content => {}
            Some(_) => return Err(format!("{name} does not follow from the journal: drawn again it is another")),
            None => return Err(format!("{name} does not belong into the bundle")),
        }
    }
    if let Some((missing, _)) = own.iter().find(|(name, _)| !files.contains_key(*name)) {
        return Err(format!("{missing} is missing"));
    }
    if own_top != top {
        return Err(format!("its folder is called {top}, and should be {own_top}"));
    }
    Ok(records)
}

#[cfg(test)]
mod tests;
