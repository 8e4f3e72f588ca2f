//! What a scheduler must know across its restarts: which times were taken by which run, since when a schedule is looked
//! at, and what people are told.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, TransactionBehavior};

use super::{SqliteLive, StoreError};
use crate::id::RunId;

/// Who may run a drill for a time at which it is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// Whoever asked.
    Ours,
    /// Another run had it before, and has it for good.
    By(String),
}

/// Something that one of those who are told is still to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telling {
    /// What names it; it is told once.
    pub key: String,
    /// To whom.
    pub target: String,
    /// What, as its maker wrote it.
    pub told: String,
    /// How often it was tried.
    pub tries: u32,
}

/// How a delivery went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It was taken.
    Done,
    /// It was not; it is tried again then.
    Again(Timestamp, String),
    /// It was not, and is not tried again.
    Failed(String),
}

/// Things to be told that are read at once.
const AT_ONCE: u32 = 100;

impl SqliteLive {
    /// Takes the time that a drill is due for a run, once and for all, unless one has it. A run that the index knows to
    /// have been begun for it has it too, also where the store was lost and made again.
    ///
    /// # Errors
    /// [`StoreError`]: nobody has it by this.
    pub fn claim_occurrence(
        &mut self,
        playbook: &str,
        occurrence: &str,
        run: &RunId,
        at: Timestamp,
    ) -> Result<Claimed, StoreError> {
        let mut claim = || {
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let by = transaction
                .query_row(
                    "SELECT run FROM occurrences WHERE playbook = ?1 AND occurrence = ?2 UNION ALL SELECT run FROM runs \
                     WHERE playbook = ?1 AND json_extract(detail, '$.occurrence') = ?2 LIMIT 1",
                    (playbook, occurrence),
                    |row| row.get::<_, String>(0),
                )
                .optional()?;
            if let Some(by) = by {
                return Ok(Claimed::By(by));
            }
            transaction.execute(
                "INSERT INTO occurrences VALUES (?1, ?2, ?3, ?4)",
                (playbook, occurrence, run.as_str(), format!("{at:.9}")),
            )?;
            transaction.commit()?;
            Ok(Claimed::Ours)
        };
        claim().map_err(|error| self.failed(error))
    }

