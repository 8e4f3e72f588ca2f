//! The typed settings of simulated twins, as a frozen plan has them.
//!
//! A plan keeps settings as JSON, because it is journalled and read years later; here they become types again. Where
//! the provider is `simulated`, its own settings are the twin's.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::simulate::{
    SimulatedBackup, SimulatedCompute, SimulatedDatabase, SimulatedDns, SimulatedNetwork, SimulatedRegion,
    SimulatedResource, SimulatedStorage,
};
use crate::model::{Binding, RegionInfo};
use crate::resource::ResourceKind;

/// The twin of a resource.
///
/// # Errors
/// Says what is wrong with the settings; never those of a plan that was compiled by this version.
pub fn resource(binding: &Binding) -> Result<SimulatedResource, String> {
    let settings = &binding.simulate;
    Ok(match binding.kind {
        ResourceKind::Dns => SimulatedResource::Dns(typed::<SimulatedDns>(settings)?),
        ResourceKind::Database => SimulatedResource::Database(typed::<SimulatedDatabase>(settings)?),
        ResourceKind::Compute => SimulatedResource::Compute(typed::<SimulatedCompute>(settings)?),
        ResourceKind::Storage => SimulatedResource::Storage(typed::<SimulatedStorage>(settings)?),
        ResourceKind::Backup => SimulatedResource::Backup(typed::<SimulatedBackup>(settings)?),
        ResourceKind::Region => return Err("a region is no resource of an infrastructure file".to_owned()),
    })
}

/// The twin of a region.
///
/// # Errors
/// As [`resource`].
pub fn region(region: &RegionInfo) -> Result<SimulatedRegion, String> {
    typed(&region.simulate)
}

/// The twin of the network, from [`crate::model::Plan::network`].
///
/// # Errors
/// As [`resource`].
pub fn network(settings: &Value) -> Result<SimulatedNetwork, String> {
    typed(settings)
}

fn typed<T: DeserializeOwned + Default>(settings: &Value) -> Result<T, String> {
    if settings.is_null() {
        return Ok(T::default());
    }
    serde_json::from_value(settings.clone()).map_err(|error| error.to_string())
}
