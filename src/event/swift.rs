//! Events read from JSON without a detour.
//!
//! Serde puts all fields of an internally tagged enum aside, each in a box of its own, before it knows the kind. A long
//! run has many thousands of events of few kinds, and who takes one up waits for them: those are read straight into
//! their fields, after a look at the tag, which Muster writes first. Everything else goes the common way.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::Event;
use crate::catalogue::Before;
use crate::id::{ProbeId, StepId};
use crate::model::{CanaryProgress, Sample, SampleSummary, StepPass};

/// Reads one kind of event straight into its fields.
macro_rules! straight {
    ($json:ident as $kind:ident { $($field:ident: $type:ty),+ }) => {{
        // The tag is a field as well, so that one that is there twice is refused, as it is on the common way.
        #[derive(Deserialize)]
        struct Fields {
            kind: IgnoredAny,
            $($field: $type,)+
        }
        let Fields { kind: IgnoredAny, $($field),+ } = serde_json::from_str($json)?;
        Ok(Event::$kind { $($field),+ })
    }};
}

impl Event {
    /// Reads an event from its JSON: the same event, or an error where there is one, as by its `Deserialize`.
    ///
    /// # Errors
    /// It is no event of a kind that this Muster knows.
    pub fn read(json: &str) -> Result<Self, serde_json::Error> {
        match tag(json) {
            Some("sampled") => straight!(json as Sampled { probe: ProbeId, last: Option<Sample>, first: Sample }),
            Some("samples_summed") => straight!(json as SamplesSummed {
                probes: Vec<SampleSummary>,
                canaries: Vec<CanaryProgress>
            }),
            Some("step_started") => {
                straight!(json as StepStarted { step: StepId, attempt: u32, before: Before })
            }
            Some("step_passed") => straight!(json as StepPassed { step: StepId, attempt: u32, pass: StepPass }),
            _ => serde_json::from_str(json),
        }
    }
}

/// The kind of an event as Muster writes it; nothing where it stands otherwise.
fn tag(json: &str) -> Option<&str> {
    let (kind, rest) = json.strip_prefix("{\"kind\":\"")?.split_once('"')?;
    rest.starts_with(',').then_some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alike(json: &str) {
        let (swift, common) = (Event::read(json), serde_json::from_str::<Event>(json));
        match (swift, common) {
            (Ok(swift), Ok(common)) => assert_eq!(swift, common),
            (Err(_), Err(_)) => {}
            (swift, common) => panic!("{json}: {swift:?}, but {common:?}"),
        }
    }

    #[test]
    fn an_event_is_the_same_whichever_way_it_is_read() {
        let sample = r#"{"tick":1,"scheduled":1,"sent":2,"answered":3,"result":"healthy","address":"10.1.0.1","region":"primary","stages":{"resolve":1,"connect":null,"tls":null,"first_byte":2}}"#;
        for json in [
            format!(r#"{{"kind":"sampled","probe":"web","last":null,"first":{sample}}}"#),
            format!(r#"{{"kind":"sampled","probe":"web","first":{sample}}}"#),
            format!(r#"{{"kind":"sampled","probe":"web","last":{sample},"first":{sample},"later":[1]}}"#),
            format!(r#"{{"probe":"web","kind":"sampled","last":{sample},"first":{sample}}}"#),
            format!(r#"{{"kind":"sampled","kind":"sampled","probe":"web","last":null,"first":{sample}}}"#),
            format!(r#"{{"kind":"sampled","probe":"WEB","last":null,"first":{sample}}}"#),
            format!(r#"{{"kind":"sampled","probe":"web","last":null,"first":{sample}}} "#),
            format!(r#"{{"kind":"sampled","probe":"web","last":null,"first":{sample}}}{{}}"#),
            r#"{"kind":"sampled","probe":"web","last":null}"#.to_owned(),
            r#"{"kind":"sampled"}"#.to_owned(),
            r#"{"kind":"samples_summed","probes":[],"canaries":[]}"#.to_owned(),
            format!(
                r#"{{"kind":"samples_summed","probes":[{{"probe":"web","first_tick":1,"last_tick":2,"count":2,"healthy":2,"p50":1,"p95":1,"max":2,"last":{sample}}}],"canaries":[]}}"#
            ),
            r#"{"kind":"samples_summed","probes":[]}"#.to_owned(),
            r#"{"kind":"step_started","step":"a","attempt":1,"before":{}}"#.to_owned(),
            r#"{"kind":"step_started","step":"a","attempt":-1,"before":{}}"#.to_owned(),
            r#"{"kind":"step_passed","step":"a","attempt":1,"pass":{"already":false,"evidence":{},"warning":null}}"#
                .to_owned(),
            r#"{"kind":"step_passed","step":"a","attempt":1,"pass":{}}"#.to_owned(),
            r#"{"kind":"phase_started","phase":"failover"}"#.to_owned(),
            r#"{"kind":"of_the_future"}"#.to_owned(),
            r#"{"kind":"sampled","#.to_owned(),
            String::new(),
        ] {
            alike(&json);
        }
    }
}
