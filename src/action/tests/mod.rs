//! Each action against a fake world, in virtual time: the good case, each refusal, lies, and the way back.

mod fake;

use std::sync::Arc;

use self::fake::{Fake, P, S, id, stage};
use super::{ActError, Applied, Tools, perform};
use crate::catalogue::{Achieved, Act, Before, Evidence, Mode};
use crate::id::RegionRole;
use crate::model::Happened;
use crate::resource::{
    Answer, AnsweredBy, Context, Decision, Finished, HealthState, NetError, ProcessError, ProviderError, ReplicaRole,
    ResourceState, Stage, Stated, WriteAttempt, region_resource,
};
use crate::time::{Moment, Span, run_virtual};

/// An action on its stage.
struct Scene {
    act: Act,
    fake: Fake,
    tools: Tools,
    cx: Context,
    before: Before,
}

impl Scene {
    async fn apply(&self) -> Result<Applied, ActError> {
        perform(&self.act).apply(&self.tools, &self.cx, &self.before).await
    }

    async fn achieved(&self) -> Achieved {
        perform(&self.act).achieved(&self.tools, &self.cx).await
    }

    async fn prove(&self) -> Result<Evidence, ActError> {
        perform(&self.act).prove(&self.tools, &self.cx).await
    }

    async fn undo(&self) -> Result<Evidence, ActError> {
        perform(&self.act).undo(&self.tools, &self.cx, &self.before).await
    }

    /// Applies, and sees that it was refused in these words, with nothing done.
    async fn refused(&self, words: &str, undone: &str) {
        let error = self.apply().await.unwrap_err();
        assert!(error.what.contains(words), "{}", error.what);
        assert_eq!(error.happened, Happened::No, "{}", error.what);
        assert!(undone.is_empty() || !self.fake.called(undone), "{:?}", self.fake.get().calls);
    }

    /// A copy was made before of what `region` has of `of`.
    fn having_kept(mut self, of: &str, region: RegionRole) -> Self {
        Arc::make_mut(&mut self.tools.left_behind).keep(&id(of), region);
        self
    }

    /// Asks the step to end after so long.
    fn cancel_after(&self, span: Span) {
        let (cancel, clock) = (self.cx.cancel.clone(), self.cx.clock.clone());
        drop(self.cx.clock.spawn(async move {
            clock.sleep(span).await;
            cancel.cancel();
        }));
    }
}

/// Plays `play` with the action `json` in virtual time.
fn play<F: Future<Output = ()>>(json: serde_json::Value, mode: Mode, play: impl FnOnce(Scene) -> F) {
    let act: Act = serde_json::from_value(json).unwrap();
    run_virtual("2026-11-22T08:42:16Z".parse().unwrap(), |clock| {
        let (fake, tools, cx) = stage(&act, mode, clock);
        let before = fake.get().world.clone();
        play(Scene { act, fake, tools, cx, before })
    })
    .unwrap();
}

macro_rules! scenes {
    ($($(#[$attr:meta])* $name:ident: $mode:ident, $json:tt, |$scene:ident| $body:block)*) => {
        $($(#[$attr])* #[test] fn $name() {
            play(serde_json::json!($json), Mode::$mode, |$scene| async move { $body });
        })*
    };
}

mod moving;
mod others;
