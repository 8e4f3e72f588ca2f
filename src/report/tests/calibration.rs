use super::*;
use crate::id::RunId;
use crate::rehearsal::calibration::reliability;
use crate::time::Span;

fn fitting() -> Fitting {
    let between = |p50: u64, p95: u64| {
        Distribution::from_quantiles((50.0, Span::from_secs(p50)), (95.0, Span::from_secs(p95))).unwrap()
    };
    let run = |day: u32| RunId::new(&format!("202611{day:02}-084216-quarterly-failover")).unwrap();
    let line = |setting: &str, before, after, samples: u32, effective| Line {
        setting: setting.to_owned(),
        before,
        after,
        samples,
        effective,
        few: effective < 5.0,
        newest: run(22),
    };
    let share = Share::new;
    let one = |of, below, within, up_to, count, findings| Reliability {
        of,
        runs: 14,
        below_p50: share(below, count),
        within: share(within, count),
        up_to_p95: share(up_to, count),
        certain: (if of == Kind::Loss { 22 } else { 0 }, 21),
        unknown: u64::from(of == Kind::Steps),
        findings,
    };
    Fitting {
        infrastructure: "production".to_owned(),
        half_life: Span::from_secs(180 * 86_400),
        runs: vec![run(22), run(1)],
        simulated: 12,
        elsewhere: [("staging".to_owned(), 1)].into(),
        lines: vec![
            line("main promotion", Some(between(35, 80)), between(31, 58), 24, 11.2),
            line("quarterly-failover: step drain-the-load-balancer takes", None, between(12, 70), 2, 1.6),
        ],
        notes: vec![format!("{}: main: it was simulated: left out", run(1))],
        reliability: vec![
            one(Kind::Recovery, 13, 25, 27, 28, vec![Finding::Agrees]),
            one(Kind::Loss, 2, 3, 3, 6, vec![Finding::TooFew]),
            one(Kind::Steps, 40, 170, 180, 200, vec![Finding::TooShort, Finding::TooNarrow]),
        ],
        forecasts: 14,
    }
}

#[test]
fn a_calibration_reads_so() {
    let text = text(&fitting(), &Style::default());
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    insta::assert_snapshot!(text);
    assert_eq!(reliability::ENOUGH, 20);
}

#[test]
fn the_same_as_json() {
    let value: serde_json::Value = serde_json::from_str(&json(&fitting())).unwrap();
    assert_eq!((&value["kind"], &value["lines"][0]["after"]["p50"]), (&"muster-calibration".into(), &"31s".into()));
    assert_eq!(value["reliability"][2]["findings"][1], "too_narrow");
}
