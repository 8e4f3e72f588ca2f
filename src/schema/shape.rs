//! What a value may be, and its JSON Schema.

use serde_json::{Map, Value, json};

use super::leaf;

/// Whether texts may have templates in them, which is so in playbooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Templates {
    /// They are filled before types are looked at.
    Filled,
    /// They are refused.
    Refused,
}

/// What a value may be.
#[derive(Clone, Debug)]
pub(super) enum Shape {
    /// Any text.
    Text,
    /// Text of a form: its pattern, and what to say of text that has another one.
    Form(&'static str, &'static str),
    /// A whole number.
    Integer(i64, i64),
    /// `true` or `false`.
    Bool,
    /// One of these words, each with what it means.
    Words(&'static [(&'static str, &'static str)]),
    /// A list of at least so many.
    List(Box<Shape>, usize),
    /// A list whose first item is a text that is not empty: a program and its arguments.
    Program,
    /// Values by their names. The names have a pattern.
    Named(&'static str, Box<Shape>),
    /// A mapping with keys of its own.
    Object(Object),
    /// A mapping that stands elsewhere, by its name, because it is needed in several places.
    Shared(&'static str, Object),
    /// Any of these.
    Either(Vec<Shape>),
    /// A shape that stands elsewhere, by its name.
    Of(&'static str),
    /// A schema written out.
    Raw(Value),
    /// Anything at all.
    Any,
}

impl Shape {
    pub(super) fn list(of: Self) -> Self {
        Self::List(Box::new(of), 0)
    }

    /// One thing or a list of at least one.
    pub(super) fn one_or_many(of: Self) -> Self {
        Self::Either(vec![of.clone(), Self::List(Box::new(of), 1)])
    }

    /// The schema.
    pub(super) fn json(&self, templates: Templates) -> Value {
        match self {
            Self::Text => json!({ "type": "string", "pattern": leaf::text(templates) }),
            // These two stand everywhere.
            Self::Form(leaf::DURATION, _) => json!({ "$ref": "#/$defs/duration" }),
            Self::Form(leaf::ID, _) => json!({ "$ref": "#/$defs/name" }),
            Self::Form(..) => leaf::written_out(self, templates),
            Self::Integer(least, most) => {
                let number = json!({ "type": "integer", "minimum": least, "maximum": most });
                or_template(number, leaf::ALONE, templates)
            }
            Self::Bool => or_template(json!({ "type": "boolean" }), leaf::ALONE, templates),
            Self::Words(words) => {
                let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                let means: Vec<String> = words.iter().map(|(word, means)| format!("`{word}`: {means}")).collect();
                or_template(json!({ "enum": names, "markdownEnumDescriptions": means }), &leaf::templated(), templates)
            }
            Self::List(of, least) => {
                let mut list = json!({ "type": "array", "items": of.json(templates) });
                if *least > 0 {
                    list["minItems"] = json!(least);
                }
                list
            }
            Self::Program => json!({
                "type": "array",
                "minItems": 1,
                "prefixItems": [{ "type": "string", "minLength": 1, "pattern": leaf::text(templates) }],
                "items": Self::Text.json(templates),
            }),
            Self::Named(pattern, of) => {
                let mut named = json!({ "type": "object", "additionalProperties": of.json(templates) });
                if !pattern.is_empty() {
                    named["propertyNames"] = json!({ "pattern": pattern });
                }
                named
            }
            Self::Object(object) => object.json(templates),
            Self::Either(shapes) => {
                json!({ "anyOf": shapes.iter().map(|shape| shape.json(templates)).collect::<Vec<_>>() })
            }
            Self::Of(name) | Self::Shared(name, _) => json!({ "$ref": format!("#/$defs/{name}") }),
            Self::Raw(schema) => schema.clone(),
            // Whatever is written is kept; only templates are looked for in it.
            Self::Any => json!({}),
        }
    }
}

impl Shape {
    /// What is wanted, in a few words.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Text => "text".to_owned(),
            Self::Form(pattern, _) if *pattern == leaf::DURATION => "duration".to_owned(),
            Self::Form(pattern, _) if *pattern == leaf::ID => "name".to_owned(),
            Self::Form(..) => "text of a form".to_owned(),
            Self::Integer(..) => "number".to_owned(),
            Self::Bool => "`true` or `false`".to_owned(),
            Self::Words(words) => words.iter().map(|(word, _)| format!("`{word}`")).collect::<Vec<_>>().join(", "),
            Self::List(of, _) => format!("list of: {}", of.words()),
            Self::Program => "program and arguments".to_owned(),
            Self::Named(_, of) => format!("by name: {}", of.words()),
            Self::Object(_) | Self::Shared(..) => "mapping".to_owned(),
            Self::Either(shapes) => shapes.iter().map(Self::words).collect::<Vec<_>>().join(", or "),
            Self::Of("secret") => "secret".to_owned(),
            Self::Of("distribution") => "duration or quantiles".to_owned(),
            Self::Of("step") => "step".to_owned(),
            Self::Of(_) | Self::Raw(_) => "see below".to_owned(),
            Self::Any => "anything".to_owned(),
        }
    }

    /// The mappings in it.
    pub(super) fn objects(&self) -> Vec<&Object> {
        match self {
            Self::Object(object) | Self::Shared(_, object) => vec![object],
            Self::List(of, _) | Self::Named(_, of) => of.objects(),
            Self::Either(shapes) => shapes.iter().flat_map(Self::objects).collect(),
            _ => Vec::new(),
        }
    }
}

fn or_template(schema: Value, pattern: &str, templates: Templates) -> Value {
    match templates {
        Templates::Filled => json!({ "anyOf": [schema, { "type": "string", "pattern": pattern }] }),
        Templates::Refused => schema,
    }
}

/// A key that is there and not `null`.
pub(super) fn given(name: &str) -> Value {
    json!({ "required": [name], "properties": { name: { "not": { "type": "null" } } } })
}

/// What holds where a key is left out.
#[derive(Clone, Debug)]
pub(super) enum Otherwise {
    /// It can't be.
    Needed,
    /// This value.
    Value(Value),
    /// In words; there is no such value.
    Words(&'static str),
}

/// A key of a mapping.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    pub(super) about: String,
    pub(super) otherwise: Otherwise,
    /// Whether `null` says that it is left out.
    nullable: bool,
    pub(super) example: Value,
}

/// A mapping with keys of its own and no others.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) about: &'static str,
    pub(super) keys: Vec<Key>,
    /// Rules about several keys.
    rules: Vec<Value>,
}

impl Object {
    pub(super) fn new(about: &'static str) -> Self {
        Self { about, keys: Vec::new(), rules: Vec::new() }
    }

