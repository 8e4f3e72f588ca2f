//! Pushes as a user makes them, from a small repository on Muster's machine; also one that began before a fence.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use crate::provider::host::{Host, last_line};
use crate::resource::{Context, ProviderError, WriteAttempt};
use crate::time::Span;

/// The tree with nothing in it, which git knows without being told.
const EMPTY_TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
/// What is kept of git's words, in bytes.
const SAID: usize = 16 * 1024;
/// Between two looks for a file that another process makes.
const GLANCE: Span = Span::from_millis(10);
/// How long a push that holds the line waits to be let go, in fiftieths of a second.
const HELD_MAX: u32 = 3000;

/// Runs between the moment a push has opened its session and the moment it sends anything: says that it is there, and
/// waits to be let go.
const HOLD: &str = "#!/bin/sh
: > \"$MUSTER_OPENED\"
left=MOST
while [ ! -e \"$MUSTER_GO\" ] && [ $left -gt 0 ]; do left=$((left - 1)); sleep 0.02; done
";

/// What the folders that pushes come from are called, with the process and a number after it.
const PREFIX: &str = "muster-git-";
/// So many entries of the folder for temporary files are looked at for those of processes that were killed.
const ORPHANS_LOOKED_AT: usize = 100_000;

/// Where pushes come from.
pub(super) struct Pusher {
    host: Host,
    timeout: Span,
    folder: OnceLock<Result<PathBuf, String>>,
}

impl Pusher {
    pub(super) fn new(host: Host, timeout: Span) -> Self {
        Self { host, timeout, folder: OnceLock::new() }
    }

    /// The folder of this provider's own, made at its first use.
    fn folder(&self) -> Result<&Path, ProviderError> {
        let made = self.folder.get_or_init(|| new_folder().map_err(|error| error.to_string()));
        made.as_deref().map_err(|why| ProviderError::Refused(format!("no folder to push from: {why}")))
    }

    async fn git(&self, cx: &Context, arguments: &[&str], env: &[(&str, &str)]) -> Result<Said, ProviderError> {
        let folder = self.folder()?.join("scratch.git");
        let argv: Vec<String> = ["git", "-C"]
            .into_iter()
            .map(str::to_owned)
            .chain([folder.to_string_lossy().into_owned()])
            .chain(arguments.iter().map(|word| (*word).to_owned()))
            .collect();
        let own = [
            ("GIT_TERMINAL_PROMPT", "0"),
            ("LC_ALL", "C"),
            ("GIT_AUTHOR_NAME", "Muster"),
            ("GIT_AUTHOR_EMAIL", "muster@localhost"),
            ("GIT_COMMITTER_NAME", "Muster"),
            ("GIT_COMMITTER_EMAIL", "muster@localhost"),
        ];
        let env: Vec<(String, String)> =
            own.iter().chain(env).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let finished = self.host.run_with(cx, &argv, &env, self.timeout, SAID).await?;
        Ok(Said { well: finished.code == Some(0), stdout: finished.stdout, stderr: finished.stderr })
    }

    /// A commit with nothing in it but these words, and the moment: git dates commits to the second, and of two that are
    /// the same the second is no push, which no gate refuses.
    async fn commit(&self, cx: &Context, words: &str) -> Result<String, ProviderError> {
        let moment = format!("{} {}", cx.run, cx.clock.now().0);
        let said = self.git(cx, &["commit-tree", "-m", words, "-m", &moment, EMPTY_TREE], &[]).await?;
        if said.well {
            return Ok(said.stdout.trim().to_owned());
        }
        Err(ProviderError::Refused(format!("git commit-tree: {}", last_line(&said.stderr))))
    }

    /// Pushes a new small commit to a reference, whatever stands there.
    pub(super) async fn push(&self, cx: &Context, url: &str, reference: &str, words: &str) -> WriteAttempt {
        let pushed = async {
            let commit = self.commit(cx, words).await?;
            self.git(cx, &["push", "--quiet", "--force", url, &format!("{commit}:{reference}")], &[]).await
        };
        pushed.await.map_or_else(|error| WriteAttempt::Unknown(error.to_string().into()), |said| said.attempt())
    }

    /// Opens a push, does `meanwhile` while the push waits, and says what became of both. If the push can't even
    /// begin, nothing is done meanwhile, and its words come back.
    pub(super) async fn push_around<T>(
        &self,
        cx: &Context,
        url: &str,
        reference: &str,
        meanwhile: impl Future<Output = Result<T, ProviderError>>,
    ) -> Result<(T, WriteAttempt), ProviderError> {
        let folder = self.folder()?;
        let (opened, go) = (folder.join("opened"), folder.join("go"));
        for file in [&opened, &go] {
            let _ = fs::remove_file(file);
        }
        let commit = self.commit(cx, "a push from before the fence").await?;
        let hooks = format!("core.hooksPath={}", folder.join("hold").display());
        let target = format!("{commit}:{reference}");
        let env = [("MUSTER_OPENED", opened.to_string_lossy()), ("MUSTER_GO", go.to_string_lossy())];
        let env = env.each_ref().map(|(name, value)| (*name, value.as_ref()));
        let arguments = ["-c", &hooks, "push", "--quiet", "--force", url, &target];
        let mut push = std::pin::pin!(self.git(cx, &arguments, &env));
        let begun = async {
            while !opened.exists() {
                cx.clock.sleep(GLANCE).await;
            }
        };
        tokio::select! {
            biased;
            said = push.as_mut() => {
                let said = said?;
                return Err(ProviderError::Unreachable(format!("a push to {url}: {}", said.why())));
            }
            () = begun => {}
        }
        let done = async {
            let done = meanwhile.await;
            // Let go in any case: it must not hold the line for ever.
            fs::write(&go, "").map_err(|error| ProviderError::Refused(error.to_string())).and(done)
        };
        let (said, done) = tokio::join!(push, done);
        let attempt = said.map_or_else(|error| WriteAttempt::Unknown(error.to_string().into()), |said| said.attempt());
        Ok((done?, attempt))
    }

    /// Whether a repository answers whoever reads it.
    pub(super) async fn answers(&self, cx: &Context, url: &str) -> Result<(), ProviderError> {
        let said = self.git(cx, &["ls-remote", "--quiet", url, "HEAD"], &[]).await?;
        if said.well { Ok(()) } else { Err(ProviderError::Unreachable(said.why().to_owned())) }
    }
}

impl Drop for Pusher {
    fn drop(&mut self) {
        if let Some(Ok(folder)) = self.folder.get() {
            // Nothing in it is needed by anybody.
            let _ = fs::remove_dir_all(folder);
        }
    }
}

/// What git said at its end.
struct Said {
    well: bool,
    stdout: String,
    stderr: String,
}

impl Said {
    /// The line that tells most: what the server said, else the last one.
    fn why(&self) -> &str {
        let lines = || self.stderr.lines().map(str::trim);
        let told = lines().find_map(|line| line.strip_prefix("remote: muster: "));
        told.or_else(|| lines().find(|line| line.starts_with("fatal:") || line.contains("[remote rejected]")))
            .unwrap_or_else(|| last_line(&self.stderr))
    }

    fn attempt(&self) -> WriteAttempt {
        if self.well {
            return WriteAttempt::Acknowledged;
        }
        // The server answered, and said no; anything else is no answer.
        let refused = ["[remote rejected]", "remote: muster: ", "HTTP 403", "The requested URL returned error: 403"];
        let words = self.why().to_owned().into();
        if refused.iter().any(|sign| self.stderr.contains(sign)) {
            WriteAttempt::Refused(words)
        } else {
            WriteAttempt::Unknown(words)
        }
    }
}

/// Removes the folders of processes that were killed: nothing in them is needed by anybody, and nobody else removes them.
fn remove_orphans() {
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else { return };
    for entry in entries.flatten().take(ORPHANS_LOOKED_AT) {
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split_once('-')?.0.parse().ok());
        let Some(process) = number.and_then(Pid::from_raw) else { continue };
        if test_kill_process(process) == Err(Errno::SRCH) {
            // Another user's can't be removed, and is that one's to remove.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// A folder that nobody else can write to, with a repository and the hook that holds a push.
fn new_folder() -> io::Result<PathBuf> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    remove_orphans();
    let (mut n, own) = (0_u32, std::process::id());
    let folder = loop {
        let folder = std::env::temp_dir().join(format!("{PREFIX}{own}-{n}"));
        match fs::DirBuilder::new().mode(0o700).create(&folder) {
            Ok(()) => break folder,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && n < 10_000 => n += 1,
            Err(error) => return Err(error),
        }
    };
    // An empty bare repository is this much; git fills in the rest.
    let scratch = folder.join("scratch.git");
    for part in ["objects", "refs/heads"] {
        fs::create_dir_all(scratch.join(part))?;
    }
    fs::write(scratch.join("HEAD"), "ref: refs/heads/main\n")?;
    fs::write(scratch.join("config"), "[core]\n\trepositoryformatversion = 0\n\tbare = true\n[gc]\n\tauto = 0\n")?;
    let hook = folder.join("hold/pre-push");
    fs::create_dir_all(folder.join("hold"))?;
    fs::write(&hook, HOLD.replace("MOST", &HELD_MAX.to_string()))?;
    fs::set_permissions(hook, fs::Permissions::from_mode(0o700))?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a process that has ended, with a number of its own")]
    fn what_a_killed_process_left_is_removed_by_the_next_and_what_a_living_one_has_is_not() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let gone = std::env::temp_dir().join(format!("{PREFIX}{}-0", child.id()));
        child.wait().unwrap();
        fs::create_dir_all(gone.join("scratch.git")).unwrap();
        let own = new_folder().unwrap();
        assert!(!gone.exists() && own.join("hold/pre-push").is_file());
        remove_orphans();
        assert!(own.exists());
        fs::remove_dir_all(own).unwrap();
    }
}
