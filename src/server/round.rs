//! One round: survey, decide, do, tell.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::config::Named;
use super::decide::{Deed, Known, RESUMED, could_not_begin, decide, resumes};
use super::launch::EndedChild;
use super::news::{News, NewsKind};
use super::{Daemon, Outcome, Shown, deliver};
use crate::app::{AppError, Ledger, left_behind, open_questions};
use crate::model::Environment;
use crate::record::IndexRow;
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
        let mut questions = Vec::new();
        for run in &going {
            questions.extend(open_questions(&self.runs, run).into_iter().map(|question| (run.clone(), question)));
        }
        let waiting = questions.iter().map(|(run, _)| run).collect::<BTreeSet<_>>().len() as u64;
        let mut taken: BTreeSet<(String, String)> = self.children.keys().cloned().collect();
        taken.extend(ledger.store().claimed().map_err(files)?.into_iter().map(|(playbook, what, _)| (playbook, what)));
        let told = ledger.store().told().map_err(files)?;
        let known = Known { taken, told, left_behind: left.clone(), questions, since };
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
            waiting,
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
            Deed::Resume { run, key, news } => {
                // Another daemon on this store may have told it, and taken the run up, meanwhile.
                if !self.tell(&key, &news, ledger, now)? {
                    return Ok(());
                }
                let name = (run.clone(), RESUMED.to_owned());
                let arguments = ["resume", &run, "--quiet"].map(str::to_owned);
                match self.children.start(name, &arguments) {
                    Ok(()) => Ok(()),
                    Err(why) => self.not_resumed(&run, &why, survey, ledger, now),
                }
            }
            Deed::Tell { key, news } => self.tell(&key, &news, ledger, now).map(drop),
        }
    }

    /// Notes what is to be told to everyone who wants to hear of such things.
    /// Says whether it is new.
    fn tell(&self, key: &str, news: &News, ledger: &mut Ledger, now: Timestamp) -> Result<bool, AppError> {
        let targets: Vec<&str> =
            self.config.notify.iter().filter(|it| it.wants(news.event)).map(|it: &Named| it.name.as_str()).collect();
        let text = serde_json::to_string(news).unwrap_or_default();
        let new = ledger.store().tell(key, &text, &targets, now).map_err(|error| AppError::Files(error.to_string()))?;
        if new {
            (self.say)(&format!("{}: {}", news.headline(), news.text));
        }
        Ok(new)
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
        self.tell(&could_not_begin(playbook, occurrence), &news, ledger, now).map(drop)
    }

    /// A run that was to be taken up again was not, or was left once more.
    fn not_resumed(
        &self,
        run: &str,
        why: &str,
        survey: &Survey,
        ledger: &mut Ledger,
        now: Timestamp,
    ) -> Result<(), AppError> {
        let row = survey.runs.iter().find(|row| row.run.as_str() == run);
        let tries = resumes(&ledger.store().told().map_err(|error| AppError::Files(error.to_string()))?, run);
        let news = News {
            event: NewsKind::Trouble,
            playbook: row.map_or_else(String::new, |row| row.playbook.clone()),
            title: row.map_or_else(|| run.to_owned(), |row| row.title.clone()),
            occurrence: row.and_then(|row| row.detail.occurrence.clone()),
            run: Some(run.to_owned()),
            verdict: None,
            text: format!("{run} was to be taken up again, and has no end yet: {why}"),
            at: now,
        };
        self.tell(&format!("not-resumed/{run}/{tries}"), &news, ledger, now).map(drop)
    }

    /// A drill's process has ended: if there is no run of it, or none with an end, people are told.
    fn ended(
        &mut self,
        ended: &EndedChild,
        survey: &Survey,
        ledger: &mut Ledger,
        now: Timestamp,
    ) -> Result<(), AppError> {
        let (name, occurrence) = &ended.name;
        let resumed = occurrence == RESUMED;
        let is_its = |row: &&IndexRow| {
            if resumed {
                row.run.as_str() == name
            } else {
                row.playbook == *name && row.detail.occurrence.as_ref() == Some(occurrence)
            }
        };
        let row = survey.runs.iter().find(is_its);
        let outcome = row.map_or_else(|| format!("{name} {occurrence}"), |row| row.run.to_string());
        let passed = row.and_then(|row| row.verdict.as_deref()) == Some("passed");
        self.outcomes.insert(outcome, if passed { Outcome::Passed } else { Outcome::Otherwise });
        let why = format!("{} ({})", ended.said, ended.status);
        match row {
            // What came of it is told with its end; one without an end is named with those that were left behind.
            Some(row) if !resumed || row.verdict.is_some() => Ok(()),
            _ if resumed => self.not_resumed(name, &why, survey, ledger, now),
            _ => {
                let drill = survey.drills.iter().find(|drill| drill.playbook.outline.name == *name);
                let Some(drill) = drill else { return Ok(()) };
                self.trouble(name, &drill.playbook.outline.title, occurrence, &why, ledger, now)
            }
        }
    }
}
