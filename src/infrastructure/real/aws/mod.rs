//! What the provider `aws` is told: an account and a way into it for each region, and the resources in them. Checked
//! whether or not this build can act on AWS. `docs/providers/aws.md` has it for people.

pub mod backup;
pub mod compute;
pub mod database;
pub mod dns;
pub mod policy;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::catalogue::Period;
use crate::diagnostic::{Diagnostic, Place};
use crate::id::RegionRole;
use crate::model::RegionInfo;
use crate::resource::Party;
use crate::time::Span;
use crate::yaml::{Node, decode};

/// The provider's name.
pub const AWS: &str = "aws";
/// Whether this build has it.
pub const BUILT: bool = cfg!(feature = "aws");
/// The region that Route 53 is changed in, wherever it answers.
pub const ROUTE53_CONTROL: &str = "us-east-1";
/// What is said where it is needed and not there.
pub const HOW_TO_GET_IT: &str = "this build of Muster has no AWS provider, which takes minutes and gigabytes to compile: \
     take a release binary, which has it, or build one with `cargo install --path . --features aws`";
/// The most subnets, instances or endpoints of one thing.
const MANY: usize = 200;

/// An AWS region: the way into it, and what of it can be cut off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AwsRegion {
    /// The account's number. Who is let in somewhere else is told so before anything is touched.
    pub account: String,
    /// The profile of `~/.aws/config`; unstated: what the environment, the machine or the container gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The role to assume, by its ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Where all services are reached, in place of AWS's own addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Where single services are reached, such as through a VPC's interface endpoints, by their names: `rds`, `ec2`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub endpoints: BTreeMap<String, String>,
    /// How long one request may take until it is sent again. Default: 10s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Period>,
    /// What `region.isolate` cuts off; unstated: it can't.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolate: Option<Isolation>,
}

impl AwsRegion {
    /// How long one request may take.
    #[must_use]
    pub fn patience(&self) -> Span {
        self.timeout.map_or(Span::from_secs(10), |it| it.0)
    }
}

/// What a network ACL cuts off.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Isolation {
    /// The subnets.
    pub subnets: Vec<String>,
    /// The address blocks (CIDR) of each party, needed where one party is cut off and another is not.
    #[serde(default)]
    pub blocks: Blocks,
}

/// Address blocks of parties.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Blocks {
    /// Of the primary region.
    pub primary: Vec<String>,
    /// Of the secondary region.
    pub secondary: Vec<String>,
    /// Of users, where they are not everybody else.
    pub users: Vec<String>,
}

impl Blocks {
    /// Those of `party`.
    #[must_use]
    pub fn of(&self, party: Party) -> &[String] {
        match party {
            Party::Users => &self.users,
            Party::Primary => &self.primary,
            Party::Secondary => &self.secondary,
        }
    }
}

/// The services whose endpoints can be named.
pub const SERVICES: [&str; 7] = ["autoscaling", "cloudwatch", "ec2", "iam", "rds", "route53", "sts"];

/// Tells things that are wrong with settings, each at its place.
pub(super) struct Teller<'a> {
    settings: &'a Node,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl<'a> Teller<'a> {
    fn new(settings: &'a Node, diagnostics: &'a mut Vec<Diagnostic>) -> Self {
        Self { settings, diagnostics }
    }

    fn tell(&mut self, path: &[&str], what: impl Into<String>, help: &str) {
        let place = path.iter().try_fold(self.settings, |node, key| node.get(key)).unwrap_or(self.settings).place();
        self.diagnostics.push(Diagnostic::error("M145", what).at(place).help(help.to_owned()));
    }

    /// An id such as `subnet-0a1b2c3d`.
    fn id(&mut self, path: &[&str], prefix: &str, id: &str) {
        let sound = id.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('-')).is_some_and(|rest| {
            (1..=40).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
        });
        if !sound {
            self.tell(
                path,
                format!("`{id}` is no id of this kind"),
                &format!("such ids look like {prefix}-0a1b2c3d4e5f"),
            );
        }
    }

    fn subnets(&mut self, path: &[&str], subnets: &[String]) {
        if subnets.is_empty() || subnets.len() > MANY {
            self.tell(path, format!("{} subnets are named", subnets.len()), "name 1 to 200 of them");
        }
        for subnet in subnets {
            self.id(path, "subnet", subnet);
        }
    }
}

/// Tells what is wrong with a region's settings.
pub(super) fn check_region(settings: &Node, diagnostics: &mut Vec<Diagnostic>) {
    let Some(read) = decode::<AwsRegion>(settings, diagnostics) else { return };
    let mut teller = Teller::new(settings, diagnostics);
    if read.account.len() != 12 || !read.account.bytes().all(|byte| byte.is_ascii_digit()) {
        teller.tell(
            &["account"],
            format!("`{}` is no account", read.account),
            "an account's number has 12 digits: write it in quotes",
        );
    }
    if let Some(role) = &read.role {
        let account = role.strip_prefix("arn:").and_then(|rest| rest.split(':').nth(3));
        match account {
            Some(account) if account == read.account && role.contains(":role/") => {}
            Some(_) if role.contains(":role/") => teller.tell(
                &["role"],
                format!("the role is not in the account {}", read.account),
                "a drill acts in the account that the region states",
            ),
            _ => teller.tell(&["role"], format!("`{role}` is no role"), "write arn:aws:iam::123456789012:role/NAME"),
        }
    }
    let addresses = read.endpoint.iter().map(|url| ("endpoint", url));
    for (key, url) in addresses.chain(read.endpoints.values().map(|url| ("endpoints", url))) {
        if !(url.starts_with("https://") || url.starts_with("http://")) {
            teller.tell(&[key], format!("`{url}` is no address of a service"), "write https://HOST");
        }
    }
    for name in read.endpoints.keys().filter(|name| !SERVICES.contains(&name.as_str())) {
        teller.tell(
            &["endpoints"],
            format!("there is no service `{name}` here"),
            &format!("the services are {}", SERVICES.join(", ")),
        );
    }
    if let Some(isolate) = &read.isolate {
        teller.subnets(&["isolate", "subnets"], &isolate.subnets);
        let blocks = &isolate.blocks;
        for block in blocks.primary.iter().chain(&blocks.secondary).chain(&blocks.users) {
            if !is_block(block) {
                teller.tell(&["isolate", "blocks"], format!("`{block}` is no address block"), "write 10.1.0.0/16");
            }
        }
    }
}

fn is_block(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else { return false };
    let most = match address.parse::<std::net::IpAddr>() {
        Ok(address) if address.is_ipv4() => 32,
        Ok(_) => 128,
        Err(_) => return false,
    };
    bits.parse::<u8>().is_ok_and(|bits| bits <= most)
}

/// A resource of AWS needs to know the way into both regions.
pub(in crate::infrastructure) fn check_ways_in(
    provider: &str,
    place: &Place,
    regions: &BTreeMap<RegionRole, RegionInfo>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    if provider != AWS {
        return;
    }
    for (role, region) in regions.iter().filter(|(_, region)| region.provider != AWS) {
        diagnostics.push(
            Diagnostic::error("M146", format!("the way into the {role} region's account is not said"))
                .at(place.clone())
                .help(format!(
                    "write `{role}: {{ name: {}, provider: aws, account: \"123456789012\" }}` under `regions`",
                    region.name
                )),
        );
    }
}

/// A name that a service takes as one of its things: letters, digits, hyphens.
fn is_identifier(text: &str) -> bool {
    text.len() <= 63
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}
