//! What is expected, and what is said when it is otherwise: every expectation green and red.

use super::*;
use crate::catalogue::OneOrMany;
use crate::resource::{Certificate, DnsAnswer, Finished, HttpResponse};

fn yaml<T: serde::de::DeserializeOwned>(text: &str) -> T {
    serde_yaml::from_str(text).unwrap()
}

fn says(judged: &Judged) -> &str {
    match judged {
        Judged::AsExpected => "as expected",
        Judged::Otherwise(seen) => seen,
    }
}

fn answer(status: u16, body: &str) -> HttpResponse {
    let headers = vec![("x-region".to_owned(), "west-2".to_owned()), ("x-region".to_owned(), "b".to_owned())];
    HttpResponse { status, headers, body: body.to_owned(), certificate: Some(certificate(13)) }
}

fn certificate(days: i64) -> Certificate {
    Certificate {
        names: vec!["code.example.test".into(), "*.example.test".into()],
        issuer: "CN=R11,O=Let's Encrypt,C=US".into(),
        valid_for_s: days * 86_400 + 5,
    }
}

#[test]
fn statuses_are_codes_classes_and_ranges() {
    let codes: StatusCodes = yaml("[200, 3xx, 410-412]");
    assert_eq!(codes.to_string(), "200 or 3xx or 410-412");
    assert_eq!(
        [200, 201, 300, 399, 409, 410, 412, 413].map(|code| codes.contain(code)),
        [true, false, true, true, false, true, true, false]
    );
    let back: StatusCodes = serde_json::from_value(serde_json::to_value(&codes).unwrap()).unwrap();
    assert_eq!(back, codes);
    for (text, why) in [("204-200", "is empty"), ("99-200", "is no status code"), ("a-b", "a status code such as 200")]
    {
        let error = serde_yaml::from_str::<StatusCodes>(text).unwrap_err().to_string();
        assert!(error.contains(why), "{text}: {error}");
    }
}

