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
        let marker = |cx: &Context| Marker::of_test(cx.run.as_str(), cx.fencing);
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

/// A program that gives each time the answer that is laid down for it, and keeps what it was asked.
struct Laid {
    folder: TempDir,
    program: Exec,
}

impl Laid {
    fn new(kind: ResourceKind) -> Self {
        let folder = TempDir::new().unwrap();
        let at = folder.path().display();
        let script = format!("cat >'{at}/heard'; cat '{at}/answer'");
        let mut settings = json!({ "command": ["/bin/sh", "-c", script], "timeout": "20s" });
        if kind == ResourceKind::Dns {
            settings["name"] = "code.example.test".into();
            settings["targets"] = json!({ "primary": ["192.0.2.10"], "secondary": ["198.51.100.10"] });
        }
        let program = exec(kind, "it", settings);
        Self { folder, program }
    }

    fn says(&self, answer: &Value) -> &Exec {
        std::fs::write(self.folder.path().join("answer"), json!({ "ok": answer }).to_string()).unwrap();
        &self.program
    }

    /// The last call: what it was, and its arguments.
    fn heard(&self) -> Value {
        let heard: Value =
            serde_json::from_str(&std::fs::read_to_string(self.folder.path().join("heard")).unwrap()).unwrap();
        json!([heard["call"], heard["act"], heard["args"]])
    }
}

#[test]
fn every_act_of_a_database_and_a_storage_is_asked_for_as_the_page_says_and_its_answer_is_taken() {
    run_real(|clock| async move {
        let cx = context(&clock, "20261122-084216-drill");
        let in_s = json!({ "region": "secondary" });
        for kind in [ResourceKind::Database, ResourceKind::Storage] {
            let laid = Laid::new(kind);
            let it = |answer: Value| laid.says(&answer) as &dyn Database;
            let proof =
                json!({ "position": 7, "old_session": "it was ended", "new_session": null, "sessions_ended": 3 });
            let fenced = it(proof).fence(&cx, S).await.unwrap();
            assert_eq!(
                (fenced.position, fenced.old_session.as_deref(), fenced.sessions_ended),
                (7, Some("it was ended"), 3)
            );
            assert_eq!((fenced.new_session, laid.heard()), (None, json!(["apply", "fence", in_s])));
            it(Value::Null).unfence(&cx, S).await.unwrap();
            assert_eq!(laid.heard(), json!(["undo", "fence", in_s]));
            it(Value::Null).promote(&cx, S).await.unwrap();
            assert_eq!(laid.heard(), json!(["apply", "promote", in_s]));
            it(Value::Null).replicate(&cx, S, P).await.unwrap();
            assert_eq!(laid.heard(), json!(["apply", "replicate", { "from": "secondary", "to": "primary" }]));
            assert_eq!(it(json!({ "refused": "fenced" })).write(&cx, S).await, WriteAttempt::Refused("fenced".into()));
            assert_eq!(laid.heard(), json!(["apply", "write", in_s]));
            let row = CanaryRow { number: 41, sent: crate::time::Moment(9) };
            assert_eq!(it(json!("acknowledged")).write_canary(&cx, S, row).await, WriteAttempt::Acknowledged);
            let args = json!({ "region": "secondary", "number": 41, "sent_ns": 9 });
            assert_eq!(laid.heard(), json!(["apply", "write_canary", args]));
            let rows = it(json!({ "ranges": [[0, 41], [43, 50]] })).canary_rows(&cx, S).await.unwrap();
            assert_eq!((rows.ranges, laid.heard()), (vec![(0, 41), (43, 50)], json!(["ask", "canary_rows", in_s])));
            it(Value::Null).prepare_canary(&cx).await.unwrap();
            assert_eq!(laid.heard(), json!(["apply", "canary", {}]));
            it(Value::Null).remove_canary(&cx).await.unwrap();
            assert_eq!(laid.heard(), json!(["undo", "canary", {}]));
            let kept = json!({ "location": "/kept/1", "what": "rows", "only_here": 3 });
            let kept = it(kept).preserve(&cx, S).await.unwrap();
            assert_eq!((kept.location.as_str(), kept.only_here), ("/kept/1", Some(3)));
            assert_eq!(laid.heard(), json!(["apply", "preserve", in_s]));
        }
        let laid = Laid::new(ResourceKind::Storage);
        let report = json!({ "repositories": 9, "missing": 0, "behind": 1, "diverged": 0, "checked": 3, "damaged": 0,
            "oldest_missing": "4s" });
        let report = Storage::verify(laid.says(&report), &cx, S).await.unwrap();
        assert_eq!((report.repositories, report.behind, report.oldest_missing), (9, 1, Span::from_secs(4)));
        assert_eq!(laid.heard(), json!(["ask", "verify", in_s]));
    })
    .unwrap();
}

#[test]
fn every_act_of_backups_regions_and_names_is_asked_for_as_the_page_says_and_its_answer_is_taken() {
    run_real(|clock| async move {
        let cx = context(&clock, "20261122-084216-drill");
        let laid = Laid::new(ResourceKind::Backup);
        let came = json!({ "scratch": "copy-1", "newest_age": "40s", "checked": 12, "damaged": 0,
            "rows": { "expected": 9, "back": 9, "after": 0 } });
        let point = RestorePoint::Ago(Span::from_secs(3600));
        let restored = laid.says(&came).restore(&cx, S, point).await.unwrap();
        assert_eq!((restored.scratch.as_str(), restored.rows.unwrap().expected), ("copy-1", Some(9)));
        assert_eq!(laid.heard(), json!(["apply", "restore", { "region": "secondary", "point": { "ago": "1h" } }]));
        let plain = json!({ "scratch": "copy-2", "newest_age": "0s", "checked": 1, "damaged": 0 });
        assert_eq!(laid.says(&plain).restore(&cx, S, RestorePoint::Latest).await.unwrap().rows, None);
        assert_eq!(laid.heard()[2]["point"], "latest");
        assert_eq!(laid.says(&json!(["copy-1"])).scratches(&cx).await.unwrap(), ["copy-1"]);
        assert_eq!(laid.heard(), json!(["ask", "scratches", {}]));
        laid.says(&Value::Null).discard(&cx, "copy-1").await.unwrap();
        assert_eq!(laid.heard(), json!(["undo", "restore", { "scratch": "copy-1" }]));

        let laid = Laid::new(ResourceKind::Region);
        let cut = RegionState::cut_off_from([crate::resource::Party::Users].into());
        laid.says(&Value::Null).set_isolation(&cx, &cut).await.unwrap();
        assert_eq!(laid.heard(), json!(["apply", "isolate", { "isolated_from": ["users"] }]));
        laid.says(&Value::Null).rejoin_fenced(&cx, &[ResourceId::new("main").unwrap()]).await.unwrap();
        assert_eq!(laid.heard(), json!(["apply", "rejoin", { "fenced": ["main"] }]));
        let seen = laid.says(&json!({ "isolated_from": ["users", "secondary"] }));
        assert_eq!(Region::observe(seen, &cx).await.unwrap().isolated_from.len(), 2);

        let laid = Laid::new(ResourceKind::Dns);
        let said = json!([{ "server": "r1", "values": ["198.51.100.10"], "ttl": "42s" }, { "server": "r2", "error": "no answer" }]);
        let answers = laid.says(&said).resolvers(&cx).await.unwrap();
        assert!(answers[0].gives(S) && answers[1].values == Err("no answer".to_owned()), "{answers:?}");
        assert_eq!(laid.heard(), json!(["ask", "resolvers", {}]));
    })
    .unwrap();
}
