//! What a task sees of time, for each kind of clock.
use std::future::{Future, pending};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;
use tokio::sync::{mpsc, oneshot};

use super::*;

/// A list that tasks write to.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn add(&self, clock: &Clock, what: &str) {
        self.0.lock().unwrap().push(format!("{} {what}", clock.now().0 / 1_000_000));
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

const fn ms(millis: u64) -> Span {
    Span::from_millis(millis)
}

const fn at(millis: u64) -> Moment {
    Moment(millis * 1_000_000)
}

fn start() -> jiff::Timestamp {
    "2026-11-22T08:42:16Z".parse().unwrap()
}

fn virtually<F, Fut>(f: F) -> Fut::Output
where
    F: FnOnce(Clock) -> Fut,
    Fut: Future,
{
    run_virtual(start(), f).unwrap()
}

#[test]
fn a_sleep_takes_exactly_its_time_and_the_wall_clock_follows() {
    virtually(|clock| async move {
        assert!(clock.is_virtual());
        clock.sleep(Span(1_234_567_891)).await;
        assert_eq!(clock.now(), Moment(1_234_567_891));
        assert_eq!(clock.wall().to_string(), "2026-11-22T08:42:17.234567891Z");
        clock.sleep_until(at(10)).await;
        clock.sleep(Span::ZERO).await;
        assert_eq!(clock.now(), Moment(1_234_567_891), "what has passed is not waited for");
    });
}

