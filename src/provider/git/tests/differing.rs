//! What differs between two sides: how old it is, whether it is ever copied, and what only one of them has.

use super::*;

#[test]
fn what_moves_references_alone_and_what_is_long_is_kept_and_counted_needs_git() {
    let scene = Scene::new();
    let storage = scene.storage();
    let user = folder(&scene).join("user.git");
    play(async |cx| {
        // More references than an argument takes.
        let tip = scene.push(PRIMARY, "a.git", "main", 900).unwrap();
        let older = Scene::git(&user, &["rev-parse", &tip]).unwrap();
        for n in 0..40 {
            scene.push(PRIMARY, "a.git", &format!("line-{n}"), 800).unwrap();
        }
        let path = scene.store(PRIMARY).join("a.git");
        let many: Vec<String> = (0..3000).map(|n| format!("create refs/many/{n} {tip}\n")).collect();
        fs::write(folder(&scene).join("many"), many.concat()).unwrap();
        let script =
            format!("git -C '{}' update-ref --stdin < '{}'", path.display(), folder(&scene).join("many").display());
        shell(&script);
        let newer = scene.push(PRIMARY, "a.git", "main", 700).unwrap();
        scene.copy(PRIMARY).unwrap();
        storage.fence(&cx, PRIMARY).await.unwrap();
        storage.promote(&cx, SECONDARY).await.unwrap();
        // Muster's own proofs, which go another way on each side, are nobody's.
        assert_eq!(storage.write(&cx, SECONDARY).await, WriteAttempt::Acknowledged);
        // Acknowledged by the old side alone: a commit, a branch moved back, a tag of an old commit, a new name of one.
        let url = path.to_str().unwrap();
        fs::remove_file(scene.book(PRIMARY, "fence")).unwrap();
        assert_eq!(storage.write(&cx, PRIMARY).await, WriteAttempt::Acknowledged);
        scene.push(PRIMARY, "a.git", "line-3", 0).unwrap();
        Scene::git(&user, &["tag", "-a", "-m", "one", "v1", &older]).unwrap();
        let refs = [format!("+{older}:refs/heads/main"), "v1".to_owned(), format!("{newer}:refs/heads/named")];
        let refs: Vec<&str> = ["push", "-q", url].into_iter().chain(refs.iter().map(String::as_str)).collect();
        Scene::git(&user, &refs).unwrap();
        let kept = storage.preserve(&cx, PRIMARY).await.unwrap();
        // That the branch was moved back looks as if the other side had gone on; the listing has it.
        assert_eq!(kept.only_here, Some(3), "{kept:?}");
        assert!(
            kept.what.contains("2 commits and tags; 1 references were made of commits that the other side has too"),
            "{kept:?}"
        );
        let kept_files = files(Path::new(&kept.location));
        let of = |end: &str| kept_files.iter().find(|path| path.to_str().unwrap().ends_with(end)).unwrap();
        let heads = Scene::git(&user, &["bundle", "list-heads", of("a.git.bundle").to_str().unwrap()]).unwrap();
        assert!(
            heads.contains("refs/heads/line-3") && heads.contains("refs/tags/v1") && !heads.contains("line-4"),
            "{heads}"
        );
        let listed = fs::read_to_string(of("a.git.refs")).unwrap();
        assert!(
            listed.contains(&format!("{older} refs/heads/main")) && listed.contains("refs/heads/named"),
            "{listed}"
        );
        // Kept once more, it is kept beside the first.
        let again = storage.preserve(&cx, PRIMARY).await.unwrap();
        assert_ne!(again.location, kept.location);
    });
}

#[expect(clippy::disallowed_methods, reason = "a test is the user's shell here")]
fn shell(script: &str) {
    assert!(Command::new("sh").args(["-c", script]).status().unwrap().success(), "{script}");
}

#[test]
fn a_new_name_is_as_old_as_its_push_and_one_that_is_never_copied_is_found_needs_git() {
    let scene = Scene::new();
    let storage = scene.storage();
    let user = folder(&scene).join("user.git");
    play(async |cx| {
        scene.push(PRIMARY, "a.git", "main", 90_000).unwrap();
        scene.push(PRIMARY, "a.git", "main", 80_000).unwrap();
        scene.push(PRIMARY, "a.git", "old", 70_000).unwrap();
        scene.copy(PRIMARY).unwrap();
        // A branch of one new commit on an old one, and a name for an old commit: old is what they are built on.
        Scene::git(&user, &["update-ref", "refs/tips/topic", "refs/tips/main"]).unwrap();
        scene.push(PRIMARY, "a.git", "topic", 40).unwrap();
        let url = scene.store(PRIMARY).join("a.git");
        let url = url.to_str().unwrap();
        Scene::git(&user, &["push", "-q", url, "refs/tips/main:refs/heads/same", ":refs/heads/old"]).unwrap();
        let report = storage.verify(&cx, SECONDARY).await.unwrap();
        assert_eq!((report.behind, report.diverged, report.stale), (1, 0, 0), "{report:?}");
        assert!(
            report.oldest_missing >= Span::from_secs(40) && report.oldest_missing < Span::from_secs(160),
            "{report:?}"
        );
        // What copies says that it has taken these pushes, and has left out names and deletions.
        let commit = "refs/tips/topic:refs/heads/topic";
        let mirror = [("MUSTER_MIRROR_FROM", "primary")];
        let copy = scene.store(SECONDARY).join("a.git");
        Scene::git_with(&user, &["push", "-q", copy.to_str().unwrap(), commit], &mirror).unwrap();
        fs::write(scene.book(SECONDARY, "copied"), "5").unwrap();
        let report = storage.verify(&cx, SECONDARY).await.unwrap();
        assert_eq!((report.behind, report.diverged, report.stale), (0, 0, 1), "{report:?}");
    });
}
