//! Whether a service answers in a region where users are not sent yet: it is asked at the addresses that its records
//! would have there.

use std::sync::Arc;

use crate::action::{ActError, Tools};
use crate::catalogue::Evidence;
use crate::id::{RegionRole, ServiceId};
use crate::model::SampleResult;
use crate::probe::{NoAddress, Regions, Senses, address_in, once};
use crate::resource::Context;

/// Asks `service` in `region`, once.
pub(super) async fn answers(
    tools: &Tools,
    cx: &Context,
    service: &ServiceId,
    region: RegionRole,
) -> Result<Evidence, ActError> {
    let Some(service) = tools.plan.services.iter().find(|one| one.id == *service) else {
        return Err(ActError::refused(format!("the playbook has no service `{service}`")));
    };
    let probe = service.standby.as_ref().unwrap_or(&service.probe.probe);
    let address = address_in(&tools.resources, cx, service, probe, region).await.map_err(|none| match none {
        NoAddress::Unseen(id, error) => ActError::unseen(&id, &error),
        NoAddress::Unknown(why) => ActError::refused(why),
    })?;
    let regions = Arc::new(Regions::from_iter([(address, region)]));
    let senses = Senses::from(&*tools.resources);
    let look = tokio::select! {
        biased;
        () = cx.cancel.cancelled() => return Err(ActError::refused("the step was asked to end".to_owned())),
        look = once(&service.probe.id, probe, address, service.probe.timeout, &regions, senses, cx) => look,
    };
    match look.result {
        SampleResult::Healthy => {
            let said = tools.secrets.redact(&format!("{} after {}", look.came, look.took));
            Ok([(format!("{} in {region} ({address})", service.id), said)].into())
        }
        SampleResult::Unhealthy(why) => {
            let why = tools.secrets.redact(&why);
            Err(ActError::refused(format!("{} does not stand by in {region} at {address}: {why}", service.id)))
        }
    }
}
