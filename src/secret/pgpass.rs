//! `PostgreSQL`'s password file, by libpq's rules: the first line that fits gives the password, `*` fits anything, `\` takes
//! the meaning from `:` and `\`, and a file that others may read is not used.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::{MAX_BYTES, Redactor, Secret};

/// The longest password file that is read, in bytes.
const FILE_MAX: u64 = 1 << 20;

/// What a password is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The server's host, as it is connected to.
    pub host: &'a str,
    /// Its port.
    pub port: u16,
    /// The database.
    pub dbname: &'a str,
    /// The role.
    pub user: &'a str,
}

/// The password that the file at `path` (unstated: `PGPASSFILE`, else `~/.pgpass`) has; `None` if it has none or is not
/// there, as many a server asks for none.
///
/// # Errors
/// The file is there and can't be used; why.
pub fn password(path: Option<&Path>, asked: Asked<'_>, redactor: &Redactor) -> Result<Option<Secret>, String> {
    let Some(path) = path.map(Path::to_owned).or_else(default_file) else { return Ok(None) };
    let Ok(about) = fs::metadata(&path) else { return Ok(None) };
    if !about.is_file() {
        return Err(format!("the password file `{}` is no plain file", path.display()));
    }
    if others_may_read(&about) {
        return Err(format!(
            "the password file `{}` is not used: others may read it; `chmod 600` it, as PostgreSQL's own programs demand",
            path.display()
        ));
    }
    let mut text = String::new();
    let read = File::open(&path).and_then(|file| file.take(FILE_MAX).read_to_string(&mut text));
    read.map_err(|why| format!("the password file `{}` can't be read: {why}", path.display()))?;
    let found = text.lines().find_map(|line| fitting(line, asked)).filter(|found| !found.is_empty());
    let found = found.filter(|found| found.len() <= MAX_BYTES).map(Secret::new);
    if let Some(secret) = &found {
        redactor.learn(secret);
    }
    Ok(found)
}

fn default_file() -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "secrets are read from the environment here alone")]
    let (file, home) = (std::env::var_os("PGPASSFILE"), std::env::var_os("HOME"));
    file.map(PathBuf::from).or_else(|| home.map(|home| PathBuf::from(home).join(".pgpass")))
}

#[cfg(unix)]
fn others_may_read(about: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    about.permissions().mode() & 0o077 != 0
}

#[cfg(not(unix))]
fn others_may_read(_about: &fs::Metadata) -> bool {
    false
}

/// The password of a line `host:port:database:user:password`, if the line fits.
fn fitting(line: &str, asked: Asked<'_>) -> Option<String> {
    if line.starts_with('#') {
        return None;
    }
    let fields = fields(line);
    let [host, port, dbname, user, password] = fields.as_slice() else { return None };
    // A server reached over a socket is `localhost` in this file.
    let asked_host = if asked.host.starts_with('/') { "localhost" } else { asked.host };
    let wanted = [(host, asked_host), (port, &asked.port.to_string()), (dbname, asked.dbname), (user, asked.user)];
    let fits = wanted.iter().all(|((raw, text), asked)| raw == "*" || text == asked);
    fits.then(|| password.1.clone())
}

/// The fields of a line, each as written and with its escapes taken out; what follows the fourth `:` is one field.
fn fields(line: &str) -> Vec<(String, String)> {
    let mut fields = vec![(String::new(), String::new())];
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        let last = fields.len();
        let Some((raw, text)) = fields.last_mut() else { break };
        match c {
            '\\' => {
                let next = chars.next().unwrap_or('\\');
                raw.extend(['\\', next]);
                text.push(next);
            }
            ':' if last < 5 => fields.push((String::new(), String::new())),
            other => {
                raw.push(other);
                text.push(other);
            }
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::{Asked, password};
    use crate::secret::Redactor;

    const FILE: &str = "# host:port:database:user:password\n\
                        db.test:5432:app:other:wrong\n\
                        db.test:5432:*:muster:with\\:colon\\\\and:more\n\
                        *:*:*:muster:the-rest\n";

    fn asked(host: &str, user: &'static str) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pgpass");
        fs::write(&path, FILE).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let asked = Asked { host, port: 5432, dbname: "app", user };
        password(Some(&path), asked, &Redactor::default()).unwrap().map(|found| found.expose().to_owned())
    }

    #[test]
    fn the_first_line_that_fits_gives_the_password() {
        assert_eq!(asked("db.test", "muster").as_deref(), Some("with:colon\\and:more"));
        assert_eq!(asked("elsewhere.test", "muster").as_deref(), Some("the-rest"));
        assert_eq!(asked("db.test", "nobody"), None);
    }

    #[test]
    fn a_file_that_others_may_read_is_not_used_and_what_was_read_is_redacted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pgpass");
        fs::write(&path, "*:*:*:*:hush-4711\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let asked = Asked { host: "db.test", port: 5432, dbname: "app", user: "muster" };
        let redactor = Redactor::default();
        assert!(password(Some(&path), asked, &redactor).unwrap_err().contains("others may read it"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        password(Some(&path), asked, &redactor).unwrap().unwrap();
        assert_eq!(redactor.redact("it said hush-4711"), "it said ***");
        assert!(password(Some(&folder.path().join("none")), asked, &redactor).unwrap().is_none());
    }
}
