//! Real repositories in two folders, pushed to by real git through the gate. The copier is a function here.

mod differing;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use tempfile::TempDir;

use super::GitStorage;
use crate::id::{ProbeId, RegionRole, RunId};
use crate::provider::host::Host;
use crate::provider::process::RealProcesses;
use crate::resource::{
    Actor, CanaryRow, Cancellation, Claimed, Context, Exclusive, Marker, ProviderError, ReplicaRole, Seen, Storage,
    StorageSide, WriteAttempt,
};
use crate::time::{Moment, Span, run_real};

const PRIMARY: RegionRole = RegionRole::Primary;
const SECONDARY: RegionRole = RegionRole::Secondary;

/// Two stores as an operator sets them up, the second a copy of the first.
struct Scene {
    folder: TempDir,
}

impl Scene {
    fn new() -> Self {
        let scene = Self { folder: tempfile::tempdir().unwrap() };
        for (region, role) in [(PRIMARY, "primary"), (SECONDARY, "replica primary")] {
            let books = scene.store(region).join(".muster");
            fs::create_dir_all(books.join("hooks")).unwrap();
            let shipped = [
                ("pre-receive", include_str!("hooks/pre-receive")),
                ("post-receive", include_str!("hooks/post-receive")),
            ];
            for (name, text) in shipped {
                use std::os::unix::fs::PermissionsExt;
                fs::write(books.join("hooks").join(name), text).unwrap();
                fs::set_permissions(books.join("hooks").join(name), fs::Permissions::from_mode(0o755)).unwrap();
            }
            for (name, text) in [("role", role), ("base", "0"), ("pushes", ""), ("copied", "0")] {
                fs::write(books.join(name), text).unwrap();
            }
            for name in ["a.git", "team/b c.git"] {
                scene.create(region, name);
            }
        }
        Scene::git(self::folder(&scene), &["init", "-q", "--bare", "user.git"]).unwrap();
        scene
    }

    fn create(&self, region: RegionRole, name: &str) {
        let path = self.store(region).join(name);
        Self::git(folder(self), &["init", "-q", "--bare", "-b", "main", path.to_str().unwrap()]).unwrap();
        let hooks = self.store(region).join(".muster/hooks");
        Self::git(&path, &["config", "core.hooksPath", hooks.to_str().unwrap()]).unwrap();
    }

    fn store(&self, region: RegionRole) -> PathBuf {
        self.folder.path().join(region.as_str())
    }

    fn book(&self, region: RegionRole, name: &str) -> PathBuf {
        self.store(region).join(".muster").join(name)
    }

    fn git(at: &Path, arguments: &[&str]) -> Result<String, String> {
        Self::git_with(at, arguments, &[])
    }

    #[expect(clippy::disallowed_methods, reason = "a test is the user's git here")]
    fn git_with(at: &Path, arguments: &[&str], env: &[(&str, &str)]) -> Result<String, String> {
        let mut git = Command::new("git");
        for who in ["AUTHOR", "COMMITTER"] {
            git.env(format!("GIT_{who}_NAME"), "user").env(format!("GIT_{who}_EMAIL"), "user@example.test");
        }
        let out = git.arg("-C").arg(at).args(arguments).envs(env.iter().copied()).output().unwrap();
        if out.status.success() {
            Ok(String::from_utf8(out.stdout).unwrap().trim().to_owned())
        } else {
            Err(String::from_utf8(out.stderr).unwrap())
        }
    }

