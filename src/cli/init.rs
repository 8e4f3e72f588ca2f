//! `muster init`.

use std::fmt::Write as _;
use std::io::{BufRead, IsTerminal, Read};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum, ValueHint};
use serde_json::json;

use super::arguments::{Form, OutputFormat};
use super::output::Output;
use crate::app::{AppError, Begun, init};
use crate::infrastructure::handbook::shell;
use crate::model::ExitCode;
use crate::starter::{Provider, Wishes, id_of, texts};

/// The longest answer, in bytes.
const ANSWER_MAX: u64 = 4096;
/// So often a question is put before it is given up.
const TRIES: u32 = 5;
/// The service of whoever names none.
const SERVICE: (&str, &str) = ("web", "https://www.example.test/healthz");

/// What provides something real, or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ProviderName {
    /// Everything is simulated
    Simulated,
    /// DNS records by dynamic updates
    Rfc2136,
    /// The database: PostgreSQL servers
    Postgres,
    /// The storage: repositories of git
    Git,
}

impl From<ProviderName> for Provider {
    fn from(name: ProviderName) -> Self {
        match name {
            ProviderName::Simulated => Self::Simulated,
            ProviderName::Rfc2136 => Self::Rfc2136,
            ProviderName::Postgres => Self::Postgres,
            ProviderName::Git => Self::Git,
        }
    }
}

/// Writes a playbook and an infrastructure file to start from. At a terminal it asks for what no option says.
#[derive(Debug, Args)]
pub(super) struct InitCommand {
    /// The folder; it is made if it is not there
    #[arg(value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    folder: PathBuf,
    /// What the drill is called, and its file [default: the folder's name]
    #[arg(long)]
    name: Option<String>,
    /// Who answers for it [default: platform]
    #[arg(long, value_name = "TEXT")]
    owner: Option<String>,
    /// What users use, and the URL by which its health is known; as often as needed [default: web, at an example's URL]
    #[arg(long = "service", value_name = "NAME=URL", value_parser = service)]
    services: Vec<(String, String)>,
    /// The name of the primary region [default: us-east-1]
    #[arg(long, value_name = "REGION")]
    primary: Option<String>,
    /// The name of the secondary region [default: us-west-2]
    #[arg(long, value_name = "REGION")]
    secondary: Option<String>,
    /// A database that is copied to the secondary region [default: main, unless --storage or --dns says what there is]
    #[arg(long, value_name = "NAME")]
    database: Option<String>,
    /// A storage that is copied to the secondary region
    #[arg(long, value_name = "NAME")]
    storage: Option<String>,
    /// A DNS name that the drill moves, beside those of the services; as often as needed
    #[arg(long, value_name = "NAME")]
    dns: Vec<String>,
    /// What is real, by what provides it; as often as needed. Everything else is simulated
    #[arg(long = "provider", value_enum)]
    providers: Vec<ProviderName>,
    /// Ask nothing: what no option says has its default
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    form: Form,
}

impl InitCommand {
    pub(super) fn form(&self) -> OutputFormat {
        self.form.format
    }

    pub(super) fn run(&self, output: &Output) -> Result<ExitCode, AppError> {
        let mut wishes = self.wishes();
        let asks = !self.yes && std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        if asks {
            Asking { output }.all(self, &mut wishes)?;
        }
        let begun = init(&self.folder, &wishes)?;
        let next = next(&begun, wishes.is_real());
        if output.json() {
            output.json_result(&json!({
                "playbook": begun.playbook, "infrastructure": begun.infrastructure,
                "next": next.iter().map(|(line, _)| line).collect::<Vec<_>>(),
            }));
            return Ok(ExitCode::Passed);
        }
        let (playbook, infrastructure) =
            (begun.playbook.display().to_string(), begun.infrastructure.display().to_string());
        let width = playbook.chars().count().max(infrastructure.chars().count());
        let mut text = format!(
            "written:\n  {playbook:<width$}   the drill: what is done, in which order, and what it is judged by\n  \
             {infrastructure:<width$}   what it runs on\n\nnext:\n"
        );
        let longest = next.iter().map(|(line, _)| line.chars().count()).max().unwrap_or(0);
        for (line, what) in &next {
            let _ = writeln!(text, "  {line}{}   {what}", " ".repeat(longest - line.chars().count()));
        }
        output.result(&text);
        Ok(ExitCode::Passed)
    }