    /// Gives a time back that a run took which then did not begin.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn release_occurrence(&self, run: &RunId) -> Result<(), StoreError> {
        let release = || self.connection.execute("DELETE FROM occurrences WHERE run = ?1", [run.as_str()]);
        release().map(drop).map_err(|error| self.failed(error))
    }

    /// The times that were taken of all playbooks: name, occurrence and run.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn claimed(&self) -> Result<Vec<(String, String, String)>, StoreError> {
        let read = || {
            let mut statement = self.connection.prepare_cached("SELECT playbook, occurrence, run FROM occurrences")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(|error| self.failed(error))
    }

    /// Since when each playbook's schedule is looked at; those that are looked at for the first time: since `now`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn scheduled_since(
        &mut self,
        playbooks: &[&str],
        now: Timestamp,
    ) -> Result<BTreeMap<String, Timestamp>, StoreError> {
        let known = |live: &Self| {
            let mut statement = live.connection.prepare_cached("SELECT playbook, since FROM scheduled")?;
            let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        let mut since = BTreeMap::new();
        for (playbook, at) in known(self).map_err(|error| self.failed(error))? {
            since.insert(playbook, at.parse::<Timestamp>().unwrap_or(now));
        }
        let new: Vec<&&str> = playbooks.iter().filter(|name| !since.contains_key(**name)).collect();
        if new.is_empty() {
            return Ok(since);
        }
        let mut note = || {
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for playbook in &new {
                transaction
                    .prepare_cached("INSERT OR IGNORE INTO scheduled VALUES (?1, ?2)")?
                    .execute((playbook, format!("{now:.9}")))?;
            }
            transaction.commit()
        };
        note().map_err(|error| self.failed(error))?;
        since.extend(new.into_iter().map(|playbook| ((*playbook).to_owned(), now)));
        Ok(since)
    }

    /// Notes something that each target is to be told, unless it was noted before; says whether it is new.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn tell(&mut self, key: &str, told: &str, targets: &[&str], now: Timestamp) -> Result<bool, StoreError> {
        let mut note =
            || {
                let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
                let new = transaction
                    .prepare_cached("INSERT OR IGNORE INTO notices VALUES (?1, ?2, ?3)")?
                    .execute((key, told, format!("{now:.9}")))?;
                if new > 0 {
                    for target in targets {
                        transaction
                            .prepare_cached("INSERT OR IGNORE INTO deliveries VALUES (?1, ?2, 0, ?3, 'waits', NULL)")?
                            .execute((key, target, now.as_second()))?;
                    }
                }
                transaction.commit()?;
                Ok(new > 0)
            };
        note().map_err(|error| self.failed(error))
    }

    /// The keys of everything that was noted.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn told(&self) -> Result<BTreeSet<String>, StoreError> {
        let read = || {
            let mut statement = self.connection.prepare_cached("SELECT key FROM notices")?;
            statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<BTreeSet<String>>>()
        };
        read().map_err(|error| self.failed(error))
    }

    /// What is to be told now, oldest first, at most a hundred.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn to_be_told(&self, now: Timestamp) -> Result<Vec<Telling>, StoreError> {
        let read = || {
            let mut statement = self.connection.prepare_cached(
                "SELECT deliveries.key, target, told, tries FROM deliveries JOIN notices USING (key) \
                 WHERE state = 'waits' AND next_at <= ?1 ORDER BY next_at, deliveries.key, target LIMIT ?2",
            )?;
            let rows = statement.query_map((now.as_second(), AT_ONCE), |row| {
                Ok(Telling { key: row.get(0)?, target: row.get(1)?, told: row.get(2)?, tries: row.get(3)? })
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(|error| self.failed(error))
    }

    /// Notes how a delivery went.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn delivered(&self, telling: &Telling, how: &Delivery) -> Result<(), StoreError> {
        let (state, next, why) = match how {
            Delivery::Done => ("done", 0, None),
            Delivery::Again(at, why) => ("waits", at.as_second(), Some(why)),
            Delivery::Failed(why) => ("failed", 0, Some(why)),
        };
        let note = || {
            self.connection
                .prepare_cached(
                    "UPDATE deliveries SET state = ?1, next_at = ?2, why = ?3, tries = tries + 1 WHERE key = ?4 AND target = ?5",
                )?
                .execute((state, next, why, &telling.key, &telling.target))
        };
        note().map(drop).map_err(|error| self.failed(error))
    }

    /// How many deliveries are in each state (`done`, `waits`, `failed`), and the newest of those that failed, each with its reason; five at most.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn deliveries(&self) -> Result<(BTreeMap<String, u64>, Vec<String>), StoreError> {
        let read = || {
            let mut statement =
                self.connection.prepare_cached("SELECT state, count(*) FROM deliveries GROUP BY state")?;
            let counts = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?;
            let counts = counts.collect::<rusqlite::Result<BTreeMap<String, u64>>>()?;
            let mut statement = self.connection.prepare_cached(
                "SELECT key || ' to ' || target || ': ' || coalesce(why, '') FROM deliveries JOIN notices USING (key) \
                 WHERE state = 'failed' ORDER BY made_at DESC, key, target LIMIT 5",
            )?;
            let failed = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?;
            Ok((counts, failed))
        };
        read().map_err(|error| self.failed(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::SqliteStore;

    fn live() -> (tempfile::TempDir, SqliteLive) {
        let folder = tempfile::TempDir::with_prefix("muster-").unwrap();
        SqliteStore::open(folder.path(), &|_| Err("none".to_owned())).unwrap();
        let live = SqliteLive::open(&folder.path().join(crate::store::FILE_NAME)).unwrap();
        (folder, live)
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn run(second: i64) -> RunId {
        RunId::make(at(second), "drill").unwrap()
    }

    #[test]
    fn a_time_belongs_to_the_run_that_took_it_first() {
        let (_folder, mut live) = live();
        assert_eq!(live.claim_occurrence("drill", "2026-Q1", &run(1), at(1)).unwrap(), Claimed::Ours);
        assert_eq!(live.claim_occurrence("drill", "2026-Q1", &run(2), at(2)).unwrap(), Claimed::By(run(1).to_string()));
        assert_eq!(live.claim_occurrence("drill", "2026-Q2", &run(2), at(2)).unwrap(), Claimed::Ours);
        assert_eq!(live.claim_occurrence("other", "2026-Q1", &run(2), at(2)).unwrap(), Claimed::Ours);
        assert_eq!(live.claimed().unwrap().len(), 3);
        live.release_occurrence(&run(1)).unwrap();
        assert_eq!(live.claim_occurrence("drill", "2026-Q1", &run(3), at(3)).unwrap(), Claimed::Ours);
    }

    #[test]
    fn a_schedule_is_looked_at_since_the_first_time() {
        let (_folder, mut live) = live();
        assert_eq!(live.scheduled_since(&["a"], at(10)).unwrap()["a"], at(10));
        let again = live.scheduled_since(&["a", "b"], at(20)).unwrap();
        assert_eq!((again["a"], again["b"]), (at(10), at(20)));
    }

    #[test]
    fn a_thing_is_told_once_to_everyone_until_it_is_taken_or_given_up() {
        let (_folder, mut live) = live();
        assert!(live.tell("end/run", "text", &["hook", "mail"], at(10)).unwrap());
        assert!(!live.tell("end/run", "other", &["hook"], at(11)).unwrap());
        let waiting = live.to_be_told(at(12)).unwrap();
        assert_eq!(waiting.iter().map(|it| it.target.as_str()).collect::<Vec<_>>(), ["hook", "mail"]);
        live.delivered(&waiting[0], &Delivery::Done).unwrap();
        live.delivered(&waiting[1], &Delivery::Again(at(60), "refused".to_owned())).unwrap();
        assert_eq!(live.to_be_told(at(59)).unwrap(), []);
        let again = live.to_be_told(at(60)).unwrap();
        assert_eq!((again.len(), again[0].tries, again[0].told.as_str()), (1, 1, "text"));
        live.delivered(&again[0], &Delivery::Failed("refused".to_owned())).unwrap();
        let (counts, failed) = live.deliveries().unwrap();
        assert_eq!((counts["done"], counts["failed"]), (1, 1));
        assert_eq!(failed, ["end/run to mail: refused"]);
        assert_eq!(live.to_be_told(at(1000)).unwrap(), []);
    }
}
