//! A whole list of events at once.

use super::{Builder, Entry, Heads, Record, RecordError};
use crate::id::RunId;

impl Record {
    /// Makes a record of a run's events, `started` first. A journal that ends early makes an `incomplete` record.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn from_events(
        run: RunId,
        entries: impl IntoIterator<Item = Entry>,
        heads: Heads,
    ) -> Result<Self, RecordError> {
        let mut entries = entries.into_iter();
        let mut builder = Builder::new(run, entries.next().ok_or(RecordError::NotStarted)?)?;
        for entry in entries {
            builder.push(entry)?;
        }
        Ok(builder.record(heads))
    }

    /// As [`Record::from_events`], of events that stay where they are.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn of_events<'a>(
        run: RunId,
        entries: impl IntoIterator<Item = &'a Entry>,
        heads: Heads,
    ) -> Result<Self, RecordError> {
        let mut entries = entries.into_iter();
        let mut builder = Builder::new(run, entries.next().ok_or(RecordError::NotStarted)?.clone())?;
        for entry in entries {
            builder.push_ref(entry)?;
        }
        Ok(builder.record(heads))
    }
}
