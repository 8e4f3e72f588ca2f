//! Promotion: `pg_promote`, and then looked at until the server has left recovery.

use super::link::Failed;
use super::{Postgres, look, marks};
use crate::id::RegionRole;
use crate::resource::{Context, ProviderError};
use crate::time::Span;

/// Between two looks: users are out meanwhile.
const LOOK_AGAIN: Span = Span::from_millis(10);
/// A server that has not left recovery by then is given up, whatever the step's timeout.
const GIVE_UP: Span = Span::from_secs(3600);

/// Promotes `region`'s server and waits until it has left recovery, or until the step is asked to end.
pub(super) async fn promote(it: &Postgres, cx: &Context, region: RegionRole) -> Result<(), ProviderError> {
    marks::guard(it, cx, region).await?;
    if !look::one(it, cx, region).await?.standby {
        return Ok(());
    }
    if !it.ask_one::<bool>(cx, region, "SELECT pg_promote(false)", &[]).await? {
        return Err(ProviderError::Refused(format!("the server in {region} could not be told to leave recovery")));
    }
    let began = cx.clock.now();
    loop {
        let standby = it.ask_one::<bool>(cx, region, "SELECT pg_is_in_recovery()", &[]);
        let standby = tokio::select! {
            biased;
            standby = standby => standby,
            () = cx.cancel.cancelled() => return Err(ProviderError::Cancelled),
        };
        match standby {
            Ok(false) => return Ok(()),
            Err(Failed::Silent(why)) if cx.clock.now().since(began) > GIVE_UP => {
                return Err(ProviderError::Unreachable(why));
            }
            // It was told; that it is silent now says nothing of what it does.
            Ok(true) | Err(Failed::Silent(_)) => {}
            Err(failed) => return Err(ProviderError::Unreachable(failed.to_string())),
        }
        if cx.clock.now().since(began) > GIVE_UP {
            return Err(ProviderError::Unreachable("it was told to leave recovery and has not".to_owned()));
        }
        tokio::select! {
            biased;
            () = cx.cancel.cancelled() => return Err(ProviderError::Cancelled),
            () = cx.clock.sleep(LOOK_AGAIN) => {}
        }
    }
}
