//! The way into one region's account: credentials, clients, and that it is the account that is meant.
//!
//! Nothing is asked before it is needed. The first client that is given out waits until the account was seen to be the
//! one that the infrastructure file states.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::ProvideCredentials;
use aws_smithy_async::rt::sleep::{AsyncSleep, Sleep};
use aws_smithy_http_client::Builder as HttpBuilder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use super::call::{self, Action};
use crate::id::RegionRole;
use crate::infrastructure::real::aws::AwsRegion;
use crate::resource::{Context, ProviderError};
use crate::secret::{Redactor, Secret};
use crate::time::{Clock, Span};

/// How often one request is sent in all: what ends it is the step's timeout, this is the bound of last resort.
const ATTEMPTS: u32 = 200;
/// The longest rest between two attempts.
const LONGEST_REST: Duration = Duration::from_secs(5);
/// How long opening a connection may take.
const CONNECT: Duration = Duration::from_secs(3);
/// How long one look at a region may take, requests that are sent again included.
pub(super) const LOOK: Span = Span::from_secs(6);
/// How long it may take once the last one got no answer.
const ONCE_SILENT: Span = Span::from_secs(2);
/// How long one look may take whose asker is given 5 s in all: a mark is set or taken away.
pub(super) const MARKING: Span = Span::from_secs(3);

/// Rests of the SDK go by the house's clock.
#[derive(Clone)]
struct Rest(Clock);

impl fmt::Debug for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rest")
    }
}

impl AsyncSleep for Rest {
    fn sleep(&self, duration: Duration) -> Sleep {
        Sleep::new(self.0.sleep(Span(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))))
    }
}

/// What all regions share.
#[derive(Clone)]
pub struct Line {
    http: SharedHttpClient,
    clock: Clock,
    redactor: Redactor,
    /// Credentials in place of those that the SDK finds, for recorded answers.
    credentials: Option<aws_credential_types::Credentials>,
}

impl Line {
    /// One pool of connections, by rustls with ring.
    #[must_use]
    pub fn new(clock: Clock, redactor: Redactor) -> Self {
        let http = HttpBuilder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
        Self { http, clock, redactor, credentials: None }
    }

    /// With another client in place of the network, for recorded answers.
    #[cfg(test)]
    pub(super) fn replaying(http: SharedHttpClient, clock: Clock) -> Self {
        let credentials = aws_credential_types::Credentials::new("AKIDTEST", "secret", None, None, "test");
        Self { http, clock, redactor: Redactor::default(), credentials: Some(credentials) }
    }
}

/// The way into one region's account.
pub struct Access {
    pub(super) role: RegionRole,
    /// The region's name at AWS.
    pub(super) region: String,
    pub(super) settings: AwsRegion,
    line: Line,
    /// The configuration, once credentials were found and the account was seen to be the right one.
    proven: tokio::sync::OnceCell<Arc<Proven>>,
    denied: Mutex<BTreeSet<&'static str>>,
    /// Whether the last look at this region ended without any answer.
    silent: AtomicBool,
}

/// What is known once the account was seen.
struct Proven {
    config: SdkConfig,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("region", &self.region)
            .field("account", &self.settings.account)
            .finish_non_exhaustive()
    }
}

