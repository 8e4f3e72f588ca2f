//! From a name to addresses, by whichever resolver the request names; nothing is kept.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{fault, stub};
use crate::infrastructure::real::ServerAddress;
use crate::resource::{Family, Resolver};
use crate::time::Clock;

/// The most addresses of one name that are tried.
const MAX_ADDRESSES: usize = 32;

/// The host as an address, if it is one; `[::1]` as in a URL too.
pub(super) fn literal(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    bare.parse().ok()
}

/// The addresses of `host` in the resolver's order, at least one; the error is text for people.
pub(super) async fn addresses(
    clock: &Clock,
    host: &str,
    resolver: &Resolver,
    family: Family,
) -> Result<Vec<IpAddr>, String> {
    let mut found = match resolver {
        Resolver::Fixed(address) => vec![*address],
        Resolver::System => system(host).await?,
        // Names of this machine are no server's to know (RFC 6761 section 6.3).
        Resolver::Server(_) if is_localhost(host) => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
        Resolver::Server(text) => {
            let server: ServerAddress = text.parse().map_err(|why| format!("the resolver {why}"))?;
            stub::addresses(clock, server.0, host).await?
        }
    };
    let none = match family {
        Family::Any => "the name has no address",
        Family::Ipv4 => "the name has no IPv4 address",
        Family::Ipv6 => "the name has no IPv6 address",
    };
    found.retain(|address| match family {
        Family::Any => true,
        Family::Ipv4 => address.is_ipv4(),
        Family::Ipv6 => address.is_ipv6(),
    });
    found.truncate(MAX_ADDRESSES);
    if found.is_empty() { Err(none.to_owned()) } else { Ok(found) }
}

fn is_localhost(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost")
}

/// getaddrinfo, which knows the machine's hosts file and settings. A call that was given up runs on in tokio's pool
/// of threads until the system's own limit.
async fn system(host: &str) -> Result<Vec<IpAddr>, String> {
    let found = tokio::net::lookup_host((host, 0)).await.map_err(|error| fault::getaddrinfo_text(&error))?;
    Ok(found.map(|address| address.ip()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_told_from_names() {
        assert_eq!(literal("[::1]"), Some("::1".parse().unwrap()));
        assert_eq!(literal("127.0.0.1"), Some("127.0.0.1".parse().unwrap()));
        assert_eq!(literal("localhost"), None);
    }
}
