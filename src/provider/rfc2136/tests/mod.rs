//! Against real name servers: what is changed, what is refused and how that is told, what is put back.

mod knot;

use std::path::PathBuf;

use super::*;
use crate::catalogue::Period;
use crate::id::{RegionRole, RunId};
use crate::infrastructure::real::rfc2136::Key;
use crate::infrastructure::simulate::PerRegion;
use crate::resource::{Actor, Cancellation, Errand};
use crate::secret::SecretSource;
use crate::time::{Clock, run_real};
use knot::{Pair, SECRET, Secondary};

const P: RegionRole = RegionRole::Primary;
const S: RegionRole = RegionRole::Secondary;

fn context(clock: &Clock) -> Context {
    context_of(clock, "20261122-084216-drill", 1)
}

fn context_of(clock: &Clock, run: &str, fencing: u64) -> Context {
    Context {
        run: RunId::new(run).unwrap(),
        actor: Actor::Muster,
        attempt: 1,
        errand: Errand::Do,
        clock: clock.clone(),
        fencing,
        cancel: Cancellation::default(),
    }
}

/// `code.lab.test`, A, by the servers that NS records name.
fn settings(pair: &Pair) -> Settings {
    let values = |value: &str| vec![value.to_owned()];
    Settings {
        name: "code.lab.test".into(),
        record_type: RecordType::A,
        ttl: None,
        zone: "lab.test".into(),
        server: pair.address().parse().unwrap(),
        key: Key {
            name: "muster".into(),
            algorithm: Algorithm::HmacSha256,
            secret: SecretSource::File(pair.key_file(&format!("{SECRET}\n"))),
        },
        authoritative: Vec::new(),
        resolvers: Vec::new(),
        targets: PerRegion { primary: values("192.0.2.1"), secondary: values("198.51.100.1") },
    }
}

fn provider(pair: &Pair, settings: Settings) -> Rfc2136 {
    let mut shared = Arc::into_inner(Rfc2136::new(settings, Redactor::default()).unwrap().0).unwrap();
    shared.ns_port = pair.port;
    shared.agree_within = Span::from_secs(1);
    Rfc2136(Arc::new(shared))
}

/// What every server answers, once all are `region`'s at the new serial; a hang ends the test.
async fn settled(dns: &Rfc2136, cx: &Context, region: RegionRole) -> Vec<ServerAnswer> {
    for _ in 0..200 {
        let answers = dns.authoritative(cx).await.unwrap();
        if answers.iter().all(|answer| answer.gives(region)) {
            return answers;
        }
        cx.clock.sleep(Span::from_millis(50)).await;
    }
    panic!("never all {region}: {:?}", dns.authoritative(cx).await);
}

async fn switch(dns: &Rfc2136, cx: &Context, to: RegionRole) -> Result<RecordSet, ProviderError> {
    let before = dns.observe(cx).await?.record;
    dns.change(cx, &before, &dns.target(to, &before)).await?;
    Ok(before)
}

#[test]
fn a_switch_reaches_every_server_at_the_new_serial_and_undo_restores_values_and_ttl_needs_knot() {
    switched_and_back(|settings| settings);
}

#[test]
fn a_switch_is_signed_with_the_longest_hash_too_needs_knot() {
    switched_and_back(|settings| {
        let key = Key { name: "muster-512".into(), algorithm: Algorithm::HmacSha512, ..settings.key };
        Settings { key, ..settings }
    });
}

fn switched_and_back(with: impl FnOnce(Settings) -> Settings) {
    let pair = Pair::start("code 5 A 192.0.2.1", Secondary::Notified);
    let settings = with(settings(&pair));
    run_real(|clock| async move {
        let (dns, cx) = (provider(&pair, settings), context(&clock));
        let before = dns.observe(&cx).await.unwrap();
        assert_eq!((before.serves, before.record.ttl), (Some(P), Span::from_secs(5)));
        let to = dns.target(S, &before.record);
        dns.change(&cx, &before.record, &to).await.unwrap();
        let answers = settled(&dns, &cx, S).await;
        let names: Vec<&str> = answers.iter().map(|answer| answer.server.as_str()).collect();
        assert_eq!(names, ["ns1.lab.test", "ns2.lab.test"], "as the NS records have them");
        assert!(answers.iter().all(|answer| answer.serial.unwrap().has >= 2), "{answers:?}");
        assert_eq!(pair.dig("127.0.0.2", "code.lab.test", "A"), ["5 198.51.100.1"]);
        dns.change(&cx, &to, &before.record).await.unwrap();
        settled(&dns, &cx, P).await;
        assert_eq!(pair.dig("127.0.0.1", "code.lab.test", "A"), ["5 192.0.2.1"]);
        assert_eq!(pair.dig("127.0.0.2", "code.lab.test", "A"), ["5 192.0.2.1"]);
    })
    .unwrap();
}

