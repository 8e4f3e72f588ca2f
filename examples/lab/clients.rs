//! Programs like users': they write, read, connect and push without pause, through the DNS name, each time with a fresh question
//! and a fresh connection, and note what was acknowledged and what failed, with its time: the ground truth that a
//! drill's figures are compared with.
//!
//! `clients.jsonl`, one line an attempt:
//! `{"what":"write","n":17,"sent":"…Z","answered":"…Z","ok":true,"where":"127.0.10.1","said":"written 17"}`.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::Result;
use crate::http;
use crate::names;
use crate::repos;
use crate::world::Lab;

/// Users give up after so long.
const PATIENCE: Duration = Duration::from_secs(3);
/// The longest log, in bytes: then the clients end, and say so.
const LOG_MAX: u64 = 2 * 1024 * 1024 * 1024;
/// Whose rows the writer's are.
pub(crate) const CLIENT: &str = "clients";

/// One attempt and what became of it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Attempt {
    /// `write`, `read`, `connect` (to the git server) or `push`.
    pub(crate) what: String,
    /// Its number, from 0, without gaps.
    pub(crate) n: u64,
    pub(crate) sent: Timestamp,
    pub(crate) answered: Timestamp,
    /// Whether it was acknowledged.
    pub(crate) ok: bool,
    /// The address that the name had; none if it had no answer.
    #[serde(rename = "where")]
    pub(crate) address: Option<IpAddr>,
    pub(crate) said: String,
}

struct Log {
    file: Mutex<(File, u64)>,
}

impl Log {
    fn write(&self, attempt: &Attempt) -> Result<()> {
        let line = serde_json::to_string(attempt).map_err(|error| error.to_string())? + "\n";
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.1 += line.len() as u64;
        if file.1 > LOG_MAX {
            return Err(format!("the clients' log has grown past {LOG_MAX} bytes: the clients end"));
        }
        file.0.write_all(line.as_bytes()).map_err(|error| format!("the clients' log: {error}"))
    }
}

/// Works until it is ended.
pub(crate) async fn run(lab: Lab) -> Result<()> {
    let path = lab.folder.join("clients.jsonl");
    let file = OpenOptions::new().create(true).append(true).open(&path);
    let file = file.map_err(|error| format!("{}: {error}", path.display()))?;
    let log = Arc::new(Log { file: Mutex::new((file, 0)) });
    let scratch = lab.folder.join("clients.git");
    repos::scratch(&lab, &scratch)?;
    let lab = &lab;
    let pause = Duration::from_millis(lab.client_pause_ms);
    let (host, git) = (names::code(), names::git());
    let write = attempts("write", pause, &log, async |n| {
        let (address, asked) = (resolve(lab, &host).await, format!("{CLIENT} {n}"));
        (address.clone().ok(), answered(lab, &host, address, "POST /items", &asked).await)
    });
    let read = attempts("read", pause * 2, &log, async |_| {
        let address = resolve(lab, &host).await;
        (address.clone().ok(), answered(lab, &host, address, &format!("GET /items/{CLIENT}"), "").await)
    });
    let connect = attempts("connect", pause * 2, &log, async |_| match resolve(lab, &git).await {
        Err(why) => (None, Err(why)),
        Ok(address) => {
            let at = SocketAddr::new(address, lab.ports.git);
            let connected = timeout(PATIENCE, TcpStream::connect(at)).await;
            let said =
                connected.map_or_else(|_| Err("no answer".to_owned()), |it| it.map_err(|error| error.to_string()));
            (Some(address), said.map(|_| "connected".to_owned()))
        }
    });
    let push = attempts("push", pause * 5, &log, async |n| match resolve(lab, &git).await {
        Err(why) => (None, Err(why)),
        Ok(address) => {
            // What git connects to is what the name was resolved to by users' resolver, a moment ago.
            let port = lab.ports.git;
            let setting = format!("http.curloptResolve={git}:{port}:{address}");
            let url = format!("http://{git}:{port}/git/clients.git");
            let reference = format!("refs/pushes/{n}");
            let (message, settings) = (format!("push {n}"), [setting]);
            let pushed = repos::push(lab, &scratch, &url, &reference, &message, &settings);
            let done = timeout(PATIENCE * 2, pushed).await.unwrap_or_else(|_| Err("no answer".to_owned()));
            (Some(address), done.map(|()| format!("pushed {n}")))
        }
    });
    let (write, read, connect, push) = tokio::join!(write, read, connect, push);
    write.and(read).and(connect).and(push)
}

/// One attempt after the other, each written down when it is answered.
async fn attempts<F>(what: &str, pause: Duration, log: &Log, mut one: F) -> Result<()>
where
    F: AsyncFnMut(u64) -> (Option<IpAddr>, Result<String>),
{
    for n in 0.. {
        let sent = Timestamp::now();
        let (address, result) = one(n).await;
        let (ok, said) = match result {
            Ok(said) => (true, said),
            Err(said) => (false, said),
        };
        log.write(&Attempt { what: what.to_owned(), n, sent, answered: Timestamp::now(), ok, address, said })?;
        tokio::time::sleep(pause).await;
    }
    Ok(())
}

async fn resolve(lab: &Lab, name: &str) -> Result<IpAddr> {
    let (resolver, name) = (lab.resolver(), name.to_owned());
    let asked = tokio::task::spawn_blocking(move || names::ask(resolver, &name, Duration::from_secs(1)));
    let (addresses, _) = asked.await.map_err(|error| error.to_string())??;
    addresses.first().copied().ok_or_else(|| "the name has no address".to_owned())
}

async fn answered(lab: &Lab, host: &str, address: Result<IpAddr>, line: &str, body: &str) -> Result<String> {
    let at = SocketAddr::new(address?, lab.ports.app);
    let (status, said) = http::ask(at, host, line, body, PATIENCE).await?;
    if status == 200 { Ok(said) } else { Err(format!("{status}: {said}")) }
}
