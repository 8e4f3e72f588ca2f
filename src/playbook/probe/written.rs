//! The keys of each kind of probe, as people write them.
//!
//! Each kind is there twice: alone, as in `standby:` and in combinations, and with a rhythm. Their keys are written down
//! once, with what they mean.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::catalogue::{
    DnsExpect, HttpExpect, OneOrMany, Period, PostgresExpect, ProgramExpect, TcpExpect, TlsExpect, Value,
};
use crate::resource::{DnsType, Family, Method, Resolver, SslMode, TlsOptions};
use crate::secret::SecretSource;

/// How often, and when that counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Rhythm {
    pub(super) every: Option<Period>,
    pub(super) timeout: Option<Period>,
    pub(super) healthy_after: Option<u32>,
    pub(super) unhealthy_after: Option<u32>,
}

/// Declares a kind: `$alone` has the keys, `$rhythmic` those and the rhythm's.
macro_rules! kind {
    ($(#[$about:meta])* $alone:ident, $rhythmic:ident { $($(#[$doc:meta])* $key:ident: $type:ty,)* }) => {
        $(#[$about])*
        #[derive(Clone, Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        #[expect(clippy::allow_attributes, reason = "only the kinds whose key is their name need it")]
        #[allow(clippy::struct_field_names, reason = "a kind is known by the key that names it")]
        pub(super) struct $alone {
            $($(#[$doc])* pub(super) $key: $type,)*
        }

        $(#[$about])*
        #[derive(Clone, Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        #[expect(clippy::allow_attributes, reason = "only the kinds whose key is their name need it")]
        #[allow(clippy::struct_field_names, reason = "a kind is known by the key that names it")]
        pub(super) struct $rhythmic {
            $($(#[$doc])* $key: $type,)*
            /// From one sample to the next; unstated: 5s.
            every: Option<Period>,
            /// A sample that takes longer has failed; unstated: 3s, or `every` if that is shorter.
            timeout: Option<Period>,
            /// So many healthy samples in a row end an outage; unstated: 3.
            healthy_after: Option<u32>,
            /// So many unhealthy samples in a row are an outage; unstated: 2.
            unhealthy_after: Option<u32>,
        }

        impl From<$rhythmic> for ($alone, Rhythm) {
            fn from(it: $rhythmic) -> Self {
                let $rhythmic { $($key,)* every, timeout, healthy_after, unhealthy_after } = it;
                ($alone { $($key,)* }, Rhythm { every, timeout, healthy_after, unhealthy_after })
            }
        }
    };
}

kind! {
    /// Asks over HTTP, on a fresh connection.
    Http, RhythmicHttp {
        /// Where: `https://code.example.test/healthz`.
        http: String,
        /// How: `GET` (unstated), `HEAD`, `POST`, `PUT`, `PATCH` or `DELETE`.
        method: Option<Method>,
        /// Headers; a value may be a secret, `{ env: NAME }` or `{ file: PATH }`.
        headers: Option<BTreeMap<String, Value>>,
        /// What is sent; at most 64 KiB.
        body: Option<String>,
        /// How many redirects are followed: `none` (unstated), or a number up to 10.
        redirects: Option<Redirects>,
        /// What is expected of the answer; unstated: a status from 200 to 299.
        expect: Option<HttpExpect>,
        /// Who resolves the name: `system` (unstated), or a server as `{ server: 192.0.2.53 }`, which is asked each time.
        resolver: Option<Resolver>,
        /// Addresses of which family are connected to: `any` (unstated), `ipv4` or `ipv6`.
        family: Option<Family>,
        /// How TLS is spoken, where it is not as the machine has it.
        tls_options: Option<TlsOptions>,
    }
}

kind! {
    /// Connects, and says a word where one is to be said.
    Tcp, RhythmicTcp {
        /// Where: `git.example.test:22`.
        tcp: String,
        /// What is sent, as soon as the connection stands.
        send: Option<String>,
        /// What is expected; unstated: a connection.
        expect: Option<TcpExpect>,
        /// Who resolves the name.
        resolver: Option<Resolver>,
        /// Addresses of which family are connected to.
        family: Option<Family>,
    }
}

kind! {
    /// Shakes hands by TLS, and looks at the certificate.
    Tls, RhythmicTls {
        /// Where: `code.example.test:443`.
        tls: String,
        /// What is expected; unstated: a certificate that is trusted and is for the host.
        expect: Option<TlsExpect>,
        /// Who resolves the name.
        resolver: Option<Resolver>,
        /// Addresses of which family are connected to.
        family: Option<Family>,
        /// How TLS is spoken, where it is not as the machine has it.
        tls_options: Option<TlsOptions>,
    }
}

kind! {
    /// Asks name servers, all of which must answer and agree.
    Dns, RhythmicDns {
        /// The name that is asked for.
        dns: String,
        /// The type of its records: `A` (unstated), `AAAA`, `CNAME`, `MX`, `NS`, `SOA`, `SRV` or `TXT`.
        record: Option<DnsType>,
        /// The servers that are asked, each by its address; unstated: the resolver that the machine is set up with.
        servers: Option<OneOrMany<String>>,
        /// What is expected; unstated: an answer.
        expect: Option<DnsExpect>,
    }
}

kind! {
    /// Asks a `PostgreSQL` server, in a session that can't write.
    Postgres, RhythmicPostgres {
        /// Where: `db.example.test:5432`.
        postgres: String,
        /// Which database; unstated: the one with the user's name.
        database: Option<String>,
        /// Who asks.
        user: String,
        /// Their password: `{ env: NAME }` or `{ file: PATH }`.
        password: Option<SecretSource>,
        /// What is asked; unstated: `select 1`.
        query: Option<String>,
        /// How the connection is secured, in libpq's words: `prefer` (unstated), `disable`, `require`, `verify-full` …
        sslmode: Option<SslMode>,
        /// What is expected; unstated: that the query succeeds.
        expect: Option<PostgresExpect>,
        /// Who resolves the name.
        resolver: Option<Resolver>,
        /// Addresses of which family are connected to.
        family: Option<Family>,
        /// How TLS is spoken, where it is not as `sslmode` and the machine have it.
        tls_options: Option<TlsOptions>,
    }
}

kind! {
    /// Runs a program.
    Command, RhythmicCommand {
        /// The program and its arguments; never a shell's string.
        command: Vec<String>,
        /// Whether the last line of its standard output is the address that answered, by which its region is known.
        prints_address: Option<bool>,
        /// What is expected; unstated: exit code 0.
        expect: Option<ProgramExpect>,
    }
}

kind! {
    /// Several probes at the same time, all of which must be healthy.
    All, RhythmicAll {
        /// The probes, without a rhythm.
        all: serde::de::IgnoredAny,
    }
}

kind! {
    /// Several probes at the same time, one of which must be healthy.
    Any, RhythmicAny {
        /// The probes, without a rhythm.
        any: serde::de::IgnoredAny,
    }
}

kind! {
    /// Several probes at the same time, so many of which must be healthy.
    Of, RhythmicOf {
        /// So many.
        of: u32,
        /// The probes, without a rhythm.
        probes: serde::de::IgnoredAny,
    }
}

/// How many redirects are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Redirects(pub(super) u32);

impl<'de> Deserialize<'de> for Redirects {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl serde::de::Visitor<'_> for Either {
            type Value = Redirects;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("none, or how many redirects are followed")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Redirects, E> {
                match text {
                    "none" => Ok(Redirects(0)),
                    other => Err(E::invalid_value(serde::de::Unexpected::Str(other), &self)),
                }
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Redirects, E> {
                Ok(Redirects(u32::try_from(number).unwrap_or(u32::MAX)))
            }

            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Redirects, E> {
                self.visit_u64(u64::try_from(number).unwrap_or(u64::MAX))
            }
        }
        deserializer.deserialize_any(Either)
    }
}
