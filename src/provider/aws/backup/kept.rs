//! Snapshots as data: of which volume each is, how old a copy really is, and how the volumes fare. Pure.

use std::collections::BTreeMap;

use crate::resource::SnapshotSummary;
use crate::time::Span;

/// One snapshot that is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Snapshot {
    pub(super) id: String,
    /// The volume or instance that it is of; none of a copy whose original was not seen: EBS gives copies an arbitrary one.
    pub(super) of: Option<String>,
    /// In milliseconds since 1970.
    pub(super) at: i64,
    pub(super) encrypted: bool,
    /// The original of which it is a copy, and that one's region, as long as `at` is not the original's.
    pub(super) copy_of: Option<(String, String)>,
    /// What RDS needs to know of it for a restore: its instance's class.
    pub(super) instance: Option<String>,
}

/// The originals that were seen, by region and id: when each was begun, and of which volume it is.
pub(super) type Originals = BTreeMap<(String, String), (i64, Option<String>)>;

/// Adds what was seen in `region`.
pub(super) fn learn(originals: &mut Originals, region: &str, seen: &[Snapshot]) {
    for one in seen.iter().filter(|one| one.copy_of.is_none()) {
        originals.insert((region.to_owned(), one.id.clone()), (one.at, one.of.clone()));
    }
}

/// Gives copies the times and the volumes of their originals: EBS itself says when the copy was begun.
pub(super) fn date(copies: &mut [Snapshot], originals: &Originals) {
    for copy in copies {
        let Some((id, region)) = copy.copy_of.clone() else { continue };
        if let Some((at, of)) = originals.get(&(region, id)) {
            copy.at = copy.at.min(*at);
            copy.of.clone_from(of);
            copy.copy_of = None;
        }
    }
}

/// The original that a copy's description names, and its region: `[Copied snap-0a1b from us-east-1] nightly`, as EBS writes
/// it.
pub(super) fn original(description: &str) -> Option<(String, String)> {
    let (_, rest) = description.split_once("[Copied ")?;
    let (id, from) = rest.split_once(']')?.0.split_once(" from ")?;
    id.starts_with("snap-").then(|| (id.to_owned(), from.to_owned()))
}

/// The age at `now` of what is of `at`, both in milliseconds.
pub(super) fn age(now: i64, at: i64) -> Span {
    Span::from_millis(u64::try_from(now.saturating_sub(at)).unwrap_or(0))
}

/// The snapshots of one volume or instance, the oldest first; never none.
struct Kept<'a> {
    of: Option<&'a str>,
    snapshots: Vec<&'a Snapshot>,
}

impl<'a> Kept<'a> {
    fn newest(&self) -> Option<&'a Snapshot> {
        self.snapshots.last().copied()
    }

    fn newest_at(&self) -> i64 {
        self.newest().map_or(0, |one| one.at)
    }

    fn oldest_at(&self) -> i64 {
        self.snapshots.first().map_or(0, |one| one.at)
    }

    fn longest_gap(&self) -> Span {
        self.snapshots.windows(2).map(|pair| age(pair[1].at, pair[0].at)).max().unwrap_or(Span::ZERO)
    }

    fn name(&self) -> &'a str {
        self.of.unwrap_or("a volume that is not known")
    }
}

/// The snapshots by their volumes, and copies of which nobody knows the volume where there is more than one that they may
/// be of.
fn by_volume<'a>(snapshots: impl Iterator<Item = &'a Snapshot>) -> (Vec<Kept<'a>>, Option<Kept<'a>>) {
    let mut by: BTreeMap<Option<&str>, Vec<&Snapshot>> = BTreeMap::new();
    for one in snapshots {
        by.entry(one.of.as_deref()).or_default().push(one);
    }
    // Where one volume is known, the copies whose originals are gone already are older ones of it.
    if by.len() == 2
        && let Some(unknown) = by.remove(&None::<&str>)
    {
        for snapshots in by.values_mut() {
            let newest = snapshots.iter().map(|one| one.at).max().unwrap_or(0);
            snapshots.extend(unknown.iter().filter(|one| one.at <= newest));
        }
    }
    let mut all: Vec<Kept<'_>> = by.into_iter().map(|(of, snapshots)| Kept { of, snapshots }).collect();
    for kept in &mut all {
        kept.snapshots.sort_by_key(|one| one.at);
    }
    let unknown = (all.len() > 1).then(|| all.iter().position(|kept| kept.of.is_none())).flatten();
    let unknown = unknown.map(|n| all.remove(n));
    (all, unknown)
}

