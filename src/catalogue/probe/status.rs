//! Sets of HTTP status codes.

use std::fmt;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use crate::catalogue::OneOrMany;

/// Status codes: `200`, a class such as `2xx`, a range such as `200-204`, or a list of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusCodes(pub Vec<(u16, u16)>);

impl Default for StatusCodes {
    fn default() -> Self {
        Self(vec![(200, 299)])
    }
}

impl StatusCodes {
    /// Whether `status` is one of them.
    #[must_use]
    pub fn contain(&self, status: u16) -> bool {
        self.0.iter().any(|(low, high)| (*low..=*high).contains(&status))
    }
}

impl fmt::Display for StatusCodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (low, high)) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str(" or ")?;
            }
            f.write_str(&written(*low, *high))?;
        }
        Ok(())
    }
}

/// As people write it.
fn written(low: u16, high: u16) -> String {
    match (low, high) {
        _ if low == high => low.to_string(),
        _ if low.is_multiple_of(100) && high == low + 99 => format!("{}xx", low / 100),
        _ => format!("{low}-{high}"),
    }
}

#[derive(Deserialize)]
#[serde(transparent)]
struct OneStatus(#[serde(deserialize_with = "one_status")] (u16, u16));

fn one_status<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(u16, u16), D::Error> {
    struct Code;
    impl Visitor<'_> for Code {
        type Value = (u16, u16);

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a status code such as 200, a class such as 2xx, or a range such as 200-204")
        }

        fn visit_u64<E: de::Error>(self, number: u64) -> Result<(u16, u16), E> {
            match u16::try_from(number) {
                Ok(code) if (100..=599).contains(&code) => Ok((code, code)),
                _ => Err(E::custom(format!("{number} is no status code; they go from 100 to 599"))),
            }
        }

        fn visit_i64<E: de::Error>(self, number: i64) -> Result<(u16, u16), E> {
            self.visit_u64(u64::try_from(number).unwrap_or(0))
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<(u16, u16), E> {
            if let Some((low, high)) = text.split_once('-') {
                let bound = |text: &str| match text.parse() {
                    Ok(number) => Code.visit_u64(number).map(|(code, _)| code),
                    Err(_) => Err(E::invalid_value(de::Unexpected::Str(text), &Code)),
                };
                let (low, high) = (bound(low)?, bound(high)?);
                return if low <= high {
                    Ok((low, high))
                } else {
                    Err(E::custom(format!("the range {low}-{high} is empty; write the lower status first")))
                };
            }
            match text.strip_suffix("xx").and_then(|class| class.parse::<u16>().ok()) {
                Some(class) if (1..=5).contains(&class) => Ok((class * 100, class * 100 + 99)),
                _ => match text.parse::<u64>() {
                    Ok(number) => self.visit_u64(number),
                    Err(_) => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                },
            }
        }
    }
    deserializer.deserialize_any(Code)
}

impl<'de> Deserialize<'de> for StatusCodes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        OneOrMany::<OneStatus>::deserialize(deserializer)
            .map(|codes| Self(codes.0.into_iter().map(|one| one.0).collect()))
    }
}

impl Serialize for StatusCodes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|(low, high)| written(*low, *high)))
    }
}
