//! By hand in place of the provider `postgres`, for databases: `psql`, and the programs that the infrastructure file
//! names. A fence made by hand is the block that Muster makes, so each takes the other's away.

use serde_json::Value;

use super::{Ask, Deed, Instruction, Reliance, RelianceKind, Touched, program, shell};
use crate::id::RegionRole;
use crate::infrastructure::real::from_json;
use crate::infrastructure::real::postgres::{FENCE_BEGIN, FENCE_END, PostgresDatabase};

pub(super) fn by_hand(ask: &Ask<'_>) -> Result<Vec<Instruction>, String> {
    let it: PostgresDatabase = from_json(ask.settings)?;
    let words = ask.deed.words(ask.resource);
    let it = By { it: &it, name: ask.resource };
    Ok(match ask.deed {
        Deed::Look { region } => {
            let roles = RegionRole::ALL.into_iter().filter(|role| region.is_none_or(|one| one == *role));
            roles.map(|role| it.state(role)).collect()
        }
        Deed::Fence { region } => vec![
            Instruction::typed(
                format!("{words}: pg_hba.conf lets nobody in but replication and {}", it.it.user),
                it.fence(*region),
            ),
            Instruction::typed(
                format!("see that a session of {} is refused: `pg_hba.conf rejects connection`", it.it.dbname),
                format!("! {} -c 'SELECT 1'", it.psql(*region, &it.it.dbname)),
            ),
        ],
        Deed::Unfence { region } => vec![
            Instruction::typed(format!("{words}: the block goes out of pg_hba.conf"), it.unfence(*region)),
            Instruction::typed(
                "see that a session is let in",
                format!("{} -c 'SELECT 1'", it.psql(*region, &it.it.dbname)),
            ),
        ],
        Deed::Promote { to, drained } => it.promote(*to, *drained, &words),
        Deed::Replicate { from, to } => it.replicate(*from, *to, &words),
        Deed::Preserve { region } => vec![it.preserve(*region, words)],
        _ => vec![Instruction::said(words)],
    })
}

/// A database, and what its resource is called.
struct By<'a> {
    it: &'a PostgresDatabase,
    name: &'a str,
}

