//! One request to AWS: which permission it needs, how it ends with the step, and what each failure means.

use std::future::Future;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::access::Access;
use crate::resource::{Context, ProviderError};
use crate::time::Span;

/// A permission of IAM, which is also the name of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Action(pub(super) &'static str);

impl Action {
    /// Whose credentials these are. Everybody may ask that.
    pub(super) const IDENTITY: Self = Self("sts:GetCallerIdentity");
}

/// What a failed request did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Reads,
    Writes,
}

/// Sends what only reads: it may be dropped.
pub(super) fn reads<T, E>(
    cx: &Context,
    access: &Access,
    action: &Action,
    request: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
) -> impl Future<Output = Result<T, ProviderError>>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    // The SDK's futures are large, and would be so in whoever waits for them.
    let request = Box::pin(request);
    async move { send(cx, access, action, Kind::Reads, request).await.map_err(|failed| failed.error) }
}

/// As [`reads`], for who goes by the service's code when it says no.
pub(super) fn tries_to_read<T, E>(
    cx: &Context,
    access: &Access,
    action: &Action,
    request: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
) -> impl Future<Output = Result<T, Failed>>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    // The SDK's futures are large, and would be so in whoever waits for them.
    let request = Box::pin(request);
    async move { send(cx, access, action, Kind::Reads, request).await }
}

/// Sends what changes something. If the step is asked to end while it is under way, whether it happened is not known.
pub(super) fn writes<T, E>(
    cx: &Context,
    access: &Access,
    action: &Action,
    request: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
) -> impl Future<Output = Result<T, Failed>>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    // The SDK's futures are large, and would be so in whoever waits for them.
    let request = Box::pin(request);
    async move { send(cx, access, action, Kind::Writes, request).await }
}

/// A request that failed, and the code that the service gave.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) code: String,
    pub(super) error: ProviderError,
}

impl Failed {
    /// Whether it may not be asked at all.
    pub(super) fn is_denied(&self) -> bool {
        self.is(DENIED)
    }

    /// Whether the service's code is one of these.
    pub(super) fn is(&self, codes: &[&str]) -> bool {
        codes.contains(&self.code.as_str())
    }
}

impl From<Failed> for ProviderError {
    fn from(failed: Failed) -> Self {
        failed.error
    }
}

async fn send<T, E>(
    cx: &Context,
    access: &Access,
    action: &Action,
    kind: Kind,
    request: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
) -> Result<T, Failed>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let answered = tokio::select! {
        biased;
        answered = request => answered,
        () = cx.cancel.cancelled() => {
            return Err(Failed { code: String::new(), error: ProviderError::Cancelled });
        }
    };
    // Whatever it says, it is there.
    if matches!(&answered, Ok(_) | Err(SdkError::ServiceError(_))) {
        access.heard();
    }
    answered.map_err(|error| judge(access, action, kind, &error))
}

/// The first rest between two looks, and the longest.
const FIRST_REST: Span = Span::from_millis(250);
const LONGEST_REST: Span = Span::from_secs(5);

/// Looks until it is so. Ends with the step: `still` says what was seen last.
pub(super) async fn until<F, Fut>(cx: &Context, mut look: F) -> Result<(), ProviderError>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<Result<(), String>, ProviderError>>,
{
    let mut rest = FIRST_REST;
    loop {
        let still = match look().await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(still)) => still,
            Err(ProviderError::Unreachable(why) | ProviderError::Transient(why)) => why,
            Err(error) => return Err(error),
        };
        tokio::select! {
            biased;
            () = cx.cancel.cancelled() => return Err(ProviderError::Halfway(still)),
            () = cx.clock.sleep(rest) => {}
        }
        rest = Span(rest.0.saturating_mul(2)).min(LONGEST_REST);
    }
}

/// Codes that say: later.
const THROTTLED: &[&str] = &[
    "EC2ThrottledException",
    "PriorRequestNotComplete",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// Codes that say: you may not.
const DENIED: &[&str] = &["AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"];

/// Codes that say: not with these credentials any more.
const EXPIRED: &[&str] = &["ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"];

/// Codes that say: who is that?
const UNKNOWN: &[&str] = &[
    "AuthFailure",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];

/// Codes of a clock that is off by more than a service takes.
const SKEWED: &[&str] = &["RequestInTheFuture", "RequestTimeTooSkewed"];

fn judge<E>(access: &Access, action: &Action, kind: Kind, error: &SdkError<E, HttpResponse>) -> Failed
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let asked = format!("{} in {}", action.0, access.region);
    let maybe = |why: String| match kind {
        Kind::Reads => ProviderError::Unreachable(format!("{asked}: {why}")),
        Kind::Writes => ProviderError::Unreachable(format!("{asked}: {why}; whether it was taken is not known")),
    };
    let plain = |error: ProviderError| Failed { code: String::new(), error };
    let service = match error {
        SdkError::ServiceError(service) => service,
        SdkError::TimeoutError(_) => return plain(maybe("no answer in time".to_owned())),
        SdkError::DispatchFailure(failure) if failure.is_user() => {
            return plain(ProviderError::Refused(format!("{asked}: {}", chain(error))));
        }
        SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => return plain(maybe(chain(error))),
        _ => return plain(ProviderError::Refused(format!("{asked} could not be sent: {}", chain(error)))),
    };
    let status = service.raw().status().as_u16();
    let code = service.err().code().unwrap_or_default().to_owned();
    let said = service.err().message().unwrap_or("it gave no reason").trim().to_owned();
    let is = |codes: &[&str]| codes.contains(&code.as_str());
    let told = if is(DENIED) {
        access.denied(action.0);
        ProviderError::Refused(format!("the permission {} is missing in {}: {said}", action.0, access.region))
    } else if is(EXPIRED) {
        ProviderError::Refused(format!(
            "the credentials for the {} region have expired: {said}; {asked} was not done",
            access.role
        ))
    } else if is(UNKNOWN) {
        ProviderError::Refused(format!("the credentials for the {} region are not taken: {said}", access.role))
    } else if is(SKEWED) {
        ProviderError::Refused(format!(
            "this machine's clock is off by more than AWS takes: {said}; {asked} was not done"
        ))
    } else if is(THROTTLED) || status == 429 {
        ProviderError::Transient(format!("{asked} was put off again and again: {code}"))
    } else if status >= 500 {
        maybe(format!("status {status} {code}, {said}"))
    } else {
        let code = if code.is_empty() { format!("status {status}") } else { code.clone() };
        ProviderError::Refused(format!("{asked}: {code}: {said}"))
    };
    Failed { code, error: told }
}

/// An error with what it comes from, on one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let said = inner.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = inner.source();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(400).collect()
}
