//! A command that runs beside the test: waited on line by line, sent signals, ended at the latest when it is dropped.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};

use super::{PATIENCE, Scene, Seen, words};

/// Where a line was written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stream {
    Output,
    Errors,
}

/// How long something that is looked at again and again may take to come.
pub(crate) struct Patience(std::time::Instant);

impl Patience {
    #[expect(clippy::disallowed_methods, reason = "what is waited for is real")]
    pub(crate) fn new() -> Self {
        Self(std::time::Instant::now())
    }

    /// Between two looks: lets others run, and fails once it has taken too long.
    #[track_caller]
    pub(crate) fn check(&self, what: &str) {
        assert!(self.0.elapsed() < PATIENCE, "{what}");
        thread::yield_now();
    }
}

/// A program that was started.
pub(crate) struct Running<'scene> {
    scene: &'scene Scene,
    line: String,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<(Stream, String)>,
    stdout: String,
    stderr: String,
}

impl<'scene> Running<'scene> {
    pub(super) fn start(scene: &'scene Scene, program: &Path, line: &str) -> Self {
        #[expect(clippy::disallowed_methods, reason = "what is tested is started as a person starts it")]
        let mut command = Command::new(program);
        command.args(words::split(line)).current_dir(scene.folder.path()).env_clear().envs(scene.environment());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("`muster {line}` did not start: {error}"));
        let (sender, lines) = channel();
        listen(child.stdout.take().unwrap(), Stream::Output, sender.clone());
        listen(child.stderr.take().unwrap(), Stream::Errors, sender);
        let stdin = child.stdin.take();
        Self { scene, line: line.to_owned(), child, stdin, lines, stdout: String::new(), stderr: String::new() }
    }

    /// Waits until a line, of either stream, contains this text.
    #[track_caller]
    pub(crate) fn until(&mut self, text: &str) -> &mut Self {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok((stream, line)) => {
                    let found = line.contains(text);
                    self.note(stream, &line);
                    if found {
                        return self;
                    }
                }
                Err(end) => {
                    let why = match end {
                        RecvTimeoutError::Timeout => "nothing more was said",
                        RecvTimeoutError::Disconnected => "it ended",
                    };
                    let (line, stdout, stderr) = (&self.line, &self.stdout, &self.stderr);
                    panic!("`muster {line}` never said `{text}`: {why}\n--- output\n{stdout}\n--- errors\n{stderr}");
                }
            }
        }
    }

    /// Waits until a line contains this text, and gives that line.
    #[track_caller]
    pub(crate) fn line_with(&mut self, text: &str) -> String {
        self.until(text);
        let said = self.stderr.lines().rev().chain(self.stdout.lines().rev()).find(|line| line.contains(text));
        said.unwrap_or_default().to_owned()
    }

    /// Types a line at it.
    pub(crate) fn answer(&mut self, line: &str) -> &mut Self {
        let stdin = self.stdin.as_mut().expect("standard input is open until the end is waited for");
        writeln!(stdin, "{line}").unwrap();
        self
    }

    /// Types something without a newline, such as a control character.
    pub(crate) fn typed(&mut self, keys: &str) -> &mut Self {
        let stdin = self.stdin.as_mut().expect("standard input is open until the end is waited for");
        stdin.write_all(keys.as_bytes()).unwrap();
        self
    }

    /// Ctrl-C.
    pub(crate) fn interrupt(&mut self) -> &mut Self {
        self.send(Signal::INT)
    }

    /// What a service manager sends.
    pub(crate) fn terminate(&mut self) -> &mut Self {
        self.send(Signal::TERM)
    }

    /// What a closed terminal sends.
    pub(crate) fn hang_up(&mut self) -> &mut Self {
        self.send(Signal::HUP)
    }

    /// What cannot be caught: a crash.
    pub(crate) fn kill(&mut self) -> &mut Self {
        self.send(Signal::KILL)
    }

    /// What a suspended machine comes to: it stands still and knows nothing of it.
    pub(crate) fn freeze(&mut self) -> &mut Self {
        self.send(Signal::STOP)
    }

    /// And goes on.
    pub(crate) fn thaw(&mut self) -> &mut Self {
        self.send(Signal::CONT)
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits until there is this file in the scene's folder.
    #[track_caller]
    pub(crate) fn until_file(&mut self, path: &str) -> &mut Self {
        let patience = Patience::new();
        while !self.scene.path(path).exists() {
            patience.check(&format!("`muster {}` never made {path}", self.line));
        }
        self
    }

    fn send(&mut self, signal: Signal) -> &mut Self {
        let id = i32::try_from(self.child.id()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
        self
    }

    /// Closes standard input and waits for the end; a program that was ended by a signal shows 128 and its number, as
    /// a shell does.
    #[track_caller]
    pub(crate) fn ends(mut self) -> Seen {
        drop(self.stdin.take());
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok((stream, line)) => self.note(stream, &line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("`muster {}` did not end", self.line),
            }
        }
        let status = self.child.wait().unwrap();
        let signal = std::os::unix::process::ExitStatusExt::signal(&status);
        Seen {
            code: status.code().or(signal.map(|number| 128 + number)).unwrap(),
            stdout: self.scene.redacted(&self.stdout),
            stderr: self.scene.redacted(&self.stderr),
        }
    }

    fn note(&mut self, stream: Stream, line: &str) {
        let text = if stream == Stream::Output { &mut self.stdout } else { &mut self.stderr };
        text.push_str(line);
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        // A test that failed half-way leaves nothing behind; one that waited for the end has nothing left to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Passes each line on, with its newline, until the stream ends.
fn listen(stream: impl Read + Send + 'static, which: Stream, to: Sender<(Stream, String)>) {
    thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        while reader.read_line(&mut line).is_ok_and(|length| length > 0) {
            if to.send((which, std::mem::take(&mut line))).is_err() {
                return;
            }
        }
    });
}
