//! Options that several subcommands share.

use std::path::{Path, PathBuf};

use clap::{ArgAction, Args, ValueEnum};

use crate::app::{AppError, Calibrating, Loaded, Request, Runs, load};
use crate::catalogue::Mode;
use crate::cli::completions;
use crate::cli::output::Output;
use crate::plan::Reality;

/// When colours are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum ColorWhen {
    /// At a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum OutputFormat {
    /// For people
    #[default]
    Text,
    /// One JSON document; while running, one event a line
    Json,
}

/// Options of every subcommand, before or after its name.
#[derive(Clone, Debug, Args)]
pub(super) struct Common {
    /// When colours are used
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN", hide_possible_values = true)]
    #[arg(help = "When colours are used: auto (at a terminal, unless NO_COLOR is set), always, never")]
    pub(super) color: ColorWhen,
    /// Say less: no progress, no notices
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(super) quiet: bool,
    /// Say more: what Muster itself does; -vv says most
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(super) verbose: u8,
}

/// How results are printed, where that is text or JSON. `plan` and `report` have formats of their own.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Form {
    /// How results are printed: text, or json: one document; while running, one event a line
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT", hide_possible_values = true)]
    #[arg(help = "How results are printed: text, or json (one document; while running, one event a line)")]
    pub(super) format: OutputFormat,
}

/// Where runs are, unless another place is said.
pub(super) const REPORTS: &str = "reports";

/// Where runs are.
#[derive(Clone, Debug, Args)]
pub(super) struct Reports {
    /// The folder of runs, their journals and reports
    #[arg(long, default_value = REPORTS, value_name = "DIR")]
    pub(super) reports: PathBuf,
    /// Where the index of runs is: sqlite:PATH [default: sqlite:REPORTS/muster.db]
    #[arg(long, value_name = "URL", value_parser = store)]
    pub(super) store: Option<PathBuf>,
}

impl Reports {
    /// Both places.
    pub(super) fn runs(&self) -> Runs {
        match &self.store {
            None => Runs::of(&self.reports),
            Some(store) => Runs { reports: self.reports.clone(), store: store.clone() },
        }
    }
}

impl Reports {
    /// The options as they would be typed again.
    pub(super) fn typed(&self) -> Vec<String> {
        let reports =
            (self.reports != Path::new(REPORTS)).then(|| ["--reports".to_owned(), self.reports.display().to_string()]);
        let store = self.store.as_ref().map(|path| ["--store".to_owned(), format!("sqlite:{}", path.display())]);
        reports.into_iter().chain(store).flatten().collect()
    }
}

/// The path in a store's URL.
fn store(url: &str) -> Result<PathBuf, String> {
    match url.strip_prefix("sqlite:") {
        Some(path) if !path.is_empty() && !path.starts_with("//") => Ok(PathBuf::from(path)),
        _ => Err("this version keeps the index of runs in a SQLite file: write sqlite:PATH, for example \
                  sqlite:reports/muster.db"
            .to_owned()),
    }
}

/// A mode on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ModeName {
    /// Fence, drain, promote: nothing may be lost
    Planned,
    /// The primary region is lost without warning
    Unplanned,
    /// The real event
    Emergency,
}

impl From<ModeName> for Mode {
    fn from(name: ModeName) -> Self {
        match name {
            ModeName::Planned => Self::Planned,
            ModeName::Unplanned => Self::Unplanned,
            ModeName::Emergency => Self::Emergency,
        }
    }
}

/// Which playbook, on what.
#[derive(Clone, Debug, Args)]
pub(super) struct PlaybookArguments {
    /// The playbook
    #[arg(value_name = "PLAYBOOK", add = completions::playbooks())]
    pub(super) playbook: String,
    #[command(flatten)]
    pub(super) setting: PlaybookSetting,
    #[command(flatten)]
    pub(super) calibration: CalibrationSetting,
}

/// What past drills say of how long things take.
#[derive(Clone, Debug, Args)]
pub(super) struct CalibrationSetting {
    /// Set the twin by this calibration file, in place of the one that lies beside the infrastructure file
    #[arg(long = "calibration", value_name = "FILE", conflicts_with = "no_calibration")]
    pub(super) file: Option<String>,
    /// Set the twin by no calibration file
    #[arg(long)]
    pub(super) no_calibration: bool,
}

impl CalibrationSetting {
    /// Which is meant; `beside`: where nothing is said.
    fn which(&self, beside: Calibrating) -> Calibrating {
        match &self.file {
            Some(file) => Calibrating::File(file.clone()),
            None if self.no_calibration => Calibrating::No,
            None => beside,
        }
    }

    /// The options as they would be typed again.
    pub(super) fn typed(&self) -> Vec<String> {
        let file = self.file.iter().flat_map(|file| ["--calibration".to_owned(), file.clone()]);
        file.chain(self.no_calibration.then(|| "--no-calibration".to_owned())).collect()
    }
}

/// How a playbook is read.
#[derive(Clone, Debug, Args)]
pub(super) struct PlaybookSetting {
    /// The infrastructure file, in place of the one that the playbook names
    #[arg(long, value_name = "FILE")]
    pub(super) infra: Option<String>,
    /// A variable, over the playbook's and the infrastructure file's
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = variable)]
    pub(super) vars: Vec<(String, String)>,
    /// The mode, in place of the playbook's
    #[arg(long, value_enum)]
    pub(super) mode: Option<ModeName>,
}

impl PlaybookSetting {
    /// What is to be read.
    pub(super) fn request(&self, playbook: &str, reality: Reality) -> Request {
        Request {
            playbook: playbook.to_owned(),
            infrastructure: self.infra.clone(),
            mode: self.mode.map(Mode::from),
            vars: self.vars.clone(),
            reality,
            ..Request::default()
        }
    }
}

impl PlaybookArguments {
    /// The playbook and its options but for the mode, as they would be typed again.
    pub(super) fn typed(&self) -> Vec<String> {
        let infra = self.setting.infra.iter().flat_map(|file| ["--infra".to_owned(), file.clone()]);
        let vars = self.setting.vars.iter();
        let vars = vars.flat_map(|(name, value)| ["--var".to_owned(), format!("{name}={value}")]);
        let all = std::iter::once(self.playbook.clone()).chain(infra).chain(vars);
        all.chain(self.calibration.typed()).collect()
    }

    /// Reads the playbook and prints its warnings.
    pub(super) fn load(&self, reality: Reality, output: &Output) -> Result<Loaded, AppError> {
        self.load_with(reality, Calibrating::Beside, output)
    }

    /// The same for a drill, which waits for nobody to mend a calibration.
    pub(super) fn load_for_a_drill(&self, output: &Output) -> Result<Loaded, AppError> {
        self.load_with(Reality::AsBound, Calibrating::BesideIfGood, output)
    }

    fn load_with(&self, reality: Reality, beside: Calibrating, output: &Output) -> Result<Loaded, AppError> {
        let calibration = self.calibration.which(beside);
        let loaded = load(&Request { calibration, ..self.setting.request(&self.playbook, reality) })?;
        output.warn_of(&loaded.warnings, &loaded.sources);
        for unused in loaded.plan.calibration.iter().flat_map(|calibration| &calibration.unused) {
            output.say(&format!("not used of the calibration: {unused}"));
        }
        Ok(loaded)
    }
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("`{text}` is no variable; write NAME=VALUE, for example lag=30s")),
    }
}
