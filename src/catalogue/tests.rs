use super::*;

struct Json<'a>(&'a str);

impl Decoder for Json<'_> {
    fn decode<T: serde::de::DeserializeOwned>(self) -> Option<T> {
        serde_json::from_str(self.0).ok()
    }
}

fn refusal(key: &str, args: &str) -> String {
    struct Refused<'a>(&'a str, &'a mut String);
    impl Decoder for Refused<'_> {
        fn decode<T: serde::de::DeserializeOwned>(self) -> Option<T> {
            match serde_json::from_str::<T>(self.0) {
                Ok(_) => "accepted".clone_into(self.1),
                Err(error) => *self.1 = error.to_string(),
            }
            None
        }
    }
    let mut text = String::new();
    assert!(Act::decode(key, Refused(args, &mut text)).is_none());
    text
}

#[test]
fn every_action_is_explained() {
    for key in Act::KEYS {
        assert!(Act::explain(key).is_some_and(|text| !text.trim().is_empty()), "{key}");
    }
}

#[test]
fn arguments_come_back_from_a_journal_as_they_went_in() {
    for (key, args) in [
        ("dns.switch", r#"{"records":["code","git"],"to":"secondary"}"#),
        ("database.fence", r#"{"database":"main","in":"primary","unreachable":"continue"}"#),
        ("compute.scale", r#"{"compute":"web","in":"secondary","to":"as_before"}"#),
        ("check", r#"{"services":"all","healthy_for":"2m","served_by":"secondary"}"#),
        ("check", r#"{"service":"web","in":"secondary"}"#),
        ("wait", r#"{"service":"web","until":"unhealthy"}"#),
        ("wait", r#"{"for":"10s"}"#),
        ("backup.restore", r#"{"backup":"snapshots","in":"secondary","to":"2h ago"}"#),
        ("notify", r#"{"webhook":{"env":"HOOK"},"message":"hello"}"#),
    ] {
        let act = Act::decode(key, Json(args)).unwrap_or_else(|| panic!("{key} {args}"));
        let text = serde_json::to_string(&act).unwrap();
        assert_eq!(serde_json::from_str::<Act>(&text).unwrap(), act, "{text}");
        assert_eq!(act.key(), key);
    }
}

#[test]
fn conditions_that_do_not_go_together_are_refused_by_name() {
    assert!(refusal("check", r#"{"services":"all","lag_at_most":"3s"}"#).contains("`lag_at_most` does not go with"));
    assert!(refusal("check", r#"{"database":"main","lag_at_most":"3s"}"#).contains("needs `in"));
    assert!(refusal("check", r#"{"for":"3s"}"#).contains("use `wait`"));
    assert!(refusal("check", "{}").contains("says nothing to check"));
    assert!(refusal("wait", r#"{"for":30}"#).contains("a duration with a unit"));
}
