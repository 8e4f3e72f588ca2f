//! Whether a run may begin now, by the windows of its playbook and its infrastructure file.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::AppError;
use crate::calendar::timetable::Timetable;
use crate::calendar::{Standing, Zoned, standing};
use crate::model::Plan;

/// When the plan's schedule has it due next after `at`; `None` without a schedule, and where nothing is due any more.
pub(super) fn next_due(plan: &Plan, at: Timestamp) -> Option<Timestamp> {
    let schedule = plan.schedule.as_ref()?;
    // Its name was looked up when the playbook was read.
    let zone = TimeZone::get(&schedule.timezone).ok()?;
    Timetable::new(schedule, zone).from(at).map(|due| due.at).find(|due| *due > at)
}

/// Why a run must not begin at `at`, for people; `None` if it may.
///
/// # Errors
/// [`AppError::Usage`]: this machine does not know a time zone that they are in.
pub(super) fn closed(plan: &Plan, at: Timestamp) -> Result<Option<String>, AppError> {
    let zone = |name: &str| {
        TimeZone::get(name).map_err(|error| AppError::Usage(format!("the time zone `{name}` is not known: {error}")))
    };
    let zoned = plan.windows.iter().map(|windows| Ok(Zoned { windows, zone: zone(&windows.timezone)? }));
    let zoned = zoned.collect::<Result<Vec<_>, AppError>>()?;
    Ok(match standing(&zoned, at) {
        Standing::Open => None,
        Standing::Closed { because, next } => {
            let zone = zoned.first().map_or(TimeZone::UTC, |first| first.zone.clone());
            let next = match next {
                Some(next) => format!("it may next begin at {}", next.to_zoned(zone).strftime("%Y-%m-%d %H:%M %Z")),
                None => "it may not begin within the next two years".to_owned(),
            };
            Some(format!("outside of its windows: {because}; {next}"))
        }
    })
}
