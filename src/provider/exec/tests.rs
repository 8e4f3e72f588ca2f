//! With real programs: the example that is shipped, and shell scripts that break the protocol.

use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::id::RunId;
use crate::provider::process::RealProcesses;
use crate::resource::{Actor, Cancellation, Errand};
use crate::time::{Clock, run_real};

const P: RegionRole = RegionRole::Primary;
const S: RegionRole = RegionRole::Secondary;

fn context(clock: &Clock, run: &str) -> Context {
    Context {
        run: RunId::new(run).unwrap(),
        actor: Actor::Muster,
        attempt: 1,
        errand: Errand::Do,
        clock: clock.clone(),
        fencing: 1,
        cancel: Cancellation::default(),
    }
}

fn exec(kind: ResourceKind, resource: &str, settings: Value) -> Exec {
    let settings = serde_json::from_value(settings).unwrap();
    Exec::new(kind, resource.into(), settings, Arc::new(RealProcesses::default()), Redactor::default())
}

/// A script that answers as it says, whatever it is asked.
fn scripted(kind: ResourceKind, script: &str) -> Exec {
    exec(kind, "it", json!({ "command": ["/bin/sh", "-c", script], "timeout": "20s" }))
}

fn example(kind: ResourceKind, resource: &str, folder: &Path) -> Exec {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/exec-provider.py");
    let mut settings =
        json!({ "command": ["python3", program], "folder": folder, "settings": { "file": "world.json" } });
    if kind == ResourceKind::Dns {
        settings["name"] = "code.example.test".into();
        settings["targets"] = json!({ "primary": ["192.0.2.10"], "secondary": ["198.51.100.10"] });
    }
    exec(kind, resource, settings)
}

const WORLD: &str = r#"{"code": {"values": ["192.0.2.10"], "ttl": "5s"},
    "web-servers": {"primary": {"desired": 2, "capacity": 4}, "secondary": {"desired": 0, "capacity": 4}}}"#;

#[test]
fn the_shipped_example_switches_a_record_and_puts_it_back_needs_python3() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("world.json"), WORLD).unwrap();
    run_real(|clock| async move {
        let cx = context(&clock, "20261122-084216-drill");
        let dns = example(ResourceKind::Dns, "code", folder.path());
        let before = Dns::observe(&dns, &cx).await.unwrap();
        assert_eq!((before.serves, before.record.ttl), (Some(P), Span::from_secs(5)));
        let to = dns.target(S, &before.record);
        dns.change(&cx, &before.record, &to).await.unwrap();
        assert!(dns.authoritative(&cx).await.unwrap()[0].gives(S));
        let again = dns.change(&cx, &before.record, &to).await.unwrap_err();
        assert_eq!(again, ProviderError::Changed("code is 198.51.100.10 now".into()));
        dns.change(&cx, &to, &before.record).await.unwrap();
        assert_eq!(Dns::observe(&dns, &cx).await.unwrap(), before);
    })
    .unwrap();
}

#[test]
fn the_shipped_example_scales_within_its_room_and_keeps_marks_needs_python3() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("world.json"), WORLD).unwrap();
    run_real(|clock| async move {
        let (ours, theirs) = (context(&clock, "20261122-084216-drill"), context(&clock, "20261122-084300-other"));
        let marker = |cx: &Context| Marker {
            run: cx.run.clone(),
            fencing: 1,
            who: "ops".into(),
            since: "2026-11-22T08:42:16Z".parse().unwrap(),
        };
        let group = example(ResourceKind::Compute, "web-servers", folder.path());
        group.scale(&ours, S, 3).await.unwrap();
        let seen = Compute::observe(&group, &ours).await.unwrap();
        assert_eq!(seen.to_string(), "primary 2 of 2 running, secondary 3 of 3 running");
        let full = group.scale(&ours, S, 5).await.unwrap_err();
        assert_eq!(full, ProviderError::Refused("secondary has room for 4 servers".into()));
        assert_eq!(group.claim(&ours, &marker(&ours), None).await, Ok(Claimed::Ours));
        assert_eq!(group.claim(&theirs, &marker(&theirs), None).await, Ok(Claimed::Taken(marker(&ours))));
        assert!(
            group.scale(&theirs, S, 1).await.unwrap_err().to_string().contains("the run 20261122-084216-drill has")
        );
        group.release(&ours, &marker(&ours)).await.unwrap();
        group.scale(&theirs, S, 1).await.unwrap();
        let storage = example(ResourceKind::Storage, "repositories", folder.path());
        let none = Storage::promote(&storage, &theirs, S).await.unwrap_err();
        assert_eq!(none, ProviderError::Unsupported("no storage lives in a file".into()));
    })
    .unwrap();
}

