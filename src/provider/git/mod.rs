//! The provider `git`: bare repositories in each region, whose pushes go through a gate (`hooks/`) that a fence closes.
//!
//! Everything is read and changed by git itself and one shell script, `store.sh`, on the machine that has the
//! repositories. What copies pushes to the other region is the infrastructure's own; it works through the book of pushes
//! and says how far it got, and from that positions and lag are known.
//! May rely on `resource`, `provider::host`; must never take a side that does not answer for one that is fenced.

mod compare;
mod deleted;
mod push;
mod side;

#[cfg(test)]
mod tests;

use std::sync::Mutex;

use async_trait::async_trait;

use crate::id::RegionRole;
use crate::infrastructure::real::git::Git as Settings;
use crate::resource::{
    Actor, ByRegion, CanaryRow, CanaryRows, Claimed, Context, CopyReport, Exclusive, FenceProof, Marker, Preserved,
    ProviderError, Recovery, ReplicaRole, Seen, Storage, StorageSide, StorageState, Wanted, WriteAttempt,
};
use crate::time::Span;

use super::host::{Host, MarkFile};
use push::Pusher;
use side::{Books, Side};

/// How long a command may take if nothing else is said.
const TIMEOUT: Span = Span::from_secs(30);
/// How many repositories are read through if nothing else is said.
const SAMPLE: u32 = 20;
/// The most differences that are looked at one by one.
const DIFFERENCES_MAX: usize = 20_000;
/// The mark of a run, in a side's folder.
const MARK: &str = ".muster/mark";
/// The repository that proofs are pushed to. It stays.
const PROOF: &str = "muster/proof.git";
/// Where a proof goes in it.
const PROOF_REF: &str = "refs/heads/proof";
/// Where a canary's commits are in its repository, each by its number.
const CANARY_REFS: &str = "refs/canary/";

/// Repositories in two regions.
pub struct GitStorage {
    primary: Side,
    secondary: Side,
    pusher: Pusher,
    sample: usize,
}

impl GitStorage {
    /// A storage by these settings.
    #[must_use]
    pub fn new(settings: Settings, host: &Host) -> Self {
        let timeout = settings.timeout.map_or(TIMEOUT, |period| period.0);
        let side = |settings: crate::infrastructure::real::git::Side, region| {
            let mark = MarkFile::new(host, &settings.via, format!("{}/{MARK}", settings.path.trim_end_matches('/')));
            Side { settings, region, host: host.clone(), timeout, mark, last_found: Mutex::default() }
        };
        Self {
            primary: side(settings.regions.primary, RegionRole::Primary),
            secondary: side(settings.regions.secondary, RegionRole::Secondary),
            pusher: Pusher::new(host.clone(), timeout),
            sample: usize::try_from(settings.sample.unwrap_or(SAMPLE)).unwrap_or(usize::MAX),
        }
    }

    fn side(&self, region: RegionRole) -> &Side {
        match region {
            RegionRole::Primary => &self.primary,
            RegionRole::Secondary => &self.secondary,
        }
    }

    fn url(&self, region: RegionRole, repository: &str) -> String {
        let base = self.side(region).settings.url.trim_end_matches('/');
        let encoded = [("%", "%25"), (" ", "%20"), ("#", "%23"), ("?", "%3F")];
        let is_url = base.contains("://");
        let fold = |name: String, (plain, code): (&str, &str)| if is_url { name.replace(plain, code) } else { name };
        format!("{base}/{}", encoded.into_iter().fold(repository.to_owned(), fold))
    }

    /// What a side's books say, if users can reach it too: a folder that can be read is no side that answers.
    async fn reached(&self, cx: &Context, region: RegionRole) -> Result<Books, ProviderError> {
        let side = self.side(region);
        // Users are out while this is asked: the repository that was found last time is asked without waiting for the books.
        let last = side.last_found();
        let answers = async |repository: &str| self.pusher.answers(cx, &self.url(region, repository)).await;
        let (books, answered) = tokio::join!(side.books(cx), async {
            match &last {
                Some(repository) => Some(answers(repository).await),
                None => None,
            }
        });
        let books = books?;
        match (&books.repository, answered) {
            (found, Some(answered)) if *found == last => answered?,
            (Some(repository), _) => answers(repository).await?,
            (None, _) => {}
        }
        side.found(books.repository.clone());
        Ok(books)
    }