    /// A user's push of a new commit on top of the last one, made `ago` seconds ago.
    fn push(&self, region: RegionRole, repository: &str, branch: &str, ago: i64) -> Result<String, String> {
        let user = folder(self).join("user.git");
        let at = format!("{} +0000", jiff_now() - ago);
        let dates = [("GIT_COMMITTER_DATE", at.as_str()), ("GIT_AUTHOR_DATE", at.as_str())];
        let tip = Self::git(&user, &["rev-parse", "-q", "--verify", &format!("refs/tips/{branch}")]).ok();
        // Two branches that are begun in the same second are two all the same.
        let message = format!("{branch} {at}");
        let mut commit = vec!["commit-tree", "-m", &message, super::tests::EMPTY_TREE];
        if let Some(tip) = &tip {
            commit.extend(["-p", tip]);
        }
        let commit = Self::git_with(&user, &commit, &dates)?;
        let url = self.store(region).join(repository);
        Self::git(&user, &["push", "-q", "--force", url.to_str().unwrap(), &format!("{commit}:refs/heads/{branch}")])?;
        Self::git(&user, &["update-ref", &format!("refs/tips/{branch}"), &commit])?;
        Ok(commit)
    }

    /// What the infrastructure's copier does: all repositories pushed on, and how far that is.
    fn copy(&self, from: RegionRole) -> Result<(), String> {
        let to = from.other();
        let base: usize = fs::read_to_string(self.book(from, "base")).unwrap().trim().parse().unwrap();
        let count = base + fs::read_to_string(self.book(from, "pushes")).unwrap().lines().count();
        for name in ["a.git", "team/b c.git", "muster/proof.git"] {
            let target = self.store(to).join(name);
            // Nothing can be pushed out of one that is empty.
            if target.exists() && self.store(from).join(name).exists() && !self.refs(from, name).is_empty() {
                let mirror = [("MUSTER_MIRROR_FROM", from.as_str())];
                let arguments = ["push", "-q", "--mirror", target.to_str().unwrap()];
                Self::git_with(&self.store(from).join(name), &arguments, &mirror)?;
            }
        }
        fs::write(self.book(to, "copied"), count.to_string()).unwrap();
        Ok(())
    }

    fn refs(&self, region: RegionRole, repository: &str) -> String {
        Self::git(&self.store(region).join(repository), &["for-each-ref"]).unwrap()
    }

    fn storage(&self) -> GitStorage {
        let side = |region| json!({ "url": self.store(region), "path": self.store(region) });
        Self::storage_of(&json!({ "regions": { "primary": side(PRIMARY), "secondary": side(SECONDARY) } }))
    }

    fn storage_of(settings: &serde_json::Value) -> GitStorage {
        let host = Host::new(std::sync::Arc::new(RealProcesses::default()));
        GitStorage::new(serde_json::from_value(settings.clone()).unwrap(), &host)
    }
}

const EMPTY_TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

fn folder(scene: &Scene) -> &Path {
    scene.folder.path()
}

#[expect(clippy::disallowed_methods, reason = "commits are dated by the machine's time")]
fn jiff_now() -> i64 {
    jiff::Timestamp::now().as_second()
}

fn play<F: Future<Output = ()>>(story: impl FnOnce(Context) -> F) {
    run_real(|clock| {
        story(Context {
            run: RunId::new("20261122-084216-drill").unwrap(),
            actor: Actor::Probe(ProbeId::new("repositories").unwrap()),
            attempt: 1,
            errand: crate::resource::Errand::default(),
            clock,
            fencing: 1,
            cancel: Cancellation::default(),
        })
    })
    .unwrap();
}

async fn side(storage: &GitStorage, cx: &Context, region: RegionRole) -> StorageSide {
    match storage.observe(cx).await.unwrap().regions.remove(&region).unwrap() {
        Seen::Is(side) => side,
        Seen::Unreachable(why) => panic!("{why}"),
    }
}