#[test]
fn a_server_that_keeps_the_old_version_does_not_count_even_where_its_values_are_right_needs_knot() {
    let pair = Pair::start("code 5 A 192.0.2.1", Secondary::Stuck);
    run_real(|clock| async move {
        let (dns, cx) = (provider(&pair, settings(&pair)), context(&clock));
        let before = switch(&dns, &cx, S).await.unwrap();
        let answers = dns.authoritative(&cx).await.unwrap();
        let given: Vec<bool> = answers.iter().map(|answer| answer.gives(S)).collect();
        assert_eq!(given, [true, false], "{answers:?}");
        // Back again: the stuck server has the right values, of the version before the first change.
        let to = dns.target(S, &before);
        dns.change(&cx, &to, &before).await.unwrap();
        let answers = dns.authoritative(&cx).await.unwrap();
        assert_eq!(answers[1].serves, Some(P));
        assert!(!answers[1].gives(P), "{:?}", answers[1]);
        let told = dns.ready(&cx).await.unwrap_err().to_string();
        assert!(told.contains("do not agree: ns2.lab.test answers 192.0.2.1 (serial 1)"), "{told}");
    })
    .unwrap();
}

#[test]
fn sets_of_several_values_and_ipv6_and_aliases_are_switched_whole_needs_knot() {
    let pair = Pair::start(
        "code 5 A 192.0.2.1\ncode 5 A 192.0.2.2\nsix 7 AAAA 2001:db8::1\nwww 9 CNAME a.lab.test.",
        Secondary::Notified,
    );
    run_real(|clock| async move {
        let cx = context(&clock);
        for (name, record_type, here, there) in [
            ("code.lab.test", RecordType::A, vec!["192.0.2.2", "192.0.2.1"], vec!["198.51.100.2", "198.51.100.1"]),
            ("SIX.lab.test.", RecordType::Aaaa, vec!["2001:DB8:0::1"], vec!["2001:db8::2"]),
            ("www.lab.test", RecordType::Cname, vec!["A.lab.test."], vec!["b.lab.test"]),
        ] {
            let texts = |values: Vec<&str>| values.into_iter().map(str::to_owned).collect();
            let targets = PerRegion { primary: texts(here), secondary: texts(there) };
            let dns = provider(&pair, Settings { name: name.into(), record_type, targets, ..settings(&pair) });
            let kind = record_type.to_string();
            let was = pair.dig("127.0.0.1", name, &kind);
            assert_eq!(dns.observe(&cx).await.unwrap().serves, Some(P), "{name}");
            let before = switch(&dns, &cx, S).await.unwrap();
            settled(&dns, &cx, S).await;
            assert_ne!(pair.dig("127.0.0.2", name, &kind), was);
            dns.change(&cx, &dns.target(S, &before), &before).await.unwrap();
            settled(&dns, &cx, P).await;
            assert_eq!(pair.dig("127.0.0.2", name, &kind), was, "{name}");
        }
    })
    .unwrap();
}

#[test]
fn a_set_with_values_of_both_regions_or_with_a_part_of_one_is_nobodys_needs_knot() {
    let pair = Pair::start("code 5 A 192.0.2.1\ncode 5 A 198.51.100.1\nhalf 5 A 192.0.2.1", Secondary::Notified);
    run_real(|clock| async move {
        let cx = context(&clock);
        let dns = provider(&pair, settings(&pair));
        let before = dns.observe(&cx).await.unwrap();
        assert_eq!(before.serves, None, "weighted between both");
        switch(&dns, &cx, S).await.unwrap();
        settled(&dns, &cx, S).await;
        dns.change(&cx, &dns.target(S, &before.record), &before.record).await.unwrap();
        assert_eq!(pair.dig("127.0.0.1", "code.lab.test", "A"), ["5 192.0.2.1", "5 198.51.100.1"]);
        let two = vec!["192.0.2.1".to_owned(), "192.0.2.2".to_owned()];
        let targets = PerRegion { primary: two, secondary: vec!["198.51.100.1".into()] };
        let half = provider(&pair, Settings { name: "half.lab.test".into(), targets, ..settings(&pair) });
        assert_eq!(half.observe(&cx).await.unwrap().serves, None, "a part of the primary's");
    })
    .unwrap();
}

