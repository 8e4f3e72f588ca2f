//! One region's repositories: what is asked of the machine that has them, in the words of `store.sh`.

use std::sync::{Mutex, PoisonError};

use crate::id::RegionRole;
use crate::infrastructure::real::git::Side as Settings;
use crate::provider::host::{Host, MarkFile, last_line, quoted};
use crate::resource::{Claimed, Context, Finished, Marker, ProviderError, ReplicaRole};
use crate::time::Span;

/// The script that knows how each question is answered.
const STORE: &str = include_str!("store.sh");
/// What is kept of a short answer, in bytes.
const SHORT: usize = 64 * 1024;
/// The longest list of references, in bytes: some million of them.
const LIST_MAX: usize = 512 * 1024 * 1024;
/// How long comparing, reading through or copying everything may take.
const LONG: Span = Span::from_secs(3600);
/// The script says so where there are no books.
const NO_BOOKS: i32 = 9;
/// The script says so where a repository does not go through the gate.
const NOT_GATED: i32 = 8;
/// The longest argument, in bytes: systems take no more than 128 KiB.
const ARGUMENT_MAX: usize = 60 * 1024;

/// What the books of a side say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Books {
    pub(super) role: ReplicaRole,
    pub(super) follows: Option<RegionRole>,
    pub(super) position: u64,
    /// Why pushes are refused.
    pub(super) fence: Option<String>,
    /// One of its repositories, whichever; none if it has none.
    pub(super) repository: Option<String>,
}

/// One region's side.
pub(super) struct Side {
    pub(super) settings: Settings,
    pub(super) region: RegionRole,
    pub(super) host: Host,
    pub(super) timeout: Span,
    pub(super) mark: MarkFile,
    /// The repository that the books named last, which is asked whether users reach it.
    pub(super) last_found: Mutex<Option<String>>,
}

impl Side {
    /// Marks it, if the folder is a storage at all: nothing is written anywhere else.
    pub(super) async fn claim(
        &self,
        cx: &Context,
        marker: &Marker,
        over: Option<&Marker>,
    ) -> Result<Claimed, ProviderError> {
        self.books(cx).await?;
        self.mark.claim(cx, marker, over).await
    }

    /// Runs a verb of the script where the repositories are.
    async fn ask(
        &self,
        cx: &Context,
        verb: &str,
        arguments: &[&str],
        timeout: Span,
        limit: usize,
    ) -> Result<String, ProviderError> {
        let argv = self.argv(verb, arguments);
        let finished = self.host.run(cx, &argv, timeout, limit).await?;
        self.answer(finished, limit)
    }

    /// The same, with what may be longer than a system takes as arguments.
    async fn ask_fed(
        &self,
        cx: &Context,
        verb: &str,
        arguments: &[&str],
        input: String,
    ) -> Result<String, ProviderError> {
        let argv = self.argv(verb, arguments);
        let finished = self.host.run_fed(cx, &argv, input, LONG, LIST_MAX).await?;
        self.answer(finished, LIST_MAX)
    }

    fn argv(&self, verb: &str, arguments: &[&str]) -> Vec<String> {
        let words = ["muster", verb, self.settings.path.as_str()].into_iter().chain(arguments.iter().copied());
        if self.settings.via.is_empty() {
            return ["sh", "-c", STORE].into_iter().chain(words).map(str::to_owned).collect();
        }
        // What stands between here and there hands one text to a shell.
        let line = ["sh", "-c", STORE].into_iter().chain(words).map(quoted).collect::<Vec<_>>().join(" ");
        self.settings.via.iter().cloned().chain([line]).collect()
    }

    fn answer(&self, finished: Finished, limit: usize) -> Result<String, ProviderError> {
        let said = || format!("the repositories in {}: {}", self.region, last_line(&finished.stderr));
        match finished.code {
            Some(0) if finished.bytes > limit as u64 => {
                Err(ProviderError::Refused(format!("the repositories in {} said too much", self.region)))
            }
            Some(0) => Ok(finished.stdout),
            Some(NO_BOOKS | NOT_GATED) => Err(ProviderError::Refused(said())),
            _ => Err(ProviderError::Unreachable(said())),
        }
    }

    async fn short(&self, cx: &Context, verb: &str, arguments: &[&str]) -> Result<String, ProviderError> {
        self.ask(cx, verb, arguments, self.timeout, SHORT).await
    }

