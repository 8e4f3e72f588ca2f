//! An inverted health check: what it looks at is put there or taken away by programs, and Route 53's servers turn to the
//! other record set by themselves. Only the data plane is needed.

use crate::infrastructure::real::aws::dns::HealthSwitch;
use crate::provider::aws::access::{Access, LOOK};
use crate::provider::aws::call::{self, Action};
use crate::provider::host::{Host, failure};
use crate::resource::{Context, ProviderError};
use crate::time::Span;

pub(in crate::provider::aws) const GET: Action = Action("route53:GetHealthCheck");
pub(in crate::provider::aws) const STATUS: Action = Action("route53:GetHealthCheckStatus");

/// How long a program may take if nothing else is said.
const TIMEOUT: Span = Span::from_secs(30);
/// What is kept of its output, in bytes.
const OUTPUT_LIMIT: usize = 64 * 1024;

async fn run(
    cx: &Context,
    host: &Host,
    settings: &HealthSwitch,
    argv: &[String],
) -> Result<Option<i32>, ProviderError> {
    let timeout = settings.timeout.map_or(TIMEOUT, |period| period.0);
    let finished = host.run(cx, argv, timeout, OUTPUT_LIMIT).await?;
    match finished.code {
        Some(0 | 1) => Ok(finished.code),
        _ => Err(ProviderError::Unreachable(failure(argv, &finished))),
    }
}

/// Whether what the check looks for is there: users are sent away from the primary region then.
pub(super) async fn is_away(cx: &Context, host: &Host, settings: &HealthSwitch) -> Result<bool, ProviderError> {
    Ok(run(cx, host, settings, &settings.look).await? == Some(0))
}

/// Puts it there, or takes it away.
pub(super) async fn set(cx: &Context, host: &Host, settings: &HealthSwitch, away: bool) -> Result<(), ProviderError> {
    let argv = if away { &settings.away } else { &settings.home };
    match run(cx, host, settings, argv).await? {
        Some(0) => Ok(()),
        code => Err(ProviderError::Unreachable(format!("`{}` ended with {}", argv.join(" "), code.unwrap_or(-1)))),
    }
}

/// What Route 53's checkers see, for people; an error if the check is not inverted, or disabled. That Route 53 does not tell
/// is no reason against a switch, which needs nothing of what is asked here: it is said instead.
pub(super) async fn status(
    cx: &Context,
    access: &Access,
    settings: &HealthSwitch,
) -> Result<(String, String), ProviderError> {
    let name = format!("the health check {}", settings.id);
    let unseen = |why: &str| format!("it was not seen, so that it is inverted is not known ({why})");
    let asked = async {
        let client = access.route53(cx).await?;
        Ok(call::tries_to_read(cx, access, &GET, client.get_health_check().health_check_id(&settings.id).send()).await)
    };
    let seen = match access.within(cx, LOOK, asked).await {
        Ok(Ok(seen)) => seen,
        Ok(Err(failed)) if failed.is(&["NoSuchHealthCheck"]) => return Err(failed.into()),
        Ok(Err(failed)) => return Ok((name, unseen(&failed.error.to_string()))),
        Err(ProviderError::Unreachable(why) | ProviderError::Transient(why)) => return Ok((name, unseen(&why))),
        Err(error) => return Err(error),
    };
    let config = seen.health_check().and_then(|check| check.health_check_config());
    if config.is_none_or(|config| config.inverted() != Some(true)) {
        return Err(ProviderError::Refused(format!(
            "{name} is not inverted: what is put there would not send users away"
        )));
    }
    if config.is_some_and(|config| config.disabled() == Some(true)) {
        return Err(ProviderError::Refused(format!("{name} is disabled: it would send nobody away")));
    }
    let asked = async {
        let client = access.route53(cx).await?;
        let request = client.get_health_check_status().health_check_id(&settings.id).send();
        call::reads(cx, access, &STATUS, request).await
    };
    let seen = match access.within(cx, LOOK, asked).await {
        Ok(seen) => seen,
        Err(error) => return Ok((name, format!("inverted; what its checkers see was not told ({error})"))),
    };
    let observations = seen.health_check_observations();
    let well = observations
        .iter()
        .filter(|one| {
            one.status_report().and_then(|report| report.status()).is_some_and(|status| status.starts_with("Success"))
        })
        .count();
    Ok((name, format!("inverted; {well} of {} checkers reach it", observations.len())))
}
