//! What Muster itself does, on standard error: warnings always, more with `-v`, nothing with `-q`.
//!
//! A log is for whoever looks for a fault in Muster or in its surroundings. What happens in a drill is in its journal,
//! so nothing of it depends on anybody listening here.

use std::fmt::{self, Write as _};
use std::io::Write as _;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use super::arguments::Common;

/// Listens from now on.
pub(super) fn listen(common: &Common) {
    if common.quiet {
        return;
    }
    let most = match common.verbose {
        0 => Level::WARN,
        1 => Level::INFO,
        2 => Level::DEBUG,
        _ => Level::TRACE,
    };
    // Somebody listening already is no error: tests share a process.
    let _ = tracing::subscriber::set_global_default(Lines { most });
}

/// A line for each message of Muster's own; those of its dependencies are left out.
struct Lines {
    most: Level,
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() <= self.most && metadata.target().starts_with("muster")
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        let level = event.metadata().level().as_str().to_ascii_lowercase();
        let _ = writeln!(std::io::stderr().lock(), "{level}: {}{}", line.message, line.fields);
    }

    // There are no spans: nothing here asks for one.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// A message and its fields as text.
#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a text never fails.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}