#[test]
fn at_one_instant_the_world_goes_first_and_probes_last() {
    let log = virtually(|clock| async move {
        let log = Log::default();
        let mut tasks = Vec::new();
        for (name, class) in [
            ("probe 1", Class::Probe),
            ("act 1", Class::Act),
            ("world 1", Class::World),
            ("probe 2", Class::Probe),
            ("act 2", Class::Act),
            ("world 2", Class::World),
        ] {
            let (log, clock) = (log.clone(), clock.with_class(class));
            tasks.push(clock.clone().spawn(async move {
                clock.sleep(ms(5)).await;
                log.add(&clock, name);
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
        log.lines()
    });
    assert_eq!(log, ["5 world 1", "5 world 2", "5 act 1", "5 act 2", "5 probe 1", "5 probe 2"]);
}

#[test]
fn what_follows_from_a_timer_settles_before_the_next_is_let_go() {
    let log = virtually(|clock| async move {
        let log = Log::default();
        let (send, mut receive) = mpsc::unbounded_channel();
        let world = clock.spawn({
            let (clock, log) = (clock.clone(), log.clone());
            async move {
                clock.sleep_until_as(at(5), Class::World).await;
                log.add(&clock, "world");
                send.send(()).unwrap();
            }
        });
        let relay = clock.spawn({
            let (clock, log) = (clock.clone(), log.clone());
            async move {
                receive.recv().await.unwrap();
                tokio::task::yield_now().await;
                log.add(&clock, "relay");
                // Due now, so it goes before the act that was registered long ago.
                clock.sleep_until_as(at(5), Class::World).await;
                log.add(&clock, "relay again");
            }
        });
        clock.sleep_until(at(5)).await;
        log.add(&clock, "act");
        world.await.unwrap();
        relay.await.unwrap();
        log.lines()
    });
    assert_eq!(log, ["5 world", "5 relay", "5 relay again", "5 act"]);
}

#[test]
fn a_probe_due_now_waits_for_the_world_due_now() {
    let log = virtually(|clock| async move {
        let log = Log::default();
        clock.sleep(ms(5)).await;
        let world = clock.spawn({
            let (clock, log) = (clock.clone(), log.clone());
            async move {
                clock.sleep_until_as(at(9), Class::World).await;
                log.add(&clock, "world");
            }
        });
        let act = clock.spawn({
            let (clock, log) = (clock.clone(), log.clone());
            async move {
                // The first World timer of the instant; the spawned one is the second.
                clock.sleep_until_as(at(9), Class::World).await;
                clock.sleep_until_as(at(9), Class::Probe).await;
                log.add(&clock, "probe");
            }
        });
        act.await.unwrap();
        world.await.unwrap();
        log.lines()
    });
    assert_eq!(log, ["9 world", "9 probe"]);
}

#[test]
fn cancelled_timers_move_no_time_and_leave_nothing_behind() {
    virtually(|clock| async move {
        for _ in 0..1_000 {
            assert_eq!(clock.timeout(ms(50), async { 7 }).await, Ok(7));
            assert_eq!(clock.timeout(ms(50), clock.sleep(Span(1))).await, Ok(()));
        }
        assert_eq!(clock.now(), Moment(1_000));
        let doomed = clock.spawn({
            let clock = clock.clone();
            async move { clock.sleep(ms(1)).await }
        });
        tokio::task::yield_now().await;
        assert_eq!(clock.idle().await.next, Some(Moment(1_000) + ms(1)));
        doomed.abort();
        assert!(doomed.await.unwrap_err().is_cancelled());
        assert_eq!(clock.idle().await.next, None, "all timers are gone");
        assert_eq!(clock.now(), Moment(1_000));
    });
}

#[test]
fn a_timer_that_wakes_nobody_does_not_stall_time() {
    virtually(|clock| async move {
        let mut forgotten = clock.sleep(ms(3));
        let poll = std::pin::Pin::new(&mut forgotten).poll(&mut Context::from_waker(Waker::noop()));
        assert_eq!(poll, Poll::Pending);
        clock.sleep(ms(5)).await;
        assert_eq!(clock.now(), at(5));
        forgotten.await;
        assert_eq!(clock.now(), at(5));
    });
}

#[test]
fn what_finishes_at_its_deadline_has_finished_in_time() {
    virtually(|clock| async move {
        assert_eq!(clock.timeout(ms(10), clock.sleep(ms(10))).await, Ok(()));
        assert_eq!(clock.timeout(ms(10), clock.sleep(ms(11))).await, Err(Elapsed));
        assert_eq!(clock.now(), at(20));
        // Also through another task, with a timer that was registered after the deadline.
        let (send, receive) = oneshot::channel();
        let task = clock.spawn({
            let clock = clock.clone();
            async move {
                clock.sleep(ms(4)).await;
                clock.sleep_until_as(at(30), Class::Probe).await;
                send.send("in time").unwrap();
            }
        });
        assert_eq!(clock.timeout(ms(10), receive).await, Ok(Ok("in time")));
        task.await.unwrap();
        assert_eq!(clock.timeout(Span::ZERO, clock.sleep(Span::ZERO)).await, Ok(()));
        assert_eq!(clock.timeout(Span::ZERO, pending::<()>()).await, Err(Elapsed));
        assert_eq!(clock.now(), at(30));
    });
}

#[test]
fn of_nested_deadlines_at_one_instant_the_inner_one_fires() {
    virtually(|clock| async move {
        let late_inner = async {
            clock.sleep(ms(4)).await;
            clock.timeout(ms(6), pending::<()>()).await
        };
        assert_eq!(clock.timeout(ms(10), late_inner).await, Ok(Err(Elapsed)));
        let early_inner = clock.timeout(ms(10), pending::<()>());
        assert_eq!(clock.timeout(ms(10), early_inner).await, Ok(Err(Elapsed)));
        assert_eq!(clock.now(), at(20));
    });
}

#[test]
fn deadlines_of_one_instant_fire_in_the_order_in_which_they_were_set() {
    let log = virtually(|clock| async move {
        let log = Log::default();
        let tasks = ["a", "b", "c"].map(|name| {
            let (log, own) = (log.clone(), clock.clone());
            clock.spawn(async move {
                own.timeout(ms(5), pending::<()>()).await.unwrap_err();
                log.add(&own, name);
            })
        });
        for task in tasks {
            task.await.unwrap();
        }
        log.lines()
    });
    assert_eq!(log, ["5 a", "5 b", "5 c"]);
}

#[test]
fn idle_comes_when_all_is_blocked_and_before_time_moves() {
    let log = virtually(|clock| async move {
        let log = Log::default();
        let task = clock.spawn({
            let (clock, log) = (clock.clone(), log.clone());
            async move {
                for _ in 0..3 {
                    tokio::task::yield_now().await;
                }
                log.add(&clock, "busy");
                clock.sleep(ms(5)).await;
                log.add(&clock, "awake");
            }
        });
        let other = clock.spawn({
            let (clock, log) = (clock.clone(), log.clone());
            async move {
                clock.idle().await;
                log.add(&clock, "first idle");
                clock.sleep(ms(2)).await;
            }
        });
        tokio::task::yield_now().await;
        let idle = clock.idle().await;
        log.add(&clock, &format!("second idle, next {:?}", idle.next));
        task.await.unwrap();
        other.await.unwrap();
        log.lines()
    });
    // The second waiter sees the timer that the first one set.
    assert_eq!(log, ["0 busy", "0 first idle", "0 second idle, next Some(Moment(2000000))", "5 awake"]);
}

#[test]
fn a_dropped_wait_for_idleness_is_forgotten() {
    virtually(|clock| async move {
        for _ in 0..3 {
            let mut idle = pin!(clock.idle());
            assert!(idle.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        clock.sleep(ms(1)).await;
        assert_eq!(clock.now(), at(1));
    });
}

#[test]
fn a_hold_keeps_time_from_moving_until_another_thread_has_answered() {
    for _ in 0..300 {
        virtually(|clock| async move {
            let (ask, mut asked) = mpsc::unbounded_channel::<(u32, oneshot::Sender<u32>, Hold)>();
            let thread = std::thread::spawn(move || {
                while let Some((number, answer, hold)) = asked.blocking_recv() {
                    std::thread::yield_now();
                    answer.send(number + 1).unwrap();
                    drop(hold);
                }
            });
            let ticking = clock.spawn({
                let clock = clock.clone();
                async move {
                    loop {
                        clock.sleep(Span(100_000)).await;
                    }
                }
            });
            for number in 0..5 {
                clock.sleep(ms(1)).await;
                let before = clock.now();
                let (send, answer) = oneshot::channel();
                ask.send((number, send, clock.hold())).unwrap();
                assert_eq!(answer.await, Ok(number + 1));
                assert_eq!(clock.now(), before);
            }
            drop(ask);
            ticking.abort();
            thread.join().unwrap();
        });
    }
}

#[test]
fn while_a_hold_lives_other_threads_can_still_talk_with_tasks() {
    virtually(|clock| async move {
        let (question, asked) = oneshot::channel::<oneshot::Sender<Moment>>();
        let (outer, done) = oneshot::channel();
        let hold = clock.hold();
        let thread = std::thread::spawn(move || {
            let (answer, answered) = oneshot::channel();
            question.send(answer).unwrap();
            // Would wait for ever if the hook blocked the runtime.
            outer.send(answered.blocking_recv().unwrap()).unwrap();
            drop(hold);
        });
        asked.await.unwrap().send(clock.now()).unwrap();
        assert_eq!(done.await, Ok(Moment::ZERO));
        clock.sleep(ms(1)).await;
        thread.join().unwrap();
    });
}

#[test]
fn waiting_for_ever_is_told_instead_of_hanging() {
    let stuck = run_virtual(start(), |clock| async move {
        clock.sleep(ms(4200)).await;
        pending::<()>().await;
    });
    assert_eq!(stuck, Err(Stuck { at: at(4200) }));
    assert!(stuck.unwrap_err().to_string().contains("after 4.2 s"));
    // A hold that is released without an answer, too.
    let stuck = run_virtual(start(), |clock| async move {
        let hold = clock.hold();
        let thread = std::thread::spawn(move || drop(hold));
        let (_send, receive) = oneshot::channel::<()>();
        receive.await.ok();
        thread.join().unwrap();
    });
    assert_eq!(stuck, Err(Stuck { at: Moment::ZERO }));
}

#[test]
#[should_panic(expected = "out it goes")]
fn a_panic_goes_on_in_the_caller() {
    virtually(|clock| async move {
        clock.sleep(ms(1)).await;
        panic!("out it goes");
    });
}

#[test]
fn a_run_leaves_nothing_in_memory() {
    let witness = Arc::new(());
    let kept = Arc::clone(&witness);
    let clock = virtually(|clock| async move {
        let own = clock.clone();
        clock.spawn(async move {
            own.sleep(ms(1_000)).await;
            drop(kept);
        });
        clock.sleep(ms(1)).await;
        clock
    });
    assert_eq!(Arc::strong_count(&witness), 1, "the task is gone with the runtime");
    assert_eq!(clock.now(), at(1));
    drop(clock.sleep(ms(1)));
}

#[test]
fn the_same_program_has_the_same_order() {
    let run = || {
        virtually(|clock| async move {
            let log = Log::default();
            let mut tasks = Vec::new();
            for task in 0_u64..50 {
                let (clock, log) = (clock.clone(), log.clone());
                tasks.push(clock.clone().spawn(async move {
                    for round in 0..10 {
                        clock.sleep(ms((task * 7 + round * 3) % 11)).await;
                        log.add(&clock, &task.to_string());
                    }
                }));
            }
            for task in tasks {
                task.await.unwrap();
            }
            log.lines()
        })
    };
    let first = run();
    assert_eq!(first.len(), 500);
    assert!((0..5).all(|_| run() == first));
}

#[test]
fn a_hundred_thousand_sleeps_are_done_in_no_time() {
    virtually(|clock| async move {
        for _ in 0..100_000 {
            clock.sleep(Span::from_secs(1)).await;
        }
        assert_eq!(clock.now(), Moment(Span::from_secs(100_000).0));
    });
}

// Branches.

/// Something that waits, as probes do: in sequence, with nested timeouts.
#[derive(Debug, Clone)]
enum Step {
    Sleep(u64),
    Timeout(u64, Vec<Step>),
    Hang,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let leaf = prop_oneof![8 => (0_u64..12).prop_map(Step::Sleep), 1 => Just(Step::Hang)];
    let step = leaf.prop_recursive(4, 24, 4, |inner| {
        (0_u64..25, prop::collection::vec(inner, 0..4)).prop_map(|(span, steps)| Step::Timeout(span, steps))
    });
    prop::collection::vec(step, 0..6)
}

/// Runs the steps and logs when each ended, and how.
fn perform<'a>(clock: &'a Clock, steps: &'a [Step], log: &'a Log) -> std::pin::Pin<Box<dyn Future<Output = ()> + 'a>> {
    Box::pin(async move {
        for step in steps {
            match step {
                Step::Sleep(span) => {
                    clock.sleep(ms(*span)).await;
                    log.add(clock, "slept");
                }
                Step::Timeout(span, steps) => {
                    let result = clock.timeout(ms(*span), perform(clock, steps, log)).await;
                    log.add(clock, if result.is_ok() { "in time" } else { "elapsed" });
                }
                Step::Hang => pending().await,
            }
        }
    })
}

fn on_branch(steps: &[Step], horizon: Moment) -> (bool, Vec<String>, Clock) {
    let plain = run_virtual(start(), |clock| async move { clock }).unwrap();
    let branch = plain.branch(Moment::ZERO, horizon);
    let log = Log::default();
    let ready = perform(&branch, steps, &log).as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
    (ready, log.lines(), branch)
}

proptest! {
    #[test]
    fn a_branch_gives_what_the_plain_clock_gives(steps in steps(), horizon in 0_u64..60) {
        let log = Log::default();
        let plain = run_virtual(start(), |clock| {
            let (steps, log) = (&steps, &log);
            async move {
                perform(&clock, steps, log).await;
                clock.now()
            }
        });

        let (ready, lines, branch) = on_branch(&steps, Moment::MAX);
        prop_assert_eq!(&lines, &log.lines());
        prop_assert_eq!(ready, plain.is_ok());
        prop_assert!(!branch.overrun());
        prop_assert_eq!(branch.now(), plain.unwrap_or_else(|stuck| stuck.at));

        // With a horizon it is the same up to there, and it says so if there was more.
        let (ready, lines, branch) = on_branch(&steps, at(horizon));
        let all = log.lines();
        let known: Vec<_> = all
            .iter()
            .filter(|line| line.split(' ').next().unwrap().parse::<u64>().unwrap() < horizon)
            .cloned()
            .collect();
        if horizon > 0 {
            prop_assert_eq!(&lines, &known);
            prop_assert_eq!(ready, plain.is_ok_and(|end| end < at(horizon)));
            // A plain hang, with no deadline around it, is pending without being overrun.
            prop_assert_eq!(branch.overrun(), lines.len() < all.len() || (!ready && plain.is_ok()));
        }
    }
}

#[test]
fn a_branch_is_its_own_and_stops_at_its_horizon() {
    virtually(|clock| async move {
        let branch = clock.branch(at(100), at(110));
        assert_eq!(branch.now(), at(100));
        assert_eq!(branch.wall().as_nanosecond() - clock.wall().as_nanosecond(), 100_000_000);
        let mut cx = Context::from_waker(Waker::noop());
        assert!(pin!(branch.sleep(ms(9))).poll(&mut cx).is_ready());
        assert!(!branch.overrun());
        assert!(pin!(branch.sleep(ms(1))).poll(&mut cx).is_pending(), "the horizon is not known");
        assert!(branch.overrun());
        assert_eq!(branch.now(), at(109));
        assert_eq!(clock.now(), Moment::ZERO);
        drop(branch.hold());
        assert_eq!(branch.idle().await, Idle { next: None });
        assert!(branch.is_virtual() && !clock.overrun());
    });
}

// The real clock.

#[test]
fn the_real_clock_moves_forward() {
    run_real(|clock| async move {
        assert!(!clock.is_virtual());
        let before = clock.now();
        clock.sleep(ms(2)).await;
        assert!(clock.now().since(before) >= ms(2));
        assert_eq!(clock.timeout(Span::ZERO, async { 1 }).await, Ok(1));
        assert_eq!(clock.timeout(ms(1), pending::<()>()).await, Err(Elapsed));
        clock.sleep_until(Moment::ZERO).await;
        assert_eq!(clock.idle().await, Idle { next: None });
        assert_eq!(clock.spawn(async { 5 }).await.unwrap(), 5);
        drop(clock.hold());
        assert!(clock.wall() > start());
    })
    .unwrap();
}

// Spans, moments, ticks.

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

/// `cargo nextest run --lib --run-ignored only --no-capture time::tests::how_fast`
#[test]
#[ignore = "a measurement"]
#[expect(clippy::print_stdout, reason = "a measurement is printed")]
fn how_fast() {
    const COUNT: u32 = 1_000_000;
    let report = |what: &str, clock: &Clock, since: Moment| {
        let nanos = clock.now().since(since).0;
        println!("{what}: {} ns each", nanos / u64::from(COUNT));
    };
    let real = Clock::real();
    let since = real.now();
    virtually(|clock| async move {
        for _ in 0..COUNT {
            clock.sleep(ms(1)).await;
        }
    });
    report("sleeps in the root task", &real, since);
    let since = real.now();
    virtually(|clock| async move {
        let tasks: Vec<_> = (0..1_000)
            .map(|task| {
                let own = clock.clone();
                clock.spawn(async move {
                    for _ in 0..COUNT / 1_000 {
                        own.sleep(Span(1_000 + task)).await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    report("sleeps in 1,000 tasks", &real, since);
    let since = real.now();
    virtually(|clock| async move {
        for _ in 0..COUNT {
            let _ = clock.timeout(ms(5), clock.sleep(ms(1))).await;
        }
    });
    report("sleeps in a timeout", &real, since);
    let since = real.now();
    let plain = virtually(|clock| async move { clock });
    for sample in 0..u64::from(COUNT) {
        let branch = plain.branch(Moment(sample), Moment::MAX);
        let future = branch.timeout(ms(5), branch.sleep(ms(1)));
        assert!(pin!(future).poll(&mut Context::from_waker(Waker::noop())).is_ready());
    }
    report("samples in a timeout, each on a branch of its own", &real, since);
}
