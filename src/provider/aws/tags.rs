//! Tags: the run that changed or made a thing, and the mark of the run that may change it now.
//!
//! No service writes tags conditionally. A mark is written, read again, and looked at once more before each change: who
//! came in between is seen then, though not kept out by the service itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use super::access::{self, Access};
use crate::id::{RegionRole, RunId};
use crate::resource::{Claimed, Context, Marker, ProviderError};

/// The run that changed or made a thing last. It stays.
pub(super) const RUN: &str = "muster:run";
/// The mark of the run that may change it now. It is taken away with the run's end.
pub(super) const MARK: &str = "muster:mark";
/// The longest value of a tag.
const VALUE_MAX: usize = 256;

/// Tags by their keys.
pub(super) type Tags = BTreeMap<String, String>;

/// Something in one region that has tags.
#[async_trait]
pub(super) trait Tagged: Send + Sync {
    /// The way to it.
    fn access(&self) -> &Access;

    /// The tags of each part of it.
    async fn tags(&self, cx: &Context) -> Result<Vec<Tags>, ProviderError>;

    /// Gives each part of it these tags.
    async fn put(&self, cx: &Context, tags: &[(&str, String)]) -> Result<(), ProviderError>;

    /// Takes a tag off each part of it.
    async fn take_off(&self, cx: &Context, key: &str) -> Result<(), ProviderError>;
}

/// A mark as the value of a tag: what tags allow of it.
fn value_of(marker: &Marker) -> String {
    let allowed = |c: char| c.is_alphanumeric() || " +-=._:/@".contains(c);
    let who = marker.who.chars().map(|c| if allowed(c) { c } else { '_' });
    let text = format!("{} {} {} ", marker.run, marker.fencing, marker.since);
    let room = VALUE_MAX.saturating_sub(text.chars().count());
    text.chars().chain(who.take(room)).collect::<String>().trim_end().to_owned()
}

fn marker_of(value: &str) -> Option<Marker> {
    let mut words = value.splitn(4, ' ');
    Some(Marker {
        run: RunId::new(words.next()?).ok()?,
        fencing: words.next()?.parse().ok()?,
        since: words.next()?.parse().ok()?,
        who: words.next().unwrap_or_default().to_owned(),
    })
}

/// The first mark among the parts that `marker` does not continue.
fn anothers(parts: &[Tags], marker: &Marker, over: Option<&Marker>) -> Option<Marker> {
    let marks = parts.iter().filter_map(|tags| marker_of(tags.get(MARK)?));
    let passed_over = |there: &Marker| over.is_some_and(|over| over.run == there.run && over.fencing == there.fencing);
    marks.into_iter().find(|there| !marker.continues(there) && !passed_over(there))
}

/// The sides that carry this process's mark.
#[derive(Debug, Default)]
pub(super) struct Marked(Mutex<BTreeSet<RegionRole>>);

impl Marked {
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeSet<RegionRole>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Marks each side that answers, as [`crate::resource::Exclusive::claim`]. That a region is lost is no reason to leave the
/// other side to whoever comes.
pub(super) async fn claim(
    sides: [&dyn Tagged; 2],
    cx: &Context,
    marker: &Marker,
    (over, marked): (Option<&Marker>, &Marked),
) -> Result<Claimed, ProviderError> {
    // Both are looked at before one is written to: what another run has is not touched on either side.
    let [one, other] = sides.map(|side| side.access().within(cx, access::MARKING, side.tags(cx)));
    let (one, other) = tokio::join!(one, other);
    let mut silent = None;
    let mut there = Vec::new();
    for (side, tags) in sides.into_iter().zip([one, other]) {
        match tags {
            Ok(tags) => match anothers(&tags, marker, over) {
                Some(taken) => return Ok(Claimed::Taken(taken)),
                None => there.push(side),
            },
            Err(error @ (ProviderError::Unreachable(_) | ProviderError::Transient(_))) => silent = Some(error),
            Err(error) => return Err(error),
        }
    }
    let put = put_all(&there, cx, marker, marked).await;
    if put != Ok(Claimed::Ours) {
        for side in &there {
            // It was not ours to keep; whoever has it by now keeps it.
            if release_one(*side, cx, marker).await.is_ok() {
                marked.lock().remove(&side.access().role);
            }
        }
        return put;
    }
    match silent {
        Some(error) if there.is_empty() => Err(error),
        _ => Ok(Claimed::Ours),
    }
}

async fn put_all(
    there: &[&dyn Tagged],
    cx: &Context,
    marker: &Marker,
    marked: &Marked,
) -> Result<Claimed, ProviderError> {
    for side in there {
        marked.lock().insert(side.access().role);
        side.put(cx, &[(MARK, value_of(marker)), (RUN, marker.run.to_string())]).await?;
    }
    for side in there {
        // Of two that wrote at once, the later one stands, and the earlier one sees it.
        if let Some(taken) = anothers(&side.tags(cx).await?, marker, None) {
            return Ok(Claimed::Taken(taken));
        }
    }
    Ok(Claimed::Ours)
}

/// Takes the mark away from each side, as [`crate::resource::Exclusive::release`].
pub(super) async fn release(
    sides: [&dyn Tagged; 2],
    cx: &Context,
    marker: &Marker,
    marked: &Marked,
) -> Result<(), ProviderError> {
    let [one, other] = sides.map(|side| side.access().within(cx, access::MARKING, release_one(side, cx, marker)));
    let (one, other) = tokio::join!(one, other);
    let mut left = Ok(());
    for (side, answer) in sides.into_iter().zip([one, other]) {
        let role = side.access().role;
        match answer {
            Ok(()) => drop(marked.lock().remove(&role)),
            // A side that did not answer when the mark was set has none.
            Err(ProviderError::Unreachable(_) | ProviderError::Transient(_)) if !marked.lock().contains(&role) => {}
            Err(error) => left = Err(error),
        }
    }
    left
}

async fn release_one(it: &dyn Tagged, cx: &Context, marker: &Marker) -> Result<(), ProviderError> {
    let parts = it.tags(cx).await?;
    let ours = parts.iter().filter_map(|tags| marker_of(tags.get(MARK)?)).any(|there| marker.continues(&there));
    if ours && anothers(&parts, marker, None).is_none() { it.take_off(cx, MARK).await } else { Ok(()) }
}

/// Refuses what another run has marked; called before each change.
pub(super) async fn guard(it: &dyn Tagged, cx: &Context, what: &str) -> Result<(), ProviderError> {
    let marks = it.tags(cx).await?.into_iter().filter_map(|tags| marker_of(tags.get(MARK)?));
    match marks.into_iter().find(|there| there.run != cx.run || there.fencing > cx.fencing) {
        Some(there) => {
            Err(ProviderError::Refused(format!("the tag {MARK} of {what} says that {there}: nothing was changed")))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_fits_into_a_tag_and_comes_back() {
        let since = "2026-11-22T08:42:16.5Z".parse().unwrap();
        let run = RunId::new("20261122-084216-drill").unwrap();
        let marker = Marker { run, fencing: 4, who: "ops at bastion-1".into(), since };
        assert_eq!(marker_of(&value_of(&marker)), Some(marker.clone()));
        let odd = value_of(&Marker { who: "a(b)*".repeat(100), ..marker.clone() });
        assert!(odd.chars().count() <= VALUE_MAX && odd.contains("a_b__"), "{odd}");
        assert_eq!(marker_of("somebody"), None);
        let nobody = Marker { who: String::new(), ..marker };
        assert_eq!(marker_of(&value_of(&nobody)), Some(nobody));
    }
}
