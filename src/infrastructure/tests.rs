use super::simulate::SimulatedResource;
use super::{Infrastructure, read, twin};
use crate::time::Span;

fn infrastructure(text: &str) -> Infrastructure {
    let parsed = crate::yaml::parse("infra.yaml", text.as_bytes());
    let mut diagnostics = parsed.diagnostics;
    let read = read(parsed.node.unwrap(), &mut diagnostics);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    read.unwrap()
}

const REGIONS: &str = "regions: { primary: { name: a, isolate: 9s }, secondary: { name: b } }";

#[test]
fn settings_of_a_simulated_resource_are_its_twins() {
    let text = format!(
        "muster: 1\nname: i\nenvironment: simulated\n{REGIONS}\nresources: {{ main: {{ database: {{ provider: simulated, promotion: 7s }} }} }}"
    );
    let read = infrastructure(&text);
    let Ok(SimulatedResource::Database(twin)) = twin::resource(&read.resources["main"]) else { panic!("no database") };
    assert_eq!(twin.promotion.median(), Span::from_secs(7));
    assert_eq!(twin.fence.median(), super::simulate::SimulatedDatabase::default().fence.median());
    let region = twin::region(&read.regions[&crate::id::RegionRole::Primary]).unwrap();
    assert_eq!(region.isolate.median(), Span::from_secs(9));
    assert!(twin::network(&read.network).is_ok());
}

#[test]
fn a_real_resource_has_a_twin_that_answers_to_the_same_name() {
    let text = "muster: 1\nname: i\nenvironment: lab\nregions: { primary: { name: a }, secondary: { name: b } }\nresources:\n  code: { dns: { provider: exec, command: [names], name: code.example.test, ttl: 30s, targets: { primary: [192.0.2.10], secondary: [198.51.100.10] } }, simulate: { servers: 3 } }\n  main: { database: { provider: patroni, primary: { host: db } } }";
    let read = infrastructure(text);
    let Ok(SimulatedResource::Dns(twin)) = twin::resource(&read.resources["code"]) else { panic!("no record") };
    assert_eq!((twin.name.as_deref(), twin.ttl, twin.servers), (Some("code.example.test"), Span::from_secs(30), 3));
    assert_eq!(read.resources["main"].settings["primary"]["host"], "db");
    assert!(twin::resource(&read.resources["main"]).is_ok());
    assert_eq!(read.regions[&crate::id::RegionRole::Primary].provider, "none");
}

#[test]
fn the_resolver_of_a_real_environment_is_no_setting_of_the_twin() {
    let text = format!(
        "muster: 1\nname: i\nenvironment: lab\n{REGIONS_REAL}\nnetwork: {{ resolver: \"127.0.0.1:5353\", connect: 3ms }}"
    );
    let read = infrastructure(&text);
    assert_eq!(read.resolver, Some("127.0.0.1:5353".parse().unwrap()));
    assert_eq!(twin::network(&read.network).unwrap().connect.median(), Span::from_millis(3));
}

const REGIONS_REAL: &str = "regions: { primary: { name: a }, secondary: { name: b } }";

/// Databases of AWS with these sides, each by its name.
fn fenced_databases(databases: &[(&str, &str)]) -> Vec<String> {
    let region =
        |role: &str, name: &str| format!("{role}: {{ name: {name}, provider: aws, account: \"123456789012\" }}");
    let sql = "sql: { dbname: code, user: muster, password: { env: PASSWORD }, regions: { primary: { host: a }, secondary: { host: b } } }";
    let each = |(id, sides): &(&str, &str)| {
        format!("  {id}: {{ database: {{ provider: aws, kind: replica, regions: {{ {sides} }}, {sql} }} }}\n")
    };
    let text = format!(
        "muster: 1\nname: i\nenvironment: lab\nregions: {{ {}, {} }}\nresources:\n{}",
        region("primary", "us-east-1"),
        region("secondary", "us-west-2"),
        databases.iter().map(each).collect::<Vec<_>>().concat()
    );
    let parsed = crate::yaml::parse("infra.yaml", text.as_bytes());
    let mut diagnostics = parsed.diagnostics;
    read(parsed.node.unwrap(), &mut diagnostics);
    diagnostics.iter().map(|one| format!("{} {}", one.code, one.message)).collect()
}

#[test]
fn two_fences_never_share_a_subnet() {
    let side = |role: &str, instance: &str, subnets: &str| {
        format!("{role}: {{ instance: {instance}, fence: {{ subnets: [{subnets}] }} }}")
    };
    let main = format!("{}, {}", side("primary", "m1", "subnet-1, subnet-2"), side("secondary", "m2", "subnet-3"));
    let apart = format!("{}, {}", side("primary", "o1", "subnet-4"), side("secondary", "o2", "subnet-5"));
    assert_eq!(fenced_databases(&[("main", &main), ("other", &apart)]), Vec::<String>::new());
    let shared = format!("{}, secondary: {{ instance: o2 }}", side("primary", "o1", "subnet-4, subnet-2"));
    let told = fenced_databases(&[("main", &main), ("other", &shared)]);
    assert_eq!(
        told,
        ["M145 the fence of `other` in primary has the subnet subnet-2, which is that of `main` in primary"]
    );
    let own = format!("{}, {}", side("primary", "m1", "subnet-1"), side("secondary", "m2", "subnet-1"));
    let told = fenced_databases(&[("main", &own)]);
    assert!(told.len() == 1 && told[0].contains("`main` in secondary"), "{told:?}");
}
