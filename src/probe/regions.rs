//! Which region an address belongs to.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::id::RegionRole;
use crate::resource::{Context, RecordSet, Resources};

/// The region of each address that a drill's records may point to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Regions {
    known: BTreeMap<IpAddr, RegionRole>,
}

impl Regions {
    /// Nothing known yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes that `address` is in `role`.
    pub fn insert(&mut self, address: IpAddr, role: RegionRole) {
        self.known.insert(address, role);
    }

    /// Notes the addresses of a record set that points to `role`. Values that are no addresses (another name) tell
    /// nothing and are passed over.
    pub fn insert_record(&mut self, role: RegionRole, record: &RecordSet) {
        for value in &record.values {
            if let Ok(address) = value.parse() {
                self.insert(address, role);
            }
        }
    }

    /// The region of `address`, if it is known.
    #[must_use]
    pub fn of(&self, address: IpAddr) -> Option<RegionRole> {
        self.known.get(&address).copied()
    }

    /// What the targets of all DNS records say; a record that cannot be read now is passed over.
    pub async fn survey(resources: &Resources, cx: &Context) -> Self {
        let mut regions = Self::new();
        for dns in resources.dns.values() {
            if let Ok(state) = dns.observe(cx).await {
                for role in RegionRole::ALL {
                    regions.insert_record(role, &dns.target(role, &state.record));
                }
            }
        }
        regions
    }
}

impl FromIterator<(IpAddr, RegionRole)> for Regions {
    fn from_iter<I: IntoIterator<Item = (IpAddr, RegionRole)>>(addresses: I) -> Self {
        Self { known: addresses.into_iter().collect() }
    }
}
