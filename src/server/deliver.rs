//! Tells people: takes what waits in the store and sends it, again and again where that fails, and says so where it is given
//! up.

use jiff::{SignedDuration, Timestamp};
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};

use super::config::{Config, Email, Named, Shape};
use super::news::{News, signature};
use crate::app::{AppError, Ledger, Runs};
use crate::catalogue::split_url;
use crate::provider::network::RealNetwork;
use crate::resource::{Family, HttpRequest, Method, Resolver, TlsOptions};
use crate::secret::Redactor;
use crate::store::{Delivery, Telling};
use crate::time::{Clock, Span};

/// Whoever takes longer has not taken it.
const PATIENCE: Span = Span::from_secs(20);
/// The first wait; doubled each time.
const WAIT_SECS: i64 = 30;
/// The longest.
const WAIT_MAX_SECS: i64 = 3600;
/// So often it is tried.
const TRIES_MAX: u32 = 12;
/// What is read of an answer.
const ANSWER_MAX: usize = 1024;

/// Sends what is to be sent at `now`, one after another.
pub(super) async fn deliver(
    config: &Config,
    runs: &Runs,
    clock: &Clock,
    now: Timestamp,
    say: &(dyn Fn(&str) + Send + Sync),
) -> Result<(), AppError> {
    let files = |error: crate::store::StoreError| AppError::Files(error.to_string());
    let waiting = Ledger::open(runs)?.store().to_be_told(now).map_err(files)?;
    let network = RealNetwork::new();
    for telling in waiting {
        let sent = match config.notify.iter().find(|it| it.name == telling.target) {
            None => Err("nobody of that name is told any more".to_owned()),
            Some(to) => send(config, to, &telling, &network, clock, now).await,
        };
        let how = judge(sent, telling.tries, now, &config.redactor);
        if let Delivery::Failed(why) = &how {
            say(&format!("{} was not told of {}, and it is given up: {why}", telling.target, telling.key));
        } else if let Delivery::Again(_, why) = &how {
            say(&format!("{} was not told of {} yet, which is tried again: {why}", telling.target, telling.key));
        }
        Ledger::open(runs)?.store().delivered(&telling, &how).map_err(files)?;
    }
    Ok(())
}

/// What follows from a try; `tries`: how many there were before.
fn judge(sent: Result<(), String>, tries: u32, now: Timestamp, redactor: &Redactor) -> Delivery {
    match sent {
        Ok(()) => Delivery::Done,
        Err(why) => {
            let why = redactor.redact(&why).into_owned();
            if tries + 1 >= TRIES_MAX {
                return Delivery::Failed(why);
            }
            let wait = WAIT_SECS.saturating_mul(1 << tries.min(20)).min(WAIT_MAX_SECS);
            Delivery::Again(now.saturating_add(SignedDuration::from_secs(wait)).unwrap_or(Timestamp::MAX), why)
        }
    }
}

async fn send(
    config: &Config,
    to: &Named,
    telling: &Telling,
    network: &RealNetwork,
    clock: &Clock,
    now: Timestamp,
) -> Result<(), String> {
    let news: News = serde_json::from_str(&telling.told).map_err(|error| error.to_string())?;
    let sent = async {
        match (&to.webhook, &to.email) {
            (Some(_), _) => post(config, to, &telling.key, &news, network, clock, now).await,
            (None, Some(email)) => mail(config, email, &news).await,
            (None, None) => Err("it has neither a webhook nor an e-mail".to_owned()),
        }
    };
    clock.timeout(PATIENCE, sent).await.unwrap_or_else(|_| Err(format!("nothing came back within {PATIENCE}")))
}