    async fn seen(&self, cx: &Context, region: RegionRole) -> Result<Seen<StorageSide>, ProviderError> {
        let books = match self.reached(cx, region).await {
            Ok(books) => books,
            Err(ProviderError::Cancelled) => return Err(ProviderError::Cancelled),
            Err(error) => return Ok(Seen::Unreachable(error.to_string())),
        };
        let is_primary = books.role == ReplicaRole::Primary;
        Ok(Seen::Is(StorageSide {
            role: books.role,
            fenced: books.fence.is_some(),
            writable: is_primary && books.fence.is_none(),
            replicates_from: books.follows,
            position: books.position,
            lag: None,
        }))
    }

    /// How far a copy is behind: by how long ago the first push was taken that it lacks.
    async fn lag(&self, cx: &Context, regions: &ByRegion<StorageSide>, copy: RegionRole) -> Option<Span> {
        let known = |role: RegionRole| regions.get(&role).and_then(Seen::known);
        let side = known(copy)?;
        let original = known(side.replicates_from?)?;
        if original.role != ReplicaRole::Primary {
            return None;
        }
        if side.position >= original.position {
            return Some(Span::ZERO);
        }
        let since = self.side(copy.other()).waiting_since(cx, side.position).await.ok().flatten();
        Some(compare::age(since, now(cx)))
    }

    /// The repository of the canary that asks.
    fn canary(cx: &Context) -> String {
        let name = match &cx.actor {
            Actor::Probe(id) => id.to_string(),
            Actor::Step(id) => id.to_string(),
            Actor::Muster => "muster".to_owned(),
        };
        let plain: String = name.chars().map(|it| if it.is_ascii_alphanumeric() { it } else { '-' }).collect();
        format!("muster/canary-{}-{plain}.git", cx.run)
    }

    /// The listings of both sides, taken at the same time.
    async fn listings(&self, cx: &Context, region: RegionRole) -> Result<(String, String), ProviderError> {
        let (this, other) = (self.side(region), self.side(region.other()));
        let (this, other) = tokio::join!(this.list(cx), other.list(cx));
        Ok((this?, other?))
    }
}

/// Now, in seconds since 1970.
fn now(cx: &Context) -> u64 {
    u64::try_from(cx.clock.wall().as_second()).unwrap_or(0)
}

fn parsed(text: &str, region: RegionRole) -> Result<compare::Listing<'_>, ProviderError> {
    compare::parse(text)
        .ok_or_else(|| ProviderError::Unreachable(format!("the list of references in {region} is not whole")))
}

/// A mark is kept on each side that answers.
#[async_trait]
impl Exclusive for GitStorage {
    async fn claim(&self, cx: &Context, marker: &Marker, over: Option<&Marker>) -> Result<Claimed, ProviderError> {
        let (mut ours, mut silent) = (Vec::new(), None);
        for side in [&self.primary, &self.secondary] {
            match side.claim(cx, marker, over).await {
                Ok(Claimed::Ours) => ours.push(side),
                Ok(Claimed::Taken(there)) => {
                    for side in ours {
                        side.mark.release(cx, marker).await?;
                    }
                    return Ok(Claimed::Taken(there));
                }
                Err(ProviderError::Unreachable(why)) => silent = Some(format!("{}: {why}", side.region)),
                Err(error) => return Err(error),
            }
        }
        match silent {
            Some(why) if ours.is_empty() => {
                Err(ProviderError::Unsupported(format!("neither side can keep a mark now ({why})")))
            }
            _ => Ok(Claimed::Ours),
        }
    }

    async fn release(&self, cx: &Context, marker: &Marker) -> Result<(), ProviderError> {
        let (one, other) = tokio::join!(self.primary.mark.release(cx, marker), self.secondary.mark.release(cx, marker));
        one.and(other)
    }
}

#[async_trait]
impl Storage for GitStorage {
    async fn observe(&self, cx: &Context) -> Result<StorageState, ProviderError> {
        let (primary, secondary) =
            tokio::join!(self.seen(cx, RegionRole::Primary), self.seen(cx, RegionRole::Secondary));
        let mut regions: ByRegion<StorageSide> =
            [(RegionRole::Primary, primary?), (RegionRole::Secondary, secondary?)].into();
        for role in RegionRole::ALL {
            let lag = self.lag(cx, &regions, role).await;
            if let Some(side) = regions.get_mut(&role).and_then(Seen::known_mut) {
                side.lag = lag;
            }
        }
        Ok(StorageState { regions })
    }

