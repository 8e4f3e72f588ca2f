//! Programs, run for real: an argv and never a shell's string, in a process group of their own.
//!
//! The group, not only the program, is ended with its timeout, with the run's cancellation and when the caller drops
//! the future, so that nothing of a step goes on behind its back; with its timeout and the run's cancellation also what
//! left the group. A daemon that a program leaves behind when it ends well, outputs closed, stays: services are started
//! so. When Muster itself is killed a [`keeper`] ends what
//! it had started, also what left the group (`PR_SET_PDEATHSIG` would have to be set between fork and exec, by `unsafe`
//! code, and would not reach grandchildren).
//! May rely on `resource`, `time`; must never keep more output than was asked for, nor wait without a limit.

mod capture;
mod feed;
mod group;
pub mod keeper;
mod masked;

#[cfg(test)]
mod tests;

use std::io;
use std::path::Path;
use std::pin::{Pin, pin};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use async_trait::async_trait;
use tokio::process::{Child, ChildStderr, ChildStdout, Command};

use crate::resource::{CommandLine, Context, Finished, ProcessError, Processes};
use crate::time::{Clock, Span};
use capture::Capture;
use feed::Feed;
use group::Group;
use keeper::Keeper;
pub use masked::MaskedProcesses;

/// After the program's end its outputs may be held open by what it left behind: that is waited for this long.
const LEFT_BEHIND: Span = Span(500_000_000);

/// Between the request to end (SIGTERM) and the end (SIGKILL).
const GRACE: Span = Span(2_000_000_000);

/// The machine's own programs.
#[derive(Clone, Debug, Default)]
pub struct RealProcesses {
    /// Who ends them if Muster is killed.
    keeper: Option<Arc<Keeper>>,
}

impl RealProcesses {
    /// Programs that a keeper ends if Muster is killed.
    #[must_use]
    pub fn kept(keeper: Keeper) -> Self {
        Self { keeper: Some(Arc::new(keeper)) }
    }
}

#[async_trait]
impl Processes for RealProcesses {
    async fn run(&self, cx: &Context, command: &CommandLine) -> Result<Finished, ProcessError> {
        if cx.cancel.is_cancelled() {
            return Err(ProcessError::Cancelled);
        }
        let mut running = Running::start(command, self.keeper.as_deref())?;
        // The order decides what is said when several are due at once: that it ended, over that it took too long.
        let ended = tokio::select! {
            biased;
            ended = cx.clock.timeout(command.timeout, running.run_out(&cx.clock)) => {
                ended.map_err(|_| ProcessError::TimedOut(command.timeout))
            }
            () = cx.cancel.cancelled() => Err(ProcessError::Cancelled),
        };
        match ended {
            Ok(Ok(status)) => {
                running.group.release();
                Ok(running.finished(status))
            }
            Ok(Err(error)) => {
                running.end(&cx.clock).await;
                Err(not_started(command, format!("its end can't be waited for: {error}")))
            }
            Err(error) => {
                running.end(&cx.clock).await;
                Err(error)
            }
        }
    }
}

/// A program under way. Dropping it kills its group.
struct Running {
    group: Group,
    /// What it carries, and all that it starts, also what leaves its group; none without a keeper.
    mark: Option<String>,
    child: Child,
    stdin: Feed,
    stdout: Capture<ChildStdout>,
    stderr: Capture<ChildStderr>,
}