    async fn long(&self, cx: &Context, verb: &str, arguments: &[&str]) -> Result<String, ProviderError> {
        self.ask(cx, verb, arguments, LONG, LIST_MAX).await
    }

    pub(super) fn last_found(&self) -> Option<String> {
        self.last_found.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn found(&self, repository: Option<String>) {
        *self.last_found.lock().unwrap_or_else(PoisonError::into_inner) = repository;
    }

    pub(super) async fn books(&self, cx: &Context) -> Result<Books, ProviderError> {
        let said = self.short(cx, "state", &[]).await?;
        books(&said).ok_or_else(|| {
            ProviderError::Refused(format!("the books of the repositories in {} can't be read: {said}", self.region))
        })
    }

    /// When the first push was taken that a copy at this position lacks, in seconds of the machine's clock.
    pub(super) async fn waiting_since(&self, cx: &Context, copied: u64) -> Result<Option<u64>, ProviderError> {
        Ok(self.short(cx, "waiting", &[&copied.to_string()]).await?.trim().parse().ok())
    }

    /// Sets the fence and waits for the pushes under way: how many there were, and the position that is final now.
    pub(super) async fn fence(&self, cx: &Context, why: &str) -> Result<(u32, u64), ProviderError> {
        // In tenths of a second, and before the command's own end.
        let patience = (self.timeout.as_millis() / 100).saturating_sub(20).max(10).to_string();
        let said = self.short(cx, "fence", &[why, &patience]).await?;
        let numbers = said.trim().split_once(' ').and_then(|(one, two)| Some((one.parse().ok()?, two.parse().ok()?)));
        numbers.ok_or_else(|| ProviderError::Unreachable(format!("the fence in {} says `{said}`", self.region)))
    }

    pub(super) async fn unfence(&self, cx: &Context) -> Result<(), ProviderError> {
        self.short(cx, "unfence", &[]).await.map(|_| ())
    }

    pub(super) async fn promote(&self, cx: &Context) -> Result<(), ProviderError> {
        self.short(cx, "promote", &[]).await.map(|_| ())
    }

    /// Makes a repository behind the gate, if it is not there.
    pub(super) async fn make(&self, cx: &Context, repository: &str) -> Result<(), ProviderError> {
        self.short(cx, "repository", &[repository]).await.map(|_| ())
    }

    pub(super) async fn remove(&self, cx: &Context, repository: &str) -> Result<(), ProviderError> {
        self.short(cx, "remove", &[repository]).await.map(|_| ())
    }

    /// All references of all repositories, as [`super::compare::parse`] reads them.
    pub(super) async fn list(&self, cx: &Context) -> Result<String, ProviderError> {
        self.long(cx, "list", &[]).await
    }

    /// The references of one repository under a prefix; none if it is not there.
    pub(super) async fn refs(&self, cx: &Context, repository: &str, under: &str) -> Result<String, ProviderError> {
        self.ask(cx, "refs", &[repository, under], self.timeout, LIST_MAX).await
    }

    /// What has become of each difference, line by line; `asked` as [`super::compare::asked`] writes it.
    /// The copy has taken `copied` pushes.
    pub(super) async fn differs(&self, cx: &Context, copied: u64, asked: String) -> Result<String, ProviderError> {
        self.ask_fed(cx, "differs", &[&copied.to_string()], asked).await
    }

    /// Refuses unless every repository goes through the gate: one that does not goes on taking pushes behind a fence.
    pub(super) async fn gated(&self, cx: &Context) -> Result<(), ProviderError> {
        self.short(cx, "gated", &[]).await.map(|_| ())
    }

    /// How many of these references, one a line, name what is known here and is no part of what stands here under
    /// their names.
    pub(super) async fn lacks(&self, cx: &Context, lines: String) -> Result<u64, ProviderError> {
        let said = self.ask_fed(cx, "lacks", &[&lines.lines().count().to_string()], lines).await?;
        let told = |_| ProviderError::Unreachable(format!("what {} lacks says `{}`", self.region, said.trim()));
        said.trim().parse().map_err(told)
    }

    /// How many of these repositories are damaged.
    pub(super) async fn damaged(&self, cx: &Context, repositories: &[String]) -> Result<u32, ProviderError> {
        let mut damaged = 0;
        for part in parts(repositories) {
            let said = self.long(cx, "check", &[&part]).await?;
            damaged += said.lines().filter(|line| *line == "damaged").count();
        }
        Ok(u32::try_from(damaged).unwrap_or(u32::MAX))
    }

    /// Nobody pushes here any more: it is being made a copy.
    pub(super) async fn follow(&self, cx: &Context, from: RegionRole) -> Result<(), ProviderError> {
        self.short(cx, "follow", &[from.as_str()]).await.map(|_| ())
    }

    /// Makes these repositories what they are at `url`.
    pub(super) async fn fetch(&self, cx: &Context, url: &str, repositories: &[String]) -> Result<(), ProviderError> {
        for part in parts(repositories) {
            self.long(cx, "fetch", &[url, &part]).await?;
        }
        Ok(())
    }

    /// It is a copy now that has everything up to this position.
    pub(super) async fn followed(&self, cx: &Context, position: u64) -> Result<(), ProviderError> {
        self.short(cx, "followed", &[&position.to_string()]).await.map(|_| ())
    }

    /// The book of deletions: lines of `SECONDS NAME`.
    pub(super) async fn deletions(&self, cx: &Context) -> Result<String, ProviderError> {
        self.long(cx, "deletions", &[]).await
    }

    /// Gives back what was deleted at `at`: `gone`, or `REFS REFS-BEFORE OBJECTS DAMAGED PLACE`.
    pub(super) async fn recover(&self, cx: &Context, run: &str, at: u64, name: &str) -> Result<String, ProviderError> {
        self.long(cx, "recover", &[run, &at.to_string(), name]).await
    }

    /// Removes whatever `run` recovered; says what, a line each.
    pub(super) async fn discard_recovered(&self, cx: &Context, run: &str) -> Result<String, ProviderError> {
        self.long(cx, "discard-recovered", &[run]).await
    }

    /// Keeps what the other side does not have of these repositories, `asked` as [`super::compare::kept`] writes it, in a
    /// folder `name`: how many commits and annotated tags, and where.
    pub(super) async fn preserve(
        &self,
        cx: &Context,
        name: &str,
        asked: String,
    ) -> Result<(u64, String), ProviderError> {
        let groups = asked.lines().filter(|line| line.starts_with("= ")).count().to_string();
        let said = self.ask_fed(cx, "preserve", &[name, &groups], asked).await?;
        let parsed = said.trim().split_once(' ').and_then(|(count, at)| Some((count.parse().ok()?, at.to_owned())));
        parsed.ok_or_else(|| ProviderError::Unreachable(format!("what was kept in {} says `{said}`", self.region)))
    }
}

/// Lines in arguments that a system takes.
fn parts(lines: &[String]) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for line in lines {
        match parts.last_mut() {
            Some(part) if part.len() + line.len() < ARGUMENT_MAX => {
                part.push('\n');
                part.push_str(line);
            }
            _ => parts.push(line.clone()),
        }
    }
    parts
}

