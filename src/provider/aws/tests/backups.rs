//! Copies of EBS snapshots, which say when they were begun and not how old their originals are.

use super::recorded::{Recorded, context};
use crate::id::{RegionRole, ResourceId};
use crate::provider::aws::AwsSnapshots;
use crate::resource::{Backup, SnapshotSummary};
use crate::time::Span;

fn snapshots(recorded: &Recorded) -> AwsSnapshots {
    let side = |zone: &str| format!(r#"{{"tag":{{"key":"Backup","value":"code"}},"zone":"{zone}"}}"#);
    let settings = format!(r#"{{"regions":{{"primary":{},"secondary":{}}}}}"#, side("us-east-1a"), side("us-west-2a"));
    let id = ResourceId::new("snapshots").unwrap();
    AwsSnapshots::new(id, serde_json::from_str(&settings).unwrap(), recorded.ways())
}

/// `DescribeSnapshots` with one of them, this many minutes old.
fn one(id: &str, minutes: i64, description: &str) -> String {
    let at = context().clock.wall() - jiff::SignedDuration::from_mins(minutes);
    format!(
        "<DescribeSnapshotsResponse><snapshotSet><item><snapshotId>{id}</snapshotId><status>completed</status>\
         <startTime>{at:.0}</startTime><encrypted>true</encrypted><description>{description}</description></item>\
         </snapshotSet></DescribeSnapshotsResponse>"
    )
}

async fn seen_in_the_secondary_region(recorded: &Recorded) -> SnapshotSummary {
    let state = snapshots(recorded).observe(&context()).await.unwrap();
    state.regions[&RegionRole::Secondary].known().unwrap().clone()
}

#[tokio::test]
async fn a_copy_is_as_old_as_its_original() {
    let recorded = Recorded::new();
    recorded.answers("ec2.us-east-1", 200, &one("snap-1", 90, ""));
    recorded.answers("ec2.us-west-2", 200, &one("snap-2", 5, "[Copied snap-1 from us-east-1]"));
    let seen = seen_in_the_secondary_region(&recorded).await;
    assert!(seen.newest_age >= Span::from_secs(89 * 60), "{seen:?}");
    assert_eq!(seen.aged_as_copies, 0);
}

#[tokio::test]
async fn the_age_of_a_copy_whose_original_is_gone_is_told_as_the_copys() {
    let recorded = Recorded::new();
    recorded.answers("ec2.us-east-1", 200, &one("snap-7", 90, ""));
    recorded.answers("ec2.us-west-2", 200, &one("snap-2", 5, "[Copied snap-1 from us-east-1]"));
    let seen = seen_in_the_secondary_region(&recorded).await;
    assert!(seen.newest_age < Span::from_secs(10 * 60) && seen.aged_as_copies == 1, "{seen:?}");
}