#[test]
fn a_record_that_is_not_there_is_made_and_taken_away_again_needs_knot() {
    let pair = Pair::start("other 5 A 192.0.2.1", Secondary::Notified);
    run_real(|clock| async move {
        let (dns, cx) =
            (provider(&pair, Settings { ttl: Some(Period(Span::from_secs(8))), ..settings(&pair) }), context(&clock));
        let before = switch(&dns, &cx, S).await.unwrap();
        assert_eq!(before.values, Vec::<String>::new());
        assert_eq!(pair.dig("127.0.0.1", "code.lab.test", "A"), ["8 198.51.100.1"]);
        dns.change(&cx, &dns.target(S, &before), &before).await.unwrap();
        assert_eq!(pair.dig("127.0.0.1", "code.lab.test", "A"), Vec::<String>::new());
    })
    .unwrap();
}

#[test]
fn what_somebody_else_changed_meanwhile_is_never_overwritten_needs_knot() {
    let pair = Pair::start("code 5 A 192.0.2.1", Secondary::Notified);
    run_real(|clock| async move {
        let (dns, cx) = (provider(&pair, settings(&pair)), context(&clock));
        let before = dns.observe(&cx).await.unwrap().record;
        pair.by_hand("update delete code.lab.test. A\nupdate add code.lab.test. 5 A 203.0.113.9");
        let changed = dns.change(&cx, &before, &dns.target(S, &before)).await.unwrap_err();
        assert_eq!(changed, ProviderError::Changed("code.lab.test is 203.0.113.9 (TTL 5 s) now".into()));
        // And where nobody looked first: the server itself judges (NXRRSet).
        let guard = Guard { data: Vec::new(), marker: None };
        let verdict = dns.0.replace(&cx, &before, &dns.target(S, &before), &guard).await.unwrap();
        assert_eq!(verdict, Verdict::Unmet(hickory_proto::op::ResponseCode::NXRRSet));
        assert_eq!(pair.dig("127.0.0.1", "code.lab.test", "A"), ["5 203.0.113.9"]);
        // A record that was not there and is now: YXRRSet.
        let nothing = RecordSet { values: Vec::new(), ttl: Span::ZERO, ..before };
        let verdict = dns.0.replace(&cx, &nothing, &dns.target(S, &nothing), &guard).await.unwrap();
        assert_eq!(verdict, Verdict::Unmet(hickory_proto::op::ResponseCode::YXRRSet));
        // Another TTL is a change too.
        let now = dns.observe(&cx).await.unwrap().record;
        pair.by_hand("update delete code.lab.test. A\nupdate add code.lab.test. 6 A 203.0.113.9");
        assert!(matches!(dns.change(&cx, &now, &dns.target(S, &now)).await, Err(ProviderError::Changed(_))));
    })
    .unwrap();
}

