//! What real providers are told, typed: one file a provider. What is wrong with a provider's settings is told at its
//! place when the file is read, like everything else; the plan keeps them as JSON, and [`typed`] makes types of them
//! again where the provider is built.
//!
//! A new provider is one file here, its lines in `KNOWN`, one file and its lines in [`super::handbook`], and its folder in
//! `provider/`, built by `app`.

mod identity;

pub use identity::identity;

mod address;
pub mod aws;
pub mod exec;
pub mod rfc2136;
pub mod postgres;
pub mod git;
pub mod process;

use serde::de::DeserializeOwned;
use serde_json::Value;

pub use address::ServerAddress;

use crate::diagnostic::Diagnostic;
use crate::model::Binding;
use crate::resource::ResourceKind;
use crate::yaml::{Node, decode};

type Check = fn(&Node, &mut Vec<Diagnostic>);

/// What this build can act on for real: a kind of resource, its provider, and the check of its settings.
const KNOWN: &[(ResourceKind, &str, Check)] = &[
    (ResourceKind::Dns, "rfc2136", rfc2136::check),
    (ResourceKind::Dns, "exec", exec::check_dns),
    (ResourceKind::Database, "exec", exec::check),
    (ResourceKind::Compute, "exec", exec::check),
    (ResourceKind::Storage, "exec", exec::check),
    (ResourceKind::Backup, "exec", exec::check),
    (ResourceKind::Region, "exec", exec::check),
    (ResourceKind::Database, "postgres", postgres::check_database),
    (ResourceKind::Backup, "postgres", postgres::check_backup),
    (ResourceKind::Compute, "process", process::check_servers),
    (ResourceKind::Region, "process", process::check_region),
    (ResourceKind::Storage, "git", by_type::<git::Git>),
    (ResourceKind::Dns, aws::AWS, aws::dns::check),
    (ResourceKind::Database, aws::AWS, aws::database::check),
    (ResourceKind::Compute, aws::AWS, aws::compute::check),
    (ResourceKind::Backup, aws::AWS, aws::backup::check),
    (ResourceKind::Region, aws::AWS, aws::check_region),
];

/// Whether this build can act on a kind of resource by a provider.
#[must_use]
pub fn is_built_in(kind: ResourceKind, provider: &str) -> bool {
    KNOWN.iter().any(|(of, name, _)| (*of, *name) == (kind, provider))
}

/// All that this build can act on for real.
#[cfg(test)]
pub(super) fn all_known() -> impl Iterator<Item = (ResourceKind, &'static str)> {
    KNOWN.iter().map(|(kind, provider, _)| (*kind, *provider))
}

/// Tells what is wrong with a provider's settings, each thing at its place. Those of a provider that this build can't
/// act with are taken as they stand.
pub(super) fn check(kind: ResourceKind, provider: &str, settings: &Node, diagnostics: &mut Vec<Diagnostic>) {
    if let Some((_, _, check)) = KNOWN.iter().find(|(of, name, _)| (*of, *name) == (kind, provider)) {
        check(settings, diagnostics);
    }
}

/// The check of settings whose types say all that there is to say.
fn by_type<T: DeserializeOwned>(settings: &Node, diagnostics: &mut Vec<Diagnostic>) {
    decode::<T>(settings, diagnostics);
}

/// A binding's settings as its provider knows them.
///
/// # Errors
/// Says what is wrong with them; never those of a plan that was compiled by this version.
pub fn typed<T: DeserializeOwned>(binding: &Binding) -> Result<T, String> {
    from_json(&binding.settings)
}

/// As [`typed`], for settings that stand elsewhere, such as a region's.
///
/// # Errors
/// As [`typed`].
pub fn from_json<T: DeserializeOwned>(settings: &Value) -> Result<T, String> {
    serde_json::from_value(settings.clone()).map_err(|error| error.to_string())
}
