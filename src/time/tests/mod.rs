//! What a task sees of time, for each kind of clock.
use std::future::{Future, pending};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use tokio::sync::{mpsc, oneshot};

use super::*;

mod branches;
mod values;

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
