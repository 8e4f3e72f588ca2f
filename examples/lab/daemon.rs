//! The lab's servers as processes: started apart from whoever starts them, known by a file each, ended by it.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use jiff::Timestamp;
use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use crate::processes::{self, Known};
use crate::world::{Lab, Role, text};
use crate::{Result, wait_until};

/// The environment variable that every process of a lab carries; its value is the folder.
const MARK: &str = "MUSTER_LAB";
/// The environment variable that a server carries; its value is the server's name.
const SERVER: &str = "MUSTER_LAB_SERVER";
/// After it was asked to end, a server is killed.
const GRACE: Duration = Duration::from_secs(3);

/// A server that is started or was.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Daemon {
    /// `primary-app-1`.
    pub(crate) name: String,
    pub(crate) region: Option<Role>,
    pub(crate) process: Known,
}

/// How a server is started.
pub(crate) struct Start<'a> {
    pub(crate) name: String,
    pub(crate) region: Option<Role>,
    pub(crate) argv: Vec<String>,
    pub(crate) folder: &'a Path,
    /// User and group, where not the lab's own.
    pub(crate) user: Option<(u32, u32)>,
}

/// A program with the environment that the lab's servers have: nothing of the starter's, so that whatever marks the
/// starter's programs (Muster ends those when it dies) does not mark them.
pub(crate) fn clean(lab: &Lab, program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env(MARK, &lab.folder).env("LC_ALL", "C").env("HOME", &lab.folder);
    command.env("PATH", std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin:/usr/sbin:/sbin".into()));
    // No settings of the person who started the lab reach its git.
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_TERMINAL_PROMPT", "0");
    command
}

/// Marks a program that is no server as its starter's: it ends with the call that started it, so that one whose Muster
/// was killed does not go on writing where the next one begins.
pub(crate) fn keep_marks(command: &mut Command) {
    command.envs(
        std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(|name| name.starts_with("MUSTER_KEPT_"))),
    );
}

/// Runs a program as another user, where one is given.
pub(crate) fn as_user(command: &mut Command, user: Option<(u32, u32)>) {
    use std::os::unix::process::CommandExt;
    if let Some((user, group)) = user {
        command.uid(user).gid(group);
    }
}

fn file(lab: &Lab, name: &str) -> PathBuf {
    lab.folder.join("run").join(format!("{name}.json"))
}

/// Starts a server; what it says goes to its log.
pub(crate) fn start(lab: &Lab, how: &Start<'_>) -> Result<Daemon> {
    use std::os::unix::process::CommandExt;
    let log = lab.log(&how.name);
    let open = || OpenOptions::new().create(true).append(true).open(&log);
    let [program, arguments @ ..] = how.argv.as_slice() else { return Err(format!("{} has no program", how.name)) };
    let mut command = noting(lab, how, program).map_err(|error| format!("{}: {error}", how.name))?;
    command.env(SERVER, &how.name).args(arguments).current_dir(how.folder).process_group(0).stdin(Stdio::null());
    let failed = |error: std::io::Error| format!("{} ({program}) can't be started: {error}", how.name);
    command.stdout(open().map_err(failed)?).stderr(open().map_err(failed)?);
    as_user(&mut command, how.user);
    let mut child = command.spawn().map_err(failed)?;
    let process = Known::now(child.id()).ok_or_else(|| {
        let _ = child.wait();
        format!("{} ended at once: {}", how.name, last_words(lab, &how.name))
    })?;
    let daemon = Daemon { name: how.name.clone(), region: how.region, process };
    let written = serde_json::to_string(&daemon).map_err(|error| error.to_string())?;
    fs::write(file(lab, &how.name), written).map_err(failed)?;
    // Waited for while this command lives, so that a server which ends at once is not taken for one that runs.
    std::thread::spawn(move || child.wait());
    Ok(daemon)
}

/// What starts a server. Every start is written down, for whoever wants to know how often there was one: by the process
/// that becomes the server, since whoever starts it may be killed before or after.
fn noting(lab: &Lab, how: &Start<'_>, program: &str) -> std::io::Result<Command> {
    let log = lab.log("starts");
    if how.user.is_some() {
        // Another user may not write there.
        let mut log = OpenOptions::new().create(true).append(true).open(log)?;
        log.write_all(format!("{} {}\n", Timestamp::now(), how.name).as_bytes())?;
        return Ok(clean(lab, Path::new(program)));
    }
    let mut command = clean(lab, Path::new("sh"));
    command.args([
        "-c",
        "echo \"$1 $2\" >> \"$3\"; shift 3; exec \"$@\"",
        "sh",
        &Timestamp::now().to_string(),
        &how.name,
    ]);
    command.arg(log).arg(program);
    Ok(command)
}

