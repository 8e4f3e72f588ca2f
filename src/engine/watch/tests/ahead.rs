//! What is computed ahead is what would have been seen.

use super::rig::*;
use crate::engine::watch::Pace;
use crate::event::Event;
use crate::id::{RegionRole, ServiceId};
use crate::model::Leg;
use crate::resource::{Context, DnsState, HealthState, Party, RegionState, ResourceState, Resources};
use crate::time::{Clock, Span};

async fn until(watching: &Watching, cx: &Context, state: HealthState) {
    let health = watching.watch.health();
    let web = ServiceId::new("web").unwrap();
    while health.service(cx, &web).await.state != state {
        health.changed(cx).await;
    }
}

async fn switch(resources: &Resources, watching: &Watching, cx: &Context, to: crate::id::RegionRole) {
    let dns = &resources.dns[&id("code")];
    let before = dns.observe(cx).await.unwrap();
    watching.watch.switching(&[id("code")], to, &[(id("code"), ResourceState::Dns(before.clone()))].into());
    let record = before.record;
    dns.change(cx, &record, &dns.target(to, &record)).await.unwrap();
    watching.watch.serves(&[id("code")], Some(to));
}

/// An unplanned failover and the way back, as the engine would do it.
async fn drill(clock: &Clock, seed: u64, pace: Pace, soak: Span) -> Told {
    let resources = simulation(clock, seed).resources();
    let watching = Watching::start(clock, quarterly_plan(), resources.clone(), pace);
    let cx = context(clock);
    let (database, storage) = (&resources.databases[&id("main")], &resources.storages[&id("repositories")]);
    until(&watching, &cx, HealthState::Healthy).await;
    clock.sleep(secs(40)).await;

    let cut = RegionState::cut_off_from([Party::Users, Party::Secondary].into());
    resources.regions[&P].set_isolation(&cx, &cut).await.unwrap();
    until(&watching, &cx, HealthState::Unhealthy).await;
    clock.sleep(secs(95)).await;
    database.promote(&cx, S).await.unwrap();
    watching.watch.promoted(&id("main"), S, Leg::Failover).await;
    storage.promote(&cx, S).await.unwrap();
    watching.watch.promoted(&id("repositories"), S, Leg::Failover).await;
    switch(&resources, &watching, &cx, S).await;
    until(&watching, &cx, HealthState::Healthy).await;
    clock.sleep(soak).await;

    let _ = database.fence(&cx, P).await;
    resources.regions[&P].set_isolation(&cx, &RegionState::default()).await.unwrap();
    database.fence(&cx, P).await.unwrap();
    storage.fence(&cx, P).await.unwrap();
    database.replicate(&cx, S, P).await.unwrap();
    storage.replicate(&cx, S, P).await.unwrap();
    clock.sleep(secs(15)).await;
    database.fence(&cx, S).await.unwrap();
    storage.fence(&cx, S).await.unwrap();
    clock.sleep(secs(20)).await;
    database.promote(&cx, P).await.unwrap();
    watching.watch.promoted(&id("main"), P, Leg::Return).await;
    storage.promote(&cx, P).await.unwrap();
    watching.watch.promoted(&id("repositories"), P, Leg::Return).await;
    switch(&resources, &watching, &cx, P).await;
    until(&watching, &cx, HealthState::Healthy).await;
    clock.sleep(secs(70)).await;
    watching.finish().await
}

/// A hundred seeds, in parts that run side by side.
#[rstest::rstest]
fn the_journal_is_that_of_plain_probes(#[values(0, 20, 40, 60, 80)] first: u64) {
    for seed in first..first + 20 {
        let journal = |pace| virtually(|clock| async move { drill(&clock, seed, pace, secs(70)).await.journal() });
        let (plain, ahead) = (journal(Pace::Plain), journal(Pace::Ahead));
        assert!(plain.contains("canary_counted") && plain.contains("dns_answered"), "{plain}");
        if plain != ahead {
            let differ = plain.lines().zip(ahead.lines()).find(|(plain, ahead)| plain != ahead);
            panic!("seed {seed}: {differ:#?}");
        }
    }
}

#[test]
fn a_server_that_changed_before_the_first_look_is_told_of_a_record_that_was_elsewhere() {
    let told = |was: RegionRole| {
        let told = virtually(|clock| async move {
            let resources = simulation(&clock, 7).resources();
            let watching = Watching::start(&clock, quarterly_plan(), resources.clone(), Pace::Plain);
            let cx = context(&clock);
            let dns = &resources.dns[&id("code")];
            let state = dns.observe(&cx).await.unwrap();
            dns.change(&cx, &state.record, &dns.target(S, &state.record)).await.unwrap();
            clock.sleep(secs(600)).await;
            let before = ResourceState::Dns(DnsState { serves: Some(was), ..state });
            watching.watch.switching(&[id("code")], S, &[(id("code"), before)].into());
            clock.sleep(secs(5)).await;
            watching.finish().await
        });
        told.events().into_iter().filter(|event| matches!(event, Event::DnsAnswered { .. })).count()
    };
    assert!(told(P) > 0);
    assert_eq!(told(S), 0);
}
