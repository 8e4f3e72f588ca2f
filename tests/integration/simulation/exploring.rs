//! What a case is judged by: the truth, held against what its record says.

use muster::app::Rehearsed;
use muster::app::rehearsing::explore::truth;
use muster::catalogue::Mode;
use muster::id::{RegionRole, ResourceId, ServiceId};
use muster::model::Plan;
use muster::rehearsal::exploration::ends::end;
use muster::rehearsal::exploration::{End, Truth};
use muster::time::Span;

use super::scene::{quarterly, rehearse, with};

/// A drill, in truth and as it is told.
fn drill(faults: &[&str]) -> (Plan, Rehearsed, Truth) {
    let loaded = quarterly(Mode::Unplanned, &[("soak", "1m")]);
    let faults: Vec<String> = faults.iter().map(|&fault| fault.to_owned()).collect();
    let it = rehearse(&loaded, &with(1, &faults));
    let truth = truth(&loaded.plan, &it.aftermath);
    (loaded.plan, it, truth)
}

/// The end of a drill that passed, if the truth were another.
fn passed_but(change: impl FnOnce(&mut Truth)) -> (End, Vec<String>) {
    let (plan, it, mut truth) = drill(&[]);
    change(&mut truth);
    end(&plan, &it.record, it.exit, &truth, 0)
}

#[test]
fn a_drill_that_passed_is_no_more_than_that() {
    assert_eq!(passed_but(|_| ()), (End::Passed, Vec::new()));
}

#[test]
fn of_several_bad_ends_it_is_the_worst_and_the_others_are_told() {
    let (end, why) = passed_but(|truth| {
        truth.two_writers = vec![ResourceId::new("main").unwrap()];
        truth.users_out = vec![ServiceId::new("web").unwrap()];
    });
    assert_eq!(end, End::TwoWriters);
    assert!(why[0].contains("main") && why.iter().any(|why| why.contains("nobody was told")), "{why:?}");
    assert!(why.last().unwrap().contains("users of web are out"), "{why:?}");
}

#[test]
fn a_report_that_does_not_tell_what_became_of_a_resource_is_not_true() {
    let (end, why) = passed_but(|truth| {
        let before = truth.before.clone();
        let region = muster::resource::region_resource(RegionRole::Secondary);
        truth.after.insert(region, before[&ResourceId::new("main").unwrap()].clone());
    });
    assert_eq!(end, End::ReportNotTrue, "{why:?}");
}

#[test]
fn more_lost_than_the_playbook_accepts_is_a_bad_end_whatever_was_measured() {
    let lost = |secs| {
        let (main, secondary) = (ResourceId::new("main").unwrap(), RegionRole::Secondary);
        passed_but(move |truth| truth.losses = vec![(main, secondary, Span::from_secs(secs))])
    };
    assert_eq!(lost(20).0, End::Passed);
    let (end, why) = lost(31);
    assert_eq!(end, End::DataLostBeyondTheObjective);
    // The canaries saw nothing of it, so the report is wrong, too.
    assert!(why.iter().any(|why| why.contains("says that its RPO was met")), "{why:?}");
}

#[test]
fn what_an_unplanned_promotion_leaves_behind_is_known_and_a_planned_one_leaves_nothing() {
    let (_, it, _) = drill(&[]);
    let to: Vec<RegionRole> = it.aftermath.losses.iter().map(|(_, to, _)| *to).collect();
    assert!(!to.is_empty() && to.iter().all(|to| *to == RegionRole::Secondary), "{:?}", it.aftermath.losses);
    let planned = rehearse(&quarterly(Mode::Planned, &[("soak", "1m")]), &with(1, &[]));
    assert_eq!(planned.aftermath.losses, Vec::new());
}

#[test]
fn a_fault_that_nothing_met_is_told_from_one_that_did_no_harm() {
    let met = |fault: &str| drill(&[fault]).1.aftermath.met.len();
    assert_eq!((met("dns=slow"), met("region.secondary=fails")), (1, 0));
    // Nothing goes wrong before it, so it is never taken back.
    assert_eq!(met("stay=fails-in-undo"), 0);
    assert_eq!(met("isolate=fails-in-undo"), 1);
}
