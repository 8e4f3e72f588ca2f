//! The mark of a run as a TXT record beside the record that it guards: `_muster.code.example.com`.

use hickory_proto::rr::RData;
use hickory_proto::rr::rdata::TXT;

use crate::id::RunId;
use crate::resource::Marker;

/// The label before the record's name.
pub(super) const LABEL: &str = "_muster";
/// How long anybody may keep it: nobody but Muster asks, and asks the name server itself.
pub(super) const TTL: u32 = 60;
/// The most bytes of one string of a TXT record (RFC 1035 section 3.3).
const STRING_MAX: usize = 255;

/// The mark on the wire: one string each for the run, its lease, the time and the person (as RFC 1464 has them).
pub(super) fn encode(marker: &Marker) -> RData {
    let strings = [
        format!("run={}", marker.run),
        format!("fencing={}", marker.fencing),
        format!("since={}", marker.since),
        format!("who={}", marker.who),
    ];
    let cut = |text: &String| {
        let end = (0..=STRING_MAX.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text[..end].to_owned()
    };
    RData::TXT(TXT::new(strings.iter().map(cut).collect()))
}

/// The mark that a TXT record holds, if it is one.
pub(super) fn decode(data: &RData) -> Option<Marker> {
    let RData::TXT(txt) = data else { return None };
    let value = |key: &str| {
        let texts = txt.txt_data.iter().filter_map(|bytes| std::str::from_utf8(bytes).ok());
        texts.filter_map(|text| text.split_once('=')).find(|(name, _)| *name == key).map(|(_, value)| value.to_owned())
    };
    Some(Marker {
        run: RunId::new(&value("run")?).ok()?,
        fencing: value("fencing")?.parse().ok()?,
        since: value("since")?.parse().ok()?,
        who: value("who")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_comes_back_as_it_was_and_a_long_name_is_cut() {
        let since = "2026-11-22T08:42:16.5Z".parse().unwrap();
        let run = RunId::new("20261122-084216-drill").unwrap();
        let marker = Marker { run, fencing: 4, who: "ops at bastion-1".into(), since };
        assert_eq!(decode(&encode(&marker)), Some(marker.clone()));
        let long = decode(&encode(&Marker { who: "é".repeat(300), ..marker })).unwrap();
        assert_eq!(long.who, "é".repeat(125));
        assert_eq!(decode(&RData::TXT(TXT::new(vec!["v=spf1 -all".into()]))), None);
    }
}
