//! How fast virtual time is: a measurement, not a test.
use super::*;

/// `cargo nextest run --lib --run-ignored only --no-capture time::tests::speed`
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
