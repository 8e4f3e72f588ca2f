//! Repositories that were deleted: found in the book of deletions, and given back from the bundles that are kept of them.

use super::{GitStorage, now};
use crate::id::RegionRole;
use crate::resource::{Context, ProviderError, Recovered, Recovery, Wanted};
use crate::time::Span;

/// A deletion that is further from the time that was asked for is another one.
const ABOUT: Span = Span::from_secs(12 * 3_600);

impl GitStorage {
    /// Gives a deleted repository back into a scratch place of the run's own.
    pub(super) async fn give_back(
        &self,
        cx: &Context,
        region: RegionRole,
        wanted: &Wanted,
    ) -> Result<Recovery, ProviderError> {
        let side = self.side(region);
        let book = side.deletions(cx).await?;
        let now = now(cx);
        let Some((at, name)) = nearest(&book, wanted, now) else {
            return Err(ProviderError::Refused(match &wanted.repository {
                Some(name) => format!("the book of deletions in {region} does not name {name}"),
                None => {
                    format!("nothing was deleted about {} ago, says the book in {region}", wanted.deleted_ago.short())
                }
            }));
        };
        let deleted_ago = Span::from_secs(now.saturating_sub(at));
        let said = side.recover(cx, cx.run.as_str(), at, name).await?;
        let said = said.trim();
        if said == "gone" {
            return Ok(Recovery::Gone(format!(
                "{name} was deleted {deleted_ago} ago, and nothing is kept of it any more"
            )));
        }
        let unclear = || ProviderError::Unreachable(format!("what came back of {name} in {region} says `{said}`"));
        let mut numbers = said.splitn(5, ' ');
        let mut number = || numbers.next()?.parse::<u64>().ok();
        let (refs, before) = (number().ok_or_else(unclear)?, number().ok_or_else(unclear)?);
        let (objects, damaged) = (number().ok_or_else(unclear)?, number().ok_or_else(unclear)?);
        let scratch = numbers.next().ok_or_else(unclear)?.to_owned();
        let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        Ok(Recovery::Back(Recovered {
            repository: name.to_owned(),
            deleted_ago,
            scratch,
            refs: small(refs),
            refs_before: small(before),
            objects,
            damaged: small(damaged),
            // A bundle holds refs and objects, and nothing else.
            metadata: false,
        }))
    }
}

/// The deletion that is meant, out of lines of `SECONDS NAME`: the last one of the name, or the one nearest in time.
fn nearest<'a>(book: &'a str, wanted: &Wanted, now: u64) -> Option<(u64, &'a str)> {
    let lines = book.lines().filter_map(|line| {
        let (at, name) = line.split_once(' ')?;
        Some((at.parse::<u64>().ok()?, name))
    });
    if let Some(repository) = &wanted.repository {
        return lines.filter(|(_, name)| name == repository).max();
    }
    let meant = now.saturating_sub(wanted.deleted_ago.0 / 1_000_000_000);
    let near = lines.min_by_key(|(at, _)| at.abs_diff(meant))?;
    (Span::from_secs(near.0.abs_diff(meant)) <= ABOUT).then_some(near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deletion_nearest_to_what_was_asked_for_is_meant() {
        let day = 86_400;
        let book = format!("{} old.git\n{} team/app.git\nbroken\n{} new.git\n", 92 * day, 94 * day + 5, 99 * day);
        let wanted = |days: u64, name: Option<&str>| Wanted {
            repository: name.map(str::to_owned),
            deleted_ago: Span::from_secs(days * day),
        };
        let found = |wanted: &Wanted| nearest(&book, wanted, 100 * day).map(|(_, name)| name.to_owned());
        assert_eq!(found(&wanted(6, None)).as_deref(), Some("team/app.git"));
        assert_eq!(found(&wanted(8, None)).as_deref(), Some("old.git"));
        assert_eq!(found(&wanted(4, None)), None, "none was deleted within half a day of that");
        assert_eq!(found(&wanted(4, Some("new.git"))).as_deref(), Some("new.git"));
        assert_eq!(found(&wanted(4, Some("never.git"))), None);
    }
}
