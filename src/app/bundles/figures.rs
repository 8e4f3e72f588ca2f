//! Holds what another version of Muster drew against what this one draws of the same record: not by the bytes, which may
//! differ, but by every figure.
//!
//! A figure is a number, the unit behind it, a word of a verdict or a state, and the name of what it is of: reports may be
//! worded otherwise, and say the same figures in the same order. Where they are laid out otherwise nobody can tell a
//! forgery from another version's habit: that is said, never passed over.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::record::Record;

/// Words that say how something went, or how surely it is known.
const WORDS: [&str; 36] = [
    "passed",
    "failed",
    "refused",
    "aborted",
    "incomplete",
    "skipped",
    "broken",
    "off",
    "met",
    "missed",
    "undecided",
    "measured",
    "exercised",
    "satisfied",
    "home",
    "secondary",
    "primary",
    "mixed",
    "unknown",
    "simulated",
    "partly",
    "wholly",
    "evidence",
    "failover",
    "return",
    "planned",
    "unplanned",
    "emergency",
    "lost",
    "more",
    "less",
    "not",
    "no",
    "none",
    "never",
    "true",
];
/// Units, which count behind a number.
const UNITS: [&str; 10] = ["ns", "µs", "us", "ms", "s", "min", "h", "d", "day", "days"];
/// So much of a value is shown, in characters.
const SHOWN_MAX: usize = 120;
/// A text without a blank that is longer is data, not words.
const DATA_MIN: usize = 200;

/// How a file stands to what this version draws.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// Why it could not be told whether it follows, where it could not.
    unjudged: Option<String>,
}

impl Held {
    fn unjudged(&mut self, why: impl FnOnce() -> String) {
        if self.unjudged.is_none() {
            self.unjudged = Some(why());
        }
    }

    /// Why it could not be told, if so.
    pub(super) fn why(self) -> Option<String> {
        self.unjudged
    }
}

/// The words that count: [`WORDS`], and the names of what the figures are of.
pub(super) struct Counted(BTreeSet<String>);

