//! Adds to a run that has ended: a lesson, a corrective action, a sign-off. Each extends the run's own chain, and the run's
//! reports are drawn anew.

use std::path::PathBuf;

use jiff::civil::Date;

use super::history::{Ends, JournalRead, Refusal};
use super::machine::machine;
use super::run::folder_of;
use super::{AppError, History, Runs, begun, real, write_reports};
use crate::engine::clean_review;
use crate::event::Event;
use crate::id::RunId;
use crate::journal::{self, Durability, JournalError, Stamp, Writer};
use crate::model::{ActionId, Person, Review};
use crate::record::{Entry, Heads, Record};
use crate::time::{Moment, wall_now};

/// The longest text that a person may add, in bytes.
const TEXT_MAX: usize = 16 * 1024;

/// What is added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Addition {
    /// A lesson.
    Lesson(String),
    /// A change of the plan that is recommended.
    PlanChange(String),
    /// A corrective action.
    OpenAction {
        /// What is to be done.
        text: String,
        /// Who does it.
        owner: Option<String>,
        /// Until when.
        due: Option<Date>,
    },
    /// The end of a corrective action of this run.
    CloseAction {
        /// Its number.
        number: u32,
        /// How it was dealt with.
        how: Option<String>,
    },
    /// Somebody stands for it that the run was reviewed.
    SignOff {
        /// In which role, as stated.
        role: Option<String>,
        /// What they have to say.
        remark: Option<String>,
    },
}

/// What is to be added to which run, and by whom.
#[derive(Clone, Debug)]
pub struct ReviewRequest {
    /// Where runs are.
    pub runs: Runs,
    /// The run, by its id or its folder.
    pub run: String,
    /// Who, as stated.
    pub by: Option<String>,
    /// What.
    pub what: Addition,
}

/// What was added.
#[derive(Debug)]
pub struct Added {
    /// To which run.
    pub run: RunId,
    /// Its folder.
    pub folder: PathBuf,
    /// The corrective action that was opened or closed, if one was.
    pub action: Option<ActionId>,
    /// The heads of its chain now.
    pub heads: Heads,
    /// What is to be said beside it.
    pub notices: Vec<String>,
}

/// Adds it.
///
/// # Errors
/// [`AppError::Usage`] if there is no such run, or what is added does not fit to it; [`AppError::Refused`] if the run goes
/// on, was left behind, or is just being added to; [`AppError::Files`].
pub fn review(request: ReviewRequest) -> Result<Added, AppError> {
    let ReviewRequest { runs, run: named, by, what } = request;
    within_bounds(&what)?;
    let folder = folder_of(&runs.reports, &named);
    let path = journal::path_in(&folder);
    if !path.is_file() {
        let reports = runs.reports.display();
        return Err(AppError::Usage(format!("there is no run `{named}` in {reports}; `muster history` lists them")));
    }
    has_ended(&runs, &named, &folder)?;
    let wrong = |error: &dyn std::fmt::Display| AppError::Files(format!("{}: {error}", path.display()));
    let ends = Ends::default();
    let (mut writer, whole) =
        Writer::take_up(&path, Durability::EachCommit, |placed| ends.decode(placed)).map_err(|error: Refusal| {
            match error {
                Refusal::Journal(JournalError::Locked { .. }) => AppError::Refused(format!(
                    "the journal of {named} is being written by another process. Nothing was added; try again"
                )),
                other => wrong(&other),
            }
        })?;
    let JournalRead { run, mut entries, heads, .. } = JournalRead::of(whole, ends);
    let record = Record::of_events(run.clone(), &entries, heads.clone()).map_err(|error| wrong(&error))?;
    let machine = machine();
    let by = Person { name: by, user: machine.user, host: machine.host };
    let review = made(what, &record)?;
    let action = match &review {
        Review::ActionOpened { number, .. } | Review::ActionClosed { number, .. } => {
            Some(ActionId { run: run.clone(), number: *number })
        }
        _ => None,
    };
    let event = match entries.first().map(|entry| &entry.event) {
        Some(Event::Started(started)) => clean_review(by, review, &real::redactor(&started.plan)),
        _ => return Err(wrong(&"it does not begin with the event `started`")),
    };
    let Event::Reviewed { by, what } = event.clone() else { return Err(wrong(&"no review was made")) };
    let at = wall_now();
    // What does not fit is refused before it is written.
    record.review.clone().take(at, by, what).map_err(|why| AppError::Usage(format!("{why}. Nothing was added")))?;
    // The run's own time ended with it: what people add has a place on the calendar, and none in the run.
    let elapsed = entries.last().map_or(Moment::ZERO, |last| last.elapsed);
    let stamp = Stamp { at, elapsed_ns: elapsed.0 };
    let committed = writer.append(stamp, std::slice::from_ref(&event)).map_err(|error| wrong(&error))?;
    writer.finish().map_err(|error| wrong(&error))?;
    entries.push(Entry { seq: committed.last_seq, at, elapsed, event });
    let heads = Heads { last: committed.head.to_string(), ..heads };
    let record = Record::from_events(run.clone(), entries, heads.clone()).map_err(|error| wrong(&error))?;
    let (_, missing) = write_reports(&record, &folder);
    let mut notices: Vec<String> = missing.iter().map(ToString::to_string).collect();
    let noted = History::open(&runs).and_then(|(history, _)| history.finished(&record));
    if let Err(error) = noted {
        notices
            .push(format!("the index of runs was not brought up to date ({error}); it is made again when it is read"));
    }
    Ok(Added { run, folder, action, heads, notices })
}

