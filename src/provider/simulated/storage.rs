//! Simulated storage of repositories: the model of [`super::pair`] with pushes for rows, and a copy that can be
//! incomplete or damaged.

use std::borrow::Cow;
use std::sync::Arc;

use async_trait::async_trait;

use crate::chance::Seed;
use crate::id::{ProbeId, RegionRole};
use crate::infrastructure::simulate::SimulatedStorage;
use crate::resource::{
    CanaryRow, CanaryRows, Context, CopyReport, FenceProof, ForetellRows, Preserved, ProviderError, Recovered,
    Recovery, ReplicaRole, Seen, Storage, StorageSide, StorageState, Wanted, WriteAttempt,
};
use crate::time::Moment;

use super::database::{Rows, TakeRow, failed_write, write};
use super::fault::Access;
use super::pair::{BOTH, Pair, SideView};
use super::world::{Handle, State, asker, times};

const FENCED: &str = "remote: pushes are refused: this side is fenced";
const COPY: &str = "remote: pushes are refused: this side is a copy";
/// What the twin's deleted repositories are like.
const REFS: u32 = 14;
const OBJECTS: u64 = 5_200;
const NO_REPOSITORY: &str = "remote: repository muster/canary does not exist";

/// The model of one storage.
#[derive(Clone, Debug)]
pub(super) struct Repositories {
    pub(super) pair: Pair,
    count: u32,
    /// How many the copy lacks.
    missing: u32,
    /// How many of the copy's are damaged.
    damaged: u32,
    /// Deleted repositories that were given back, and stand in their scratch places: one a region.
    recovered: Vec<String>,
}

impl Repositories {
    pub(super) fn new(seed: Seed, subject: &str, settings: &SimulatedStorage) -> Self {
        let pushes_per_second = f64::from(settings.pushes_per_minute) / 60.0;
        Self {
            pair: Pair::new(seed, subject, settings.replication_delay, pushes_per_second, 1),
            count: settings.repositories,
            missing: settings.missing.min(settings.repositories),
            damaged: settings.damaged.min(settings.repositories),
            recovered: Vec::new(),
        }
    }

    fn compare(&mut self, copy: RegionRole, now: Moment) -> CopyReport {
        let (ours, theirs) = (self.pair.view(copy, now), self.pair.view(copy.other(), now));
        let oldest_missing = self.pair.oldest_missing(copy, now);
        let count = |pushes: u64| u32::try_from(pushes).unwrap_or(u32::MAX).min(self.count);
        let behind = match ours.replicates_from {
            Some(_) => count(theirs.position.saturating_sub(ours.position)),
            None => count(self.pair.only_here(copy.other(), now)),
        };
        let diverged = count(self.pair.only_here(copy, now));
        CopyReport {
            repositories: self.count,
            missing: self.missing,
            behind,
            diverged,
            stale: 0,
            checked: self.count - self.missing,
            damaged: self.damaged,
            oldest_missing,
        }
    }
}

/// One side as a provider tells it.
fn side(view: SideView) -> StorageSide {
    StorageSide {
        role: view.role,
        fenced: view.fenced,
        writable: view.writable,
        replicates_from: view.replicates_from,
        position: view.position,
        lag: view.lag,
    }
}

/// Both sides, whoever reaches them.
pub(super) fn whole(pair: &mut Pair, now: Moment) -> StorageState {
    StorageState { regions: BOTH.into_iter().map(|role| (role, Seen::Is(side(pair.view(role, now))))).collect() }
}

/// How a side that takes no pushes says so.
fn refusal(pair: &Pair, region: RegionRole) -> Result<(), Cow<'static, str>> {
    let side = pair.side(region);
    match side.role {
        ReplicaRole::Primary if side.fenced => Err(FENCED.into()),
        ReplicaRole::Primary => Ok(()),
        ReplicaRole::Replica | ReplicaRole::Down => Err(COPY.into()),
    }
}

impl Handle<SimulatedStorage> {
    async fn ask(&self, cx: &Context, region: RegionRole) -> Result<(), ProviderError> {
        self.world.work(cx, region, self.settings.api.median()).await
    }

    fn with<T>(&self, f: impl FnOnce(&mut Pair) -> T) -> T {
        f(&mut self.world.state().storages[self.n].pair)
    }
}

impl TakeRow for Handle<SimulatedStorage> {
    fn pair<'a>(&self, state: &'a mut State) -> &'a mut Pair {
        &mut state.storages[self.n].pair
    }

    fn admit(&self, pair: &Pair, region: RegionRole) -> Result<(), Cow<'static, str>> {
        refusal(pair, region)?;
        if pair.canary { Ok(()) } else { Err(NO_REPOSITORY.into()) }
    }
}

