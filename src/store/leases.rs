//! Leases: one run at a time on each thing.
//!
//! A run takes all its leases in one step, with one fencing number that is greater than any before, and renews them
//! until it ends. Who holds one is told apart by process, start of the process and boot, so that a number that was
//! given to another process later is not taken for it. What a holder that does not renew means (it crashed, it is
//! stopped, it is on another machine) is for the caller to judge: here it is only kept.

use jiff::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, TransactionBehavior};

use super::{SqliteLive, StoreError};
use crate::id::RunId;
use crate::time::{Moment, Span};

/// An instant on both clocks: the wall's is a label, the one since the machine's start is measured with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instant {
    /// By the calendar.
    pub wall: Timestamp,
    /// Since the machine's start, suspend included.
    pub boot: Moment,
}

/// Which process on which machine carries a run out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The run.
    pub run: RunId,
    /// The process.
    pub pid: u32,
    /// When that process started, as its operating system counts; 0 where it does not say.
    pub pid_started: u64,
    /// The machine's boot.
    pub boot: String,
    /// The machine.
    pub host: String,
    /// The operating system's user.
    pub user: String,
}

/// What a lease is on: a name that is the same for everyone who means the same thing, and what people call it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claim {
    /// The identity.
    pub name: String,
    /// For people: `playbook quarterly-failover`.
    pub shown: String,
}

/// A lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// On what.
    pub claim: Claim,
    /// The number that it was taken with.
    pub fencing: u64,
    /// By whom.
    pub holder: Holder,
    /// Since when.
    pub since: Timestamp,
    /// When it was renewed last.
    pub renewed: Instant,
    /// How long it lasts without being renewed.
    pub ttl: Span,
}

/// Leases that were taken together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// On what.
    pub claims: Vec<Claim>,
    /// Their number.
    pub fencing: u64,
    /// By whom.
    pub holder: Holder,
    /// Since when.
    pub since: Timestamp,
    /// How long they last without being renewed.
    pub ttl: Span,
}

/// What came of taking leases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// All were taken; these were taken away from another run, or from an earlier process of the same.
    All {
        /// What is held.
        held: Held,
        /// What was there.
        over: Vec<Lease>,
    },
    /// None was: these stand in the way.
    None(Vec<Lease>),
}

/// What came of renewing them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Renewed {
    /// They are still ours.
    Ours,
    /// Somebody else has one of them, or had it meanwhile.
    Lost(Successor),
}

/// Who took a lease over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Successor {
    /// The run.
    pub run: RunId,
    /// The operating system's user.
    pub user: String,
    /// The machine.
    pub host: String,
    /// When.
    pub at: Timestamp,
}

/// Where leases are kept.
pub trait Leases: Send {
    /// Takes all `claims`, or none. `yields` is asked of each lease that another holder has; it must not wait.
    ///
    /// # Errors
    /// [`StoreError`].
    fn take(
        &mut self,
        claims: &[Claim],
        holder: &Holder,
        ttl: Span,
        now: Instant,
        yields: &dyn Fn(&Lease) -> bool,
    ) -> Result<Taken, StoreError>;

    /// Renews leases; those that were lost with the store, and that nobody else took, are put back.
    ///
    /// # Errors
    /// [`StoreError`].
    fn renew(&mut self, held: &Held, now: Instant) -> Result<Renewed, StoreError>;

    /// Lets them go. What is not ours any more is left alone.
    ///
    /// # Errors
    /// [`StoreError`].
    fn release(&mut self, held: &Held) -> Result<(), StoreError>;

    /// All that are held, by name.
    ///
    /// # Errors
    /// [`StoreError`].
    fn leases(&self) -> Result<Vec<Lease>, StoreError>;
}

const COLUMNS: &str =
    "name, shown, run, fencing, pid, pid_started, boot, host, user, since, renewed, renewed_boot_ns, ttl_ns";

impl Leases for SqliteLive {
    fn take(
        &mut self,
        claims: &[Claim],
        holder: &Holder,
        ttl: Span,
        now: Instant,
        yields: &dyn Fn(&Lease) -> bool,
    ) -> Result<Taken, StoreError> {
        let taken = take(&mut self.connection, claims, holder, ttl, now, yields);
        taken.map_err(|error| self.failed(error))
    }

    fn renew(&mut self, held: &Held, now: Instant) -> Result<Renewed, StoreError> {
        renew(&mut self.connection, held, now).map_err(|error| self.failed(error))
    }

    fn release(&mut self, held: &Held) -> Result<(), StoreError> {
        let release = || {
            let transaction = self.connection.unchecked_transaction()?;
            transaction
                .prepare_cached("DELETE FROM leases WHERE run = ?1 AND fencing = ?2")?
                .execute((held.holder.run.as_str(), number(held.fencing)))?;
            // What the run was told is in its journal.
            transaction.prepare_cached("DELETE FROM commands WHERE run = ?1")?.execute([held.holder.run.as_str()])?;
            transaction.commit()
        };
        release().map_err(|error| self.failed(error))
    }

