//! The stub resolver against a real name server, Knot DNS, on a loopback port of its own.
#![expect(clippy::disallowed_methods, reason = "the name server is started as a program of its own")]

use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::super::resolve;
use super::*;

/// Aliases within the zone, over two of them, out of it, and to nothing.
const ZONE: &str = "\
$ORIGIN example.test.
$TTL 60
@       SOA ns hostmaster 1 3600 600 86400 60
@       NS  ns
ns      A     127.0.0.1
west    A     192.0.2.7
west    AAAA  2001:db8::7
code    CNAME west
www     CNAME code
astray  CNAME no-such-name
loop    CNAME pool
pool    CNAME loop
";

/// A name server; it ends with this.
struct Knot {
    child: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl Drop for Knot {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Knot {
    /// Starts one and waits until it answers. Somebody else may take the port in between: then on another.
    async fn start(clock: &Clock) -> Self {
        for _ in 0..5 {
            if let Some(knot) = Self::try_start(clock).await {
                return knot;
            }
        }
        panic!("knotd did not answer on any of five ports");
    }

    async fn try_start(clock: &Clock) -> Option<Self> {
        let folder = TempDir::with_prefix("muster-knot-").unwrap();
        let address = UdpSocket::bind((LOOPBACK, 0)).unwrap().local_addr().unwrap();
        let place = folder.path().display();
        std::fs::write(folder.path().join("example.test.zone"), ZONE).unwrap();
        let config = format!(
            "server:\n    rundir: \"{place}\"\n    listen: 127.0.0.1@{}\ndatabase:\n    storage: \"{place}\"\n\
             zone:\n  - domain: example.test\n    storage: \"{place}\"\n    file: example.test.zone\n",
            address.port()
        );
        let file = folder.path().join("knot.conf");
        std::fs::write(&file, config).unwrap();
        let child = Command::new("knotd")
            .arg("-c")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("knotd is installed");
        let mut knot = Self { child, address, _folder: folder };
        for _ in 0..200 {
            if knot.resolve(clock, "west.example.test").await.is_ok() {
                return Some(knot);
            }
            if knot.child.try_wait().unwrap().is_some() {
                return None;
            }
            clock.sleep(Span::from_millis(50)).await;
        }
        None
    }

    async fn resolve(&self, clock: &Clock, name: &str) -> Result<Vec<String>, String> {
        let found =
            resolve::addresses(clock, name, &Resolver::Server(self.address.to_string()), crate::resource::Family::Any)
                .await?;
        Ok(found.iter().map(ToString::to_string).collect())
    }
}

#[test]
fn a_real_server_is_asked_for_records_and_judged_needs_knot() {
    use crate::catalogue::{DnsExpect, Judged};
    use crate::resource::{DnsRequest, DnsType, Network as _};
    run_real(|clock| async move {
        let knot = Knot::start(&clock).await;
        let network = RealNetwork::new();
        let server = knot.address.to_string();
        let ask = async |name: &str, record: DnsType, servers: &[&str]| {
            let servers = servers.iter().map(|server| (*server).to_owned()).collect();
            let exchange = network.dns(&context(&clock), &DnsRequest { name: name.into(), record, servers }).await;
            (exchange.result.unwrap(), exchange.address, exchange.stages.resolve)
        };
        let judge = |text: &str, answers: &[crate::resource::DnsAnswer]| {
            let expect: DnsExpect = serde_yaml::from_str(text).unwrap();
            match expect.judge(answers, Span::ZERO) {
                Judged::AsExpected => "as expected".to_owned(),
                Judged::Otherwise(seen) => seen,
            }
        };
        let (answers, address, took) = ask("west.example.test", DnsType::A, &[&server, &server]).await;
        assert_eq!(address, Some("192.0.2.7".parse().unwrap()));
        assert!(took.is_some());
        assert_eq!(judge("answers: 192.0.2.7", &answers), "as expected");
        assert!(judge("answers: 192.0.2.8", &answers).contains("answers 192.0.2.7, expected 192.0.2.8"));
        assert_eq!(judge("ttl_at_most: 1h", &answers), "as expected");
        assert!(judge("ttl_at_most: 1s", &answers).contains("expected at most 1 s"));
        let (answers, ..) = ask("code.example.test", DnsType::Cname, &[&server]).await;
        assert_eq!(judge("answers: west.example.test", &answers), "as expected");
        let (answers, ..) = ask("none.example.test", DnsType::A, &[&server]).await;
        assert!(judge("{}", &answers).contains("no such name"));
        let (answers, ..) = ask("www.example.com", DnsType::A, &[&server]).await;
        assert!(judge("{}", &answers).contains("REFUSED"));
        // One of them does not answer: not all agree.
        let (answers, ..) = ask("west.example.test", DnsType::A, &[&server, "127.0.0.1:1"]).await;
        assert!(judge("{}", &answers).contains("127.0.0.1:1: does not answer"), "{answers:?}");
    })
    .unwrap();
}

#[test]
fn aliases_of_a_real_server_are_followed_needs_knot() {
    run_real(|clock| async move {
        let knot = Knot::start(&clock).await;
        let west = Ok(vec!["192.0.2.7".to_owned(), "2001:db8::7".to_owned()]);
        for name in ["west.example.test", "code.example.test", "www.example.test"] {
            assert_eq!(knot.resolve(&clock, name).await, west, "{name}");
        }
        assert_eq!(knot.resolve(&clock, "none.example.test").await, Err("no such name".to_owned()));
        assert_eq!(knot.resolve(&clock, "astray.example.test").await, Err("no such name".to_owned()));
        knot.resolve(&clock, "loop.example.test").await.unwrap_err();
        let elsewhere = knot.resolve(&clock, "www.example.com").await.unwrap_err();
        assert!(elsewhere.contains("REFUSED"), "{elsewhere}");
    })
    .unwrap();
}

#[test]
fn the_resolver_of_the_infrastructure_file_stands_for_the_machines_own_needs_knot() {
    run_real(|clock| async move {
        let knot = Knot::start(&clock).await;
        let network = RealNetwork::resolving_at(knot.address);
        let ask = |host: &str| TcpRequest::to(host, 1, Resolver::System);
        // Only Knot knows the name; nobody listens there.
        let exchange = network.tcp(&context(&clock), &ask("ns.example.test")).await;
        assert_eq!(exchange.address, Some("127.0.0.1".parse().unwrap()), "{exchange:?}");
        let gone = network.tcp(&context(&clock), &ask("none.example.test")).await.result.unwrap_err();
        assert_eq!((gone.stage, gone.text.as_str()), (Stage::Resolve, "no such name"));
        // This machine's own name is no server's to know.
        let own = network.tcp(&context(&clock), &ask("localhost")).await;
        assert_eq!(own.address, Some("127.0.0.1".parse().unwrap()), "{own:?}");
    })
    .unwrap();
}
