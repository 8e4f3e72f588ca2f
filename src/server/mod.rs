//! The daemon, `muster serve`: runs drills that are due, tells people, and answers monitoring.
//!
//! Once a round it surveys everything ([`crate::schedule::Survey`]), [`decide`]s what is to be done, which is a pure
//! function, and does it. Each drill is a process of its own, `muster run`, in a process group of its own: the daemon may
//! be restarted, updated or killed under it, and finds it again by its journal. What must outlive the daemon is in the
//! store: which occurrences were taken, and what is still to be told to whom. A drill is never begun twice, whoever runs
//! how many daemons: the run itself takes the occurrence, once and for all, before it has a journal.
//!
//! May rely on `schedule`, `app` and what lies above them. Must never change a resource itself.

pub mod config;
pub mod decide;
mod deliver;
mod http;
mod launch;
mod metrics;
pub mod news;
mod round;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::watch;

use crate::app::{AppError, Runs};
use crate::report::agenda::AgendaRow;
use crate::time::{Clock, Span, run_real, wall_now};
use config::Config;
use launch::Children;

/// The longest time between two rounds.
const ROUND: Span = Span::from_secs(20);
/// The shortest.
const ROUND_LEAST: Span = Span::from_secs(1);
/// So long what is under way may take when the daemon is asked to end.
const FAREWELL: Span = Span::from_secs(10);
/// Between two looks at drills that the daemon waits for.
const LOOK: Span = Span::from_millis(100);

/// How long the daemon goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Until it is told to end: SIGTERM, SIGINT.
    Told,
    /// Until what is due now was run: for another scheduler, which calls again.
    Done,
}

/// What the daemon needs.
pub struct ServeRequest {
    /// What it is told to do.
    pub config: Config,
    /// Where runs go.
    pub runs: Runs,
    /// How long it goes on.
    pub until: Until,
    /// Muster itself, which is started for each drill.
    pub program: PathBuf,
    /// Says something to whoever started it.
    pub say: Box<dyn Fn(&str) + Send + Sync>,
}

/// What monitoring and calendars are shown, as of the last round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shown {
    /// When that was; none before the first.
    pub(crate) at: Option<Timestamp>,
    pub(crate) rows: Vec<AgendaRow>,
    pub(crate) feed: String,
    pub(crate) status: String,
    /// Runs that go on.
    pub(crate) going: u64,
    /// Those of them that wait for people.
    pub(crate) waiting: u64,
    pub(crate) left_behind: u64,
    pub(crate) problems: u64,
    pub(crate) rounds: u64,
    pub(crate) failed_rounds: u64,
    /// Why the last round failed, if it did.
    pub(crate) failure: Option<String>,
    /// Deliveries by state.
    pub(crate) deliveries: BTreeMap<String, u64>,
    /// What could not be told to somebody.
    pub(crate) undelivered: Vec<String>,
}

/// What is shared between the rounds and those who ask.
pub(crate) type Board = Arc<Mutex<Shown>>;

pub(crate) fn look(board: &Board) -> Shown {
    board.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// What came of a drill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    /// It did not pass, has no end, or could not begin.
    Otherwise,
}

/// What came of the drills of a daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    /// All that ended passed.
    Well,
    /// One did not pass or could not begin. People were told.
    NotAllPassed,
}

/// What the daemon itself knows, beside the store.
pub(crate) struct Daemon {
    pub(crate) config: Arc<Config>,
    pub(crate) runs: Runs,
    pub(crate) say: Box<dyn Fn(&str) + Send + Sync>,
    pub(crate) children: Children,
    pub(crate) board: Board,
    /// What came of the drills whose processes have ended: by the run or, where there is none, by what it was begun for.
    pub(crate) outcomes: BTreeMap<String, Outcome>,
}

/// Serves.
///
/// # Errors
/// [`AppError::Usage`]: it may not listen there. [`AppError::Files`]: the store can't be used. Once it serves, what goes
/// wrong is told and tried again in the next round.
pub fn serve(request: ServeRequest) -> Result<Served, AppError> {
    let ServeRequest { config, runs, until, program, say } = request;
    let config = Arc::new(config);
    let ran = run_real(|clock| async move {
        let board: Board = Arc::default();
        let (stop, stopped) = watch::channel(false);
        listen_for_signals(&clock, stop)?;
        let served = match until {
            Until::Done => None,
            Until::Told => {
                let listener = http::bind(&config).await?;
                say(&format!(
                    "serving on http://{}",
                    listener.local_addr().map_or_else(|_| String::new(), |it| it.to_string())
                ));
                Some(clock.spawn(http::serve(
                    clock.clone(),
                    listener,
                    Arc::clone(&config),
                    Arc::clone(&board),
                    stopped.clone(),
                )))
            }
        };
        let children = Children::new(program, &runs);
        let mut daemon = Daemon { config, runs, say, children, board, outcomes: BTreeMap::new() };
        let rounds = match until {
            Until::Told => rounds(&mut daemon, &clock, stopped).await,
            Until::Done => once(&mut daemon, &clock, stopped).await,
        };
        if let Some(served) = served {
            let _ = clock.timeout(FAREWELL, served).await;
        }
        let left = daemon.children.names();
        if !left.is_empty() {
            (daemon.say)(&format!("these drills go on without the daemon: {}", left.join(", ")));
        }
        rounds?;
        let passed = daemon.outcomes.values().all(|outcome| *outcome == Outcome::Passed);
        Ok(if passed { Served::Well } else { Served::NotAllPassed })
    });
    ran.map_err(|error| AppError::Defect(format!("no runtime could be started: {error}")))?
}

/// Round after round, until it is told to end.
async fn rounds(daemon: &mut Daemon, clock: &Clock, mut stopped: watch::Receiver<bool>) -> Result<(), AppError> {
    loop {
        let next = daemon.round(clock, wall_now()).await;
        let until = next.map_or(i128::MAX, |next| next.duration_since(wall_now()).as_nanos());
        // While drills go on, people wait to hear of their gates and ends.
        let most = if daemon.children.names().is_empty() { ROUND } else { ROUND_LEAST };
        let pause = Span(u64::try_from(until.max(0)).unwrap_or(u64::MAX)).min(most).max(ROUND_LEAST);
        tokio::select! {
            biased;
            _ = stopped.changed() => return Ok(()),
            () = clock.sleep(pause) => {}
        }
    }
}

/// One round, and those that follow from its drills, until they have ended.
async fn once(daemon: &mut Daemon, clock: &Clock, stopped: watch::Receiver<bool>) -> Result<(), AppError> {
    daemon.round(clock, wall_now()).await;
    let mut looks = 0_u32;
    while !daemon.children.names().is_empty() && !*stopped.borrow() {
        clock.sleep(LOOK).await;
        looks += 1;
        if daemon.children.any_ended() || looks.is_multiple_of(50) {
            daemon.round(clock, wall_now()).await;
        }
    }
    let shown = look(&daemon.board);
    match shown.failure {
        Some(why) => Err(AppError::Files(why)),
        None => Ok(()),
    }
}

/// Both signals ask for the same: an end in good order.
fn listen_for_signals(clock: &Clock, stop: watch::Sender<bool>) -> Result<(), AppError> {
    use tokio::signal::unix::{SignalKind, signal};
    let failed = |error: std::io::Error| AppError::Defect(format!("signals can't be listened for: {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    clock.spawn(async move {
        tokio::select! {
            biased;
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        let _ = stop.send(true);
        // The receivers may be gone already.
        stop.closed().await;
    });
    Ok(())
}