    /// What the options say, and defaults for the rest.
    fn wishes(&self) -> Wishes {
        let or = |given: &Option<String>, default: &str| given.clone().unwrap_or_else(|| default.to_owned());
        let says_what = self.storage.is_some() || !self.dns.is_empty();
        let mut services = self.services.clone();
        if services.is_empty() {
            services.push((SERVICE.0.to_owned(), SERVICE.1.to_owned()));
        }
        Wishes {
            name: self.name.clone().unwrap_or_else(|| folder_name(&self.folder)),
            owner: or(&self.owner, "platform"),
            services,
            primary: or(&self.primary, "us-east-1"),
            secondary: or(&self.secondary, "us-west-2"),
            database: self.database.clone().or_else(|| (!says_what).then(|| "main".to_owned())),
            storage: self.storage.clone(),
            dns: self.dns.clone(),
            providers: self.providers.iter().map(|name| Provider::from(*name)).collect(),
        }
    }
}

/// A drill's name from its folder's; `drill` where that has nothing to make one of.
fn folder_name(folder: &Path) -> String {
    let whole = std::path::absolute(folder).ok().and_then(|path| path.canonicalize().ok().or(Some(path)));
    let last =
        whole.as_deref().and_then(Path::file_name).map(|name| id_of(&name.to_string_lossy())).unwrap_or_default();
    // One of digits alone would be a number.
    if last.is_empty() || last == "infra" || last.chars().all(|c| c.is_ascii_digit()) {
        "drill".to_owned()
    } else {
        last
    }
}

fn service(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, url)) if !name.trim().is_empty() && !url.trim().is_empty() => {
            Ok((name.trim().to_owned(), url.trim().to_owned()))
        }
        _ => Err(format!("`{text}` is no service; write NAME=URL, for example web=https://www.example.test/healthz")),
    }
}

/// What to type next, and what for.
fn next(begun: &Begun, real: bool) -> Vec<(String, &'static str)> {
    let playbook = begun.playbook.display().to_string();
    let line = |words: &[&str]| {
        shell::argv(&["muster"].iter().chain(words).map(|word| (*word).to_owned()).collect::<Vec<_>>())
    };
    let mut all = vec![(line(&["validate", &playbook]), "is it right?")];
    if real {
        all.push((line(&["simulate", &playbook]), "play it on the simulated twin: nothing is touched"));
        all.push((line(&["simulate", &playbook, "--mode", "unplanned"]), "lose the primary region first"));
        all.push((line(&["plan", &playbook]), "what it would do, once the infrastructure file has your own hosts"));
    } else {
        all.push((line(&["plan", &playbook]), "what would it do?"));
        all.push((line(&["run", &playbook]), "do it, simulated: nothing is touched"));
        all.push((line(&["run", &playbook, "--mode", "unplanned"]), "lose the primary region first"));
    }
    all
}

/// Questions at a terminal; each has an answer that Enter gives.
struct Asking<'a> {
    output: &'a Output,
}