#[test]
fn a_fence_refuses_a_push_that_began_before_it_and_one_that_begins_after_needs_git() {
    let scene = Scene::new();
    let storage = scene.storage();
    play(async |cx| {
        scene.push(PRIMARY, "a.git", "main", 0).unwrap();
        scene.push(PRIMARY, "team/b c.git", "other", 0).unwrap();
        let proof = storage.fence(&cx, PRIMARY).await.unwrap();
        assert_eq!(proof.position, 2);
        for words in [proof.old_session.unwrap(), proof.new_session.unwrap()] {
            assert_eq!(words, "pushes are refused here: a drill has stopped them (run 20261122-084216-drill)");
        }
        assert!(scene.push(PRIMARY, "a.git", "main", 0).unwrap_err().contains("pushes are refused here"));
        let now = side(&storage, &cx, PRIMARY).await;
        assert_eq!((now.fenced, now.writable, now.position), (true, false, 2));
        assert!(matches!(storage.write(&cx, PRIMARY).await, WriteAttempt::Refused(_)));
        // A copier still gets what was taken before.
        scene.copy(PRIMARY).unwrap();
        assert_eq!(side(&storage, &cx, SECONDARY).await.position, 2);

        storage.unfence(&cx, PRIMARY).await.unwrap();
        assert!(side(&storage, &cx, PRIMARY).await.writable);
        assert_eq!(storage.write(&cx, PRIMARY).await, WriteAttempt::Acknowledged);
    });
}

#[test]
fn a_gate_that_lets_pushes_through_is_found_out_needs_git() {
    let scene = Scene::new();
    let storage = scene.storage();
    play(async |cx| {
        storage.write(&cx, PRIMARY).await;
        // Somebody took the gate away.
        fs::write(scene.book(PRIMARY, "hooks/pre-receive"), "#!/bin/sh\n").unwrap();
        let proof = storage.fence(&cx, PRIMARY).await.unwrap();
        assert_eq!((proof.old_session, proof.new_session), (None, None));
    });
}

#[test]
fn a_repository_that_goes_round_the_gate_is_found_before_a_fence_is_set_needs_git() {
    let scene = Scene::new();
    let storage = scene.storage();
    play(async |cx| {
        let unset = |region| {
            let path = scene.store(region).join("team/b c.git");
            Scene::git(&path, &["config", "--unset", "core.hooksPath"]).unwrap();
        };
        unset(SECONDARY);
        let told = storage.verify(&cx, SECONDARY).await.unwrap_err().to_string();
        assert!(told.contains("team/b c.git does not go through the gate"), "{told}");
        storage.fence(&cx, PRIMARY).await.unwrap();
        storage.unfence(&cx, PRIMARY).await.unwrap();
        unset(PRIMARY);
        let Err(ProviderError::Refused(told)) = storage.fence(&cx, PRIMARY).await else { panic!("it was fenced") };
        assert!(told.contains("team/b c.git does not go through the gate: set its core.hooksPath to"), "{told}");
        assert!(!scene.book(PRIMARY, "fence").exists());
        // By another way to the same folder it is set.
        let other = scene.store(PRIMARY).join("team/../.muster/hooks");
        let path = scene.store(PRIMARY).join("team/b c.git");
        Scene::git(&path, &["config", "core.hooksPath", other.to_str().unwrap()]).unwrap();
        storage.fence(&cx, PRIMARY).await.unwrap();
    });
}

