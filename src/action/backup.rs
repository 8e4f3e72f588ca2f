//! `backup.verify` and `backup.restore`.

use std::pin::pin;

use async_trait::async_trait;

use super::look;
use super::{ActError, Applied, Perform, Tools};
use crate::catalogue::{Achieved, BackupRestore, BackupVerify, Before, Evidence};
use crate::id::ResourceId;
use crate::resource::{Backup, Context, RestorePoint, Restored, Seen};
use crate::time::Span;

/// How long listing the scratch copies may take, and removing one once the step was asked to end.
const TIDY_AT_MOST: Span = Span::from_secs(60);
/// How much longer it is tried to remove one once the step was asked to end: less than the engine waits for that.
const ONCE_ASKED: Span = Span::from_secs(6);

fn find<'a>(tools: &'a Tools, id: &ResourceId) -> Result<&'a dyn Backup, ActError> {
    tools
        .resources
        .backups
        .get(id)
        .map(AsRef::as_ref)
        .ok_or_else(|| ActError::refused(format!("the infrastructure file has no backup `{id}`")))
}

#[async_trait]
impl Perform for BackupVerify {
    async fn apply(&self, tools: &Tools, cx: &Context, _before: &Before) -> Result<Applied, ActError> {
        let (id, region) = (&self.backup, self.region);
        let backup = find(tools, id)?;
        let state = backup.observe(cx).await.map_err(|error| ActError::unseen(id, &error))?;
        let seen = match state.regions.get(&region) {
            Some(Seen::Is(seen)) => seen,
            Some(Seen::Unreachable(why)) => {
                return Err(ActError::refused(format!("{id} in {region} does not answer: {why}")));
            }
            None => return Err(ActError::refused(format!("{id} has nothing in {region}"))),
        };
        let mut evidence: Evidence = [
            ("snapshots".to_owned(), seen.count.to_string()),
            ("newest".to_owned(), format!("{} old", seen.newest_age)),
            ("oldest".to_owned(), format!("{} old", seen.oldest_age)),
            ("longest gap".to_owned(), seen.longest_gap.to_string()),
            ("encrypted".to_owned(), seen.encrypted.to_string()),
        ]
        .into();
        if seen.aged_as_copies > 0 {
            let told =
                format!("{} are copies whose originals were not seen: the ages are the copies'", seen.aged_as_copies);
            evidence.insert("ages".to_owned(), told);
        }
        if let Some((what, said)) = backup.remark(region) {
            evidence.insert(what.to_owned(), said);
        }
        let wrong = self.judge(seen);
        if wrong.is_empty() {
            return Ok(Applied::showing(evidence));
        }
        Err(ActError::refused(format!("{id} in {region}: {}", wrong.join("; "))).with(evidence))
    }

    async fn achieved(&self, _tools: &Tools, _cx: &Context) -> Achieved {
        Achieved::No("snapshots are looked at each time".to_owned())
    }

    async fn undo(&self, _tools: &Tools, _cx: &Context, _before: &Before) -> Result<Evidence, ActError> {
        Ok(Evidence::new())
    }
}

/// The scratch copies that stand, asked although the step may have been asked to end.
async fn scratches(backup: &dyn Backup, cx: &Context) -> Result<Vec<String>, ActError> {
    let cx = look::uncancelled(cx);
    let found = look::at_most(&cx, TIDY_AT_MOST, |inner| async move { backup.scratches(&inner).await }).await;
    found.map_err(|error| ActError::unseen("the list of scratch copies", &error))
}

/// Removes a scratch copy within the provider's time, and sees that it is gone. Where the step is asked to end, or was, it
/// is tried for some seconds more: not at all would leave the copy behind, and longer nobody waits.
async fn discard(backup: &dyn Backup, cx: &Context, scratch: &str) -> Result<(), ActError> {
    let left =
        |why: String| ActError::in_part(format!("the scratch copy {scratch} still stands: {why}; remove it by hand"));
    let own = look::uncancelled(cx);
    let most = backup.tidy_within();
    let removing = look::at_most(&own, most, |inner| async move { backup.discard(&inner, scratch).await });
    let mut removing = pin!(removing);
    let over = async {
        cx.cancel.cancelled().await;
        cx.clock.sleep(ONCE_ASKED).await;
    };
    let gone = tokio::select! {
        biased;
        gone = &mut removing => gone,
        () = over => {
            own.cancel.cancel();
            removing.await
        }
    };
    gone.map_err(|error| left(error.to_string()))?;
    match scratches(backup, cx).await {
        Ok(standing) if standing.iter().any(|one| one == scratch) => Err(left("it was said to be removed".to_owned())),
        Ok(_) => Ok(()),
        Err(unseen) => Err(left(unseen.what)),
    }
}