/// What the snapshots are, seen at `now`. Each volume is judged by itself and the worst one is told: the ages are those of
/// the volume whose newest is the oldest, and which reaches back the least.
pub(super) fn summary(snapshots: &[Snapshot], now: i64) -> SnapshotSummary {
    let count =
        |is: fn(&Snapshot) -> bool| u32::try_from(snapshots.iter().filter(|one| is(one)).count()).unwrap_or(u32::MAX);
    let (volumes, unknown) = by_volume(snapshots.iter());
    let reach = volumes.iter().map(|kept| age(now, kept.oldest_at())).min().unwrap_or(Span::ZERO);
    // Copies that outlive their originals reach back further, whosever they are.
    let further = unknown.map_or(Span::ZERO, |kept| age(now, kept.oldest_at()));
    SnapshotSummary {
        count: count(|_| true),
        newest_age: volumes.iter().map(|kept| age(now, kept.newest_at())).max().unwrap_or(Span::ZERO),
        oldest_age: reach.max(further),
        longest_gap: volumes.iter().map(Kept::longest_gap).max().unwrap_or(Span::ZERO),
        encrypted: count(|one| one.encrypted),
        aged_as_copies: count(|one| one.copy_of.is_some()),
    }
}

/// Which volumes the figures of a summary are of, for people; none where there is only one.
pub(super) fn told(snapshots: &[Snapshot]) -> Option<String> {
    let (volumes, _) = by_volume(snapshots.iter());
    if let [only] = &volumes[..]
        && only.of.is_none()
    {
        return Some("of which volumes the copies are is not known: all are judged as one".to_owned());
    }
    let stalest = volumes.iter().min_by_key(|kept| kept.newest_at())?;
    let gap = volumes.iter().max_by_key(|kept| kept.longest_gap())?;
    (volumes.len() > 1).then(|| {
        format!(
            "{}, each judged by itself: the newest of {} is the oldest, the longest gap is of {}",
            volumes.len(),
            stalest.name(),
            gap.name()
        )
    })
}

