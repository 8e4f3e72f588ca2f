//! The leases of a run on real infrastructure: one on its playbook's name, one on each resource that it changes.
//!
//! They are taken before the first event and let go when the run has ended. A run whose process is gone before that
//! keeps them: it was left behind, and nobody starts on the same things as if nothing were there.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

use super::history::files;
use super::machine::{Machine, Process, look_at, same_boot, started};
use super::{AppError, History, Runs, begun};
use crate::engine::{Fence, Signal};
use crate::id::{RegionRole, ResourceId, RunId};
use crate::infrastructure::real::identity;
use crate::model::Plan;
use crate::resource::{ResourceKind, region_resource};
use crate::store::{
    Claim, Held, Holder, Instant, Lease, Leases, Renewed, SqliteLive, Successor, Taken, is_own_again, pass_over,
};
use crate::time::{Moment, Span, since_boot, wall_now};

/// How long a lease lasts without being renewed.
pub const LEASE: Span = Span::from_secs(30);

/// How long a look at a lease waits for another program's lock on the store: nothing else of the run goes on meanwhile.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(1);

/// What simulates lives and ends with the run: it is nobody else's.
const OWN: &str = "simulated";

/// How things stand with a lease that another run has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Its run has ended, or is not there any more.
    Over,
    /// Its run goes on.
    GoingOn,
    /// Its run does not renew it: it is stopped, its machine sleeps, or it was on a machine that can't be seen.
    Silent,
    /// Its run was left behind: the process is gone.
    LeftBehind,
}

/// Judges a lease. `over`: whether the run has ended or is not in the index; `written`: whether somebody writes its
/// journal, asked only where its process is not seen.
pub(super) fn standing(
    lease: &Lease,
    here: &Machine,
    now: Instant,
    over: bool,
    written: impl FnOnce() -> bool,
) -> Standing {
    let process = look_at(&lease.holder, here);
    if over && process != Process::There {
        return Standing::Over;
    }
    let silent = if same_boot(&lease.holder, here) {
        now.boot.since(lease.renewed.boot) > lease.ttl
    } else {
        silent_by_the_calendar(lease, now)
    };
    match process {
        // A process of another container has another number, or none, here; the lock on its journal is seen.
        Process::Gone if !written() => Standing::LeftBehind,
        _ if silent => Standing::Silent,
        _ => Standing::GoingOn,
    }
}

/// Two machines share no other clock.
fn silent_by_the_calendar(lease: &Lease, now: Instant) -> bool {
    let ttl = std::time::Duration::from(lease.ttl);
    now.wall.duration_since(lease.renewed.wall).unsigned_abs() > ttl && now.wall > lease.renewed.wall
}

fn boot() -> Moment {
    Moment::ZERO + since_boot()
}

/// The present instant.
pub(super) fn now() -> Instant {
    Instant { wall: wall_now(), boot: boot() }
}

/// Everything on which a plan's run needs a lease, each once.
pub(super) fn claims(plan: &Plan) -> Vec<Claim> {
    let mut claims = BTreeSet::new();
    claims.insert(Claim { name: format!("playbook {}", plan.name), shown: format!("playbook {}", plan.name) });
    claims.extend(plan.changes().iter().filter_map(|resource| claim(plan, resource)));
    claims.into_iter().collect()
}

/// What a resource is the same by, whatever a playbook calls it and however it is reached.
fn claim(plan: &Plan, resource: &ResourceId) -> Option<Claim> {
    let (kind, provider, identity) = if let Some(binding) = plan.resources.get(resource) {
        (binding.kind, &binding.provider, identity(binding.kind, &binding.provider, &binding.settings))
    } else {
        let role = RegionRole::ALL.into_iter().find(|role| region_resource(*role) == *resource)?;
        let region = plan.regions.get(&role)?;
        let mut settings = region.settings.as_object().cloned().unwrap_or_default();
        settings.insert("region".to_owned(), region.name.clone().into());
        let settings = settings.into();
        (ResourceKind::Region, &region.provider, identity(ResourceKind::Region, &region.provider, &settings))
    };
    if provider == OWN {
        return None;
    }
    let mut digest = String::new();
    for byte in Sha256::digest(identity.as_bytes()).iter().take(16) {
        let _ = write!(digest, "{byte:02x}");
    }
    let kind = kind.key();
    Some(Claim { name: format!("{kind} {digest}"), shown: format!("{kind} {resource}") })
}

