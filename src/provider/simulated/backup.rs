//! Simulated snapshots: taken at an interval, kept for a time, restorable to any point that the log reaches.

use async_trait::async_trait;

use crate::chance::Seed;
use crate::id::RegionRole;
use crate::infrastructure::simulate::SimulatedBackup;
use crate::resource::{Backup, BackupState, Context, ProviderError, RestorePoint, Restored, Seen, SnapshotSummary};
use crate::time::{Moment, Span};

use super::fault::Access;
use super::pair::{BOTH, index};
use super::world::{Handle, times};

/// The most scratch copies that stand at a time.
const SCRATCHES_MAX: usize = 100;

/// The snapshots of both regions.
#[derive(Clone, Debug)]
pub(super) struct Snapshots {
    settings: SimulatedBackup,
    /// The age of the newest at the start.
    first_age: [Span; 2],
    pub(super) scratches: Vec<String>,
    /// How many scratch copies were ever made.
    made: u64,
}

impl Snapshots {
    pub(super) fn new(seed: Seed, subject: &str, settings: &SimulatedBackup) -> Self {
        let first_age = BOTH.map(|role| match settings.newest_age {
            Some(age) => age,
            None => settings.every.mul_f64(seed.draw("snapshot", subject, index(role) as u64)),
        });
        Self { settings: settings.clone(), first_age, scratches: Vec::new(), made: 0 }
    }

    pub(super) fn view(&self, role: RegionRole, now: Moment) -> SnapshotSummary {
        let settings = &self.settings;
        let (every, first) = (settings.every.0.max(1), self.first_age[index(role)]);
        let since = first + now.since(Moment::ZERO);
        // Older than the interval at the start means that nobody takes them any more.
        let newest_age = if first > settings.every { since } else { Span(since.0 % every) };
        // One goes when the next one is old enough too, so that all of the time that is promised can be restored.
        let older = settings.kept.0.saturating_sub(newest_age.0).div_ceil(every);
        let count = u32::try_from(older.saturating_add(1)).unwrap_or(u32::MAX);
        let older = Span(settings.every.0.saturating_mul(u64::from(count - 1)));
        SnapshotSummary {
            count,
            newest_age,
            oldest_age: newest_age + older,
            longest_gap: settings.every,
            encrypted: if settings.encrypted { count } else { 0 },
            aged_as_copies: 0,
        }
    }

    /// Both regions' snapshots, whoever reaches them.
    pub(super) fn whole(&self, now: Moment) -> BackupState {
        BackupState { regions: BOTH.into_iter().map(|role| (role, Seen::Is(self.view(role, now)))).collect() }
    }

    /// How old the newest write is that a restore to `point` brings back.
    fn reach(&self, role: RegionRole, point: RestorePoint, now: Moment) -> Result<Span, ProviderError> {
        let view = self.view(role, now);
        let latest = self.settings.log_behind.min(view.newest_age);
        match point {
            RestorePoint::Latest => Ok(latest),
            RestorePoint::Ago(age) if age > view.oldest_age => {
                Err(ProviderError::Refused(format!("the oldest snapshot is {} old", view.oldest_age)))
            }
            RestorePoint::Ago(age) => Ok(age.max(latest)),
        }
    }
}

#[async_trait]
impl Backup for Handle<SimulatedBackup> {
    async fn observe(&self, cx: &Context) -> Result<BackupState, ProviderError> {
        let effect = self.world.meet(cx, &self.id, Access::Read).await?;
        let takes = self.world.takes(cx, "observe", &self.id, None, &self.settings.api);
        self.world.look(cx, times(takes, effect.slow)).await?;
        let state = self.world.state();
        let mut seen = state.backups[self.n].whole(cx.clock.now());
        for (role, side) in &mut seen.regions {
            if let Seen::Is(summary) = side {
                self.world.ills.snapshots(&self.id, cx.clock.now(), summary);
            }
            if !state.users_reach(*role) {
                *side = Seen::Unreachable(self.world.silence(*role));
            }
        }
        Ok(seen)
    }