/// A client of a service, by the service's name in `endpoints`.
macro_rules! clients {
    ($($(#[doc = $doc:literal])* $name:ident => $sdk:ident, $service:literal;)*) => {
        impl Access {
            $($(#[doc = $doc])*
            pub(super) async fn $name(&self, cx: &Context) -> Result<$sdk::Client, ProviderError> {
                let proven = self.proven(cx).await?;
                let mut config = $sdk::config::Builder::from(&proven.config);
                if let Some(url) = self.settings.endpoints.get($service) {
                    config = config.endpoint_url(url);
                }
                Ok($sdk::Client::from_conf(config.build()))
            })*
        }
    };
}

clients! {
    /// Route 53.
    route53 => aws_sdk_route53, "route53";
    /// EC2.
    ec2 => aws_sdk_ec2, "ec2";
    /// Auto Scaling, which EC2's own SDK knows nothing of.
    autoscaling => aws_sdk_autoscaling, "autoscaling";
    /// RDS.
    rds => aws_sdk_rds, "rds";
    /// `CloudWatch`, which alone knows how far a replica is behind.
    cloudwatch => aws_sdk_cloudwatch, "cloudwatch";
}

impl Access {
    /// The way into `role`'s account, by the settings of its region.
    #[must_use]
    pub fn new(role: RegionRole, region: String, settings: AwsRegion, line: Line) -> Self {
        let (proven, denied) = (tokio::sync::OnceCell::new(), Mutex::default());
        Self { role, region, settings, line, proven, denied, silent: AtomicBool::new(false) }
    }

    /// Notes a permission that was found missing.
    pub(super) fn denied(&self, action: &'static str) {
        self.denied.lock().unwrap_or_else(PoisonError::into_inner).insert(action);
    }

    /// The permissions that were found missing since the start, as IAM names them.
    #[must_use]
    pub fn missing(&self) -> BTreeSet<&'static str> {
        self.denied.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The region's name at AWS.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Notes that somebody answered here.
    pub(super) fn heard(&self) {
        self.silent.store(false, Ordering::Relaxed);
    }

    /// Waits for `ask` for at most `most`, or for less where nobody answered the last time: a region that is lost answers
    /// nobody, and whoever waited for it as long as the SDK tries would be kept from the other one.
    pub(super) fn within<T>(
        &self,
        cx: &Context,
        most: Span,
        ask: impl Future<Output = Result<T, ProviderError>>,
    ) -> impl Future<Output = Result<T, ProviderError>> {
        // The SDK's futures are large, and would be so in whoever waits for them.
        let ask = Box::pin(ask);
        async move {
            let most = if self.silent.load(Ordering::Relaxed) { most.min(ONCE_SILENT) } else { most };
            cx.clock.timeout(most, ask).await.unwrap_or_else(|_| {
                self.silent.store(true, Ordering::Relaxed);
                Err(ProviderError::Unreachable(format!("{} gave no answer within {most}", self.region)))
            })
        }
    }

    /// A client for the cluster of routing controls, at one of its endpoints.
    pub(super) async fn routing(
        &self,
        cx: &Context,
        url: &str,
        region: &str,
    ) -> Result<aws_sdk_route53recoverycluster::Client, ProviderError> {
        let proven = self.proven(cx).await?;
        let config = aws_sdk_route53recoverycluster::config::Builder::from(&proven.config)
            .endpoint_url(url)
            .region(Region::new(region.to_owned()))
            // The next endpoint is worth more than another try of this one.
            .retry_config(RetryConfig::disabled())
            .build();
        Ok(aws_sdk_route53recoverycluster::Client::from_conf(config))
    }

    /// The configuration behind the proof that this is the account that was stated.
    async fn proven(&self, cx: &Context) -> Result<Arc<Proven>, ProviderError> {
        let proven = self.proven.get_or_try_init(|| async { self.prove(cx).await.map(Arc::new) }).await?;
        Ok(Arc::clone(proven))
    }

    async fn prove(&self, cx: &Context) -> Result<Proven, ProviderError> {
        let config = self.config().await;
        let provider = config.credentials_provider().ok_or_else(|| self.no_credentials("none are set up"))?;
        let credentials = tokio::select! {
            biased;
            () = cx.cancel.cancelled() => return Err(ProviderError::Cancelled),
            found = provider.provide_credentials() => found.map_err(|error| self.no_credentials(&call::chain(&error)))?,
        };
        // They may turn up in what a service or a proxy answers.
        self.line.redactor.learn(&Secret::new(credentials.secret_access_key().to_owned()));
        if let Some(token) = credentials.session_token() {
            self.line.redactor.learn(&Secret::new(token.to_owned()));
        }
        let mut sts = aws_sdk_sts::config::Builder::from(&config);
        if let Some(url) = self.settings.endpoints.get("sts") {
            sts = sts.endpoint_url(url);
        }
        let sts = aws_sdk_sts::Client::from_conf(sts.build());
        let seen = call::reads(cx, self, &Action::IDENTITY, sts.get_caller_identity().send()).await?;
        let account = seen.account().unwrap_or_default();
        if account != self.settings.account {
            return Err(ProviderError::Refused(format!(
                "the credentials for the {} region are of the account {account} ({}), and the infrastructure file says {}: \
                 nothing was touched",
                self.role,
                seen.arn().unwrap_or("who they are was not said"),
                self.settings.account
            )));
        }
        Ok(Proven { config })
    }

    fn no_credentials(&self, why: &str) -> ProviderError {
        let whose =
            self.settings.profile.as_ref().map_or_else(String::new, |profile| format!(" of the profile {profile}"));
        ProviderError::Refused(format!(
            "there are no credentials{whose} for the {} region ({}): {why}",
            self.role, self.region
        ))
    }

    /// The SDK's own ways to credentials: environment, profile, SSO, container, machine; then the role.
    async fn config(&self) -> SdkConfig {
        let patience = Duration::from_nanos(self.settings.patience().0);
        let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(patience).build();
        let retries = RetryConfig::adaptive().with_max_attempts(ATTEMPTS).with_max_backoff(LONGEST_REST);
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(self.region.clone()))
            .http_client(self.line.http.clone())
            .sleep_impl(Rest(self.line.clock.clone()))
            .timeout_config(timeouts)
            .retry_config(retries);
        if let Some(profile) = &self.settings.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(url) = &self.settings.endpoint {
            loader = loader.endpoint_url(url);
        }
        if let Some(credentials) = &self.line.credentials {
            loader = loader.credentials_provider(credentials.clone());
        }
        let config = loader.load().await;
        let Some(role) = &self.settings.role else { return config };
        let mut for_role = config.to_builder();
        if let Some(url) = self.settings.endpoints.get("sts") {
            for_role = for_role.endpoint_url(url);
        }
        let assumed = aws_config::sts::AssumeRoleProvider::builder(role)
            .session_name("muster")
            .region(Region::new(self.region.clone()))
            .configure(&for_role.build())
            .build()
            .await;
        config
            .to_builder()
            .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(assumed))
            .build()
    }
}
