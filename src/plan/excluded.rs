//! The days of the calendar files that a schedule names.

use super::files::{Read, beside};
use crate::calendar::holidays;
use crate::diagnostic::Diagnostic;
use crate::model::Schedule;
use crate::model::schedule::NotOn;
use crate::playbook::Name;

/// Calendar files that a schedule may name.
const FILES_MAX: usize = 20;

/// Reads the calendar files of a schedule into it, by their paths from the folder of the playbook.
pub(super) fn resolve(
    schedule: &mut Schedule,
    name: &Name,
    playbook: &str,
    read: &Read<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let mut files = 0;
    for excluded in &mut schedule.not_on {
        let NotOn::Ics { ics, days } = excluded else { continue };
        files += 1;
        if files > FILES_MAX {
            let message = format!("a schedule names at most {FILES_MAX} calendar files");
            diagnostics.push(Diagnostic::error("M136", message).at(name.place_of(ics)).help("put them into one"));
            return;
        }
        let found = read(&beside(playbook, ics)).and_then(|bytes| holidays::read(&bytes));
        match found {
            Ok(found) => *days = found,
            Err(why) => diagnostics.push(
                Diagnostic::error("M136", format!("the calendar file {ics} can't be used: {why}"))
                    .at(name.place_of(ics))
                    .help("the path is taken from the playbook's folder; the file is an iCalendar file of whole days"),
            ),
        }
    }
}