impl Counted {
    /// For reports on these records.
    pub(super) fn of<'r>(records: impl IntoIterator<Item = &'r Record>) -> Self {
        let mut counted: BTreeSet<String> = WORDS.iter().map(|word| (*word).to_owned()).collect();
        for record in records {
            let services = record.services.iter().flat_map(|it| [it.id.to_string(), it.title.clone()]);
            let steps = record.steps.iter().map(|it| it.id.to_string());
            let phases = record.phases.iter().map(|it| it.id.to_string());
            let playbook = std::iter::once(record.header.playbook.clone());
            for name in services.chain(steps).chain(phases).chain(playbook) {
                counted.extend(words(&name).map(str::to_lowercase));
            }
        }
        Self(counted)
    }

    /// The figures of a text, in order.
    fn figures(&self, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        let mut behind_a_number = false;
        for word in words(text) {
            let number = word.contains(|c: char| c.is_numeric());
            let lower = word.to_lowercase();
            if number || self.0.contains(&lower) || behind_a_number && UNITS.contains(&lower.as_str()) {
                found.push(lower);
            }
            behind_a_number = number;
        }
        found
    }

    /// Compares two texts of people's words.
    fn text(&self, held: &mut Held, told: &str, own: &str) -> Result<(), String> {
        if told == own {
            return Ok(());
        }
        let (told, own) = (self.figures(told), self.figures(own));
        if told.len() != own.len() {
            held.unjudged(|| format!("it has {} figures where this version draws {}", told.len(), own.len()));
            return Ok(());
        }
        match told.iter().zip(&own).find(|(told, own)| told != own) {
            None => Ok(()),
            Some((told, own)) => Err(format!("it says `{}`, by the journal `{}`", shown(told), shown(own))),
        }
    }

    /// Compares Markdown.
    ///
    /// # Errors
    /// Says which figure differs.
    pub(super) fn markdown(&self, told: &str, own: &str) -> Result<Held, String> {
        let mut held = Held::default();
        // What stands in a comment or in a link's definition is not shown, or struck through.
        let hides = |text: &str| ["<", "~~", "]:"].map(|sign| text.matches(sign).count());
        if hides(told) != hides(own) {
            held.unjudged(|| "it has HTML, or text struck through, where this version draws none".to_owned());
        }
        self.text(&mut held, told, own)?;
        Ok(held)
    }

    /// Compares pages: their tags, styles and scripts must be the same, for these can hide and make text.
    ///
    /// # Errors
    /// Says which figure differs.
    pub(super) fn page(&self, told: &str, own: &str) -> Result<Held, String> {
        let (told, own) = (pieces(told), pieces(own));
        let mut held = Held::default();
        if told.iter().map(|it| it.0).ne(own.iter().map(|it| it.0)) {
            held.unjudged(|| "its tags, styles or scripts are others than this version's".to_owned());
            let text = |pieces: &[(&str, &str)]| pieces.iter().map(|it| it.1).collect::<Vec<_>>().join(" ");
            self.text(&mut held, &text(&told), &text(&own))?;
            return Ok(held);
        }
        for ((_, told), (_, own)) in told.iter().zip(&own) {
            self.text(&mut held, told, own)?;
        }
        Ok(held)
    }

    /// Compares XML: the same elements in the same order, each attribute and each text by its figures.
    ///
    /// # Errors
    /// Says which figure differs.
    pub(super) fn xml(&self, told: &str, own: &str) -> Result<Held, String> {
        let (told, own) = (pieces(told), pieces(own));
        let mut held = Held::default();
        let names = |pieces: &[(&str, &str)]| pieces.iter().map(|it| element(it.0).to_owned()).collect::<Vec<_>>();
        if names(&told) != names(&own) {
            held.unjudged(|| "its elements are others than this version's".to_owned());
            return Ok(held);
        }
        for ((tag, text), (own_tag, own_text)) in told.iter().zip(&own) {
            let (attributes, own_attributes) = (attributes(tag), attributes(own_tag));
            if attributes.len() != own_attributes.len() {
                held.unjudged(|| format!("its `{}` have other attributes than this version's", element(tag)));
            }
            for (name, own) in &own_attributes {
                match attributes.iter().find(|it| it.0 == *name) {
                    None => held.unjudged(|| format!("a `{}` has no `{name}`", element(tag))),
                    Some((_, told)) => self.text(&mut held, told, own).map_err(|why| format!("{name}: {why}"))?,
                }
            }
            self.text(&mut held, text, own_text)?;
        }
        Ok(held)
    }

    /// Compares JSON documents member by member.
    ///
    /// # Errors
    /// Says which member differs.
    pub(super) fn json(&self, told: &[u8], own: &[u8]) -> Result<Held, String> {
        let _: Once = serde_json::from_slice(told).map_err(|error| error.to_string())?;
        let read = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).map_err(|error| error.to_string());
        let mut held = Held::default();
        self.values(&mut held, "", &read(told)?, &read(own)?)?;
        Ok(held)
    }

    fn values(&self, held: &mut Held, path: &str, told: &Value, own: &Value) -> Result<(), String> {
        match (told, own) {
            (Value::Object(told), Value::Object(own)) => {
                for (name, own) in own {
                    let path = format!("{path}/{name}");
                    match told.get(name) {
                        None => held.unjudged(|| format!("it has no {path}")),
                        Some(told) => self.values(held, &path, told, own)?,
                    }
                }
                if let Some(more) = told.keys().find(|name| !own.contains_key(*name)) {
                    held.unjudged(|| format!("this version knows no {path}/{}", shown(more)));
                }
                Ok(())
            }
            (Value::Array(told), Value::Array(own)) => {
                if told.len() != own.len() {
                    held.unjudged(|| format!("{path} has {} items, by the journal {}", told.len(), own.len()));
                    return Ok(());
                }
                let mut both = told.iter().zip(own).enumerate();
                both.try_for_each(|(n, (told, own))| self.values(held, &format!("{path}/{n}"), told, own))
            }
            (Value::String(told), Value::String(own)) => {
                let data = |text: &str| {
                    uuid::Uuid::try_parse(text).is_ok() || text.len() > DATA_MIN && !text.contains(char::is_whitespace)
                };
                if told != own && data(told) && data(own) {
                    held.unjudged(|| format!("{path} is not the identifier, or the data, that this version has there"));
                    return Ok(());
                }
                self.text(held, told, own).map_err(|why| format!("{path}: {why}"))
            }
            (told, own) if told == own => Ok(()),
            (told, own) => Err(format!("{path} is {}, by the journal {}", shown(told), shown(own))),
        }
    }
}

