//! What an archive has: complete base backups with their times, and which stretches of the log are there without a gap.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::Value;

use crate::resource::SnapshotSummary;
use crate::time::Span;

/// So many files of an archive are looked at.
const FILES_MAX: usize = 4_000_000;
/// The longest manifest that is read, in bytes: a base backup of a million files has one of about 200 MB.
const MANIFEST_MAX: u64 = 1 << 30;
/// The size of a segment of the log where no file tells it, in bytes.
const SEGMENT: u64 = 16 << 20;

/// A complete base backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BaseBackup {
    pub(super) folder: PathBuf,
    /// When its manifest, the last that is written of it, was.
    pub(super) at: Timestamp,
    /// Where in the log a restore of it begins and where it is consistent.
    pub(super) log: (u64, u64),
}

/// All that a region's archive has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Archived {
    /// By time, the oldest first.
    pub(super) backups: Vec<BaseBackup>,
    /// When each segment of the log was archived, by its place in the log.
    pub(super) segments: BTreeMap<u64, Timestamp>,
    pub(super) segment_bytes: u64,
}

/// Reads both folders.
pub(super) fn read(backups: &Path, log: &Path) -> Result<Archived, String> {
    let mut found = Archived { backups: Vec::new(), segments: BTreeMap::new(), segment_bytes: SEGMENT };
    for folder in entries(backups)? {
        let manifest = folder.join("backup_manifest");
        // Without its manifest it was never finished.
        if manifest.is_file() {
            found.backups.push(base_backup(&folder, &manifest)?);
        }
    }
    found.backups.sort_by_key(|backup| backup.at);
    let mut files = Vec::new();
    for file in entries(log)? {
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some((timeline_free, plain)) = segment_name(name) else { continue };
        let about = fs::metadata(&file).map_err(|error| format!("`{}`: {error}", file.display()))?;
        if plain && about.len().is_power_of_two() && (1 << 20..=1 << 30).contains(&about.len()) {
            found.segment_bytes = about.len();
        }
        files.push((timeline_free, modified(&file, &about)?));
    }
    let in_each = (1_u64 << 32) / found.segment_bytes;
    for ((high, low), at) in files {
        // Of one place on two timelines the later one counts.
        let place = found.segments.entry(high * in_each + low).or_insert(at);
        *place = (*place).max(at);
    }
    Ok(found)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("`{}` can't be read: {error}", folder.display()))?;
    let paths: Result<Vec<PathBuf>, _> = entries.take(FILES_MAX).map(|entry| entry.map(|entry| entry.path())).collect();
    paths.map_err(|error| format!("`{}` can't be read: {error}", folder.display()))
}

fn modified(path: &Path, about: &fs::Metadata) -> Result<Timestamp, String> {
    let at = about.modified().ok().and_then(|at| Timestamp::try_from(at).ok());
    at.ok_or_else(|| format!("when `{}` was written can't be told", path.display()))
}

/// The place of a segment by its name, `00000001` `0000000A` `000000FE`: the latter two numbers; and whether the file is
/// the segment itself, and not packed in some way. `None` for histories, labels and parts.
fn segment_name(name: &str) -> Option<((u64, u64), bool)> {
    let (digits, rest) = (name.get(..24)?, name.get(24..)?);
    let last = rest.rsplit('.').next().unwrap_or_default();
    let packed = rest.starts_with('.') && !["backup", "partial", "part"].contains(&last);
    if !(rest.is_empty() || packed) || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let part = |range| u64::from_str_radix(&digits[range], 16).ok();
    Some(((part(8..16)?, part(16..24)?), rest.is_empty()))
}

fn base_backup(folder: &Path, manifest: &Path) -> Result<BaseBackup, String> {
    let broken = |why: &dyn std::fmt::Display| format!("`{}`: {why}", manifest.display());
    let about = fs::metadata(manifest).map_err(|error| broken(&error))?;
    if about.len() > MANIFEST_MAX {
        return Err(broken(&"larger than 1 GiB"));
    }
    let text = fs::read_to_string(manifest).map_err(|error| broken(&error))?;
    let parsed: Value = serde_json::from_str(&text).map_err(|error| broken(&error))?;
    let range = &parsed["WAL-Ranges"][0];
    let place = |key: &str| range[key].as_str().and_then(place_of);
    let log =
        place("Start-LSN").zip(place("End-LSN")).ok_or_else(|| broken(&"it does not tell its part of the log"))?;
    Ok(BaseBackup { folder: folder.to_owned(), at: modified(manifest, &about)?, log })
}

