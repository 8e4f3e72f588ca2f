//! Wishes that can't be fulfilled are told with what would be right.

use super::*;

fn wishes() -> Wishes {
    Wishes {
        name: "shop".to_owned(),
        owner: "platform".to_owned(),
        services: vec![("web".to_owned(), "https://www.example.test/healthz".to_owned())],
        primary: "us-east-1".to_owned(),
        secondary: "us-west-2".to_owned(),
        database: Some("main".to_owned()),
        storage: None,
        dns: Vec::new(),
        providers: Vec::new(),
    }
}

#[track_caller]
fn refused(option: &str, words: &str, change: impl FnOnce(&mut Wishes)) {
    let mut wishes = wishes();
    change(&mut wishes);
    let faulty = texts(&wishes).unwrap_err();
    assert_eq!(faulty.option, option, "{faulty}");
    assert!(faulty.what.contains(words), "{faulty}");
}

#[test]
fn what_can_not_be_is_refused_with_what_could() {
    refused("name", "`my-shop` would do", |it| it.name = "My Shop!".to_owned());
    refused("name", "small letters", |it| it.name = "大阪".to_owned());
    refused("name", "infra", |it| it.name = "infra".to_owned());
    refused("owner", "template", |it| it.owner = "{{ var.x }}".to_owned());
    refused("owner", "can't be seen", |it| it.owner = "a\u{1b}[31m".to_owned());
    refused("secondary", "nothing would fail over", |it| it.secondary = it.primary.clone());
    refused("service", "no drill can move", |it| it.services[0].1 = "https://192.0.2.1/".to_owned());
    refused("service", "user name or password", |it| it.services[0].1 = "https://a:b@www.example.test/".to_owned());
    refused("service", "begin with http", |it| it.services[0].1 = "www.example.test".to_owned());
    refused("service", "named twice", |it| it.services.push(it.services[0].clone()));
    refused("service", "every service", |it| it.services[0].0 = "all".to_owned());
    refused("dns", "no full DNS name", |it| it.dns = vec!["localhost".to_owned()]);
    refused("database", "`app-db` would do", |it| it.database = Some("App DB".to_owned()));
    for number in ["123", "0x1", "0o17", "1e3", "1e-3"] {
        refused("database", "is no name", |it| it.database = Some(number.to_owned()));
    }
    refused("storage", "name of its own", |it| it.storage = Some("main".to_owned()));
    refused("provider", "--storage", |it| it.providers = vec![Provider::Git]);
}

#[test]
fn records_have_names_of_their_own_whatever_the_hosts_are_called() {
    let mut wishes = wishes();
    wishes.services.push(("other".to_owned(), "https://www.example.org/".to_owned()));
    wishes.dns = vec!["MAIN.example.test.".to_owned(), "_x._y.example.test".to_owned(), "www.example.test".to_owned()];
    let records = wishes.checked().unwrap();
    let ids: Vec<&str> = records.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(ids, ["www", "www-example-org", "main-example-test", "x"]);
}

#[test]
fn quotes_and_letters_of_any_script_are_kept() {
    let mut wishes = wishes();
    wishes.owner = "Büro \"東\" \\ #1: it's".to_owned();
    let text = texts(&wishes).unwrap().playbook;
    assert!(text.contains(r#"owner: "Büro \"東\" \\ #1: it's""#), "{text}");
}