/// Runs of letters and digits; within a number its signs belong to it.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let joins = |c: char| matches!(c, '.' | ':' | ',' | '-' | '/');
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(|c: char| !c.is_alphanumeric());
        let mut end = 0;
        let mut chars = rest.char_indices().peekable();
        let mut before = None;
        while let Some((at, c)) = chars.next() {
            let joined = joins(c)
                && before.is_some_and(char::is_numeric)
                && chars.peek().is_some_and(|(_, next)| next.is_numeric());
            if !c.is_alphanumeric() && !joined {
                break;
            }
            end = at + c.len_utf8();
            before = Some(c);
        }
        let (word, after) = rest.split_at(end);
        rest = after;
        (!word.is_empty()).then_some(word)
    })
}

/// Tags, each with the text behind it; the first has no tag. A comment, a style and a script are one tag.
fn pieces(text: &str) -> Vec<(&str, &str)> {
    let mut all = Vec::new();
    let mut rest = text;
    let mut tag = "";
    loop {
        let start = rest.find('<').unwrap_or(rest.len());
        all.push((tag, &rest[..start]));
        if start == rest.len() {
            return all;
        }
        rest = &rest[start..];
        let closed = ["!--", "![CDATA[", "style", "script"].iter().zip(["-->", "]]>", "</style>", "</script>"]);
        let close = closed.into_iter().find(|(open, _)| rest[1..].starts_with(**open)).map_or(">", |it| it.1);
        let end = rest.find(close).map_or(rest.len(), |at| at + close.len());
        (tag, rest) = rest.split_at(end);
    }
}

/// The name of a tag's element; of a comment and the like all that it has.
fn element(tag: &str) -> &str {
    if tag.starts_with("<!") {
        return tag;
    }
    tag.trim_start_matches('<').split(|c: char| c.is_whitespace() || c == '>').next().unwrap_or_default()
}

/// A tag's attributes: a quote within a value is written otherwise.
fn attributes(tag: &str) -> Vec<(&str, &str)> {
    fn name(before: &str) -> &str {
        before.trim_end_matches('=').rsplit(char::is_whitespace).next().unwrap_or_default()
    }
    let parts: Vec<&str> = tag.split('"').collect();
    parts.chunks_exact(2).map(|pair| (name(pair[0]), pair[1])).collect()
}

fn shown(value: &impl ToString) -> String {
    value.to_string().chars().take(SHOWN_MAX).collect()
}

/// A JSON document in which no object has a member twice: of such readers take one or the other.
struct Once;

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Once)
    }
}

impl<'de> Visitor<'de> for Once {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON document")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Once>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self, A::Error> {
        let mut names = BTreeSet::new();
        while let Some((name, Once)) = members.next_entry::<String, Once>()? {
            if names.contains(&name) {
                return Err(serde::de::Error::custom(format!("`{}` stands there twice", shown(&name))));
            }
            names.insert(name);
        }
        Ok(self)
    }
}

/// What every report for people names, however it is worded: the run, and the hashes that pin it.
pub(super) fn pins(record: &Record) -> Vec<String> {
    let header = &record.header;
    let mut pins = vec![header.run.to_string(), header.digest.clone(), record.ended.verdict.to_string()];
    pins.extend(header.heads.finished.clone());
    pins
}

/// Whether a report for people has them all.
///
/// # Errors
/// Says which it lacks.
pub(super) fn names(report: &str, pins: &[String]) -> Result<(), String> {
    match pins.iter().find(|pin| !report.contains(pin.as_str())) {
        None => Ok(()),
        Some(pin) => Err(format!("it does not say `{pin}`, which the journal gives")),
    }
}

