//! Chance, made repeatable: distributions of durations, and draws that depend on nothing but their name.
//!
//! A draw is a function of (seed, purpose, subject, count), never of a shared stream: adding a probe or a step
//! to a playbook leaves every other draw of the same seed as it was. May rely on `time`; must never read a clock
//! or the operating system's randomness.

use std::ops::Range;

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::time::Span;

/// The seed of a simulated run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Seed(pub u64);

impl Seed {
    /// A number in (0, 1), the same for the same names and count.
    #[must_use]
    pub fn draw(self, purpose: &str, subject: &str, count: u64) -> f64 {
        self.draws(purpose, subject).at(count)
    }

    /// All draws of these names, their names worked in once.
    #[must_use]
    pub fn draws(self, purpose: &str, subject: &str) -> Draws {
        let mut hash = mix(self.0 ^ 0x6d75_7374_6572_2e31);
        for bytes in [purpose.as_bytes(), subject.as_bytes()] {
            for chunk in bytes.chunks(8) {
                let mut word = [0_u8; 8];
                word[..chunk.len()].copy_from_slice(chunk);
                hash = mix(hash ^ u64::from_le_bytes(word));
            }
            // The length separates ("ab", "c") from ("a", "bc").
            hash = mix(hash ^ bytes.len() as u64);
        }
        Draws(hash)
    }
}

/// The draws of one purpose and subject: see [`Seed::draws`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draws(u64);

impl Draws {
    /// What [`Seed::draw`] gives for this count.
    #[must_use]
    pub fn at(self, count: u64) -> f64 {
        share(mix(self.0 ^ count))
    }

    /// The greatest of the draws of `counts`; 0 of none.
    #[must_use]
    pub fn greatest(self, counts: Range<u64>) -> f64 {
        counts.map(|count| mix(self.0 ^ count)).max().map_or(0.0, share)
    }
}

