//! Looking at resources, and looking again until they are as they should be.

use std::future::Future;
use std::pin::pin;

use super::{ActError, Tools};
use crate::catalogue::{Achieved, Before, Describe};
use crate::resource::{Cancellation, Context, World};
use crate::time::Span;

/// The wait between the first look and the second.
const FIRST_REST: Span = Span::from_millis(250);
/// No wait waits for more looks than this.
const LOOKS_MAX: u32 = 100_000;

/// The rests between looks: each twice as long as the one before, up to a bound.
#[derive(Debug)]
pub(super) struct Pace {
    next: Span,
    longest: Span,
    looks: u32,
}

impl Pace {
    /// For a change that was asked for and soon comes: rests of up to 2 s.
    pub(super) fn quick() -> Self {
        Self { next: FIRST_REST, longest: Span::from_secs(2), looks: 0 }
    }

    /// For what comes when it comes: rests of up to 5 s.
    pub(super) fn calm() -> Self {
        Self { longest: Span::from_secs(5), ..Self::quick() }
    }

    /// Rests. The error says why there is no further look.
    pub(super) async fn rest(&mut self, cx: &Context) -> Result<(), &'static str> {
        self.looks += 1;
        if self.looks >= LOOKS_MAX {
            return Err("given up after 100,000 looks");
        }
        let rest = self.next;
        self.next = Span(rest.0.saturating_mul(2)).min(self.longest);
        sleep(cx, rest).await
    }
}

/// Waits for `span`, unless the step is asked to end.
pub(super) async fn sleep(cx: &Context, span: Span) -> Result<(), &'static str> {
    tokio::select! {
        biased;
        () = cx.cancel.cancelled() => Err("the step was asked to end"),
        () = cx.clock.sleep(span) => Ok(()),
    }
}

/// `cx` with a cancellation of its own, for what must be done although the step was asked to end.
pub(super) fn uncancelled(cx: &Context) -> Context {
    Context { cancel: Cancellation::default(), ..cx.clone() }
}

/// Makes a call that is asked to end with the step or after `span`, and waits until it has ended.
pub(super) async fn at_most<T, F, Fut>(cx: &Context, span: Span, call: F) -> T
where
    F: FnOnce(Context) -> Fut,
    Fut: Future<Output = T>,
{
    let inner = uncancelled(cx);
    let cancel = inner.cancel.clone();
    let mut call = pin!(call(inner));
    tokio::select! {
        biased;
        result = &mut call => return result,
        () = cx.cancel.cancelled() => {}
        () = cx.clock.sleep(span) => {}
    }
    cancel.cancel();
    call.await
}

/// Observes what `act` acts on. An error names what could not be seen.
pub(super) async fn subjects<D: Describe + Sync>(tools: &Tools, cx: &Context, act: &D) -> Result<World, String> {
    let mut world = World::new();
    for subject in act.subjects() {
        match tools.resources.observe(cx, &subject.resource).await {
            Ok(state) => {
                world.insert(subject.resource, state);
            }
            Err(error) => return Err(format!("{} could not be seen: {error}", subject.resource)),
        }
    }
    Ok(world)
}

/// Whether the world is as `act` would have it, by looking.
pub(super) async fn achieved<D: Describe + Sync>(tools: &Tools, cx: &Context, act: &D) -> Achieved {
    match subjects(tools, cx, act).await {
        Ok(world) => act.achieved(&world, &tools.setting()),
        Err(unseen) => Achieved::Unknown(unseen),
    }
}

/// Looks until what `act` changed is as it was `before`.
pub(super) async fn restored<D: Describe + Sync>(
    tools: &Tools,
    cx: &Context,
    act: &D,
    before: &Before,
) -> Result<(), ActError> {
    let mut pace = Pace::quick();
    loop {
        let seen = match subjects(tools, cx, act).await {
            Ok(now) => act.restored(before, &now),
            Err(unseen) => Achieved::Unknown(unseen),
        };
        let last = match seen {
            Achieved::Yes => return Ok(()),
            Achieved::No(why) | Achieved::Unknown(why) => why,
        };
        if let Err(stop) = pace.rest(cx).await {
            return Err(ActError::in_doubt(format!("it was taken back, but is not seen to be: {last} ({stop})")));
        }
    }
}
