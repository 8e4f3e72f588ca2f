//! The plain pace: each tick is waited for on the clock, each sample is a task of its own. The one for real time.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Tasks;
use super::shared::{Shared, begin};
use crate::time::JoinHandle;

/// Starts everything that ticks.
pub(super) fn start(shared: &Arc<Shared>, tasks: &mut Tasks) {
    for line in 0..shared.lines() {
        tasks.push(shared.clock.spawn(tick(Arc::clone(shared), line)));
    }
    tasks.push(shared.clock.spawn(due(Arc::clone(shared))));
}

/// Begins a sample or a row at each tick of `line`, whatever became of those before. Ticks that have passed (the
/// machine slept) are left out, not made up for.
async fn tick(shared: Arc<Shared>, line: usize) {
    let ticks = shared.ticks[line];
    let mut under_way = UnderWay::default();
    let mut tick = ticks.after(shared.clock.now());
    loop {
        let at = ticks.at(tick);
        shared.clock.sleep_until(at).await;
        let works = shared.at_desk(|desk| begin(&shared, desk, line, tick, at));
        for work in works.into_iter().flatten() {
            let own = Arc::clone(&shared);
            under_way.push(shared.clock.spawn(async move {
                let cx = own.context_of(line, own.clock.clone());
                let done = work.perform(&own, &cx).await;
                own.at_desk(|desk| done.hand_in(desk));
            }));
        }
        tick = ticks.after(shared.clock.now()).max(tick + 1);
    }
}

/// Tasks that end with whoever started them. The desk bounds how many there are.
#[derive(Default)]
struct UnderWay(VecDeque<JoinHandle<()>>);

impl UnderWay {
    fn push(&mut self, task: JoinHandle<()>) {
        self.0.retain(|task| !task.is_finished());
        self.0.push_back(task);
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        for task in &self.0 {
            task.abort();
        }
    }
}

/// Does what the passing of time makes due.
async fn due(shared: Arc<Shared>) {
    loop {
        let at = shared.desk().next_due();
        tokio::select! {
            biased;
            () = shared.due_changed.notified() => {}
            () = shared.clock.sleep_until(at) => shared.at_desk(|desk| desk.due(shared.clock.now())),
        }
    }
}
