//! Simulated databases: the model of [`super::pair`], reached over the simulated network.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;

use crate::chance::{Distribution, Draws};
use crate::id::{ProbeId, RegionRole};
use crate::infrastructure::simulate::SimulatedDatabase;
use crate::resource::{
    CanaryRow, CanaryRows, Context, Database, DatabaseInstance, DatabaseState, FenceProof, Foretell, ForetellRows,
    Foretold, Preserved, ProviderError, ReplicaRole, Seen, Stance, WriteAttempt,
};
use crate::time::{Moment, Span};

use super::fault::Access;
use super::pair::{BOTH, Pair, SideView};
use super::row_log::Paced;
use super::world::{Handle, State, World, asker, times};

const READ_ONLY: &str = "FATAL: the instance is fenced and takes no writes";
const STANDBY: &str = "ERROR: cannot execute INSERT in a read-only transaction: the instance is a replica";
const NO_TABLE: &str = "ERROR: relation \"muster.canary\" does not exist";
/// How long a write waits for a region that has gone silent.
const SILENCE: Span = Span::from_secs(2);
/// How much the log grows with one row, in bytes.
const ROW_BYTES: u64 = 400;

/// The model of one database.
pub(super) fn model(seed: crate::chance::Seed, subject: &str, settings: &SimulatedDatabase) -> Pair {
    Pair::new(seed, subject, settings.replication_lag, f64::from(settings.rows_per_second), ROW_BYTES)
}

/// One instance as a provider tells it.
pub(super) fn instance(view: SideView) -> DatabaseInstance {
    DatabaseInstance {
        role: view.role,
        fenced: view.fenced,
        writable: view.writable,
        replicates_from: view.replicates_from,
        position: view.position,
        timeline: view.timeline,
        lag: view.lag,
    }
}

/// Both instances, whoever reaches them.
pub(super) fn whole(pair: &mut Pair, now: Moment) -> DatabaseState {
    DatabaseState { regions: BOTH.into_iter().map(|role| (role, Seen::Is(instance(pair.view(role, now))))).collect() }
}

/// Sends a write to `region` and waits for the answer. `accept` is asked at the moment when it arrives.
pub(super) async fn write(
    world: &World,
    cx: &Context,
    region: RegionRole,
    takes: Span,
    accept: impl FnOnce(&mut State, Moment) -> Result<(), Cow<'static, str>> + Send,
) -> WriteAttempt {
    let (there, back) = (Span(takes.0 / 2), Span(takes.0 - takes.0 / 2));
    cx.clock.sleep(there).await;
    let refused = {
        let mut state = world.state();
        if state.users_reach(region) { Some(accept(&mut state, cx.clock.now()).err()) } else { None }
    };
    let Some(refused) = refused else {
        cx.clock.sleep(SILENCE).await;
        return WriteAttempt::Unknown(world.silence(region).into());
    };
    cx.clock.sleep(back).await;
    if !world.state().users_reach(region) {
        // It may have been written: the answer is what got lost.
        cx.clock.sleep(SILENCE).await;
        return WriteAttempt::Unknown(world.silence(region).into());
    }
    match refused {
        None => WriteAttempt::Acknowledged,
        Some(words) => WriteAttempt::Refused(words),
    }
}

/// What takes a canary's rows.
pub(super) trait TakeRow {
    /// Where they are kept.
    fn pair<'a>(&self, state: &'a mut State) -> &'a mut Pair;

    /// Whether `region` takes them; refused in words.
    fn admit(&self, pair: &Pair, region: RegionRole) -> Result<(), Cow<'static, str>>;

    /// A row arrives in `region`.
    fn take_row(
        &self,
        state: &mut State,
        region: RegionRole,
        row: CanaryRow,
        now: Moment,
    ) -> Result<(), Cow<'static, str>> {
        let pair = self.pair(state);
        self.admit(pair, region)?;
        pair.write_row(region, row.number, now);
        Ok(())
    }
}

/// Foretells what becomes of a canary's rows.
#[derive(Debug)]
pub(super) struct Rows<S> {
    store: Handle<S>,
    takes: Distribution,
    draws: Draws,
}

impl<S> Rows<S> {
    pub(super) fn of(store: Handle<S>, takes: Distribution, canary: &ProbeId) -> Self {
        let draws = store.world.seed.draws("canary", canary.as_str());
        Self { store, takes, draws }
    }
}

impl<S: Send + Sync> Foretell<(RegionRole, CanaryRow), WriteAttempt> for Rows<S>
where
    Handle<S>: TakeRow,
{
    /// As [`write`] of the row, all at once.
    fn foretell(
        &self,
        (region, row): (RegionRole, CanaryRow),
        by: Moment,
        deadline: Moment,
    ) -> Option<Foretold<WriteAttempt>> {
        let takes = self.takes.draw_at(self.draws, row.number);
        let (arrives, answered) = (row.sent + Span(takes.0 / 2), row.sent + takes);
        let mut state = self.store.world.state();
        if !state.users_reach(region) {
            return (arrives < by && arrives + SILENCE > deadline).then_some(Foretold::Silence);
        }
        if answered >= by {
            return None;
        }
        let attempt = match self.store.take_row(&mut state, region, row, arrives) {
            Ok(()) => WriteAttempt::Acknowledged,
            Err(words) => WriteAttempt::Refused(words),
        };
        Some(Foretold::At(answered, attempt))
    }
}