#[test]
fn folders_that_cant_be_read_are_no_repositories_that_are_not_there_needs_git() {
    let scene = Scene::new();
    play(async |cx| {
        // A disk that fails; root can read what others can't.
        let tools = folder(&scene).join("tools");
        fs::create_dir_all(&tools).unwrap();
        let find = tools.join("find");
        fs::write(&find, "#!/bin/sh\necho ./a.git\necho 'find: ./team: Input/output error' >&2\nexit 1\n").unwrap();
        fs::set_permissions(&find, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let via = format!("PATH={}:$PATH; export PATH; eval \"$1\"", tools.display());
        let broken =
            |region| json!({ "url": scene.store(region), "path": scene.store(region), "via": ["sh", "-c", via, "sh"] });
        let regions = json!({ "regions": { "primary": broken(PRIMARY), "secondary": broken(SECONDARY) } });
        let blind = Scene::storage_of(&regions);
        let told = blind.replicate(&cx, PRIMARY, SECONDARY).await.unwrap_err().to_string();
        assert!(told.contains("can't be read wholly: find: ./team: Input/output error"), "{told}");
        assert!(scene.store(SECONDARY).join("team/b c.git").exists(), "what was not seen is not removed");
        assert!(blind.verify(&cx, SECONDARY).await.is_err() && blind.preserve(&cx, PRIMARY).await.is_err());
    });
}

#[test]
fn a_fence_waits_for_the_pushes_that_the_gate_let_in_before_needs_git() {
    let scene = Scene::new();
    let own = json!({ "url": scene.store(PRIMARY), "path": scene.store(PRIMARY) });
    let storage = Scene::storage_of(&json!({ "timeout": "3s", "regions": { "primary": own, "secondary": own } }));
    play(async |cx| {
        let note = |process: u32| scene.book(PRIMARY, "under-way").join(process.to_string());
        fs::create_dir_all(scene.book(PRIMARY, "under-way")).unwrap();
        // One of this very process, which goes on.
        fs::write(note(std::process::id()), "").unwrap();
        let error = storage.fence(&cx, PRIMARY).await.unwrap_err();
        assert!(error.in_doubt() && error.to_string().contains("does not end"), "{error}");
        // Over, but for one whose process died in the middle.
        fs::remove_file(note(std::process::id())).unwrap();
        fs::write(note(4_194_305), "").unwrap();
        assert_eq!(storage.fence(&cx, PRIMARY).await.unwrap().sessions_ended, 1);
    });
}

#[test]
fn pushes_move_to_the_other_region_and_the_old_side_becomes_its_copy_needs_git() {
    let scene = Scene::new();
    let storage = scene.storage();
    play(async |cx| {
        scene.push(PRIMARY, "a.git", "main", 0).unwrap();
        scene.copy(PRIMARY).unwrap();
        scene.push(PRIMARY, "a.git", "late", 0).unwrap();
        let copy = side(&storage, &cx, SECONDARY).await;
        assert_eq!((copy.role, copy.replicates_from, copy.position), (ReplicaRole::Replica, Some(PRIMARY), 1));
        assert!(copy.lag.is_some() && side(&storage, &cx, PRIMARY).await.lag.is_none());
        assert!(scene.push(SECONDARY, "a.git", "main", 0).unwrap_err().contains("this is a copy"));

        storage.fence(&cx, PRIMARY).await.unwrap();
        storage.promote(&cx, SECONDARY).await.unwrap();
        let there = side(&storage, &cx, SECONDARY).await;
        assert_eq!((there.role, there.writable, there.position), (ReplicaRole::Primary, true, 1));
        assert!(scene.copy(PRIMARY).unwrap_err().contains("nobody's copy"), "the old side's copier is shut out");
        scene.push(SECONDARY, "a.git", "new", 0).unwrap();
        scene.create(PRIMARY, "forgotten.git");

        let kept = storage.preserve(&cx, PRIMARY).await.unwrap();
        assert_eq!(kept.only_here, Some(1), "{kept:?}");
        let mut bundles: Vec<PathBuf> = files(Path::new(&kept.location));
        bundles.retain(|path| path.extension().is_some_and(|it| it == "bundle"));
        assert_eq!(bundles.len(), 1, "{bundles:?}");
        let heads = Scene::git(folder(&scene), &["bundle", "list-heads", bundles[0].to_str().unwrap()]).unwrap();
        assert!(heads.contains("refs/heads/late"), "{heads}");

        storage.replicate(&cx, SECONDARY, PRIMARY).await.unwrap();
        for name in ["a.git", "team/b c.git"] {
            assert_eq!(scene.refs(PRIMARY, name), scene.refs(SECONDARY, name));
        }
        assert!(!scene.store(PRIMARY).join("forgotten.git").exists());
        let home = side(&storage, &cx, PRIMARY).await;
        assert_eq!((home.role, home.fenced, home.lag), (ReplicaRole::Replica, false, Some(Span::ZERO)));
        assert_eq!(home.position, side(&storage, &cx, SECONDARY).await.position);
        scene.push(SECONDARY, "a.git", "newer", 0).unwrap();
        scene.copy(SECONDARY).unwrap();
        assert_eq!(scene.refs(PRIMARY, "a.git"), scene.refs(SECONDARY, "a.git"));
        let nothing = storage.preserve(&cx, PRIMARY).await.unwrap();
        assert_eq!(nothing.only_here, Some(0), "{nothing:?}");
    });
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.path().is_dir() { found.extend(files(&entry.path())) } else { found.push(entry.path()) }
    }
    found
}

