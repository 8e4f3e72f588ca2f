//! Spans, moments and ticks.
use proptest::prelude::*;

use super::*;

#[test]
fn spans_are_read_as_playbooks_write_them() {
    for (text, span, short) in [
        ("200ms", ms(200), "200ms"),
        ("10s", ms(10_000), "10s"),
        ("2m", ms(120_000), "2m"),
        ("1h", ms(3_600_000), "1h"),
        ("30d", ms(30 * 86_400_000), "30d"),
        ("1m30s", ms(90_000), "1m30s"),
        ("90s", ms(90_000), "1m30s"),
        ("0s", Span::ZERO, "0s"),
        ("1.5s", ms(1_500), "1.5s"),
        ("1s500ms", ms(1_500), "1.5s"),
        ("1.5h", ms(5_400_000), "1h30m"),
        ("0.25d", ms(21_600_000), "6h"),
        ("1.50ms", Span(1_500_000), "1.5ms"),
        ("1m0.000000001s", Span(60_000_000_001), "1m0.000000001s"),
        ("7us", Span(7_000), "7us"),
        ("12ns", Span(12), "12ns"),
        ("1d2h3m4s5ms", ms(93_784_005), "1d2h3m4.005s"),
    ] {
        assert_eq!(text.parse(), Ok(span), "{text}");
        assert_eq!(span.short(), short);
        assert_eq!(Span::parse(short), Ok(span), "{short}");
    }
}

#[test]
fn what_people_are_shown_is_read_back_to_what_it_is_rounded_to() {
    for nanos in
        [0, 7, 15_000, 430_000_000, 999_600_000, 2_540_000_000, 65_000_000_000, 4_000_000_000_000, 200_000_000_000_000]
    {
        let (span, shown) = (Span(nanos), Span(nanos).to_string());
        let back = Span::parse_shown(&shown).unwrap_or_else(|| panic!("{shown}"));
        assert_eq!(back.to_string(), shown);
        assert!(back.0.abs_diff(span.0) <= span.0 / 20, "{shown}: {back:?} of {span:?}");
    }
    for text in ["", "4", "4 parsecs", "4 min 12", "s 4", "1 d 2 h 3 min"] {
        assert_eq!(Span::parse_shown(text), None, "{text}");
    }
}

#[test]
fn what_is_no_span_is_refused_with_the_units() {
    for (text, says) in [
        ("", "missing"),
        ("10", "lacks a unit"),
        ("1m30", "lacks a unit"),
        ("s", "not a duration"),
        ("-1s", "not a duration"),
        (" 1s", "not a duration"),
        ("1 s", "unknown unit ` s`"),
        ("1w", "unknown unit `w`"),
        ("10S", "unknown unit `S`"),
        ("5\u{b5}s", "unknown unit"),
        ("1.s", "not a duration"),
        (".5s", "not a duration"),
        ("1.2.3s", "not a duration"),
        ("30s1m", "not in order"),
        ("1s1s", "not in order"),
        ("1.5ns", "finer than a nanosecond"),
        ("0.00000000000000000001d", "finer than a nanosecond"),
        ("213504d", "too long"),
        ("99999999999999999999s", "too long"),
        ("1000000000000000000000000000000000000000000000000000000000000000s", "too long"),
    ] {
        let error = Span::parse(text).unwrap_err().to_string();
        assert!(error.contains(says), "{text}: {error}");
        assert!(error.contains("ms") && error.contains('d'), "{error}");
    }
}

#[test]
fn spans_are_printed_for_people() {
    for (nanos, text) in [
        (0, "0 s"),
        (999, "999 ns"),
        (1_500, "2 µs"),
        (1_300_000, "1.3 ms"),
        (2_000_000, "2 ms"),
        (9_950_000, "10 ms"),
        (212_400_000, "212 ms"),
        (999_600_000, "1 s"),
        (4_249_000_000, "4.2 s"),
        (10_000_000_000, "10 s"),
        (59_949_999_999, "59.9 s"),
        (59_950_000_000, "1 min"),
        (252_000_000_000, "4 min 12 s"),
        (245_000_000_000, "4 min 05 s"),
        (3_599_499_999_999, "59 min 59 s"),
        (3_599_500_000_000, "1 h"),
        (3_780_000_000_000, "1 h 03 min"),
        (86_369_999_999_999, "23 h 59 min"),
        (86_370_000_000_000, "1 d"),
        (187_200_000_000_000, "2 d 4 h"),
        (u64::MAX, "213504 d"),
    ] {
        assert_eq!(Span(nanos).to_string(), text, "{nanos}");
    }
    assert_eq!(format!("[{:>6}] [{:<6}]", ms(4_000), ms(4_000)), "[   4 s] [4 s   ]");
}

proptest! {
    #[test]
    fn the_short_form_is_exact(nanos: u64, shift in 0_u32..64) {
        let span = Span(nanos >> shift);
        prop_assert_eq!(Span::parse(&span.short()), Ok(span));
    }

    #[test]
    fn ticks_never_drift(first in 0_u64..1_000, every in 0_u64..50, now in 0_u64..5_000) {
        let ticks = Ticks { first: Moment(first), every: Span(every) };
        let next = ticks.after(Moment(now));
        prop_assert!(ticks.at(next) > Moment(now));
        prop_assert!(next == 0 || ticks.at(next - 1) <= Moment(now));
    }
}

#[test]
fn arithmetic_stays_within_its_bounds() {
    assert_eq!(Moment::MAX + ms(1), Moment::MAX);
    assert_eq!(at(1) - at(2), Span::ZERO);
    assert_eq!(at(5).since(at(2)), ms(3));
    assert_eq!(at(1).saturating_sub(ms(2)), Moment::ZERO);
    assert_eq!(Span::MAX + ms(1), Span::MAX);
    assert_eq!(ms(1) - ms(2), Span::ZERO);
    assert_eq!([ms(1), ms(2)].into_iter().sum::<Span>(), ms(3));
    assert_eq!(ms(10).mul_f64(1.5), ms(15));
    assert_eq!(ms(10).mul_f64(-1.0), Span::ZERO);
    assert_eq!(ms(10).mul_f64(f64::NAN), Span::ZERO);
    assert_eq!(Span::from(std::time::Duration::MAX), Span::MAX);
    assert_eq!(std::time::Duration::from(ms(7)), std::time::Duration::from_millis(7));
    assert_eq!(serde_json::to_string(&(at(1), ms(1))).unwrap(), "[1000000,1000000]");
    let far = Ticks { first: Moment::MAX, every: ms(1) };
    assert_eq!(far.at(far.after(Moment::MAX)), Moment::MAX);
}