/// What becomes of what another run has that was left behind, or does not renew its lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Others {
    /// It stands in the way of a run that would begin.
    Respected,
    /// It stands in the way of a run that would be taken up again.
    RespectedByResumed,
    /// A person said that it is taken over.
    TakenOver,
}

/// What is asked for.
pub(super) struct Wanted<'a> {
    /// Where runs are, and the store.
    pub(super) runs: &'a Runs,
    /// Which runs have ended.
    pub(super) history: &'a History,
    /// This machine.
    pub(super) here: &'a Machine,
    /// The run that is to hold them.
    pub(super) run: &'a RunId,
    /// On what.
    pub(super) claims: &'a [Claim],
    /// How long they last without being renewed.
    pub(super) ttl: Span,
    /// Whether what others left behind, or do not renew, is taken over.
    pub(super) others: Others,
    /// Told when a lease is lost.
    pub(super) signals: mpsc::Sender<Signal>,
}

/// Takes a run's leases; gives also what was taken over for it, a sentence each.
///
/// # Errors
/// [`AppError::Refused`] says who has what since when, and what to do. [`AppError::Files`].
pub(super) fn take(wanted: Wanted<'_>) -> Result<(Lock, Vec<String>), AppError> {
    let Wanted { runs, run, .. } = wanted;
    let mut live = SqliteLive::open(&runs.store).map_err(files)?;
    let holder = Holder {
        run: run.clone(),
        pid: std::process::id(),
        pid_started: started(std::process::id()).unwrap_or_default(),
        boot: wanted.here.boot.clone(),
        host: wanted.here.host.clone(),
        user: wanted.here.user.clone(),
    };
    let now = now();
    // Before the store is held: to be sure of a lock may take a moment.
    let leases = live.leases().map_err(files)?;
    let holders: BTreeSet<&RunId> = leases.iter().map(|lease| &lease.holder.run).collect();
    // Who takes a run up again has the lock on its journal itself, and need not look at it for long to be sure.
    let others = leases.iter().filter(|lease| lease.holder.run != *run);
    let unseen = others.filter(|lease| look_at(&lease.holder, wanted.here) == Process::Gone);
    let written: BTreeMap<&RunId, bool> = unseen
        .map(|lease| &lease.holder.run)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .map(|run| (run, begun::is_written(&runs.reports, run)))
        .collect();
    let stands = |lease: &Lease| {
        let of = &lease.holder.run;
        // Not known because the index can't be read is not over.
        let over = wanted.history.get(of).is_ok_and(|row| row.is_none_or(|row| row.finished_at.is_some()));
        // Who takes a run up again has the lock itself.
        let written =
            || of != run && written.get(of).copied().unwrap_or_else(|| begun::is_written_now(&runs.reports, of));
        standing(lease, wanted.here, now, over, written)
    };
    let own = |lease: &Lease| lease.holder.run == *run;
    let yields = |lease: &Lease| match stands(lease) {
        Standing::Over => true,
        Standing::GoingOn => false,
        // Who takes a run up again takes over from its earlier process: where that is, it no longer writes the journal,
        // whose lock is ours.
        Standing::LeftBehind | Standing::Silent => wanted.others == Others::TakenOver || own(lease),
    };
    let unleased = unleased::meeting(&wanted, &holders)?;
    let (passed, in_the_way): (Vec<Unleased>, Vec<Unleased>) =
        unleased.into_iter().partition(|of| of.standing == Standing::LeftBehind && wanted.others == Others::TakenOver);
    if !in_the_way.is_empty() {
        let lines: Vec<String> = in_the_way.iter().map(|of| of.refusal(wanted.others)).collect();
        return Err(AppError::Refused(format!("{}\nNothing was touched", lines.join("\n"))));
    }
    match live.take(wanted.claims, &holder, wanted.ttl, now, &yields).map_err(files)? {
        Taken::All { held, over } => {
            let live = SqliteLive::open_patient(&runs.store, PATIENCE).map_err(files)?;
            let mut told: Vec<String> = passed.iter().map(|of| format!("the hold on {}", of.sentence())).collect();
            let mut left: BTreeSet<&RunId> = passed.iter().map(|of| &of.run).collect();
            for lease in over.iter().filter(|lease| !own(lease)) {
                match stands(lease) {
                    Standing::Over => {}
                    standing => {
                        told.push(format!("the lease on {}", sentence(lease, standing)));
                        left.insert(&lease.holder.run);
                    }
                }
            }
            for left in left {
                // Where it can't be noted, that run stands in the way of the next one again, and is told.
                if let Err(error) = pass_over(&runs.reports, left, run) {
                    tracing::warn!(%error, "that the run {left} was passed over is not noted");
                }
            }
            is_own_again(&runs.reports, run).map_err(files)?;
            Ok((Lock::start(live, held, wanted.signals), told))
        }
        Taken::None(in_the_way) => {
            let lines: Vec<String> = in_the_way.iter().map(|lease| refusal(lease, stands(lease), &wanted)).collect();
            Err(AppError::Refused(format!("{}\nNothing was touched", lines.join("\n"))))
        }
    }
}