#[test]
fn a_copy_is_compared_reference_by_reference_and_read_through_needs_git() {
    let scene = Scene::new();
    let storage = scene.storage();
    play(async |cx| {
        scene.push(PRIMARY, "a.git", "main", 500).unwrap();
        scene.push(PRIMARY, "team/b c.git", "side", 500).unwrap();
        scene.copy(PRIMARY).unwrap();
        let report = storage.verify(&cx, SECONDARY).await.unwrap();
        assert_eq!((report.repositories, report.missing, report.behind, report.diverged), (2, 0, 0, 0), "{report:?}");
        assert_eq!((report.checked, report.damaged, report.oldest_missing), (2, 0, Span::ZERO));

        // Behind by two commits, the older one made 200 s ago.
        scene.push(PRIMARY, "a.git", "main", 200).unwrap();
        scene.push(PRIMARY, "a.git", "main", 100).unwrap();
        // Diverged: the copy has what the original never had.
        let stray = [("MUSTER_MIRROR_FROM", "primary")];
        let commit = Scene::git(&folder(&scene).join("user.git"), &["commit-tree", "-m", "stray", EMPTY_TREE]).unwrap();
        let target = scene.store(SECONDARY).join("team/b c.git");
        let arguments = ["push", "-q", target.to_str().unwrap(), &format!("{commit}:refs/heads/stray")];
        Scene::git_with(&folder(&scene).join("user.git"), &arguments, &stray).unwrap();
        // Missing wholly; and one that has nothing in it is nothing that could be missed.
        scene.create(PRIMARY, "new.git");
        scene.push(PRIMARY, "new.git", "fresh", 0).unwrap();
        scene.create(PRIMARY, "empty.git");
        let report = storage.verify(&cx, SECONDARY).await.unwrap();
        assert_eq!((report.repositories, report.missing, report.behind, report.diverged), (4, 1, 1, 1), "{report:?}");
        let age = report.oldest_missing;
        assert!(age >= Span::from_secs(200) && age < Span::from_secs(320), "{age}");

        let object = files(&scene.store(SECONDARY).join("a.git/objects"))
            .into_iter()
            .find(|at| at.parent().unwrap().file_name().unwrap().len() == 2)
            .unwrap();
        fs::remove_file(object).unwrap();
        let report = storage.verify(&cx, SECONDARY).await.unwrap();
        assert_eq!((report.checked, report.damaged), (2, 1), "{report:?}");
    });
}

#[test]
fn a_canarys_commits_are_counted_where_they_are_and_taken_away_needs_git() {
    let scene = Scene::new();
    let storage = scene.storage();
    play(async |cx| {
        storage.prepare_canary(&cx).await.unwrap();
        for number in [0, 1, 2, 4, 10] {
            let row = CanaryRow { number, sent: Moment(0) };
            assert_eq!(storage.write_canary(&cx, PRIMARY, row).await, WriteAttempt::Acknowledged);
        }
        assert_eq!(storage.canary_rows(&cx, PRIMARY).await.unwrap().ranges, [(0, 2), (4, 4), (10, 10)]);
        assert_eq!(storage.canary_rows(&cx, SECONDARY).await.unwrap().ranges, []);
        let row = CanaryRow { number: 11, sent: Moment(0) };
        assert!(matches!(storage.write_canary(&cx, SECONDARY, row).await, WriteAttempt::Refused(_)));
        storage.remove_canary(&cx).await.unwrap();
        let left = files(&scene.store(PRIMARY)).iter().filter(|at| at.to_string_lossy().contains("canary")).count();
        assert_eq!(left, 0);
    });
}

