//! Servers and a region that are files in a folder, started, stopped and looked at by real programs.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use tempfile::TempDir;

use super::{CommandedRegion, CommandedServers};
use crate::id::{RegionRole, ResourceId, RunId};
use crate::provider::host::Host;
use crate::provider::process::RealProcesses;
use crate::resource::{
    Actor, Cancellation, Claimed, Compute, ComputeGroup, Context, Exclusive, Marker, Party, ProviderError, Region,
    RegionState, Seen,
};
use crate::time::{Clock, run_real};

fn context(clock: Clock) -> Context {
    Context {
        run: RunId::new("20261122-084216-drill").unwrap(),
        actor: Actor::Muster,
        attempt: 1,
        errand: crate::resource::Errand::default(),
        clock,
        fencing: 1,
        cancel: Cancellation::default(),
    }
}

fn play<F: Future<Output = ()>>(story: impl FnOnce(Context) -> F) {
    run_real(|clock| story(context(clock))).unwrap();
}

fn host() -> Host {
    Host::new(Arc::new(RealProcesses::default()))
}

fn shell(script: &str) -> serde_json::Value {
    json!(["sh", "-c", script, "sh"])
}

/// A server runs while its file is there; starting number 3 fails while `broken` is there.
fn servers(folder: &Path, status: &str) -> CommandedServers {
    let at = folder.display();
    let group = |region: &str| {
        let start = format!(
            "[ {{server}} != 3 ] || [ ! -e {at}/broken ] || {{ echo no room >&2; exit 7; }}; touch {at}/{region}-{{server}}; echo start {{server}} >> {at}/log"
        );
        let stop = format!("rm -f {at}/{region}-{{server}}; echo stop {{server}} >> {at}/log");
        let status = status.replace("REGION", region).replace("AT", &at.to_string());
        json!({ "capacity": 4, "start": shell(&start), "stop": shell(&stop), "status": shell(&status) })
    };
    let settings = json!({ "regions": { "primary": group("primary"), "secondary": group("secondary") } });
    CommandedServers::new(serde_json::from_value(settings).unwrap(), host())
}

const EACH: &str = "test -e AT/REGION-{server}";
const LIST: &str = "cd AT; for s in 4 3 2 1; do [ ! -e REGION-$s ] || echo $s; done";

fn log(folder: &TempDir) -> String {
    let text = fs::read_to_string(folder.path().join("log")).unwrap_or_default();
    fs::write(folder.path().join("log"), "").unwrap();
    text.replace('\n', ";")
}

async fn seen(servers: &CommandedServers, cx: &Context) -> ComputeGroup {
    match servers.observe(cx).await.unwrap().regions.remove(&RegionRole::Secondary).unwrap() {
        Seen::Is(group) => group,
        Seen::Unreachable(why) => panic!("{why}"),
    }
}

#[test]
fn a_group_is_scaled_by_starting_what_is_missing_and_stopping_what_is_too_many() {
    for status in [EACH, LIST] {
        let folder = tempfile::tempdir().unwrap();
        let servers = servers(folder.path(), status);
        play(async |cx| {
            let secondary = RegionRole::Secondary;
            fs::write(folder.path().join("secondary-2"), "").unwrap();
            assert_eq!(seen(&servers, &cx).await, ComputeGroup { desired: 1, running: 1, capacity: 4, up: Vec::new() });
            servers.scale(&cx, secondary, 3).await.unwrap();
            assert_eq!(log(&folder), "start 1;start 3;", "what runs is not started again");
            assert_eq!(seen(&servers, &cx).await, ComputeGroup { desired: 3, running: 3, capacity: 4, up: Vec::new() });
            servers.scale(&cx, secondary, 1).await.unwrap();
            assert_eq!(log(&folder), "stop 2;stop 3;");
            // One that died is missed.
            fs::remove_file(folder.path().join("secondary-1")).unwrap();
            assert_eq!(seen(&servers, &cx).await, ComputeGroup { desired: 1, running: 0, capacity: 4, up: Vec::new() });
            let refused = servers.scale(&cx, secondary, 5).await.unwrap_err();
            assert!(matches!(refused, ProviderError::Refused(_)), "{refused}");
        });
    }
}

#[test]
fn a_command_that_fails_says_so_and_after_others_went_well_it_is_no_refusal_of_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let servers = servers(folder.path(), EACH);
    fs::write(folder.path().join("broken"), "").unwrap();
    play(async |cx| {
        let error = servers.scale(&cx, RegionRole::Secondary, 3).await.unwrap_err();
        let ProviderError::Unreachable(why) = &error else { panic!("{error}") };
        assert!(why.starts_with("2 servers were started or stopped, then") && why.ends_with("no room"), "{why}");
        let error = servers.scale(&cx, RegionRole::Secondary, 3).await.unwrap_err();
        assert!(matches!(&error, ProviderError::Refused(why) if why.contains("exited with 7: no room")), "{error}");
    });
}

