//! How fast it is known when drills are due: 10,000 schedules of every kind over ten years.
//!
//! `cargo run --release --example schedule-rate` does it five times, each on one core, and prints how long each took.

use std::error::Error;
use std::io::Write as _;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use muster::calendar::timetable::Timetable;
use muster::model::Schedule;
use muster::time::since_boot;

const SCHEDULES: usize = 10_000;
const ZONES: [&str; 4] = ["Europe/Amsterdam", "America/New_York", "Asia/Kolkata", "Australia/Sydney"];

/// As many of a kind as teams have: most every quarter, some every week, a few by cron.
fn schedule(number: usize) -> Result<Schedule, serde_json::Error> {
    let zone = ZONES[number % ZONES.len()];
    let rhythm = match number % 10 {
        0..=4 => r#""every":"quarter","on":"second tuesday of the second month","at":"09:00""#,
        5 | 6 => r#""every":"month","on":"last friday","at":"09:00""#,
        7 => r#""every":"week","on":"tuesday","at":"02:30""#,
        8 => r#""every":"year","on":"29 february","at":"09:00""#,
        _ => r#""every":"30 9 * * mon""#,
    };
    serde_json::from_str(&format!(
        r#"{{{rhythm},"timezone":"{zone}","not_on":["2026-12-24..2027-01-02","2027-12-24..2028-01-02"]}}"#
    ))
}

fn main() -> Result<(), Box<dyn Error>> {
    let schedules = (0..SCHEDULES).map(schedule).collect::<Result<Vec<_>, _>>()?;
    let from: Timestamp = "2026-01-01T00:00:00Z".parse()?;
    let until = from.to_zoned(TimeZone::UTC).checked_add(10.years())?.timestamp();
    for _ in 0..5 {
        let began = since_boot();
        let mut found = 0_usize;
        for schedule in &schedules {
            let table = Timetable::new(schedule, TimeZone::get(&schedule.timezone)?);
            found += table.from(from).take_while(|it| it.at < until).count();
        }
        let took = since_boot() - began;
        writeln!(std::io::stdout(), "{found} times of {SCHEDULES} schedules: {:.3} ms", took.0 as f64 / 1e6)?;
    }
    Ok(())
}
