//! Probes: their rhythm, their order, what is told of them.

use rstest::rstest;

use super::rig::*;
use crate::catalogue::Before;
use crate::engine::watch::Pace;
use crate::event::Event;
use crate::id::ServiceId;
use crate::model::{Plan, Sample};
use crate::resource::HealthState;
use crate::time::{Moment, Span};

fn one_service() -> Plan {
    let web = probe("web", http("https://code.example.test/healthz"), secs(1), secs(3));
    Plan { services: vec![service(web, &["code"])], ..empty_plan() }
}

fn with_witness() -> Plan {
    Plan { witness: Some(probe("witness", tcp("status.example.net", 443), secs(1), secs(3))), ..one_service() }
}

/// The samples that stand in the events as a whole, in order.
fn samples(told: &Told) -> Vec<Sample> {
    let mut samples = Vec::new();
    for event in told.events() {
        match event {
            Event::Sampled { first, .. } => samples.push(first),
            Event::SamplesSummed { probes, .. } => samples.extend(probes.into_iter().map(|it| it.last)),
            _ => {}
        }
    }
    samples
}

/// How many samples of each probe the events tell of: each stands in exactly one.
fn counted(told: &Told, name: &str) -> u64 {
    let count = |event: &Event| match event {
        Event::Sampled { probe, .. } => u64::from(*probe == probe_id(name)),
        Event::SamplesSummed { probes, .. } => {
            probes.iter().filter(|it| it.probe == probe_id(name)).map(|it| it.count).sum()
        }
        _ => 0,
    };
    told.events().iter().map(count).sum()
}

fn well(takes: Span) -> Says {
    Says::Status(200, "192.0.2.10", takes)
}

#[rstest]
fn slow_probes_are_on_time_and_in_order(#[values(Pace::Plain, Pace::Ahead)] pace: Pace) {
    let told = virtually(|clock| async move {
        // Each takes longer than the interval, and every third overtakes the two before it.
        let resources =
            scripted(&clock, |_, now| well(if now.0 / 1_000_000_000 % 3 == 2 { ms(10) } else { ms(2_400) }));
        let watching = Watching::start(&clock, one_service(), resources, pace);
        clock.sleep(secs(60)).await;
        watching.finish().await
    });
    let samples = samples(&told);
    assert!(samples.iter().all(|sample| sample.is_healthy() && sample.sent == sample.scheduled));
    let first = samples[0].scheduled;
    assert!(samples.iter().all(|sample| sample.scheduled == first + secs(sample.tick)), "no drift");
    assert!(samples.windows(2).all(|two| two[0].tick < two[1].tick), "in the order of ticks");
    // The last ones, up to two of which wait for a slower one before them, were not answered at the end.
    assert!((57..=60).contains(&counted(&told, "web")), "{}", counted(&told, "web"));
}

#[rstest]
fn silence_ends_at_the_timeout_and_never_queues(#[values(Pace::Plain, Pace::Ahead)] pace: Pace) {
    let told = virtually(|clock| async move {
        let resources = scripted(&clock, |_, _| Says::Silence);
        let watching = Watching::start(&clock, one_service(), resources, pace);
        clock.sleep(secs(30)).await;
        watching.finish().await
    });
    let samples = samples(&told);
    assert!(samples.iter().all(|sample| !sample.is_healthy() && sample.took() == secs(3)));
    assert_eq!(counted(&told, "web"), 27, "one a second, each of which takes three");
    assert!(matches!(&samples[0].result, crate::model::SampleResult::Unhealthy(seen) if seen == "no answer within 3s"));
}

#[rstest]
fn a_day_stays_small_and_no_end_of_a_streak_is_lost(#[values(Pace::Plain, Pace::Ahead)] pace: Pace) {
    let hours = if pace == Pace::Ahead { 24 } else { 1 };
    let told = virtually(|clock| async move {
        // Out from 30 min 0 s to 31 min 0 s.
        let resources = scripted(&clock, |_, now| match now.0 / 1_000_000_000 {
            1_800..1_860 => Says::Status(503, "192.0.2.10", ms(7)),
            _ => well(ms(20)),
        });
        let watching = Watching::start(&clock, one_service(), resources, pace);
        clock.sleep(secs(hours * 3_600)).await;
        watching.finish().await
    });
    assert_eq!(counted(&told, "web"), hours * 3_600);
    assert!(told.events().len() as u64 <= hours * 60 + 30, "{} events", told.events().len());
    let summed = |event: &Event| matches!(event, Event::SamplesSummed { .. });
    let all = told.all();
    let change = |event: &Event| match event {
        Event::Sampled { last, first, .. } => Some((last.clone(), first.clone())),
        _ => None,
    };
    let changes: Vec<_> = all.iter().filter_map(|(_, event)| change(event)).collect();
    let [_, (Some(last_well), first_bad), (Some(last_bad), first_well)] = &changes[..] else {
        panic!("{changes:?}");
    };
    assert_eq!((first_bad.tick, first_well.tick), (last_well.tick + 1, last_bad.tick + 1));
    assert!(last_well.is_healthy() && first_well.is_healthy() && !last_bad.is_healthy());
    // Unchanged ones at most every 10 s, but for the one before each change.
    let times: Vec<Moment> = all.iter().filter(|(_, event)| summed(event)).map(|(at, _)| *at).collect();
    let close = times.windows(2).filter(|two| two[1].since(two[0]) < secs(10)).count();
    assert!(close <= 3, "{close} summaries came too early");
    assert!(times.windows(2).all(|two| two[1].since(two[0]) <= secs(61)));
}

