//! Servers as EC2 has them: many of them, and some that do not come up.

use super::recorded::{Recorded, context};
use crate::id::RegionRole;
use crate::provider::aws::AwsCompute;
use crate::resource::{Compute, ProviderError};

fn servers(recorded: &Recorded, ids: &[String]) -> AwsCompute {
    let group = serde_json::json!({ "instances": ids });
    let settings = serde_json::json!({ "regions": { "primary": group, "secondary": group } });
    AwsCompute::new(serde_json::from_value(settings).unwrap(), recorded.ways())
}

/// One instance, and why it is as it is.
fn instance(id: &str, state: &str, reason: &str) -> String {
    let why = format!("<stateReason><code>{reason}</code><message>{reason}: as EC2 says</message></stateReason>");
    let why = if reason.is_empty() { String::new() } else { why };
    format!("<item><instanceId>{id}</instanceId><instanceState><name>{state}</name></instanceState>{why}</item>")
}

/// `DescribeInstances` with these.
fn instances(of: &[String]) -> String {
    format!(
        "<DescribeInstancesResponse><reservationSet><item><reservationId>r-1</reservationId><instancesSet>{}</instancesSet></item>\
         </reservationSet></DescribeInstancesResponse>",
        of.concat()
    )
}

#[tokio::test]
async fn more_instances_than_one_request_may_name_are_asked_for_by_several() {
    let recorded = Recorded::new();
    let ids: Vec<String> = (0..200).map(|n| format!("i-{n:03}")).collect();
    let running = |of: &[String]| instances(&of.iter().map(|id| instance(id, "running", "")).collect::<Vec<_>>());
    recorded.answers("Action=DescribeInstances&Version=2016-11-15&InstanceId.1=i-000&", 200, &running(&ids[..100]));
    recorded.answers("Action=DescribeInstances&Version=2016-11-15&InstanceId.1=i-100&", 200, &running(&ids[100..]));
    let well = "<DescribeInstanceStatusResponse><instanceStatusSet><item><instanceId>i-000</instanceId><instanceState>\
                <name>running</name></instanceState><instanceStatus><status>ok</status></instanceStatus><systemStatus>\
                <status>ok</status></systemStatus></item></instanceStatusSet></DescribeInstanceStatusResponse>";
    recorded.answers("Action=DescribeInstanceStatus&", 200, well);
    let state = servers(&recorded, &ids).observe(&context()).await.unwrap();
    let seen = state.regions[&RegionRole::Secondary].known().unwrap();
    assert_eq!((seen.capacity, seen.desired), (200, 200));
    assert_eq!(seen.up, ids, "in the order of the settings");
    assert_eq!(seen.running, 2, "one that is well in each of two answers");
    assert!(!recorded.asked().iter().any(|one| one.contains("InstanceId.101=")), "EC2 takes 100 at most");
}

const STARTED: &str = "<StartInstancesResponse><instancesSet/></StartInstancesResponse>";
const TAGGED: &str = "<CreateTagsResponse><return>true</return></CreateTagsResponse>";
const STOPPED_BY_HAND: &str = "Client.UserInitiatedShutdown";

/// Starts `i-1` and `i-2`, which are seen so, one after the other; what came of it.
async fn started(seen: &[[String; 2]]) -> (Recorded, Result<(), ProviderError>) {
    let recorded = Recorded::new();
    recorded.answers("Action=CreateTags&", 200, TAGGED).answers("Action=StartInstances&", 200, STARTED);
    let stopped = ["i-1", "i-2"].map(|id| instance(id, "stopped", STOPPED_BY_HAND));
    // For the mark, and before the start.
    for both in [&stopped, &stopped].into_iter().chain(seen) {
        recorded.answers("Action=DescribeInstances&", 200, &instances(both));
    }
    let ids = ["i-1".to_owned(), "i-2".to_owned()];
    let result = servers(&recorded, &ids).scale(&context(), RegionRole::Secondary, 2).await;
    (recorded, result)
}

#[tokio::test]
async fn an_instance_that_stops_again_is_told_at_once_with_what_ec2_says_of_it() {
    let stopped = |id: &str| instance(id, "stopped", STOPPED_BY_HAND);
    let pending = |id: &str| instance(id, "pending", "");
    let fallen = |id: &str| instance(id, "stopped", "Client.InvalidKMSKey.InvalidState");
    // The first answer is from before the start still.
    let seen = [
        [stopped("i-1"), stopped("i-2")],
        [pending("i-1"), instance("i-2", "running", "")],
        [fallen("i-1"), instance("i-2", "running", "")],
    ];
    let (recorded, result) = started(&seen).await;
    let error = result.unwrap_err();
    assert!(matches!(error, ProviderError::Halfway(_)), "the other one runs: {error}");
    let told = error.to_string();
    assert!(told.contains("i-1 was started and stopped again: Client.InvalidKMSKey.InvalidState"), "{told}");
    assert_eq!(recorded.asked().iter().filter(|one| one.contains("Action=StartInstances&")).count(), 1);
    // It may be the reason for which it stopped the last time.
    let again = |id: &str| instance(id, "stopped", STOPPED_BY_HAND);
    let (_, result) = started(&[[pending("i-1"), pending("i-2")], [again("i-1"), again("i-2")]]).await;
    assert!(matches!(result, Err(ProviderError::Refused(_))), "none runs: {result:?}");
}

#[tokio::test]
async fn instances_that_come_up_are_waited_for() {
    let both = |state: &str| ["i-1", "i-2"].map(|id| instance(id, state, ""));
    let (recorded, result) = started(&[both("pending"), both("pending"), both("running")]).await;
    result.unwrap();
    assert_eq!(recorded.asked().iter().filter(|one| one.contains("Action=StartInstances&")).count(), 1);
}
