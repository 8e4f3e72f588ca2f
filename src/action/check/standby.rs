//! Whether a service answers in a region where users are not sent yet: it is asked at the addresses that its records
//! would have there.

use std::net::IpAddr;

use crate::action::http::{self, Asked};
use crate::action::{ActError, Tools};
use crate::catalogue::{Evidence, Probe, split_url};
use crate::id::{RegionRole, ServiceId};
use crate::model::Service;
use crate::resource::{Context, Dns, RecordType, Resolver, TcpRequest};
use crate::time::Span;

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
    let (host, port) = match probe {
        Probe::Http(probe) => split_url(&probe.url).map(|(host, port, _)| (host, port)).map_err(ActError::refused)?,
        Probe::Tcp(probe) => (probe.host.as_str(), probe.port),
    };
    let timeout = service.probe.timeout;
    let address = address(tools, cx, service, host, port, region).await?;
    let not =
        |why: String| ActError::refused(format!("{} does not stand by in {region} at {address}: {why}", service.id));
    let said = match probe {
        Probe::Http(probe) => {
            let headers = probe.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
            let asked = Asked {
                method: probe.method,
                url: &probe.url,
                headers,
                body: None,
                resolver: Resolver::Fixed(address),
                timeout,
            };
            let answer = http::ask(tools, cx, asked).await.map_err(|failed| not(failed.what))?;
            answer.judge(tools, &probe.expect).map_err(not)?;
            format!("status {} after {}", answer.response.status, answer.took)
        }
        Probe::Tcp(_) => connect(tools, cx, host, port, Resolver::Fixed(address), timeout).await.map_err(not)?.1,
    };
    Ok([(format!("{} in {region} ({address})", service.id), said)].into())
}

/// The address that `host` would have if its record pointed to `region`.
async fn address(
    tools: &Tools,
    cx: &Context,
    service: &Service,
    host: &str,
    port: u16,
    region: RegionRole,
) -> Result<IpAddr, ActError> {
    let mut first: Option<(&dyn Dns, crate::resource::RecordSet)> = None;
    for id in &service.depends_on {
        let Some(dns) = tools.resources.dns.get(id) else { continue };
        let current = dns.observe(cx).await.map_err(|error| ActError::unseen(id, &error))?.record;
        let is_hosts = current.name.eq_ignore_ascii_case(host);
        if is_hosts || first.is_none() {
            first = Some((dns.as_ref(), current));
        }
        if is_hosts {
            break;
        }
    }
    let Some((dns, current)) = first else {
        return Err(ActError::refused(format!(
            "where {} would be in {region} is not known: name its DNS record under `depends_on`",
            service.id
        )));
    };
    let target = dns.target(region, &current);
    let Some(value) = target.values.first() else {
        return Err(ActError::refused(format!("{} has no value for {region}", target.name)));
    };
    if target.record_type != RecordType::Cname
        && let Ok(address) = value.parse()
    {
        return Ok(address);
    }
    let timeout = service.probe.timeout;
    let found = connect(tools, cx, value, port, Resolver::System, timeout).await;
    let (address, _) = found
        .map_err(|why| ActError::refused(format!("{} does not stand by in {region}: {value}: {why}", service.id)))?;
    address.ok_or_else(|| ActError::refused(format!("which address {value} has could not be found out")))
}

/// Connects; gives the address and how long it took.
async fn connect(
    tools: &Tools,
    cx: &Context,
    host: &str,
    port: u16,
    resolver: Resolver,
    timeout: Span,
) -> Result<(Option<IpAddr>, String), String> {
    let began = cx.clock.now();
    let request = TcpRequest { host: host.into(), port, resolver };
    let exchange = tokio::select! {
        biased;
        () = cx.cancel.cancelled() => return Err("the step was asked to end".to_owned()),
        exchange = cx.clock.timeout(timeout, tools.resources.network.tcp(cx, &request)) => exchange,
    };
    let exchange = exchange.map_err(|_| format!("no connection within {timeout}"))?;
    exchange.result.map_err(|error| error.text)?;
    Ok((exchange.address, format!("connected after {}", cx.clock.now().since(began))))
}
