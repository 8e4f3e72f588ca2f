//! By hand in place of the provider `postgres`, for backups: a look into the archive, and a scratch server of its own.

use serde_json::Value;

use super::{Ask, Deed, Instruction, Reliance, RelianceKind, Touched, shell};
use crate::id::RegionRole;
use crate::infrastructure::real::from_json;
use crate::infrastructure::real::postgres::PostgresBackup;
use crate::resource::RestorePoint;

pub(super) fn by_hand(ask: &Ask<'_>) -> Result<Vec<Instruction>, String> {
    let it: PostgresBackup = from_json(ask.settings)?;
    let look = |role: RegionRole| {
        let archive = it.regions.of(role);
        let backups = shell::word(archive.backups.to_string_lossy().trim_end_matches('/'));
        let log = shell::word(&archive.archive.to_string_lossy());
        Instruction::typed(
            format!("see the finished base backups of {role}, the newest first, and the newest of the log"),
            format!("ls -ltd {backups}/*/backup_manifest\nls -lt {log} | head -n 3"),
        )
    };
    Ok(match ask.deed {
        Deed::Restore { region, point } => {
            vec![look(*region), Instruction::typed(ask.deed.words(ask.resource), restore(&it, *region, *point))]
        }
        Deed::Look { region: Some(region) } => vec![look(*region)],
        _ => RegionRole::ALL.into_iter().map(look).collect(),
    })
}

fn restore(it: &PostgresBackup, role: RegionRole, point: RestorePoint) -> String {
    let archive = it.regions.of(role);
    let plain = |name: &str| {
        let folder = it.programs.as_ref();
        folder.map_or_else(|| name.to_owned(), |folder| folder.join(name).to_string_lossy().into_owned())
    };
    let as_owner = |name: &str| shell::argv(&it.run_as.iter().cloned().chain([plain(name)]).collect::<Vec<_>>());
    let sh = shell::argv(&it.run_as.iter().cloned().chain(["sh".to_owned(), "-c".to_owned()]).collect::<Vec<_>>());
    let log = shell::quoted(&archive.archive.to_string_lossy());
    let target = match point {
        RestorePoint::Latest => String::new(),
        RestorePoint::Ago(span) => {
            let seconds = span.as_millis() / 1000;
            format!("\nrecovery_target_time = '$(date -u -d \"{seconds} seconds ago\" '+%Y-%m-%d %H:%M:%S+00')'")
        }
    };
    let before = match point {
        RestorePoint::Latest => String::new(),
        RestorePoint::Ago(span) => format!(" ! -newermt '{} seconds ago'", span.as_millis() / 1000),
    };
    let take = shell::quoted(
        "set -e; umask 077; mkdir -p \"$1\"; if [ -e \"$0/base.tar\" ]; then mkdir \"$1/data\"; tar -xf \"$0/base.tar\" -C \"$1/data\"; \
         else cp -a \"$0\" \"$1/data\"; fi; cd \"$1/data\"; if [ -s tablespace_map ] || [ -n \"$(ls -A pg_tblspc)\" ]; then cd ..; rm -rf data; \
         echo 'it has tablespaces: a server on this copy would write to those of the live one' >&2; exit 1; fi; \
         \"$2\" -q -n -i ENCRYPTED -m \"$0/backup_manifest\" . || { cd ..; rm -rf data; exit 1; }; \
         rm -f standby.signal postmaster.pid; : > postgresql.auto.conf; touch recovery.signal postgresql.conf; \
         echo 'local all all trust' > ../hba; cat >> postgresql.conf",
    );
    format!(
        "backup=$(dirname \"$(find {backups} -mindepth 2 -maxdepth 2 -name backup_manifest{before} -printf '%T@ %p\\n' |\n  \
         sort -n | tail -n 1 | cut -d ' ' -f 2-)\")\n\
         scratch={scratch}/by-hand\n\
         {sh} {take} \"$backup\" \"$scratch\" {verify} <<END\n\
         listen_addresses = ''\nunix_socket_directories = '$scratch'\nhba_file = '$scratch/hba'\n\
         restore_command = 'f={log_in_conf}/%f; if [ -e \"\\$f\" ]; then cp \"\\$f\" %p; else gzip -dc \"\\$f.gz\" > %p; fi'\n\
         recovery_target_action = 'promote'\nhot_standby = off\narchive_mode = off\nssl = off\nshared_preload_libraries = ''\n\
         primary_conninfo = ''\nprimary_slot_name = ''\narchive_cleanup_command = ''\nrecovery_end_command = ''\n\
         max_logical_replication_workers = 0\ndata_directory = '$scratch/data'\nlogging_collector = off{target}\nEND\n\
         {pg_ctl} start -w -t 3600 -D \"$scratch/data\" -l \"$scratch/log\" -o '-p 5432'\n\
         until {psql} -h \"$scratch\" -p 5432 -XAtq -d postgres -c 'SELECT 1' >/dev/null 2>&1 ||\n  \
         ! {pg_ctl} status -D \"$scratch/data\" >/dev/null; do sleep 1; done\n\
         {psql} -h \"$scratch\" -p 5432 -XAt -d postgres -c 'SELECT pg_is_in_recovery(), datname FROM pg_database'\n\
         {pg_ctl} stop -w -m fast -D \"$scratch/data\"\n\
         {rm} -rf \"$scratch\"",
        backups = shell::word(archive.backups.to_string_lossy().trim_end_matches('/')),
        scratch = shell::word(it.scratch.to_string_lossy().trim_end_matches('/')),
        log_in_conf = log.replace('\'', "''"),
        verify = shell::word(&plain("pg_verifybackup")),
        pg_ctl = as_owner("pg_ctl"),
        psql = as_owner("psql"),
        rm = shell::argv(&it.run_as.iter().cloned().chain(["rm".to_owned()]).collect::<Vec<_>>()),
    )
}

pub(super) fn makes(resource: &str, settings: &Value, touched: Touched) -> Vec<String> {
    let Ok(it) = from_json::<PostgresBackup>(settings) else { return Vec::new() };
    let told = format!(
        "{resource}: a scratch server in {}/muster-RUN-…, removed by the step that restored it",
        it.scratch.to_string_lossy().trim_end_matches('/')
    );
    touched.restored.then_some(told).into_iter().collect()
}

pub(super) fn relies(resource: &str, settings: &Value) -> Vec<Reliance> {
    let Ok(it) = from_json::<PostgresBackup>(settings) else { return Vec::new() };
    let mut all = Vec::new();
    for role in RegionRole::ALL {
        let archive = it.regions.of(role);
        for folder in [&archive.backups, &archive.archive] {
            let purpose = format!("{resource}: the archive of {role}");
            all.push(Reliance::new(RelianceKind::File, folder.display().to_string(), purpose));
        }
    }
    all.push(Reliance::new(
        RelianceKind::File,
        it.scratch.display().to_string(),
        format!("{resource}: room to restore"),
    ));
    all
}
