//! `muster probe`.

use std::fmt::Write as _;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::arguments::{OutputFormat, PlaybookArguments, REPORTS};
use super::output::Output;
use crate::app::probing::{Found, TRIES_MAX, Trying, find, try_probe};
use crate::app::{AppError, Runs};
use crate::catalogue::Probe;
use crate::id::RegionRole;
use crate::model::{ExitCode, Plan, SampleResult};
use crate::plan::Reality;
use crate::probe::Look;
use crate::rehearsal::proof::expected_of;
use crate::resource::Stages;
use crate::time::Span;

/// A region on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum RegionName {
    /// Where users are served at the start
    Primary,
    /// Where they are served after a failover
    Secondary,
}

impl From<RegionName> for RegionRole {
    fn from(name: RegionName) -> Self {
        match name {
            RegionName::Primary => Self::Primary,
            RegionName::Secondary => Self::Secondary,
        }
    }
}

/// Tries a probe by hand: asks as a run would, and tells all that was seen.
#[derive(Debug, Args)]
pub(super) struct ProbeCommand {
    #[command(flatten)]
    playbook: PlaybookArguments,
    /// A service, `witness`, or a guardrail with a probe
    #[arg(value_name = "NAME")]
    name: String,
    /// Ask the service's standby, at the address that its record would have in --in
    #[arg(long)]
    standby: bool,
    /// The region in which a service is asked, whatever its name says [with --standby: secondary]
    #[arg(long = "in", value_enum, value_name = "REGION")]
    region: Option<RegionName>,
    /// How often it is tried
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(TRIES_MAX)))]
    count: u32,
    /// From one try to the next, such as 500ms; unstated: as often as in a run
    #[arg(long, value_name = "DURATION", value_parser = span)]
    every: Option<Span>,
    /// How it is printed
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: OutputFormat,
}

fn span(text: &str) -> Result<Span, String> {
    Span::parse(text).map_err(|error| error.to_string())
}

impl ProbeCommand {
    /// What goes wrong is told in JSON to whoever asked for JSON.
    pub(super) fn form(&self) -> OutputFormat {
        self.format
    }

    #[expect(clippy::unused_self, reason = "as the other subcommands have it")]
    pub(super) fn runs(&self) -> Runs {
        Runs::of(std::path::Path::new(REPORTS))
    }

    pub(super) fn run(&self, output: &Output) -> Result<ExitCode, AppError> {
        let loaded = self.playbook.load(Reality::AsBound, output)?;
        let plan = &loaded.plan;
        let region = self.region.or(self.standby.then_some(RegionName::Secondary)).map(RegionRole::from);
        let trying = Trying { name: self.name.clone(), standby: region, count: self.count, every: self.every };
        let mut found = find(plan, &trying)?;
        if let (Some(service), false) = (&found.service, self.standby) {
            // `--in` alone asks what users are served by.
            found.probe = service.probe.probe.clone();
        }
        let text = self.format == OutputFormat::Text;
        if text {
            output.result(&heading(plan, &found, region));
        }
        let mut each = |look: &Look| {
            if text {
                output.result(&shown(plan, &found.probe, look));
            }
        };
        let seen = try_probe(plan, &trying, &found, &mut each)?;
        let healthy = seen.looks.iter().filter(|look| look.result == SampleResult::Healthy).count();
        if text && seen.looks.len() > 1 {
            output.result(&format!("{healthy} of {} healthy", seen.looks.len()));
        }
        if !text {
            let looks = seen.looks.iter().map(|look| as_json(plan, &found.probe, look));
            output.json_result(&json!({
                "name": found.id.as_str(),
                "probe": found.probe.to_string(),
                "in": region.map(|region| region.to_string()),
                "simulated": plan.simulated(),
                "vantage": seen.vantage,
                "expected": expected_of(&found.probe),
                "timeout_ns": found.timeout.0,
                "looks": looks.collect::<Vec<_>>(),
                "healthy": healthy == seen.looks.len(),
            }));
        }
        Ok(if healthy == seen.looks.len() { ExitCode::Passed } else { ExitCode::Failed })
    }
}

