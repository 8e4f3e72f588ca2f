//! A serde deserializer over the tree. It is strict where serde is lenient: a list is no struct, nothing is no
//! optional value, surplus items of a tuple are an error.

use super::error::{Error, Problem, is_empty, listed};
use super::stand_in::StandIn;
use super::{Taken, address, is_out};
use crate::yaml::node::{Entry, Node, Value};
use crate::yaml::scalar::{Kind, Scalar};
use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};
use serde::forward_to_deserialize_any;

/// Reads one node.
#[derive(Clone, Copy)]
pub(super) struct Reader<'de, 't> {
    node: &'de Node,
    taken: &'t Taken,
}

impl<'de, 't> Reader<'de, 't> {
    pub(super) fn new(node: &'de Node, taken: &'t Taken) -> Self {
        Self { node, taken }
    }

    /// Nothing can be read from what is taken out.
    fn check(self) -> Result<(), Error> {
        if is_out(self.node, self.taken) {
            return Err(Error::new(Problem::Known));
        }
        Ok(())
    }

    fn scalar<V: Visitor<'de>>(scalar: &'de Scalar, visitor: V) -> Result<V::Value, Error> {
        match scalar.kind {
            Kind::Null => visitor.visit_unit(),
            Kind::Bool(value) => visitor.visit_bool(value),
            Kind::Integer(value) => match u64::try_from(value) {
                Ok(value) => visitor.visit_u64(value),
                Err(_) => visitor.visit_i64(value),
            },
            Kind::Float(value) if value.is_finite() => visitor.visit_f64(value),
            Kind::Float(_) => Err(Error::expected("a finite number")),
            Kind::TooLarge => Err(Error::custom(format!("the number {} is too large", scalar.text))),
            Kind::Text => visitor.visit_borrowed_str(&scalar.text),
        }
    }

    fn any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.check()?;
        match &self.node.value {
            Value::Scalar(scalar) => Self::scalar(scalar, visitor),
            Value::List(items) => {
                let mut access = Items { items: items.iter(), taken: self.taken };
                let value = visitor.visit_seq(&mut access)?;
                let surplus = access.items.len();
                if surplus > 0 {
                    let expected = format!("a list of {} values", items.len() - surplus);
                    let found = format!("{} values", items.len());
                    return Err(Error::new(Problem::WrongType { expected, found, help: None }));
                }
                Ok(value)
            }
            Value::Map(entries) => {
                let stand_ins = self.taken.stand_ins.get(&address(self.node)).map_or([].as_slice(), Vec::as_slice);
                visitor.visit_map(Entries { rest: entries.iter(), value: None, stand_ins, taken: self.taken })
            }
            Value::Broken => Err(Error::new(Problem::Known)),
        }
    }
}

impl<'de> Deserializer<'de> for Reader<'de, '_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.any(visitor).map_err(|error| error.placed(self.node, self.taken))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        // Filled templates are text where text is wanted, also if they look like a number.
        if let Some(text) = self.node.as_str()
            && self.check().is_ok()
        {
            return visitor.visit_borrowed_str(text).map_err(|error: Error| error.placed(self.node, self.taken));
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let result = match &self.node.value {
            _ if is_empty(self.node) => Err(Error::expected("a value")),
            Value::Scalar(Scalar { kind: Kind::Null, .. }) => visitor.visit_none(),
            _ => visitor.visit_some(self),
        };
        result.map_err(|error| error.placed(self.node, self.taken))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self).map_err(|error| error.placed(self.node, self.taken))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if self.node.as_map().is_some() || is_out(self.node, self.taken) {
            return self.deserialize_any(visitor);
        }
        let expected = if fields.is_empty() {
            "a mapping".to_owned()
        } else {
            format!("a mapping with keys of {}", listed(fields))
        };
        Err(Error::expected(expected).placed(self.node, self.taken))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let result = self.check().and_then(|()| match &self.node.value {
            Value::Map(entries) => match entries.as_slice() {
                // What is known of its content is known of the whole.
                [entry] if is_out(&entry.value, self.taken) => Err(Error::new(Problem::Known)),
                [entry] => visitor.visit_enum(Variant { reader: self, name: entry.name(), entry: Some(entry) }),
                _ => Err(Error::expected(format!("exactly one key of {}", listed(variants)))),
            },
            _ => match self.node.as_str() {
                Some(name) => visitor.visit_enum(Variant { reader: self, name, entry: None }),
                None => Err(Error::expected(format!("one of {}", listed(variants)))),
            },
        });
        result.map_err(|error| error.placed(self.node, self.taken))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct seq tuple tuple_struct
        map identifier
    }
}