#[test]
fn the_program_is_told_all_of_the_call() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("heard");
    run_real(|clock| async move {
        let script = format!("cat >'{}'; echo '{{\"ok\": null}}'", file.display());
        let cx = context(&clock, "20261122-084216-drill");
        scripted(ResourceKind::Compute, &script).scale(&cx, S, 3).await.unwrap();
        let heard: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let told = json!({
            "muster": 1, "call": "apply", "act": "scale", "kind": "compute", "resource": "it", "settings": null,
            "args": { "region": "secondary", "servers": 3 }, "run": "20261122-084216-drill", "step": "muster",
            "attempt": 1, "errand": "do", "fencing": 1
        });
        assert_eq!(heard, told);
    })
    .unwrap();
}

#[test]
fn a_broken_protocol_leaves_a_change_in_doubt_and_a_look_without_effect() {
    run_real(|clock| async move {
        let cx = context(&clock, "20261122-084216-drill");
        for (script, told) in [
            ("exit 3", "ended with exit code 3 without an answer"),
            ("echo boom >&2; exit 1", "it wrote to standard error: boom"),
            ("echo hello", "answered with no JSON object"),
            ("echo '{\"okay\": 1}'", "there is no key `okay`"),
            ("echo '{\"ok\": null}'; exit 1", "answered `ok` and ended with exit code 1"),
            ("head -c 2000000 /dev/zero | tr '\\0' ' '", "answered with more than 1 MiB"),
            ("kill -9 $$", "ended by a signal without an answer"),
        ] {
            let program = scripted(ResourceKind::Compute, script);
            let change = program.scale(&cx, S, 1).await.unwrap_err();
            assert!(change.in_doubt() && change.to_string().contains(told), "{script}: {change}");
            assert!(change.to_string().contains("asked to apply scale it"), "{change}");
            let look = Compute::observe(&program, &cx).await.unwrap_err();
            assert!(!look.in_doubt() && look.to_string().contains(told), "{script}: {look}");
        }
        let gone = exec(ResourceKind::Compute, "it", json!({ "command": ["/no/such/program"] }));
        let told = gone.scale(&cx, S, 1).await.unwrap_err();
        assert!(!told.in_doubt() && told.to_string().contains("there is no such program"), "{told}");
        let slow = exec(ResourceKind::Compute, "it", json!({ "command": ["sleep", "600"], "timeout": "100ms" }));
        let told = slow.scale(&cx, S, 1).await.unwrap_err();
        assert!(told.in_doubt() && told.to_string().contains("did not answer within 100 ms and was ended"), "{told}");
    })
    .unwrap();
}

#[test]
fn states_of_every_kind_are_read_with_lengths_of_time_as_people_write_them() {
    run_real(|clock| async move {
        let cx = context(&clock, "20261122-084216-drill");
        let says = |kind, answer: Value| scripted(kind, &format!("cat >/dev/null; echo '{}'", json!({ "ok": answer })));
        let database = says(
            ResourceKind::Database,
            json!({
                "primary": { "unreachable": "connection refused" },
                "secondary": { "role": "replica", "fenced": false, "writable": false, "replicates_from": "primary",
                               "position": 7, "timeline": 1, "lag": "1m30s" },
            }),
        );
        let seen = Database::observe(&database, &cx).await.unwrap();
        assert_eq!(seen.to_string(), "primary unreachable, secondary replica 1 min 30 s behind");
        let half = says(ResourceKind::Database, json!({ "primary": { "unreachable": "x" } }));
        let told = Database::observe(&half, &cx).await.unwrap_err().to_string();
        assert!(told.contains("the region `secondary` is missing"), "{told}");
        let summary =
            json!({ "count": 3, "newest_age": "5m", "oldest_age": "3h", "longest_gap": "1h", "encrypted": 3 });
        let backup = says(ResourceKind::Backup, json!({ "primary": summary, "secondary": summary }));
        assert!(Backup::observe(&backup, &cx).await.unwrap().to_string().contains("3 snapshots, newest 5 min old"));
        let region = says(ResourceKind::Region, json!({ "isolated_from": ["users"] }));
        assert_eq!(Region::observe(&region, &cx).await.unwrap().to_string(), "cut off from users");
        let refused = says(ResourceKind::Storage, json!({ "refused": "read only" }));
        assert_eq!(Storage::write(&refused, &cx, P).await, WriteAttempt::Refused("read only".into()));
        let silent = scripted(ResourceKind::Storage, "exit 1");
        assert!(matches!(Storage::write(&silent, &cx, P).await, WriteAttempt::Unknown(_)));
    })
    .unwrap();
}
