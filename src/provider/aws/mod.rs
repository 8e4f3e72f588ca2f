//! AWS: records of Route 53, servers on EC2, databases of RDS and Aurora, their backups, and regions cut off by network
//! ACLs. `docs/providers/aws.md` says for people what it needs, reads and changes.
//!
//! What holds for all: the account is seen to be the one that the infrastructure file states before anything else is
//! asked; what is changed or made carries the run's id in the tag `muster:run`; every state that an undo or a resumed run
//! needs is read back from AWS and never kept here. May rely on `resource`, `infrastructure`, `secret`, and on the
//! providers `network`, `host` and `postgres`; must never act beyond its trait.

mod access;
mod acl;
mod backup;
mod call;
mod compute;
mod database;
mod dns;
mod region;
mod tags;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::id::RegionRole;
use crate::resource::{Context, ProviderError, Seen};

pub use access::{Access, Line};
pub use backup::AwsSnapshots;
pub use compute::AwsCompute;
pub use database::AwsRds;
pub use dns::Route53;
pub use region::AwsCutOff;

/// The ways into both regions.
#[derive(Clone, Debug)]
pub struct Ways {
    /// Into the primary one.
    pub primary: Arc<Access>,
    /// Into the secondary one.
    pub secondary: Arc<Access>,
}

impl Ways {
    /// The way into `role`.
    #[must_use]
    pub fn to(&self, role: RegionRole) -> &Arc<Access> {
        match role {
            RegionRole::Primary => &self.primary,
            RegionRole::Secondary => &self.secondary,
        }
    }
}

/// Looks at one region's side. Each side has its own time, so that one which is lost keeps nobody from the other.
async fn look_at<T>(
    cx: &Context,
    access: &Access,
    look: impl Future<Output = Result<T, ProviderError>>,
) -> Result<Seen<T>, ProviderError> {
    seen(access.within(cx, access::LOOK, look).await)
}

/// What one region's side is, or that it does not answer; an error if what answered said no.
fn seen<T>(side: Result<T, ProviderError>) -> Result<Seen<T>, ProviderError> {
    match side {
        Ok(side) => Ok(Seen::Is(side)),
        Err(ProviderError::Unreachable(why) | ProviderError::Transient(why)) => Ok(Seen::Unreachable(why)),
        Err(error) => Err(error),
    }
}