fn place_of(lsn: &str) -> Option<u64> {
    let (high, low) = lsn.split_once('/')?;
    let part = |text| u64::from_str_radix(text, 16).ok();
    Some((part(high)? << 32) | part(low)?)
}

impl Archived {
    /// The last moment up to which a base backup's log goes without a gap; its own if there is none after it.
    fn reaches(&self, backup: &BaseBackup) -> Timestamp {
        let mut place = backup.log.0 / self.segment_bytes;
        let mut until = backup.at;
        while let Some(at) = self.segments.get(&place) {
            until = until.max(*at);
            place += 1;
        }
        until
    }

    /// What there is, in numbers. A gap is a time that no restore reaches: from where the log after a base backup breaks
    /// off to the next base backup.
    pub(super) fn summary(&self, now: Timestamp, encrypted: u32) -> SnapshotSummary {
        let mut gap = Span::ZERO;
        let mut reached: Option<Timestamp> = None;
        for backup in &self.backups {
            if let Some(reached) = reached {
                gap = gap.max(between(reached, backup.at));
            }
            reached = Some(reached.unwrap_or(backup.at).max(self.reaches(backup)));
        }
        let oldest = self.backups.first().map_or(now, |backup| backup.at);
        SnapshotSummary {
            count: u32::try_from(self.backups.len()).unwrap_or(u32::MAX),
            newest_age: between(reached.unwrap_or(oldest), now),
            oldest_age: between(oldest, now),
            longest_gap: gap,
            encrypted,
            aged_as_copies: 0,
        }
    }
}

/// From `from` to `to`; zero if that is backwards.
pub(super) fn between(from: Timestamp, to: Timestamp) -> Span {
    Span(u64::try_from(to.duration_since(from).as_nanos()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    fn archived(backups: &[(i64, u64)], segments: &[(u64, i64)]) -> Archived {
        let backup = |(second, place): &(i64, u64)| BaseBackup {
            folder: PathBuf::from("b"),
            at: at(*second),
            log: (place * SEGMENT, place * SEGMENT + 100),
        };
        Archived {
            backups: backups.iter().map(backup).collect(),
            segments: segments.iter().map(|(place, second)| (*place, at(*second))).collect(),
            segment_bytes: SEGMENT,
        }
    }

    #[test]
    fn with_its_log_whole_a_base_backup_reaches_to_the_newest_segment() {
        let seen = archived(&[(10, 1), (100, 3)], &[(1, 20), (2, 60), (3, 110), (4, 160)]).summary(at(200), 2);
        assert_eq!((seen.count, seen.encrypted, seen.longest_gap), (2, 2, Span::ZERO));
        assert_eq!((seen.newest_age, seen.oldest_age), (Span::from_secs(40), Span::from_secs(190)));
    }

    #[test]
    fn a_missing_segment_is_a_gap_up_to_the_next_base_backup() {
        let seen = archived(&[(10, 1), (100, 3)], &[(1, 20), (3, 110), (5, 160)]).summary(at(200), 0);
        assert_eq!((seen.longest_gap, seen.newest_age), (Span::from_secs(80), Span::from_secs(90)));
    }

    #[test]
    fn segments_are_told_from_all_else_that_is_archived() {
        assert_eq!(segment_name("000000010000000A000000FE"), Some(((10, 254), true)));
        assert_eq!(segment_name("000000010000000A000000FE.gz"), Some(((10, 254), false)));
        for other in
            ["00000002.history", "000000010000000A000000FE.00000028.backup", "000000010000000A000000FE.partial", "x"]
        {
            assert_eq!(segment_name(other), None, "{other}");
        }
    }
}
