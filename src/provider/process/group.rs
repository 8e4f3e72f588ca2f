//! A process group and its end.

use rustix::process::{Pid, Signal, kill_process_group};

/// The process group that a program leads. Killed when dropped, unless released.
#[derive(Debug)]
pub(super) struct Group {
    leader: Option<Pid>,
}

impl Group {
    /// The group whose leader has this process id.
    pub(super) fn led_by(id: Option<u32>) -> Self {
        Self { leader: id.and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw) }
    }

    /// SIGTERM to all of the group.
    pub(super) fn ask_to_end(&self) {
        self.send(Signal::TERM);
    }

    /// SIGKILL to all of the group.
    pub(super) fn kill(&self) {
        self.send(Signal::KILL);
    }

    /// The program ended by itself: what it left behind on purpose (a daemon that closed its outputs) stays, and
    /// the number of the group may belong to somebody else from now on.
    pub(super) fn release(&mut self) {
        self.leader = None;
    }

    fn send(&self, signal: Signal) {
        if let Some(leader) = self.leader {
            // It fails if nobody is left, which is what was wanted.
            let _ = kill_process_group(leader, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}
