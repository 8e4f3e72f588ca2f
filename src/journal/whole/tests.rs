use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::journal::{Durability, MemoryLog, Stamp, Writer};

/// A journal of so many records.
fn journal(records: u64) -> Vec<u8> {
    let log = MemoryLog::new();
    let mut writer = Writer::over(RunId::new("run").unwrap(), Box::new(log.clone()));
    for n in 0..records {
        let at = Timestamp::from_second(1_800_000_000).unwrap();
        // Of many lengths, so that the borders between threads fall everywhere.
        let text = "x".repeat(usize::try_from(n * 7 % 50).unwrap());
        writer.append(Stamp { at, elapsed_ns: n }, &[json!({"kind": "said", "text": text})]).unwrap();
    }
    log.bytes()
}

fn decode(placed: Placed<'_>) -> Result<(u64, Value), JournalError> {
    let event = serde_json::from_str(placed.event);
    let event = event.map_err(|error| Damage::NotARecord { line: placed.seq + 1, why: error.to_string() })?;
    Ok((placed.seq, event))
}

/// What a whole reading gives, or why it is refused.
type Told = Result<(Vec<(u64, Value)>, LineHash, Option<(u64, u64)>), String>;

fn told(whole: Result<Whole<(u64, Value)>, JournalError>) -> Told {
    whole.map(|whole| (whole.items, whole.head, whole.cut)).map_err(|error| error.to_string())
}

/// Reads bytes line by line, and by several threads where these take them.
fn both(bytes: &[u8], threads: u64) -> (Told, Option<Told>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    std::fs::write(&path, bytes).unwrap();
    let swift = side_by_side(&path, bytes.len() as u64, threads, &|placed| decode(placed).ok());
    (told(one_by_one(&path, &decode)), swift.map(|whole| told(Ok(whole))))
}

#[test]
fn several_threads_read_what_one_reads() {
    for records in [1, 2, 3, 40] {
        let bytes = journal(records);
        for threads in 1..=9 {
            let (single, swift) = both(&bytes, threads);
            assert_eq!(single.as_ref().unwrap().0.len() as u64, records);
            // Taken, not left to the slow way.
            assert_eq!(swift.unwrap(), single, "{records} records, {threads} threads");
        }
    }
}

#[test]
fn a_cut_last_record_is_told_wherever_it_is_cut() {
    let bytes = journal(5);
    let last = bytes[..bytes.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    for end in last..bytes.len() {
        for threads in [1, 2, 5] {
            let (single, swift) = both(&bytes[..end], threads);
            let cut = (end > last).then_some((last as u64, (end - last) as u64));
            assert_eq!(single.as_ref().unwrap().2, cut);
            assert_eq!(swift.unwrap(), single, "cut at {end}, {threads} threads");
        }
    }
}

#[test]
fn a_journal_that_is_not_whole_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let lines: Vec<_> = journal(4).split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    std::fs::write(&path, [&lines[0][..], &lines[2], &lines[3]].concat()).unwrap();
    let error = read_whole(&path, decode).unwrap_err().to_string();
    assert!(error.contains("line 2"), "{error}");
    std::fs::write(&path, b"").unwrap();
    assert!(read_whole(&path, decode).is_err());
    let missing = read_whole(&folder.path().join("none"), decode).unwrap_err();
    assert!(matches!(missing, JournalError::File { .. }), "{missing}");
}

#[test]
fn what_a_record_is_decoded_to_may_be_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    std::fs::write(&path, journal(3)).unwrap();
    let refuse = |placed: Placed<'_>| {
        let damage = Damage::NotARecord { line: placed.seq + 1, why: "of the future".to_owned() };
        if placed.seq == 1 { Err(JournalError::from(damage)) } else { Ok(()) }
    };
    let error = read_whole(&path, refuse).unwrap_err().to_string();
    assert!(error.contains("of the future"), "{error}");
}

#[test]
fn a_run_is_taken_up_behind_its_last_whole_record() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let bytes = journal(3);
    std::fs::write(&path, &bytes[..bytes.len() - 4]).unwrap();
    let (mut writer, whole) = Writer::take_up(&path, Durability::EachCommit, decode).unwrap();
    assert_eq!(whole.items.len(), 2);
    let at = Timestamp::from_second(1_800_000_001).unwrap();
    assert_eq!(writer.append(Stamp { at, elapsed_ns: 9 }, &[json!({"kind": "more"})]).unwrap().first_seq, 2);
    assert_eq!(reader::verify_file(&path).unwrap().lines, 3);
}

proptest! {
    /// Whatever is changed in a journal: what several threads take is what one alone takes.
    #[test]
    fn no_damage_gets_past_several_threads(
        records in 1_u64..12,
        threads in 1_u64..5,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), any::<bool>()), 0..3),
    ) {
        let mut bytes = journal(records);
        for (place, byte, insert) in changes {
            let place = place.index(bytes.len());
            if insert { bytes.insert(place, byte) } else { bytes[place] = byte }
        }
        let (single, swift) = both(&bytes, threads);
        if let Some(swift) = swift {
            prop_assert_eq!(swift, single);
        }
    }

    /// The same where whole lines are left out, doubled or come from another journal.
    #[test]
    fn no_line_in_the_wrong_place_gets_past_several_threads(
        order in prop::collection::vec(0_usize..6, 1..10),
        threads in 1_u64..5,
    ) {
        let bytes = journal(6);
        let lines: Vec<_> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
        let mixed: Vec<u8> = order.iter().flat_map(|n| lines[*n].to_vec()).collect();
        let (single, swift) = both(&mixed, threads);
        prop_assert_eq!(swift.is_some(), single.is_ok());
        if let Some(swift) = swift {
            prop_assert_eq!(swift, single);
        }
    }
}
