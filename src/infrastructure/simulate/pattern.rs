//! Faults that are meant by a line of text: one, a kind on whatever target, or any at all; several at once.

use std::fmt;
use std::str::FromStr;

use super::{Fault, FaultError, FaultKind};

/// Stands for every target, and for every kind.
const ANY: &str = "any";

/// Stands between faults that are there together.
const TOGETHER: &str = " and ";

/// Which fault is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    /// The step or resource; `None`: every one.
    target: Option<String>,
    /// The kind; `None`: every one.
    kind: Option<FaultKind>,
}

impl FromStr for Pattern {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let (target, kind) = match text.split_once('=') {
            Some((target, ANY)) if !target.is_empty() => (target.to_owned(), None),
            _ => text.parse::<Fault>().map(|fault| (fault.target, Some(fault.kind)))?,
        };
        Ok(Self { target: (target != ANY).then_some(target), kind })
    }
}

impl Pattern {
    /// Whether it means `fault`. A region goes by its role, too.
    fn means(&self, fault: &Fault) -> bool {
        let target = |wanted: &str| wanted == fault.target || fault.target.strip_prefix("region.") == Some(wanted);
        self.kind.is_none_or(|kind| kind == fault.kind) && self.target.as_deref().is_none_or(target)
    }
}

/// Faults that are there together: `dns=hangs`, `any=hangs` on every step and resource, `dns=any`, `a=fails and b=hangs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Together(Vec<Pattern>);

impl FromStr for Together {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        text.split(TOGETHER).map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl Together {
    /// Whether each part of it means another one of `faults`.
    #[must_use]
    pub fn means(&self, faults: &[Fault]) -> bool {
        fn all(patterns: &[Pattern], left: &[&Fault]) -> bool {
            let Some((first, rest)) = patterns.split_first() else { return true };
            (0..left.len()).filter(|n| first.means(left[*n])).any(|n| {
                let mut left = left.to_vec();
                left.remove(n);
                all(rest, &left)
            })
        }
        self.0.len() <= faults.len() && all(&self.0, &faults.iter().collect::<Vec<_>>())
    }

    /// The targets that it names.
    pub fn targets(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|pattern| pattern.target.as_deref())
    }
}

impl fmt::Display for Together {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, Pattern { target, kind }) in self.0.iter().enumerate() {
            let (target, kind) = (target.as_deref().unwrap_or(ANY), kind.map_or(ANY, FaultKind::as_str));
            write!(f, "{}{target}={kind}", if n > 0 { TOGETHER } else { "" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn means(text: &str, faults: &[&str]) -> bool {
        let faults: Vec<Fault> = faults.iter().map(|fault| fault.parse().unwrap()).collect();
        text.parse::<Together>().unwrap().means(&faults)
    }

    #[test]
    fn a_fault_is_meant_by_its_name_its_kind_or_together_with_others() {
        for text in ["dns=hangs", "any=hangs", "dns=any", "any=any"] {
            assert!(means(text, &["dns=hangs"]) && means(text, &["main=slow", "dns=hangs"]), "{text}");
            assert_eq!(text.parse::<Together>().unwrap().to_string(), text);
        }
        for text in
            ["dns=fails", "main=hangs", "any=fails", "main=any", "any=any and any=any", "dns=hangs and dns=hangs"]
        {
            assert!(!means(text, &["dns=hangs"]), "{text}");
        }
        assert!(
            means("region.primary=lies", &["region.primary=lies"]) && means("primary=lies", &["region.primary=lies"])
        );
    }

    #[test]
    fn each_part_means_another_fault() {
        assert!(means("any=any and dns=hangs", &["dns=hangs", "main=slow"]));
        assert!(!means("any=hangs and dns=hangs", &["dns=hangs", "main=slow"]));
    }

    #[test]
    fn what_is_none_is_told() {
        for text in ["", "dns", "=any", "dns=hums", "dns=hangs and", "dns=hangs and main"] {
            assert!(text.parse::<Together>().is_err(), "{text}");
        }
    }
}
