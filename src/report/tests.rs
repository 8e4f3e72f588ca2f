//! Every format against the same records: what they say, that they are whole, and that no text escapes into them.

#[path = "tests/critical.rs"]
mod critical;

use super::samples::{failed, hostile, incomplete, large, passed};
use super::{Format, Paint, Style, Telling, render};
use crate::record::{Noted, Record};
use crate::resource::Person;

fn plain(record: &Record, format: Format) -> String {
    render(record, format, &Style::default())
}

fn all() -> [(&'static str, Record); 4] {
    [("passed", passed()), ("failed", failed()), ("incomplete", incomplete()), ("hostile", hostile())]
}

/// Elements that HTML leaves open.
const VOID: [&str; 4] = ["meta", "!doctype", "br", "input"];

/// Walks markup: every tag is closed in order, every attribute is quoted, every `&` is an entity. Gives the tags' names.
fn tags(markup: &str) -> Result<Vec<String>, String> {
    let (mut open, mut seen): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    // What is in a script is no markup.
    let (before, after) = markup
        .rsplit_once("<script>")
        .map_or((markup, ""), |(before, rest)| (before, rest.find("</script>").map_or(rest, |end| &rest[end..])));
    let whole = if after.is_empty() { before.to_owned() } else { format!("{before}<script>{after}") };
    let mut rest = whole.as_str();
    while let Some(place) = rest.find(['<', '&']) {
        rest = &rest[place..];
        if let Some(entity) = rest.strip_prefix('&') {
            let end = entity.find(';').ok_or("a bare &")?;
            if !entity[..end].chars().all(|c| c.is_ascii_alphanumeric() || c == '#') {
                return Err(format!("a bare & before {:?}", &entity[..end.min(20)]));
            }
            rest = &entity[end..];
            continue;
        }
        let end = rest.find('>').ok_or("a tag without end")?;
        let tag = &rest[1..end];
        if !tag.matches('"').count().is_multiple_of(2) || tag.contains('<') {
            return Err(format!("a broken tag <{tag}>"));
        }
        let name: String =
            tag.trim_start_matches('/').chars().take_while(|c| !c.is_whitespace() && *c != '/').collect();
        if tag.starts_with('/') {
            let last = open.pop();
            if last.as_deref() != Some(&name) {
                return Err(format!("</{name}> closes {last:?}"));
            }
        } else if !tag.ends_with('/') && !tag.starts_with('?') && !VOID.contains(&name.as_str()) {
            open.push(name.clone());
        }
        seen.push(name);
        rest = &rest[end + 1..];
    }
    if open.is_empty() { Ok(seen) } else { Err(format!("left open: {open:?}")) }
}

#[test]
fn the_walk_over_markup_finds_what_is_broken() {
    for broken in ["<a><b></a></b>", "<a>", "x & y", "<a b=\"c>", "<a <b>"] {
        assert!(tags(broken).is_err(), "{broken} was taken");
    }
    assert_eq!(tags("<a>&amp;<br><c/></a>").unwrap(), ["a", "br", "c", "a"]);
}

#[test]
fn a_page_is_well_formed_and_needs_nothing_from_outside() {
    for (name, record) in all() {
        let html = plain(&record, Format::Html);
        let seen = tags(&html).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(seen.iter().any(|tag| tag == "svg"), "{name}: no drawing");
        for tag in ["link", "img", "iframe", "a", "object"] {
            assert!(!seen.iter().any(|one| one == tag), "{name}: a <{tag}>");
        }
        // One script, ours, and no other may run.
        assert_eq!(seen.iter().filter(|one| *one == "script").count(), 2, "{name}: not one <script> and its end");
        let script = html.split("<script>").nth(1).and_then(|rest| rest.split("</script>").next()).unwrap();
        let hash = data_encoding::BASE64.encode(&<sha2::Sha256 as sha2::Digest>::digest(script));
        assert!(html.contains(&format!("script-src 'sha256-{hash}'")), "{name}: the page's own script may not run");
        for asset in ["src=", "href=", "@import", "url(http", "url(\"", "url('", "xlink", "onload", "onclick"] {
            assert!(!html.contains(asset), "{name}: {asset}");
        }
        assert!(html.contains("simulated"), "{name}: no stamp");
    }
}

#[test]
fn a_page_tells_first_what_matters_most() {
    let html = plain(&failed(), Format::Html);
    let mut place = 0;
    for part in [
        "Partly simulated (main): not evidence of a real failover.",
        "✗ failed",
        "in the secondary region, us-west-2",
        "Recovery time, failover",
        "needs a person",
        "Left otherwise than it was found",
        "muster run playbooks/failback.yaml",
        "Objectives and actuals",
        "<svg",
        "Leg failover",
        "Compared with the run before",
        "Activities",
        "can&#x27;t|could not|✗ failed in 39 s",
        "Outages",
        "Data loss: canaries",
        "DNS cut-over",
        "Guardrails",
        "What this drill does not show",
        "Who took part",
        "Lessons and corrective actions",
        "<details>",
        "Plan digest",
    ] {
        let found = part.split('|').find_map(|one| html[place..].find(one));
        place += found.unwrap_or_else(|| panic!("`{part}` is not there, or not in its place"));
    }
}

#[test]
fn no_text_from_elsewhere_is_markup_or_moves_a_terminal() {
    let record = hostile();
    for format in Format::ALL {
        let text = plain(&record, format);
        for c in text.chars() {
            let harmless = !c.is_control() || c == '\n' || (c == '\t' && format == Format::Html);
            assert!(harmless || format == Format::Json, "{format}: {c:?}");
        }
        if matches!(format, Format::Html | Format::Junit | Format::Markdown) {
            let outside = text.split("```").step_by(2).collect::<String>();
            let looked_at = if format == Format::Markdown { &outside } else { &text };
            let ours = usize::from(format == Format::Html);
            assert_eq!(looked_at.matches("<script").count(), ours, "{format}");
            assert!(!text.contains("{{run}}") || format != Format::Html || text.contains("alert("), "{format}");
        }
        assert!(!text.contains('\u{1b}') && !text.contains('\0') && !text.contains('\u{7}'), "{format}");
        assert!(text.contains("script"), "{format}: the text is not shown at all");
    }
}

#[test]
fn a_hostile_text_does_not_end_a_table_row_of_markdown() {
    let markdown = plain(&hostile(), Format::Markdown);
    let mut columns = None;
    let mut fence: Option<String> = None;
    for line in markdown.lines() {
        let ticks: String = line.chars().take_while(|c| *c == '`').collect();
        match &fence {
            Some(open) if line == open => fence = None,
            Some(_) => continue,
            None if ticks.len() >= 3 => fence = Some(ticks),
            None => assert!(!line.starts_with("# heading"), "{line}"),
        }
        if line.starts_with('|') {
            let count = line.replace("\\|", "").matches('|').count();
            assert_eq!(*columns.get_or_insert(count), count, "{line}");
        } else {
            columns = None;
        }
    }
    assert_eq!(fence, None, "a code block is left open");
}

#[test]
fn junit_reads_back() {
    for (name, record) in all() {
        let text = plain(&record, Format::Junit);
        let report = quick_junit::Report::deserialize_from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let failures = report.failures + report.errors;
        assert_eq!(failures == 0, name == "passed", "{name}: {failures} failures");
        tags(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let text = plain(&failed(), Format::Junit);
    assert!(text.contains("2026-11-22T08:44:22+00:00"), "the phase's time is the record's: {text}");
}

#[test]
fn json_reads_back_as_the_same_record() {
    for (name, record) in all() {
        let value: serde_json::Value = serde_json::from_str(&plain(&record, Format::Json)).unwrap();
        assert_eq!(value["version"], 1);
        let back: Record = serde_json::from_value(value["record"].clone()).unwrap();
        assert_eq!(back, record, "{name}");
    }
    let value: serde_json::Value = serde_json::from_str(&plain(&passed(), Format::Json)).unwrap();
    assert_eq!(value["record"]["header"]["took"], 2_520_000_000_000_u64);
    assert_eq!(value["summary"]["verdict"]["word"], "passed");
}

#[test]
fn markdown_says_all_of_it() {
    insta::assert_snapshot!("passed_md", plain(&passed(), Format::Markdown));
    insta::assert_snapshot!("failed_md", plain(&failed(), Format::Markdown));
}

#[test]
fn the_whole_story_uses_more_columns_where_there_are_more() {
    let told = |width| {
        let style = Style { width, telling: Telling::Whole, ..Style::default() };
        render(&passed(), Format::Text, &style)
    };
    let widest = |text: &str| text.lines().map(|line| line.chars().count()).max().unwrap_or(0);
    let (narrow, wide) = (told(80), told(140));
    assert!(widest(&narrow) <= 80, "{}", widest(&narrow));
    assert!((110..=140).contains(&widest(&wide)), "{}", widest(&wide));
    // Not only the lines are longer: there are columns that are nice to have.
    let head = |text: &str| {
        text.lines().find(|line| line.trim_start().starts_with("Step") && line.contains("Expected")).unwrap().to_owned()
    };
    assert!(!head(&narrow).contains("Evidence") && head(&wide).contains("Evidence"), "{wide}");
    assert!(wide.lines().count() < narrow.lines().count(), "what is wider is shorter");
}

#[test]
fn lessons_actions_and_what_was_silenced_stand_in_the_whole_story() {
    let mut record = passed();
    let ada = Person { name: Some("Ada".to_owned()), user: "ada".to_owned(), host: "laptop".to_owned() };
    let at = record.header.started_at;
    record.review.lessons.push(Noted { text: "resolvers kept the old address".to_owned(), by: ada, at });
    let style = Style { telling: Telling::Whole, ..Style::default() };
    let told = render(&record, Format::Text, &style);
    let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in ["resolvers kept the old address", "M095", "the way home is a drill of its own"] {
        assert!(told.contains(part), "{part} is missing in {told}");
    }
}

#[test]
fn closing_tables_fit_eighty_columns() {
    for (name, record) in all() {
        let style = Style { folder: Some(format!("reports/{}", record.header.run)), ..Style::default() };
        let text = render(&record, Format::Text, &style);
        if name != "hostile" {
            for line in text.lines() {
                assert!(line.chars().count() <= 80, "{name}: {line}");
            }
            insta::assert_snapshot!(format!("{name}_text"), text);
        }
    }
}

#[test]
fn colours_come_only_when_asked_for_and_take_no_word_away() {
    let style = Style { paint: Paint::Coloured, ..Style::default() };
    let coloured = render(&failed(), Format::Text, &style);
    assert!(coloured.contains("\u{1b}["));
    let without = super::clean::block(&coloured, usize::MAX);
    let lines: Vec<&str> = without.lines().map(str::trim_end).collect();
    assert_eq!(lines, plain(&failed(), Format::Text).lines().collect::<Vec<_>>());
}

#[test]
fn one_sentence_says_what_happened() {
    let sentence = |record: &Record| super::view::View::of(record).sentence;
    let mut told = Vec::new();
    told.push(sentence(&passed()));
    told.push(sentence(&failed()));
    told.push(sentence(&incomplete()));
    let mut refused = passed();
    refused.ended.verdict = crate::model::Verdict::Refused;
    refused.ended.reasons = vec!["step replica failed: the replica is 4 min behind".to_owned()];
    told.push(sentence(&refused));
    insta::assert_snapshot!("sentences", told.join("\n"));
}

#[test]
fn objectives_that_nobody_stated_are_not_said_to_be_met() {
    let meaning = |record: &Record| super::view::View::of(record).exit_meaning;
    let mut record = passed();
    assert_eq!(meaning(&record), "passed: every step passed and every objective was measured and met");
    record.legs.iter_mut().for_each(|leg| (leg.rto, leg.rpo) = (None, None));
    record.services.iter_mut().flat_map(|service| &mut service.legs).for_each(|leg| leg.rto = None);
    record.canaries.iter_mut().flat_map(|canary| &mut canary.legs).for_each(|leg| leg.rpo = None);
    let within: Vec<_> = record.steps.iter_mut().map(|step| step.within.take()).collect();
    assert_eq!(meaning(&record), "passed: every step passed; no objective was stated");
    record.steps.iter_mut().zip(within).for_each(|(step, within)| step.within = within);
    assert!(meaning(&record).contains("every objective"), "a step's own objective is one");
}

#[test]
fn formats_have_names_and_files() {
    for format in Format::ALL {
        assert_eq!(format.name().parse(), Ok(format));
    }
    assert_eq!("md".parse(), Ok(Format::Markdown));
    assert!("pdf\u{1b}[2J".parse::<Format>().unwrap_err().to_string().contains("`pdf`"));
    let files: Vec<_> = Format::ALL.into_iter().filter_map(Format::file_name).collect();
    assert_eq!(files, ["report.html", "report.md", "report.json", "junit.xml"]);
}

#[test]
fn a_run_in_brief_is_a_sentence_and_a_line_for_each_objective() {
    let told = super::in_brief(&failed());
    let lines: Vec<&str> = told.lines().collect();
    assert!(lines[0].starts_with("Users were without service for more than 12 min 49 s"), "{told}");
    assert_eq!(lines[1], "");
    assert_eq!(lines[2], "? Recovery time, failover: more than 12 min 49 s (15 min allowed), undecided");
    assert_eq!(lines.len(), 6, "{told}");
}

#[test]
fn a_report_of_ten_thousand_steps_stays_small() {
    let record = large(10_000);
    let html = plain(&record, Format::Html);
    assert!(html.len() < 5_000_000, "{} bytes", html.len());
    assert!(html.contains("step-9999") && html.contains("exit code 3"));
    tags(&html).unwrap();
    assert!(plain(&record, Format::Text).lines().count() < 80);
}

#[test]
fn the_time_line_alone_is_a_picture_that_stands_by_itself() {
    let drawn = plain(&passed(), Format::Svg);
    assert!(drawn.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"timeline\""), "{drawn}");
    assert!(drawn.contains("<style><![CDATA[") && drawn.contains("--bar:") && drawn.trim_end().ends_with("</svg>"));
    assert!(drawn.contains("Time line of the run"));
    assert_eq!(drawn.matches("]]>").count(), 1, "nothing ends the rules before their end");
}