/// A text as SQL reads it back.
fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if text.contains('\\') { format!("E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
}

/// A value in a connection string.
fn conn(value: &str) -> String {
    if !value.is_empty() && value.chars().all(|c| c.is_ascii_alphanumeric() || "_./:@%+,-".contains(c)) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

impl By<'_> {
    /// `psql` in a region, in Muster's own role, with the password from where Muster reads it.
    fn psql(&self, role: RegionRole, dbname: &str) -> String {
        let server = self.it.regions.of(role);
        let sslmode = serde_json::to_value(self.it.sslmode).unwrap_or_default();
        let mut words = vec![
            format!("host={}", conn(&server.host)),
            format!("port={}", server.port),
            format!("user={}", conn(&self.it.user)),
            format!("dbname={}", conn(dbname)),
            format!("sslmode={}", sslmode.as_str().unwrap_or("prefer")),
        ];
        words.extend(self.it.sslrootcert.as_ref().map(|path| format!("sslrootcert={}", conn(&path.to_string_lossy()))));
        let mut line = String::new();
        if let Some(source) = &self.it.password {
            line = format!("PGPASSWORD={} ", shell::secret(source));
        } else if let Some(path) = &self.it.passfile {
            line = format!("PGPASSFILE={} ", shell::word(&path.to_string_lossy()));
        }
        format!("{line}psql -XAtq -v ON_ERROR_STOP=1 {}", shell::quoted(&words.join(" ")))
    }

    /// SQL in Muster's way in.
    fn sql(&self, role: RegionRole, text: &str) -> String {
        shell::here(&self.psql(role, &self.it.maintenance), text)
    }

    fn state(&self, role: RegionRole) -> Instruction {
        let text = format!(
            "SELECT CASE WHEN pg_is_in_recovery() THEN 'a standby, replayed to ' || pg_last_wal_replay_lsn() || ', last commit ' ||\n  \
             coalesce(age(clock_timestamp(), pg_last_xact_replay_timestamp())::text, 'unknown') || ' ago'\n  \
             ELSE 'a primary at ' || pg_current_wal_lsn() END;\n\
             SELECT CASE WHEN position(convert_to({}, 'UTF8') in pg_read_binary_file(current_setting('hba_file'))) > 0\n  \
             THEN 'fenced' ELSE 'not fenced' END;",
            literal(FENCE_BEGIN)
        );
        Instruction::typed(format!("see what the server in {role} is"), self.sql(role, &text))
    }

    fn fence(&self, role: RegionRole) -> String {
        let ident = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
        let (maintenance, user) = (&self.it.maintenance, &self.it.user);
        let rest = "address, netmask, auth_method,\n    \
                    (SELECT string_agg('\"' || replace(o, '\"', '\"\"') || '\"', ' ') FROM unnest(options) o)) || E'\\n'";
        let text = format!(
            "SELECT position(convert_to({begin}, 'UTF8') in pg_read_binary_file(current_setting('hba_file'))) > 0 AS fenced \\gset\n\
             \\if :fenced\n\\else\n\
             SELECT {begin} || E'\\n' || coalesce(string_agg(line, '' ORDER BY number, part), '') ||\n  \
             E'local all all reject\\nhost all all all reject\\n' || {end} || E'\\n' AS block FROM (\n  \
             SELECT line_number AS number, 1 AS part, concat_ws(' ', type, 'replication', (SELECT string_agg(CASE\n    \
             WHEN u = 'all' THEN u WHEN u LIKE '+%' THEN '+\"' || replace(substr(u, 2), '\"', '\"\"') || '\"'\n    \
             ELSE '\"' || replace(u, '\"', '\"\"') || '\"' END, ',') FROM unnest(user_name) u), {rest} AS line\n  \
             FROM pg_hba_file_rules WHERE error IS NULL AND 'replication' = ANY (database)\n  UNION ALL\n  \
             SELECT line_number, 2, concat_ws(' ', type, {own_database}, {own_user}, {rest}\n  \
             FROM pg_hba_file_rules WHERE error IS NULL AND database && ARRAY['all', {maintenance}] AND (SELECT bool_or(\n    \
             u IN ('all', current_user) OR (u LIKE '+%' AND EXISTS (SELECT FROM pg_roles r WHERE r.rolname = substr(u, 2)\n    \
             AND pg_has_role(current_user, r.oid, 'MEMBER')))) FROM unnest(user_name) u)) rules \\gset\n\
             SELECT $$set -e; f=$(readlink -f '$$ || replace(current_setting('hba_file'), '''', $$'\\''$$) ||\n  \
             $$'); cp -p \"$f\" \"$f.muster\"; base64 -d > \"$f.muster\"; sync; mv -f \"$f.muster\" \"$f\"$$ AS program \\gset\n\
             COPY (SELECT translate(encode(convert_to(:'block', 'UTF8') || pg_read_binary_file(current_setting('hba_file')),\n  \
             'base64'), E'\\n', '')) TO PROGRAM :'program';\n\\endif\n\
             SELECT pg_reload_conf(), pg_sleep(2);\n\
             SELECT count(pg_terminate_backend(pid)) || ' sessions ended' FROM pg_stat_activity WHERE backend_type = 'client backend'\n  \
             AND pid <> pg_backend_pid() AND NOT (datname = {maintenance} AND usename = current_user);\n\
             SELECT count(*) || ' lines are not understood' FROM pg_hba_file_rules WHERE error IS NOT NULL;",
            begin = literal(FENCE_BEGIN),
            end = literal(FENCE_END),
            own_database = literal(&ident(maintenance)),
            own_user = literal(&ident(user)),
            maintenance = literal(maintenance),
        );
        self.sql(role, &text)
    }

    fn unfence(&self, role: RegionRole) -> String {
        // Only the words before the colon: what follows is told to people and no part of the mark.
        let (begin, end) = (FENCE_BEGIN.split(':').next().unwrap_or(FENCE_BEGIN), FENCE_END);
        let text = format!(
            "SELECT $$set -e; cat > /dev/null; f=$(readlink -f '$$ || replace(current_setting('hba_file'), '''', $$'\\''$$) ||\n  \
             $$'); cp -p \"$f\" \"$f.muster\"; sed '/^{begin}/,/^{end}/d' \"$f\" > \"$f.muster\"; sync; mv -f \"$f.muster\" \"$f\"$$\n  \
             AS program \\gset\n\
             COPY (SELECT 1) TO PROGRAM :'program';\n\
             SELECT pg_reload_conf(), pg_sleep(2);"
        );
        self.sql(role, &text)
    }

    fn promote(&self, to: RegionRole, drained: bool, words: &str) -> Vec<Instruction> {
        let mut all = Vec::new();
        if drained {
            let end =
                format!("end=$({} -c 'SELECT pg_current_wal_lsn()')", self.psql(to.other(), &self.it.maintenance));
            let there = format!(
                "until [ \"$({} -c \"SELECT pg_last_wal_replay_lsn() >= '$end'\")\" = t ]; do echo waiting; sleep 1; done",
                self.psql(to, &self.it.maintenance)
            );
            let told = format!(
                "wait until {to} has replayed all that {} has; it must be fenced, or there is no end",
                to.other()
            );
            all.push(Instruction::typed(told, format!("{end}\n{there}")));
        }
        let promote = format!("{} -c 'SELECT pg_promote(true, 300)'", self.psql(to, &self.it.maintenance));
        all.push(Instruction::typed(format!("{words}; it prints `t`"), promote));
        all.push(self.state(to));
        all
    }

    /// The connection string by which programs on a standby's host reach `from`.
    fn source(&self, from: RegionRole) -> String {
        let (host, port) = self.it.regions.of(from).for_peer();
        let replication = self.it.replication.as_ref();
        let user = replication.map_or(&self.it.user, |it| &it.user);
        let options = replication.map_or("", |it| it.options.as_str());
        format!("host={host} port={port} user={user} dbname={} {options}", self.it.maintenance).trim_end().to_owned()
    }

    /// What tells a standby in `to` whom to follow.
    fn follow(&self, from: RegionRole, to: RegionRole) -> String {
        let mut lines = String::new();
        if let Some(replication) = &self.it.replication {
            let (host, port) = self.it.regions.of(from).for_peer();
            let text = format!(
                "host={host} port={port} user={} application_name=muster_{to} {}",
                replication.user, replication.options
            );
            lines = format!("ALTER SYSTEM SET primary_conninfo = {};\n", literal(text.trim_end()));
        }
        // Stated or not: what comes along with the other side's data names a slot that is not there.
        let slot = self.it.regions.of(to).slot.as_deref().unwrap_or_default();
        format!("{lines}ALTER SYSTEM SET primary_slot_name = {};", literal(slot))
    }

    fn replicate(&self, from: RegionRole, to: RegionRole, words: &str) -> Vec<Instruction> {
        let server = self.it.regions.of(to);
        let commands = &server.host_commands;
        let source = self.source(from);
        let filled = |argv: &[String]| {
            shell::argv(&argv.iter().map(|word| word.replace("{source}", &source)).collect::<Vec<_>>())
        };
        let slot = server.slot.as_ref().map_or_else(String::new, |slot| {
            format!(
                "SELECT pg_create_physical_replication_slot({0}, true) WHERE NOT EXISTS\n  \
                 (SELECT FROM pg_replication_slots WHERE slot_name = {0});\n",
                literal(slot)
            )
        });
        let prepare = format!("{slot}{}\nCHECKPOINT;", self.follow(from, to));
        let rebuild = match (commands.rewind.is_empty(), commands.basebackup.is_empty()) {
            (false, false) => format!("{} ||\n  {}", filled(&commands.rewind), filled(&commands.basebackup)),
            (false, true) => filled(&commands.rewind),
            (true, false) => filled(&commands.basebackup),
            (true, true) => String::new(),
        };
        if rebuild.is_empty() || commands.start.is_empty() || commands.stop.is_empty() {
            return vec![Instruction::said(format!(
                "{words} from `{source}` with pg_rewind or pg_basebackup on its host: the infrastructure file names no \
                 commands there (host_commands)"
            ))];
        }
        let mut lines = vec![filled(&commands.stop), rebuild];
        if !commands.standby.is_empty() {
            lines.push(filled(&commands.standby));
        }
        lines.push(filled(&commands.start));
        let stop = format!("{words}: its server is stopped, rewound or copied anew, and started as a standby");
        let settle = format!("{}\nSELECT pg_reload_conf();", self.follow(from, to));
        vec![
            Instruction::said(format!("see first that whatever only {to} has was kept: it is overwritten")),
            Instruction::typed(format!("prepare {from}"), self.sql(from, &prepare)),
            Instruction::typed(stop, lines.join("\n")),
            Instruction::typed(format!("have it follow {from}, and take the fence away that came along"), {
                format!("{}\n{}", self.sql(to, &settle), self.unfence(to))
            }),
            Instruction::typed(format!("tell {from} whom it would follow if it ever became a standby"), {
                self.sql(from, &self.follow(to, from))
            }),
            Instruction::typed(
                "see that it streams: it prints `streaming`",
                format!("{} -c 'SELECT status FROM pg_stat_wal_receiver'", self.psql(to, &self.it.maintenance)),
            ),
        ]
    }

    fn preserve(&self, role: RegionRole, words: String) -> Instruction {
        let server = self.it.regions.of(role);
        let (argv, Some(keep_in)) = (&server.host_commands.preserve, &server.keep_in) else {
            return Instruction::said(format!("{words}: by pg_basebackup of the server in {role}, with its log"));
        };
        if argv.is_empty() {
            return Instruction::said(format!("{words} in {keep_in} on its host: by pg_basebackup, with its log"));
        }
        let into = format!(
            "into={}/by-hand-{}-{role}-$(date -u +%Y%m%dT%H%M%SZ)",
            shell::word(keep_in.trim_end_matches('/')),
            self.name
        );
        Instruction::typed(
            words,
            format!("{into}\n{}\necho \"kept in $into\"", shell::argv_with(argv, "{into}", "into")),
        )
    }
}

pub(super) fn makes(resource: &str, settings: &Value, touched: Touched) -> Vec<String> {
    let Ok(it) = from_json::<PostgresDatabase>(settings) else { return Vec::new() };
    let (dbname, maintenance) = (&it.dbname, &it.maintenance);
    let mut all = Vec::new();
    let mut note = |when: bool, what: String| {
        if when {
            all.push(format!("{resource}: {what}"));
        }
    };
    note(touched.changed, format!("a mark, a row in muster.marks of {maintenance}; removed at the end"));
    note(touched.canary, format!("the schema muster_canary with one table in {dbname}; removed at the end"));
    note(touched.canary && touched.proven, format!("muster.rows_at_fence in {maintenance}; removed at the end"));
    note(touched.proven, format!("a schema with one table and one row in {dbname}, to prove writes; dropped at once"));
    note(touched.preserved, "a copy of the whole under `keep_in` of its host, which stays".to_owned());
    for role in RegionRole::ALL {
        if let Some(slot) = &it.regions.of(role).slot {
            note(touched.rebuilt, format!("the replication slot {slot} for {role}, where it is missing; which stays"));
        }
    }
    all
}

pub(super) fn relies(resource: &str, settings: &Value) -> Vec<Reliance> {
    let Ok(it) = from_json::<PostgresDatabase>(settings) else { return Vec::new() };
    let mut all = Vec::new();
    for role in RegionRole::ALL {
        let server = it.regions.of(role);
        let what = format!("{}:{}", server.host, server.port);
        all.push(Reliance::new(RelianceKind::Host, what, format!("{resource}: its server in {role}")).within(role));
        let commands = &server.host_commands;
        let argvs = [&commands.start, &commands.stop, &commands.status, &commands.standby, &commands.rewind];
        let argvs = argvs.into_iter().chain([&commands.basebackup, &commands.preserve, &commands.waldump]);
        all.extend(argvs.flat_map(|argv| program(argv, &format!("{resource}: host_commands of {role}"), Some(role))));
    }
    match (&it.password, &it.passfile) {
        (Some(source), _) => all.push(Reliance::secret(source, format!("{resource}: the password of {}", it.user))),
        (None, file) => {
            let file = file
                .as_ref()
                .map_or_else(|| "PGPASSFILE or ~/.pgpass".to_owned(), |path| format!("file {}", path.display()));
            all.push(Reliance::new(RelianceKind::Credential, file, format!("{resource}: the password of {}", it.user)));
        }
    }
    all
}
