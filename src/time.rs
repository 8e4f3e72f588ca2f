//! (stand-in until the branch lands)
#![allow(missing_docs)]
use serde::{Deserialize, Serialize};
use std::future::Future;
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Span(pub u64);
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Moment(pub u64);
#[derive(Debug, thiserror::Error)] #[error("x")] pub struct SpanError;
impl std::fmt::Display for Span { fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { write!(f, "{}ns", self.0) } }
impl Span { pub const ZERO: Self = Self(0);
 pub fn from_millis(n: u64) -> Self { Self(n*1_000_000) } pub fn from_secs(n: u64) -> Self { Self(n*1_000_000_000) } pub fn from_nanos(n: u64) -> Self { Self(n) }
 pub fn as_secs_f64(self) -> f64 { self.0 as f64/1e9 } pub fn as_millis(self) -> u64 { self.0/1_000_000 }
 pub fn parse(_t: &str) -> Result<Self, SpanError> { Err(SpanError) } pub fn short(self) -> String { self.to_string() } pub fn mul_f64(self, _f: f64) -> Self { self } }
impl From<std::time::Duration> for Span { fn from(d: std::time::Duration) -> Self { Self(d.as_nanos() as u64) } }
impl From<Span> for std::time::Duration { fn from(d: Span) -> Self { Self::from_nanos(d.0) } }
impl std::ops::Add for Span { type Output = Self; fn add(self, o: Self) -> Self { Self(self.0.saturating_add(o.0)) } }
impl std::ops::Sub for Span { type Output = Self; fn sub(self, o: Self) -> Self { Self(self.0.saturating_sub(o.0)) } }
impl std::iter::Sum for Span { fn sum<I: Iterator<Item = Self>>(i: I) -> Self { i.fold(Self(0), |a,b| a+b) } }
impl Moment { pub const ZERO: Self = Self(0); pub fn since(self, e: Self) -> Span { Span(self.0.saturating_sub(e.0)) } pub fn saturating_sub(self, s: Span) -> Self { Self(self.0.saturating_sub(s.0)) } }
impl std::ops::Add<Span> for Moment { type Output = Self; fn add(self, s: Span) -> Self { Self(self.0.saturating_add(s.0)) } }
#[derive(Clone)] pub struct Clock(());
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)] pub enum Class { World, Act, Probe }
#[derive(Debug)] pub struct Elapsed; pub struct Hold; pub struct Idle { pub next: Option<Moment> }
#[derive(Debug)] pub struct Stuck;
pub type JoinHandle<T> = tokio::task::JoinHandle<T>;
impl Clock {
 pub fn real() -> Self { Self(()) } pub fn now(&self) -> Moment { Moment(0) } pub fn wall(&self) -> jiff::Timestamp { jiff::Timestamp::UNIX_EPOCH } pub fn is_virtual(&self) -> bool { false }
 pub async fn sleep(&self, _s: Span) {} pub async fn sleep_until(&self, _m: Moment) {} pub async fn sleep_until_as(&self, _m: Moment, _c: Class) {}
 pub async fn timeout<F: Future>(&self, _s: Span, f: F) -> Result<F::Output, Elapsed> { Ok(f.await) }
 #[allow(clippy::disallowed_methods)] pub fn spawn<F>(&self, f: F) -> JoinHandle<F::Output> where F: Future + Send + 'static, F::Output: Send + 'static { tokio::spawn(f) }
 pub fn hold(&self) -> Hold { Hold } pub fn with_class(&self, _c: Class) -> Self { self.clone() } pub async fn idle(&self) -> Idle { Idle { next: None } } pub fn branch(&self, _a: Moment, _h: Moment) -> Self { self.clone() } pub fn overrun(&self) -> bool { false }
}
pub fn run_virtual<F, Fut>(_s: jiff::Timestamp, _f: F) -> Result<Fut::Output, Stuck> where F: FnOnce(Clock) -> Fut, Fut: Future { Err(Stuck) }
pub fn run_real<F, Fut>(_f: F) -> Result<Fut::Output, std::io::Error> where F: FnOnce(Clock) -> Fut, Fut: Future { Err(std::io::Error::other("x")) }
#[derive(Clone, Copy, Debug)] pub struct Ticks { pub first: Moment, pub every: Span }
impl Ticks { pub fn at(&self, n: u64) -> Moment { self.first + Span(self.every.0 * n) } pub fn after(&self, _now: Moment) -> u64 { 0 } }