#[test]
fn a_side_that_users_cant_reach_is_unreachable_though_its_folder_is_there_needs_git() {
    let scene = Scene::new();
    let side = |url: &str, region| json!({ "url": url, "path": scene.store(region) });
    // Nobody listens there.
    let gone = json!({ "regions": {
        "primary": side("http://127.0.0.1:1/git", PRIMARY),
        "secondary": side(scene.store(SECONDARY).to_str().unwrap(), SECONDARY),
    } });
    let storage = Scene::storage_of(&gone);
    play(async |cx| {
        let state = storage.observe(&cx).await.unwrap();
        assert!(matches!(state.regions[&PRIMARY], Seen::Unreachable(_)), "{state:?}");
        assert!(matches!(state.regions[&SECONDARY], Seen::Is(_)), "{state:?}");
        let error = storage.fence(&cx, PRIMARY).await.unwrap_err();
        assert!(matches!(error, ProviderError::Unreachable(_)), "{error}");
        assert!(matches!(storage.write(&cx, PRIMARY).await, WriteAttempt::Unknown(_)));
        // No folder of a storage at all.
        let wrong = json!({ "url": folder(&scene), "path": folder(&scene) });
        let wrong = Scene::storage_of(&json!({ "regions": { "primary": wrong, "secondary": wrong } }));
        let state = wrong.observe(&cx).await.unwrap();
        let Seen::Unreachable(why) = &state.regions[&PRIMARY] else { panic!("{state:?}") };
        assert!(why.contains("docs/providers/git.md"), "{why}");
    });
}

#[test]
fn a_deleted_repository_comes_back_from_its_bundle_and_not_without_needs_git() {
    use crate::resource::{Recovery, Wanted};
    let scene = Scene::new();
    scene.push(PRIMARY, "a.git", "main", 60).unwrap();
    scene.push(PRIMARY, "a.git", "topic", 50).unwrap();
    let deleted = scene.book(PRIMARY, "deleted");
    fs::create_dir_all(&deleted).unwrap();
    let (six, eight) = (jiff_now() - 6 * 86_400, jiff_now() - 8 * 86_400);
    fs::write(deleted.join("log"), format!("{eight} team/old.git\n{six} team/app.git\n")).unwrap();
    let bundle = deleted.join(format!("{six}-team_app.git.bundle"));
    let repository = scene.store(PRIMARY).join("a.git");
    Scene::git(&repository, &["bundle", "create", "-q", bundle.to_str().unwrap(), "--all"]).unwrap();
    let wanted = |days: u64, name: Option<&str>| Wanted {
        repository: name.map(str::to_owned),
        deleted_ago: Span::from_secs(days * 86_400),
    };
    play(|cx| async move {
        let storage = scene.storage();
        let Recovery::Back(it) = storage.recover(&cx, PRIMARY, &wanted(6, None)).await.unwrap() else { panic!("gone") };
        assert_eq!((it.repository.as_str(), it.refs, it.refs_before, it.damaged), ("team/app.git", 2, 2, 0), "{it:?}");
        assert!(it.objects >= 2 && !it.metadata && Path::new(&it.scratch).is_dir(), "{it:?}");
        // It is nobody's repository yet, and is gone when the step is over.
        assert!(!scene.store(PRIMARY).join("team/app.git").exists());
        assert_eq!(storage.discard_recovered(&cx, PRIMARY).await.unwrap(), [it.scratch.as_str()]);
        assert!(!Path::new(&it.scratch).exists());
        assert!(storage.discard_recovered(&cx, PRIMARY).await.unwrap().is_empty());
        // Deleted, and its bundle was cleared away when its time was over.
        let Recovery::Gone(why) = storage.recover(&cx, PRIMARY, &wanted(8, None)).await.unwrap() else {
            panic!("back")
        };
        assert!(why.contains("team/old.git was deleted 8"), "{why}");
        let never = storage.recover(&cx, PRIMARY, &wanted(3, None)).await.unwrap_err();
        assert!(never.to_string().contains("nothing was deleted about 3d ago"), "{never}");
        let unknown = storage.recover(&cx, PRIMARY, &wanted(3, Some("x.git"))).await.unwrap_err();
        assert!(unknown.to_string().contains("does not name x.git"), "{unknown}");
        // Half a bundle is no repository.
        let bytes = fs::read(&bundle).unwrap();
        fs::write(&bundle, &bytes[..bytes.len() / 2]).unwrap();
        storage.recover(&cx, PRIMARY, &wanted(6, None)).await.unwrap_err();
    });
}