    /// A key that must be there.
    pub(super) fn must(self, name: &'static str, shape: Shape, about: impl Into<String>, example: Value) -> Self {
        self.key(name, shape, about, Otherwise::Needed, false, example)
    }

    /// A key that may be left out, and what holds then.
    pub(super) fn may(
        self,
        name: &'static str,
        shape: Shape,
        about: impl Into<String>,
        otherwise: Value,
        example: Value,
    ) -> Self {
        self.key(name, shape, about, Otherwise::Value(otherwise), true, example)
    }

    /// A key that may be left out, and in words what then.
    pub(super) fn else_in_words(
        self,
        name: &'static str,
        shape: Shape,
        about: impl Into<String>,
        otherwise: &'static str,
        example: Value,
    ) -> Self {
        self.key(name, shape, about, Otherwise::Words(otherwise), true, example)
    }

    /// The last key takes no `null`.
    pub(super) fn not_null(mut self) -> Self {
        if let Some(key) = self.keys.last_mut() {
            key.nullable = false;
        }
        self
    }

    fn key(
        mut self,
        name: &'static str,
        shape: Shape,
        about: impl Into<String>,
        otherwise: Otherwise,
        nullable: bool,
        example: Value,
    ) -> Self {
        self.keys.push(Key { name, shape, about: about.into(), otherwise, nullable, example });
        self
    }

    /// A rule about several keys.
    pub(super) fn rule(mut self, rule: Value) -> Self {
        self.rules.push(rule);
        self
    }

    /// Exactly one of these keys.
    pub(super) fn exactly_one(self, names: &[&str]) -> Self {
        let each: Vec<Value> = names.iter().map(|name| given(name)).collect();
        self.rule(json!({ "oneOf": each }))
    }

    /// The second only beside the first.
    pub(super) fn only_with(self, key: &str, with: &[&str]) -> Self {
        let each: Vec<Value> = with.iter().map(|name| json!({ "required": [name] })).collect();
        self.rule(json!({ "if": { "required": [key] }, "then": { "anyOf": each } }))
    }

    fn json(&self, templates: Templates) -> Value {
        let properties: Map<String, Value> =
            self.keys.iter().map(|key| (key.name.to_owned(), key.json(templates))).collect();
        let required: Vec<&str> =
            self.keys.iter().filter(|key| matches!(key.otherwise, Otherwise::Needed)).map(|key| key.name).collect();
        let mut schema = json!({
            "type": "object", "description": self.about, "properties": properties, "additionalProperties": false,
        });
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        if !self.rules.is_empty() {
            schema["allOf"] = json!(self.rules);
        }
        schema
    }
}

impl Key {
    fn json(&self, templates: Templates) -> Value {
        let shape = self.shape.json(templates);
        let mut schema = if self.nullable { json!({ "anyOf": [shape, { "type": "null" }] }) } else { shape };
        if let Some(schema) = schema.as_object_mut() {
            schema.insert("description".to_owned(), json!(self.described()));
            match &self.otherwise {
                Otherwise::Needed => {}
                Otherwise::Value(value) => {
                    schema.insert("default".to_owned(), value.clone());
                }
                // What is left out is `null` where that may be written.
                Otherwise::Words(_) => {
                    schema.insert("default".to_owned(), Value::Null);
                }
            }
            schema.insert("examples".to_owned(), json!([self.example]));
        }
        schema
    }

    fn described(&self) -> String {
        match &self.otherwise {
            Otherwise::Words(words) => format!("{} Left out: {words}.", self.about),
            _ => self.about.clone(),
        }
    }
}
