//! What only one side has: found by the log after the point where the other side left it, counted, and kept as a copy of
//! the whole, before anything is built over it.

use super::host::{self, Program};
use super::{Postgres, look};
use crate::id::RegionRole;
use crate::resource::{Context, Preserved, ProviderError};

/// Rows of relations below this number are the catalogue's.
const FIRST_USER_RELATION: u64 = 16_384;

/// Of the log's pages, in bytes (`XLOG_BLCKSZ`).
const PAGE: u64 = 8192;
/// The header of the first page of a segment, in bytes (`SizeOfXLogLongPHD`).
const LONG_PAGE_HEADER: u64 = 40;

/// Keeps what only `region` has.
pub(super) async fn preserve(it: &Postgres, cx: &Context, region: RegionRole) -> Result<Preserved, ProviderError> {
    let here = look::one(it, cx, region).await?;
    let there = look::one(it, cx, region.other()).await.ok();
    let diverged = match &there {
        Some(there) if there.timeline > here.timeline => {
            let (of, parent) = (there.timeline, here.timeline);
            history(it, cx, region.other(), of).await?.and_then(|text| left_at(&text, parent))
        }
        Some(there) if there.timeline == here.timeline => Some(there.position),
        _ => None,
    };
    let found = match diverged {
        // All that it has came over before it was left. There is nothing to list, and `pg_waldump` calls that an error.
        Some(from) if holds_no_record(from, here.position) => Some(Found { whole: true, ..Found::default() }),
        Some(from) => dump(it, cx, region, here.timeline, from, here.position).await?,
        None => None,
    };
    if let (Some(from), Some(Found { commits: 0, rows: 0, whole: true })) = (diverged, &found) {
        return Ok(Preserved {
            location: "nothing had to be kept".to_owned(),
            what: format!(
                "no transaction was committed after {} on timeline {}, where the other side left it",
                lsn(from),
                here.timeline
            ),
            only_here: Some(0),
        });
    }
    let into = copy(it, cx, region).await?;
    let since = diverged.map_or_else(
        || "where the other side left its log is not known".to_owned(),
        |from| {
            let lacked = here.position.saturating_sub(from);
            format!(
                "its log after {} on timeline {} up to {} is in it, {lacked} bytes that the other side lacked when it was \
                 promoted",
                lsn(from),
                here.timeline,
                lsn(here.position)
            )
        },
    );
    Ok(Preserved {
        location: format!("{into} on the host of {region}"),
        what: format!("a copy of the whole; {since}"),
        only_here: found.filter(|found| found.whole).map(|found| found.rows),
    })
}

/// Whether no record of the log fits between two of its places: the second one is not later, or what lies between them
/// is the header of a page (24 bytes, at the start of a segment 40; a record has 24 at the least).
fn holds_no_record(from: u64, to: u64) -> bool {
    to <= from || (from.is_multiple_of(PAGE) && to - from <= LONG_PAGE_HEADER)
}

/// `0/3000060`.
fn lsn(position: u64) -> String {
    format!("{:X}/{:X}", position >> 32, position & 0xFFFF_FFFF)
}

/// The history file of a timeline.
async fn history(
    it: &Postgres,
    cx: &Context,
    region: RegionRole,
    timeline: u32,
) -> Result<Option<String>, ProviderError> {
    let path = format!("pg_wal/{timeline:08X}.history");
    let question = "SELECT pg_read_file($1, 0, 1000000, true)";
    Ok(it.ask_one(cx, region, question, &[&path]).await?)
}

/// Where, by a history file, the timeline `parent` was left.
fn left_at(history: &str, parent: u32) -> Option<u64> {
    history.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let timeline: u32 = words.next()?.parse().ok()?;
        let (high, low) = words.next()?.split_once('/')?;
        let part = |text| u64::from_str_radix(text, 16).ok();
        (timeline == parent).then_some((part(high)? << 32) | part(low)?)
    })
}

