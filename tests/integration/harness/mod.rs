//! A scene: a folder with files, in which Muster is typed and what it shows is looked at.
//!
//! ```ignore
//! let scene = Scene::new().file("a.yaml", "muster: 1\n");
//! assert_snapshot!(scene.types("validate a.yaml"), @"exit 2 ...");
//! ```
//!
//! A run has a clean environment, so that a test says the same on every machine: only `PATH` and what is set here. Its
//! home and its temporary folder are the scene's. What differs from run to run is taken out by [`redact`].

// Tests of subcommands come with the subcommands; until each is there, not every word of the harness is used.
#![allow(dead_code, reason = "the harness is a vocabulary: a word may wait for its test")]

pub(crate) mod postgres;
mod redact;
pub(crate) mod runbook;
mod running;
pub(crate) mod ssh;
mod tests;
mod words;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use redact::redact;
pub(crate) use running::{Patience, Running};

/// The most time that a program gets: far more than any needs, so that a hang fails and a slow machine does not.
const PATIENCE: Duration = Duration::from_mins(1);

/// The Python that has the packages of `tests/python/LIST.txt`, where `tests/run` puts it.
#[expect(clippy::disallowed_methods, reason = "the cache is where this machine has it")]
pub(crate) fn python(list: &str) -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    cache.expect("a home folder").join(format!("muster/python-{list}/bin/python3"))
}

/// A folder of its own, an environment, and a program: Muster.
pub(crate) struct Scene {
    folder: TempDir,
    program: PathBuf,
    env: Vec<(String, String)>,
    stdin: String,
}

impl Scene {
    /// An empty folder.
    pub(crate) fn new() -> Self {
        Self::of(env!("CARGO_BIN_EXE_muster"))
    }

    /// With another program than Muster, to test the harness itself.
    fn of(program: &str) -> Self {
        Self {
            folder: TempDir::with_prefix("muster-").unwrap(),
            program: PathBuf::from(program),
            env: Vec::new(),
            stdin: String::new(),
        }
    }

    /// With a file in it; folders on its way are made.
    pub(crate) fn file(self, path: &str, text: &str) -> Self {
        self.write(path, text);
        self
    }

