use super::*;
use crate::infrastructure::simulate::SimulatedResource;
use crate::infrastructure::twin;
use crate::yaml;

const INFRASTRUCTURE: &str = "\
muster: 1
name: lab
environment: lab
regions: { primary: { name: a }, secondary: { name: b } }
resources:
  main: { database: { provider: postgres }, simulate: { promotion: 100s, fence: 9s } }
  files: { storage: { provider: git } }
";

const FILE: &str = "\
muster: 1
calibrates: lab
half_life: 180d
runs:
- run: 20261122-084216-drill
  head: abcd
resources:
  main:
    database:
      provider: postgres
      promotion: { p50: 31s, p95: 1m, samples: 12, effective: 8.4, newest: 20261122-084216-drill }
  gone: { dns: { provider: aws, converges: { p50: 1s, p95: 2s, samples: 1, effective: 1, newest: 20261122-084216-drill, few: true } } }
  files: { storage: { provider: aws, fence: { p50: 1s, p95: 2s, samples: 1, effective: 1.0, newest: 20261122-084216-drill } } }
";

fn infrastructure() -> Infrastructure {
    let parsed = yaml::parse("lab.yaml", INFRASTRUCTURE.as_bytes());
    super::super::read(parsed.node.unwrap(), &mut Vec::new()).unwrap()
}

fn problems(text: &str) -> Vec<String> {
    let parsed = yaml::parse("lab.calibration.yaml", text.as_bytes());
    let mut diagnostics = parsed.diagnostics;
    let found = read(&parsed.node.unwrap(), "lab", &mut diagnostics);
    assert_eq!(found.is_none(), !diagnostics.is_empty(), "{diagnostics:?}");
    let told = diagnostics.iter().map(|it| {
        let place = it.place.as_ref().map_or((0, 0), |place| (place.line, place.column));
        format!("{} {}:{} {}", it.code, place.0, place.1, it.message)
    });
    told.collect()
}

fn good() -> Calibration {
    let parsed = yaml::parse("lab.calibration.yaml", FILE.as_bytes());
    read(&parsed.node.unwrap(), "lab", &mut Vec::new()).unwrap()
}

#[test]
fn measured_goes_before_assumed_and_the_rest_stays() {
    let (mut infrastructure, mut told) = (infrastructure(), Told::default());
    good().apply(&mut infrastructure, &mut told);
    let Ok(SimulatedResource::Database(main)) = twin::resource(&infrastructure.resources["main"]) else { panic!() };
    assert_eq!(main.promotion.median(), Span::from_secs(31));
    assert_eq!(main.fence.median(), Span::from_secs(9), "what was not measured stays as it is stated");
    assert_eq!(told.used, ["main promotion"]);
    assert!(told.few.is_empty(), "8.4 are not few");
    insta::assert_snapshot!(told.unused.join("\n"), @r"
    files: it is a storage by git now, and was measured as a storage by aws
    gone: the infrastructure file has no such resource
    ");
}

#[test]
fn it_is_read_as_it_is_written() {
    let calibration = good();
    let parsed = yaml::parse("again.yaml", calibration.text().as_bytes());
    let mut diagnostics = parsed.diagnostics;
    assert_eq!(read(&parsed.node.unwrap(), "lab", &mut diagnostics), Some(calibration), "{diagnostics:?}");
}

#[test]
fn what_is_wrong_is_told_at_its_place() {
    let with = |from: &str, to: &str| problems(&FILE.replacen(from, to, 1)).join("\n");
    assert_eq!(with("", ""), "");
    insta::assert_snapshot!(with("promotion:", "promotoin:"), @"M020 11:7 the key `promotoin` is unknown here");
    insta::assert_snapshot!(with("p50: 31s", "p50: 31"), @"M022 11:25 expected a duration with a unit such as 200ms, 30s, 5m, 1h or 30d, found the number 31");
    insta::assert_snapshot!(with("p50: 31s", "p50: 2m"), @"M024 11:18 p50 (2m) must be above zero and no longer than p95 (1m)");
    insta::assert_snapshot!(with("effective: 8.4", "effective: 80"), @"M024 11:18 `effective` lies between 0 and `samples`, which is 12; found 80");
    insta::assert_snapshot!(with("calibrates: lab", "calibrates: production"), @"M059 2:13 this is the calibration of `production`, and the infrastructure file is `lab`");
    insta::assert_snapshot!(with("muster: 1", "muster: 2"), @"M055 1:9 the file is of version 2 of the format");
    insta::assert_snapshot!(with("half_life: 180d\n", ""), @"M021 1:1 the key `half_life` is missing here");
    insta::assert_snapshot!(with("half_life", "halflife"), @"M020 3:1 the key `halflife` is unknown here");
}

#[test]
fn it_lies_beside_its_infrastructure_file() {
    assert_eq!(beside("infra/production.yaml"), "infra/production.calibration.yaml");
    assert_eq!(beside("lab.yml"), "lab.calibration.yaml");
    assert_eq!(beside("lab"), "lab.calibration.yaml");
}

#[test]
fn every_setting_is_one_of_the_twins() {
    use crate::infrastructure::simulate::{SimulatedRegion, SimulatedResource as Twin};
    for kind in ResourceKind::DECLARED {
        let twin = match Twin::with_defaults(kind).unwrap() {
            Twin::Dns(it) => serde_json::to_value(it),
            Twin::Database(it) => serde_json::to_value(it),
            Twin::Compute(it) => serde_json::to_value(it),
            Twin::Storage(it) => serde_json::to_value(it),
            Twin::Backup(it) => serde_json::to_value(it),
        };
        let twin = twin.unwrap();
        assert!(settings_of(kind).iter().all(|key| twin.get(key).is_some()), "{kind}");
    }
    let twin = serde_json::to_value(SimulatedRegion::default()).unwrap();
    assert!(settings_of(ResourceKind::Region).iter().all(|key| twin.get(key).is_some()));
}
