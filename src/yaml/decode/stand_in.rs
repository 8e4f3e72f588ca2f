//! What stands in for a missing key, so that the search for further missing keys can go on. It never reaches a result.

use super::error::Error;
use serde::de::value::{MapDeserializer, SeqDeserializer, StrDeserializer};
use serde::de::{Deserializer, Error as _, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

/// Texts that are tried for types that read themselves from text: a duration, a name, a number.
const TEXTS: &[&str] = &["1s", "x", "1"];

/// A value that tries to be of any type.
#[derive(Clone, Copy, Debug)]
pub(super) struct StandIn {
    /// The missing key.
    pub(super) key: &'static str,
    text: usize,
}

impl StandIn {
    pub(super) fn new(key: &'static str) -> Self {
        Self { key, text: 0 }
    }

    /// The next that might fit, after this one did not.
    pub(super) fn next(self) -> Option<Self> {
        (self.text + 1 < TEXTS.len()).then_some(Self { text: self.text + 1, ..self })
    }
}

macro_rules! numbers {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.visit_u64(1)
        })*
    };
}

impl<'de> Deserializer<'de> for StandIn {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_str(TEXTS[self.text])
    }

    numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_u8 deserialize_u16 deserialize_u32
        deserialize_u64 deserialize_f32 deserialize_f64
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_bool(false)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_none()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let none: SeqDeserializer<std::iter::Empty<&str>, Error> = SeqDeserializer::new(std::iter::empty());
        visitor.visit_seq(none)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let none: MapDeserializer<'_, std::iter::Empty<(&str, &str)>, Error> = MapDeserializer::new(std::iter::empty());
        visitor.visit_map(none)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let Some(first) = variants.first() else { return Err(Error::custom("no variant")) };
        let word: StrDeserializer<'_, Error> = (*first).into_deserializer();
        visitor.visit_enum(word)
    }

    forward_to_deserialize_any! {
        i128 u128 char str string bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}