    async fn fence(&self, cx: &Context, region: RegionRole) -> Result<FenceProof, ProviderError> {
        let side = self.side(region);
        side.mark.guard(cx).await?;
        side.make(cx, PROOF).await?;
        let url = self.url(region, PROOF);
        let why = format!("a drill has stopped them (run {})", cx.run);
        // Before the push is opened, which has a time of its own to be held.
        side.gated(cx).await?;
        let (fenced, old) = self.pusher.push_around(cx, &url, PROOF_REF, side.fence(cx, &why)).await?;
        let (waited, position) = fenced;
        let new = self.pusher.push(cx, &url, PROOF_REF, "a push from after the fence").await;
        let refusal = |attempt: WriteAttempt| match attempt {
            WriteAttempt::Refused(words) => Ok(Some(words.into_owned())),
            WriteAttempt::Acknowledged => Ok(None),
            WriteAttempt::Unknown(why) => Err(ProviderError::Unreachable(format!(
                "the fence in {region} is set, but a push to prove it got no answer: {why}"
            ))),
        };
        let (old_session, new_session) = (refusal(old)?, refusal(new)?);
        Ok(FenceProof { position, old_session, new_session, sessions_ended: waited })
    }

    async fn unfence(&self, cx: &Context, region: RegionRole) -> Result<(), ProviderError> {
        self.side(region).mark.guard(cx).await?;
        self.side(region).unfence(cx).await
    }

    async fn promote(&self, cx: &Context, region: RegionRole) -> Result<(), ProviderError> {
        self.side(region).mark.guard(cx).await?;
        self.side(region).promote(cx).await
    }

    async fn replicate(&self, cx: &Context, from: RegionRole, to: RegionRole) -> Result<(), ProviderError> {
        let (source, target) = (self.side(from), self.side(to));
        target.mark.guard(cx).await?;
        // Before anything is read: pushes that come later are more than this, and the copier sends them again.
        let position = source.books(cx).await?.position;
        target.follow(cx, from).await?;
        let (theirs, ours) = self.listings(cx, to).await?;
        let (copy, original) = (parsed(&theirs, to)?, parsed(&ours, from)?);
        let lacking = original.iter().filter(|(name, refs)| copy.get(*name) != Some(refs));
        let lacking: Vec<String> = lacking.map(|(name, _)| (*name).to_owned()).collect();
        target.fetch(cx, source.settings.url.trim_end_matches('/'), &lacking).await?;
        for surplus in copy.keys().filter(|name| !original.contains_key(*name)) {
            target.remove(cx, surplus).await?;
        }
        target.followed(cx, position).await
    }

    async fn verify(&self, cx: &Context, region: RegionRole) -> Result<CopyReport, ProviderError> {
        let (side, origin) = (self.side(region), self.side(region.other()));
        // A repository beside the gate is found here, and not when users are out. What the copy has taken is read before
        // it is compared: then no push can be missed that it has not.
        let (gated, copied) =
            tokio::join!(async { tokio::try_join!(side.gated(cx), origin.gated(cx)) }, side.books(cx));
        let (_, copied) = (gated?, copied?.position);
        let (theirs, ours) = self.listings(cx, region).await?;
        let (copy, original) = (parsed(&theirs, region)?, parsed(&ours, region.other())?);
        let differences = compare::differences(&original, &copy);
        if differences.len() > DIFFERENCES_MAX {
            return Err(ProviderError::Refused(format!(
                "{} references differ: at most {DIFFERENCES_MAX} are looked at one by one",
                differences.len()
            )));
        }
        let answers = origin.differs(cx, copied, compare::asked(&differences, &copy)).await?;
        let judged = compare::judge(&differences, &answers).ok_or_else(|| {
            ProviderError::Unreachable("what became of the differences was not told wholly".to_owned())
        })?;
        let checked = compare::sample(&copy, self.sample, cx.run.as_str());
        let damaged = side.damaged(cx, &checked).await?;
        let missing = original.iter().filter(|(name, refs)| !refs.is_empty() && !copy.contains_key(*name)).count();
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Ok(CopyReport {
            repositories: count(original.len()),
            missing: count(missing),
            behind: judged.behind,
            diverged: judged.diverged,
            stale: judged.stale,
            checked: count(checked.len()),
            damaged,
            oldest_missing: compare::age(judged.oldest, now(cx)),
        })
    }

