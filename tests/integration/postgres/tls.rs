use std::path::Path;

use super::*;
use muster::resource::WriteAttempt;

/// An authority of the tests' own, and what it vouches for: `localhost` and 127.0.0.1.
const AUTHORITY: &str = include_str!("../cli/certificates/ca.pem");
const CERTIFICATE: &[u8] = include_bytes!("../cli/certificates/localhost.cert.der");
const KEY: &[u8] = include_bytes!("../cli/certificates/localhost.key.der");

fn pem(label: &str, der: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in der.chunks(48) {
        for three in line.chunks(3) {
            let number = (0..3).fold(0_u32, |number, n| number << 8 | u32::from(three.get(n).copied().unwrap_or(0)));
            for n in 0..4 {
                let place = usize::try_from(number >> (18 - 6 * n) & 63).unwrap();
                text.push(if n <= three.len() { char::from(ALPHABET[place]) } else { '=' });
            }
        }
        text.push('\n');
    }
    format!("{text}-----END {label}-----\n")
}

/// A primary that speaks TLS, at 127.0.0.1 and 127.0.0.2, with these rules.
fn over_tls(rules: &str) -> Pair {
    let pair = Pair::up();
    let data = pair.data(Primary);
    std::fs::write(pair.folder("ca.pem"), AUTHORITY).unwrap();
    Pair::put(&format!("{data}/server.crt"), &pem("CERTIFICATE", CERTIFICATE));
    Pair::put(&format!("{data}/server.key"), &pem("PRIVATE KEY", KEY));
    pair.sql(Primary, "ALTER SYSTEM SET ssl = on");
    pair.sql(Primary, "ALTER SYSTEM SET listen_addresses = '127.0.0.1,127.0.0.2'");
    let hba = format!("{data}/pg_hba.conf");
    let others = std::fs::read_to_string(&hba).unwrap();
    std::fs::write(&hba, format!("{rules}{others}")).unwrap();
    pair.restart(Primary);
    pair
}

/// What becomes of a write by `sslmode` at `host`, and whether it went by TLS.
async fn tried(pair: &Pair, cx: &Context, mode: &str, host: &str, authority: Option<&Path>) -> Result<(), String> {
    let database = pair.provider(|settings| {
        settings["sslmode"] = mode.into();
        settings["regions"]["primary"]["host"] = host.into();
        if let Some(authority) = authority {
            settings["sslrootcert"] = authority.to_str().unwrap().into();
        }
    });
    match database.write(cx, Primary).await {
        WriteAttempt::Acknowledged => Ok(()),
        WriteAttempt::Refused(why) | WriteAttempt::Unknown(why) => Err(why.into_owned()),
    }
}

#[test]
fn needs_postgres_each_sslmode_demands_of_the_server_what_its_name_says() {
    // Whoever is not secured can't come in.
    let pair = over_tls("hostssl all muster 127.0.0.1/32 scram-sha-256\nhost all muster 127.0.0.1/32 reject\n");
    let ca = pair.folder("ca.pem");
    let ca = Some(Path::new(&ca));
    play(async |cx| {
        let disabled = tried(&pair, &cx, "disable", "127.0.0.1", None).await.unwrap_err();
        assert!(disabled.contains("no encryption"), "{disabled}");
        for mode in ["allow", "prefer", "require"] {
            assert_eq!(tried(&pair, &cx, mode, "127.0.0.1", None).await, Ok(()), "{mode}");
        }
        for (mode, host) in [("verify-ca", "127.0.0.2"), ("verify-full", "127.0.0.1"), ("require", "127.0.0.2")] {
            assert_eq!(tried(&pair, &cx, mode, host, ca).await, Ok(()), "{mode} {host}");
        }
        let name = tried(&pair, &cx, "verify-full", "127.0.0.2", ca).await.unwrap_err();
        assert!(name.contains("not valid for name"), "{name}");
        // Nobody that this machine trusts signed it.
        for mode in ["verify-ca", "verify-full"] {
            let unknown = tried(&pair, &cx, mode, "127.0.0.1", Some(Path::new("system"))).await.unwrap_err();
            assert!(unknown.contains("certificate"), "{unknown}");
        }
        let missing =
            tried(&pair, &cx, "verify-ca", "127.0.0.1", Some(Path::new("/does/not/exist"))).await.unwrap_err();
        assert!(missing.contains("can't be used"), "{missing}");
        // What is named as an authority may be the server's own certificate.
        let own = pair.folder("own.pem");
        std::fs::write(&own, pem("CERTIFICATE", CERTIFICATE)).unwrap();
        assert_eq!(tried(&pair, &cx, "verify-full", "127.0.0.1", Some(Path::new(&own))).await, Ok(()));
        let name = tried(&pair, &cx, "verify-full", "127.0.0.2", Some(Path::new(&own))).await.unwrap_err();
        assert!(name.contains("not valid for name"), "{name}");
    });
}

#[test]
fn needs_postgres_what_takes_no_tls_is_reached_without_where_that_is_allowed_alone() {
    let pair = over_tls("hostnossl all muster 127.0.0.1/32 scram-sha-256\nhost all muster 127.0.0.1/32 reject\n");
    play(async |cx| {
        for mode in ["disable", "allow", "prefer"] {
            assert_eq!(tried(&pair, &cx, mode, "127.0.0.1", None).await, Ok(()), "{mode}");
        }
        let required = tried(&pair, &cx, "require", "127.0.0.1", None).await.unwrap_err();
        assert!(required.contains("SSL encryption"), "{required}");
    });
}

#[test]
fn needs_postgres_a_probe_demands_by_its_sslmode_what_its_name_says() {
    use super::super::harness::Scene;
    let pair = over_tls("hostssl all all 127.0.0.0/8 trust\nhostnossl all all 127.0.0.0/8 reject\n");
    let (port, authority) = (pair.port(Primary), pair.folder("ca.pem"));
    let lab =
        "muster: 1\nname: lab\nenvironment: lab\nregions: { primary: { name: here }, secondary: { name: there } }\n";
    let tries = |host: &str, more: &str| {
        let drill = format!(
            "muster: 1\nname: drill\ninfrastructure: lab.yaml\nservices:\n  rows:\n    probe: {{ postgres: '{host}:{port}', user: postgres, \
             query: 'select ssl from pg_stat_ssl where pid = pg_backend_pid()', expect: {{ value: true }}, {more} }}\n\
             phases: [{{ name: failover, steps: [{{ id: nothing, wait: {{ for: 1s }} }}] }}]\n"
        );
        Scene::new().file("lab.yaml", lab).file("drill.yaml", &drill).types("probe drill.yaml rows")
    };
    let ca = format!("tls_options: {{ ca: '{authority}' }}");
    for mode in ["prefer", "require", "allow"] {
        tries("127.0.0.1", &format!("sslmode: {mode}")).exits(0).says("TLS");
    }
    tries("127.0.0.1", "sslmode: disable").exits(1);
    tries("127.0.0.1", &format!("sslmode: verify-full, {ca}")).exits(0);
    // The certificate is not for 127.0.0.2.
    tries("127.0.0.2", &format!("sslmode: verify-ca, {ca}")).exits(0);
    tries("127.0.0.2", &format!("sslmode: verify-full, {ca}")).exits(1).says("TLS handshake");
    tries("127.0.0.2", &format!("sslmode: verify-full, tls_options: {{ ca: '{authority}', server_name: localhost }}"))
        .exits(0);
}
