//! The provider `postgres` against real servers. What is proven here is asked of the servers themselves, by `psql`.

mod backups;
mod by_hand;
mod canaries;
mod drills;
mod fence;
mod looks;
mod probing;
mod promotion;
mod rebuilding;
mod tls;

use muster::id::RegionRole::{self, Primary, Secondary};
use muster::resource::{Context, Database, DatabaseInstance, Seen};
use muster::time::run_real;

use super::harness::postgres::{Pair, context};

const RUN: &str = "20261122-084216-drill";

/// Runs a test's own calls in real time.
fn play<T>(f: impl AsyncFnOnce(Context) -> T) -> T {
    run_real(|clock| async move { f(context(&clock, RUN)).await }).unwrap()
}

async fn seen(database: &dyn Database, cx: &Context, region: RegionRole) -> DatabaseInstance {
    let state = database.observe(cx).await.unwrap();
    match &state.regions[&region] {
        Seen::Is(instance) => instance.clone(),
        Seen::Unreachable(why) => panic!("{region} does not answer: {why}"),
    }
}
