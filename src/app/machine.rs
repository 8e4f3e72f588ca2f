//! Which machine and user a real run is started by, for its journal.

use std::fs;

use crate::store::Holder;

/// The machine, as its operating system names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Machine {
    /// Its host name.
    pub(super) host: String,
    /// The user's name, or number where it has none.
    pub(super) user: String,
    /// The id of this boot, to which monotonic times belong; empty where the system has none.
    pub(super) boot: String,
}

/// Asks the operating system.
pub(super) fn machine() -> Machine {
    let uid = rustix::process::getuid().as_raw();
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    Machine {
        host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        user: user_name(&users, uid).unwrap_or_else(|| format!("uid {uid}")),
        boot: boot.trim().to_owned(),
    }
}

/// What is known of a process that held a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Process {
    /// It is there, running or stopped.
    There,
    /// It has ended.
    Gone,
    /// It is, or was, on another machine: nothing can be seen of it from here.
    Elsewhere,
}

/// When a process started, as the operating system counts: with its number it is told from a later one with the same
/// number. 0 where that is not said, `None` where there is no such process.
pub(super) fn started(pid: u32) -> Option<u64> {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
        let known = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw)?;
        // Where there is no /proc. That it may not be sent a signal means that it is there.
        let there = !fs::exists("/proc/self/stat").unwrap_or(false)
            && rustix::process::test_kill_process(known) != Err(rustix::io::Errno::SRCH);
        return there.then_some(0);
    };
    // The name, in brackets, may hold anything.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

/// Looks at the process that holds a lease.
pub(super) fn look_at(holder: &Holder, here: &Machine) -> Process {
    if holder.host != here.host {
        return Process::Elsewhere;
    }
    if holder.boot != here.boot || started(holder.pid) != Some(holder.pid_started) {
        return Process::Gone;
    }
    Process::There
}

/// The name of user `uid` in the lines of a user list (passwd(5)).
fn user_name(users: &str, uid: u32) -> Option<String> {
    let uid = uid.to_string();
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::{Machine, Process, look_at, started, user_name};
    use crate::id::RunId;
    use crate::store::Holder;

    #[test]
    fn a_process_is_told_from_a_later_one_with_its_number() {
        let here = Machine { host: "here".to_owned(), user: "me".to_owned(), boot: "a".to_owned() };
        let pid = std::process::id();
        let mine = Holder {
            run: RunId::new("one").unwrap(),
            pid,
            pid_started: started(pid).unwrap(),
            boot: "a".to_owned(),
            host: "here".to_owned(),
            user: "me".to_owned(),
        };
        assert_eq!(look_at(&mine, &here), Process::There);
        assert_eq!(look_at(&Holder { pid_started: 1, ..mine.clone() }, &here), Process::Gone);
        assert_eq!(look_at(&Holder { boot: "b".to_owned(), ..mine.clone() }, &here), Process::Gone);
        assert_eq!(look_at(&Holder { host: "there".to_owned(), ..mine }, &here), Process::Elsewhere);
    }

    #[test]
    fn a_user_is_named_by_number() {
        let users = "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\nbroken\n";
        assert_eq!(user_name(users, 1000).as_deref(), Some("ann"));
        assert_eq!(user_name(users, 100), None);
    }
}
