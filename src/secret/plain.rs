//! Whether a text that somebody wrote into a document is a secret, as far as its name or its shape tells.

/// Parts of names whose values are secrets.
const NAMES: &[&str] =
    &["password", "passwd", "passphrase", "secret", "token", "apikey", "privatekey", "accesskey", "credential"];

/// Names, without what joins their words, whose values are secrets.
const WHOLE_NAMES: &[&str] = &["authorization", "proxyauthorization", "cookie", "xapikey", "pgpassword"];

/// Ends of names that say where a secret is, or something about it, and not which.
const ABOUT: &[&str] =
    &["file", "path", "env", "name", "folder", "url", "endpoint", "timeout", "ttl", "expiry", "length"];

/// How tokens of well-known services begin, and how long they are at least.
const TOKENS: &[(&str, usize)] = &[
    ("ghp_", 20),
    ("gho_", 20),
    ("ghs_", 20),
    ("github_pat_", 20),
    ("glpat-", 20),
    ("xoxb-", 20),
    ("xoxp-", 20),
    ("sk_live_", 20),
    ("AKIA", 20),
    ("-----BEGIN", 20),
];

/// Addresses that are secrets themselves: whoever has one may write there.
const HOOKS: &[&str] = &["://hooks.slack.com/services/", "://discord.com/api/webhooks/", ".webhook.office.com/"];

/// Parameters of a URL's query that are secrets.
const PARAMETERS: &[&str] = &["token", "access_token", "api_key", "apikey", "password", "secret", "sig", "signature"];

/// Whether `value`, written under `name`, is a secret. What is filled in from elsewhere is judged there.
#[must_use]
pub fn is_secret(name: &str, value: &str) -> bool {
    let value = value.trim();
    if value.contains("{{") || value.len() < 4 {
        return false;
    }
    has_shape(value) || (names_one(name) && !value.starts_with(['/', '.', '~']))
}

/// Whether an argument of a program is a secret, or carries one: `--password=…`, or the word after `--password`.
#[must_use]
pub fn is_secret_argument(before: Option<&str>, argument: &str) -> bool {
    if argument.contains("{{") {
        return false;
    }
    if has_shape(argument) {
        return true;
    }
    if let Some((option, value)) = argument.split_once('=') {
        return names_one(option) && is_secret(option, value);
    }
    if let Some((header, value)) = argument.split_once(':') {
        return WHOLE_NAMES.contains(&plain(header).as_str()) && value.trim().len() >= 4;
    }
    before.is_some_and(|before| before.starts_with("--") && !before.contains('=') && names_one(before))
        && !argument.starts_with('-')
        && is_secret(before.unwrap_or_default(), argument)
}

fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

fn names_one(name: &str) -> bool {
    let last = name.rsplit(['_', '-', '.']).next().unwrap_or(name).to_ascii_lowercase();
    let name = plain(name);
    if WHOLE_NAMES.contains(&name.as_str()) {
        return true;
    }
    !ABOUT.contains(&last.as_str()) && NAMES.iter().any(|part| name.contains(part))
}

fn has_shape(value: &str) -> bool {
    let token = TOKENS.iter().any(|(start, least)| value.starts_with(start) && value.len() >= *least);
    token || HOOKS.iter().any(|hook| value.contains(hook)) || has_user_and_password(value) || has_parameter(value)
}

/// `scheme://user:password@host`.
fn has_user_and_password(value: &str) -> bool {
    let Some((_, rest)) = value.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    authority.rsplit_once('@').is_some_and(|(user, _)| user.split_once(':').is_some_and(|(_, it)| !it.is_empty()))
}

/// `…?token=…`.
fn has_parameter(value: &str) -> bool {
    let Some((_, query)) = value.split_once("://").and_then(|(_, rest)| rest.split_once('?')) else { return false };
    query
        .split('&')
        .filter_map(|one| one.split_once('='))
        .any(|(name, value)| value.len() >= 4 && PARAMETERS.contains(&name.to_ascii_lowercase().as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("password", "hunter22", true)]
    #[case("DB_PASSWORD", "hunter22", true)]
    #[case("Authorization", "Bearer abcdef", true)]
    #[case("api-key", "0123456789", true)]
    #[case("url", "https://me:hunter22@example.test/", true)]
    #[case("url", "https://example.test/?access_token=abcdef", true)]
    #[case("x", "ghp_0123456789abcdefghij", true)]
    #[case("hook", "https://hooks.slack.com/services/T0/B0/xyz", true)]
    #[case("password", "{{ var.password }}", false)]
    #[case("password", "", false)]
    #[case("password_file", "db.pass", false)]
    #[case("password", "/run/secrets/db", false)]
    #[case("token_ttl", "10m", false)]
    #[case("url", "https://me@example.test/", false)]
    #[case("title", "A drill of the token service", false)]
    fn a_secret_is_known_by_its_name_or_shape(#[case] name: &str, #[case] value: &str, #[case] is: bool) {
        assert_eq!(is_secret(name, value), is);
    }

    #[rstest]
    #[case(None, "--password=hunter22", true)]
    #[case(Some("--password"), "hunter22", true)]
    #[case(Some("-H"), "Authorization: Bearer abc", true)]
    #[case(Some("--password-file"), "db.pass", false)]
    #[case(None, "--password={{ var.x }}", false)]
    #[case(Some("--token"), "--verbose", false)]
    #[case(None, "status", false)]
    fn an_argument_may_be_one(#[case] before: Option<&str>, #[case] argument: &str, #[case] is: bool) {
        assert_eq!(is_secret_argument(before, argument), is);
    }
}
