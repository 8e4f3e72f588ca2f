//! A team's own report: a Handlebars template, filled with the same data that the JSON report has.
//!
//! Strict: a name that is not there is an error that says where. In a template whose name tells that it makes HTML or
//! XML, what is filled in is escaped. A template is one text: it has no partials, so that it ends.

use handlebars::{Context, Handlebars, Helper, HelperResult, Output, RenderContext, RenderErrorReason};

use super::{clean, json, view};
use crate::record::Record;
use crate::time::{Moment, Span};

/// The longest template, in bytes.
pub const TEMPLATE_MAX: usize = 1024 * 1024;

/// Why a template was not filled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// It is too long.
    #[error("{0} is too long: a template has at most {TEMPLATE_MAX} bytes")]
    TooLong(String),
    /// It is no template, or asks for what is not there.
    #[error("{name}:{line}:{column}: {what}")]
    Wrong {
        /// The template.
        name: String,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong.
        what: String,
    },
}

/// Fills a template; `name` is told in errors, and its ending says whether what is filled in is escaped.
///
/// # Errors
/// [`TemplateError`].
pub fn fill(record: &Record, name: &str, template: &str) -> Result<String, TemplateError> {
    let called = clean::line(name, view::LINE_MAX);
    if template.len() > TEMPLATE_MAX {
        return Err(TemplateError::TooLong(called));
    }
    let wrong = |line: Option<usize>, column: Option<usize>, what: String| TemplateError::Wrong {
        name: called.clone(),
        line: line.unwrap_or(1),
        column: column.unwrap_or(1),
        what: clean::line(&what, 600),
    };
    if let Some((line, column)) = partial(template) {
        let what = "a template has no partials and no decorators: write it as one text".to_owned();
        return Err(wrong(Some(line), Some(column), what));
    }
    let mut handlebars = Handlebars::new();
    handlebars.set_strict_mode(true);
    if !makes_markup(name) {
        handlebars.register_escape_fn(handlebars::no_escape);
    }
    handlebars.register_helper("span", Box::new(span));
    handlebars.register_helper("clock", Box::new(clock));
    handlebars.register_template_string("template", template).map_err(|error| {
        let place = error.pos();
        wrong(place.map(|at| at.0), place.map(|at| at.1), error.reason().to_string())
    })?;
    handlebars.render("template", &json::document(record)).map_err(|error| {
        let what = match error.reason() {
            RenderErrorReason::MissingVariable(Some(path)) => {
                format!("there is no `{path}`; `muster report RUN --format json` shows what there is")
            }
            reason => reason.to_string(),
        };
        wrong(error.line_no, error.column_no, what)
    })
}

fn makes_markup(name: &str) -> bool {
    let name = name.to_lowercase();
    [".html", ".htm", ".xml", ".svg"]
        .iter()
        .any(|ending| name.ends_with(ending) || name.contains(&format!("{ending}.")))
}

/// Where a template names a partial or a decorator: line and column.
fn partial(template: &str) -> Option<(usize, usize)> {
    let place = template.match_indices("{{").find(|(at, _)| {
        let rest = template[at + 2..].trim_start_matches(['~', '#']).trim_start();
        rest.starts_with(['>', '*'])
    });
    let before = &template[..place?.0];
    let line = before.rsplit('\n').next().unwrap_or_default();
    Some((before.matches('\n').count() + 1, line.chars().count() + 1))
}

/// `{{span record.header.took}}`: nanoseconds as people say them.
fn span(
    helper: &Helper<'_>,
    _: &Handlebars<'_>,
    _: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    let told = nanos(helper, "span")?.map_or_else(|| "–".to_owned(), |nanos| Span(nanos).to_string());
    Ok(out.write(&told)?)
}

/// `{{clock step.started}}`: an instant of the run as hours, minutes and seconds.
fn clock(
    helper: &Helper<'_>,
    _: &Handlebars<'_>,
    _: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    let told = nanos(helper, "clock")?.map_or_else(|| "–".to_owned(), |nanos| view::clock(Moment(nanos)));
    Ok(out.write(&told)?)
}

/// The number of nanoseconds that a helper was given; `None` for null.
fn nanos(helper: &Helper<'_>, name: &'static str) -> Result<Option<u64>, RenderErrorReason> {
    let value = helper.param(0).ok_or(RenderErrorReason::ParamNotFoundForIndex(name, 0))?;
    if value.is_value_missing() {
        return Err(RenderErrorReason::MissingVariable(value.relative_path().cloned()));
    }
    match value.value() {
        serde_json::Value::Null => Ok(None),
        value => match value.as_u64() {
            Some(nanos) => Ok(Some(nanos)),
            None => Err(RenderErrorReason::InvalidParamType("a number of nanoseconds")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn a_template_gets_what_the_json_report_has() {
        let template = "{{summary.title}}: {{summary.verdict.word}} after {{span record.header.took}}\n\
            {{#each record.steps}}{{#if (eq state \"failed\")}}{{id}} {{/if}}{{/each}}{{clock record.legs.0.lost_at}} \
            {{span record.legs.1.lost_at}}\n";
        let filled = fill(&samples::failed(), "ours.txt", template).unwrap();
        assert_eq!(
            filled,
            "Quarterly failover of the code host to its secondary region, and back: failed after 15 min\n00:02:10 –\n"
        );
    }

    #[test]
    fn what_is_not_there_is_told_with_its_place() {
        let error = |template: &str| fill(&samples::passed(), "ours.md", template).unwrap_err().to_string();
        assert_eq!(
            error("# Ours\n\n  {{summary.titel}}\n"),
            "ours.md:3:3: there is no `summary.titel`; `muster report RUN --format json` shows what there is"
        );
        assert!(error("{{#each record.steps}}\n{{nam}}{{/each}}").starts_with("ours.md:2:1: there is no `nam`"));
        assert!(error("{{span record.header.tok}}").contains("record.header.tok"));
        assert!(error("{{span record.header.run}}").contains("a number of nanoseconds"));
        assert!(error("a\n{{#if x}}").starts_with("ours.md:2"), "{}", error("a\n{{#if x}}"));
        assert!(error("{{nosuch record}}").contains("nosuch"));
    }

    #[test]
    fn a_template_that_could_go_on_for_ever_is_refused() {
        for template in
            ["\n {{> template}}", "\n {{#*inline \"a\"}}{{> a}}{{/inline}}{{> a}}", "\n {{~> (lookup . 'x')}}"]
        {
            let error = fill(&samples::passed(), "ours.md", template).unwrap_err().to_string();
            assert!(error.starts_with("ours.md:2:2: a template has no partials"), "{error}");
        }
        let long = "x".repeat(TEMPLATE_MAX + 1);
        assert!(fill(&samples::passed(), "ours.md", &long).unwrap_err().to_string().contains("too long"));
    }

    #[test]
    fn markup_is_escaped_where_the_name_tells_that_it_is_some() {
        let template = "{{record.warnings.0}}";
        let html = fill(&samples::hostile(), "ours.html.hbs", template).unwrap();
        assert!(!html.contains("<script") && html.contains("&lt;script&gt;"), "{html}");
        let text = fill(&samples::hostile(), "ours.txt", template).unwrap();
        assert!(text.contains("<script>"), "{text}");
    }
}