/// Who has a lease, since when, and how that stands.
fn sentence(lease: &Lease, standing: Standing) -> String {
    let Lease { claim, holder, since, renewed, .. } = lease;
    let how = match standing {
        Standing::GoingOn | Standing::Over => String::new(),
        Standing::Silent => {
            format!(
                ", but has not renewed its lease since {:.0}: it is stopped, or its machine sleeps or is gone",
                renewed.wall
            )
        }
        Standing::LeftBehind => ", but was left behind: its process is gone".to_owned(),
    };
    format!(
        "{}: the run {} has it since {since:.0} ({} at {}, process {}){how}",
        claim.shown, holder.run, holder.user, holder.host, holder.pid
    )
}

/// The same, with what to do now.
fn refusal(lease: &Lease, standing: Standing, wanted: &Wanted<'_>) -> String {
    let now = if lease.holder.run == *wanted.run && standing == Standing::GoingOn {
        format!(
            "Its process can't be seen from here, so its lease counts until it has run out: try again in {}",
            lease.ttl
        )
    } else {
        advice(&lease.holder.run, standing, wanted.others)
    };
    format!("{}. {now}", sentence(lease, standing))
}

/// What to do about a run that stands in the way.
fn advice(run: &RunId, standing: Standing, others: Others) -> String {
    // Only a run that begins can pass over what is there.
    let over = others != Others::RespectedByResumed;
    match standing {
        Standing::GoingOn | Standing::Over => format!("Wait until it has ended, or end it: muster abort {run}"),
        Standing::Silent => format!(
            "Let it go on and abort it (muster abort {run}), or, if nobody carries it out any more, take it up again: \
             muster resume {run} (with --undo or --stop if it is not to go on){}",
            if over { ". Or take it over: --break-glass --because TEXT; it can't act any more then" } else { "" }
        ),
        Standing::LeftBehind => format!(
            "Take it up again: muster resume {run} (with --undo or --stop if it is not to go on){}",
            if over { ". Or pass over it: --break-glass --because TEXT; what it left is then nobody's" } else { "" }
        ),
    }
}

