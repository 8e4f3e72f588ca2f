//! Backups: base backups and the log's archive, as folders that Muster can read, and restores of them to a point in time,
//! into a scratch server of their own that is always removed.

mod archive;
mod scratch;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;

use super::link::Link;
use crate::id::{RegionRole, ResourceId};
use crate::infrastructure::real::postgres::{PostgresBackup, PostgresDatabase};
use crate::resource::{
    Backup, BackupState, CommandLine, Context, Exclusive, Finished, ProcessError, Processes, ProviderError,
    RestorePoint, Restored, Seen, SnapshotSummary,
};
use crate::secret::Redactor;
use archive::{Archived, BaseBackup};

/// A file in a base backup's folder that says that it is encrypted.
const ENCRYPTED: &str = "ENCRYPTED";
/// Of a program's output so much is kept, in bytes.
const OUTPUT_MAX: usize = 64 << 10;

/// The backups of a `PostgreSQL` server.
pub struct PostgresBackups {
    id: ResourceId,
    settings: PostgresBackup,
    /// The way to the database whose canary proves a restore, if it is named.
    database: Option<Link>,
    processes: Arc<dyn Processes>,
}

impl fmt::Debug for PostgresBackups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresBackups").field("id", &self.id).finish_non_exhaustive()
    }
}

impl PostgresBackups {
    /// The backups `id`, as `settings` say, of `database`; programs are run by `processes`.
    #[must_use]
    pub fn new(
        id: ResourceId,
        settings: PostgresBackup,
        database: Option<PostgresDatabase>,
        processes: Arc<dyn Processes>,
        redactor: Redactor,
    ) -> Self {
        let database = database.map(|settings| Link::new(settings, redactor));
        Self { id, settings, database, processes }
    }

    /// Reads what a region has, on a thread of its own: an archive may have very many files.
    async fn read(&self, region: RegionRole) -> Result<Archived, String> {
        let of = self.settings.regions.of(region).clone();
        let (sender, read) = tokio::sync::oneshot::channel();
        let thread = std::thread::Builder::new().name("archive".to_owned());
        let started = thread.spawn(move || drop(sender.send(archive::read(&of.backups, &of.archive))));
        started.map_err(|error| error.to_string())?;
        read.await.map_err(|_| "the archive could not be read".to_owned())?
    }

    /// Whether a base backup is encrypted.
    async fn is_encrypted(&self, cx: &Context, region: RegionRole, backup: &BaseBackup) -> Result<bool, ProviderError> {
        let argv = &self.settings.regions.of(region).encrypted;
        if argv.is_empty() {
            return Ok(backup.folder.join(ENCRYPTED).exists());
        }
        let folder = backup.folder.to_string_lossy();
        let argv = argv.iter().map(|word| word.replace("{backup}", &folder)).collect();
        Ok(self.run(cx, argv).await?.code == Some(0))
    }

    async fn run(&self, cx: &Context, argv: Vec<String>) -> Result<Finished, ProviderError> {
        let timeout = self.settings.timeout.0;
        // PostgreSQL's programs end in a folder that they may not read.
        let folder = Some(self.settings.scratch.to_string_lossy().into_owned());
        let line = CommandLine { argv, env: Vec::new(), folder, timeout, output_limit: OUTPUT_MAX, input: None };
        self.processes.run(cx, &line).await.map_err(|error| match error {
            ProcessError::NotStarted { .. } => ProviderError::Refused(error.to_string()),
            ProcessError::TimedOut(_) => ProviderError::Unreachable(error.to_string()),
            ProcessError::Cancelled => ProviderError::Cancelled,
        })
    }

    /// A program of `PostgreSQL`'s or the system's, as the user whose the scratch server is.
    fn argv(&self, program: &str, arguments: &[&str]) -> Vec<String> {
        let programs = self.settings.programs.as_deref().map(|folder| folder.join(program));
        let program = programs.filter(|path| path.exists()).unwrap_or_else(|| PathBuf::from(program));
        let mut argv = self.settings.run_as.clone();
        argv.push(program.to_string_lossy().into_owned());
        argv.extend(arguments.iter().map(|word| (*word).to_owned()));
        argv
    }

    /// Runs it; it must succeed.
    async fn succeed(&self, cx: &Context, program: &str, arguments: &[&str]) -> Result<(), ProviderError> {
        let finished = self.run(cx, self.argv(program, arguments)).await?;
        if finished.code == Some(0) {
            return Ok(());
        }
        Err(ProviderError::Refused(format!("`{program}` {}", super::host::failure(&finished))))
    }

    async fn summary(&self, cx: &Context, region: RegionRole) -> Result<SnapshotSummary, String> {
        let archived = self.read(region).await?;
        let mut encrypted = 0;
        for backup in &archived.backups {
            if self.is_encrypted(cx, region, backup).await.map_err(|error| error.to_string())? {
                encrypted += 1;
            }
        }
        Ok(archived.summary(cx.clock.wall(), encrypted))
    }
}

#[async_trait]
impl Exclusive for PostgresBackups {}

#[async_trait]
impl Backup for PostgresBackups {
    async fn observe(&self, cx: &Context) -> Result<BackupState, ProviderError> {
        let mut regions = std::collections::BTreeMap::new();
        for region in RegionRole::ALL {
            let seen = match self.summary(cx, region).await {
                Ok(summary) => Seen::Is(summary),
                Err(why) => Seen::Unreachable(why),
            };
            regions.insert(region, seen);
        }
        Ok(BackupState { regions })
    }

    async fn restore(&self, cx: &Context, region: RegionRole, point: RestorePoint) -> Result<Restored, ProviderError> {
        let archived = self.read(region).await.map_err(ProviderError::Refused)?;
        scratch::restore(self, cx, region, point, &archived).await
    }

    async fn scratches(&self, cx: &Context) -> Result<Vec<String>, ProviderError> {
        let mine = scratch::prefix(cx);
        let entries = match std::fs::read_dir(&self.settings.scratch) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(unreadable(&self.settings.scratch, &error)),
        };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut names: Vec<String> = names.filter(|name| name.starts_with(&mine)).collect();
        names.sort();
        Ok(names)
    }

    async fn discard(&self, cx: &Context, scratch: &str) -> Result<(), ProviderError> {
        scratch::discard(self, cx, scratch).await
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> ProviderError {
    ProviderError::Refused(format!("`{}` can't be read: {error}", path.display()))
}
