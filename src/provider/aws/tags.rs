//! Tags: the run that changed or made a thing, and the mark of the run that may change it now.
//!
//! No service writes tags conditionally. A mark is written, read again, and looked at once more before each change: who
//! came in between is seen then, though not kept out by the service itself.

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::id::RunId;
use crate::resource::{Claimed, Context, Marker, ProviderError};

/// The run that changed or made a thing last. It stays.
pub(super) const RUN: &str = "muster:run";
/// The mark of the run that may change it now. It is taken away with the run's end.
pub(super) const MARK: &str = "muster:mark";
/// The longest value of a tag.
const VALUE_MAX: usize = 256;

/// Tags by their keys.
pub(super) type Tags = BTreeMap<String, String>;

/// Something that has tags, in one region or in several.
#[async_trait]
pub(super) trait Tagged: Send + Sync {
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

/// Marks it, as [`crate::resource::Exclusive::claim`].
pub(super) async fn claim(
    it: &dyn Tagged,
    cx: &Context,
    marker: &Marker,
    over: Option<&Marker>,
) -> Result<Claimed, ProviderError> {
    if let Some(there) = anothers(&it.tags(cx).await?, marker, over) {
        return Ok(Claimed::Taken(there));
    }
    it.put(cx, &[(MARK, value_of(marker)), (RUN, marker.run.to_string())]).await?;
    // Of two that wrote at once, the later one stands, and the earlier one sees it.
    Ok(anothers(&it.tags(cx).await?, marker, None).map_or(Claimed::Ours, Claimed::Taken))
}

/// Takes the mark away, as [`crate::resource::Exclusive::release`].
pub(super) async fn release(it: &dyn Tagged, cx: &Context, marker: &Marker) -> Result<(), ProviderError> {
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