/// The last lines of a server's log.
pub(crate) fn last_words(lab: &Lab, name: &str) -> String {
    let all = fs::read_to_string(lab.log(name)).unwrap_or_default();
    let lines: Vec<&str> = all.lines().collect();
    let from = lines.len().saturating_sub(3);
    if lines.is_empty() { "it said nothing".to_owned() } else { lines[from..].join(" / ") }
}

/// All servers that were started and not stopped, by name; also those that have died since.
pub(crate) fn all(lab: &Lab) -> BTreeMap<String, Daemon> {
    let entries = fs::read_dir(lab.folder.join("run")).into_iter().flatten().filter_map(std::result::Result::ok);
    let read = |path: PathBuf| serde_json::from_str::<Daemon>(&fs::read_to_string(path).ok()?).ok();
    entries.filter_map(|entry| read(entry.path())).map(|daemon| (daemon.name.clone(), daemon)).collect()
}

/// The server of this name, if it runs. Whoever started it may have been killed before its number was written down: it is
/// found by what it carries.
pub(crate) fn running(lab: &Lab, name: &str) -> Option<Daemon> {
    let text = fs::read_to_string(file(lab, name)).unwrap_or_default();
    let written = serde_json::from_str::<Daemon>(&text).ok().filter(|daemon| daemon.process.runs());
    written.or_else(|| {
        let process = processes::first_leader(&[(MARK, lab.folder.to_str()?), (SERVER, name)])?;
        let region = Role::ALL.into_iter().find(|role| name.starts_with(&format!("{role}-")));
        let daemon = Daemon { name: name.to_owned(), region, process };
        // Best effort: it is found again the next time.
        let _ = fs::write(file(lab, name), serde_json::to_string(&daemon).unwrap_or_default());
        Some(daemon)
    })
}

/// Forgets a server that has ended.
pub(crate) fn forget(lab: &Lab, name: &str) {
    let _ = fs::remove_file(file(lab, name));
}

/// Asks a server to end, and kills it if it does not.
pub(crate) fn stop(lab: &Lab, name: &str) -> Result<()> {
    if let Some(daemon) = running(lab, name) {
        daemon.process.send(Signal::TERM);
        let ended = wait_until("ending", GRACE, || !daemon.process.runs());
        if ended.is_err() {
            processes::kill(name, || processes::with_descendants(std::slice::from_ref(&daemon.process)))?;
        }
    }
    forget(lab, name);
    Ok(())
}

/// Ends everything of a region without warning: its servers and all that they started.
pub(crate) fn kill_region(lab: &Lab, region: Role) -> Result<()> {
    let daemons = all(lab).into_values().filter(|daemon| daemon.region == Some(region)).collect::<Vec<_>>();
    let mut roots: Vec<Known> = daemons.iter().map(|daemon| daemon.process.clone()).collect();
    roots.extend(postmaster(lab, region));
    // Found before the first is ended: what a dead process started can't be told any more.
    let mut doomed = processes::with_descendants(&roots);
    processes::kill(&format!("region {region}"), || {
        doomed.retain(Known::runs);
        doomed = processes::with_descendants(&doomed);
        doomed.clone()
    })
}

/// A region's PostgreSQL by what its data folder says, whoever started it.
pub(crate) fn postmaster(lab: &Lab, region: Role) -> Option<Known> {
    let data = lab.data(region);
    let written = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    let known = Known::now(written.lines().next()?.trim().parse().ok()?)?;
    let ours = !cfg!(target_os = "linux") || processes::works_in(&known, &data);
    ours.then_some(known)
}

/// Ends everything of the lab in this folder without warning, also what no file tells of.
pub(crate) fn kill_everything(folder: &Path, lab: Option<&Lab>) -> Result<()> {
    processes::kill("the lab", || {
        let mut roots = processes::marked(MARK, &text(folder));
        if let Some(lab) = lab {
            roots.extend(all(lab).into_values().map(|daemon| daemon.process));
            roots.extend(Role::ALL.iter().filter_map(|region| postmaster(lab, *region)));
        }
        processes::with_descendants(&roots)
    })
}