async fn post(
    config: &Config,
    to: &Named,
    key: &str,
    news: &News,
    network: &RealNetwork,
    clock: &Clock,
    now: Timestamp,
) -> Result<(), String> {
    let source = to.webhook.as_ref().ok_or("it has no webhook")?;
    let url = source.resolve(&config.redactor).map_err(|error| error.to_string())?;
    let (host, port, _) =
        split_url(url.expose()).map_err(|_| "the webhook is not an http:// or https:// URL with a host".to_owned())?;
    let body = match to.shape {
        Shape::Json => news.json(key),
        Shape::Slack => news.slack(),
    };
    let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    if let Some(secret) = &to.secret {
        let secret = secret.resolve(&config.redactor).map_err(|error| error.to_string())?;
        headers.push(("x-muster-timestamp".to_owned(), now.as_second().to_string()));
        headers.push(("x-muster-signature".to_owned(), signature(secret.expose().as_bytes(), now.as_second(), &body)));
    }
    let request = HttpRequest {
        method: Method::Post,
        url: url.expose().into(),
        host: host.into(),
        port,
        headers,
        secret_headers: Vec::new(),
        body: Some(body),
        redirects: 0,
        resolver: Resolver::System,
        family: Family::default(),
        tls: TlsOptions::default(),
        body_limit: ANSWER_MAX,
    };
    let answer = network.send(clock, &request).await.result.map_err(|error| error.text)?;
    if (200..300).contains(&answer.status) { Ok(()) } else { Err(format!("the webhook answered {}", answer.status)) }
}

async fn mail(config: &Config, email: &Email, news: &News) -> Result<(), String> {
    let address = |text: &str| text.parse::<Mailbox>().map_err(|error| format!("`{text}` is no address: {error}"));
    let mut message = Message::builder().from(address(&email.from)?).subject(format!("[muster] {}", news.headline()));
    for to in &email.to {
        message = message.to(address(to)?);
    }
    let message = message
        .header(ContentType::TEXT_PLAIN)
        .body(format!("{}\n\nPlaybook: {}\nAt: {}\n", news.text, news.playbook, news.at))
        .map_err(|error| error.to_string())?;
    let transport = transport(email, &config.redactor)?;
    transport.send(message).await.map(drop).map_err(|error| error.to_string())
}

/// A way to the server of an e-mail.
///
/// # Errors
/// What is wrong with it.
pub(super) fn transport(email: &Email, redactor: &Redactor) -> Result<AsyncSmtpTransport<Tokio1Executor>, String> {
    let server = &email.server;
    let (scheme, rest) = server.split_once("://").ok_or_else(|| scheme_wanted(server))?;
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    let plain = match scheme {
        "smtps" | "smtp" if rest.contains('@') || rest.contains('?') => {
            return Err(format!(
                "`{server}`: the address has a host and a port alone; TLS is always spoken, but to the loopback interface"
            ));
        }
        "smtps" => false,
        "smtp" => is_loopback(host),
        _ => return Err(scheme_wanted(server)),
    };
    let url = if plain || scheme == "smtps" { server.clone() } else { format!("{server}?tls=required") };
    let mut builder =
        AsyncSmtpTransport::<Tokio1Executor>::from_url(&url).map_err(|error| format!("`{server}`: {error}"))?;
    if let Some(user) = &email.user {
        let password = email.password.as_ref().ok_or("a `user` has a `password`")?;
        let password = password.resolve(redactor).map_err(|error| error.to_string())?;
        builder = builder.credentials(Credentials::new(user.clone(), password.expose().to_owned()));
    }
    Ok(builder.timeout(Some(std::time::Duration::from_secs(15))).build())
}

fn scheme_wanted(server: &str) -> String {
    format!("`{server}` is no mail server; write smtps://HOST, or smtp://HOST for STARTTLS")
}

/// Whether a host, with its port or without, is this machine.
fn is_loopback(host: &str) -> bool {
    let alone = host.rsplit_once(':').map_or(host, |(alone, _)| alone);
    let alone = alone.trim_start_matches('[').trim_end_matches(']');
    alone == "localhost" || alone.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_taken_is_tried_again_ever_later_and_given_up_in_the_end() {
        let now = Timestamp::from_second(1000).unwrap();
        let again = |tries| judge(Err("down".to_owned()), tries, now, &Redactor::default());
        let after = |tries| match again(tries) {
            Delivery::Again(at, _) => at.as_second() - 1000,
            other => panic!("{other:?}"),
        };
        assert_eq!([0, 1, 2, 10].map(after), [30, 60, 120, 3600]);
        assert_eq!(again(11), Delivery::Failed("down".to_owned()));
        assert_eq!(judge(Ok(()), 3, now, &Redactor::default()), Delivery::Done);
    }
}