impl BackupRestore {
    /// What is wrong with what came back, each with the value that was seen.
    fn wrong(&self, seen: &Restored) -> Vec<String> {
        let within = self.within.0;
        let mut wrong = Vec::new();
        if seen.checked == 0 {
            wrong.push("nothing came back that could be read".to_owned());
        }
        if seen.damaged > 0 {
            wrong.push(format!("{} of {} things that came back are damaged", seen.damaged, seen.checked));
        }
        if let Some(rows) = &seen.rows {
            let lacking = rows.expected.unwrap_or_default().saturating_sub(rows.back);
            if lacking > 0 {
                let expected = rows.expected.unwrap_or_default();
                wrong.push(format!(
                    "{lacking} of the canary's {expected} rows from before that moment did not come back"
                ));
            }
            if rows.after > 0 {
                wrong.push(format!("{} rows of the canary from after that moment came back", rows.after));
            }
        }
        let asked = match self.to.0 {
            RestorePoint::Latest => Span::ZERO,
            RestorePoint::Ago(ago) => ago,
        };
        let off = Span(seen.newest_age.0.abs_diff(asked.0));
        if off > within {
            wrong.push(format!(
                "the newest write that came back is {} old, {off} from what was asked for ({}), at most {within} is \
                 allowed",
                seen.newest_age, self.to
            ));
        }
        wrong
    }

