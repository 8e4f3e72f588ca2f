//! Another machine, as far as `ssh` can tell: a server on loopback with a key of its own that runs what it is told.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::python;

/// The name of the machine in the client's settings.
const NAME: &str = "far";

/// A server, ended with the value.
pub(crate) struct Ssh {
    folder: TempDir,
    server: Child,
}

#[expect(clippy::disallowed_methods, reason = "these are no processes of Muster's")]
fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    Command::new(program)
}

impl Ssh {
    pub(crate) fn up() -> Self {
        let folder = TempDir::with_prefix("muster-ssh-").unwrap();
        let at = |name: &str| folder.path().join(name);
        for key in ["host", "own"] {
            let mut made = command("ssh-keygen");
            made.args(["-q", "-t", "ed25519", "-N", "", "-C", key, "-f"]).arg(at(key));
            assert!(made.status().unwrap().success());
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration/harness/sshd.py");
        let mut server = command(python("ssh"));
        server
            .arg(script)
            .arg(at("host"))
            .arg(at("own.pub"))
            .arg(at("told"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut server = server.spawn().unwrap_or_else(|error| panic!("{error}: `tests/run` installs asyncssh"));
        let mut port = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut port).unwrap();
        let port: u16 = port.trim().parse().unwrap();
        let host = fs::read_to_string(at("host.pub")).unwrap();
        fs::write(at("known"), format!("[127.0.0.1]:{port} {host}")).unwrap();
        let settings = format!(
            "Host {NAME}\n  HostName 127.0.0.1\n  Port {port}\n  User ops\n  IdentityFile {0}/own\n  IdentitiesOnly yes\n  \
             UserKnownHostsFile {0}/known\n  StrictHostKeyChecking yes\n  BatchMode yes\n  LogLevel ERROR\n",
            folder.path().display()
        );
        fs::write(at("config"), settings).unwrap();
        Self { folder, server }
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("config")
    }

    /// What stands before a command that is run there.
    pub(crate) fn via(&self) -> Vec<String> {
        ["ssh", "-F", self.config().to_str().unwrap(), NAME].map(str::to_owned).to_vec()
    }

    /// The command there: one that has blanks or signs of the shell's in its words has them quoted, as the documentation
    /// says, since `ssh` hands one text to a shell.
    pub(crate) fn argv(&self, words: &[&str]) -> Vec<String> {
        let is_plain = |word: &str| word.chars().all(|it| it.is_ascii_alphanumeric() || "/-_.=".contains(it));
        let quoted = |word: &&str| if is_plain(word) { (*word).to_owned() } else { format!("'{word}'") };
        self.via().into_iter().chain(words.iter().map(quoted)).collect()
    }

    /// How git reaches it.
    pub(crate) fn git_ssh(&self) -> String {
        format!("ssh -F {}", self.config().display())
    }

    /// What it was told to run.
    pub(crate) fn told(&self) -> String {
        fs::read_to_string(self.folder.path().join("told")).unwrap_or_default()
    }

    /// From now on it does not answer.
    pub(crate) fn ends(&mut self) {
        let _ = self.server.kill();
        self.server.wait().unwrap();
    }
}

/// An address of a folder there, for git.
pub(crate) fn url(path: &Path) -> String {
    format!("ssh://{NAME}{}", path.display())
}

impl Drop for Ssh {
    fn drop(&mut self) {
        self.ends();
    }
}
