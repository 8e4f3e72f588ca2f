//! What moves users and data: DNS, databases, storages, regions.

use super::*;

scenes! {
    dns_is_done_when_every_authoritative_server_answers: Planned,
    {"dns.switch": {"records": ["code"], "to": "secondary"}}, |scene| {
        scene.fake.get().stale_looks = 2;
        assert!(matches!(scene.achieved().await, Achieved::No(_)));
        let applied = scene.apply().await.unwrap();
        assert_eq!(applied.evidence["code"], "192.0.2.1 (TTL 60s) -> 192.0.2.2 (TTL 60s)".replace("60s", &Span::from_secs(60).to_string()));
        assert_eq!(scene.achieved().await, Achieved::No("ns2 still answers 192.0.2.1 for code".into()));
        scene.fake.get().stale_looks = 0;
        assert_eq!(scene.achieved().await, Achieved::Yes);
        assert_eq!(scene.prove().await.unwrap()["code at ns2"], "192.0.2.2");
    }

    dns_that_lies_is_not_achieved: Planned,
    {"dns.switch": {"records": ["code"], "to": "secondary"}}, |scene| {
        scene.fake.get().lies = true;
        scene.apply().await.unwrap();
        assert!(matches!(scene.achieved().await, Achieved::No(_)));
    }

    dns_undo_puts_the_record_back_and_waits_for_every_server: Planned,
    {"dns.switch": {"records": ["code"], "to": "secondary"}}, |scene| {
        scene.apply().await.unwrap();
        scene.fake.get().stale_looks = 3;
        scene.undo().await.unwrap();
        assert_eq!(scene.fake.get().world, scene.before);
        assert_eq!(scene.fake.get().stale_looks, 0, "undo ended before the servers answered");
        scene.undo().await.unwrap();
        assert_eq!(scene.fake.get().calls.len(), 2, "an undo of what stands already changes nothing");
    }

    dns_undo_never_overwrites_what_somebody_else_set: Planned,
    {"dns.switch": {"records": ["code"], "to": "secondary"}}, |scene| {
        scene.apply().await.unwrap();
        if let Some(ResourceState::Dns(now)) = scene.fake.get().world.get_mut(&id("code")) {
            now.record.values = vec!["203.0.113.9".into()];
        }
        let error = scene.undo().await.unwrap_err();
        assert!(error.what.contains("changed by somebody else") && error.what.contains("203.0.113.9"), "{}", error.what);
        assert_eq!(scene.fake.get().calls.len(), 1);
    }

    dns_changed_meanwhile_is_told_as_such: Planned,
    {"dns.switch": {"records": ["code"], "to": "secondary"}}, |scene| {
        scene.fake.get().errors.insert("change", ProviderError::Changed("203.0.113.9".into()));
        scene.refused("changed by somebody else meanwhile (203.0.113.9)", "").await;
    }

    a_fence_needs_both_sessions_refused: Planned,
    {"database.fence": {"database": "main", "in": "primary"}}, |scene| {
        let applied = scene.apply().await.unwrap();
        assert_eq!(applied.evidence["position"], "1000");
        assert_eq!(scene.achieved().await, Achieved::Yes);
        scene.prove().await.unwrap();
        scene.fake.get().proof.old_session = None;
        let error = scene.apply().await.unwrap_err();
        assert_eq!(error.happened, Happened::Yes);
        assert!(error.what.contains("a session from before it could still write"), "{}", error.what);
    }

    a_fence_that_still_takes_a_write_is_not_proven: Planned,
    {"database.fence": {"database": "main", "in": "primary"}}, |scene| {
        scene.fake.get().write = Some(WriteAttempt::Acknowledged);
        scene.apply().await.unwrap();
        assert!(scene.prove().await.unwrap_err().what.contains("still took a write"));
    }

    an_unreachable_fence_is_passed_over_only_if_allowed: Unplanned,
    {"database.fence": {"database": "main", "in": "primary", "unreachable": "continue"}}, |scene| {
        scene.fake.get().errors.insert("fence", ProviderError::Unreachable("us-east-1".into()));
        let error = scene.apply().await.unwrap_err();
        assert_eq!(error.happened, Happened::Unknown, "it can be seen, so it is not out of reach: {}", error.what);
        scene.fake.lose(P);
        let applied = scene.apply().await.unwrap();
        assert!(applied.settled);
        assert_eq!(applied.warning.unwrap(), "main in primary could not be reached: nothing was fenced (us-east-1)");
    }

    an_unreachable_fence_fails_by_default: Unplanned,
    {"storage.fence": {"storage": "repositories", "in": "primary"}}, |scene| {
        scene.fake.get().errors.insert("fence", ProviderError::Unreachable("us-east-1".into()));
        assert_eq!(scene.apply().await.unwrap_err().happened, Happened::Unknown);
    }

    the_undo_of_a_fence_lets_writes_in_again: Planned,
    {"storage.fence": {"storage": "repositories", "in": "primary"}}, |scene| {
        scene.apply().await.unwrap();
        scene.undo().await.unwrap();
        assert_eq!(scene.fake.get().world, scene.before);
    }

    a_fence_stays_when_the_other_side_was_promoted: Planned,
    {"database.fence": {"database": "main", "in": "primary"}}, |scene| {
        scene.apply().await.unwrap();
        scene.fake.db(S, |it| { it.role = ReplicaRole::Primary; it.writable = true; });
        let error = scene.undo().await.unwrap_err();
        assert!(error.what.contains("stays fenced in primary: it was promoted in secondary"), "{}", error.what);
        assert!(!scene.fake.called("unfence"));
    }

    a_fence_that_lies_about_going_is_not_believed: Planned,
    {"database.fence": {"database": "main", "in": "primary"}}, |scene| {
        scene.apply().await.unwrap();
        scene.fake.get().lies = true;
        scene.cancel_after(Span::from_secs(20));
        assert!(scene.undo().await.unwrap_err().what.contains("not seen to be"));
    }

    a_drained_promotion_waits_for_the_fenced_position: Planned,
    {"database.promote": {"database": "main", "to": "secondary"}}, |scene| {
        scene.fake.db(P, |it| { it.fenced = true; it.writable = false; });
        scene.fake.get().catch_up = 30;
        let applied = scene.apply().await.unwrap();
        assert!(scene.cx.clock.now() >= Moment::ZERO + Span::from_millis(250));
        assert_eq!(applied.evidence["fenced position"], "1000");
        assert_eq!(applied.evidence["position at promotion"], "1020");
        assert_eq!(scene.achieved().await, Achieved::Yes);
        assert_eq!(scene.prove().await.unwrap()["proving write"], "acknowledged");
        assert!(scene.undo().await.unwrap_err().what.contains("can't be taken back"));
    }

    a_drained_promotion_that_is_asked_to_end_promotes_nothing: Planned,
    {"database.promote": {"database": "main", "to": "secondary"}}, |scene| {
        scene.fake.db(P, |it| { it.fenced = true; it.writable = false; });
        scene.cancel_after(Span::from_secs(30));
        scene.refused("has 900 of 1000", "promote").await;
        assert_eq!(scene.cx.clock.now(), Moment::ZERO + Span::from_secs(30));
    }

    nothing_is_promoted_while_the_other_side_takes_writes: Unplanned,
    {"database.promote": {"database": "main", "to": "secondary"}}, |scene| {
        scene.refused("would make two sides take them", "promote").await;
    }

    a_drained_promotion_needs_a_fence: Planned,
    {"storage.promote": {"storage": "repositories", "to": "secondary"}}, |scene| {
        if let Some(ResourceState::Storage(state)) = scene.fake.get().world.get_mut(&id("repositories")) {
            state.regions.get_mut(&P).unwrap().known_mut().unwrap().writable = false;
        }
        scene.refused("is not fenced: there is nothing to drain to", "promote").await;
    }

    an_unreachable_original_is_no_obstacle_unplanned: Unplanned,
    {"database.promote": {"database": "main", "to": "secondary"}}, |scene| {
        scene.fake.lose(P);
        let applied = scene.apply().await.unwrap();
        assert_eq!(applied.evidence["lag at promotion"], Span::from_millis(400).to_string());
    }

    an_unreachable_original_stops_a_planned_promotion: Planned,
    {"database.promote": {"database": "main", "to": "secondary", "drain": false}}, |scene| {
        scene.fake.lose(P);
        scene.refused("nothing is promoted blind", "promote").await;
    }

    positions_of_two_timelines_are_not_compared: Planned,
    {"database.promote": {"database": "main", "to": "secondary"}}, |scene| {
        scene.fake.db(P, |it| { it.fenced = true; it.writable = false; it.timeline = 2; });
        scene.refused("can't be compared", "promote").await;
    }

    a_side_that_does_not_follow_is_promoted_only_where_the_loss_is_accepted: Planned,
    {"database.promote": {"database": "main", "to": "secondary", "drain": false}}, |scene| {
        scene.fake.db(P, |it| { it.fenced = true; it.writable = false; });
        scene.fake.db(S, |it| it.replicates_from = None);
        scene.refused("does not follow primary: what primary took since exists only there", "promote").await;
        let mut scene = scene;
        Arc::make_mut(&mut scene.tools.plan).discard = true;
        scene.apply().await.unwrap();
        assert!(scene.fake.called("promote"));
    }

    an_old_primary_is_not_promoted_before_it_was_built_anew: Planned,
    {"database.promote": {"database": "main", "to": "primary", "drain": false}}, |scene| {
        scene.fake.db(P, |it| { it.fenced = true; it.writable = false; });
        scene.fake.db(S, |it| { it.role = ReplicaRole::Primary; it.fenced = true; it.writable = false; it.replicates_from = None; });
        scene.refused("primary does not follow secondary", "promote").await;
        let mut scene = scene;
        Arc::make_mut(&mut scene.tools.plan).discard = true;
        scene.refused("its fence would outlive the promotion", "promote").await;
    }

    a_promotion_that_lies_or_refuses_writes_is_not_proven: Unplanned,
    {"database.promote": {"database": "main", "to": "secondary"}}, |scene| {
        scene.fake.lose(P);
        scene.fake.get().lies = true;
        scene.apply().await.unwrap();
        assert!(matches!(scene.achieved().await, Achieved::No(_)));
        assert_eq!(scene.prove().await.unwrap_err().happened, Happened::Yes);
    }

    replication_never_overwrites_what_takes_writes: Planned,
    {"database.replicate": {"database": "main", "from": "secondary", "to": "primary"}}, |scene| {
        scene.refused("would destroy them", "replicate").await;
        scene.fake.db(P, |it| { it.fenced = true; it.writable = false; });
        scene.fake.db(S, |it| it.replicates_from = None);
        scene.refused("is itself a replica", "replicate").await;
        scene.fake.db(S, |it| { it.role = ReplicaRole::Primary; it.writable = true; });
        let scene = scene.having_kept("main", P);
        scene.apply().await.unwrap();
        assert_eq!(scene.achieved().await, Achieved::Yes);
        assert!(scene.prove().await.unwrap().contains_key("lag"));
        assert!(scene.undo().await.is_err());
    }

    what_nobody_kept_is_not_overwritten: Unplanned,
    {"database.replicate": {"database": "main", "from": "secondary", "to": "primary"}}, |scene| {
        scene.fake.db(P, |it| { it.fenced = true; it.writable = false; it.replicates_from = None; });
        scene.fake.db(S, |it| { it.role = ReplicaRole::Primary; it.writable = true; it.replicates_from = None; });
        scene.refused("may hold writes that exist nowhere else", "replicate").await;
        // A copy of another side, or of another database, is none of this.
        let mut scene = scene.having_kept("main", S).having_kept("other", P);
        scene.refused("`data.preserve: { of: [main], in: primary }`", "replicate").await;
        Arc::make_mut(&mut scene.tools.plan).discard = true;
        scene.apply().await.unwrap();
        assert!(scene.fake.called("replicate"));
    }

    a_copy_that_stopped_following_has_nothing_of_its_own: Planned,
    {"database.replicate": {"database": "main", "from": "primary", "to": "secondary"}}, |scene| {
        scene.fake.db(S, |it| { it.replicates_from = None; it.lag = None; });
        scene.apply().await.unwrap();
        assert!(scene.fake.called("replicate"));
    }

    an_original_that_was_never_replaced_is_not_built_anew: Planned,
    {"database.replicate": {"database": "main", "from": "secondary", "to": "primary"}}, |scene| {
        scene.fake.db(P, |it| { it.fenced = true; it.writable = false; });
        let applied = scene.apply().await.unwrap();
        assert!(applied.settled && applied.warning.unwrap().contains("nothing was promoted in secondary"));
        assert!(!scene.fake.called("replicate"));
        scene.prove().await.unwrap();
    }

    a_fenced_original_takes_writes_again_once_its_copy_is_fenced: Planned,
    {"database.promote": {"database": "main", "to": "primary", "drain": true}}, |scene| {
        scene.fake.db(P, |it| { it.fenced = true; it.writable = false; });
        scene.refused("fence secondary too before primary takes writes again", "unfence").await;
        scene.fake.db(S, |it| it.fenced = true);
        scene.apply().await.unwrap();
        assert!(scene.fake.called("unfence") && !scene.fake.called("promote"));
        assert_eq!(scene.achieved().await, Achieved::Yes);
    }

    a_copy_that_is_fenced_is_built_anew: Planned,
    {"database.replicate": {"database": "main", "from": "primary", "to": "secondary"}}, |scene| {
        assert_eq!(scene.achieved().await, Achieved::Yes);
        scene.fake.db(S, |it| it.fenced = true);
        assert!(matches!(scene.achieved().await, Achieved::No(_)));
    }

    a_replica_whose_lag_is_not_known_is_not_proven: Planned,
    {"database.replicate": {"database": "main", "from": "primary", "to": "secondary"}}, |scene| {
        scene.apply().await.unwrap();
        scene.fake.db(S, |it| it.lag = None);
        scene.cancel_after(Span::from_secs(10));
        assert!(scene.prove().await.unwrap_err().what.contains("not known"));
    }

    isolation_adds_to_what_stands_and_is_taken_back: Unplanned,
    {"region.isolate": {"region": "primary", "from": ["users", "secondary"]}}, |scene| {
        scene.apply().await.unwrap();
        assert_eq!(scene.achieved().await, Achieved::Yes);
        scene.undo().await.unwrap();
        assert_eq!(scene.fake.get().world, scene.before);
    }

    isolation_stays_when_something_was_promoted: Unplanned,
    {"region.isolate": {"region": "primary", "from": ["users"]}}, |scene| {
        scene.apply().await.unwrap();
        scene.fake.lose(P);
        scene.fake.db(S, |it| { it.role = ReplicaRole::Primary; it.writable = true; it.timeline = 2; });
        let error = scene.undo().await.unwrap_err();
        assert!(error.what.contains("main took over in secondary"), "{}", error.what);
        assert_eq!(scene.fake.get().calls.len(), 1);
    }

    the_secondary_region_can_be_cut_off_and_come_back: Unplanned,
    {"region.isolate": {"region": "secondary", "from": ["users"]}}, |scene| {
        scene.apply().await.unwrap();
        scene.fake.lose(S);
        scene.undo().await.unwrap();
        assert!(!scene.fake.called("rejoin"));
    }

    a_region_rejoins_with_what_was_promoted_away_fenced: Unplanned,
    {"region.rejoin": {"region": "primary", "fenced": ["main"]}}, |scene| {
        let cut = serde_json::from_value(serde_json::json!({"region": {"isolated_from": ["users"]}})).unwrap();
        scene.fake.get().world.insert(region_resource(P), cut);
        scene.fake.lose(P);
        scene.fake.db(S, |it| { it.role = ReplicaRole::Primary; it.writable = true; it.timeline = 2; });
        scene.apply().await.unwrap();
        assert!(scene.fake.called("rejoin primary 1"));
        assert_eq!(scene.achieved().await, Achieved::Yes);
        assert_eq!(scene.prove().await.unwrap()["main"], "fenced");
        scene.fake.db(P, |it| { it.fenced = false; it.writable = true; });
        assert!(scene.prove().await.unwrap_err().what.contains("not fenced in it"));
    }

    a_region_does_not_rejoin_unfenced_after_a_promotion: Unplanned,
    {"region.rejoin": {"region": "primary"}}, |scene| {
        let cut = serde_json::from_value(serde_json::json!({"region": {"isolated_from": ["users"]}})).unwrap();
        scene.fake.get().world.insert(region_resource(P), cut);
        scene.fake.lose(P);
        scene.fake.db(S, |it| { it.role = ReplicaRole::Primary; it.writable = true; it.timeline = 2; });
        scene.refused("main took over in secondary", "isolation").await;
        scene.fake.db(S, |it| { it.role = ReplicaRole::Replica; it.writable = false; });
        scene.apply().await.unwrap();
        assert!(scene.fake.called("isolation primary reachable"));
    }
}
