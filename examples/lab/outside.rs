//! What stands outside both regions: the status hook, which hears about the drill and whose port is the witness; and
//! the automatic failover, which the drill holds back.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use clap::ValueEnum;
use hyper::{Method, StatusCode};

use crate::Result;
use crate::http::{self, answer};
use crate::world::{Lab, OUTSIDE};

/// Keeps what is told to it in `status.jsonl`, one message a line, until it is ended.
pub(crate) async fn run(lab: Lab) -> Result<()> {
    let listener = http::listen(SocketAddr::new(OUTSIDE, lab.ports.outside))?;
    let path = Arc::new(lab.folder.join("status.jsonl"));
    http::serve(listener, move |request| {
        let path = Arc::clone(&path);
        async move {
            if request.method() != Method::POST {
                return answer(StatusCode::OK, "the status page");
            }
            let heard = http::body(request).await.and_then(|body| {
                let line = String::from_utf8_lossy(&body).replace('\n', " ") + "\n";
                let file = OpenOptions::new().create(true).append(true).open(&*path);
                file.and_then(|mut file| file.write_all(line.as_bytes())).map_err(|error| error.to_string())
            });
            match heard {
                Ok(()) => answer(StatusCode::OK, "heard"),
                Err(why) => answer(StatusCode::INTERNAL_SERVER_ERROR, why),
            }
        }
    })
    .await
}

/// What the automatic failover is asked.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum AutofailoverVerb {
    Pause,
    Resume,
    Status,
}

/// What it does: the answer to `status`, and what `status` may be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AutofailoverState {
    Paused,
    Active,
}

impl AutofailoverState {
    fn word(self) -> &'static str {
        match self {
            Self::Paused => "paused",
            Self::Active => "active",
        }
    }
}

/// Pauses or resumes it, or says whether it is in a state: exit 0 if so, 1 if not; unstated: whether it is paused.
pub(crate) fn autofailover(lab: &Lab, verb: AutofailoverVerb, asked: Option<AutofailoverState>) -> Result<ExitCode> {
    let path = lab.folder.join("autofailover");
    let set = |state: AutofailoverState| {
        let written = fs::write(&path, state.word());
        written.map(|()| ExitCode::SUCCESS).map_err(|error| format!("{}: {error}", path.display()))
    };
    match verb {
        AutofailoverVerb::Pause => set(AutofailoverState::Paused),
        AutofailoverVerb::Resume => set(AutofailoverState::Active),
        AutofailoverVerb::Status => {
            let state = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            println!("{state}");
            let wanted = asked.unwrap_or(AutofailoverState::Paused);
            Ok(if state == wanted.word() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}
