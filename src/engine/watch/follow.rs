//! A switched record is followed until nobody can have the old answer any more.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::shared::Shared;
use crate::event::{Event, ServerKind};
use crate::id::{RegionRole, ResourceId};
use crate::resource::{Actor, Context, Dns, ServerAnswer};
use crate::time::{Moment, Span};

/// From one look to the next.
const EVERY: Span = Span::from_secs(1);
/// A simulation that nothing is wrong with has answered all questions of a look after this long.
const LOOK: Span = Span::from_millis(100);
/// How long one question may last.
const QUESTION_MAX: Span = Span::from_secs(5);
/// A record is followed no longer than this, whatever its TTL.
const FOLLOWED_MAX: Span = Span::from_secs(6 * 3600);
/// Looked for longer than the TTL says: resolvers round up.
const GRACE: Span = Span::from_secs(5);

/// The last answer of each server of a kind.
type Known = BTreeMap<String, Vec<String>>;

/// When a record begins to be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begins {
    /// Before it is changed. A server whose first answer is the new one was asked after its change all the same: the
    /// step may be quicker than the first look.
    BeforeTheChange,
    /// It may have been changed long ago: a first answer tells nothing.
    AnyTime,
}

/// Follows `record` on its way to `to`, from before the change on, and tells each answer that is another one.
pub(super) async fn follow(shared: Arc<Shared>, record: ResourceId, to: RegionRole, begins: Begins) {
    let Some(dns) = shared.resources.dns.get(&record).cloned() else { return };
    // It asks and tells. Nothing in the world, and no sample, is otherwise for that.
    let cx = shared.context(Actor::Muster, shared.clock.onlooking());
    let ttl = match cx.clock.timeout(QUESTION_MAX, dns.observe(&cx)).await {
        Ok(Ok(state)) => state.record.ttl,
        // The change is about to be made by the same means; what it finds is the step's to tell.
        Ok(Err(_)) | Err(_) => Span::from_secs(60),
    };
    let start = cx.clock.now();
    let mut known = [Known::new(), Known::new()];
    let mut moved: Option<Moment> = None;
    let mut last: Option<(Moment, There)> = None;
    while cx.clock.now().since(start) < FOLLOWED_MAX {
        let began = cx.clock.now();
        // Once it is made, the change is no news to a simulation: who surely answers as before is not asked again.
        let alike = last.filter(|(asked, _)| moved.is_some() && dns.answers_alike(&cx, *asked, began + LOOK));
        let (asked, there) = match alike {
            Some(last) => last,
            None => (began, look(&shared, (&record, &*dns), &cx, (to, begins), &mut known).await),
        };
        last = Some((asked, there));
        if there.authoritative {
            moved.get_or_insert(began);
        } else {
            moved = None;
        }
        let run_out = moved.is_some_and(|moved| began.since(moved) >= ttl);
        let patience_ended = moved.is_some_and(|moved| began.since(moved) >= ttl + ttl + GRACE);
        if (run_out && there.resolvers) || patience_ended {
            return;
        }
        cx.clock.sleep_until(began + EVERY).await;
    }
}

/// Who gives the new answer.
#[derive(Clone, Copy)]
struct There {
    authoritative: bool,
    resolvers: bool,
}

/// Asks everybody once.
async fn look(
    shared: &Shared,
    (record, dns): (&ResourceId, &dyn Dns),
    cx: &Context,
    (to, begins): (RegionRole, Begins),
    [known, known_of_resolvers]: &mut [Known; 2],
) -> There {
    let asked = cx.clock.now();
    let first = (begins == Begins::BeforeTheChange).then_some(to);
    let authoritative = cx.clock.timeout(QUESTION_MAX, dns.authoritative(cx)).await;
    let authoritative = authoritative.ok().and_then(Result::ok);
    let all_there = |answers: &Option<Vec<ServerAnswer>>| {
        answers.as_ref().is_some_and(|answers| answers.iter().all(|answer| answer.gives(to)))
    };
    let moved = all_there(&authoritative);
    note(shared, record, (ServerKind::Authoritative, first), authoritative.unwrap_or_default(), asked, known);
    let asked = cx.clock.now();
    let resolvers = cx.clock.timeout(QUESTION_MAX, dns.resolvers(cx)).await.ok().and_then(Result::ok);
    let followed = all_there(&resolvers);
    note(shared, record, (ServerKind::Resolver, first), resolvers.unwrap_or_default(), asked, known_of_resolvers);
    There { authoritative: moved, resolvers: followed }
}

/// Tells the answers that are others than before. The first ones are what was known anyway, but for those that send users
/// to where they are news; a server that does not answer has not changed its answer.
fn note(
    shared: &Shared,
    record: &ResourceId,
    (server_kind, news): (ServerKind, Option<RegionRole>),
    answers: Vec<ServerAnswer>,
    asked: Moment,
    known: &mut Known,
) {
    let mut told = Vec::new();
    for ServerAnswer { server, values, serves, .. } in answers {
        let Ok(values) = values else { continue };
        match known.get(&server) {
            Some(before) if *before == values => {}
            None if news.is_none() || serves != news => drop(known.insert(server, values)),
            _ => {
                known.insert(server.clone(), values.clone());
                told.push(Event::DnsAnswered { record: record.clone(), server, server_kind, values, serves, asked });
            }
        }
    }
    if !told.is_empty() {
        shared.at_desk(|desk| told.into_iter().for_each(|event| desk.tell(event)));
    }
}
