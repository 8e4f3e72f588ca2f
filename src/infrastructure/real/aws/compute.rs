//! Servers on EC2: instances by id or tag, or an Auto Scaling group.

use serde::{Deserialize, Serialize};

use super::{MANY, Teller};
use crate::diagnostic::Diagnostic;
use crate::id::RegionRole;
use crate::infrastructure::simulate::PerRegion;
use crate::yaml::{Node, decode};

/// A group of servers in each region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AwsServers {
    /// By region.
    pub regions: PerRegion<Group>,
}

/// The servers of one region: exactly one of the three.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Group {
    /// Instances by their ids; they are started from the first on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub instances: Vec<String>,
    /// Instances by a tag, in the order of their ids.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<Tag>,
    /// An Auto Scaling group by its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_scaling_group: Option<String>,
}

/// A tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tag {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// Tells what is wrong with the settings.
pub(in crate::infrastructure::real) fn check(settings: &Node, diagnostics: &mut Vec<Diagnostic>) {
    let Some(read) = decode::<AwsServers>(settings, diagnostics) else { return };
    let mut teller = Teller::new(settings, diagnostics);
    for role in RegionRole::ALL {
        let group = read.regions.get(role);
        let path = ["regions", role.as_str()];
        let said = usize::from(!group.instances.is_empty())
            + usize::from(group.tag.is_some())
            + usize::from(group.auto_scaling_group.is_some());
        if said != 1 {
            teller.tell(
                &path,
                format!("{said} of `instances`, `tag` and `auto_scaling_group` are said"),
                "say exactly one of them",
            );
        }
        if group.instances.len() > MANY {
            teller.tell(
                &path,
                format!("{} instances are too many", group.instances.len()),
                "a group has at most 200 here",
            );
        }
        for id in &group.instances {
            teller.id(&path, "i", id);
        }
    }
}
