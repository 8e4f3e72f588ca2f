//! The names of all providers, by what they can provide.

use crate::resource::ResourceKind;

/// The provider that this build can carry drills out with.
pub const SIMULATED: &str = "simulated";

/// The providers of a kind of resource.
#[must_use]
pub fn of_kind(kind: ResourceKind) -> &'static [&'static str] {
    match kind {
        ResourceKind::Dns => &[SIMULATED, "rfc2136", "aws", "exec"],
        ResourceKind::Database => &[SIMULATED, "postgres", "patroni", "aws", "exec"],
        ResourceKind::Compute => &[SIMULATED, "process", "aws", "exec"],
        ResourceKind::Storage => &[SIMULATED, "git", "aws", "exec"],
        ResourceKind::Backup => &[SIMULATED, "postgres", "aws", "exec"],
        ResourceKind::Region => of_region(),
    }
}

/// The providers that can cut a region off. `none` can't, and is what a region has where nothing is said.
#[must_use]
pub fn of_region() -> &'static [&'static str] {
    &[SIMULATED, "process", "aws", "exec", "none"]
}
