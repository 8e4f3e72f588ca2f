//! Record sets on the wire and as the house has them.

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType as WireType};

use super::wire::Recursion;
use crate::infrastructure::real::rfc2136::plain_name;
use crate::resource::RecordType;
use crate::time::Span;

/// A name as it goes over the wire.
pub(in crate::provider) fn wire_name(name: &str) -> Result<Name, String> {
    let mut wire = Name::from_ascii(name).map_err(|error| format!("`{name}` is no DNS name: {error}"))?;
    wire.set_fqdn(true);
    Ok(wire)
}

pub(in crate::provider) fn wire_type(record_type: RecordType) -> WireType {
    match record_type {
        RecordType::A => WireType::A,
        RecordType::Aaaa => WireType::AAAA,
        RecordType::Cname => WireType::CNAME,
    }
}

/// A value on the wire; the error is what is wrong with it.
pub(in crate::provider) fn wire_value(record_type: RecordType, value: &str) -> Result<RData, String> {
    let no_address = |_| format!("`{value}` is no address for a record of type {record_type}");
    Ok(match record_type {
        RecordType::A => RData::A(A(value.parse().map_err(no_address)?)),
        RecordType::Aaaa => RData::AAAA(AAAA(value.parse().map_err(no_address)?)),
        RecordType::Cname => RData::CNAME(CNAME(wire_name(value)?)),
    })
}

/// A value as it is compared; `None` for what is no value of a record that a drill switches.
pub(in crate::provider) fn plain(data: &RData) -> Option<String> {
    Some(match data {
        RData::A(address) => address.0.to_string(),
        RData::AAAA(address) => address.0.to_string(),
        RData::CNAME(target) => plain_name(&target.0.to_ascii()),
        _ => return None,
    })
}

/// A TTL on the wire: whole seconds.
pub(in crate::provider) fn wire_ttl(ttl: Span) -> u32 {
    u32::try_from(ttl.0 / 1_000_000_000).unwrap_or(u32::MAX)
}

/// What one server answers for one name and type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::provider) struct Stands {
    /// The data of each record; none if the name or the type is not there.
    pub(in crate::provider) data: Vec<RData>,
    /// The lowest TTL among them, in seconds.
    pub(in crate::provider) ttl: u32,
}

impl Stands {
    /// The values as they are compared, sorted.
    pub(in crate::provider) fn values(&self) -> Vec<String> {
        let mut values: Vec<String> = self.data.iter().filter_map(plain).collect();
        values.sort();
        values.dedup();
        values
    }
}

/// Reads an answer; the error is for people.
pub(in crate::provider) fn read(
    answer: &Message,
    name: &Name,
    kind: WireType,
    recursion: Recursion,
) -> Result<Stands, String> {
    match answer.metadata.response_code {
        ResponseCode::NoError | ResponseCode::NXDomain => {}
        ResponseCode::Refused => return Err("it refuses the question (REFUSED)".to_owned()),
        ResponseCode::ServFail => return Err("it failed at the question (SERVFAIL)".to_owned()),
        other => return Err(format!("it answered: {other}")),
    }
    if recursion == Recursion::No && !answer.metadata.authoritative {
        return Err(format!("it is not authoritative for {}", plain_name(&name.to_ascii())));
    }
    let mut stands = Stands { data: Vec::new(), ttl: u32::MAX };
    for record in answer.answers.iter().filter(|record| record.name == *name) {
        if record.record_type() == kind {
            stands.ttl = stands.ttl.min(record.ttl);
            stands.data.push(record.data.clone());
        } else if let RData::CNAME(target) = &record.data {
            return Err(format!(
                "{} is a CNAME there, of {}, and not of type {kind}",
                plain_name(&name.to_ascii()),
                plain_name(&target.0.to_ascii())
            ));
        }
    }
    if stands.data.is_empty() {
        stands.ttl = 0;
    }
    Ok(stands)
}

/// A condition of an update, or a part of what it does (RFC 2136 sections 2.4 and 2.5).
pub(in crate::provider) fn line(name: &Name, class: DNSClass, ttl: u32, data: RData) -> Record {
    let mut record = Record::from_rdata(name.clone(), ttl, data);
    record.dns_class = class;
    record
}