/// The items of a list.
struct Items<'de, 't> {
    items: std::slice::Iter<'de, Node>,
    taken: &'t Taken,
}

impl<'de> SeqAccess<'de> for &mut Items<'de, '_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let taken = self.taken;
        let Some(node) = self.items.find(|node| !is_out(node, taken)) else { return Ok(None) };
        seed.deserialize(Reader::new(node, taken)).map(Some).map_err(|error| error.placed(node, taken))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

/// The entries of a mapping, and after them what stands in for missing ones.
struct Entries<'de, 't> {
    rest: std::slice::Iter<'de, Entry>,
    value: Option<&'de Entry>,
    stand_ins: &'t [StandIn],
    taken: &'t Taken,
}

impl<'de> MapAccess<'de> for Entries<'de, '_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let taken = self.taken;
        self.value = self.rest.find(|entry| !is_out(&entry.value, taken));
        if let Some(entry) = self.value {
            return seed
                .deserialize(Key(entry))
                .map(Some)
                .map_err(|error| error.placed_at_key(&entry.key, &entry.value));
        }
        let Some(stand_in) = self.stand_ins.first() else { return Ok(None) };
        let name: StrDeserializer<'_, Error> = stand_in.key.into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        if let Some(entry) = self.value.take() {
            return seed
                .deserialize(Reader::new(&entry.value, self.taken))
                .map_err(|error| error.placed_at_value(&entry.key, entry.name(), &entry.value, self.taken));
        }
        let Some((stand_in, rest)) = self.stand_ins.split_first() else {
            return Err(Error::custom("a value was asked for before its key"));
        };
        self.stand_ins = rest;
        seed.deserialize(*stand_in).map_err(|_| Error::new(Problem::Unfit(stand_in.key)))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

/// A key. It is text to whoever wants text, whatever it looks like.
struct Key<'de>(&'de Entry);

impl<'de> Deserializer<'de> for Key<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_borrowed_str(self.0.name())
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let name: StrDeserializer<'_, Error> = self.0.name().into_deserializer();
        visitor.visit_enum(name)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.0.key.value {
            Value::Scalar(scalar) => Reader::scalar(scalar, visitor),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_u64(visitor)
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_u64(visitor)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_u64(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map
        struct identifier ignored_any
    }
}

/// A variant of an enum: a word, or a mapping with one key.
struct Variant<'de, 't> {
    reader: Reader<'de, 't>,
    name: &'de str,
    entry: Option<&'de Entry>,
}

impl<'de, 't> EnumAccess<'de> for Variant<'de, 't> {
    type Error = Error;
    type Variant = Content<'de, 't>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self::Variant), Error> {
        let name: StrDeserializer<'_, Error> = self.name.into_deserializer();
        let variant = seed.deserialize(name).map_err(|error| match self.entry {
            Some(entry) => error.of_key().placed_at_key(&entry.key, &entry.value),
            None => error,
        })?;
        Ok((variant, Content { taken: self.reader.taken, name: self.name, entry: self.entry }))
    }
}

/// What belongs to a variant.
struct Content<'de, 't> {
    taken: &'t Taken,
    name: &'de str,
    entry: Option<&'de Entry>,
}

impl<'de> Content<'de, '_> {
    fn read<T>(self, read: impl FnOnce(Reader<'de, '_>) -> Result<T, Error>) -> Result<T, Error> {
        let Some(entry) = self.entry else {
            return Err(Error::custom(format!("`{0}` needs a value: write `{0}: ...`", self.name)));
        };
        if is_out(&entry.value, self.taken) {
            return Err(Error::new(Problem::Known));
        }
        read(Reader::new(&entry.value, self.taken))
            .map_err(|error| error.placed_at_value(&entry.key, entry.name(), &entry.value, self.taken))
    }
}

impl<'de> VariantAccess<'de> for Content<'de, '_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        match self.entry {
            None => Ok(()),
            Some(entry) if is_empty(&entry.value) => Ok(()),
            Some(_) => Err(Error::custom(format!("`{0}` takes no value: write `{0}` alone", self.name))),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        self.read(|reader| seed.deserialize(reader))
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Error> {
        self.read(|reader| reader.deserialize_tuple(length, visitor))
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        self.read(|reader| reader.deserialize_struct("", fields, visitor))
    }
}