#[async_trait]
impl Storage for Handle<SimulatedStorage> {
    async fn observe(&self, cx: &Context) -> Result<StorageState, ProviderError> {
        let effect = self.world.meet(cx, &self.id, Access::Read).await?;
        let takes = self.world.takes(cx, "observe", &self.id, None, &self.settings.api);
        self.world.look(cx, times(takes, effect.slow)).await?;
        let mut state = self.world.state();
        let mut seen = whole(&mut state.storages[self.n].pair, cx.clock.now());
        for (role, side) in &mut seen.regions {
            if !state.users_reach(*role) {
                *side = Seen::Unreachable(self.world.silence(*role));
            }
        }
        Ok(seen)
    }

    async fn fence(&self, cx: &Context, region: RegionRole) -> Result<FenceProof, ProviderError> {
        let effect = self.world.change(cx, &self.id).await?;
        let takes = self.world.takes(cx, "fence", &self.id, Some(region), &self.settings.fence);
        self.world.work(cx, region, times(takes, effect.slow)).await?;
        let now = cx.clock.now();
        let mut state = self.world.state();
        let pair = &mut state.storages[self.n].pair;
        let position = if effect.lies { pair.view(region, now).position } else { pair.fence(region, now) };
        state.note_storage(self.n, now);
        state.effect(cx, "fences", self.id.as_str());
        Ok(FenceProof {
            position,
            old_session: Some(FENCED.into()),
            new_session: Some(FENCED.into()),
            sessions_ended: 3,
        })
    }

    async fn unfence(&self, cx: &Context, region: RegionRole) -> Result<(), ProviderError> {
        let effect = self.world.change(cx, &self.id).await?;
        let takes = self.world.takes(cx, "unfence", &self.id, Some(region), &self.settings.fence);
        self.world.work(cx, region, times(takes, effect.slow)).await?;
        if !effect.lies {
            let now = cx.clock.now();
            let mut state = self.world.state();
            let reach = state.users_reach(region);
            state.storages[self.n].pair.unfence(region, reach, now);
            state.note_storage(self.n, now);
        }
        Ok(())
    }

    async fn promote(&self, cx: &Context, region: RegionRole) -> Result<(), ProviderError> {
        let effect = self.world.change(cx, &self.id).await?;
        let takes = self.world.takes(cx, "promotion", &self.id, Some(region), &self.settings.promotion);
        self.world.work(cx, region, times(takes, effect.slow)).await?;
        if !effect.lies {
            let now = cx.clock.now();
            let mut state = self.world.state();
            let reach = state.users_reach(region);
            state.storages[self.n].pair.promote(region, reach, now);
            state.effect(cx, "promotes", self.id.as_str());
            state.note_storage(self.n, now);
        }
        Ok(())
    }

    async fn replicate(&self, cx: &Context, from: RegionRole, to: RegionRole) -> Result<(), ProviderError> {
        let effect = self.world.change(cx, &self.id).await?;
        if from == to {
            return Err(ProviderError::Refused(format!("{from} cannot be a copy of itself")));
        }
        self.ask(cx, from).await?;
        let takes = self.world.takes(cx, "replicate", &self.id, Some(to), &self.settings.replicate);
        self.world.work(cx, to, times(takes, effect.slow)).await?;
        let now = cx.clock.now();
        let mut state = self.world.state();
        if !state.linked() {
            return Err(self.world.unreachable(from));
        }
        let storage = &mut state.storages[self.n];
        if storage.pair.side(from).role != ReplicaRole::Primary {
            return Err(ProviderError::Refused(format!("{from} is a copy itself, so nothing can follow it")));
        }
        if !effect.lies {
            storage.pair.replicate(to, true, now);
            (storage.missing, storage.damaged) = (0, 0);
            state.note_storage(self.n, now);
            state.effect(cx, "replicates", self.id.as_str());
        }
        Ok(())
    }

    async fn verify(&self, cx: &Context, region: RegionRole) -> Result<CopyReport, ProviderError> {
        let effect = self.world.meet(cx, &self.id, Access::Work).await?;
        self.ask(cx, region.other()).await?;
        let takes = self.world.takes(cx, "verify", &self.id, Some(region), &self.settings.verify);
        self.world.work(cx, region, times(takes, effect.slow)).await?;
        let mut report = self.world.state().storages[self.n].compare(region, cx.clock.now());
        self.world.ills.copy(&self.id, cx.clock.now(), &mut report);
        if effect.lies {
            (report.missing, report.behind, report.damaged) = (0, 0, 0);
        }
        Ok(report)
    }

