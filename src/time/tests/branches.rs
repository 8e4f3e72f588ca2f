//! A branch gives what the plain clock gives, as far as it is known.
use proptest::prelude::*;

use super::*;

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

/// Polls until it is done, moving the horizon just past what is waited for each time; says how often that was needed.
fn in_small_steps(steps: &[Step]) -> (bool, Vec<String>, Moment) {
    let plain = run_virtual(start(), |clock| async move { clock }).unwrap();
    let branch = plain.branch(Moment::ZERO, Moment::ZERO);
    let log = Log::default();
    let mut future = perform(&branch, steps, &log);
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        if future.as_mut().poll(&mut cx).is_ready() {
            return (true, log.lines(), branch.now());
        }
        let Some(awaited) = branch.awaited() else { break };
        branch.extend(awaited + Span(1));
    }
    drop(future);
    (false, log.lines(), branch.now())
}

proptest! {
    #[test]
    fn a_branch_can_go_on_from_its_horizon(steps in steps()) {
        let (ready, lines, branch) = on_branch(&steps, Moment::MAX);
        prop_assert_eq!(in_small_steps(&steps), (ready, lines, branch.now()));
    }
}
