//! The end of a run: the watch ends, the world is looked at, the run is judged.

use tokio::sync::mpsc;

use crate::event::Event;
use crate::model::ExitCode;
use crate::record::Heads;
use crate::resource::Context;

use super::intake::Note;
use super::{BreakOff, Dispatcher, Ended, EngineError, Message, Round};
use crate::engine::ending::{self, Broken};
use crate::engine::survey;

impl Dispatcher {
    /// Ends the watch, looks at the world, judges, and writes the last event.
    pub(super) async fn end(
        mut self,
        cx: &Context,
        inbox: &mut mpsc::Receiver<Message>,
        noted: &mut mpsc::UnboundedReceiver<Note>,
    ) -> Result<Ended, EngineError> {
        if let Some(watch) = self.watch.take() {
            let notes = self.notes.clone();
            let taken_up_later = matches!(self.break_off, Some(BreakOff::Resumable | BreakOff::LeaseLost));
            self.run.clock.spawn(async move {
                let left = if taken_up_later {
                    watch.pause().await;
                    Vec::new()
                } else {
                    watch.finish().await
                };
                let _ = notes.send(Note::WatchEnded(left));
            });
        }
        let mut round = Round::default();
        let left_by_canaries = loop {
            tokio::select! {
                biased;
                Some(message) = inbox.recv() => self.take_message(&mut round, message)?,
                Some(note) = noted.recv() => match note {
                    Note::WatchEnded(left) => break left,
                    other => self.take_note(&mut round, other)?,
                },
            }
            self.close(&mut round).await?;
        };
        while let Ok(message) = inbox.try_recv() {
            self.take_message(&mut round, message)?;
        }
        self.close(&mut round).await?;
        let (seen, _) = survey(&self.plan, &self.run.resources, cx).await;
        let broken = if self.break_off.is_some() { Broken::Off } else { Broken::No };
        let told = self.story.follow(&self.run.id, &self.events).map(|story| story.record(Heads::default()));
        let judged = ending::judge(told, &self.plan, self.events.iter(), &self.state, &seen, broken);
        let mut judged = judged;
        if self.break_off == Some(BreakOff::LeaseLost) {
            // What is there now is another run's doing as well: only a person can tell the two apart.
            judged.exit = ExitCode::NeedsPerson;
        }
        let resumable = self.break_off == Some(BreakOff::Resumable);
        if !resumable {
            // Before the last event: a run that is killed in between is taken up, and takes them away then.
            judged.left.extend(left_by_canaries);
            judged.left.extend(self.release_all(cx).await);
            let finished = Event::Finished {
                verdict: judged.verdict,
                world: judged.world,
                exit: judged.exit,
                left: judged.left,
                seen,
            };
            self.emit(&mut round, finished)?;
            self.close(&mut round).await?;
        }
        let head = self.run.journal.finish().await?.to_string();
        let verdict = (!resumable).then_some((judged.verdict, judged.world));
        // What was done so far stands and nothing was taken back: whoever resumes or undoes it is a person.
        let exit = if resumable && self.state.changed { ExitCode::NeedsPerson } else { judged.exit };
        let followed = self.story.follow(&self.run.id, &self.events).is_ok();
        let story = self.story.into_builder().filter(|_| followed).map(Box::new);
        Ok(Ended { events: self.events, story, verdict, exit, head })
    }
}
