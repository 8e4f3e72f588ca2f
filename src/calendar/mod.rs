//! When drills may begin, when they are due, and what has become of those that were. Pure: whoever asks brings the
//! instant, the time zones and what is known of past runs.
//!
//! * `windows`: when runs may begin at all;
//! * [`timetable`]: when a drill is due, by its playbook's `schedule`;
//! * [`slots`]: what has become of the times at which it was;
//! * [`holidays`]: the days of a calendar file on which it is not.
//!
//! May rely on `model` and `time`. Must never read a file or a clock.

pub mod holidays;
mod quarter;
pub mod slots;
pub mod timetable;
mod windows;

pub use quarter::{Quarter, QuarterError};
pub use windows::{Standing, Zoned, standing};
