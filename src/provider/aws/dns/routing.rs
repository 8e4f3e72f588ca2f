//! Routing controls of the Application Recovery Controller: a switch that needs only the data plane, which answers in
//! five regions. Each endpoint of the cluster is tried in turn; what a safety rule refuses is told as that.

use aws_sdk_route53recoverycluster::types::{RoutingControlState, UpdateRoutingControlStateEntry};

use crate::id::RegionRole;
use crate::infrastructure::real::aws::dns::RoutingControls;
use crate::provider::aws::access::Access;
use crate::provider::aws::call::{self, Action, Failed};
use crate::resource::{Context, ProviderError};

pub(in crate::provider::aws) const GET: Action = Action("route53-recovery-cluster:GetRoutingControlState");
pub(in crate::provider::aws) const UPDATE: Action = Action("route53-recovery-cluster:UpdateRoutingControlStates");

/// Which of the two controls are on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Controls {
    pub(super) primary: bool,
    pub(super) secondary: bool,
}

impl Controls {
    /// Users are sent to `role` alone.
    pub(super) fn only(role: RegionRole) -> Self {
        Self { primary: role == RegionRole::Primary, secondary: role == RegionRole::Secondary }
    }

    /// Where users are sent.
    pub(super) fn serves(self) -> Option<RegionRole> {
        RegionRole::ALL.into_iter().find(|role| self == Self::only(*role))
    }
}

/// Makes `ask` of one endpoint after the other until one answers; what each of them said if none does.
macro_rules! in_turn {
    ($cx:expr, $access:expr, $settings:expr, $asks:path, $action:expr, |$client:ident| $request:expr) => {{
        let mut silent: Vec<String> = Vec::new();
        let mut done = None;
        for endpoint in &$settings.cluster {
            let $client = $access.routing($cx, &endpoint.url, &endpoint.region).await?;
            match asked($asks($cx, $access, $action, $request).await) {
                Ok(answer) => {
                    done = Some(answer);
                    break;
                }
                Err(failed) if is_elsewhere_better(&failed) => {
                    silent.push(format!("{}: {}", endpoint.region, failed.error))
                }
                Err(failed) => return Err(refused(failed)),
            }
        }
        done.ok_or_else(|| {
            ProviderError::Unreachable(format!(
                "none of the {} endpoints of the cluster: {}",
                $settings.cluster.len(),
                silent.join("; ")
            ))
        })
    }};
}

/// Brings the two ways to ask to one form.
fn asked<T>(answer: Result<T, impl Into<AnyFailed>>) -> Result<T, Failed> {
    answer.map_err(|failed| failed.into().0)
}

struct AnyFailed(Failed);

impl From<Failed> for AnyFailed {
    fn from(failed: Failed) -> Self {
        Self(failed)
    }
}

impl From<ProviderError> for AnyFailed {
    fn from(error: ProviderError) -> Self {
        Self(Failed { code: String::new(), error })
    }
}

/// Whether another endpoint may answer what this one did not.
fn is_elsewhere_better(failed: &Failed) -> bool {
    failed.is(&["EndpointTemporarilyUnavailableException", "InternalServerException"])
        || matches!(failed.error, ProviderError::Unreachable(_) | ProviderError::Transient(_))
}

fn refused(failed: Failed) -> ProviderError {
    if failed.is(&["ConflictException"]) {
        return ProviderError::Refused(format!("a safety rule of the cluster refuses the switch: {}", failed.error));
    }
    failed.error
}

/// Which controls are on now.
pub(super) async fn read(cx: &Context, access: &Access, settings: &RoutingControls) -> Result<Controls, ProviderError> {
    let mut on = [false; 2];
    for (n, arn) in [&settings.primary, &settings.secondary].into_iter().enumerate() {
        let answer = in_turn!(cx, access, settings, call::reads, &GET, |client| client
            .get_routing_control_state()
            .routing_control_arn(arn)
            .send())?;
        on[n] = *answer.routing_control_state() == RoutingControlState::On;
    }
    Ok(Controls { primary: on[0], secondary: on[1] })
}

/// Sets both at once.
pub(super) async fn set(
    cx: &Context,
    access: &Access,
    settings: &RoutingControls,
    to: Controls,
) -> Result<(), ProviderError> {
    let entry = |arn: &String, on: bool| {
        let state = if on { RoutingControlState::On } else { RoutingControlState::Off };
        UpdateRoutingControlStateEntry::builder().routing_control_arn(arn).routing_control_state(state).build()
    };
    let built = |error: aws_smithy_types::error::operation::BuildError| ProviderError::Refused(error.to_string());
    let entries = [
        entry(&settings.primary, to.primary).map_err(built)?,
        entry(&settings.secondary, to.secondary).map_err(built)?,
    ];
    in_turn!(cx, access, settings, call::writes, &UPDATE, |client| client
        .update_routing_control_states()
        .set_update_routing_control_state_entries(Some(entries.to_vec()))
        .send())
    .map(|_| ())
}