/// The snapshot to restore from: the newest that is not newer than `until`, of the volume whose newest is the oldest.
pub(super) fn chosen(snapshots: &[Snapshot], until: i64) -> Option<&Snapshot> {
    let (volumes, unknown) = by_volume(snapshots.iter().filter(|one| one.at <= until));
    let volume = volumes.iter().min_by_key(|kept| kept.newest_at()).or(unknown.as_ref());
    volume.and_then(Kept::newest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn hours(many: u64) -> Span {
        Span::from_secs(many * 3600)
    }

    fn at(hours: i64, encrypted: bool) -> Snapshot {
        let of = Some("vol-1".to_owned());
        Snapshot { id: format!("snap-{hours}"), of, at: hours * HOUR, encrypted, copy_of: None, instance: None }
    }

    /// Of another volume.
    fn of(volume: &str, hours: i64) -> Snapshot {
        Snapshot { id: format!("{volume}-{hours}"), of: Some(volume.to_owned()), ..at(hours, true) }
    }

    /// A copy whose original was not seen.
    fn copy(original: &str, hours: i64) -> Snapshot {
        let copy_of = Some((original.to_owned(), "us-east-1".to_owned()));
        Snapshot { id: format!("copy-{hours}"), of: None, copy_of, ..at(hours, true) }
    }

    #[test]
    fn copies_of_volumes_that_nobody_knows_are_told_as_such_and_lend_their_age_to_no_other() {
        assert!(told(&[copy("snap-1", 1), copy("snap-2", 2)]).unwrap().contains("all are judged as one"));
        // One volume is known and stopped long ago: a newer copy, whosever it is, is none of its own.
        let seen = summary(&[of("vol-1", 1), of("vol-1", 2), copy("snap-9", 90)], 100 * HOUR);
        assert_eq!(seen.newest_age, hours(98));
    }

    #[test]
    fn the_longest_gap_and_the_ages_are_seen_whatever_the_order() {
        let seen = summary(&[at(5, true), at(1, true), at(2, false)], 6 * HOUR);
        assert_eq!((seen.count, seen.encrypted), (3, 2));
        assert_eq!((seen.newest_age, seen.oldest_age), (hours(1), hours(5)));
        assert_eq!(seen.longest_gap, hours(3));
        assert_eq!(told(&[at(5, true), at(1, true)]), None);
        assert_eq!(summary(&[], 0).count, 0);
    }

    #[test]
    fn a_volume_whose_snapshots_stopped_is_not_hidden_by_one_that_has_them_hourly() {
        let now = 1_000;
        let mut snapshots: Vec<Snapshot> = (now - 30 * 24..now).map(|hour| of("vol-1", hour)).collect();
        let stopped = now - 21 * 24;
        snapshots.extend((stopped - 48..=stopped).map(|hour| of("vol-2", hour)));
        let seen = summary(&snapshots, now * HOUR);
        assert_eq!(seen.newest_age, hours(21 * 24), "of the one that stopped three weeks ago");
        assert_eq!(seen.oldest_age, hours(23 * 24), "of the one that reaches back the least");
        assert_eq!((seen.longest_gap, seen.count), (hours(1), 720 + 49));
        let told = told(&snapshots).unwrap();
        assert!(told.starts_with("2, ") && told.contains("the newest of vol-2 is the oldest"), "{told}");
        let tested = chosen(&snapshots, now * HOUR).unwrap();
        assert_eq!(tested.id, format!("vol-2-{stopped}"), "it is what a restore tests");
        let only_first = (stopped - 49) * HOUR;
        assert_eq!(chosen(&snapshots, only_first).unwrap().of.as_deref(), Some("vol-1"), "the other reaches back less");
    }

    #[test]
    fn neighbours_of_two_volumes_hide_no_gap() {
        let snapshots = [of("vol-1", 0), of("vol-2", 1), of("vol-1", 8), of("vol-2", 2)];
        assert_eq!(summary(&snapshots, 8 * HOUR).longest_gap, hours(8));
        assert!(told(&snapshots).unwrap().ends_with("the longest gap is of vol-1"));
    }

    #[test]
    fn a_copy_is_of_its_originals_volume_and_as_old() {
        let mut originals = Originals::new();
        learn(&mut originals, "us-east-1", &[of("vol-1", 1), of("vol-2", 2)]);
        let mut copies = vec![copy("vol-1-1", 9), copy("vol-2-2", 9), copy("vol-3-3", 9)];
        date(&mut copies, &originals);
        let seen: Vec<_> = copies.iter().map(|one| (one.of.as_deref(), one.at / HOUR, one.copy_of.is_some())).collect();
        assert_eq!(seen, [(Some("vol-1"), 1, false), (Some("vol-2"), 2, false), (None, 9, true)]);
    }

    #[test]
    fn copies_that_outlive_their_originals_reach_back_and_are_no_volume_that_stopped() {
        for volumes in [&["vol-1"][..], &["vol-1", "vol-2"]] {
            let mut snapshots: Vec<Snapshot> = volumes.iter().map(|volume| of(volume, 99)).collect();
            snapshots.extend([copy("gone", 10), copy("gone", 20)]);
            let seen = summary(&snapshots, 100 * HOUR);
            assert_eq!((seen.newest_age, seen.oldest_age), (hours(1), hours(90)), "{volumes:?}");
            assert_eq!(chosen(&snapshots, 100 * HOUR).unwrap().at, 99 * HOUR, "{volumes:?}");
            assert_eq!(chosen(&snapshots, 30 * HOUR).unwrap().at, 20 * HOUR, "{volumes:?}");
        }
        let alone = [copy("gone", 1), copy("gone", 2)];
        assert_eq!(summary(&alone, 3 * HOUR).newest_age, hours(1), "where no original was seen, they are all there is");
    }

    #[test]
    fn a_copy_names_its_original() {
        let copied = |text: &str| original(text).map(|(id, from)| format!("{id} {from}"));
        assert_eq!(copied("[Copied snap-0a from us-east-1] nightly").as_deref(), Some("snap-0a us-east-1"));
        for other in ["", "nightly", "[Copied from us-east-1]", "[Copied ami-0a from us-east-1]"] {
            assert_eq!(copied(other), None, "{other}");
        }
    }
}
