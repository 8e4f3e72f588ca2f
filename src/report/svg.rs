//! The time line alone, as a picture that stands by itself: the drawing of the HTML report with the rules that colour it.

use super::{Style, html, timeline};
use crate::record::Record;

/// Draws it; empty for a run that ended before anything happened.
pub(super) fn render(record: &Record, _style: &Style) -> String {
    let drawn = timeline::draw(record);
    let Some((open, rest)) = drawn.split_once('>') else { return drawn };
    let open = open.replacen("<svg ", "<svg xmlns=\"http://www.w3.org/2000/svg\" ", 1);
    // Nothing in the rules ends a CDATA section, so they need no escape.
    format!("{open}><style><![CDATA[{}svg{{background:var(--bg)}}]]></style>{rest}\n", html::STYLE)
}