    async fn recover(&self, cx: &Context, region: RegionRole, wanted: &Wanted) -> Result<Recovery, ProviderError> {
        let effect = self.world.change(cx, &self.id).await?;
        let takes = self.world.takes(cx, "recover", &self.id, Some(region), &self.settings.recover);
        // The age is that at the time of asking.
        let kept = self.world.ills.kept(&self.id, cx.clock.now()).unwrap_or(self.settings.deleted_kept);
        if wanted.deleted_ago > kept {
            self.ask(cx, region).await?;
            return Ok(Recovery::Gone(format!(
                "it was deleted {} ago, and deleted repositories are kept for {}",
                wanted.deleted_ago.short(),
                kept.short()
            )));
        }
        self.world.work(cx, region, times(takes, effect.slow)).await?;
        let repository = wanted.repository.clone().unwrap_or_else(|| "team/deleted.git".to_owned());
        let scratch = format!("{}-{region}-recovered", self.id);
        let mut it = Recovered {
            repository,
            deleted_ago: wanted.deleted_ago,
            scratch: scratch.clone(),
            refs: REFS,
            refs_before: REFS,
            objects: OBJECTS,
            damaged: 0,
            metadata: false,
        };
        self.world.ills.recovered(&self.id, cx.clock.now(), &mut it);
        if !effect.lies {
            let recovered = &mut self.world.state().storages[self.n].recovered;
            if !recovered.contains(&scratch) {
                recovered.push(scratch);
            }
        }
        Ok(Recovery::Back(it))
    }

    async fn discard_recovered(&self, cx: &Context, region: RegionRole) -> Result<Vec<String>, ProviderError> {
        let effect = self.world.meet(cx, &self.id, Access::Read).await?;
        self.world.work(cx, region, times(self.settings.api.median(), effect.slow)).await?;
        Ok(std::mem::take(&mut self.world.state().storages[self.n].recovered))
    }

    async fn write(&self, cx: &Context, region: RegionRole) -> WriteAttempt {
        if let Err(error) = self.world.meet(cx, &self.id, Access::Read).await {
            return failed_write(&error);
        }
        let count = cx.clock.now().0;
        let takes = self.settings.write.draw(self.world.seed, "write", asker(&cx.actor), count);
        write(&self.world, cx, region, takes, |state, _| refusal(&state.storages[self.n].pair, region)).await
    }

    async fn write_canary(&self, cx: &Context, region: RegionRole, row: CanaryRow) -> WriteAttempt {
        let takes = self.settings.write.draw(self.world.seed, "canary", asker(&cx.actor), row.number);
        write(&self.world, cx, region, takes, |state, now| self.take_row(state, region, row, now)).await
    }

    fn foretell_canary(&self, canary: &ProbeId) -> Option<Arc<dyn ForetellRows>> {
        Some(Arc::new(Rows::of(self.clone(), self.settings.write, canary)))
    }

    async fn canary_rows(&self, cx: &Context, region: RegionRole) -> Result<CanaryRows, ProviderError> {
        self.ask(cx, region).await?;
        Ok(self.with(|pair| pair.rows(region, cx.clock.now())))
    }

    async fn prepare_canary(&self, cx: &Context) -> Result<(), ProviderError> {
        self.world.look(cx, self.settings.api.median()).await?;
        let mut state = self.world.state();
        let able =
            BOTH.into_iter().any(|role| state.users_reach(role) && state.storages[self.n].pair.side(role).writable());
        if !able {
            return Err(ProviderError::Refused("no side that can be reached takes pushes".into()));
        }
        state.storages[self.n].pair.canary = true;
        Ok(())
    }

    async fn remove_canary(&self, cx: &Context) -> Result<(), ProviderError> {
        self.world.look(cx, self.settings.api.median()).await?;
        self.with(Pair::drop_rows);
        Ok(())
    }

    async fn preserve(&self, cx: &Context, region: RegionRole) -> Result<Preserved, ProviderError> {
        let effect = self.world.meet(cx, &self.id, Access::Work).await?;
        let takes = self.world.takes(cx, "preserve", &self.id, Some(region), &self.settings.preserve);
        self.world.work(cx, region, times(takes, effect.slow)).await?;
        Ok(Preserved {
            location: format!("simulated://{}/{}/preserved", self.world.names.get(region), self.id),
            what: "bundle of all refs that only this side has".into(),
            only_here: Some(self.with(|pair| pair.only_here(region, cx.clock.now()))),
        })
    }
}