fn books(said: &str) -> Option<Books> {
    let field = |name: &str| said.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let region = |name: &str| RegionRole::ALL.into_iter().find(|role| role.as_str() == name);
    let (role, follows) = match field("role")? {
        "primary" => (ReplicaRole::Primary, None),
        other => (ReplicaRole::Replica, Some(region(other.strip_prefix("replica ")?)?)),
    };
    let [fence, repository] = ["fence", "repository"].map(|name| field(name).map(str::to_owned));
    Some(Books { role, follows, position: field("position")?.trim().parse().ok()?, fence, repository })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn books_say_who_takes_pushes_and_what_is_not_known_is_no_guess() {
        let copy = books("role replica primary\nposition 7\nfence being rebuilt\n").unwrap();
        assert_eq!((copy.role, copy.follows), (ReplicaRole::Replica, Some(RegionRole::Primary)));
        assert_eq!((copy.position, copy.fence.as_deref()), (7, Some("being rebuilt")));
        assert_eq!(books("role primary\nposition 3").unwrap().fence, None);
        for broken in ["", "role \nposition 3", "role replica mars\nposition 3", "role primary\nposition many"] {
            assert_eq!(books(broken), None, "{broken}");
        }
    }

    #[test]
    fn long_lists_are_handed_over_in_parts() {
        let lines: Vec<String> = (0..5000).map(|n| format!("{n:040}")).collect();
        let parts = parts(&lines);
        assert!(parts.len() > 1 && parts.iter().all(|part| part.len() < ARGUMENT_MAX + 41));
        assert_eq!(parts.join("\n"), lines.join("\n"));
    }
}
