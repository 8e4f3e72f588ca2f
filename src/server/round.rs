//! One round: survey, decide, do, tell.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::config::Named;
use super::decide::{Deed, Known, could_not_begin, decide};
use super::launch::EndedChild;
use super::news::{News, NewsKind};
use super::{Daemon, Shown, deliver};
use crate::app::{AppError, Ledger, left_behind, open_gates};
use crate::model::Environment;
use crate::report::{feed, status};
use crate::schedule::Survey;
use crate::time::Clock;

/// What the daemon notes when it first serves on a store.
const SINCE: &str = "muster serve";
/// Quarters that the status shows.
const QUARTERS: usize = 4;

impl Daemon {
    /// Does everything that is due at `now`; says when something is next.
    pub(super) async fn round(&mut self, clock: &Clock, now: Timestamp) -> Option<Timestamp> {
        let done = self.work(now);
        let told = match &done {
            Ok(_) => deliver::deliver(&self.config, &self.runs, clock, now, &*self.say).await,
            Err(_) => Ok(()),
        };
        let mut board = self.board.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        board.rounds += 1;
        let failure =
            done.as_ref().err().map(ToString::to_string).or_else(|| told.err().map(|error| error.to_string()));
        if let Some(why) = &failure {
            board.failed_rounds += 1;
            (self.say)(&format!("this round failed, and the next one tries again: {why}"));
        }
        board.failure = failure;
        if let Ok((deliveries, undelivered)) = self.deliveries() {
            (board.deliveries, board.undelivered) = (deliveries, undelivered);
        }
        done.ok().flatten()
    }

    fn deliveries(&self) -> Result<(std::collections::BTreeMap<String, u64>, Vec<String>), AppError> {
        let mut ledger = Ledger::open(&self.runs)?;
        ledger.store().deliveries().map_err(|error| AppError::Files(error.to_string()))
    }

    fn work(&mut self, now: Timestamp) -> Result<Option<Timestamp>, AppError> {
        // Before the index is read: a run that has ended by now is in it.
        let all_ended = self.children.ended();
        let survey = Survey::read(&self.config.playbooks, &self.runs, now)?;
        let files = |error: crate::store::StoreError| AppError::Files(error.to_string());
        let mut ledger = Ledger::open(&self.runs)?;
        let since = ledger.since(&[SINCE], now)?.get(SINCE).copied();
        for ended in all_ended {
            self.ended(&ended, &survey, &mut ledger, now)?;
        }
        let left: Vec<String> = left_behind(&self.runs).into_iter().map(|left| left.run.to_string()).collect();
        let going: Vec<String> = survey
            .runs
            .iter()
            .filter(|row| row.verdict.is_none() && !left.contains(&row.run.to_string()))
            .map(|row| row.run.to_string())
            .collect();
        let mut gates = Vec::new();
        for run in &going {
            gates.extend(open_gates(&self.runs, run).into_iter().map(|(step, prompt)| (run.clone(), step, prompt)));
        }
        let mut taken: BTreeSet<(String, String)> = self.children.keys().cloned().collect();
        taken.extend(ledger.store().claimed().map_err(files)?.into_iter().map(|(playbook, what, _)| (playbook, what)));
        let told = ledger.store().told().map_err(files)?;
        let known = Known { taken, told, left_behind: left.clone(), gates, since };
        let (deeds, next) = decide(&survey, &known, self.config.left_behind.into());
        for deed in deeds {
            self.carry_out(deed, &survey, &mut ledger, now)?;
        }
        let mut board = self.board.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *board = Shown {
            at: Some(now),
            rows: survey.agenda(),
            feed: feed::feed(now, &survey.feed()),
            status: status::json(&survey.coverage(QUARTERS)),
            going: going.len() as u64,
            left_behind: left.len() as u64,
            problems: survey.problems.len() as u64,
            ..std::mem::take(&mut *board)
        };
        Ok(next)
    }

    fn carry_out(&mut self, deed: Deed, survey: &Survey, ledger: &mut Ledger, now: Timestamp) -> Result<(), AppError> {
        match deed {
            Deed::Begin { drill, occurrence, hold } => {
                let Some(drill) = survey.drills.get(drill) else { return Ok(()) };
                let (playbook, outline) = (&drill.playbook, &drill.playbook.outline);
                let mut arguments: Vec<String> =
                    ["run", &playbook.file, "--quiet", "--lead", SINCE, "--occurrence", &occurrence]
                        .map(str::to_owned)
                        .to_vec();
                let real = playbook.ground.as_ref().is_some_and(|ground| ground.environment != Environment::Simulated);
                if real {
                    arguments.extend(["--execute".to_owned(), "--mode".to_owned(), outline.mode.to_string()]);
                }
                if hold {
                    arguments.push("--hold".to_owned());
                }
                let name = (outline.name.clone(), occurrence.clone());
                if let Err(why) = self.children.start(name, &arguments) {
                    self.trouble(&outline.name, &outline.title, &occurrence, &why, ledger, now)?;
                }
                Ok(())
            }
            Deed::Resume { run } => {
                if self.resumed.insert(run.clone())
                    && let Err(why) = self
                        .children
                        .start((run.clone(), "resumed".to_owned()), &["resume".to_owned(), run, "--quiet".to_owned()])
                {
                    (self.say)(&why);
                }
                Ok(())
            }
            Deed::Tell { key, news } => self.tell(&key, &news, ledger, now),
        }
    }

    /// Notes what is to be told to everyone who wants to hear of such things.
    fn tell(&self, key: &str, news: &News, ledger: &mut Ledger, now: Timestamp) -> Result<(), AppError> {
        let targets: Vec<&str> =
            self.config.notify.iter().filter(|it| it.wants(news.event)).map(|it: &Named| it.name.as_str()).collect();
        let text = serde_json::to_string(news).unwrap_or_default();
        let new = ledger.store().tell(key, &text, &targets, now).map_err(|error| AppError::Files(error.to_string()))?;
        if new {
            (self.say)(&format!("{}: {}", news.headline(), news.text));
        }
        Ok(())
    }

    fn trouble(
        &self,
        playbook: &str,
        title: &str,
        occurrence: &str,
        why: &str,
        ledger: &mut Ledger,
        now: Timestamp,
    ) -> Result<(), AppError> {
        let news = News {
            event: NewsKind::Trouble,
            playbook: playbook.to_owned(),
            title: title.to_owned(),
            occurrence: Some(occurrence.to_owned()),
            run: None,
            verdict: None,
            text: format!("{playbook} could not begin for {occurrence}, and is not tried again by itself: {why}"),
            at: now,
        };
        self.tell(&could_not_begin(playbook, occurrence), &news, ledger, now)
    }

    /// A drill's process has ended: if it never became a run, people are told.
    fn ended(&self, ended: &EndedChild, survey: &Survey, ledger: &mut Ledger, now: Timestamp) -> Result<(), AppError> {
        let (playbook, occurrence) = &ended.name;
        let became_a_run = survey
            .runs
            .iter()
            .any(|row| row.playbook == *playbook && row.detail.occurrence.as_ref() == Some(occurrence));
        let Some(drill) = survey.drills.iter().find(|drill| drill.playbook.outline.name == *playbook) else {
            return Ok(());
        };
        if became_a_run {
            return Ok(());
        }
        let why = format!("{} ({})", ended.said, ended.status);
        self.trouble(playbook, &drill.playbook.outline.title, occurrence, &why, ledger, now)
    }
}