/// Whether a file about something simulated says so.
///
/// # Errors
/// Says that it does not.
pub(super) fn stamped(text: &str) -> Result<(), String> {
    if text.to_lowercase().contains("simulated") {
        return Ok(());
    }
    Err("it does not say that the run was simulated, wholly or partly, as the journal does".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted() -> Counted {
        Counted::of([])
    }

    #[test]
    fn a_text_is_its_figures_whatever_its_words() {
        let figures = |text: &str| counted().figures(text);
        assert_eq!(
            figures("The verdict: passed, in 2 min 50 s of 15 min."),
            ["passed", "2", "min", "50", "s", "15", "min"]
        );
        assert_eq!(
            figures("not-satisfied 2026-11-22T08:42:16Z 1.5 h"),
            ["not", "satisfied", "2026-11-22t08:42:16z", "1.5", "h"]
        );
        // Not every `s` is a unit.
        assert_eq!(figures("the drill's 3 steps"), ["3"]);
    }

    #[test]
    fn figures_that_differ_are_found_and_other_numbers_of_them_are_not_judged() {
        let told = |told: &str| counted().markdown(told, "It took 170 s; the verdict is passed.").map(Held::why);
        assert_eq!(told("Verdict after 170 s: passed."), Ok(None));
        assert!(told("Verdict after 17 s: passed.").unwrap_err().contains("`17`, by the journal `170`"));
        assert!(told("Verdict after 170 s: failed.").unwrap_err().contains("`failed`"));
        assert!(told("Verdict: passed.").unwrap().unwrap().contains("figures where this version draws"));
        assert!(told("<!-- 170 s passed -->").unwrap().unwrap().contains("HTML"));
    }

    #[test]
    fn a_page_can_hide_nothing() {
        let own = "<p title=\"x\">passed in <b>170</b> s</p><style>p{}</style>";
        let told = |told: &str| counted().page(told, own).map(Held::why);
        assert_eq!(told(&own.replace("in ", "after ")), Ok(None));
        assert!(told(&own.replace("170", "17")).is_err());
        for hidden in [
            own.replace("title=\"x\"", "hidden"),
            own.replace("p{}", "p{display:none}"),
            own.replace("<b>170</b>", "<!-- <b>170</b> -->"),
        ] {
            assert!(told(&hidden).unwrap().unwrap().contains("tags, styles or scripts"), "{hidden}");
        }
    }

    #[test]
    fn xml_is_compared_by_its_elements_and_attributes() {
        let own = "<suite tests=\"2\" failures=\"1\"><case name=\"a b\"><failure>missed</failure></case></suite>";
        let told = |told: &str| counted().xml(told, own).map(Held::why);
        assert_eq!(told(&own.replace("a b", "a c")), Ok(None));
        assert_eq!(told(&own.replace("tests=\"2\" failures=\"1\"", "failures=\"1\" tests=\"2\"")), Ok(None));
        assert!(told(&own.replace("failures=\"1\"", "failures=\"0\"")).unwrap_err().contains("failures"));
        assert!(told(&own.replace("missed", "met")).is_err());
        assert!(told(&own.replace("<failure>missed</failure>", "")).unwrap().is_some());
        assert!(told(&own.replace("failure>", "system-out>")).unwrap().is_some());
    }

    #[test]
    fn json_is_compared_member_by_member() {
        let own = br#"{"state":"not-satisfied","said":"3 of 4 passed","ns":170,"all":[1,2]}"#;
        let own_text = std::str::from_utf8(own).unwrap();
        let told = |from: &str, to: &str| {
            let text = own_text.replace(from, to);
            assert_ne!(text, own_text);
            counted().json(text.as_bytes(), own).map(Held::why)
        };
        assert_eq!(told("3 of 4 passed", "3 out of 4 passed"), Ok(None));
        assert!(told("not-satisfied", "satisfied").unwrap().is_some());
        assert!(told("170", "17").unwrap_err().contains("/ns is 17, by the journal 170"));
        assert!(told("3 of", "4 of").unwrap_err().contains("/said"));
        assert!(told("[1,2]", "[1]").unwrap().unwrap().contains("/all has 1 items"));
        assert!(told("\"ns\":170", "\"ns\":170,\"more\":1").unwrap().unwrap().contains("/more"));
        assert!(told("\"ns\":170", "\"ns\":17,\"ns\":170").unwrap_err().contains("twice"));
    }
}
