//! Why a name server did not take an update, in words that say what to do.

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::rdata::tsig::TsigError;
use jiff::Timestamp;

use crate::resource::ProviderError;
use crate::time::Span;

/// What was asked, of whom.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// The name server.
    pub(super) server: String,
    /// The zone.
    pub(super) zone: String,
    /// The name that was to be changed.
    pub(super) name: String,
    /// The key's name.
    pub(super) key: String,
    /// Its algorithm.
    pub(super) algorithm: String,
    /// Where its secret was read.
    pub(super) secret: String,
}

/// The clocks at both ends, in seconds since 1970, and how far they may be apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clocks {
    pub(super) here: u64,
    pub(super) there: u64,
    pub(super) allowed: u16,
}

impl Asked {
    fn server(&self) -> String {
        format!("the name server {}", self.server)
    }

    /// Nobody answered.
    pub(super) fn silent(&self, why: &str) -> ProviderError {
        ProviderError::Unreachable(format!("{} ({why})", self.server()))
    }

    /// The server did not accept the signature.
    pub(super) fn signature(&self, error: TsigError, clocks: Clocks) -> ProviderError {
        let (server, key) = (self.server(), &self.key);
        ProviderError::Refused(match error {
            TsigError::BadKey => format!(
                "{server} does not know the key `{key}` with {} (BADKEY): its name and algorithm must be those of the \
                 server's configuration. Nothing was changed",
                self.algorithm
            ),
            TsigError::BadSig => format!(
                "{server} finds the signature wrong (BADSIG): the secret of the key `{key}`, read from {}, is not the \
                 one that the server has. Nothing was changed",
                self.secret
            ),
            TsigError::BadTime => format!(
                "{server} finds the time wrong (BADTIME): its clock says {}, the one here {}: {} apart, {} are allowed. \
                 Set the clocks (NTP). Nothing was changed",
                wall(clocks.there),
                wall(clocks.here),
                Span::from_secs(clocks.here.abs_diff(clocks.there)),
                Span::from_secs(clocks.allowed.into())
            ),
            TsigError::BadTrunc => format!(
                "{server} wants a signature of the key `{key}` of another length (BADTRUNC). Nothing was changed"
            ),
            TsigError::Unknown(code) => {
                format!(
                    "{server} does not accept the signature of the key `{key}` (TSIG error {code}). Nothing was changed"
                )
            }
        })
    }

    /// The server answered with a code that has nothing to do with conditions.
    pub(super) fn code(&self, code: ResponseCode) -> ProviderError {
        let (server, zone, name) = (self.server(), &self.zone, &self.name);
        ProviderError::Refused(match code {
            ResponseCode::Refused => format!(
                "{server} refuses the update of {name} (REFUSED): the key `{}` may not change it. Allow it there (Knot: \
                 an `acl` with `action: update` in the zone; BIND: `update-policy` or `allow-update`). Nothing was changed",
                self.key
            ),
            ResponseCode::NotAuth => format!(
                "{server} is not authoritative for the zone {zone} (NOTAUTH): `server` must be the zone's primary name \
                 server, and `zone` the name that it has there. Nothing was changed"
            ),
            ResponseCode::NotZone => format!(
                "{server} says that {name} is not in the zone {zone} (NOTZONE): a part of it may be a zone of its own; \
                 name that one as `zone`. Nothing was changed"
            ),
            ResponseCode::NotImp => format!(
                "{server} takes no dynamic updates (NOTIMP): `server` must be one that does. Nothing was changed"
            ),
            ResponseCode::ServFail => {
                return ProviderError::Transient(format!(
                    "{server} failed at the update (SERVFAIL); its log says why. Nothing was changed"
                ));
            }
            other => format!("{server} did not take the update of {name}: {other}. Nothing was changed"),
        })
    }
}

/// A time of day with its date, UTC.
fn wall(seconds: u64) -> String {
    let second = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    second.map_or_else(|| format!("{seconds} s since 1970"), |at| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> Asked {
        Asked {
            server: "192.0.2.53".into(),
            zone: "example.com".into(),
            name: "code.example.com".into(),
            key: "muster".into(),
            algorithm: "hmac-sha256".into(),
            secret: "the file `tsig.key`".into(),
        }
    }

    #[test]
    fn each_refusal_says_what_is_wrong_and_what_to_do() {
        let clocks = Clocks { here: 1_800_000_000, there: 1_800_000_600, allowed: 300 };
        let signature = |error| asked().signature(error, clocks).to_string();
        let code = |code| asked().code(code).to_string();
        insta::assert_snapshot!(
            [
                signature(TsigError::BadKey),
                signature(TsigError::BadSig),
                signature(TsigError::BadTime),
                code(ResponseCode::Refused),
                code(ResponseCode::NotAuth),
                code(ResponseCode::NotZone),
                code(ResponseCode::ServFail),
                code(ResponseCode::NotImp),
                asked().silent("timed out").to_string(),
            ]
            .join("\n"),
            @r"
        the name server 192.0.2.53 does not know the key `muster` with hmac-sha256 (BADKEY): its name and algorithm must be those of the server's configuration. Nothing was changed
        the name server 192.0.2.53 finds the signature wrong (BADSIG): the secret of the key `muster`, read from the file `tsig.key`, is not the one that the server has. Nothing was changed
        the name server 192.0.2.53 finds the time wrong (BADTIME): its clock says 2027-01-15T08:10:00Z, the one here 2027-01-15T08:00:00Z: 10 min apart, 5 min are allowed. Set the clocks (NTP). Nothing was changed
        the name server 192.0.2.53 refuses the update of code.example.com (REFUSED): the key `muster` may not change it. Allow it there (Knot: an `acl` with `action: update` in the zone; BIND: `update-policy` or `allow-update`). Nothing was changed
        the name server 192.0.2.53 is not authoritative for the zone example.com (NOTAUTH): `server` must be the zone's primary name server, and `zone` the name that it has there. Nothing was changed
        the name server 192.0.2.53 says that code.example.com is not in the zone example.com (NOTZONE): a part of it may be a zone of its own; name that one as `zone`. Nothing was changed
        the name server 192.0.2.53 failed at the update (SERVFAIL); its log says why. Nothing was changed (a passing fault)
        the name server 192.0.2.53 takes no dynamic updates (NOTIMP): `server` must be one that does. Nothing was changed
        the name server 192.0.2.53 (timed out): no answer
        "
        );
    }
}