#[test]
fn each_refusal_of_a_key_is_told_apart_and_changes_nothing_needs_knot() {
    let pair = Pair::start("code 5 A 192.0.2.1", Secondary::Notified);
    run_real(|clock| async move {
        let cx = context(&clock);
        let key = |name: &str, algorithm, secret: &str, file: &str| {
            let path: PathBuf = pair.folder().join(file);
            std::fs::write(&path, secret).unwrap();
            Key { name: name.into(), algorithm, secret: SecretSource::File(path) }
        };
        let wrong = "YW5vdGhlciBzZWNyZXQsIGFzIGxvbmcgYXMgdGhlIG90aGVyIQ==";
        for (key, told) in [
            (
                key("nobody", Algorithm::HmacSha256, SECRET, "a"),
                "does not know the key `nobody` with hmac-sha256 (BADKEY)",
            ),
            (
                key("muster", Algorithm::HmacSha512, SECRET, "b"),
                "does not know the key `muster` with hmac-sha512 (BADKEY)",
            ),
            (key("muster", Algorithm::HmacSha256, wrong, "c"), "finds the signature wrong (BADSIG)"),
            (key("reader", Algorithm::HmacSha256, SECRET, "d"), "nothing was changed"),
            (key("muster", Algorithm::HmacSha256, "no base64!", "e"), "is not base64"),
        ] {
            let name = key.name.clone();
            let dns = provider(&pair, Settings { key, ..settings(&pair) });
            for error in [switch(&dns, &cx, S).await.unwrap_err(), dns.ready(&cx).await.unwrap_err()] {
                assert!(matches!(error, ProviderError::Refused(_)), "{name}: {error:?}");
                let text = error.to_string();
                assert!(text.to_lowercase().contains(&told.to_lowercase()), "{name}: {text}");
            }
        }
        let mut late = provider(&pair, settings(&pair));
        Arc::get_mut(&mut late.0).unwrap().skew = -3600;
        let told = switch(&late, &cx, S).await.unwrap_err().to_string();
        assert!(
            told.contains("(BADTIME)")
                && (told.contains("1 h apart, 5 min are allowed") || told.contains("59 min 59 s apart")),
            "{told}"
        );
        let elsewhere = Settings { zone: "test".into(), ..settings(&pair) };
        let told = switch(&provider(&pair, elsewhere), &cx, S).await.unwrap_err().to_string();
        assert!(told.contains("REFUSED") || told.contains("NOTAUTH") || told.contains("not authoritative"), "{told}");
        assert_eq!(pair.dig("127.0.0.1", "code.lab.test", "A"), ["5 192.0.2.1"]);
    })
    .unwrap();
}

#[test]
fn the_trial_of_a_key_changes_nothing_needs_knot() {
    let pair = Pair::start("code 5 A 192.0.2.1", Secondary::Notified);
    run_real(|clock| async move {
        let key = Key { name: "muster-512".into(), algorithm: Algorithm::HmacSha512, ..settings(&pair).key };
        let (dns, cx) = (provider(&pair, Settings { key, ..settings(&pair) }), context(&clock));
        let shown = dns.ready(&cx).await.unwrap();
        let key = ("the key muster-512".to_owned(), format!("accepted by {} (hmac-sha512)", pair.address()));
        let one = |name: &str| (name.to_owned(), "192.0.2.1 (serial 1)".to_owned());
        assert_eq!(shown, [one("ns1.lab.test"), one("ns2.lab.test"), key]);
        assert_eq!(dns.0.at_primary(&cx).await.unwrap().serial, 1, "the zone is of the version that it was");
    })
    .unwrap();
}

#[test]
fn of_two_runs_one_marks_the_record_and_the_other_cannot_change_it_needs_knot() {
    let pair = Pair::start("code 5 A 192.0.2.1", Secondary::Notified);
    run_real(|clock| async move {
        let dns = provider(&pair, settings(&pair));
        let ours = context(&clock);
        let theirs = context_of(&clock, "20261122-084300-other", 1);
        let marker = |cx: &Context| Marker::of_test(cx.run.as_str(), cx.fencing);
        assert_eq!(dns.claim(&ours, &marker(&ours), None).await, Ok(Claimed::Ours));
        assert_eq!(pair.dig("127.0.0.1", "_muster.code.lab.test", "TXT").len(), 1);
        assert_eq!(dns.claim(&theirs, &marker(&theirs), None).await, Ok(Claimed::Taken(marker(&ours))));
        let told = switch(&dns, &theirs, S).await.unwrap_err().to_string();
        assert!(
            told.contains("the run 20261122-084216-drill has it since 2026-11-22T08:42:16Z (ops at bastion-1)"),
            "{told}"
        );
        // Whom nobody told of the mark is stopped by the server.
        let before = dns.observe(&theirs).await.unwrap().record;
        let blind = Guard { data: Vec::new(), marker: None };
        let verdict = dns.0.replace(&theirs, &before, &dns.target(S, &before), &blind).await.unwrap();
        assert_eq!(verdict, Verdict::Unmet(hickory_proto::op::ResponseCode::YXRRSet));
        // Our own later process may; our earlier one no longer.
        let later = context_of(&clock, ours.run.as_str(), 2);
        assert_eq!(dns.claim(&later, &marker(&later), None).await, Ok(Claimed::Ours));
        assert!(switch(&dns, &ours, S).await.is_err());
        switch(&dns, &later, S).await.unwrap();
        dns.release(&theirs, &marker(&theirs)).await.unwrap();
        assert_eq!(pair.dig("127.0.0.1", "_muster.code.lab.test", "TXT").len(), 1, "another one's mark stands");
        assert_eq!(dns.claim(&theirs, &marker(&theirs), Some(&marker(&later))).await, Ok(Claimed::Ours), "passed over");
        dns.release(&theirs, &marker(&theirs)).await.unwrap();
        assert_eq!(pair.dig("127.0.0.1", "_muster.code.lab.test", "TXT"), Vec::<String>::new());
        switch(&dns, &later, P).await.unwrap();
    })
    .unwrap();
}

