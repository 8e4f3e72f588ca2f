//! Bare git repositories, served over HTTP with pushes, and mirrored to the other region behind each push.
//!
//! The gate before them and the book of pushes are the hooks that Muster's provider `git` ships.

pub(crate) mod mirror;
pub(crate) mod server;

use std::fs;
use std::path::Path;
use std::process::Output;

use crate::Result;
use crate::daemon;
use crate::world::{Lab, Role};

/// Repositories that a new lab has: of clients, and a few that lie still.
const FIRST: [&str; 4] = ["clients.git", "team/api.git", "team/web.git", "team/docs.git"];
/// Who makes the lab's commits.
const AUTHOR: [(&str, &str); 4] = [
    ("GIT_AUTHOR_NAME", "Lab"),
    ("GIT_AUTHOR_EMAIL", "lab@lab.test"),
    ("GIT_COMMITTER_NAME", "Lab"),
    ("GIT_COMMITTER_EMAIL", "lab@lab.test"),
];
/// The tree with nothing in it, which every repository knows.
const EMPTY_TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
const PRE_RECEIVE: &str = include_str!("../../../src/provider/git/hooks/pre-receive");
const POST_RECEIVE: &str = include_str!("../../../src/provider/git/hooks/post-receive");

/// Makes both sides: the second as a copy of the first.
pub(crate) fn make(lab: &Lab) -> Result<()> {
    for region in Role::ALL {
        let books = lab.repositories(region).join(".muster");
        let role = match region {
            Role::Primary => "primary".to_owned(),
            Role::Secondary => format!("replica {}", region.other()),
        };
        let write = || {
            fs::create_dir_all(books.join("hooks"))?;
            for (name, text) in [("pre-receive", PRE_RECEIVE), ("post-receive", POST_RECEIVE)] {
                hook(&books.join("hooks").join(name), text)?;
            }
            for (name, text) in [("role", role.as_str()), ("base", "0"), ("pushes", ""), ("copied", "0")] {
                fs::write(books.join(name), text)?;
            }
            Ok::<_, std::io::Error>(())
        };
        write().map_err(|error| format!("{}: {error}", books.display()))?;
        for repository in FIRST {
            create(lab, region, repository)?;
        }
    }
    Ok(())
}

fn hook(path: &Path, text: &str) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, text)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

/// Makes an empty bare repository behind the gate.
pub(crate) fn create(lab: &Lab, region: Role, name: &str) -> Result<()> {
    let path = lab.repositories(region).join(name);
    let hooks = lab.repositories(region).join(".muster/hooks");
    let mut init = daemon::clean(lab, &lab.programs.git);
    init.args(["init", "--quiet", "--bare", "--initial-branch=main"]).arg(&path);
    done("git init", &init.output())?;
    let mut config = daemon::clean(lab, &lab.programs.git);
    config.arg("-C").arg(&path).args(["config", "core.hooksPath"]).arg(hooks);
    done("git config", &config.output())?;
    let mut config = daemon::clean(lab, &lab.programs.git);
    // Pushes leave no work behind that would go on after their answer.
    config.arg("-C").arg(&path).args(["config", "receive.autogc", "false"]);
    done("git config", &config.output()).map(|_| ())
}

fn done(what: &str, out: &std::io::Result<Output>) -> Result<String> {
    match out {
        Ok(out) if out.status.success() => Ok(String::from_utf8_lossy(&out.stdout).trim().to_owned()),
        Ok(out) => Err(format!("{what}: {}", String::from_utf8_lossy(&out.stderr).trim())),
        Err(error) => Err(format!("{what}: {error}")),
    }
}

/// A repository to push from.
pub(crate) fn scratch(lab: &Lab, path: &Path) -> Result<()> {
    let mut init = daemon::clean(lab, &lab.programs.git);
    init.args(["init", "--quiet", "--bare", "--initial-branch=main"]).arg(path);
    done("git init", &init.output()).map(|_| ())
}

/// Makes a small commit and pushes it to `reference`, whatever was there; dropped, it is ended.
pub(crate) async fn push(
    lab: &Lab,
    scratch: &Path,
    url: &str,
    reference: &str,
    message: &str,
    settings: &[String],
) -> Result<()> {
    let git = || {
        let mut command = tokio::process::Command::from(daemon::clean(lab, &lab.programs.git));
        command.arg("-C").arg(scratch).kill_on_drop(true).envs(AUTHOR);
        command
    };
    let commit = git().args(["commit-tree", "-m", message, EMPTY_TREE]).output().await;
    let commit = done("git commit-tree", &commit).map_err(|why| {
        // The empty tree is built in; writing it down is for versions that want to see it.
        if why.contains("not a valid object") { format!("{why}: git is too old") } else { why }
    })?;
    let mut push = git();
    for setting in settings {
        push.args(["-c", setting]);
    }
    // A server that stops in the middle is given up.
    push.args(["-c", "http.lowSpeedLimit=1", "-c", "http.lowSpeedTime=5"]);
    push.args(["push", "--quiet", "--force", url, &format!("{commit}:{reference}")]);
    done("git push", &push.output().await).map(|_| ())
}
