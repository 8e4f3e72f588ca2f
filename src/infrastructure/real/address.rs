//! The address of a name server or resolver: `192.0.2.53`, `192.0.2.53:5353`, `[2001:db8::53]:5353`.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The port of DNS.
const DNS_PORT: u16 = 53;

/// An address with its port; 53 if none is said. Never a name: whoever looks names up can't be found by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServerAddress(pub SocketAddr);

impl FromStr for ServerAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(address) = text.parse() {
            return Ok(Self(address));
        }
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        bare.parse::<IpAddr>()
            .map(|ip| Self(SocketAddr::new(ip, DNS_PORT)))
            .map_err(|_| format!("`{text}` is not an address: write 192.0.2.53 or 192.0.2.53:5353"))
    }
}

impl fmt::Display for ServerAddress {
    /// With its port only if it is not that of DNS.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.port() == DNS_PORT { self.0.ip().fmt(f) } else { self.0.fmt(f) }
    }
}

impl Serialize for ServerAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ServerAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_said_with_or_without_a_port() {
        let parse = |text: &str| text.parse::<ServerAddress>().map(|it| it.0.to_string());
        assert_eq!(parse("192.0.2.1").unwrap(), "192.0.2.1:53");
        assert_eq!(parse("192.0.2.1:5353").unwrap(), "192.0.2.1:5353");
        assert_eq!(parse("2001:db8::1").unwrap(), "[2001:db8::1]:53");
        assert_eq!(parse("[2001:db8::1]:5353").unwrap(), "[2001:db8::1]:5353");
        assert!(parse("ns.example.test").unwrap_err().contains("is not an address"));
        let shown = |text: &str| text.parse::<ServerAddress>().unwrap().to_string();
        assert_eq!((shown("192.0.2.1:53").as_str(), shown("[2001:db8::1]").as_str()), ("192.0.2.1", "2001:db8::1"));
    }
}
