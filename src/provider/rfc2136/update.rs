//! One signed update, sent once over TCP, and what became of it.
//!
//! Over UDP an update whose answer is lost would be sent again, and its own conditions would refuse it the second time
//! as if somebody else had been there (RFC 2136 section 5.1 leaves the choice to the requestor).

use hickory_proto::op::update_message::UpdateMessage;
use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType as WireType, TSigVerifier, TSigner};

use super::refusal::{Asked, Clocks};
use crate::infrastructure::real::ServerAddress;
use crate::provider::network::record::line;
use crate::provider::network::wire::{self, Silence};
use crate::resource::{Context, ProviderError};
use crate::time::Span;

/// How long a server may take to answer an update.
const PATIENCE: Span = Span::from_secs(15);

/// How far the clocks may be apart, in seconds, as RFC 8945 section 10 recommends.
pub(super) const FUDGE: u16 = 300;

/// What becomes of an update that the server understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It was carried out.
    Done,
    /// One of its conditions does not hold; nothing was changed.
    Unmet(ResponseCode),
}

/// An update of a zone.
#[derive(Debug)]
pub(super) struct Update(Message);

impl Update {
    /// One that does nothing yet.
    pub(super) fn of(zone: &Name) -> Self {
        let mut message = Message::query();
        message.metadata.op_code = OpCode::Update;
        message.metadata.recursion_desired = false;
        message.add_zone(Query::query(zone.clone(), WireType::SOA));
        Self(message)
    }

    /// Only if exactly these records stand there; none: only if no record of the type does (sections 2.4.2, 2.4.3).
    pub(super) fn only_if(mut self, name: &Name, kind: WireType, data: &[RData]) -> Self {
        for value in data {
            self.0.add_pre_requisite(line(name, DNSClass::IN, 0, value.clone()));
        }
        if data.is_empty() {
            let mut nothing = Record::update0(name.clone(), 0, kind);
            nothing.dns_class = DNSClass::NONE;
            self.0.add_pre_requisite(nothing);
        }
        self
    }

    /// Puts these records in the place of all of the type (sections 2.5.2, 2.5.1).
    pub(super) fn replace(mut self, name: &Name, kind: WireType, ttl: u32, data: Vec<RData>) -> Self {
        let mut all = Record::update0(name.clone(), 0, kind);
        all.dns_class = DNSClass::ANY;
        self.0.add_update(all);
        for value in data {
            self.0.add_update(line(name, DNSClass::IN, ttl, value));
        }
        self
    }

    /// Takes one record away (section 2.5.4).
    pub(super) fn delete(mut self, name: &Name, value: RData) -> Self {
        self.0.add_update(line(name, DNSClass::NONE, 0, value));
        self
    }

    /// Signs it as of `now`, in seconds since 1970, sends it, and reads the answer.
    pub(super) async fn send(
        mut self,
        cx: &Context,
        server: ServerAddress,
        signer: &TSigner,
        now: u64,
        asked: &Asked,
    ) -> Result<Verdict, ProviderError> {
        let unsigned = |why: String| ProviderError::Refused(format!("the update can't be signed: {why}"));
        let verifier = self.0.finalize(signer, now).map_err(|error| unsigned(error.to_string()))?;
        let verifier = verifier.ok_or_else(|| unsigned("its answer could not be checked".to_owned()))?;
        let bytes = self.0.to_vec().map_err(|error| unsigned(error.to_string()))?;
        let answer = tokio::select! {
            biased;
            answer = cx.clock.timeout(PATIENCE, wire::over_tcp(server.0, &bytes)) => answer,
            () = cx.cancel.cancelled() => return Err(ProviderError::Cancelled),
        };
        match answer {
            Ok(Ok(answer)) => judge(self.0.metadata.id, &answer, verifier, now, asked),
            Ok(Err(Silence::NotSent(why))) => Err(ProviderError::Transient(format!(
                "the name server {} can't be reached over TCP ({why}). Nothing was changed",
                asked.server
            ))),
            Ok(Err(Silence::NoAnswer(why))) => Err(asked.silent(&why)),
            Err(_) => Err(asked.silent(&format!("within {PATIENCE}"))),
        }
    }
}

/// What an answer says. The codes are read before the signature is checked: a server that does not know the key can't
/// sign (RFC 8945 section 5.2). Whether the zone was changed is believed only if it is signed.
fn judge(id: u16, bytes: &[u8], mut verifier: TSigVerifier, now: u64, asked: &Asked) -> Result<Verdict, ProviderError> {
    let answer = Message::from_vec(bytes).map_err(|_| asked.silent("it sends an answer that can't be read"))?;
    if answer.metadata.id != id || answer.metadata.message_type != MessageType::Response {
        return Err(asked.silent("it sends an answer to something else"));
    }
    let tsig = answer.signature().map(|record| &record.data);
    if let Some((tsig, error)) = tsig.and_then(|tsig| tsig.error.map(|error| (tsig, error))) {
        // What the server's clock says stands in the other data, 48 bits of it (section 5.2.3).
        let there = match tsig.other.as_slice() {
            other @ [_, _, _, _, _, _] => other.iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte)),
            _ => tsig.time,
        };
        return Err(asked.signature(error, Clocks { here: now, there, allowed: FUDGE }));
    }
    let verdict = match answer.metadata.response_code {
        ResponseCode::NoError => Verdict::Done,
        unmet @ (ResponseCode::NXRRSet | ResponseCode::YXRRSet | ResponseCode::NXDomain | ResponseCode::YXDomain) => {
            Verdict::Unmet(unmet)
        }
        other => return Err(asked.code(other)),
    };
    // The verifier reckons with times that are at least as far from 1970.
    let sound = tsig.is_some_and(|tsig| tsig.time >= u64::from(tsig.fudge)) && verifier.verify(bytes).is_ok();
    if sound { Ok(verdict) } else { Err(asked.silent("its answer is not signed with the key, so it is no answer")) }
}
