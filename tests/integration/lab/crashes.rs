//! Muster killed again and again in the middle of drills of the whole lab, and taken up each time: nothing that it did is
//! done twice or missing, by what the servers themselves wrote down.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use super::rig::{Rig, said, until};
use super::short::{Short, as_before, records};

/// So often in all.
const KILLS: u32 = 30;
/// Each drill is killed about fifteen times; far fewer drills than this are needed.
const DRILLS_MAX: u32 = 6;

/// Numbers that are the same in each run of the test (`SplitMix64`).
struct Chances(u64);

impl Chances {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}

/// The whole way there and back, with everything that the lab has, and no pauses.
///
/// A region is only lost once the other one has a commit of the canary: Muster is dead for most of these drills, and of
/// a canary whose every row is lost nobody could say how much that is.
fn phases(acts: &str, copies: &str) -> String {
    // Seen to be done by its line; so it is done once, whenever Muster is killed.
    let argv = json!(["sh", "-c", format!("echo \"$1\" >> {acts}"), "act", "{{ run.id }}"]);
    let observe = json!(["grep", "-qxF", "{{ run.id }}", acts]);
    let copied = format!("find {copies}/muster/canary-{{{{ run.id }}}}-repositories.git/refs -type f | grep -q .");
    let copy = json!(["sh", "-c", format!("until {copied}; do sleep 0.05; done")]);
    let copied = json!(["sh", "-c", copied]);
    format!(
        "  - name: prechecks
    steps:
      - {{ id: replica, check: {{ database: main, in: secondary, lag_at_most: 10s }} }}
      - {{ id: ttls, check: {{ dns: [code, git], ttl_at_most: 10s }} }}
      - {{ id: act, command: {{ argv: {argv}, observe: {observe}, undo: ['true'] }} }}
  - name: disaster
    when: {{ mode: unplanned }}
    steps:
      - {{ id: copy, command: {{ argv: {copy}, observe: {copied}, undo: ['true'] }} }}
      - {{ id: isolate, region.isolate: {{ region: primary, from: [users, secondary] }} }}
  - name: failover
    steps:
      - {{ id: scale-out, needs: [], compute.scale: {{ compute: web-servers, in: secondary, to: 3 }} }}
      - {{ id: fence, needs: [], database.fence: {{ database: main, in: primary, unreachable: continue }} }}
      - {{ id: fence-git, needs: [], storage.fence: {{ storage: repositories, in: primary, unreachable: continue }} }}
      - {{ id: promote, needs: [fence, fence-git], database.promote: {{ database: main, to: secondary }} }}
      - {{ id: promote-git, needs: [promote], storage.promote: {{ storage: repositories, to: secondary }} }}
      - {{ id: dns, needs: [promote-git, scale-out], dns.switch: {{ records: [code, git], to: secondary }} }}
  - name: failback
    steps:
      - {{ id: rejoin, when: {{ mode: unplanned }}, region.rejoin: {{ region: primary, fenced: [main, repositories] }} }}
      - {{ id: keep, data.preserve: {{ of: [main, repositories], in: primary }} }}
      - {{ id: replicate, database.replicate: {{ database: main, from: secondary, to: primary }} }}
      - {{ id: replicate-git, storage.replicate: {{ storage: repositories, from: secondary, to: primary }} }}
      - {{ id: fence-back, database.fence: {{ database: main, in: secondary }} }}
      - {{ id: fence-git-back, storage.fence: {{ storage: repositories, in: secondary }} }}
      - {{ id: promote-back, database.promote: {{ database: main, to: primary, drain: true }} }}
      - {{ id: promote-git-back, storage.promote: {{ storage: repositories, to: primary, drain: true }} }}
      - {{ id: dns-back, dns.switch: {{ records: [code, git], to: primary }} }}
      - {{ id: protect, database.replicate: {{ database: main, from: primary, to: secondary }} }}
      - {{ id: protect-git, storage.replicate: {{ storage: repositories, from: primary, to: secondary }} }}
      - {{ id: scale-in, compute.scale: {{ compute: web-servers, in: secondary, to: as_before }} }}
"
    )
}

const HEAD: &str =
    "canaries: { main: { database: main, every: 200ms }, repositories: { storage: repositories, every: 1s } }";
const RESOURCES: [&str; 5] = ["code", "git", "main", "repositories", "web-servers"];

/// One drill, killed up to `at_most` times, each time after a few more events and a moment; then to its end.
fn drill(short: &Short<'_>, mode: &str, chances: &mut Chances, at_most: u32) -> u32 {
    let before = short.runs().len();
    let mut going = short.start(mode);
    let mut killed = 0;
    let mut told = 0;
    while killed < at_most {
        let wanted = told + 1 + usize::try_from(chances.below(6)).unwrap();
        let moment = Duration::from_millis(chances.below(150));
        let mut over = false;
        until("the drill gets on", || {
            over = going.is_over();
            over || (short.runs().len() > before && short.events().len() >= wanted)
        });
        if over {
            break;
        }
        std::thread::sleep(moment);
        if going.is_over() {
            break;
        }
        going.kill();
        killed += 1;
        told = short.events().len();
        if let Some(end) =
            short.events().iter().find_map(|(_, event)| (event["kind"] == "finished").then(|| event.clone()))
        {
            // It was killed while it wrote its reports: there is nothing to take up.
            assert_eq!(end["exit"], 0, "{mode}, killed {killed} times: {}", short.said());
            return killed;
        }
        going = short.go(&["resume", short.newest().file_name().unwrap().to_str().unwrap(), "--yes"]);
    }
    assert_eq!(going.ended(), Some(0), "{mode}, killed {killed} times: {}", short.said());
    let run = short.newest();
    let verified = short.muster(&["verify", run.file_name().unwrap().to_str().unwrap()]).output().unwrap();
    assert!(verified.status.success(), "{}", said(&verified));
    killed
}

