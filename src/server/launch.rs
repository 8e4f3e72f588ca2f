//! Drills as processes of their own.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use crate::app::Runs;

/// What a drill that could not begin said is told up to so many bytes.
const SAID_MAX: u64 = 2000;

/// A process that carries out a drill.
struct Running {
    child: Child,
    log: PathBuf,
}

/// One that has ended.
pub(super) struct EndedChild {
    /// What it was begun for.
    pub(super) name: (String, String),
    pub(super) status: ExitStatus,
    /// The end of what it said.
    pub(super) said: String,
}

/// The drills that this daemon has begun and that go on.
pub(crate) struct Children {
    program: PathBuf,
    runs: Runs,
    running: BTreeMap<(String, String), Running>,
}

impl Children {
    pub(super) fn new(program: PathBuf, runs: &Runs) -> Self {
        Self { program, runs: runs.clone(), running: BTreeMap::new() }
    }

    /// What goes on: playbook and occurrence.
    pub(super) fn keys(&self) -> impl Iterator<Item = &(String, String)> {
        self.running.keys()
    }

    /// The same for people.
    pub(super) fn names(&self) -> Vec<String> {
        self.running.keys().map(|(playbook, what)| format!("{playbook} ({what})")).collect()
    }

    /// Starts Muster with these arguments and those that say where runs are. What it says goes to a file, and signals to
    /// the daemon do not reach it.
    ///
    /// # Errors
    /// What the operating system says.
    pub(super) fn start(&mut self, name: (String, String), arguments: &[String]) -> Result<(), String> {
        let folder = &self.runs.reports;
        let log = folder.join(format!("serve-{}-{}.log", name.0, name.1.replace([':', '/'], "-")));
        let open = || {
            std::fs::create_dir_all(folder)?;
            let file = File::create(&log)?;
            Ok::<_, std::io::Error>((file.try_clone()?, file))
        };
        let (output, errors) = open().map_err(|error| format!("{} can't be written: {error}", log.display()))?;
        #[expect(clippy::disallowed_methods, reason = "no program of a drill but Muster itself")]
        let mut command = Command::new(&self.program);
        command.args(arguments).arg("--reports").arg(&self.runs.reports);
        command.arg("--store").arg(format!("sqlite:{}", self.runs.store.display()));
        command.stdin(Stdio::null()).stdout(output).stderr(errors).process_group(0);
        let child = command.spawn().map_err(|error| format!("{} can't be started: {error}", self.program.display()))?;
        self.running.insert(name, Running { child, log });
        Ok(())
    }

    /// Whether one has ended that [`Self::ended`] has not told of.
    pub(super) fn any_ended(&mut self) -> bool {
        self.running.values_mut().any(|running| matches!(running.child.try_wait(), Ok(Some(_)) | Err(_)))
    }

    /// Those that have ended since.
    pub(super) fn ended(&mut self) -> Vec<EndedChild> {
        let mut ended = Vec::new();
        self.running.retain(|name, running| match running.child.try_wait() {
            Ok(None) => true,
            Ok(Some(status)) => {
                let said = tail(&running.log).unwrap_or_default();
                ended.push(EndedChild { name: name.clone(), status, said });
                false
            }
            // It is no child of ours any more: its journal tells what became of it.
            Err(_) => false,
        });
        ended
    }
}

/// The end of a file.
fn tail(path: &PathBuf) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(SAID_MAX)))?;
    let mut bytes = Vec::new();
    file.take(SAID_MAX).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
}
