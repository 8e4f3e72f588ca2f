//! The rules of the house, held: who may import whom, what is pure, how long a file may be, what nothing is called.
//!
//! The order of the layers is the order of `pub mod` in `src/lib.rs`, and nothing else. Code under `#[cfg(test)]` may
//! use what it likes: a test of a report may build a journal.

mod paths;
mod rules;
mod tests;
mod tokens;

use std::fs;
use std::path::{Path, PathBuf};

/// A source file as the rules see it.
struct Source {
    /// From the repository's top, with slashes.
    path: String,
    text: String,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }
}

/// Every file under `folder` of the repository, in order; hidden and built ones apart.
fn files(folder: &str) -> Vec<Source> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders = vec![top.join(folder)];
    while let Some(folder) = folders.pop() {
        let mut entries: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            let name = path.file_name().unwrap().to_str().unwrap();
            // In a worktree `.git` is a file.
            if path.is_dir() || name == ".git" {
                if !["target", ".git", "reports", "__pycache__"].contains(&name) {
                    folders.push(path);
                }
            } else if let Ok(text) = fs::read_to_string(&path) {
                found.push(Source::new(path.strip_prefix(top).unwrap().to_str().unwrap(), &text));
            }
        }
    }
    found
}

fn sources() -> Vec<Source> {
    let mut sources = files("src");
    sources.retain(|source| Path::new(&source.path).extension().is_some_and(|extension| extension == "rs"));
    assert!(sources.len() > 50, "the source was not found");
    sources
}

/// Fails with every offence, one a line.
#[track_caller]
fn none(offences: &[String]) {
    assert!(offences.is_empty(), "{} offences:\n{}", offences.len(), offences.join("\n"));
}

#[test]
fn a_module_imports_only_from_modules_above_its_own() {
    let sources = sources();
    let layers = rules::layers(&sources);
    none(&rules::upward_imports(&sources, &layers));
}

#[test]
fn the_pure_modules_do_no_io_and_know_no_clock_and_no_async() {
    let sources = sources();
    let layers = rules::layers(&sources);
    for module in rules::PURE {
        assert!(layers.iter().any(|layer| layer == module), "{module} is no module of src/lib.rs");
    }
    none(&rules::impurities(&sources));
}

#[test]
fn every_event_goes_to_the_journal_by_the_door_that_takes_out_secrets() {
    none(&rules::doors(&sources()));
}

#[test]
fn no_file_is_about_two_things() {
    none(&rules::long_files(&[files("src"), files("tests"), files("examples")].concat_all()));
}

#[test]
fn no_test_is_left_out_of_a_run() {
    none(&rules::ignored_tests(&[files("src"), files("tests"), files("examples")].concat_all()));
}

#[test]
fn no_module_is_a_drawer_for_everything() {
    none(&rules::drawers(&[files("src"), files("tests")].concat_all()));
}

#[test]
fn no_file_names_a_place_on_one_persons_machine() {
    none(&rules::private_places(&files(""), env!("CARGO_MANIFEST_DIR")));
}

/// Several lists as one.
trait ConcatAll {
    fn concat_all(self) -> Vec<Source>;
}

impl<const N: usize> ConcatAll for [Vec<Source>; N] {
    fn concat_all(self) -> Vec<Source> {
        self.into_iter().flatten().collect()
    }
}