/// What a stretch of log has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Found {
    /// Transactions that were committed.
    commits: u64,
    /// Rows that these inserted, changed or deleted.
    rows: u64,
    /// Whether all of it was read.
    whole: bool,
}

async fn dump(
    it: &Postgres,
    cx: &Context,
    region: RegionRole,
    timeline: u32,
    from: u64,
    to: u64,
) -> Result<Option<Found>, ProviderError> {
    let waldump = Program { name: "waldump", argv: &it.server(region).host_commands.waldump }.needed(it, region)?;
    let question = "SELECT pg_size_bytes(current_setting('wal_segment_size'))";
    let size: i64 = it.ask_one(cx, region, question, &[]).await?;
    let (first, last) = segments(timeline, from, to, size.unsigned_abs());
    let values = [
        ("timeline", timeline.to_string()),
        ("from", lsn(from)),
        ("to", lsn(to)),
        ("first_segment", first),
        ("last_segment", last),
    ];
    let values = values.each_ref().map(|(key, value)| (*key, value.as_str()));
    let listed = host::succeed(it, cx, waldump, &values).await?;
    let cut = listed.bytes > (listed.stdout.len() + listed.stderr.len()) as u64;
    Ok(Some(Found { whole: !cut, ..count(&listed.stdout) }))
}

/// The names of the files in which a stretch of log begins and ends. Without them `pg_waldump` looks into whichever file
/// it finds first, which may be one that is laid out for later and holds nothing, and gives up.
fn segments(timeline: u32, from: u64, to: u64, size: u64) -> (String, String) {
    let name = |position: u64| {
        let number = position / size.max(1);
        let in_each = (1 << 32) / size.max(1);
        format!("{timeline:08X}{:08X}{:08X}", number / in_each.max(1), number % in_each.max(1))
    };
    // A stretch that ends where a segment ends has nothing in the next one, which may not be there.
    (name(from), name(to.saturating_sub(1).max(from)))
}

/// Counts what committed transactions did, in `pg_waldump`'s listing.
fn count(listing: &str) -> Found {
    let mut rows = std::collections::BTreeMap::<&str, u64>::new();
    let mut found = Found { whole: true, ..Found::default() };
    for line in listing.lines() {
        let Some((about, what)) = line.split_once("desc: ") else { continue };
        let Some(transaction) = after(about, "tx:").map(|text| text.trim_end_matches(',')) else { continue };
        let kind = about.trim_start().strip_prefix("rmgr:").map_or("", str::trim_start);
        if kind.starts_with("Transaction") {
            if let Some(committed) = committed(transaction, what) {
                found.commits += 1;
                found.rows += committed.map(|one| rows.remove(one).unwrap_or_default()).sum::<u64>();
            }
        } else if kind.starts_with("Heap") && is_users(what) {
            *rows.entry(transaction).or_default() += rows_of(what);
        }
    }
    found
}

/// The transactions that a record commits, the savepoints' own among them: `COMMIT 2026-11-22 09:00:00 UTC; subxacts: 741
/// 742; inval msgs: …`, or `COMMIT_PREPARED 740: 2026-11-22 …`, which is of no transaction itself.
fn committed<'a>(transaction: &'a str, what: &'a str) -> Option<impl Iterator<Item = &'a str>> {
    let of = match what.strip_prefix("COMMIT_PREPARED ") {
        Some(rest) => rest.split([':', ' ']).next()?,
        None if what.starts_with("COMMIT ") => transaction,
        None => return None,
    };
    let savepoints = what.split("; ").find_map(|part| part.strip_prefix("subxacts: ")).unwrap_or_default();
    Some(std::iter::once(of).chain(savepoints.split_whitespace()))
}

/// The word that follows `key`.
fn after<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.split_once(key)?.1.split_whitespace().next()
}

/// Whether a record is about a relation of users': `blkref #0: rel 1663/16384/16385`.
fn is_users(what: &str) -> bool {
    let number = after(what, "rel ").and_then(|path| path.rsplit('/').next()?.parse().ok());
    number.is_some_and(|number: u64| number >= FIRST_USER_RELATION)
}

