//! Snapshots of EBS volumes and of RDS instances.

use serde::{Deserialize, Serialize};

use super::{Teller, is_identifier};
use crate::diagnostic::Diagnostic;
use crate::id::RegionRole;
use crate::infrastructure::simulate::PerRegion;
use crate::yaml::{Node, decode};

use super::compute::Tag;

/// Snapshots in each region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AwsBackups {
    /// By region.
    pub regions: PerRegion<Snapshots>,
}

/// The snapshots of one region: those of EBS, or those of RDS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Snapshots {
    /// EBS snapshots by a tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<Tag>,
    /// RDS snapshots of this instance, by its identifier (in the other region that of the original).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The ARN of the key that they must be encrypted with; unstated: any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The availability zone of scratch volumes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// The subnet group of scratch instances.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subnet_group: Option<String>,
    /// The class of scratch instances; unstated: that of the original.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
}

/// Tells what is wrong with the settings.
pub(in crate::infrastructure::real) fn check(settings: &Node, diagnostics: &mut Vec<Diagnostic>) {
    let Some(read) = decode::<AwsBackups>(settings, diagnostics) else { return };
    let mut teller = Teller::new(settings, diagnostics);
    for role in RegionRole::ALL {
        let it = read.regions.get(role);
        let path = ["regions", role.as_str()];
        match (&it.tag, &it.instance) {
            (Some(_), Some(_)) | (None, None) => teller.tell(
                &path,
                "which snapshots are meant is not said",
                "write `tag: { key: …, value: … }` for EBS or `instance:` for RDS",
            ),
            (Some(_), None) if it.zone.is_none() => teller.tell(
                &path,
                "where a scratch volume is to be is not said",
                "add `zone:` with an availability zone",
            ),
            (None, Some(instance)) if !is_identifier(instance) => {
                teller.tell(
                    &path,
                    format!("`{instance}` is no identifier"),
                    "letters, digits and hyphens, a letter first",
                );
            }
            _ => {}
        }
        if let Some(key) = it.key.as_ref().filter(|key| !(key.starts_with("arn:") && key.contains(":kms:"))) {
            teller.tell(&path, format!("`{key}` is no key"), "write its ARN");
        }
    }
}
