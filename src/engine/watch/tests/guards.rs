//! Guardrails: when they break, what they say, and when they say it again.

use rstest::rstest;

use super::rig::*;
use crate::catalogue::{OnFailure, Services};
use crate::engine::watch::Pace;
use crate::event::Event;
use crate::model::{Plan, Watch};

fn broken(told: &Told) -> Vec<(u64, String, String, OnFailure)> {
    let guard = |(at, event)| match event {
        Event::GuardrailBroken { name, seen, then } => {
            let at: crate::time::Moment = at;
            Some((at.0 / 100_000_000, name, seen, then))
        }
        _ => None,
    };
    told.all().into_iter().filter_map(guard).collect()
}

fn plan() -> Plan {
    let web = probe("web", http("https://code.example.test/healthz"), secs(1), secs(3));
    Plan {
        services: vec![service(web, &["code"])],
        guardrails: vec![guardrail(
            "gateway answers",
            Watch::Probe(probe("gateway", tcp("gateway.west", 22), secs(2), secs(1))),
            secs(10),
        )],
        ..empty_plan()
    }
}

fn run(pace: Pace, plan: Plan, script: impl Fn(&str, u64) -> bool + Send + Sync + 'static) -> Told {
    virtually(|clock| async move {
        let resources = scripted(&clock, move |host, now| {
            let well = script(host, now.0 / 1_000_000_000);
            if well { Says::Status(200, "192.0.2.10", ms(5)) } else { Says::Silence }
        });
        let watching = Watching::start(&clock, plan, resources, pace);
        clock.sleep(secs(200)).await;
        watching.finish().await
    })
}

#[rstest]
fn a_probe_breaks_it_once_each_time(#[values(Pace::Plain, Pace::Ahead)] pace: Pace) {
    let down = |host: &str, secs| host == "gateway.west" && matches!(secs, 20..50 | 60..65 | 100..130);
    let told = broken(&run(pace, plan(), move |host, secs| !down(host, secs)));
    assert_eq!(told.len(), 2, "{told:?}");
    // The last good sample was sent in the 18th second, the next but one of two: ten seconds later it is broken.
    assert!((280..=300).contains(&told[0].0) && (1080..=1100).contains(&told[1].0), "{told:?}");
    assert_eq!((told[0].1.as_str(), told[0].3), ("gateway answers", OnFailure::Pause));
    assert_eq!(told[0].2, "gateway has been down for 10s: no answer within 1s");
}

#[rstest]
fn a_short_failure_breaks_nothing(#[values(Pace::Plain, Pace::Ahead)] pace: Pace) {
    let told = run(pace, plan(), |host, secs| !(host == "gateway.west" && (20..26).contains(&secs)));
    assert_eq!(broken(&told), []);
}

#[rstest]
fn an_outage_that_is_too_long_breaks_the_limit(#[values(Pace::Plain, Pace::Ahead)] pace: Pace) {
    let outage_of = Watch::OutageOf(Services::All);
    let limited = Plan {
        outage_limit: Some(secs(60)),
        guardrails: vec![guardrail("users are out", outage_of, secs(30))],
        ..plan()
    };
    let told = broken(&run(pace, limited, |host, secs| host != "code.example.test" || secs < 50));
    let names: Vec<_> = told.iter().map(|it| (it.0 / 10, it.1.as_str())).collect();
    assert_eq!(names, [(79, "users are out"), (109, "outage limit")]);
    assert!(told[1].2.starts_with("web has been down for 1m"), "{told:?}");
}

#[rstest]
fn with_the_witness_down_muster_is_the_one_cut_off(#[values(Pace::Plain, Pace::Ahead)] pace: Pace) {
    let witness = Some(probe("witness", tcp("status.example.net", 443), secs(2), secs(1)));
    // Everything is silent for a while; the gateway stays so.
    let script = |host: &str, secs| secs < 20 || (secs >= 80 && host != "gateway.west");
    let told = broken(&run(pace, Plan { witness, ..plan() }, script));
    let names: Vec<_> = told.iter().map(|it| (it.0, it.1.as_str(), it.3)).collect();
    let [(early, "witness", OnFailure::Pause), (late, "gateway answers", OnFailure::Pause)] = names[..] else {
        panic!("{told:?}");
    };
    // As soon as the witness is known to be down, for no outage is seen of what fails with it.
    assert!((200..=260).contains(&early), "{told:?}");
    assert_eq!(told[0].2, "gateway fails, but the witness does not answer either: Muster is the one that is cut off");
    // The probes' samples were unknown meanwhile, so the gateway's outage begins when the witness is back.
    assert!(late >= 800, "{told:?}");
}

#[rstest]
fn a_witness_that_fails_alone_says_nothing(#[values(Pace::Plain, Pace::Ahead)] pace: Pace) {
    let witness = Some(probe("witness", tcp("status.example.net", 443), secs(2), secs(1)));
    let alone = |host: &str, secs| host != "status.example.net" || !(20..80).contains(&secs);
    assert_eq!(broken(&run(pace, Plan { witness: witness.clone(), ..plan() }, alone)), []);
    // What fails later, while it is down, is what it was there for; and without any guardrail too.
    let later =
        move |host: &str, secs| alone(host, secs) && (host == "status.example.net" || !(50..55).contains(&secs));
    let told = broken(&run(pace, Plan { witness, guardrails: Vec::new(), ..plan() }, later));
    let [(at, witness, _, then)] = &told[..] else { panic!("{told:?}") };
    assert_eq!((witness.as_str(), *then), ("witness", OnFailure::Pause));
    assert!((500..=540).contains(at), "{told:?}");
}

#[rstest]
fn an_outage_that_lasts_into_the_witness_s_own_is_told_as_its(#[values(Pace::Plain, Pace::Ahead)] pace: Pace) {
    let witness = Some(probe("witness", tcp("status.example.net", 443), secs(2), secs(1)));
    let script = |host: &str, secs| secs < 20 || (host == "status.example.net" && !(26..40).contains(&secs));
    let told = broken(&run(pace, Plan { witness, ..plan() }, script));
    let names: Vec<_> = told.iter().map(|it| (it.0, it.1.as_str(), it.3)).collect();
    let [(early, "witness", OnFailure::Pause), (late, "gateway answers", OnFailure::Pause)] = names[..] else {
        panic!("{told:?}");
    };
    assert!((260..=300).contains(&early) && (400..=430).contains(&late), "{told:?}");
    assert!(told[0].2.contains("Muster is the one that is cut off"), "{told:?}");
}