/// How many rows a record inserts, changes or deletes.
fn rows_of(what: &str) -> u64 {
    let word = what.split([' ', '+']).next().unwrap_or_default();
    match word {
        "INSERT" | "UPDATE" | "HOT_UPDATE" | "DELETE" => 1,
        // `MULTI_INSERT 5 tuples flags 0x02` (15), `MULTI_INSERT ntuples: 5, flags: 0x02` (16 and later).
        "MULTI_INSERT" => what.split([' ', ',']).find_map(|word| word.parse().ok()).unwrap_or(1),
        _ => 0,
    }
}

/// Has a copy of everything made in a folder of its own; gives the folder.
async fn copy(it: &Postgres, cx: &Context, region: RegionRole) -> Result<String, ProviderError> {
    let server = it.server(region);
    let preserve = Program { name: "preserve", argv: &server.host_commands.preserve }.needed(it, region)?;
    let Some(keep_in) = &server.keep_in else {
        return Err(ProviderError::Unsupported(format!(
            "{} needs `keep_in:` of its {region} region: the folder in which copies are kept",
            it.id
        )));
    };
    // Each attempt has a folder of its own: what an earlier one left is not written into.
    let stamp = cx.clock.wall().strftime("%H%M%S%3f");
    let into = format!("{}/{}-{}-{region}-{stamp}", keep_in.trim_end_matches('/'), cx.run, it.id);
    let partial = |why: String| format!("{why}; what there is in {into} by now is no whole copy");
    let ended = host::change(it, cx, region, preserve, &[("into", &into)]).await;
    match ended {
        Ok(Ok(())) => Ok(into),
        Ok(Err(why)) => Err(ProviderError::Refused(partial(why))),
        Err(ProviderError::Halfway(why)) => Err(ProviderError::Halfway(partial(why))),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::{Found, count, holds_no_record, left_at, segments};

    #[test]
    fn the_files_of_a_stretch_are_named_as_the_server_names_them() {
        // By `pg_walfile_name` of servers with segments of 1 and of 16 MiB.
        for (from, to, size, first, last) in [
            (0x10F_F118, 0x110_0000, 1 << 20, "0000000B0000000000000010", "0000000B0000000000000010"),
            (0x10F_F118, 0x110_0028, 1 << 20, "0000000B0000000000000010", "0000000B0000000000000011"),
            (0x110_0000, 0x110_0118, 1 << 20, "0000000B0000000000000011", "0000000B0000000000000011"),
            (0x1_FFFF_FF00, 0x2_0100_0028, 16 << 20, "0000000B00000001000000FF", "0000000B0000000200000001"),
        ] {
            assert_eq!(segments(0xB, from, to, size), (first.to_owned(), last.to_owned()), "{from:X} {to:X}");
        }
    }

    #[test]
    fn between_the_end_of_a_segment_and_the_header_of_the_next_one_there_is_no_record() {
        // What servers were seen to say: a log that was switched ends at 0/F00000, or behind the header at 0/F00028.
        for (from, to, nothing) in [
            (0xF0_0000, 0xF0_0000, true),
            (0xF0_0000, 0xF0_0028, true),
            (0xF0_2000, 0xF0_2018, true),
            (0xF0_0118, 0xF0_0000, true),
            (0xF0_0000, 0xF0_0040, false),
            (0xF0_0118, 0xF0_0130, false),
            (0xF0_1FE8, 0xF0_2000, false),
        ] {
            assert_eq!(holds_no_record(from, to), nothing, "{from:X} {to:X}");
        }
    }

    #[test]
    fn where_the_other_side_left_stands_in_its_history() {
        let text = "1\t0/3000060\tno recovery target specified\n\n2\t1/A0\tno recovery target specified\n";
        assert_eq!(
            (left_at(text, 1), left_at(text, 2), left_at(text, 3)),
            (Some(0x0300_0060), Some(0x1_0000_00A0), None)
        );
    }

    #[test]
    fn rows_of_transactions_that_were_committed_are_counted_and_those_of_others_are_not() {
        let listing = "\
rmgr: Heap        len (rec/tot):     59/    59, tx:        740, lsn: 0/0301, prev 0/03, desc: INSERT off 3 flags 0x00, blkref #0: rel 1663/16384/16385 blk 0
rmgr: Heap        len (rec/tot):     59/    59, tx:        740, lsn: 0/0302, prev 0/03, desc: INSERT+INIT off 1 flags 0x00, blkref #0: rel 1663/16384/16385 blk 1
rmgr: Heap        len (rec/tot):     59/    59, tx:        740, lsn: 0/0303, prev 0/03, desc: UPDATE off 3 xmax 740, blkref #0: rel 1663/16384/1259 blk 0
rmgr: Heap2       len (rec/tot):     59/    59, tx:        741, lsn: 0/0304, prev 0/03, desc: MULTI_INSERT 7 tuples flags 0x02, blkref #0: rel 1663/16384/16390 blk 0
rmgr: Heap        len (rec/tot):     59/    59, tx:        742, lsn: 0/0305, prev 0/03, desc: DELETE off 3 flags 0x00, blkref #0: rel 1663/16384/16385 blk 0
rmgr: Transaction len (rec/tot):     34/    34, tx:        740, lsn: 0/0306, prev 0/03, desc: COMMIT 2026-11-22 09:00:00.000000 UTC
rmgr: Transaction len (rec/tot):     34/    34, tx:        742, lsn: 0/0307, prev 0/03, desc: ABORT 2026-11-22 09:00:00.000000 UTC
rmgr: Transaction len (rec/tot):     34/    34, tx:        741, lsn: 0/0308, prev 0/03, desc: COMMIT 2026-11-22 09:00:00.000000 UTC
";
        assert_eq!(count(listing), Found { commits: 2, rows: 9, whole: true });
    }

    #[test]
    fn rows_behind_savepoints_and_of_prepared_transactions_are_counted_where_they_are_committed() {
        let heap = |transaction: u32| {
            format!(
                "rmgr: Heap        len (rec/tot):     59/    59, tx:        {transaction}, lsn: 0/0301, prev 0/03, desc: \
                 INSERT off 3 flags 0x00, blkref #0: rel 1663/16384/16385 blk 0\n"
            )
        };
        let end = |transaction: u32, what: &str| {
            format!(
                "rmgr: Transaction len (rec/tot):     50/    50, tx:        {transaction}, lsn: 0/0306, prev 0/03, desc: \
                 {what}\n"
            )
        };
        let at = "2026-11-22 09:00:00.000000 UTC";
        let whole = |commits, rows| Found { commits, rows, whole: true };
        let rows: String = [740, 741, 742, 742, 743].map(heap).concat();
        // 743 was rolled back to; 740 is the transaction that all are part of.
        let listing = format!("{rows}{}", end(740, &format!("COMMIT {at}; subxacts: 741 742")));
        assert_eq!(count(&listing), whole(1, 4));
        let with = format!("COMMIT {at}; rels: base/5/16400; subxacts: 741 742; inval msgs: catcache 54 relcache 1");
        assert_eq!(count(&format!("{rows}{}", end(740, &with))), whole(1, 4), "among all else that a commit tells");
        // Rows that have nothing but the savepoint's transaction.
        let listing = format!("{}{}", heap(741), end(740, &format!("COMMIT {at}; subxacts: 741")));
        assert_eq!(count(&listing), whole(1, 1));
        let prepared = |what: &str| format!("{rows}{}{}", end(740, "PREPARE gid both: "), end(0, what));
        assert_eq!(count(&prepared(&format!("COMMIT_PREPARED 740: {at}; subxacts: 741 742"))), whole(1, 4));
        assert_eq!(count(&prepared(&format!("COMMIT_PREPARED 740: {at}"))), whole(1, 1));
        assert_eq!(count(&prepared(&format!("ABORT_PREPARED 740: {at}; subxacts: 741 742"))), whole(0, 0));
    }
}