impl Asking<'_> {
    fn all(&self, given: &InitCommand, wishes: &mut Wishes) -> Result<(), AppError> {
        self.output.complain("A drill to start from. Enter takes what stands in brackets.");
        if given.name.is_none() {
            self.ask(wishes, "name", "What is the drill called", |it| it.name.clone(), |it, text| it.name = text)?;
        }
        if given.owner.is_none() {
            self.ask(wishes, "owner", "Who answers for it", |it| it.owner.clone(), |it, text| it.owner = text)?;
        }
        if given.services.is_empty() {
            self.services(wishes)?;
        }
        if given.primary.is_none() {
            self.ask(wishes, "primary", "The primary region", |it| it.primary.clone(), |it, text| it.primary = text)?;
        }
        if given.secondary.is_none() {
            self.ask(
                wishes,
                "secondary",
                "The secondary region",
                |it| it.secondary.clone(),
                |it, text| it.secondary = text,
            )?;
        }
        let none = |text: String| (text != "none").then_some(text);
        if given.database.is_none() {
            let shown = |it: &Wishes| it.database.clone().unwrap_or_else(|| "none".to_owned());
            self.ask(wishes, "database", "A database that is copied there, or none", shown, |it, text| {
                it.database = none(text);
            })?;
        }
        if given.storage.is_none() {
            let shown = |it: &Wishes| it.storage.clone().unwrap_or_else(|| "none".to_owned());
            self.ask(
                wishes,
                "storage",
                "A storage (repositories, files) that is copied there, or none",
                shown,
                |it, text| {
                    it.storage = none(text);
                },
            )?;
        }
        Ok(())
    }

    /// Puts one question until the answer can be used.
    fn ask(
        &self,
        wishes: &mut Wishes,
        option: &str,
        question: &str,
        now: impl Fn(&Wishes) -> String,
        set: impl Fn(&mut Wishes, String),
    ) -> Result<(), AppError> {
        for _ in 0..TRIES {
            let answer = self.line(&format!("{question} [{}]: ", now(wishes)))?;
            let mut tried = wishes.clone();
            if !answer.is_empty() {
                set(&mut tried, answer);
            }
            match texts(&tried) {
                // What else is wrong is asked about in its turn, or told at the end.
                Err(faulty) if faulty.option == option => self.output.complain(&faulty.what),
                _ => {
                    *wishes = tried;
                    return Ok(());
                }
            }
        }
        Err(gave_up())
    }

    fn services(&self, wishes: &mut Wishes) -> Result<(), AppError> {
        let mut named: Vec<(String, String)> = Vec::new();
        let mut failed = 0;
        loop {
            let shown = if named.is_empty() { format!("{}={}", SERVICE.0, SERVICE.1) } else { "no more".to_owned() };
            let answer = self.line(&format!("What users use, as NAME=URL [{shown}]: "))?;
            if answer.is_empty() {
                if !named.is_empty() {
                    wishes.services = named;
                }
                return Ok(());
            }
            let mut tried = wishes.clone();
            let fault = match service(&answer) {
                Ok(one) => {
                    tried.services = named.iter().cloned().chain([one.clone()]).collect();
                    match texts(&tried) {
                        Err(faulty) if faulty.option == "service" => faulty.what,
                        _ => {
                            named.push(one);
                            continue;
                        }
                    }
                }
                Err(why) => why,
            };
            self.output.complain(&fault);
            failed += 1;
            if failed >= TRIES {
                return Err(gave_up());
            }
        }
    }

    /// A line that somebody types.
    fn line(&self, question: &str) -> Result<String, AppError> {
        self.output.ask(question);
        let mut line = Vec::new();
        let read = std::io::stdin().lock().take(ANSWER_MAX).read_until(b'\n', &mut line);
        if read.is_err() || line.is_empty() {
            return Err(AppError::Usage("the questions were not answered. Nothing was written".to_owned()));
        }
        if !line.ends_with(b"\n") && line.len() as u64 >= ANSWER_MAX {
            return Err(AppError::Usage("that answer is too long. Nothing was written".to_owned()));
        }
        let text = String::from_utf8(line)
            .map_err(|_| AppError::Usage("that answer is not UTF-8. Nothing was written".to_owned()))?;
        Ok(text.trim().to_owned())
    }
}

fn gave_up() -> AppError {
    AppError::Usage(format!("{TRIES} answers could not be used. Nothing was written"))
}