/// Nothing is added to a run before its end.
fn has_ended(runs: &Runs, named: &str, folder: &std::path::Path) -> Result<(), AppError> {
    let Some(run) = folder.file_name().and_then(|name| name.to_str()).and_then(|name| RunId::new(name).ok()) else {
        return Err(AppError::Usage(format!("`{named}` is no run; `muster history` lists them")));
    };
    let reports = folder.parent().unwrap_or(&runs.reports);
    if begun::has_ended(reports, &run) {
        return Ok(());
    }
    Err(AppError::Refused(if begun::is_written(reports, &run) {
        format!("{run} goes on: it is reviewed once it has ended. Nothing was added")
    } else {
        format!(
            "{run} has no end, and nobody carries it out: it was left behind. `muster resume {run}` takes it up again (with \
             --undo or --stop if it is not to go on); then it can be reviewed. Nothing was added"
        )
    }))
}

/// Bounds on what people type.
fn within_bounds(what: &Addition) -> Result<(), AppError> {
    let fits = |name: &str, text: &str| {
        if text.trim().is_empty() || text.len() > TEXT_MAX {
            let length = text.len();
            return Err(AppError::Usage(format!("the {name} has 1 to {TEXT_MAX} bytes, this has {length}")));
        }
        Ok(())
    };
    let maybe = |name: &str, text: &Option<String>| text.as_ref().map_or(Ok(()), |text| fits(name, text));
    match what {
        Addition::Lesson(text) | Addition::PlanChange(text) => fits("text", text),
        Addition::OpenAction { text, owner, .. } => fits("text", text).and_then(|()| maybe("owner", owner)),
        Addition::CloseAction { how, .. } => maybe("text of --how", how),
        Addition::SignOff { role, remark } => maybe("role", role).and_then(|()| maybe("remark", remark)),
    }
}

fn made(what: Addition, record: &Record) -> Result<Review, AppError> {
    Ok(match what {
        Addition::Lesson(text) => Review::Lesson { text },
        Addition::PlanChange(text) => Review::PlanChange { text },
        Addition::OpenAction { text, owner, due } => {
            Review::ActionOpened { number: record.review.next_number(), text, owner, due }
        }
        Addition::CloseAction { number, how } => Review::ActionClosed { number, how },
        Addition::SignOff { role, remark } => {
            if record.header.heads.finished.is_none() {
                return Err(AppError::Refused("the run has no end".to_owned()));
            }
            Review::SignOff { role, remark }
        }
    })
}
