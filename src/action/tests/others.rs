//! All that moves neither users nor data.

use super::*;

#[expect(clippy::unnecessary_wraps, reason = "it goes into a queue of results")]
fn finished(code: i32, stdout: &str) -> Result<Finished, ProcessError> {
    Ok(Finished { code: Some(code), stdout: stdout.into(), stderr: String::new(), bytes: 0 })
}

#[expect(clippy::unnecessary_wraps, reason = "there may be no answer")]
fn answer(decision: Decision) -> Option<Answer> {
    let because = (decision == Decision::Rejected).then(|| "not today".to_owned());
    let ada = Stated::read("ada").unwrap();
    Some(Answer { because, ..Answer::vote(decision, &ada, AnsweredBy::Terminal) })
}

scenes! {
    compute_scales_and_goes_back: Planned,
    {"compute.start": {"compute": "web", "in": "secondary"}}, |scene| {
        assert_eq!(scene.apply().await.unwrap().evidence["servers"], "2 -> 12");
        assert_eq!(scene.achieved().await, Achieved::Yes);
        scene.undo().await.unwrap();
        assert_eq!(scene.fake.get().world, scene.before);
    }

    compute_asks_for_no_more_than_there_is: Planned,
    {"compute.scale": {"compute": "web", "in": "secondary", "to": 13}}, |scene| {
        scene.refused("can have 12 servers, 13 were asked for", "scale").await;
    }

    compute_goes_back_to_what_the_run_began_with: Planned,
    {"compute.scale": {"compute": "web", "in": "secondary", "to": "as_before"}}, |scene| {
        if let Some(ResourceState::Compute(state)) = scene.fake.get().world.get_mut(&id("web")) {
            let group = state.regions.get_mut(&S).unwrap().known_mut().unwrap();
            (group.desired, group.running) = (9, 9);
        }
        assert_eq!(scene.apply().await.unwrap().evidence["servers"], "9 -> 2");
    }

    compute_that_lies_is_not_achieved: Planned,
    {"compute.stop": {"compute": "web", "in": "secondary"}}, |scene| {
        scene.fake.get().lies = true;
        scene.apply().await.unwrap();
        assert!(matches!(scene.achieved().await, Achieved::No(_)));
    }

    a_copy_is_judged_with_its_counts: Planned,
    {"storage.verify": {"storage": "repositories", "in": "secondary"}}, |scene| {
        assert_eq!(scene.apply().await.unwrap().evidence["repositories"], "40");
        {
            let copy = &mut scene.fake.get().copy;
            (copy.missing, copy.diverged, copy.damaged, copy.behind) = (1, 2, 3, 4);
            copy.oldest_missing = Span::from_secs(31);
        }
        let error = scene.apply().await.unwrap_err();
        for words in ["1 of 40 repositories are missing", "2 have what", "3 of 40", "4 are behind"] {
            assert!(error.what.contains(words), "{}", error.what);
        }
    }

    what_is_only_here_is_kept: Unplanned,
    {"data.preserve": {"of": ["main", "repositories"], "in": "primary"}}, |scene| {
        let evidence = scene.apply().await.unwrap().evidence;
        assert_eq!(evidence["main: kept at"], "vault");
        assert_eq!(evidence["repositories: commits and references that exist only there"], "7");
        scene.fake.get().errors.insert("preserve", ProviderError::Unreachable("us-east-1".into()));
        assert!(scene.apply().await.unwrap_err().what.contains("nothing may be built over it"));
    }

    keeping_is_given_up_after_its_bound: Unplanned,
    {"data.preserve": {"of": "main", "in": "primary", "at_most": "90s"}}, |scene| {
        scene.fake.get().errors.insert("preserve", ProviderError::Cancelled);
        assert!(scene.apply().await.unwrap_err().what.contains("was given up after"));
        assert_eq!(scene.cx.clock.now(), Moment::ZERO + Span::from_secs(90));
    }

    snapshots_are_judged_with_all_reasons: Planned,
    {"backup.verify": {"backup": "snapshots", "in": "secondary", "newest_at_most": "5m", "encrypted": true}}, |scene| {
        let error = scene.apply().await.unwrap_err();
        assert!(error.what.contains("the newest snapshot") && error.what.contains("not encrypted"), "{}", error.what);
        assert_eq!(error.evidence["snapshots"], "10");
    }

    nothing_at_all_is_no_backup: Planned,
    {"backup.verify": {"backup": "snapshots", "in": "secondary"}}, |scene| {
        for state in scene.fake.get().world.values_mut() {
            if let ResourceState::Backup(backup) = state {
                backup.regions.values_mut().filter_map(crate::resource::Seen::known_mut).for_each(|seen| seen.count = 0);
            }
        }
        scene.refused("there is no snapshot", "").await;
    }

    a_restore_leaves_no_scratch_copy: Planned,
    {"backup.restore": {"backup": "snapshots", "in": "secondary"}}, |scene| {
        scene.apply().await.unwrap();
        assert!(scene.fake.get().scratches.is_empty());
        scene.fake.get().restored.damaged = 2;
        scene.refused("2 of 5 things that came back are damaged", "").await;
        assert!(scene.fake.get().scratches.is_empty());
        scene.fake.get().restored.checked = 0;
        scene.refused("nothing came back that could be read", "").await;
        scene.fake.get().restored.newest_age = Span::from_secs(5 * 3_600);
        scene.refused("from what was asked for (latest)", "").await;
    }

    a_restore_that_is_cut_short_leaves_no_scratch_copy: Planned,
    {"backup.restore": {"backup": "snapshots", "in": "secondary", "to": "2h ago"}}, |scene| {
        scene.fake.get().scratches.push("somebody's".into());
        scene.fake.get().errors.insert("restore", ProviderError::Cancelled);
        scene.cx.cancel.cancel();
        scene.refused("ended before an answer came", "").await;
        assert_eq!(scene.fake.get().scratches, ["somebody's"]);
    }

    a_scratch_copy_that_stays_is_told: Planned,
    {"backup.restore": {"backup": "snapshots", "in": "secondary"}}, |scene| {
        scene.fake.get().lies = true;
        let error = scene.apply().await.unwrap_err();
        assert!(error.what.contains("scratch-1 still stands"), "{}", error.what);
        assert_eq!(error.happened, Happened::Yes);
        scene.fake.get().lies = false;
        assert_eq!(scene.undo().await.unwrap()["scratch copies removed"], "scratch-1");
        assert!(scene.fake.get().scratches.is_empty());
    }

    services_are_waited_for_until_healthy_long_enough: Planned,
    {"check": {"services": "all", "healthy_for": "2m", "served_by": "primary"}}, |scene| {
        let evidence = scene.apply().await.unwrap().evidence;
        assert_eq!(scene.cx.clock.now(), Moment::ZERO + Span::from_secs(120));
        assert!(evidence["web"].contains("served by primary"));
    }

    services_served_from_elsewhere_are_told_at_the_end: Planned,
    {"check": {"services": "web", "served_by": "secondary"}}, |scene| {
        scene.cancel_after(Span::from_secs(100));
        scene.refused("web is served by primary, not by secondary", "").await;
    }

    a_service_is_waited_for_until_it_is_down: Unplanned,
    {"wait": {"service": "web", "until": "unhealthy"}}, |scene| {
        let (fake, clock) = (scene.fake.clone(), scene.cx.clock.clone());
        drop(scene.cx.clock.spawn(async move {
            clock.sleep(Span::from_secs(40)).await;
            fake.get().health.state = HealthState::Unhealthy;
        }));
        assert!(scene.apply().await.unwrap().evidence["web"].starts_with("down for"));
    }

    a_standby_is_asked_at_its_own_address: Planned,
    {"check": {"service": "web", "in": "secondary"}}, |scene| {
        scene.apply().await.unwrap();
        assert!(scene.fake.called("tcp Fixed(192.0.2.2)"), "{:?}", scene.fake.get().calls);
        scene.fake.get().status = Err(NetError { stage: Stage::Connect, text: "connection refused".into() });
        scene.refused("does not stand by in secondary at 192.0.2.2: connecting: connection refused", "").await;
    }

    a_check_judges_at_once: Planned,
    {"check": {"database": "main", "in": "secondary", "lag_at_most": "100ms"}}, |scene| {
        scene.refused("at most", "").await;
        assert_eq!(scene.cx.clock.now(), Moment::ZERO);
    }

    a_wait_looks_until_it_holds: Planned,
    {"wait": {"database": "main", "in": "secondary", "lag_at_most": "100ms"}}, |scene| {
        let (fake, clock) = (scene.fake.clone(), scene.cx.clock.clone());
        drop(scene.cx.clock.spawn(async move {
            clock.sleep(Span::from_secs(60)).await;
            fake.db(S, |it| it.lag = Some(Span::ZERO));
        }));
        scene.apply().await.unwrap();
        let waited = scene.cx.clock.now().since(Moment::ZERO);
        assert!(waited >= Span::from_secs(60) && waited <= Span::from_secs(65), "{waited}");
    }

    a_time_is_waited_for: Planned, {"wait": {"at": "2026-11-22T09:00:00Z"}}, |scene| {
        scene.apply().await.unwrap();
        assert_eq!(scene.cx.clock.wall().to_string(), "2026-11-22T09:00:00Z");
    }

    a_pause_ends_when_asked_to: Planned, {"wait": {"for": "10m"}}, |scene| {
        scene.cancel_after(Span::from_secs(5));
        scene.refused("had not passed", "").await;
    }

    a_program_is_judged_by_its_exit_code: Planned,
    {"command": {"argv": ["pause"], "observe": ["status"], "undo": ["resume"]}}, |scene| {
        scene.fake.get().programs.extend([finished(0, "paused\n"), finished(0, ""), finished(1, ""), finished(3, "")]);
        let evidence = scene.apply().await.unwrap().evidence;
        assert_eq!((evidence["exit code"].as_str(), evidence["output"].as_str()), ("0", "paused"));
        assert_eq!(scene.achieved().await, Achieved::Yes);
        assert!(matches!(scene.achieved().await, Achieved::No(_)));
        assert!(matches!(scene.achieved().await, Achieved::Unknown(_)));
    }

    a_program_that_failed_is_looked_after: Planned,
    {"command": {"argv": ["pause"], "observe": ["status"]}}, |scene| {
        scene.fake.get().programs.extend([finished(4, "no rights"), finished(0, "")]);
        let error = scene.apply().await.unwrap_err();
        assert!(error.what.contains("exit code 4") && error.what.contains("no rights"), "{}", error.what);
        assert_eq!(error.happened, Happened::Yes, "observe says that it is done");
        scene.fake.get().programs.extend([Err(ProcessError::TimedOut(Span::from_secs(300))), finished(1, "")]);
        assert_eq!(scene.apply().await.unwrap_err().happened, Happened::No);
    }

    a_program_without_observe_that_ran_out_of_time_is_in_doubt: Planned, {"command": {"argv": ["pause"]}}, |scene| {
        scene.fake.get().programs.push_back(Err(ProcessError::TimedOut(Span::from_secs(300))));
        assert_eq!(scene.apply().await.unwrap_err().happened, Happened::Unknown);
        let not = ProcessError::NotStarted { program: "pause".into(), why: "no such file".into() };
        scene.fake.get().programs.push_back(Err(not));
        scene.refused("could not be started", "").await;
        assert!(scene.undo().await.unwrap_err().what.contains("no undo"));
    }

    a_programs_undo_is_waited_for: Planned,
    {"command": {"argv": ["pause"], "observe": ["status"], "undo": ["resume"]}}, |scene| {
        scene.fake.get().programs.extend([finished(0, ""), finished(0, ""), finished(9, ""), finished(1, "")]);
        scene.undo().await.unwrap();
        assert!(scene.fake.get().programs.is_empty());
        scene.fake.get().programs.push_back(finished(1, ""));
        assert!(scene.undo().await.unwrap_err().what.contains("exit code 1"));
    }

    a_request_is_judged: Planned, {"http": {"url": "https://a.test/x", "method": "POST"}}, |scene| {
        assert_eq!(scene.apply().await.unwrap().evidence["status"], "200");
        for (status, happened) in [(404, Happened::No), (503, Happened::Unknown)] {
            scene.fake.get().status = Ok(status);
            assert_eq!(scene.apply().await.unwrap_err().happened, happened, "{status}");
        }
        for (stage, happened) in [(Stage::Connect, Happened::No), (Stage::Exchange, Happened::Unknown)] {
            scene.fake.get().status = Err(NetError { stage, text: "reset".into() });
            assert_eq!(scene.apply().await.unwrap_err().happened, happened);
        }
    }

    a_message_goes_to_a_secret_webhook: Planned,
    {"notify": {"webhook": {"env": "STATUS_HOOK"}, "message": "it \"begins\""}}, |scene| {
        scene.apply().await.unwrap();
        assert_eq!(scene.fake.get().requests[0].body.as_deref(), Some(r#"{"text":"it \"begins\""}"#));
        scene.fake.get().status = Ok(500);
        let error = scene.apply().await.unwrap_err();
        assert!(error.what.contains("did not take the message: status 500"), "{}", error.what);
        assert!(!error.what.contains("secret.invalid"));
    }

    people_approve: Planned, {"approve": {"prompt": "Start?", "quorum": 2, "deadline": "30m"}}, |scene| {
        scene.fake.get().answer = answer(Decision::Approved);
        let applied = scene.apply().await.unwrap();
        assert_eq!(applied.answer.unwrap().names, ["ada"]);
        let asked = scene.fake.get().asked[0].clone();
        assert_eq!((asked.quorum, asked.takes.median()), (2, Span::from_secs(7)));
        scene.fake.get().answer = answer(Decision::Rejected);
        let error = scene.apply().await.unwrap_err();
        assert_eq!(error.what, "rejected by ada: not today");
        assert_eq!(error.answer.unwrap().decision, Decision::Rejected);
    }

    nobody_answers: Planned, {"approve": {"prompt": "Start?", "deadline": "30m"}}, |scene| {
        scene.refused("nobody is there to answer; run at a terminal or with --yes", "").await;
        scene.fake.get().answer_takes = Span::from_secs(3_600);
        scene.refused("nobody answered within", "").await;
        assert_eq!(scene.cx.clock.now(), Moment::ZERO + Span::from_secs(1_800));
    }

    what_is_done_by_hand_is_taken_back_by_hand: Planned,
    {"manual": {"checklist": ["pull the plug"], "undo": ["put it back"]}}, |scene| {
        scene.fake.get().answer = answer(Decision::Approved);
        scene.apply().await.unwrap();
        scene.undo().await.unwrap();
        assert_eq!(scene.fake.get().asked[1].checklist, ["put it back"]);
    }
}