    async fn restore(&self, cx: &Context, region: RegionRole, point: RestorePoint) -> Result<Restored, ProviderError> {
        let effect = self.world.change(cx, &self.id).await?;
        // The age is that at the time of asking, however long the restore takes.
        let newest_age = self.world.state().backups[self.n].reach(region, point, cx.clock.now())?;
        let takes = self.world.takes(cx, "restore", &self.id, Some(region), &self.settings.restore);
        self.world.work(cx, region, times(takes, effect.slow)).await?;
        let mut state = self.world.state();
        let snapshots = &mut state.backups[self.n];
        if snapshots.scratches.len() >= SCRATCHES_MAX {
            return Err(ProviderError::Refused(format!("{SCRATCHES_MAX} scratch copies stand already; discard some")));
        }
        snapshots.made += 1;
        let scratch = format!("{}-{region}-scratch-{}", self.id, snapshots.made);
        if !effect.lies {
            snapshots.scratches.push(scratch.clone());
        }
        let (checked, damaged) = (self.settings.things, self.settings.damaged.min(self.settings.things));
        let mut restored = Restored { scratch, from: None, newest_age, checked, damaged, rows: None };
        self.world.ills.restored(&self.id, cx.clock.now(), &mut restored);
        Ok(restored)
    }

    async fn scratches(&self, cx: &Context) -> Result<Vec<String>, ProviderError> {
        let effect = self.world.meet(cx, &self.id, Access::Read).await?;
        self.world.spend(cx, times(self.settings.api.median(), effect.slow)).await?;
        Ok(self.world.state().backups[self.n].scratches.clone())
    }

    async fn discard(&self, cx: &Context, scratch: &str) -> Result<(), ProviderError> {
        let effect = self.world.change(cx, &self.id).await?;
        self.world.spend(cx, times(self.settings.api.median(), effect.slow)).await?;
        if !effect.lies {
            self.world.state().backups[self.n].scratches.retain(|stands| stands != scratch);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: u64) -> Moment {
        Moment::ZERO + Span::from_secs(hours * 3_600)
    }

    #[test]
    fn snapshots_are_taken_every_hour_and_kept_for_thirty_days() {
        let snapshots = Snapshots::new(Seed(5), "snapshots", &SimulatedBackup::default());
        for hours in 0..50 {
            let view = snapshots.view(RegionRole::Secondary, at(hours));
            assert!(view.newest_age <= Span::from_secs(3_600));
            assert!(view.oldest_age >= Span::from_secs(30 * 86_400));
            assert!(view.oldest_age < Span::from_secs(30 * 86_400 + 3_600));
            assert_eq!(view.encrypted, view.count);
        }
    }

    #[test]
    fn old_ones_stay_old_and_plain_ones_plain() {
        let settings = SimulatedBackup {
            newest_age: Some(Span::from_secs(7_200)),
            encrypted: false,
            ..SimulatedBackup::default()
        };
        let view = Snapshots::new(Seed(5), "snapshots", &settings).view(RegionRole::Secondary, at(1));
        assert_eq!((view.newest_age, view.encrypted), (Span::from_secs(10_800), 0));
    }

    #[test]
    fn a_restore_reaches_what_is_kept_and_no_further() {
        let snapshots = Snapshots::new(Seed(5), "snapshots", &SimulatedBackup::default());
        let reach = |point| snapshots.reach(RegionRole::Secondary, point, at(10));
        assert!(reach(RestorePoint::Latest).unwrap() <= Span::from_secs(30));
        assert_eq!(reach(RestorePoint::Ago(Span::from_secs(600))), Ok(Span::from_secs(600)));
        assert!(matches!(reach(RestorePoint::Ago(Span::from_secs(40 * 86_400))), Err(ProviderError::Refused(_))));
    }
}
