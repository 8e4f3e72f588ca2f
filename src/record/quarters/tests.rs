use super::{CellState, Coverage, Watched, coverage};
use crate::calendar::Quarter;
use crate::calendar::slots::{Begun, Worth, slots};
use crate::calendar::timetable::Timetable;
use crate::id::RunId;
use crate::measure::Judgement;
use crate::model::Schedule;
use crate::record::{IndexDetail, IndexRow, IndexService, LegVerdict};
use crate::time::Span;

fn row(began: &str, verdict: Option<&str>, simulated: bool) -> IndexRow {
    let service = |id: &str, fell_short| IndexService {
        id: id.to_owned(),
        title: id.to_uppercase(),
        rta: Some((Span::from_secs(100), Span::from_secs(120))),
        none_seen: None,
        rto: Some((Span::from_secs(600), if fell_short { Judgement::Missed } else { Judgement::Met })),
        fell_short,
        outages: vec![],
    };
    let at: jiff::Timestamp = began.parse().unwrap();
    IndexRow {
        run: RunId::make(at, "failover").unwrap(),
        playbook: "failover".to_owned(),
        title: "The failover".to_owned(),
        environment: "lab".to_owned(),
        mode: "planned".to_owned(),
        started_at: began.to_owned(),
        finished_at: None,
        verdict: verdict.map(str::to_owned),
        world: None,
        exit_code: None,
        rta_ns: Some(120_000_000_000),
        rpa_ns: None,
        journal_head: String::new(),
        simulated,
        detail: IndexDetail {
            failover: Some(LegVerdict::Passed),
            services: vec![service("push", verdict == Some("failed")), service("web", false)],
            ..IndexDetail::default()
        },
    }
}

/// Of the four quarters of 2026, without a schedule.
fn of(rows: &[IndexRow]) -> Coverage {
    let quarters = "2026-Q4".parse::<Quarter>().unwrap().last(4);
    coverage("2026-12-01T00:00:00Z".parse().unwrap(), &quarters, &[], rows)
}

fn states(coverage: &Coverage) -> Vec<CellState> {
    coverage.playbooks[0].cells.iter().map(|cell| cell.state).collect()
}

#[test]
fn the_last_real_drill_of_a_quarter_counts_and_all_are_counted() {
    use CellState::{BrokenOff, Failed, Nothing, Passed, SimulatedOnly};
    let rows = [
        row("2026-05-01T00:00:00Z", Some("passed"), false),
        row("2026-02-01T00:00:00Z", Some("failed"), false),
        row("2026-03-01T00:00:00Z", Some("passed"), false),
        row("2026-06-01T00:00:00Z", Some("failed"), false),
        row("2026-07-01T00:00:00Z", Some("passed"), true),
        row("2026-11-01T00:00:00Z", None, false),
    ];
    let found = of(&rows);
    assert_eq!(states(&found), [Passed, Failed, SimulatedOnly, Nothing]);
    let first = &found.playbooks[0].cells[0];
    assert_eq!((first.passed, first.failed), (1, 1));
    assert_eq!(first.run.as_deref(), Some("20260301-000000-failover"));
    assert_eq!(states(&of(&[row("2026-02-01T00:00:00Z", Some("aborted"), false)]))[0], BrokenOff);
    assert_eq!(found.playbooks[0].figures.len(), 6);
}

#[test]
fn a_service_is_judged_by_itself() {
    let found = of(&[row("2026-02-01T00:00:00Z", Some("failed"), false)]);
    let state = |name: &str| found.services.iter().find(|line| line.name == name).unwrap().cells[0].state;
    assert_eq!((state("push"), state("web")), (CellState::Failed, CellState::Passed));
    assert_eq!(found.services[0].figures[0].rta_ns, Some(120_000_000_000));
}

#[test]
fn a_quarter_in_which_a_drill_was_due_and_none_took_place_was_missed_also_where_it_was_simulated() {
    let text = r#"{"every":"quarter","on":"second tuesday of the second month","at":"09:00"}"#;
    let schedule: Schedule = serde_json::from_str(text).unwrap();
    let table = Timetable::new(&schedule, jiff::tz::TimeZone::UTC);
    let time = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
    let done = [Begun { at: time("2026-02-10T09:00:00Z"), occurrence: None, worth: Worth::Done }];
    let now = time("2026-10-01T00:00:00Z");
    let window = (time("2026-01-01T00:00:00Z"), time("2027-01-01T00:00:00Z"));
    let watched = Watched {
        playbook: "failover".to_owned(),
        title: "The failover".to_owned(),
        owner: None,
        zone: jiff::tz::TimeZone::UTC,
        services: vec![("web".to_owned(), "Web".to_owned())],
        slots: slots(&table, schedule.if_missed.within(), window, now, &done),
    };
    let rows = [row("2026-02-10T09:00:00Z", Some("passed"), false), row("2026-05-01T00:00:00Z", Some("passed"), true)];
    let quarters = "2026-Q4".parse::<Quarter>().unwrap().last(4);
    let found = coverage(now, &quarters, &[watched], &rows);
    let expected = [CellState::Passed, CellState::Missed, CellState::Missed, CellState::Due];
    assert_eq!(states(&found), expected);
    let web = found.services.iter().find(|line| line.name == "web").unwrap();
    assert_eq!(web.cells.iter().map(|cell| cell.state).collect::<Vec<_>>(), expected);
    assert_eq!(found.overdue().count(), 1);
    assert_eq!(found.playbooks[0].next_due.unwrap().to_string(), "2026-11-10T09:00:00Z");
}

#[test]
fn a_run_counts_for_the_quarter_in_which_it_began_where_its_schedule_is_meant() {
    let with = |zone: Option<&str>| {
        let mut row = row("2026-03-31T22:30:00Z", Some("passed"), false);
        row.detail.zone = zone.map(str::to_owned);
        states(&of(&[row])).iter().position(|state| *state == CellState::Passed)
    };
    assert_eq!(with(None), Some(0));
    assert_eq!(with(Some("Europe/Amsterdam")), Some(1));
    assert_eq!(with(Some("America/New_York")), Some(0));
}

#[test]
fn a_cell_tells_what_the_drill_that_counts_measured() {
    let mut last = row("2026-03-01T00:00:00Z", Some("failed"), false);
    last.rta_ns = None;
    last.detail.none_seen = Some(Span::from_secs(3));
    let found = of(&[row("2026-02-01T00:00:00Z", Some("passed"), false), last]);
    let measured = found.playbooks[0].cells[0].measured.as_ref().unwrap();
    assert_eq!((measured.run.as_str(), measured.none_seen), ("20260301-000000-failover", Some(Span::from_secs(3))));
}
