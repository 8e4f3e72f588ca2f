//! From a name to addresses, by whichever resolver the request names; nothing is kept.

use std::net::{IpAddr, SocketAddr};

use super::{fault, stub};
use crate::resource::Resolver;
use crate::time::Clock;

/// The most addresses of one name that are tried.
const MAX_ADDRESSES: usize = 32;

/// The port of DNS.
const DNS_PORT: u16 = 53;

/// The host as an address, if it is one; `[::1]` as in a URL too.
pub(super) fn literal(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    bare.parse().ok()
}

/// The addresses of `host` in the resolver's order, at least one; the error is text for people.
pub(super) async fn addresses(clock: &Clock, host: &str, resolver: &Resolver) -> Result<Vec<IpAddr>, String> {
    let mut found = match resolver {
        Resolver::Fixed(address) => vec![*address],
        Resolver::System => system(host).await?,
        Resolver::Server(text) => stub::addresses(clock, server_address(text)?, host).await?,
    };
    found.truncate(MAX_ADDRESSES);
    if found.is_empty() { Err("the name has no address".to_owned()) } else { Ok(found) }
}

/// getaddrinfo, which knows the machine's hosts file and settings. A call that was given up runs on in tokio's pool
/// of threads until the system's own limit.
async fn system(host: &str) -> Result<Vec<IpAddr>, String> {
    let found = tokio::net::lookup_host((host, 0)).await.map_err(|error| fault::getaddrinfo_text(&error))?;
    Ok(found.map(|address| address.ip()).collect())
}

fn server_address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    literal(text)
        .map(|ip| SocketAddr::new(ip, DNS_PORT))
        .ok_or_else(|| format!("the resolver `{text}` is not an address: write 192.0.2.53 or 192.0.2.53:5353"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resolver_is_an_address_with_or_without_a_port() {
        assert_eq!(server_address("192.0.2.1").unwrap(), "192.0.2.1:53".parse().unwrap());
        assert_eq!(server_address("192.0.2.1:5353").unwrap(), "192.0.2.1:5353".parse().unwrap());
        assert_eq!(server_address("2001:db8::1").unwrap(), "[2001:db8::1]:53".parse().unwrap());
        assert_eq!(server_address("[2001:db8::1]:5353").unwrap(), "[2001:db8::1]:5353".parse().unwrap());
        assert!(server_address("ns.example.test").unwrap_err().contains("is not an address"));
    }

    #[test]
    fn literals_are_told_from_names() {
        assert_eq!(literal("[::1]"), Some("::1".parse().unwrap()));
        assert_eq!(literal("127.0.0.1"), Some("127.0.0.1".parse().unwrap()));
        assert_eq!(literal("localhost"), None);
    }
}