/// Keeps leases until they are let go: renews them, and answers whether they are still ours.
pub(super) struct Lock {
    shared: Arc<Shared>,
    held: Held,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What the run's own thread and the one that renews share.
struct Shared {
    store: Mutex<SqliteLive>,
    held: Held,
    /// Until when, on the clock since the machine's start, nobody may have taken them.
    good_until: AtomicU64,
    /// Who has them, once they are lost.
    lost: Mutex<Option<String>>,
    signals: mpsc::Sender<Signal>,
}

impl Lock {
    fn start(store: SqliteLive, held: Held, signals: mpsc::Sender<Signal>) -> Self {
        let good_until = AtomicU64::new(boot().0);
        let shared = Arc::new(Shared {
            store: Mutex::new(store),
            held: held.clone(),
            good_until,
            lost: Mutex::new(None),
            signals,
        });
        shared.renewed_at(boot().0);
        let (stop, stopped) = channel();
        let (keeps, every) = (Arc::clone(&shared), std::time::Duration::from(held.ttl) / 3);
        let thread = std::thread::Builder::new().name("leases".to_owned()).spawn(move || {
            let mut wait = every;
            while stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                wait = every;
                if let Err(why) = keeps.renew() {
                    tracing::warn!(%why, "the run's leases were not renewed");
                    // Soon again: the store may be free before the lease is over.
                    wait = every.min(PATIENCE);
                }
            }
        });
        // Without the thread they are renewed when a step is about to act.
        Self { shared, held, stop: Some(stop), thread: thread.ok() }
    }

    /// Their number.
    pub(super) fn fencing(&self) -> u64 {
        self.held.fencing
    }

    /// What people call the things that are held.
    pub(super) fn shown(&self) -> Vec<String> {
        self.held.claims.iter().map(|claim| claim.shown.clone()).collect()
    }

    /// The one who is asked before each act.
    pub(super) fn fence(&self) -> Arc<dyn Fence> {
        Arc::clone(&self.shared) as Arc<dyn Fence>
    }

    /// Lets them go: the run has ended.
    ///
    /// # Errors
    /// [`AppError::Files`]; they then end with the process, as those of a run that has ended.
    pub(super) fn release(mut self) -> Result<(), AppError> {
        self.end();
        self.shared.store().release(&self.held).map_err(files)
    }

    fn end(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    fn store(&self) -> std::sync::MutexGuard<'_, SqliteLive> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A part of the lease's time is left out, for what lies between a look at the clock and the act.
    fn renewed_at(&self, boot_ns: u64) {
        self.good_until.store(boot_ns.saturating_add(self.held.ttl.0 / 3 * 2), Ordering::Release);
    }

    fn renew(&self) -> Result<(), String> {
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(to) = lost.as_ref() {
            return Err(to.clone());
        }
        let mut store = self.store();
        let now = now();
        let renewed = store.follow().and_then(|_| store.renew(&self.held, now));
        match renewed {
            Ok(Renewed::Ours) => {
                self.renewed_at(now.boot.0);
                Ok(())
            }
            Ok(Renewed::Lost(successor)) => {
                let to = taken_over(&successor);
                *lost = Some(to.clone());
                // The run ends by it; where it has ended, nobody listens.
                let _ = self.signals.try_send(Signal::LeaseLost { to: to.clone() });
                Err(to)
            }
            Err(error) => Err(format!("whether the run's leases are still its own can't be told: {error}")),
        }
    }
}

fn taken_over(successor: &Successor) -> String {
    let Successor { run, user, host, at } = successor;
    format!("the run {run} took its lease over at {at:.0} ({user} at {host})")
}

impl Fence for Shared {
    fn check(&self) -> Result<(), String> {
        if boot().0 < self.good_until.load(Ordering::Acquire) { Ok(()) } else { self.renew() }
    }
}

mod unleased;

use unleased::Unleased;

#[cfg(test)]
mod tests;
