//! Evidence bundles of runs: what belongs into one, made from journals, and checked against them without any store.
//!
//! Whatever is in a bundle but for files that people gave as evidence follows from its journals; so making one and checking
//! one is the same function, [`contents`].

mod check;
mod contents;
mod figures;
mod make;
mod other;

pub use check::{Followed, VerifiedBundle, is_bundle, read_signers, verify_bundle};
pub use make::{BundleOf, BundleRequest, Bundled, bundle};
pub use other::Unheld;

/// The largest bundle that is made or read, in bytes.
const BUNDLE_MAX: u64 = 2 * 1024 * 1024 * 1024;