    /// With a copy of the repository's `path`, a file or a folder, at the same place.
    pub(crate) fn shipped(self, path: &str) -> Self {
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join(path), &self.path(path));
        self
    }

    /// With an environment variable.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With this on standard input; unstated: it is empty and at its end.
    pub(crate) fn stdin(mut self, text: &str) -> Self {
        text.clone_into(&mut self.stdin);
        self
    }

    /// The place of `path` in the folder.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Writes a file between two commands.
    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// What is in a file, redacted.
    pub(crate) fn read(&self, path: &str) -> String {
        let text = fs::read_to_string(self.path(path));
        self.redacted(&text.unwrap_or_else(|error| panic!("{path} cannot be read: {error}")))
    }

    /// The ids of the runs in `reports`, oldest first.
    pub(crate) fn runs(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("reports")).into_iter().flatten().map(Result::unwrap);
        let folders = entries.filter(|entry| entry.path().is_dir());
        let mut runs: Vec<String> = folders.map(|entry| entry.file_name().into_string().unwrap()).collect();
        runs.sort();
        runs
    }

    /// Waits until there is a file.
    #[track_caller]
    pub(crate) fn until_there(&self, path: &str) {
        self.until(&format!("{path} is there"), || self.path(path).exists());
    }

    /// Waits until something is so.
    #[expect(clippy::unused_self, reason = "it reads as what a person does at this scene")]
    #[track_caller]
    pub(crate) fn until(&self, what: &str, is: impl Fn() -> bool) {
        let steps = PATIENCE.as_millis() / 10;
        for _ in 0..steps {
            if is() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("it never came to pass that {what}");
    }

    /// The folder of the only run.
    pub(crate) fn only_run(&self) -> PathBuf {
        let runs = self.runs();
        assert_eq!(runs.len(), 1, "one run is expected in reports, these are there: {runs:?}");
        self.path("reports").join(&runs[0])
    }

    /// Types `muster` and this, as in a shell (quotes group, nothing else is special), and waits until it ends.
    pub(crate) fn types(&self, line: &str) -> Seen {
        let mut command = assert_cmd::Command::new(&self.program);
        command.args(words::split(line)).current_dir(self.folder.path()).env_clear().envs(self.environment());
        let output = command.write_stdin(self.stdin.as_str()).timeout(PATIENCE).output();
        let output = output.unwrap_or_else(|error| panic!("`muster {line}` did not run: {error}"));
        let code = output.status.code();
        Seen {
            code: code.unwrap_or_else(|| panic!("`muster {line}` was ended by a signal: {}", output.status)),
            stdout: self.redacted(&String::from_utf8(output.stdout).expect("standard output is UTF-8")),
            stderr: self.redacted(&String::from_utf8(output.stderr).expect("standard error is UTF-8")),
        }
    }

    /// Types it, and gives standard output as it is, with nothing taken out: what is to be typed in its turn.
    #[track_caller]
    pub(crate) fn types_raw(&self, line: &str) -> String {
        let mut command = assert_cmd::Command::new(&self.program);
        command.args(words::split(line)).current_dir(self.folder.path()).env_clear().envs(self.environment());
        let output = command.write_stdin(self.stdin.as_str()).timeout(PATIENCE).output().unwrap();
        String::from_utf8(output.stdout).expect("standard output is UTF-8")
    }

    /// Types it and goes on while it runs.
    pub(crate) fn starts(&self, line: &str) -> Running<'_> {
        Running::start(self, &self.program, line)
    }

    /// Starts another program in the scene: one that starts Muster in its turn.
    pub(crate) fn starts_program(&self, program: &str, line: &str) -> Running<'_> {
        Running::start(self, Path::new(program), line)
    }

    fn environment(&self) -> Vec<(String, String)> {
        let home = self.folder.path().to_str().unwrap().to_owned();
        #[expect(clippy::disallowed_methods, reason = "programs are found where this machine has them")]
        let path = std::env::var("PATH").unwrap_or_default();
        let fixed = [("PATH", path), ("HOME", home.clone()), ("TMPDIR", home)];
        let plain = [("LANG", "C.UTF-8"), ("TZ", "UTC"), ("COLUMNS", "120")];
        let fixed = fixed.into_iter().chain(plain.map(|(name, value)| (name, value.to_owned())));
        fixed.map(|(name, value)| (name.to_owned(), value)).chain(self.env.iter().cloned()).collect()
    }

    fn redacted(&self, text: &str) -> String {
        redact(text, self.folder.path().to_str().unwrap())
    }
}

/// What a person saw of a command that has ended: to be compared as a whole with a snapshot, or looked at in parts.
#[derive(Debug)]
pub(crate) struct Seen {
    /// The exit code.
    pub(crate) code: i32,
    /// Standard output, redacted.
    pub(crate) stdout: String,
    /// Standard error, redacted.
    pub(crate) stderr: String,
}

impl Seen {
    /// Demands an exit code; shows everything when it is another.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "another exit code was expected\n{self}");
        self
    }

    /// Demands a text on standard output.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.stdout.contains(text), "standard output should say `{text}`\n{self}");
        self
    }

    /// Demands a text on standard error.
    #[track_caller]
    pub(crate) fn warns(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "standard error should say `{text}`\n{self}");
        self
    }

    /// Demands that a text is nowhere: a secret, a colour, an apology.
    #[track_caller]
    pub(crate) fn never_says(self, text: &str) -> Self {
        assert!(!self.stdout.contains(text) && !self.stderr.contains(text), "nothing should say `{text}`\n{self}");
        self
    }

    /// Standard output as the one JSON document that it must be.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("no JSON document: {error}\n{self}"))
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit {}", self.code)?;
        for (name, text) in [("output", &self.stdout), ("errors", &self.stderr)] {
            if !text.is_empty() {
                write!(f, "\n--- {name}\n{}", text.trim_end_matches('\n'))?;
            }
        }
        Ok(())
    }
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
            copy(&entry.path(), &to.join(entry.file_name()));
        }
        return;
    }
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(from, to).unwrap_or_else(|error| panic!("{} cannot be copied: {error}", from.display()));
}
