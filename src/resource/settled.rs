//! Worlds without what varies by itself.

use super::{ResourceState, Seen, World};
use crate::time::Span;

/// `world` without what changes by itself (positions, lags, ages), so that a world before and one after can be compared.
#[must_use]
pub fn settled(world: &World) -> World {
    let mut world = world.clone();
    for state in world.values_mut() {
        match state {
            ResourceState::Database(it) => {
                for side in it.regions.values_mut().filter_map(Seen::known_mut) {
                    (side.position, side.lag) = (0, None);
                }
            }
            ResourceState::Storage(it) => {
                for side in it.regions.values_mut().filter_map(Seen::known_mut) {
                    (side.position, side.lag) = (0, None);
                }
            }
            ResourceState::Backup(it) => {
                for side in it.regions.values_mut().filter_map(Seen::known_mut) {
                    (side.newest_age, side.oldest_age, side.count, side.encrypted) = (Span::ZERO, Span::ZERO, 0, 0);
                }
            }
            ResourceState::Dns(_) | ResourceState::Compute(_) | ResourceState::Region(_) => {}
        }
    }
    world
}