#[test]
fn what_cant_be_seen_is_not_taken_for_what_does_not_run() {
    for status in ["exit 255", "exit 2", "kill -9 $$"] {
        let folder = tempfile::tempdir().unwrap();
        let servers = servers(folder.path(), &format!("{status} # {{server}}"));
        play(async |cx| {
            let state = servers.observe(&cx).await.unwrap();
            assert!(state.regions.values().all(|seen| matches!(seen, Seen::Unreachable(_))), "{status}: {state:?}");
        });
    }
    let folder = tempfile::tempdir().unwrap();
    let servers = servers(folder.path(), "echo 1 9");
    play(async |cx| {
        let state = servers.observe(&cx).await.unwrap();
        let Seen::Unreachable(why) = &state.regions[&RegionRole::Primary] else { panic!("{state:?}") };
        assert!(why.contains("`9`, which is no server"), "{why}");
    });
}

fn region(folder: &Path, isolate: &str) -> CommandedRegion {
    let at = folder.display();
    let settings = json!({
        "isolate": shell(&isolate.replace("AT", &at.to_string())),
        "rejoin": shell(&format!("rm -f {at}/cut; echo \"$*\" > {at}/fenced")),
        "status": shell(&format!("cat {at}/cut 2>/dev/null || true")),
    });
    CommandedRegion::new(serde_json::from_value(settings).unwrap(), host())
}

#[test]
fn a_region_is_cut_off_from_whom_it_is_said_and_comes_back_with_what_is_named_fenced() {
    let folder = tempfile::tempdir().unwrap();
    let region = region(folder.path(), "echo \"$*\" > AT/cut");
    play(async |cx| {
        assert_eq!(region.observe(&cx).await.unwrap(), RegionState::default());
        let cut = RegionState::cut_off_from([Party::Users, Party::Secondary].into());
        region.set_isolation(&cx, &cut).await.unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("cut")).unwrap(), "users secondary\n");
        assert_eq!(region.observe(&cx).await.unwrap(), cut);
        let fenced = ["main", "repositories"].map(|name| ResourceId::new(name).unwrap());
        region.rejoin_fenced(&cx, &fenced).await.unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("fenced")).unwrap(), "main repositories\n");
        region.set_isolation(&cx, &cut).await.unwrap();
        region.set_isolation(&cx, &RegionState::default()).await.unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("fenced")).unwrap(), "\n");
    });
}

#[test]
fn an_isolation_that_its_status_does_not_confirm_is_in_doubt() {
    for isolate in ["true", "exit 1"] {
        let folder = tempfile::tempdir().unwrap();
        let region = region(folder.path(), isolate);
        play(async |cx| {
            let cut = RegionState::cut_off_from([Party::Users].into());
            let error = region.set_isolation(&cx, &cut).await.unwrap_err();
            assert!(error.in_doubt(), "{isolate}: {error}");
        });
    }
}

#[test]
fn servers_and_regions_with_a_mark_obey_one_run_and_those_without_say_that_they_keep_none() {
    let folder = tempfile::tempdir().unwrap();
    let mark = json!({ "file": folder.path().join("mark") });
    let touch = |name: &str| shell(&format!("touch {}/{name}", folder.path().display()));
    let group =
        json!({ "capacity": 2, "start": touch("started"), "stop": touch("stopped"), "status": shell("exit 3") });
    let with = |mark: &serde_json::Value| {
        let mut servers = json!({ "regions": { "primary": group, "secondary": group } });
        let mut region = json!({ "isolate": touch("isolated"), "rejoin": touch("rejoined"), "status": shell("true") });
        if !mark.is_null() {
            (servers["mark"], region["mark"]) = (mark.clone(), mark.clone());
        }
        let servers = CommandedServers::new(serde_json::from_value(servers).unwrap(), host());
        (servers, CommandedRegion::new(serde_json::from_value(region).unwrap(), host()))
    };
    play(async |cx| {
        let (ours, theirs) = (Marker::of_test(cx.run.as_str(), 1), Marker::of_test("20261122-084217-other", 1));
        let (servers, region) = with(&mark);
        for kept in [&servers as &dyn Exclusive, &region] {
            assert_eq!(kept.claim(&cx, &theirs, None).await.unwrap(), Claimed::Ours);
            assert_eq!(kept.claim(&cx, &ours, None).await.unwrap(), Claimed::Taken(theirs.clone()));
            let cut = RegionState::cut_off_from([Party::Users].into());
            for refused in [
                servers.scale(&cx, RegionRole::Primary, 1).await,
                region.set_isolation(&cx, &cut).await,
                region.rejoin_fenced(&cx, &[]).await,
            ] {
                let why = refused.unwrap_err().to_string();
                assert!(why.contains(theirs.run.as_str()), "{why}");
            }
            kept.release(&cx, &theirs).await.unwrap();
        }
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(left.is_empty(), "no command ran, and no mark stays: {left:?}");
        let (servers, region) = with(&serde_json::Value::Null);
        for kept in [&servers as &dyn Exclusive, &region] {
            let none = kept.claim(&cx, &ours, None).await.unwrap_err();
            assert!(matches!(none, ProviderError::Unsupported(_)), "{none}");
        }
    });
}