#[test]
fn many_values_come_back_whole_though_they_fit_no_datagram_needs_knot() {
    // 100 aliases of addresses would do; 40 long ones of IPv6 are over 1,232 bytes.
    let records: String = (1..=60).fold(String::new(), |all, n| all + &format!("code 5 AAAA 2001:db8::{n:x}\n"));
    let pair = Pair::start(&records, Secondary::Notified);
    run_real(|clock| async move {
        let all = (1..=60).map(|n| format!("2001:db8::{n:x}")).collect();
        let targets = PerRegion { primary: all, secondary: vec!["2001:db8:1::1".into()] };
        let dns = provider(&pair, Settings { record_type: RecordType::Aaaa, targets, ..settings(&pair) });
        let cx = context(&clock);
        let before = switch(&dns, &cx, S).await.unwrap();
        assert_eq!(before.values.len(), 60);
        settled(&dns, &cx, S).await;
        dns.change(&cx, &dns.target(S, &before), &before).await.unwrap();
        assert_eq!(settled(&dns, &cx, P).await[1].values.as_ref().unwrap().len(), 60);
    })
    .unwrap();
}

#[test]
fn a_resolver_keeps_the_old_answer_until_its_ttl_has_run_out_needs_knot_needs_unbound() {
    let pair = Pair::start("code 3 A 192.0.2.1", Secondary::Notified);
    let unbound = pair.unbound();
    run_real(|clock| async move {
        let resolvers = vec![format!("127.0.0.1:{}", unbound.port).parse().unwrap()];
        let (dns, cx) = (provider(&pair, Settings { resolvers, ..settings(&pair) }), context(&clock));
        let kept = dns.resolvers(&cx).await.unwrap();
        assert_eq!((kept[0].serves, kept[0].serial), (Some(P), None));
        assert!(kept[0].ttl <= Span::from_secs(3), "{kept:?}");
        let asked = clock.now();
        switch(&dns, &cx, S).await.unwrap();
        settled(&dns, &cx, S).await;
        let now = dns.resolvers(&cx).await.unwrap();
        // Unless the machine was so slow that the cache ran out in between.
        assert!(now[0].serves == Some(P) || clock.now().since(asked) >= Span::from_secs(2), "{now:?}");
        for _ in 0..200 {
            if dns.resolvers(&cx).await.unwrap()[0].gives(S) {
                return;
            }
            clock.sleep(Span::from_millis(50)).await;
        }
        panic!("the resolver never gave the new answer");
    })
    .unwrap();
}

#[test]
fn a_name_server_that_is_not_there_is_named() {
    run_real(|clock| async move {
        let folder = tempfile::TempDir::new().unwrap();
        let free = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let file = folder.path().join("secret");
        std::fs::write(&file, SECRET).unwrap();
        let value = |text: &str| vec![text.to_owned()];
        let settings = Settings {
            name: "code.lab.test".into(),
            record_type: RecordType::A,
            ttl: None,
            zone: "lab.test".into(),
            server: free.to_string().parse().unwrap(),
            key: Key { name: "muster".into(), algorithm: Algorithm::HmacSha256, secret: SecretSource::File(file) },
            authoritative: Vec::new(),
            resolvers: Vec::new(),
            targets: PerRegion { primary: value("192.0.2.1"), secondary: value("192.0.2.2") },
        };
        let dns = Rfc2136::new(settings, Redactor::default()).unwrap();
        let told = dns.observe(&context(&clock)).await.unwrap_err().to_string();
        assert_eq!(told, format!("the name server {free} (connection refused): no answer"));
    })
    .unwrap();
}
