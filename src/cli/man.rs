//! `muster man`: the manual pages, one for Muster and one for each subcommand, made of what `--help` says.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Command, ValueHint};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::exit;
use super::output::Output;
use crate::app::AppError;
use crate::model::ExitCode;

/// What Muster reads from its environment.
const ENVIRONMENT: &[(&str, &str)] = &[
    ("NO_COLOR", "set and not empty: no colours, unless --color always is given"),
    ("PGPASSFILE", "the password file of the provider postgres, where its settings name none; else ~/.pgpass"),
    ("HOME", "where ~/.pgpass is"),
    ("COMPLETE", "set by the shell's completion: Muster completes the command line and does nothing else"),
    ("NAME", "every variable that a playbook or infrastructure file names as a secret, { env: NAME }"),
];

/// Files that it reads and writes.
const FILES: &[(&str, &str)] = &[
    ("reports/RUN/", "a run: journal.jsonl, and the reports that are drawn from it"),
    ("reports/muster.db", "the store: leases, commands from other terminals, the index of runs"),
    ("INFRA.calibration.yaml", "beside an infrastructure file: what past drills say of how long things take"),
];

/// Prints the manual page of Muster, or writes it and those of all subcommands into a folder.
#[derive(Debug, Args)]
pub(super) struct ManCommand {
    /// The folder, such as ~/.local/share/man/man1; it must be there
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    folder: Option<PathBuf>,
}

impl ManCommand {
    /// `whole`: the command line, with all subcommands.
    pub(super) fn run(&self, whole: Command, output: &Output) -> Result<ExitCode, AppError> {
        let pages = pages(whole)?;
        let Some(folder) = &self.folder else {
            output.result(pages.first().map_or("", |(_, page)| page));
            return Ok(ExitCode::Passed);
        };
        if !folder.is_dir() {
            return Err(AppError::Usage(format!("{} is no folder", folder.display())));
        }
        for (name, page) in &pages {
            write(&folder.join(name), page)?;
        }
        output.say(&format!("{} pages were written into {}", pages.len(), folder.display()));
        Ok(ExitCode::Passed)
    }
}

fn write(path: &Path, page: &str) -> Result<(), AppError> {
    fs::write(path, page).map_err(|error| AppError::Files(format!("{} can't be written: {error}", path.display())))
}

/// Each page with its file's name; that of Muster itself first.
fn pages(mut whole: Command) -> Result<Vec<(String, String)>, AppError> {
    whole.build();
    let names: Vec<String> = shown(&whole).map(file_stem).collect();
    let mut all = vec![page(&whole, &names)?];
    for command in shown(&whole) {
        all.push(page(command, &["muster".to_owned()])?);
    }
    Ok(all)
}

fn shown(whole: &Command) -> impl Iterator<Item = &Command> {
    whole.get_subcommands().filter(|it| !it.is_hide_set() && it.get_name() != "help")
}

fn file_stem(command: &Command) -> String {
    command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned()
}

fn page(command: &Command, see: &[String]) -> Result<(String, String), AppError> {
    let whole = command.get_display_name().is_none_or(|name| name == "muster");
    // The exit codes have a section of their own.
    let command_shown = if whole { command.clone().after_help("") } else { command.clone() };
    let man = Man::new(command_shown).manual("Muster").date("");
    let mut out = Vec::new();
    let rendered = man
        .render_title(&mut out)
        .and_then(|()| man.render_name_section(&mut out))
        .and_then(|()| man.render_synopsis_section(&mut out))
        .and_then(|()| man.render_description_section(&mut out))
        .and_then(|()| man.render_options_section(&mut out))
        .and_then(|()| if whole { man.render_subcommands_section(&mut out) } else { Ok(()) })
        .and_then(|()| {
            if !whole && command.get_after_help().is_some() { man.render_extra_section(&mut out) } else { Ok(()) }
        })
        .and_then(|()| own(see).to_writer(&mut out));
    rendered.map_err(|error| AppError::Defect(format!("a manual page can't be made: {error}")))?;
    Ok((format!("{}.1", file_stem(command)), String::from_utf8_lossy(&out).into_owned()))
}

/// The sections that no option says.
fn own(see: &[String]) -> Roff {
    let mut roff = Roff::new();
    let mut terms = |title: &str, terms: &mut dyn Iterator<Item = (String, String)>| {
        roff.control("SH", [title]);
        for (term, what) in terms {
            roff.control("TP", []);
            roff.text([bold(term)]);
            roff.text([roman(what)]);
        }
    };
    terms("EXIT STATUS", &mut exit::codes());
    let owned =
        |list: &'static [(&str, &str)]| list.iter().map(|(term, what)| ((*term).to_owned(), (*what).to_owned()));
    terms("ENVIRONMENT", &mut owned(ENVIRONMENT));
    terms("FILES", &mut owned(FILES));
    roff.control("SH", ["SEE ALSO"]);
    let mut names: Vec<_> = see.iter().flat_map(|name| [bold(name.as_str()), roman("(1), ")]).collect();
    if let Some(last) = names.last_mut() {
        *last = roman("(1)");
    }
    roff.text(names);
    roff
}