#[test]
fn every_expectation_of_an_http_answer_goes_red_and_green() {
    let judge = |expect: &str, response: &HttpResponse, took: u64| {
        let expect: HttpExpect = yaml(expect);
        says(&expect.judge(response, Span::from_millis(took))).to_owned()
    };
    let well = answer(200, r#"{"status": "ok", "lag": 1, "replicas": [{"up": true}]}"#);
    let cases = [
        ("status: 200", "status: 503", "status 200, expected 503"),
        ("body_contains: status", "body_contains: [status, gone]", "the body does not contain `gone`"),
        ("body_lacks: gone", "body_lacks: [gone, lag]", "the body contains `lag`, which it must not"),
        ("headers: { X-Region: b }", "headers: { X-Region: c }", "header X-Region is `west-2, b`, expected `c`"),
        ("headers_contain: { X-Region: west }", "headers_contain: { X-Region: east }", "expected `east` in it"),
        ("json: { /status: ok }", "json: { /status: down }", "JSON `/status` is \"ok\", expected \"down\""),
        ("json: { /lag: 1.0 }", "json: { /lag: 2 }", "JSON `/lag` is 1, expected 2"),
        ("json: { /replicas/0/up: true }", "json: { /replicas/1/up: true }", "JSON `/replicas/1/up` is not there"),
        (
            "certificate_days: 13",
            "certificate_days: 14",
            "the certificate is valid for 13 more days, expected at least 14",
        ),
        ("within: 20ms", "within: 19ms", "took 20 ms, expected at most 19 ms"),
    ];
    for (green, red, why) in cases {
        assert_eq!(judge(green, &well, 20), "as expected");
        let seen = judge(red, &well, 20);
        assert!(seen.contains(why), "{red}: {seen}");
    }
    assert!(judge("json: { /a: 1 }", &answer(200, "ok"), 1).contains("the body is no JSON; it begins `ok`"));
    let plain = HttpResponse { certificate: None, ..well };
    assert!(judge("certificate_days: 1", &plain, 1).contains("no certificate was shown"));
}

#[test]
fn every_expectation_of_a_conversation_goes_red_and_green() {
    let expect = |text: &str| yaml::<TcpExpect>(text);
    let took = Span::from_millis(5);
    assert_eq!(expect("receives: [+PONG, '220']").judge("220 hello\n+PONG", took), Judged::AsExpected);
    let seen = expect("receives: +PONG").judge("-ERR", took);
    assert_eq!(says(&seen), "`+PONG` does not come back; what came is `-ERR`");
    assert_eq!(says(&expect("within: 4ms").judge("", took)), "took 5 ms, expected at most 4 ms");
}

#[test]
fn every_expectation_of_a_certificate_goes_red_and_green() {
    let judge = |text: &str| says(&yaml::<TlsExpect>(text).judge(&certificate(13), Span::from_millis(5))).to_owned();
    let cases = [
        (
            "names: [code.example.test, git.example.test]",
            "names: a.b.example.test",
            "the certificate is not for a.b.example.test",
        ),
        ("days: 13", "days: 14", "valid for 13 more days, expected at least 14"),
        ("issuer: Encrypt", "issuer: Nobody", "issued by `CN=R11,O=Let's Encrypt,C=US`, expected `Nobody`"),
        ("within: 5ms", "within: 4ms", "expected at most 4 ms"),
    ];
    for (green, red, why) in cases {
        assert_eq!(judge(green), "as expected");
        assert!(judge(red).contains(why), "{red}: {}", judge(red));
    }
    let gone = certificate(-3).short_of(1).unwrap();
    assert!(gone.contains("has expired 3 days ago"), "{gone}");
}

#[test]
fn every_expectation_of_name_servers_goes_red_and_green() {
    let server = |name: &str, values: &[&str], ttl: u64| DnsAnswer {
        server: name.into(),
        result: Ok((values.iter().map(|it| (*it).to_owned()).collect(), Span::from_secs(ttl))),
    };
    let all = [server("a", &["192.0.2.1", "192.0.2.2"], 60), server("b", &["192.0.2.2", "192.0.2.1"], 9)];
    let judge = |text: &str, answers: &[DnsAnswer]| {
        says(&yaml::<DnsExpect>(text).judge(answers, Span::from_millis(5))).to_owned()
    };
    let cases = [
        ("answers: [192.0.2.2, 192.0.2.1]", "answers: 192.0.2.1", "a answers 192.0.2.1 192.0.2.2, expected 192.0.2.1"),
        ("contains: 192.0.2.1", "contains: 192.0.2.3", "a answers 192.0.2.1 192.0.2.2, without 192.0.2.3"),
        ("ttl_at_most: 60s", "ttl_at_most: 59s", "the TTL at a is 1 min, expected at most 59 s"),
        ("within: 5ms", "within: 4ms", "expected at most 4 ms"),
    ];
    for (green, red, why) in cases {
        assert_eq!(judge(green, &all), "as expected", "{green}");
        let seen = judge(red, &all);
        assert!(seen.contains(why), "{red}: {seen}");
    }
    let odd = [server("a", &["192.0.2.1"], 60), server("b", &["192.0.2.2"], 60)];
    assert_eq!(judge("{}", &odd), "not all agree: a answers 192.0.2.1, b answers 192.0.2.2");
    assert_eq!(judge("{}", &[server("a", &[], 60)]), "a has no such record");
    let silent = DnsAnswer { server: "c".into(), result: Err("does not answer (timed out)".into()) };
    assert_eq!(judge("{}", &[server("a", &["x."], 1), silent]), "c: does not answer (timed out)");
    assert_eq!(judge("answers: X", &[server("a", &["x."], 1)]), "as expected", "names have no case and no last dot");
}

#[test]
fn every_expectation_of_a_query_goes_red_and_green() {
    let judge = |text: &str, found: Option<&str>| {
        says(&yaml::<PostgresExpect>(text).judge(found, Span::from_millis(5))).to_owned()
    };
    for (expect, found) in
        [("value: 3", "3"), ("value: true", "t"), ("value: on", "on"), ("value: 1.5", "1.5"), ("{}", "x")]
    {
        assert_eq!(judge(expect, Some(found)), "as expected", "{expect}");
    }
    assert_eq!(judge("value: false", Some("t")), "the query gives `t`, expected `f`");
    assert_eq!(judge("value: 1", None), "the query gives nothing, expected `1`");
    assert_eq!(judge("within: 4ms", Some("1")), "took 5 ms, expected at most 4 ms");
}

#[test]
fn every_expectation_of_a_program_goes_red_and_green() {
    let ended = Finished { code: Some(3), stdout: "degraded\n".into(), stderr: String::new(), bytes: 9 };
    let judge = |text: &str| says(&yaml::<ProgramExpect>(text).judge(&ended, Span::from_millis(5))).to_owned();
    assert_eq!(judge("exit: [0, 3]"), "as expected");
    assert!(judge("{}").contains("ended with exit code 3, expected 0"), "{}", judge("{}"));
    assert_eq!(judge("{ exit: 3, stdout_contains: degraded }"), "as expected");
    assert!(judge("{ exit: 3, stdout_contains: well }").contains("its output does not contain `well`"));
    assert_eq!(judge("{ exit: 3, within: 4ms }"), "took 5 ms, expected at most 4 ms");
}

/// `any` of two, of which the second is two of three.
fn nested() -> Probe {
    let tcp = |port: u16| Probe::Tcp(TcpProbe::to("a.test", port, crate::resource::Resolver::System));
    let inner = Probe::Several(Combination { needed: 2, probes: vec![tcp(2), tcp(3), tcp(4)] });
    Probe::Several(Combination { needed: 1, probes: vec![tcp(1), inner] })
}

#[test]
fn a_combination_names_its_parts_and_knows_what_must_fail_with_each() {
    let probe = nested();
    assert_eq!(probe.to_string(), "any of (tcp a.test:1, 2 of (tcp a.test:2, tcp a.test:3, tcp a.test:4))");
    assert_eq!(probe.leaves().len(), 4);
    // The first alone would leave the second; one of the three would leave two.
    assert_eq!(probe.beside(0), [1, 2, 3]);
    assert_eq!(probe.beside(1), [0, 2]);
    assert_eq!(probe.beside(2), [0, 1]);
    assert_eq!(probe.host_and_port(), Some(("a.test", 1)));
    let all = Combination { needed: 2, probes: probe.leaves().into_iter().take(2).cloned().collect() };
    assert!(Probe::Several(all).beside(0).is_empty(), "all are needed: each alone breaks it");
}

#[test]
fn a_url_is_taken_apart_or_refused_in_words() {
    assert_eq!(split_url("https://a.test/x?y"), Ok(("a.test", 443, "/x?y")));
    assert_eq!(split_url("http://[::1]:8080"), Ok(("[::1]", 8080, "/")));
    for (url, why) in
        [("a.test", "does not begin"), ("https://u:p@a.test", "carries a user name"), ("http://:80/", "has no host")]
    {
        assert!(split_url(url).unwrap_err().contains(why));
    }
    let _: OneOrMany<String> = yaml("[a, b]");
}