    fn leases(&self) -> Result<Vec<Lease>, StoreError> {
        let read = || {
            let mut statement =
                self.connection.prepare_cached(&format!("SELECT {COLUMNS} FROM leases ORDER BY name"))?;
            statement.query_map([], from_row)?.collect::<rusqlite::Result<_>>()
        };
        read().map_err(|error| self.failed(error))
    }
}

fn take(
    connection: &mut Connection,
    claims: &[Claim],
    holder: &Holder,
    ttl: Span,
    now: Instant,
    yields: &dyn Fn(&Lease) -> bool,
) -> rusqlite::Result<Taken> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let (mut over, mut in_the_way) = (Vec::new(), Vec::new());
    for claim in claims {
        if let Some(lease) = lease_on(&transaction, &claim.name)? {
            if yields(&lease) { over.push(lease) } else { in_the_way.push(lease) }
        }
    }
    if !in_the_way.is_empty() {
        return Ok(Taken::None(in_the_way));
    }
    let fencing = next_number(&transaction, now.wall)?;
    // Another run's leases go with the one that was taken from it: it must not act on anything any more.
    for lease in &over {
        transaction.prepare_cached("DELETE FROM leases WHERE run = ?1")?.execute([lease.holder.run.as_str()])?;
    }
    let held = Held { claims: claims.to_vec(), fencing, holder: holder.clone(), since: now.wall, ttl };
    for claim in claims {
        insert(&transaction, claim, &held, now)?;
    }
    transaction.commit()?;
    Ok(Taken::All { held, over })
}

fn renew(connection: &mut Connection, held: &Held, now: Instant) -> rusqlite::Result<Renewed> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for claim in &held.claims {
        if let Some((last, successor)) = last_on(&transaction, &claim.name)?
            && last > held.fencing
        {
            return Ok(Renewed::Lost(successor));
        }
        insert(&transaction, claim, held, now)?;
    }
    transaction.commit()?;
    Ok(Renewed::Ours)
}

/// Who took a thing last, and with which number.
fn last_on(connection: &Connection, name: &str) -> rusqlite::Result<Option<(u64, Successor)>> {
    connection
        .prepare_cached("SELECT last, run, user, host, at FROM fencing WHERE name = ?1")?
        .query_row([name], |row| {
            let successor = Successor { run: run(row, 1)?, user: row.get(2)?, host: row.get(3)?, at: time(row, 4)? };
            Ok((count(row, 0)?, successor))
        })
        .optional()
}

/// A number above any before. Never below the seconds since 1970: where a store was lost, or two machines have a
/// store each, the later run still has the greater number, as far as their clocks are right.
fn next_number(connection: &Connection, wall: Timestamp) -> rusqlite::Result<u64> {
    let last: i64 = connection.query_row("SELECT coalesce(max(last), 0) FROM fencing", [], |row| row.get(0))?;
    let next = last.saturating_add(1).max(wall.as_second());
    Ok(u64::try_from(next).unwrap_or_default())
}

fn lease_on(connection: &Connection, name: &str) -> rusqlite::Result<Option<Lease>> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM leases WHERE name = ?1"))?
        .query_row([name], from_row)
        .optional()
}

fn insert(connection: &Connection, claim: &Claim, held: &Held, now: Instant) -> rusqlite::Result<()> {
    let Held { holder, .. } = held;
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO leases VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?
        .execute(rusqlite::params![
            claim.name,
            claim.shown,
            holder.run.as_str(),
            number(held.fencing),
            holder.pid,
            number(holder.pid_started),
            holder.boot,
            holder.host,
            holder.user,
            label(held.since),
            label(now.wall),
            number(now.boot.0),
            number(held.ttl.0),
        ])?;
    connection.prepare_cached("INSERT OR REPLACE INTO fencing VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?.execute((
        &claim.name,
        number(held.fencing),
        holder.run.as_str(),
        &holder.host,
        &holder.user,
        label(held.since),
    ))?;
    Ok(())
}

/// `SQLite`'s numbers have a sign; none of ours comes near the limit.
fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn label(at: Timestamp) -> String {
    format!("{at:.9}")
}

/// Reads one row, in the order of [`COLUMNS`].
fn from_row(row: &Row<'_>) -> rusqlite::Result<Lease> {
    Ok(Lease {
        claim: Claim { name: row.get(0)?, shown: row.get(1)? },
        fencing: count(row, 3)?,
        holder: Holder {
            run: run(row, 2)?,
            pid: row.get(4)?,
            pid_started: count(row, 5)?,
            boot: row.get(6)?,
            host: row.get(7)?,
            user: row.get(8)?,
        },
        since: time(row, 9)?,
        renewed: Instant { wall: time(row, 10)?, boot: Moment(count(row, 11)?) },
        ttl: Span(count(row, 12)?),
    })
}

fn run(row: &Row<'_>, column: usize) -> rusqlite::Result<RunId> {
    let text: String = row.get(column)?;
    RunId::new(&text).map_err(|error| unreadable(column, Type::Text, error))
}

fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    let text: String = row.get(column)?;
    text.parse().map_err(|error: jiff::Error| unreadable(column, Type::Text, error))
}

fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|error| unreadable(column, Type::Integer, error))
}

fn unreadable(column: usize, kind: Type, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, kind, Box::new(error))
}
