//! Does something many times, on all cores, and takes the results in order.
//!
//! What comes of number `n` must be a function of `n` alone; then what is taken, and when it is enough, is the same on
//! any number of cores.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;

/// So far ahead of the one that is taken next, for each thread, work is begun: what bounds the memory.
const AHEAD: u64 = 16;

/// As many threads as there are processors.
#[must_use]
pub fn all_cores() -> NonZero<usize> {
    thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN)
}

/// Where the work stands.
struct Bench<R> {
    /// The next to be begun.
    next: u64,
    /// All before this one were taken.
    taken: u64,
    /// Done and not taken yet.
    done: BTreeMap<u64, thread::Result<R>>,
    /// Nothing more is to be begun.
    closed: bool,
}

/// Does `each` for 0, 1, 2 … below `count` on `threads` threads, and gives each result to `take`, in order, until that
/// breaks off; gives how many were taken. What was begun ahead and is not taken is thrown away. A panic of `each` is
/// passed on when its turn comes.
pub fn in_order<R: Send>(
    count: u64,
    threads: NonZero<usize>,
    each: impl Fn(u64) -> R + Sync,
    mut take: impl FnMut(u64, R) -> ControlFlow<()>,
) -> u64 {
    let bench = Mutex::new(Bench { next: 0, taken: 0, done: BTreeMap::new(), closed: false });
    let lock = || bench.lock().unwrap_or_else(PoisonError::into_inner);
    let (room, work) = (Condvar::new(), Condvar::new());
    let ahead = AHEAD * threads.get() as u64;
    let close = || {
        lock().closed = true;
        room.notify_all();
    };
    thread::scope(|scope| {
        let labour = || {
            loop {
                let n = {
                    let full =
                        |bench: &mut Bench<R>| !bench.closed && bench.next < count && bench.next >= bench.taken + ahead;
                    let mut bench = room.wait_while(lock(), full).unwrap_or_else(PoisonError::into_inner);
                    if bench.closed || bench.next >= count {
                        return;
                    }
                    bench.next += 1;
                    bench.next - 1
                };
                let result = catch_unwind(AssertUnwindSafe(|| each(n)));
                lock().done.insert(n, result);
                work.notify_one();
            }
        };
        for _ in 0..threads.get().min(usize::try_from(count).unwrap_or(usize::MAX)) {
            scope.spawn(labour);
        }
        for n in 0..count {
            let missing = |bench: &mut Bench<R>| !bench.done.contains_key(&n);
            let result = {
                let mut bench = work.wait_while(lock(), missing).unwrap_or_else(PoisonError::into_inner);
                bench.taken = n + 1;
                bench.done.remove(&n)
            };
            room.notify_all();
            match result {
                Some(Ok(result)) => {
                    // Whoever takes may panic too; the threads must not wait for it for ever.
                    let taken = catch_unwind(AssertUnwindSafe(|| take(n, result)));
                    match taken {
                        Ok(ControlFlow::Continue(())) => {}
                        Ok(ControlFlow::Break(())) => {
                            close();
                            return n + 1;
                        }
                        Err(panic) => {
                            close();
                            resume_unwind(panic);
                        }
                    }
                }
                Some(Err(panic)) => {
                    close();
                    resume_unwind(panic);
                }
                None => {}
            }
        }
        count
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn threads(n: usize) -> NonZero<usize> {
        NonZero::new(n).unwrap()
    }

    #[test]
    fn results_come_in_order_on_any_number_of_threads() {
        for count in [0, 1, 7, 1_000] {
            for n in [1, 2, 5] {
                let mut seen = Vec::new();
                let many = in_order(
                    count,
                    threads(n),
                    |n| n * n,
                    |n, square| {
                        seen.push((n, square));
                        ControlFlow::Continue(())
                    },
                );
                assert_eq!(many, count);
                assert_eq!(seen, (0..count).map(|n| (n, n * n)).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn it_ends_where_enough_was_seen() {
        for n in [1, 3] {
            let mut sum = 0;
            let many = in_order(
                u64::MAX,
                threads(n),
                |n| n,
                |_, n| {
                    sum += n;
                    if n == 99 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                },
            );
            assert_eq!((many, sum), (100, 4_950));
        }
    }

    #[test]
    fn a_panic_is_passed_on_and_holds_nobody_up() {
        let broken = catch_unwind(|| {
            in_order(100, threads(2), |n| assert!(n != 20, "number {n}"), |_, ()| ControlFlow::Continue(()))
        });
        assert_eq!(broken.unwrap_err().downcast_ref::<String>().unwrap(), "number 20");
        let broken =
            catch_unwind(|| in_order(1_000, threads(2), |n| n, |n, _| -> ControlFlow<()> { panic!("took {n}") }));
        assert_eq!(broken.unwrap_err().downcast_ref::<String>().unwrap(), "took 0");
    }
}