impl Running {
    fn start(line: &CommandLine, keeper: Option<&Keeper>) -> Result<Self, ProcessError> {
        let [program, arguments @ ..] = line.argv.as_slice() else {
            return Err(not_started(line, "no program is given".to_owned()));
        };
        #[expect(clippy::disallowed_methods, reason = "this is the one place where programs are started")]
        let mut command = Command::new(program);
        command.args(arguments).envs(line.env.iter().map(|(name, value)| (name, value)));
        let mark = keeper.map(Keeper::own_mark);
        if let Some((name, value)) = keeper.map(Keeper::mark) {
            command.env(name, value);
        }
        if let Some(mark) = &mark {
            command.env(mark, "1");
        }
        let input = if line.input.is_some() { Stdio::piped() } else { Stdio::null() };
        command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0).kill_on_drop(true);
        if let Some(folder) = &line.folder {
            command.current_dir(folder);
        }
        let mut child = command.spawn().map_err(|error| not_started(line, why_not_started(line, &error)))?;
        Ok(Self {
            group: Group::led_by(child.id()),
            mark,
            stdin: Feed::new(child.stdin.take(), line.input.clone()),
            stdout: Capture::new(child.stdout.take(), line.output_limit),
            stderr: Capture::new(child.stderr.take(), line.output_limit),
            child,
        })
    }

    /// Reads the outputs and waits for the end. What still holds the outputs open a moment later is killed.
    async fn run_out(&mut self, clock: &Clock) -> io::Result<ExitStatus> {
        let Self { group, child, stdin, stdout, stderr, .. } = self;
        let mut outputs = pin!(async {
            tokio::join!(read_both(stdout, stderr), stdin.write_all());
        });
        let (status, all_read) = wait_while_reading(child, outputs.as_mut()).await;
        if !all_read && clock.timeout(LEFT_BEHIND, outputs.as_mut()).await.is_err() {
            group.kill();
        }
        status
    }

    /// Ends the whole group, and what left it: asks, waits a little, kills.
    async fn end(&mut self, clock: &Clock) {
        let Self { group, mark, child, stdin: _, stdout, stderr } = self;
        group.ask_to_end();
        let mut outputs = pin!(read_both(stdout, stderr));
        // Reading goes on, as a program that writes its last words must not be stuck on a full pipe.
        let quiet = async {
            if let (_, false) = wait_while_reading(child, outputs.as_mut()).await {
                outputs.as_mut().await;
            }
        };
        let _ = clock.timeout(GRACE, quiet).await;
        group.kill();
        if let Some(mark) = mark.take() {
            end_marked(mark).await;
        }
        // A killed process that hangs in the kernel is left to tokio, which reaps it when it goes.
        let _ = clock.timeout(GRACE, child.wait()).await;
        group.release();
    }

    fn finished(self, status: ExitStatus) -> Finished {
        let bytes = self.stdout.bytes() + self.stderr.bytes();
        Finished { code: status.code(), stdout: self.stdout.into_text(), stderr: self.stderr.into_text(), bytes }
    }
}

/// Kills what carries a mark, on a thread of its own: all processes are looked through.
async fn end_marked(mark: String) {
    let (sender, ended) = tokio::sync::oneshot::channel();
    let thread = std::thread::Builder::new().name("ends".to_owned()).spawn(move || {
        keeper::kill_marked(&mark);
        let _ = sender.send(());
    });
    if thread.is_ok() {
        let _ = ended.await;
    }
}

async fn read_both(stdout: &mut Capture<ChildStdout>, stderr: &mut Capture<ChildStderr>) {
    tokio::join!(stdout.read_to_end(), stderr.read_to_end());
}

/// Waits for the program's end and says whether its outputs ended too.
async fn wait_while_reading(
    child: &mut Child,
    mut outputs: Pin<&mut impl Future<Output = ()>>,
) -> (io::Result<ExitStatus>, bool) {
    tokio::select! {
        biased;
        () = outputs.as_mut() => {}
        status = child.wait() => return (status, false),
    }
    (child.wait().await, true)
}

fn not_started(line: &CommandLine, why: String) -> ProcessError {
    ProcessError::NotStarted { program: line.argv.first().cloned().unwrap_or_default(), why }
}

/// The system's error in words; a missing folder and a missing program give the same one.
fn why_not_started(line: &CommandLine, error: &io::Error) -> String {
    let folder = line.folder.as_deref().filter(|folder| !Path::new(folder).is_dir());
    match (error.kind(), folder) {
        (_, Some(folder)) => format!("its folder `{folder}` is not there or is no folder"),
        (io::ErrorKind::NotFound, None) => "there is no such program".to_owned(),
        (io::ErrorKind::PermissionDenied, None) => "it may not be executed (permission denied)".to_owned(),
        (io::ErrorKind::InvalidInput, None) => "its arguments or environment contain a zero byte".to_owned(),
        _ => {
            let text = error.to_string();
            text.split(" (os error").next().unwrap_or_default().to_owned()
        }
    }
}