impl<S: fmt::Debug + Send + Sync> ForetellRows for Rows<S>
where
    Handle<S>: TakeRow,
{
    fn stance(&self, region: RegionRole) -> Stance {
        let mut state = self.store.world.state();
        if !state.users_reach(region) {
            return Stance::Silent;
        }
        match self.store.admit(self.store.pair(&mut state), region) {
            Ok(()) => Stance::Takes,
            Err(words) => Stance::Refuses(words),
        }
    }

    fn takes(&self, number: u64) -> Span {
        self.takes.draw_at(self.draws, number)
    }

    fn longest(&self, numbers: Range<u64>) -> Span {
        self.takes.longest(self.draws, numbers)
    }

    fn write(&self, region: RegionRole, first: u64, many: u64, (sent, every): (Moment, Span)) {
        let paced = Paced { sent, every, takes: self.takes, draws: self.draws };
        let mut state = self.store.world.state();
        self.store.pair(&mut state).write_rows(region, first, many, paced);
    }
}

/// How an instance that takes no writes says so.
fn refusal(pair: &Pair, region: RegionRole) -> Result<(), Cow<'static, str>> {
    let side = pair.side(region);
    match side.role {
        ReplicaRole::Primary if side.fenced => Err(READ_ONLY.into()),
        ReplicaRole::Primary => Ok(()),
        ReplicaRole::Replica | ReplicaRole::Down => Err(STANDBY.into()),
    }
}

impl Handle<SimulatedDatabase> {
    /// Looks at `region`'s side, which must answer.
    async fn ask(&self, cx: &Context, region: RegionRole) -> Result<(), ProviderError> {
        self.world.work(cx, region, self.settings.api.median()).await
    }

    fn with<T>(&self, f: impl FnOnce(&mut Pair) -> T) -> T {
        f(&mut self.world.state().databases[self.n])
    }
}

impl TakeRow for Handle<SimulatedDatabase> {
    fn pair<'a>(&self, state: &'a mut State) -> &'a mut Pair {
        &mut state.databases[self.n]
    }

    fn admit(&self, pair: &Pair, region: RegionRole) -> Result<(), Cow<'static, str>> {
        refusal(pair, region)?;
        if pair.canary { Ok(()) } else { Err(NO_TABLE.into()) }
    }
}

#[async_trait]
impl Database for Handle<SimulatedDatabase> {
    async fn observe(&self, cx: &Context) -> Result<DatabaseState, ProviderError> {
        let effect = self.world.meet(cx, &self.id, Access::Read).await?;
        let takes = self.world.takes(cx, "observe", &self.id, None, &self.settings.api);
        self.world.look(cx, times(takes, effect.slow)).await?;
        let mut state = self.world.state();
        let mut seen = whole(&mut state.databases[self.n], cx.clock.now());
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
        let pair = &mut state.databases[self.n];
        let position = if effect.lies { pair.view(region, now).position } else { pair.fence(region, now) };
        state.note_database(self.n, now);
        state.effect(cx, "fences", self.id.as_str());
        Ok(FenceProof {
            position,
            old_session: Some(READ_ONLY.into()),
            new_session: Some(READ_ONLY.into()),
            sessions_ended: 24,
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
            state.databases[self.n].unfence(region, reach, now);
            state.note_database(self.n, now);
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
            state.databases[self.n].promote(region, reach, now);
            state.effect(cx, "promotes", self.id.as_str());
            state.note_database(self.n, now);
        }
        Ok(())
    }

    async fn replicate(&self, cx: &Context, from: RegionRole, to: RegionRole) -> Result<(), ProviderError> {
        let effect = self.world.change(cx, &self.id).await?;
        if from == to {
            return Err(ProviderError::Refused(format!("{from} cannot be a replica of itself")));
        }
        self.ask(cx, from).await?;
        let takes = self.world.takes(cx, "replicate", &self.id, Some(to), &self.settings.replicate);
        self.world.work(cx, to, times(takes, effect.slow)).await?;
        let now = cx.clock.now();
        let mut state = self.world.state();
        if !state.linked() {
            return Err(self.world.unreachable(from));
        }
        let pair = &mut state.databases[self.n];
        if pair.side(from).role != ReplicaRole::Primary {
            return Err(ProviderError::Refused(format!("{from} is no primary, so nothing can follow it")));
        }
        if !effect.lies {
            pair.replicate(to, true, now);
            state.note_database(self.n, now);
            state.effect(cx, "replicates", self.id.as_str());
        }
        Ok(())
    }

    async fn write(&self, cx: &Context, region: RegionRole) -> WriteAttempt {
        if let Err(error) = self.world.meet(cx, &self.id, Access::Read).await {
            return failed_write(&error);
        }
        let count = cx.clock.now().0;
        let takes = self.settings.write.draw(self.world.seed, "write", asker(&cx.actor), count);
        write(&self.world, cx, region, takes, |state, _| refusal(&state.databases[self.n], region)).await
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
            BOTH.into_iter().any(|role| state.users_reach(role) && state.databases[self.n].side(role).writable());
        if !able {
            return Err(ProviderError::Refused("no instance that can be reached takes writes".into()));
        }
        state.databases[self.n].canary = true;
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
            what: "snapshot and log after the divergence".into(),
            only_here: Some(self.with(|pair| pair.only_here(region, cx.clock.now()))),
        })
    }
}

/// What a write comes to whose fault was met.
pub(super) fn failed_write(error: &ProviderError) -> WriteAttempt {
    if error.in_doubt() {
        WriteAttempt::Unknown(error.to_string().into())
    } else {
        WriteAttempt::Refused(error.to_string().into())
    }
}
