//! Checks what another version of Muster drew: each file against what this version draws of the same journal, figure by figure.
//!
//! Three things can come of a file: it follows; it contradicts the journal, and the bundle does not hold; or it is laid
//! out so that nobody can tell, and is named. What is not named follows.

use std::collections::BTreeSet;

use super::contents::{INDEX, Index, JOURNAL, RECORD, REPORTS, Told, belongs, contents_index, covered, drawn};
use super::contents::{exhibit_name, told};
use super::figures::{Counted, Held, names, pins, stamped};
use crate::bundle::Files;
use crate::calendar::Quarter;
use crate::journal::LineHash;
use crate::record::Record;

/// A file that could not be held against the journals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unheld {
    /// Its name in the bundle.
    pub file: String,
    /// Why.
    pub why: String,
}

/// The shape of a file: how it is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Markdown,
    Page,
    Xml,
    Json,
}

fn shape(name: &str) -> Option<Shape> {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("md") => Some(Shape::Markdown),
        Some("html") => Some(Shape::Page),
        Some("xml") => Some(Shape::Xml),
        Some("json") => Some(Shape::Json),
        _ => None,
    }
}

struct Looked<'f> {
    files: &'f Files,
    /// The files that were looked at.
    known: BTreeSet<String>,
    unheld: Vec<Unheld>,
}

/// Holds every file against the journals. Gives the records, and the files of which it can't be told.
///
/// # Errors
/// Says what contradicts them.
pub(super) fn figure_by_figure(
    top: &str,
    files: &Files,
    index: &Index,
    quarter: Option<Quarter>,
) -> Result<(Vec<Record>, Vec<Unheld>), String> {
    let mut looked = Looked { files, known: BTreeSet::from([INDEX.to_owned()]), unheld: Vec::new() };
    let mut records = Vec::new();
    for run in &index.runs {
        let record = looked.run(&run.folder)?;
        if record.header.run.as_str() != run.run || quarter.is_none() && top != run.run {
            return Err(format!("the journal of {} is that of {}", run.run, record.header.run));
        }
        records.push(record);
    }
    let own = contents_index(&records, quarter, &index.muster).map_err(|error| error.to_string())?;
    let counted = Counted::of(&records);
    looked.hold(INDEX, &own, &counted, Shape::Json)?;
    if let Some(quarter) = quarter {
        let simulated = records.iter().any(|record| record.header.simulated.is_stamped());
        for (name, own) in covered(quarter, &records) {
            let Some(shape) = shape(&name).filter(|_| files.contains_key(&name)) else {
                return Err(format!("{name} is missing"));
            };
            looked.hold(&name, &own, &counted, shape)?;
            if simulated {
                stamped(looked.text(&name)?).map_err(|why| format!("{name}: {why}"))?;
            }
        }
    }
    match files.keys().find(|name| !looked.known.contains(*name)) {
        Some(name) => Err(format!("{name} does not belong into the bundle")),
        None => Ok((records, looked.unheld)),
    }
}

impl Looked<'_> {
    fn text(&self, name: &str) -> Result<&str, String> {
        let content = self.files.get(name).ok_or_else(|| format!("{name} is missing"))?;
        std::str::from_utf8(content).map_err(|error| format!("{name}: {error}"))
    }

    /// Holds a file against what this version draws.
    fn hold(&mut self, name: &str, own: &[u8], counted: &Counted, shape: Shape) -> Result<(), String> {
        self.known.insert(name.to_owned());
        let told = self.text(name)?;
        if told.as_bytes() == own {
            return Ok(());
        }
        let differs = |why: String| format!("{name}: {why}");
        let own_text = std::str::from_utf8(own).map_err(|error| differs(error.to_string()))?;
        let held: Held = match shape {
            Shape::Markdown => counted.markdown(told, own_text),
            Shape::Page => counted.page(told, own_text),
            Shape::Xml => counted.xml(told, own_text),
            Shape::Json => counted.json(told.as_bytes(), own),
        }
        .map_err(differs)?;
        if let Some(why) = held.why() {
            self.unheld.push(Unheld { file: name.to_owned(), why });
        }
        Ok(())
    }

    /// Holds the files of a run against its journal.
    fn run(&mut self, folder: &str) -> Result<Record, String> {
        let within = |name: &str| format!("{folder}{name}");
        let journal = self.files.get(&within(JOURNAL)).ok_or_else(|| format!("{} is missing", within(JOURNAL)))?;
        let Told { record, exhibits } = told(journal).map_err(|error| error.to_string())?;
        let own = drawn(&record).map_err(|error| error.to_string())?;
        for exhibit in exhibits.values() {
            let name = within(&exhibit_name(exhibit));
            let content = self.files.get(&name).ok_or_else(|| format!("{name} is missing"))?;
            if LineHash::of(content).to_string() != exhibit.sha256 {
                return Err(format!("{name} is not the file that was given"));
            }
        }
        let counted = Counted::of([&record]);
        let pins = pins(&record);
        let exhibits: BTreeSet<String> = exhibits.values().map(exhibit_name).collect();
        let names_of_run: Vec<String> =
            self.files.keys().filter_map(|name| name.strip_prefix(folder)).map(str::to_owned).collect();
        for name in names_of_run {
            let full = within(&name);
            let is_report = name.starts_with("reports/");
            if folder.is_empty() && name == INDEX {
                continue;
            }
            if !belongs(&name, &own, &exhibits) {
                if !is_report {
                    return Err(format!("{full}: it does not belong into the bundle"));
                }
                // A report that this version does not know may say anything.
                self.known.insert(full.clone());
                self.unheld.push(Unheld { file: full, why: "this version knows no such report".to_owned() });
                continue;
            }
            let Some(drawn) = own.get(&name) else {
                // The journal and what people gave: held above.
                self.known.insert(full);
                continue;
            };
            match shape(&name).filter(|_| is_report || name == RECORD) {
                None if self.files.get(&full) != Some(drawn) => {
                    return Err(format!("{full}: it is not the document that the journal has"));
                }
                None => {
                    self.known.insert(full);
                }
                Some(shape) => {
                    self.hold(&full, drawn, &counted, shape)?;
                    let text = self.text(&full)?;
                    let differs = |why: String| format!("{full}: {why}");
                    if REPORTS.iter().any(|(_, known)| *known == name) && shape != Shape::Xml {
                        names(text, &pins).map_err(differs)?;
                    }
                    if record.header.simulated.is_stamped() && is_report {
                        stamped(text).map_err(differs)?;
                    }
                }
            }
        }
        let missing = own.keys().find(|name| {
            let needed = *name == RECORD || !name.starts_with("reports/");
            needed && !self.files.contains_key(&within(name))
        });
        match missing {
            Some(missing) => Err(format!("{} is missing", within(missing))),
            None => Ok(record),
        }
    }
}