    /// After a restore that gave no result: removes what stands now and did not before.
    async fn tidy(&self, backup: &dyn Backup, cx: &Context, stood: &[String]) -> Result<(), ActError> {
        let standing = scratches(backup, cx).await?;
        for scratch in standing.iter().filter(|scratch| !stood.contains(scratch)) {
            discard(backup, cx, scratch).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Perform for BackupRestore {
    async fn apply(&self, tools: &Tools, cx: &Context, _before: &Before) -> Result<Applied, ActError> {
        let backup = find(tools, &self.backup)?;
        let stood =
            backup.scratches(cx).await.map_err(|error| ActError::unseen("the list of scratch copies", &error))?;
        let restored = match backup.restore(cx, self.region, self.to.0).await {
            Ok(restored) => restored,
            Err(error) => {
                let what = format!("restoring {} in {} to {}: {error}", self.backup, self.region, self.to);
                return Err(match self.tidy(backup, cx, &stood).await {
                    Ok(()) => ActError::refused(what),
                    Err(left) => ActError { what: format!("{what}; {}", left.what), ..left },
                });
            }
        };
        let mut evidence: Evidence = [
            ("newest write".to_owned(), format!("{} old", restored.newest_age)),
            ("read through".to_owned(), restored.checked.to_string()),
            ("damaged".to_owned(), restored.damaged.to_string()),
            ("scratch copy".to_owned(), restored.scratch.clone()),
        ]
        .into();
        if let Some(from) = &restored.from {
            evidence.insert("snapshot".to_owned(), from.clone());
        }
        if let Some(rows) = &restored.rows {
            let told = match (rows.expected, self.to.0) {
                (Some(expected @ 1..), _) => {
                    format!("{} of {expected} came back, {} from after it", rows.back, rows.after)
                }
                (_, RestorePoint::Latest) => "not compared: `latest` names no moment to compare by".to_owned(),
                (Some(0), _) => "not compared: the live database has none from before that moment".to_owned(),
                (None, _) => {
                    "not compared: no one side of the live database takes writes and could be asked".to_owned()
                }
            };
            evidence.insert("canary rows".to_owned(), told);
        }
        let mut wrong = self.wrong(&restored);
        let left = discard(backup, cx, &restored.scratch).await.err();
        wrong.extend(left.as_ref().map(|left| left.what.clone()));
        if wrong.is_empty() {
            return Ok(Applied::showing(evidence));
        }
        let what = format!("{} in {} restored to {}: {}", self.backup, self.region, self.to, wrong.join("; "));
        let error = if left.is_some() { ActError::in_part(what) } else { ActError::refused(what) };
        Err(error.with(evidence))
    }

    async fn achieved(&self, _tools: &Tools, _cx: &Context) -> Achieved {
        Achieved::No("a restore is proven by doing it".to_owned())
    }

    async fn undo(&self, tools: &Tools, cx: &Context, _before: &Before) -> Result<Evidence, ActError> {
        let backup = find(tools, &self.backup)?;
        let standing = scratches(backup, cx).await?;
        for scratch in &standing {
            discard(backup, cx, scratch).await?;
        }
        let removed = if standing.is_empty() { "none stood".to_owned() } else { standing.join(", ") };
        Ok([("scratch copies removed".to_owned(), removed)].into())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::id::{RegionRole, RunId};
    use crate::resource::{Actor, BackupState, Cancellation, Errand, Exclusive, ProviderError};
    use crate::time::{Clock, Moment, run_virtual};

    /// A backup whose one scratch copy takes its time to go.
    struct Slow {
        takes: Span,
        gone: AtomicBool,
    }

    impl Exclusive for Slow {}

    #[async_trait]
    impl Backup for Slow {
        async fn observe(&self, _: &Context) -> Result<BackupState, ProviderError> {
            Err(ProviderError::Unsupported("not asked".to_owned()))
        }

        async fn restore(&self, _: &Context, _: RegionRole, _: RestorePoint) -> Result<Restored, ProviderError> {
            Err(ProviderError::Unsupported("not asked".to_owned()))
        }

        async fn scratches(&self, _: &Context) -> Result<Vec<String>, ProviderError> {
            Ok(if self.gone.load(Ordering::Relaxed) { Vec::new() } else { vec!["scratch-1".to_owned()] })
        }

        async fn discard(&self, cx: &Context, _: &str) -> Result<(), ProviderError> {
            tokio::select! {
                biased;
                () = cx.cancel.cancelled() => Err(ProviderError::Cancelled),
                () = cx.clock.sleep(self.takes) => {
                    self.gone.store(true, Ordering::Relaxed);
                    Ok(())
                }
            }
        }

        fn tidy_within(&self) -> Span {
            Span::from_secs(30 * 60)
        }
    }

    fn context(clock: Clock) -> Context {
        Context {
            run: RunId::new("20261122-084216-drill").unwrap(),
            actor: Actor::Muster,
            attempt: 1,
            errand: Errand::Do,
            clock,
            fencing: 1,
            cancel: Cancellation::default(),
        }
    }

    /// Removes a copy that takes `takes`, by a step that is asked to end at `end`; what came of it, and when.
    fn removed(takes: Span, end: Option<Span>) -> (Result<(), String>, Span) {
        run_virtual("2026-11-22T08:42:16Z".parse().unwrap(), |clock| async move {
            let cx = context(clock.clone());
            if let Some(end) = end {
                let (cancel, clock) = (cx.cancel.clone(), clock.clone());
                drop(clock.clone().spawn(async move {
                    clock.sleep(end).await;
                    cancel.cancel();
                }));
            }
            let backup = Slow { takes, gone: AtomicBool::new(false) };
            let result = discard(&backup, &cx, "scratch-1").await.map_err(|error| error.what);
            (result, clock.now().since(Moment::ZERO))
        })
        .unwrap()
    }

    #[test]
    fn a_scratch_copy_has_the_time_that_its_provider_needs_and_some_seconds_once_the_step_must_end() {
        let minutes = |many: u64| Span::from_secs(many * 60);
        assert_eq!(removed(minutes(10), None), (Ok(()), minutes(10)));
        let (result, at) = removed(minutes(45), None);
        assert!(result.unwrap_err().contains("still stands") && at == minutes(30), "{at}");
        let (result, at) = removed(minutes(10), Some(minutes(2)));
        assert!(result.unwrap_err().contains("remove it by hand") && at == Span::from_secs(126), "{at}");
        let takes = Span::from_secs(124);
        assert_eq!(removed(takes, Some(minutes(2))), (Ok(()), takes), "what it takes still, it is given");
    }
}
