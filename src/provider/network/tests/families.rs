//! Hosts with addresses of both families of which only one can be connected to.

use std::net::Ipv6Addr;

use super::super::tcp::connect;
use super::*;

/// A port on which loopback can be connected to in one family alone; `None`: this machine has no IPv6.
async fn only_on(open: IpAddr, closed: IpAddr) -> Option<(TcpListener, u16)> {
    TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).await.ok()?;
    for _ in 0..100 {
        let listener = TcpListener::bind((open, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        if TcpStream::connect((closed, port)).await.is_err() {
            return Some((listener, port));
        }
    }
    panic!("every port of {closed} is taken");
}

#[test]
fn where_one_family_refuses_the_other_is_taken_whichever_comes_first() {
    let (v4, v6) = (LOOPBACK, IpAddr::V6(Ipv6Addr::LOCALHOST));
    run_real(|clock| async move {
        for (open, closed) in [(v4, v6), (v6, v4)] {
            let Some((_listener, port)) = only_on(open, closed).await else { return };
            for order in [[open, closed], [closed, open]] {
                let connected = connect(&clock, &with_port(&order, port)).await;
                assert_eq!(connected.unwrap().0, open, "{order:?}");
            }
        }
    })
    .unwrap();
}

#[test]
fn where_both_families_refuse_the_first_ones_error_is_told() {
    run_real(|clock| async move {
        let Some((listener, port)) = only_on(LOOPBACK, IpAddr::V6(Ipv6Addr::LOCALHOST)).await else { return };
        drop(listener);
        let order = [IpAddr::V6(Ipv6Addr::LOCALHOST), LOOPBACK];
        let error = connect(&clock, &with_port(&order, port)).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    })
    .unwrap();
}

#[test]
fn a_request_too_goes_to_the_family_that_answers() {
    run_real(|clock| async move {
        let Some((listener, port)) = only_on(IpAddr::V6(Ipv6Addr::LOCALHOST), LOOPBACK).await else { return };
        clock.spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            head_of(&mut stream).await;
            let _ = stream.write_all(OK.as_bytes()).await;
        });
        let (server, _) = dns::name_server(&clock, dns::loopback_in_both_families).await;
        let request = HttpRequest { resolver: Resolver::Server(server.to_string()), ..get("code.example.test", port) };
        let exchange = RealNetwork::new().http(&context(&clock), &request).await;
        assert_eq!(exchange.result.unwrap().body, "ok");
        assert_eq!(exchange.address, Some(IpAddr::V6(Ipv6Addr::LOCALHOST)));
    })
    .unwrap();
}
