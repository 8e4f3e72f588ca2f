use super::{csv, html, json, text};
use crate::calendar::Quarter;
use crate::record::quarters::{Cell, CellState, Coverage, Figure, Line};
use crate::report::Style;
use crate::time::Span;

fn figure() -> Figure {
    Figure {
        run: "20260210-090000-failover".to_owned(),
        at: "2026-02-10T09:00:00Z".parse().unwrap(),
        simulated: false,
        verdict: Some("passed".to_owned()),
        rta_ns: Some(Span::from_secs(170).0),
        none_seen: None,
        rto: Some((Span::from_secs(900), crate::measure::Judgement::Met)),
        rpa_ns: None,
        rpo: Some((Span::from_secs(30), crate::measure::Judgement::NotMeasured)),
    }
}

fn coverage() -> Coverage {
    let quarters = "2026-Q4".parse::<Quarter>().unwrap().last(4);
    let cell = |state| Cell { state, ..Cell::default() };
    let line = |name: &str, title: &str| Line {
        name: name.to_owned(),
        title: title.to_owned(),
        owner: None,
        playbooks: vec![],
        cells: vec![
            Cell {
                passed: 1,
                failed: 1,
                simulated: 3,
                run: Some("20260210-090000-failover".to_owned()),
                measured: Some(figure()),
                ..cell(CellState::Passed)
            },
            Cell { simulated: 1, ..cell(CellState::SimulatedOnly) },
            Cell { missed: 1, ..cell(CellState::Missed) },
            Cell { due: 1, ..cell(CellState::Due) },
        ],
        next_due: Some("2026-11-10T09:00:00Z".parse().unwrap()),
        overdue_since: Some("2026-08-16T09:00:00Z".parse().unwrap()),
        figures: vec![figure()],
    };
    Coverage {
        at: "2026-10-01T00:00:00Z".parse().unwrap(),
        quarters,
        playbooks: vec![line("failover", "The <b>failover</b>")],
        services: vec![line("web", "=cmd|' /C calc'!A0, \"web\"")],
    }
}

#[test]
fn a_table_says_what_each_quarter_shows() {
    let shown = text(&coverage(), &Style { width: 100, ..Style::default() });
    for told in [
        "2026-Q1",
        "✓ passed",
        "1 failed, 3 simulated",
        "simulated only",
        "✗ missed",
        "overdue",
        "≤ 2 min 50 s of 15 min, met",
        "not measured; 30 s allowed",
        "Service",
        "Overdue since 2026-08-16 09:00 UTC: failover",
        "no evidence of a real failover",
    ] {
        assert!(shown.contains(told), "{told} is missing:\n{shown}");
    }
    assert!(shown.lines().all(|line| line.chars().count() <= 100), "{shown}");
}

#[test]
fn the_same_as_json_csv_and_a_page() {
    let value: serde_json::Value = serde_json::from_str(&json(&coverage())).unwrap();
    assert_eq!(value["playbooks"][0]["cells"][2]["state"], "missed");
    assert_eq!((value["kind"].as_str(), value["quarters"][0].as_str()), (Some("muster-status"), Some("2026-Q1")));
    let csv = csv(&coverage());
    assert_eq!(csv.lines().count(), 9);
    assert!(
        csv.contains(
            "playbook,\"failover\",\"The <b>failover</b>\",2026-Q1,passed,1,1,0,3,0,0,\"20260210-090000-failover\",170000,900000,met,,30000,not measured,2026-11-10"
        ),
        "{csv}"
    );
    assert!(
        csv.contains("\"'=cmd|' /C calc'!A0, \"\"web\"\"\""),
        "a spreadsheet must not take a title for a formula: {csv}"
    );
    let page = html(&coverage());
    assert!(page.contains("The &lt;b&gt;failover&lt;/b&gt;") && !page.contains("<b>failover</b></b>"));
    assert!(page.contains("Overdue: failover.") && page.contains("≤ 2 min 50 s of 15 min, met"));
}

#[test]
fn the_figures_of_services_are_shown_too_and_an_outage_that_was_not_seen_is_no_zero() {
    let mut coverage = coverage();
    coverage.services[0].figures[0].rta_ns = None;
    coverage.services[0].figures[0].none_seen = Some(Span::from_secs(3));
    let shown = text(&coverage, &Style { width: 400, ..Style::default() });
    let line = shown.lines().find(|line| line.contains("none longer than")).unwrap_or_else(|| panic!("{shown}"));
    assert!(
        line.contains("web") && line.contains("none longer than 3 s would have been missed of 15 min, met"),
        "{line}"
    );
    assert!(html(&coverage).contains("none longer than 3 s would have been missed"));
}