/// How often each change of a name is in the name server's own journal: `code 127.0.20.1` was added so often.
fn changes(rig: &Rig) -> BTreeMap<String, usize> {
    let conf = rig.folder().join("names/knot.conf");
    let out = Command::new("kjournalprint").arg("-x").arg("-c").arg(conf).arg("lab.test").output().unwrap();
    assert!(out.status.success(), "{}", said(&out));
    let (mut added, mut counts) = (false, BTreeMap::new());
    for line in String::from_utf8(out.stdout).unwrap().lines() {
        if line.starts_with(";;") {
            added = line == ";; Added";
        } else if let Some((name, value)) = line.split_once(".lab.test.").filter(|_| added)
            && let Some(address) = value.split_once("\tA\t")
        {
            *counts.entry(format!("{name} {}", address.1.trim())).or_default() += 1;
        }
    }
    counts
}

/// The timelines that a region's server says it has begun, in order.
fn timelines(rig: &Rig, region: &str) -> Vec<u32> {
    let log = fs::read_to_string(rig.folder().join(format!("log/{region}-postgres.log"))).unwrap();
    log.lines().filter_map(|line| line.split_once("selected new timeline ID: ")?.1.trim().parse().ok()).collect()
}

/// How often each server was started, as the lab wrote down.
fn starts(rig: &Rig) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for line in fs::read_to_string(rig.folder().join("log/starts.log")).unwrap().lines() {
        *counts.entry(line.split(' ').nth(1).unwrap().to_owned()).or_default() += 1;
    }
    counts
}

#[test]
fn a_drill_that_is_killed_at_random_moments_does_everything_once_by_the_servers_own_records_needs_postgres_needs_knot_needs_unbound()
 {
    let rig = Rig::up();
    let acts = rig.folder().with_file_name("acts");
    let copies = rig.folder().join("secondary/repositories");
    let way = phases(acts.to_str().unwrap(), copies.to_str().unwrap());
    let short = Short::new(&rig, "crashes", &RESOURCES, HEAD, &way);
    let (before, first_starts) = (records(&rig), starts(&rig));
    let mut chances = Chances(20_261_126);
    let (mut killed, mut drills) = (0, 0);
    while killed < KILLS {
        let mode = if drills % 2 == 0 { "planned" } else { "unplanned" };
        killed += drill(&short, mode, &mut chances, (KILLS - killed).min(16));
        drills += 1;
        assert!(drills < DRILLS_MAX, "{killed} kills in {drills} drills");
        as_before(&rig, &before);
    }
    assert!(drills >= 2, "both kinds were killed");
    let times = usize::try_from(drills).unwrap();
    let lost = usize::try_from(drills / 2).unwrap();

    // Names were moved once there and once back in each drill.
    let wanted: BTreeMap<String, usize> = ["code", "git"]
        .into_iter()
        .flat_map(|name| ["127.0.10.1", "127.0.20.1"].map(|address| (format!("{name} {address}"), times)))
        .collect();
    assert_eq!(changes(&rig), wanted);
    // Each drill promoted there once, and back once.
    let pairs: Vec<(u32, u32)> = (0..drills).map(|n| (2 + 2 * n, 3 + 2 * n)).collect();
    assert_eq!(timelines(&rig, "secondary"), pairs.iter().map(|pair| pair.0).collect::<Vec<_>>());
    assert_eq!(timelines(&rig, "primary"), pairs.iter().map(|pair| pair.1).collect::<Vec<_>>());
    // Servers were started once more in each drill, and a region that was lost once more for each loss.
    let started = starts(&rig);
    let more = |name: &str| started.get(name).copied().unwrap_or(0) - first_starts.get(name).copied().unwrap_or(0);
    for name in ["secondary-app-2", "secondary-app-3"] {
        assert_eq!(more(name), times, "{name}");
    }
    for name in ["primary-app-1", "primary-app-2", "primary-git", "primary-mirror"] {
        assert_eq!(more(name), lost, "{name}");
    }
    for name in ["secondary-app-1", "secondary-app-4", "primary-app-3", "secondary-git"] {
        assert_eq!(more(name), 0, "{name}");
    }
    // The program's own line, once a drill.
    let lines = fs::read_to_string(&acts).unwrap();
    let runs: Vec<String> =
        short.runs().iter().map(|run| run.file_name().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(lines.lines().collect::<Vec<_>>(), runs);
    // Nothing is left of it: no session, no table, no repository of a canary, no slot.
    for address in ["127.0.10.1", "127.0.20.1"] {
        let sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'muster%' AND backend_type = \
                        'client backend'";
        until("no session is left", || rig.sql(address, sessions).as_deref() == Ok("0"));
        assert_eq!(rig.sql(address, "SELECT count(*) FROM pg_replication_slots").unwrap(), "0");
    }
    for region in ["primary", "secondary"] {
        let folder = rig.folder().join(region).join("repositories/muster");
        until("no repository of a canary is left", || {
            !fs::read_dir(&folder).unwrap().any(|it| it.unwrap().file_name().to_string_lossy().starts_with("canary"))
        });
    }
}
