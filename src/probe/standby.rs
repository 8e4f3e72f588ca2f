//! Where a service would be in a region that users are not sent to: at the address that its record would have there.

use std::net::IpAddr;

use crate::catalogue::Probe;
use crate::id::{RegionRole, ResourceId};
use crate::model::Service;
use crate::resource::{Context, Dns, ProviderError, RecordSet, RecordType, Resolver, Resources, TcpRequest};
use crate::time::Span;

/// Why that is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoAddress {
    /// The record can't be seen.
    Unseen(ResourceId, ProviderError),
    /// There is none, or what it names can't be reached.
    Unknown(String),
}

/// The address that what `probe` asks would have if its record pointed to `region`.
///
/// # Errors
/// [`NoAddress`].
pub async fn address_in(
    resources: &Resources,
    cx: &Context,
    service: &Service,
    probe: &Probe,
    region: RegionRole,
) -> Result<IpAddr, NoAddress> {
    let (host, port) = probe.host_and_port().unwrap_or(("", 0));
    let mut first: Option<(&dyn Dns, RecordSet)> = None;
    for id in &service.depends_on {
        let Some(dns) = resources.dns.get(id) else { continue };
        let current = dns.observe(cx).await.map_err(|error| NoAddress::Unseen(id.clone(), error))?.record;
        let is_hosts = current.name.eq_ignore_ascii_case(host);
        if is_hosts || first.is_none() {
            first = Some((dns.as_ref(), current));
        }
        if is_hosts {
            break;
        }
    }
    let Some((dns, current)) = first else {
        return Err(NoAddress::Unknown(format!(
            "where {} would be in {region} is not known: name its DNS record under `depends_on`",
            service.id
        )));
    };
    let target = dns.target(region, &current);
    let Some(value) = target.values.first() else {
        return Err(NoAddress::Unknown(format!("{} has no value for {region}", target.name)));
    };
    if target.record_type != RecordType::Cname
        && let Ok(address) = value.parse()
    {
        return Ok(address);
    }
    let found = connect(resources, cx, value, port, service.probe.timeout).await;
    let address = found
        .map_err(|why| NoAddress::Unknown(format!("{} does not stand by in {region}: {value}: {why}", service.id)))?;
    address.ok_or_else(|| NoAddress::Unknown(format!("which address {value} has could not be found out")))
}

/// Connects; gives the address.
async fn connect(
    resources: &Resources,
    cx: &Context,
    host: &str,
    port: u16,
    timeout: Span,
) -> Result<Option<IpAddr>, String> {
    let request = TcpRequest::to(host, port, Resolver::System);
    let exchange = tokio::select! {
        biased;
        () = cx.cancel.cancelled() => return Err("the step was asked to end".to_owned()),
        exchange = cx.clock.timeout(timeout, resources.network.tcp(cx, &request)) => exchange,
    };
    let exchange = exchange.map_err(|_| format!("no connection within {timeout}"))?;
    exchange.result.map_err(|error| error.text)?;
    Ok(exchange.address)
}
