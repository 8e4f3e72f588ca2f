//! (stand-in until the branch lands)
use std::{fmt, sync::Arc};
use serde::{Deserialize, Serialize};
macro_rules! id { ($($n:ident),*) => {$(
/// x
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct $n(Arc<str>);
impl $n { /// x
 pub fn new(t: &str) -> Result<Self, IdError> { Ok(Self(t.into())) } /// x
 pub fn as_str(&self) -> &str { &self.0 } }
impl fmt::Display for $n { fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) } }
impl AsRef<str> for $n { fn as_ref(&self) -> &str { &self.0 } }
)*}}
/// x
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct IdError;
id!(StepId, PhaseId, ServiceId, ResourceId, ProbeId, RunId);
/// x
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RegionRole { /// x
 Primary, /// x
 Secondary }
impl RegionRole { /// x
#[must_use] pub fn other(self) -> Self { match self { Self::Primary => Self::Secondary, Self::Secondary => Self::Primary } } }
impl fmt::Display for RegionRole { fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(match self { Self::Primary => "primary", Self::Secondary => "secondary" }) } }