#[rstest]
fn the_board_follows_and_wakes_who_waits(#[values(Pace::Plain, Pace::Ahead)] pace: Pace) {
    virtually(|clock| async move {
        let resources = scripted(&clock, |_, now| match now.0 / 1_000_000_000 {
            20..30 => Says::Status(503, "192.0.2.10", ms(7)),
            30..40 => Says::Status(200, "198.51.100.10", ms(7)),
            _ => well(ms(20)),
        });
        let watching = Watching::start(&clock, one_service(), resources, pace);
        let (health, cx) = (watching.watch.health(), context(&clock));
        let web = ServiceId::new("web").unwrap();
        let mut seen = Vec::new();
        while seen.len() < 5 {
            health.changed(&cx).await;
            let now = health.service(&cx, &web).await;
            seen.push((clock.now().0 / 1_000_000_000, now.state, now.served_by));
        }
        let expected = [
            (0, HealthState::Unknown, Some(P)),
            (2, HealthState::Healthy, Some(P)),
            (21, HealthState::Unhealthy, Some(P)),
            (30, HealthState::Unhealthy, Some(S)),
            (32, HealthState::Healthy, Some(S)),
        ];
        assert_eq!(seen, expected);
        watching.finish().await;
    });
}

#[rstest]
fn after_a_switch_only_the_active_region_ends_an_outage(#[values(Pace::Plain, Pace::Ahead)] pace: Pace) {
    virtually(|clock| async move {
        let resources = scripted(&clock, |_, now| match now.0 / 1_000_000_000 {
            20..30 => Says::Status(503, "192.0.2.10", ms(7)),
            50.. => Says::Status(200, "198.51.100.10", ms(7)),
            _ => well(ms(20)),
        });
        let watching = Watching::start(&clock, one_service(), resources, pace);
        let (health, cx) = (watching.watch.health(), context(&clock));
        let web = ServiceId::new("web").unwrap();
        clock.sleep(secs(25)).await;
        watching.watch.switching(&[id("code")], S, &Before::new());
        watching.watch.serves(&[id("code")], Some(S));
        clock.sleep(secs(24)).await;
        assert_eq!(health.service(&cx, &web).await.state, HealthState::Unhealthy, "the old region answers");
        clock.sleep(secs(5)).await;
        assert_eq!(health.service(&cx, &web).await.state, HealthState::Healthy);
        watching.finish().await;
    });
}

#[rstest]
fn what_fails_with_the_witness_is_unknown(#[values(Pace::Plain, Pace::Ahead)] pace: Pace) {
    virtually(|clock| async move {
        let resources = scripted(&clock, |_, now| match now.0 / 1_000_000_000 {
            20..40 => Says::Silence,
            _ => well(ms(20)),
        });
        let watching = Watching::start(&clock, with_witness(), resources, pace);
        let (health, cx) = (watching.watch.health(), context(&clock));
        let web = ServiceId::new("web").unwrap();
        let mut states = Vec::new();
        for _ in 0..50 {
            clock.sleep(secs(1)).await;
            states.push(health.service(&cx, &web).await.state);
        }
        assert!(!states.contains(&HealthState::Unhealthy), "{states:?}");
        assert_eq!(
            (states[15], states[30], states[49]),
            (HealthState::Healthy, HealthState::Unknown, HealthState::Healthy)
        );
        // The witness's own samples are there, so that who reads the journal finds the same.
        let told = watching.finish().await;
        let of_witness = |event: &Event| matches!(event, Event::Sampled { probe, .. } if *probe == probe_id("witness"));
        assert_eq!(told.events().iter().filter(|event| of_witness(event)).count(), 3);
    });
}
