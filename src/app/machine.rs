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

/// Whether a lease was taken in this very boot: then clocks since the machine's start are one, and a host that has
/// another name now (a container that was started anew, an address that was given anew) is the same all the same.
pub(super) fn same_boot(holder: &Holder, here: &Machine) -> bool {
    if holder.boot.is_empty() { here.boot.is_empty() && holder.host == here.host } else { holder.boot == here.boot }
}

/// Looks at the process that holds a lease.
pub(super) fn look_at(holder: &Holder, here: &Machine) -> Process {
    match same_boot(holder, here) {
        true if started(holder.pid) == Some(holder.pid_started) => Process::There,
        true => Process::Gone,
        false if holder.host == here.host => Process::Gone,
        false => Process::Elsewhere,
    }
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
        // The machine may be called otherwise meanwhile; whether it is the same is told by its boot.
        let renamed = Holder { host: "there".to_owned(), ..mine };
        assert_eq!(look_at(&renamed, &here), Process::There);
        assert_eq!(look_at(&Holder { pid_started: 1, ..renamed.clone() }, &here), Process::Gone);
        assert_eq!(look_at(&Holder { boot: "b".to_owned(), ..renamed.clone() }, &here), Process::Elsewhere);
        // Where the system has no id of a boot, the name is all there is.
        let nameless = Machine { boot: String::new(), ..here };
        let unsaid = Holder { boot: String::new(), ..renamed };
        assert_eq!(look_at(&unsaid, &nameless), Process::Elsewhere);
        assert_eq!(look_at(&Holder { host: "here".to_owned(), ..unsaid }, &nameless), Process::There);
    }

    #[test]
    fn a_user_is_named_by_number() {
        let users = "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\nbroken\n";
        assert_eq!(user_name(users, 1000).as_deref(), Some("ann"));
        assert_eq!(user_name(users, 100), None);
    }
}
