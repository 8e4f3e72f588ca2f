//! The mark of a run as a file where a resource lives, for providers whose resources have no place for one of their own.
//!
//! Reading and judging is done here, and the change by a script that replaces exactly what was read, so that nobody can
//! come in between.

use super::{Host, last_line, quoted};
use crate::resource::{Claimed, Context, Finished, Marker, ProviderError};
use crate::time::Span;

/// The script that reads and replaces a mark.
const SCRIPT: &str = include_str!("mark.sh");
/// How long that may take.
const TIMEOUT: Span = Span::from_secs(30);
/// The longest mark, in bytes.
const MARK_MAX: usize = 16 * 1024;
/// The script says so if the file does not hold what was expected.
const OVERTAKEN: i32 = 7;
/// How often a claim looks again that was overtaken.
const ROUNDS: u32 = 5;

/// A file that may hold a mark.
#[derive(Clone)]
pub struct MarkFile {
    host: Host,
    via: Vec<String>,
    path: String,
}

impl MarkFile {
    /// The file `path` on the machine on which `via` runs a command; nothing: on this one.
    #[must_use]
    pub fn new(host: &Host, via: &[String], path: String) -> Self {
        Self { host: host.clone(), via: via.to_vec(), path }
    }

    async fn ask(&self, cx: &Context, verb: &str, arguments: &[&str]) -> Result<Finished, ProviderError> {
        let words =
            ["sh", "-c", SCRIPT, "muster", verb, self.path.as_str()].into_iter().chain(arguments.iter().copied());
        let argv: Vec<String> = if self.via.is_empty() {
            words.map(str::to_owned).collect()
        } else {
            let line = words.map(quoted).collect::<Vec<_>>().join(" ");
            self.via.iter().cloned().chain([line]).collect()
        };
        let finished = self.host.run(cx, &argv, TIMEOUT, MARK_MAX).await?;
        if let Some(0 | OVERTAKEN) = finished.code {
            return Ok(finished);
        }
        let why = last_line(&finished.stderr);
        Err(ProviderError::Unreachable(format!("the mark in {} can't be kept: {why}", self.path)))
    }

    /// The line that stands there, and the mark that it is.
    async fn shown(&self, cx: &Context) -> Result<Option<(String, Marker)>, ProviderError> {
        let said = self.ask(cx, "show", &[]).await?.stdout;
        let line = said.trim_end_matches('\n');
        if line.is_empty() {
            return Ok(None);
        }
        match serde_json::from_str(line) {
            Ok(marker) => Ok(Some((line.to_owned(), marker))),
            Err(error) => Err(ProviderError::Refused(format!("the mark in {} is damaged: {error}", self.path))),
        }
    }

    /// Puts `new` where `expected` stood; `false`: something else stands there by now.
    async fn put(&self, cx: &Context, expected: &str, new: &str) -> Result<bool, ProviderError> {
        Ok(self.ask(cx, "put", &[expected, new]).await?.code == Some(0))
    }

    /// Refuses what is asked for on behalf of another run than the one that has the mark.
    ///
    /// # Errors
    /// [`ProviderError::Refused`] if another run, or a later process of this one, has it; others if it can't be read.
    pub async fn guard(&self, cx: &Context) -> Result<(), ProviderError> {
        match self.shown(cx).await? {
            Some((_, there)) if there.run != cx.run || there.fencing > cx.fencing => {
                Err(ProviderError::Refused(format!("{there}, number {}", there.fencing)))
            }
            _ => Ok(()),
        }
    }

    /// As [`crate::resource::Exclusive::claim`].
    ///
    /// # Errors
    /// If the file can't be read or written.
    pub async fn claim(&self, cx: &Context, marker: &Marker, over: Option<&Marker>) -> Result<Claimed, ProviderError> {
        let new = serde_json::to_string(marker).map_err(|error| ProviderError::Refused(error.to_string()))?;
        for _ in 0..ROUNDS {
            let there = self.shown(cx).await?;
            let expected = match &there {
                Some((_, there)) if !marker.continues(there) && over != Some(there) => {
                    return Ok(Claimed::Taken(there.clone()));
                }
                Some((line, _)) => line.as_str(),
                None => "",
            };
            if expected == new || self.put(cx, expected, &new).await? {
                return Ok(Claimed::Ours);
            }
        }
        Err(ProviderError::Unreachable(format!("the mark in {} changes all the time", self.path)))
    }