fn heading(plan: &Plan, found: &Found, region: Option<RegionRole>) -> String {
    let place = region.map_or_else(String::new, |region| format!(" in {}", named(plan, region)));
    let mut text = format!("{}: {}{place}\n", found.id, found.probe);
    if plan.simulated() {
        text.push_str("Simulated: nothing real is asked.\n");
    }
    text + &format!("expected   {}; an answer within {}\n", expected_of(&found.probe).join("; "), found.timeout)
}

fn named(plan: &Plan, region: RegionRole) -> String {
    plan.regions.get(&region).map_or_else(|| region.to_string(), |info| format!("{region}, {}", info.name))
}

fn who(plan: &Plan, look: &Look) -> Option<String> {
    match (look.address, look.region) {
        (Some(address), Some(region)) => Some(format!("{address} ({})", named(plan, region))),
        (Some(address), None) => Some(format!("{address} (of neither region, as far as the records say)")),
        (None, Some(region)) => Some(named(plan, region)),
        (None, None) => None,
    }
}

/// The stages that there were, in their order.
fn stages(stages: &Stages) -> Vec<(&'static str, Span)> {
    let all = [
        ("resolve", stages.resolve),
        ("connect", stages.connect),
        ("TLS", stages.tls),
        ("first byte", stages.first_byte),
    ];
    all.into_iter().filter_map(|(name, span)| Some((name, span?))).collect()
}

fn shown(plan: &Plan, probe: &Probe, look: &Look) -> String {
    let mut text = lines(plan, look);
    if let Probe::Several(several) = probe {
        for (part, seen) in several.probes.iter().zip(&look.parts) {
            let of_part = match seen {
                Some(seen) => shown(plan, part, seen),
                None => "not waited for\n".to_owned(),
            };
            let _ = write!(text, "  {part}\n{}", indented(&of_part));
        }
    }
    text
}

fn indented(text: &str) -> String {
    text.lines().fold(String::new(), |mut all, line| {
        let _ = writeln!(all, "    {line}");
        all
    })
}

fn lines(plan: &Plan, look: &Look) -> String {
    let mut text = match &look.result {
        SampleResult::Healthy => format!("✓ healthy  after {}\n", look.took),
        SampleResult::Unhealthy(why) => format!("✗ not healthy, after {}: {why}\n", look.took),
    };
    if let Some(who) = who(plan, look) {
        let _ = writeln!(text, "answered   by {who}");
    }
    if !look.came.is_empty() {
        let _ = writeln!(text, "came       {}", look.came);
    }
    let stages: Vec<String> = stages(&look.stages).into_iter().map(|(name, span)| format!("{name} {span}")).collect();
    if !stages.is_empty() {
        let _ = writeln!(text, "stages     {}", stages.join(", "));
    }
    text
}

fn as_json(plan: &Plan, probe: &Probe, look: &Look) -> Value {
    let stage = |name: &str, span: Span| (name.to_lowercase().replace(' ', "_") + "_ns", json!(span.0));
    let stages: serde_json::Map<String, Value> =
        stages(&look.stages).into_iter().map(|(name, span)| stage(name, span)).collect();
    let why = match &look.result {
        SampleResult::Healthy => None,
        SampleResult::Unhealthy(why) => Some(why),
    };
    let mut value = json!({
        "healthy": why.is_none(),
        "why": why,
        "came": look.came,
        "address": look.address,
        "region": look.region,
        "region_name": look.region.and_then(|region| plan.regions.get(&region)).map(|info| &info.name),
        "took_ns": look.took.0,
        "stages": stages,
    });
    if let Probe::Several(several) = probe {
        let parts = several.probes.iter().zip(&look.parts).map(|(part, seen)| {
            let seen = seen.as_ref().map(|seen| as_json(plan, part, seen));
            json!({ "probe": part.to_string(), "look": seen })
        });
        value["parts"] = parts.collect();
    }
    value
}
