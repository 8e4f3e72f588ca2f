//! `dns.switch`.

use serde::{Deserialize, Serialize};

use super::{Access, Achieved, Describe, Named, OneOrMany, Part, Setting, Subject, Undo};
use crate::chance::Distribution;
use crate::id::{RegionRole, ResourceId};
use crate::resource::{ResourceKind, ResourceState, World};
use crate::time::Span;

/// Points records to a region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DnsSwitch {
    /// The records, all at once.
    pub records: OneOrMany<ResourceId>,
    /// The region.
    pub to: RegionRole,
}

impl Describe for DnsSwitch {
    fn subjects(&self) -> Vec<Subject> {
        let subject = |resource: &ResourceId| Subject {
            resource: resource.clone(),
            kinds: &[ResourceKind::Dns],
            access: Access::Changes,
            regions: Vec::new(),
        };
        self.records.0.iter().map(subject).collect()
    }

    fn summary(&self) -> String {
        format!("switch {} to {}", Named(&self.records.0), self.to)
    }

    fn effect(&self, world: &mut World, _setting: &Setting<'_>) {
        for record in &self.records.0 {
            if let Some(ResourceState::Dns(state)) = world.get_mut(record)
                && state.serves != Some(self.to)
            {
                // The addresses are the provider's to say; the plan shows the region.
                state.record.values = vec![format!("{}'s addresses", self.to)];
                state.serves = Some(self.to);
            }
        }
    }

    fn achieved(&self, world: &World, _setting: &Setting<'_>) -> Achieved {
        Achieved::all(self.records.0.iter().map(|record| match world.get(record) {
            Some(ResourceState::Dns(state)) => {
                Achieved::when(|| state.serves == Some(self.to), || format!("{record} {state}"))
            }
            _ => Achieved::Unknown(format!("{record} was not seen")),
        }))
    }

    fn undo(&self) -> Undo {
        Undo::Restores
    }

    fn part(&self) -> Part {
        Part::Switch(self.to)
    }

    fn takes(&self) -> Distribution {
        Distribution::fixed(Span::from_secs(3))
    }
}
