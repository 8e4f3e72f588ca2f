//! Which machine and user a real run is started by, for its journal.

use std::fs;

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
    use super::user_name;

    #[test]
    fn a_user_is_named_by_number() {
        let users = "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\nbroken\n";
        assert_eq!(user_name(users, 1000).as_deref(), Some("ann"));
        assert_eq!(user_name(users, 100), None);
    }
}