/// A hash as a number in (0, 1), the greater the greater: 53 bits, moved half a step up so that neither 0 nor 1 can come
/// out.
fn share(hash: u64) -> f64 {
    ((hash >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
}

/// The finaliser of `SplitMix64` (Steele, Lea and Flood, 2014): every input bit changes every output bit.
fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A length of time that varies: fixed, or log-normal through two quantiles, as durations of operations are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Distribution {
    /// Always the same.
    Fixed(Span),
    /// Log-normal: the logarithm is normal with mean `mu` and standard deviation `sigma` (of nanoseconds).
    LogNormal {
        /// Mean of the logarithm.
        mu: f64,
        /// Standard deviation of the logarithm, at least 0.
        sigma: f64,
    },
}

impl Distribution {
    /// Always `span`.
    #[must_use]
    pub fn fixed(span: Span) -> Self {
        Self::Fixed(span)
    }

    /// The log-normal distribution that has these two quantiles, as (share in percent, value).
    ///
    /// # Errors
    /// Says what is wrong: shares outside (0, 100), equal or in the wrong order, or a value of zero.
    #[expect(clippy::many_single_char_names, reason = "the letters of the quantile function")]
    pub fn from_quantiles(low: (f64, Span), high: (f64, Span)) -> Result<Self, String> {
        let ((p, a), (q, b)) = if low.0 <= high.0 { (low, high) } else { (high, low) };
        if !(p > 0.0 && q < 100.0 && p < q) {
            return Err(format!("two different quantiles between p1 and p99 are needed, found p{p} and p{q}"));
        }
        if a == Span::ZERO || b < a {
            return Err(format!("p{p} ({}) must be above zero and no longer than p{q} ({})", a.short(), b.short()));
        }
        let (x, y) = (inverse_normal(p / 100.0), inverse_normal(q / 100.0));
        let (ln_a, ln_b) = ((a.0 as f64).ln(), (b.0 as f64).ln());
        let sigma = (ln_b - ln_a) / (y - x);
        Ok(Self::LogNormal { mu: ln_a - sigma * x, sigma })
    }

    /// The value below which the share `u` (0 to 1) of all draws lie.
    #[must_use]
    pub fn quantile(&self, u: f64) -> Span {
        match *self {
            Self::Fixed(span) => span,
            Self::LogNormal { mu, sigma } => from_float((mu + sigma * inverse_normal(u)).exp()),
        }
    }

    /// The median: what is expected when nothing else is known.
    #[must_use]
    pub fn median(&self) -> Span {
        self.quantile(0.5)
    }

    /// One draw.
    #[must_use]
    pub fn draw(&self, seed: Seed, purpose: &str, subject: &str, count: u64) -> Span {
        match self {
            Self::Fixed(span) => *span,
            Self::LogNormal { .. } => self.quantile(seed.draw(purpose, subject, count)),
        }
    }

    /// The draw of `draws` at `count`.
    #[must_use]
    pub fn draw_at(&self, draws: Draws, count: u64) -> Span {
        match self {
            Self::Fixed(span) => *span,
            Self::LogNormal { .. } => self.quantile(draws.at(count)),
        }
    }

    /// What none of the draws of `draws` at `counts` exceeds. Computes one quantile, however many they are.
    #[must_use]
    pub fn longest(&self, draws: Draws, counts: Range<u64>) -> Span {
        match self {
            Self::Fixed(span) => *span,
            // The approximation of the quantile function grows but for its own error, which this is far above.
            Self::LogNormal { .. } => {
                let longest = self.quantile(draws.greatest(counts));
                longest + Span(longest.0 >> 20)
            }
        }
    }
}

/// Saturates at a century, so that a silly distribution can't overflow a moment.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a century, which fits")]
fn from_float(nanos: f64) -> Span {
    let nanos = nanos.clamp(0.0, 3.2e18);
    // Rounded by hand, half away from zero: `round` is a call into the C library, and this is drawn all the time.
    let whole = nanos as u64;
    Span(whole + u64::from(nanos - whole as f64 >= 0.5))
}

/// The inverse of the standard normal distribution, by P. J. Acklam's rational approximation
/// (relative error below 1.15e-9), for 0 < `p` < 1.
#[must_use]
pub fn inverse_normal(p: f64) -> f64 {
    const A: [f64; 6] = [
        -39.696_830_286_653_76,
        220.946_098_424_520_8,
        -275.928_510_446_969_1,
        138.357_751_867_269,
        -30.664_798_066_147_16,
        2.506_628_277_459_239,
    ];
    const B: [f64; 5] = [
        -54.476_098_798_224_06,
        161.585_836_858_040_97,
        -155.698_979_859_886_97,
        66.801_311_887_719_72,
        -13.280_681_552_885_72,
    ];
    const C: [f64; 6] = [
        -0.007_784_894_002_430_293,
        -0.322_396_458_041_136_4,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 4] =
        [0.007_784_695_709_041_462, 0.322_467_129_070_039_8, 2.445_134_137_142_996, 3.754_408_661_907_416];
    let tail = |q: f64| {
        (((((C[0] * q + C[1]) * q + C[2]) * q + C[3]) * q + C[4]) * q + C[5])
            / ((((D[0] * q + D[1]) * q + D[2]) * q + D[3]) * q + 1.0)
    };
    let p = p.clamp(1e-12, 1.0 - 1e-12);
    if p < 0.024_25 {
        tail((-2.0 * p.ln()).sqrt())
    } else if p > 1.0 - 0.024_25 {
        -tail((-2.0 * (1.0 - p).ln()).sqrt())
    } else {
        let q = p - 0.5;
        let r = q * q;
        (((((A[0] * r + A[1]) * r + A[2]) * r + A[3]) * r + A[4]) * r + A[5]) * q
            / (((((B[0] * r + B[1]) * r + B[2]) * r + B[3]) * r + B[4]) * r + 1.0)
    }
}

impl Serialize for Distribution {
    /// Written as it is read: a duration, or `{p50, p95}`.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        match self {
            Self::Fixed(span) => serializer.serialize_str(&span.short()),
            Self::LogNormal { .. } => {
                let mut map = serializer.serialize_map(Some(2))?;
                map.serialize_entry("p50", &self.quantile(0.5).short())?;
                map.serialize_entry("p95", &self.quantile(0.95).short())?;
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Distribution {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Distribution;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a duration such as 30s, or two quantiles such as { p50: 30s, p95: 80s }")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Distribution, E> {
                Span::parse(text).map(Distribution::Fixed).map_err(E::custom)
            }

            fn visit_map<M: de::MapAccess<'de>>(self, mut map: M) -> Result<Distribution, M::Error> {
                let mut found: Vec<(f64, Span)> = Vec::new();
                while let Some((key, text)) = map.next_entry::<String, String>()? {
                    let share =
                        key.strip_prefix('p').and_then(|digits| digits.parse::<f64>().ok()).ok_or_else(|| {
                            de::Error::custom(format!("unknown key `{key}`: a quantile is written p50, p95, p99"))
                        })?;
                    found.push((share, Span::parse(&text).map_err(de::Error::custom)?));
                    if found.len() > 2 {
                        return Err(de::Error::custom("two quantiles say it all; found more"));
                    }
                }
                match found[..] {
                    [low, high] => Distribution::from_quantiles(low, high).map_err(de::Error::custom),
                    _ => Err(de::Error::custom("two quantiles are needed, such as { p50: 30s, p95: 80s }")),
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_come_back() {
        let lag = Distribution::from_quantiles((50.0, Span::from_millis(400)), (99.0, Span::from_secs(4))).unwrap();
        assert!((lag.quantile(0.5).as_secs_f64() - 0.4).abs() < 1e-6);
        assert!((lag.quantile(0.99).as_secs_f64() - 4.0).abs() < 1e-5);
    }

    #[test]
    fn draws_follow_the_distribution_and_only_their_name() {
        let takes = Distribution::from_quantiles((50.0, Span::from_secs(10)), (95.0, Span::from_secs(20))).unwrap();
        let below = (0..10_000).filter(|&n| takes.draw(Seed(7), "takes", "step", n) < Span::from_secs(20)).count();
        assert!((9_400..9_600).contains(&below), "{below} of 10000 below p95");
        assert_eq!(takes.draw(Seed(7), "takes", "step", 3), takes.draw(Seed(7), "takes", "step", 3));
        assert_ne!(takes.draw(Seed(7), "takes", "step", 3), takes.draw(Seed(8), "takes", "step", 3));
        assert_ne!(takes.draw(Seed(7), "ab", "c", 3), takes.draw(Seed(7), "a", "bc", 3));
    }

    #[test]
    fn no_draw_is_longer_than_the_longest() {
        let takes = Distribution::from_quantiles((50.0, Span::from_millis(4)), (95.0, Span::from_millis(12))).unwrap();
        for seed in 0..50 {
            let draws = Seed(seed).draws("takes", "step");
            let longest = takes.longest(draws, 100..1_100);
            let all = (100..1_100).map(|count| takes.draw_at(draws, count)).max().unwrap();
            assert!(all <= longest && longest.0 - all.0 <= all.0 / 1_000_000 + 1, "{all} of at most {longest}");
        }
    }

    #[test]
    fn bad_quantiles_are_refused() {
        assert!(Distribution::from_quantiles((50.0, Span::from_secs(2)), (95.0, Span::from_secs(1))).is_err());
        assert!(Distribution::from_quantiles((50.0, Span::ZERO), (95.0, Span::from_secs(1))).is_err());
        assert!(Distribution::from_quantiles((50.0, Span::from_secs(1)), (50.0, Span::from_secs(1))).is_err());
    }
}