#[test]
fn a_run_marks_both_stores_or_none_and_acts_of_another_run_are_refused_needs_git() {
    let scene = Scene::new();
    let storage = scene.storage();
    play(async |cx| {
        let (ours, theirs) = (Marker::of_test(cx.run.as_str(), 1), Marker::of_test("20261122-084217-other", 1));
        // The second side is another run's: the first is let go again.
        fs::write(scene.book(SECONDARY, "mark"), serde_json::to_string(&theirs).unwrap() + "\n").unwrap();
        assert_eq!(storage.claim(&cx, &ours, None).await.unwrap(), Claimed::Taken(theirs.clone()));
        assert!(!scene.book(PRIMARY, "mark").exists(), "half a mark is none");
        // Every act on the side that the other run has is refused, and changes nothing.
        for refused in [
            storage.fence(&cx, SECONDARY).await.map(drop),
            storage.unfence(&cx, SECONDARY).await,
            storage.promote(&cx, SECONDARY).await,
            storage.replicate(&cx, PRIMARY, SECONDARY).await,
        ] {
            let why = refused.unwrap_err().to_string();
            assert!(why.contains(theirs.run.as_str()) && why.contains("ops at bastion-1"), "{why}");
        }
        assert_eq!(fs::read_to_string(scene.book(SECONDARY, "role")).unwrap(), "replica primary");
        assert!(!scene.book(SECONDARY, "fence").exists());

        fs::remove_file(scene.book(SECONDARY, "mark")).unwrap();
        assert_eq!(storage.claim(&cx, &ours, None).await.unwrap(), Claimed::Ours);
        assert_eq!(storage.claim(&cx, &theirs, None).await.unwrap(), Claimed::Taken(ours.clone()));
        storage.fence(&cx, PRIMARY).await.unwrap();
        storage.unfence(&cx, PRIMARY).await.unwrap();
        storage.release(&cx, &theirs).await.unwrap();
        assert!(scene.book(PRIMARY, "mark").exists(), "another run's mark stays");
        storage.release(&cx, &ours).await.unwrap();
        for region in RegionRole::ALL {
            assert!(!scene.book(region, "mark").exists());
        }
    });
}

#[test]
fn a_write_right_after_one_that_was_taken_is_a_push_of_its_own_and_is_refused_by_the_fence_needs_git() {
    let scene = Scene::new();
    let storage = scene.storage();
    play(async |cx| {
        // Within one second, by whose clock git dates both.
        for _ in 0..3 {
            assert_eq!(storage.write(&cx, PRIMARY).await, WriteAttempt::Acknowledged);
            fs::write(scene.book(PRIMARY, "fence"), "a test").unwrap();
            let refused = storage.write(&cx, PRIMARY).await;
            assert!(matches!(refused, WriteAttempt::Refused(_)), "{refused:?}");
            fs::remove_file(scene.book(PRIMARY, "fence")).unwrap();
        }
    });
}
