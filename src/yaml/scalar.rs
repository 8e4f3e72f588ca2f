//! What a scalar means: the core schema of YAML 1.2 (section 10.3.2), no more.
//!
//! `no`, `on` and `yes` are text, `012` is twelve, `1_000` and `0b1` are text.

/// A scalar: its text, and what that means.
#[derive(Clone, Debug, PartialEq)]
pub struct Scalar {
    /// The text as it is meant: without quotes, escapes resolved, for a number as it is written.
    pub text: String,
    /// What it means.
    pub kind: Kind,
    /// How it came to be.
    pub(super) origin: Origin,
}

/// What a scalar means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Nothing at all, `null` or `~`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A whole number that 64 bits cannot hold.
    TooLarge,
    /// Any other number.
    Float(f64),
    /// Text.
    Text,
}

/// How a scalar came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Written without quotes.
    Plain,
    /// Written in quotes or as a block.
    Quoted,
    /// Filled in from a template that was all of it: whoever wants text gets the text, also if it looks like a number.
    Filled,
}

impl Scalar {
    /// Written without quotes: typed by the core schema.
    pub(super) fn plain(text: String) -> Self {
        let kind = kind_of(&text);
        Self { text, kind, origin: Origin::Plain }
    }

    /// Written in quotes: text, whatever it looks like.
    pub(super) fn quoted(text: String) -> Self {
        Self { text, kind: Kind::Text, origin: Origin::Quoted }
    }

    /// Filled in: a number, `true` or `false` if it looks like one; never nothing.
    pub(super) fn filled(text: String) -> Self {
        let kind = match kind_of(&text) {
            Kind::Null => Kind::Text,
            kind => kind,
        };
        Self { text, kind, origin: Origin::Filled }
    }

    /// The text, if it may be read as text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        (self.kind == Kind::Text || self.origin == Origin::Filled).then_some(self.text.as_str())
    }
}

/// The core schema.
pub(super) fn kind_of(text: &str) -> Kind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Kind::Null,
        "true" | "True" | "TRUE" => return Kind::Bool(true),
        "false" | "False" | "FALSE" => return Kind::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Kind::Float(f64::NAN),
        _ => {}
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Kind::Float(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY });
    }
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(digits) = text.strip_prefix(prefix)
            && !digits.is_empty()
            && digits.chars().all(|c| c.is_digit(radix))
        {
            return i64::from_str_radix(digits, radix).map_or(Kind::TooLarge, Kind::Integer);
        }
    }
    if !unsigned.is_empty() && unsigned.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().map_or(Kind::TooLarge, Kind::Integer);
    }
    if is_float(unsigned) { text.parse().map_or(Kind::Text, Kind::Float) } else { Kind::Text }
}

/// `( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
fn is_float(unsigned: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent_holds = exponent.is_none_or(|e| {
        let e = e.strip_prefix(['+', '-']).unwrap_or(e);
        !e.is_empty() && digits(e)
    });
    digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty()) && exponent_holds
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("", Kind::Null)]
    #[case("~", Kind::Null)]
    #[case("null", Kind::Null)]
    #[case("nULL", Kind::Text)]
    #[case("true", Kind::Bool(true))]
    #[case("FALSE", Kind::Bool(false))]
    #[case("yes", Kind::Text)]
    #[case("no", Kind::Text)]
    #[case("on", Kind::Text)]
    #[case("12", Kind::Integer(12))]
    #[case("+12", Kind::Integer(12))]
    #[case("-12", Kind::Integer(-12))]
    #[case("012", Kind::Integer(12))]
    #[case("0x1F", Kind::Integer(31))]
    #[case("0o17", Kind::Integer(15))]
    #[case("0x", Kind::Text)]
    #[case("-0x1", Kind::Text)]
    #[case("0x-1", Kind::Text)]
    #[case("0x+1", Kind::Text)]
    #[case("0b1", Kind::Text)]
    #[case("1_000", Kind::Text)]
    #[case("9223372036854775807", Kind::Integer(i64::MAX))]
    #[case("-9223372036854775808", Kind::Integer(i64::MIN))]
    #[case("9223372036854775808", Kind::TooLarge)]
    #[case("1.5", Kind::Float(1.5))]
    #[case("1.", Kind::Float(1.0))]
    #[case(".5", Kind::Float(0.5))]
    #[case("-.5e+3", Kind::Float(-500.0))]
    #[case("1e3", Kind::Float(1000.0))]
    #[case("-.inf", Kind::Float(f64::NEG_INFINITY))]
    #[case("inf", Kind::Text)]
    #[case("infinity", Kind::Text)]
    #[case("nan", Kind::Text)]
    #[case(".", Kind::Text)]
    #[case("-", Kind::Text)]
    #[case("+", Kind::Text)]
    #[case("e3", Kind::Text)]
    #[case("1e", Kind::Text)]
    #[case("1.2.3", Kind::Text)]
    #[case("10s", Kind::Text)]
    #[case("١٢", Kind::Text)]
    fn the_core_schema(#[case] text: &str, #[case] kind: Kind) {
        assert_eq!(kind_of(text), kind);
    }

    #[test]
    fn quotes_make_text_and_filling_makes_both() {
        assert_eq!(Scalar::quoted("12".to_owned()).kind, Kind::Text);
        let filled = Scalar::filled("12".to_owned());
        assert_eq!((filled.kind, filled.as_text()), (Kind::Integer(12), Some("12")));
        assert_eq!(Scalar::filled(String::new()).kind, Kind::Text);
        assert_eq!(Scalar::plain("12".to_owned()).as_text(), None);
    }
}