    /// As [`crate::resource::Exclusive::release`].
    ///
    /// # Errors
    /// If the file can't be read or written.
    pub async fn release(&self, cx: &Context, marker: &Marker) -> Result<(), ProviderError> {
        match self.shown(cx).await? {
            // Whoever came in between has it now.
            Some((line, there)) if marker.continues(&there) => self.put(cx, &line, "").await.map(drop),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;

    use super::*;
    use crate::id::RunId;
    use crate::provider::process::RealProcesses;
    use crate::resource::{Actor, Cancellation, Errand};
    use crate::time::run_real;

    fn marker(run: &str, fencing: u64) -> Marker {
        let since = "2026-11-22T08:42:16.5Z".parse().unwrap();
        Marker { run: RunId::new(run).unwrap(), fencing, who: "o'ps \"at\" bastion-1".to_owned(), since }
    }

    const OURS: &str = "20261122-084216-drill";
    const THEIRS: &str = "20261122-084217-drill";

    fn play(test: &impl AsyncFn(&MarkFile, &dyn Fn(&str, u64) -> Context, &std::path::Path)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/mark");
        let host = Host::new(Arc::new(RealProcesses::default()));
        // What stands between hands one text to a shell, as `ssh` does.
        for via in [vec![], vec!["sh".to_owned(), "-c".to_owned()]] {
            let file = MarkFile::new(&host, &via, path.to_string_lossy().into_owned());
            run_real(async |clock| {
                let cx = |run: &str, fencing| Context {
                    run: RunId::new(run).unwrap(),
                    actor: Actor::Muster,
                    attempt: 1,
                    errand: Errand::Do,
                    clock: clock.clone(),
                    fencing,
                    cancel: Cancellation::default(),
                };
                test(&file, &cx, &path).await;
            })
            .unwrap();
            assert_eq!(fs::read_dir(folder.path().join("deep")).unwrap().count(), 0, "nothing stays");
        }
    }

    #[test]
    fn a_mark_is_one_runs_until_it_lets_go_and_refuses_acts_of_others() {
        play(&async |file, cx, path| {
            let (ours, theirs) = (marker(OURS, 4), marker(THEIRS, 9));
            file.guard(&cx(THEIRS, 9)).await.unwrap();
            assert_eq!(file.claim(&cx(OURS, 4), &ours, None).await.unwrap(), Claimed::Ours);
            assert_eq!(file.claim(&cx(OURS, 4), &ours, None).await.unwrap(), Claimed::Ours);
            assert_eq!(file.claim(&cx(THEIRS, 9), &theirs, None).await.unwrap(), Claimed::Taken(ours.clone()));
            file.guard(&cx(OURS, 4)).await.unwrap();
            let refused = file.guard(&cx(THEIRS, 9)).await.unwrap_err().to_string();
            assert!(refused.contains(OURS), "{refused}");
            // A later process of the same run has it, and an earlier one has it no more.
            assert_eq!(file.claim(&cx(OURS, 5), &marker(OURS, 5), None).await.unwrap(), Claimed::Ours);
            assert!(file.guard(&cx(OURS, 4)).await.is_err());
            file.release(&cx(OURS, 4), &ours).await.unwrap();
            file.release(&cx(THEIRS, 9), &theirs).await.unwrap();
            assert!(path.exists(), "another one's mark stands");
            // Passed over, but only if it is exactly the one that was seen.
            let passed = file.claim(&cx(THEIRS, 9), &theirs, Some(&ours)).await.unwrap();
            assert_eq!(passed, Claimed::Taken(marker(OURS, 5)));
            let passed = file.claim(&cx(THEIRS, 9), &theirs, Some(&marker(OURS, 5))).await.unwrap();
            assert_eq!(passed, Claimed::Ours);
            file.release(&cx(THEIRS, 9), &theirs).await.unwrap();
            assert!(!path.exists());
        });
    }

    #[test]
    fn of_many_that_claim_at_once_one_has_it() {
        play(&async |file, cx, _| {
            let clock = cx(OURS, 1).clock;
            let claims: Vec<_> = (0..8)
                .map(|n| {
                    let (file, marker) = (file.clone(), marker(&format!("20261122-08421{n}-drill"), 1));
                    let cx = cx(marker.run.as_str(), 1);
                    clock.spawn(async move { (file.claim(&cx, &marker, None).await, cx, marker) })
                })
                .collect();
            let mut ours = Vec::new();
            for claim in claims {
                let (claimed, cx, marker) = claim.await.unwrap();
                if claimed == Ok(Claimed::Ours) {
                    ours.push((cx, marker));
                }
            }
            assert_eq!(ours.len(), 1);
            file.release(&ours[0].0, &ours[0].1).await.unwrap();
        });
    }

    #[test]
    fn what_is_no_mark_is_nobodys_to_pass_over() {
        play(&async |file, cx, path| {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "notes\n").unwrap();
            assert!(file.claim(&cx(OURS, 1), &marker(OURS, 1), None).await.is_err());
            assert!(file.guard(&cx(OURS, 1)).await.is_err());
            assert_eq!(fs::read_to_string(path).unwrap(), "notes\n");
            fs::remove_file(path).unwrap();
        });
    }
}
