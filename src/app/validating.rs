//! Finds the documents that are meant by files, folders, patterns and standard input, and checks each of them.

use std::path::Path;

use super::load::{Request, read_document, read_plan};
use crate::diagnostic::{Diagnostic, Silenced, Sources};
use crate::model::{Environment, Plan};
use crate::plan;
use crate::yaml::{self, Node};

/// Documents at most, of folders and patterns.
const FILES_MAX: usize = 10_000;
/// How deep folders are looked into.
const DEPTH_MAX: usize = 16;
/// Standard input, as a file's name.
const STANDARD_INPUT: &str = "-";

/// What a document is, and whether it is right.
#[derive(Debug)]
pub enum Verdict {
    /// A playbook, with its plan if nothing is wrong.
    Playbook(Option<Box<Plan>>),
    /// An infrastructure file: its name and environment if nothing is wrong.
    Infrastructure(Option<(String, Environment)>),
    /// It can't be read, or nothing is there; why.
    Unreadable(String),
}

/// A document that was checked.
#[derive(Debug)]
pub struct Validated {
    /// Its path.
    pub path: String,
    /// What it is.
    pub verdict: Verdict,
    /// What is wrong with it, and with what it names.
    pub diagnostics: Vec<Diagnostic>,
    /// Warnings that it silences.
    pub silenced: Vec<Silenced>,
    /// The texts that diagnostics point into.
    pub sources: Sources,
}

impl Validated {
    /// Whether nothing refuses it.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        match &self.verdict {
            Verdict::Playbook(plan) => plan.is_some(),
            Verdict::Infrastructure(known) => known.is_some(),
            Verdict::Unreadable(_) => false,
        }
    }

    fn unreadable(path: &str, why: String) -> Self {
        let (diagnostics, silenced, sources) = (Vec::new(), Vec::new(), Sources::new());
        Self { path: path.to_owned(), verdict: Verdict::Unreadable(why), diagnostics, silenced, sources }
    }
}

/// Checks what is meant by `named`: each a file, a folder with the documents in it, a pattern such as `drills/*.yaml`, or
/// `-` for standard input. `request` says the rest.
#[must_use]
pub fn validate(named: &[String], request: &Request) -> Vec<Validated> {
    let mut all = Vec::new();
    for one in named {
        match meant_by(one) {
            Ok(Meant::File) => all.push(document(one, request)),
            Ok(Meant::Several(paths)) => all.extend(paths.iter().map(|path| document(path, request))),
            Err(why) => all.push(Validated::unreadable(one, why)),
        }
    }
    all
}

enum Meant {
    File,
    Several(Vec<String>),
}

fn meant_by(named: &str) -> Result<Meant, String> {
    let path = Path::new(named);
    if path.is_dir() {
        let mut found = Vec::new();
        documents_in(path, 0, &mut found)?;
        if found.is_empty() {
            return Err(format!("there is no playbook and no infrastructure file in the folder {named}"));
        }
        return Ok(Meant::Several(found));
    }
    if named == STANDARD_INPUT || path.exists() || !named.contains(['*', '?', '[']) {
        return Ok(Meant::File);
    }
    // The shell found nothing, or has no patterns.
    let paths = glob::glob(named).map_err(|error| format!("the pattern {named} is not well-formed: {error}"))?;
    let mut found = Vec::new();
    for path in paths.flatten() {
        if path.is_dir() {
            documents_in(&path, 0, &mut found)?;
        } else {
            found.push(path.to_string_lossy().into_owned());
        }
        within_bounds(found.len())?;
    }
    if found.is_empty() { Err(format!("the pattern {named} fits no file")) } else { Ok(Meant::Several(found)) }
}

fn within_bounds(found: usize) -> Result<(), String> {
    if found > FILES_MAX {
        Err(format!("more than {FILES_MAX} files are meant: name a smaller folder"))
    } else {
        Ok(())
    }
}

/// The documents of a folder and the folders in it, by their names. What is no document of Muster is passed over, and so
/// is what is hidden.
fn documents_in(folder: &Path, depth: usize, found: &mut Vec<String>) -> Result<(), String> {
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{} can't be read: {error}", folder.display()))?;
    let mut paths: Vec<_> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let hidden = path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
        if hidden {
            continue;
        }
        // A link to a folder may lead round in circles.
        if path.is_dir() && !path.is_symlink() && depth < DEPTH_MAX {
            documents_in(&path, depth + 1, found)?;
        } else if path.is_file() && path.extension().is_some_and(|end| end == "yaml" || end == "yml") {
            let name = path.to_string_lossy().into_owned();
            if read_document(&name).is_ok_and(|bytes| kind_of(&name, &bytes).is_some()) {
                found.push(name);
                within_bounds(found.len())?;
            }
        }
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Playbook,
    Infrastructure,
}

/// What a text is, by its keys; of one that can't be read to its end, by its lines.
fn kind_of(path: &str, bytes: &[u8]) -> Option<Kind> {
    let parsed = yaml::parse(path, bytes);
    let has = |key: &str| match &parsed.node {
        Some(node) => node.get(key).is_some(),
        None => parsed.text.lines().any(|line| line.strip_prefix(key).is_some_and(|rest| rest.starts_with(':'))),
    };
    if !has("phases") && (has("regions") || has("environment")) {
        return Some(Kind::Infrastructure);
    }
    let unreadable = parsed.node.as_ref().and_then(Node::as_map).is_none() && !parsed.diagnostics.is_empty();
    (has("phases") || has("muster") && has("name") || unreadable && has("muster")).then_some(Kind::Playbook)
}

fn document(path: &str, request: &Request) -> Validated {
    let bytes = match read_document(path) {
        Ok(bytes) => bytes,
        Err(why) => return Validated::unreadable(path, format!("the playbook {path} can't be read: {why}")),
    };
    if kind_of(path, &bytes) == Some(Kind::Infrastructure) {
        let checked = plan::infrastructure(path, &bytes);
        return Validated {
            path: path.to_owned(),
            verdict: Verdict::Infrastructure(checked.infrastructure.map(|it| (it.name, it.environment))),
            diagnostics: checked.diagnostics,
            silenced: checked.silenced,
            sources: checked.sources,
        };
    }
    let loaded = read_plan(&Request { playbook: path.to_owned(), ..request.clone() }, &bytes);
    Validated {
        path: path.to_owned(),
        verdict: Verdict::Playbook(loaded.plan.map(Box::new)),
        diagnostics: loaded.diagnostics,
        silenced: loaded.silenced,
        sources: loaded.sources,
    }
}