    async fn recover(&self, cx: &Context, region: RegionRole, wanted: &Wanted) -> Result<Recovery, ProviderError> {
        self.give_back(cx, region, wanted).await
    }

    async fn discard_recovered(&self, cx: &Context, region: RegionRole) -> Result<Vec<String>, ProviderError> {
        let said = self.side(region).discard_recovered(cx, cx.run.as_str()).await?;
        Ok(said.lines().map(str::to_owned).collect())
    }

    async fn write(&self, cx: &Context, region: RegionRole) -> WriteAttempt {
        match self.side(region).make(cx, PROOF).await {
            Ok(()) => self.pusher.push(cx, &self.url(region, PROOF), PROOF_REF, "a proof").await,
            Err(error) => WriteAttempt::Unknown(error.to_string().into()),
        }
    }

    async fn write_canary(&self, cx: &Context, region: RegionRole, row: CanaryRow) -> WriteAttempt {
        let (url, words) = (self.url(region, &Self::canary(cx)), format!("canary {}", row.number));
        self.pusher.push(cx, &url, &format!("{CANARY_REFS}{}", row.number), &words).await
    }

    async fn canary_rows(&self, cx: &Context, region: RegionRole) -> Result<CanaryRows, ProviderError> {
        let said = self.side(region).refs(cx, &Self::canary(cx), CANARY_REFS).await?;
        let numbers = said.lines().filter_map(|line| line.strip_prefix(CANARY_REFS)?.parse::<u64>().ok());
        let mut numbers: Vec<u64> = numbers.collect();
        numbers.sort_unstable();
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for number in numbers {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 >= number => *last = number,
                _ => ranges.push((number, number)),
            }
        }
        Ok(CanaryRows { ranges })
    }

    async fn prepare_canary(&self, cx: &Context) -> Result<(), ProviderError> {
        let name = Self::canary(cx);
        let (one, other) = tokio::join!(self.primary.make(cx, &name), self.secondary.make(cx, &name));
        one.and(other)
    }

    async fn remove_canary(&self, cx: &Context) -> Result<(), ProviderError> {
        let name = Self::canary(cx);
        let (one, other) = tokio::join!(self.primary.remove(cx, &name), self.secondary.remove(cx, &name));
        one.and(other)
    }

    async fn preserve(&self, cx: &Context, region: RegionRole) -> Result<Preserved, ProviderError> {
        let (side, other) = (self.side(region), self.side(region.other()));
        let (ours, theirs) = tokio::join!(side.list(cx), other.list(cx));
        // Of a side that can't be seen nothing is known to be there: then everything is kept.
        let (there, ours, theirs) = (theirs.is_ok(), ours?, theirs.unwrap_or_default());
        let (mut ours, theirs) = (parsed(&ours, region)?, parsed(&theirs, region.other())?);
        // What Muster's own proofs were pushed to is nobody's.
        ours.remove(PROOF);
        let repositories = compare::only_ours(&ours, &theirs);
        if repositories.is_empty() {
            let what = "nothing: every reference is the same in the other region".to_owned();
            return Ok(Preserved { location: side.settings.path.clone(), what, only_here: Some(0) });
        }
        // Each time into a folder of its own: what was kept before is not written over.
        let name = format!("{}/{}", cx.run, cx.clock.wall().strftime("%H%M%S%3f"));
        let (commits, location) = side.preserve(cx, &name, compare::kept(&repositories, &theirs)).await?;
        // A push that names an old commit anew brings none, and is lost all the same.
        if !there {
            let what = format!(
                "the other side can't be read: bundles of all of {} repositories, {commits} commits and tags, whichever of \
                 them it has too",
                repositories.len()
            );
            return Ok(Preserved { location, what, only_here: None });
        }
        let moved = other.lacks(cx, compare::moved(&ours, &theirs)).await?;
        let what = format!(
            "of {} repositories that differ the references, and bundles of what only {region} has: {commits} commits and \
             tags; \
             {moved} references were made of commits that the other side has too",
            repositories.len()
        );
        Ok(Preserved { location, what, only_here: Some(commits + moved) })
    }
}
