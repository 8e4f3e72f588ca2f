//! What is to be done now: a pure function of what is known. It begins nothing, tells nobody and reads no clock.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::news::{News, NewsKind};
use crate::app::{Asked, OpenQuestion, ways};
use crate::calendar::slots::{Fate, Slot, overdue};
use crate::calendar::{Standing, Zoned, standing};
use crate::report::agenda::wall;
use crate::schedule::{Drill, Survey};

/// What is known beside the survey.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Playbook and occurrence of what was taken by a run, or is being begun.
    pub taken: BTreeSet<(String, String)>,
    /// What was told already, by its keys.
    pub told: BTreeSet<String>,
    /// Runs that nobody takes care of.
    pub left_behind: Vec<String>,
    /// What runs ask people.
    pub questions: Vec<(String, OpenQuestion)>,
    /// When the daemon first served on this store: what ended before that is no news.
    pub since: Option<Timestamp>,
}

/// Something to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// A drill begins.
    Begin {
        /// Its place among the drills.
        drill: usize,
        /// What for.
        occurrence: String,
        /// Whether it waits for a person before its first change.
        hold: bool,
    },
    /// A run that was left behind is taken up again.
    Resume {
        /// Which.
        run: String,
        /// What names this try: whoever tells it first takes the run up.
        key: String,
        /// What is told of it.
        news: News,
    },
    /// People are told.
    Tell {
        /// What names it.
        key: String,
        /// What.
        news: News,
    },
}

/// So often a run that is left behind again and again is taken up by itself.
pub const RESUMES_MAX: usize = 5;
/// In place of an occurrence, what a process is for that takes a run up again.
pub(super) const RESUMED: &str = "resumed";

/// How often a run was taken up by itself, by what people were told.
#[must_use]
pub fn resumes(told: &BTreeSet<String>, run: &str) -> usize {
    let of = format!("resume/{run}/");
    told.range(of.clone()..).take_while(|key| key.starts_with(&of)).count()
}

/// The name of the trouble that a drill could not begin: one that could not is not tried again by itself.
#[must_use]
pub fn could_not_begin(playbook: &str, occurrence: &str) -> String {
    format!("trouble/{playbook}/{occurrence}")
}

/// What is to be done at the survey's instant, and when next something may be; `resume`: whether runs that this daemon begun
/// and that were left behind are taken up again.
#[must_use]
pub fn decide(survey: &Survey, known: &Known, resume: Resume) -> (Vec<Deed>, Option<Timestamp>) {
    let mut deeds = Deeds { survey, known, all: Vec::new(), next: None };
    for (number, drill) in survey.drills.iter().enumerate() {
        for slot in &drill.slots {
            deeds.slot(number, drill, slot);
        }
        deeds.overdue(drill);
    }
    deeds.questions();
    deeds.ends();
    deeds.left_behind(resume);
    (deeds.all, deeds.next)
}

/// What becomes of runs that were left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resume {
    /// Those that nobody need attend are taken up again; others are named.
    Unattended,
    /// All are named.
    Never,
}

struct Deeds<'s> {
    survey: &'s Survey,
    known: &'s Known,
    all: Vec<Deed>,
    next: Option<Timestamp>,
}

impl<'s> Deeds<'s> {
    fn wait_for(&mut self, at: Timestamp) {
        if at > self.survey.at {
            self.next = Some(self.next.map_or(at, |next| next.min(at)));
        }
    }

    fn tell(&mut self, key: String, news: News) {
        if !self.known.told.contains(&key) {
            self.all.push(Deed::Tell { key, news });
        }
    }

    fn news(&self, event: NewsKind, drill: &Drill, occurrence: Option<String>, text: String) -> News {
        let outline = &drill.playbook.outline;
        News {
            event,
            playbook: outline.name.clone(),
            title: outline.title.clone(),
            occurrence,
            run: None,
            verdict: None,
            text,
            at: self.survey.at,
        }
    }

    fn slot(&mut self, number: usize, drill: &Drill, slot: &Slot) {
        let name = &drill.playbook.outline.name;
        match slot.fate {
            Fate::Ahead => {
                self.wait_for(slot.occurrence.at);
                self.before(drill, slot);
            }
            Fate::Due => {
                let occurrence = slot.occurrence.period.to_string();
                let taken = self.known.taken.contains(&(name.clone(), occurrence.clone()));
                let tried = self.known.told.contains(&could_not_begin(name, &occurrence));
                // A run that came to nothing was tried all the same: what to do about it is a person's to say.
                if taken || tried || slot.run.is_some() {
                    return;
                }
                match windows(drill, self.survey.at) {
                    Standing::Open => {
                        let hold = drill.unattended() != Some(true);
                        self.all.push(Deed::Begin { drill: number, occurrence, hold });
                    }
                    Standing::Closed { next, .. } => {
                        if let Some(next) = next.filter(|next| *next <= slot.until) {
                            self.wait_for(next);
                        }
                    }
                }
            }
            Fate::UnderWay | Fate::Done | Fate::Missed => {}
        }
    }

    fn before(&mut self, drill: &Drill, slot: &Slot) {
        let Some(warn) = drill.playbook.outline.schedule.as_ref().and_then(|schedule| schedule.warn) else { return };
        let warn = SignedDuration::from_nanos(i64::try_from(warn.0.0).unwrap_or(i64::MAX));
        let Ok(from) = slot.occurrence.at.checked_sub(warn) else { return };
        if self.survey.at < from {
            self.wait_for(from);
            return;
        }
        let (name, occurrence) = (&drill.playbook.outline.name, slot.occurrence.period.to_string());
        let when = wall(slot.occurrence.at, Some(&drill.playbook.zone));
        let how = match drill.unattended() {
            Some(true) => "It begins by itself.",
            _ => "It is prepared then, and waits for a person before its first change.",
        };
        let news =
            self.news(NewsKind::Before, drill, Some(occurrence.clone()), format!("{name} is due at {when}. {how}"));
        self.tell(format!("before/{name}/{occurrence}"), news);
    }

    fn overdue(&mut self, drill: &Drill) {
        let Some(slot) = overdue(&drill.slots) else { return };
        let (name, occurrence) = (&drill.playbook.outline.name, slot.occurrence.period.to_string());
        let until = wall(slot.until, Some(&drill.playbook.zone));
        let text = format!(
            "{name} was to begin by {until} ({occurrence}) and was not carried out. `muster run` makes up for it."
        );
        let news = self.news(NewsKind::Overdue, drill, Some(occurrence.clone()), text);
        self.tell(format!("overdue/{name}/{occurrence}"), news);
    }

    /// The drill that a run is of, if it is watched.
    fn drill_of(&self, run: &str) -> Option<(&'s crate::record::IndexRow, &'s Drill)> {
        let row = self.survey.runs.iter().find(|row| row.run.as_str() == run)?;
        Some((row, self.survey.drills.iter().find(|drill| drill.playbook.outline.name == row.playbook)?))
    }

    fn questions(&mut self) {
        for (run, OpenQuestion { seq, asked }) in &self.known.questions {
            let Some((row, drill)) = self.drill_of(run) else { continue };
            // A step that is tried again asks again, and so does a run that stands still once more.
            let (key, text) = match asked {
                Asked::Gate { step, prompt } => (
                    format!("gate/{run}/{step}/{seq}"),
                    format!(
                        "{prompt}\nmuster approve {run} {step} --by NAME\nmuster reject {run} {step} --by NAME --because REASON"
                    ),
                ),
                Asked::HowToGoOn { because, failed, limit } => (
                    format!("pause/{run}/{seq}"),
                    format!(
                        "The run stands still: {because}. Say within {limit} how it goes on:\n{}",
                        ways(&row.run, failed.as_ref())
                    ),
                ),
            };
            let news = News { run: Some(run.clone()), ..self.news(NewsKind::Gate, drill, None, text) };
            self.tell(key, news);
        }
    }

    fn ends(&mut self) {
        let Some(since) = self.known.since else { return };
        for row in &self.survey.runs {
            let Some(verdict) = &row.verdict else { continue };
            let ended = row.finished_at.as_ref().and_then(|at| at.parse::<Timestamp>().ok());
            if ended.is_none_or(|ended| ended < since) {
                continue;
            }
            let Some(drill) = self.survey.drills.iter().find(|it| it.playbook.outline.name == row.playbook) else {
                continue;
            };
            let stamp = if row.simulated { " Simulated: not evidence of a real failover." } else { "" };
            let world = row.world.as_deref().unwrap_or("unknown");
            let text = format!(
                "{} {verdict}; the world was left: {world}.{stamp} `muster show {}` tells more.",
                row.run, row.run
            );
            let news = News {
                run: Some(row.run.to_string()),
                verdict: Some(verdict.clone()),
                ..self.news(NewsKind::End, drill, row.detail.occurrence.clone(), text)
            };
            self.tell(format!("end/{}", row.run), news);
        }
    }

    fn left_behind(&mut self, resume: Resume) {
        for run in &self.known.left_behind {
            let Some((row, drill)) = self.drill_of(run) else { continue };
            if self.known.taken.contains(&(run.clone(), RESUMED.to_owned())) {
                // It is being taken up.
                continue;
            }
            let ours = row.detail.occurrence.is_some() && drill.unattended() == Some(true);
            let news = |it: &Self, then: &str| {
                let text = format!("{run} was left behind: nobody carries it out any more. {then}");
                News { run: Some(run.clone()), ..it.news(NewsKind::Trouble, drill, None, text) }
            };
            let tries = resumes(&self.known.told, run);
            if ours && resume == Resume::Unattended && tries < RESUMES_MAX {
                let number = tries + 1;
                let news = news(self, &format!("It is taken up again, {number} of at most {RESUMES_MAX} times."));
                self.all.push(Deed::Resume { run: run.clone(), key: format!("resume/{run}/{number}"), news });
                continue;
            }
            let given_up = if ours && resume == Resume::Unattended {
                format!("It was taken up again {RESUMES_MAX} times, and is not any more by itself. ")
            } else {
                String::new()
            };
            // Where it has gone on since and was left again, that is news.
            let head: String = row.journal_head.chars().take(16).collect();
            let news = news(self, &format!("{given_up}Take it up again: muster resume {run}"));
            self.tell(format!("left/{run}/{head}"), news);
        }
    }
}

/// Whether a run may begin now, by the windows of its playbook and its infrastructure file. Those of a simulation hold nothing
/// back, as `muster run` has it.
fn windows(drill: &Drill, at: Timestamp) -> Standing {
    let ground = drill.playbook.ground.as_ref();
    if ground.is_some_and(|ground| ground.environment == crate::model::Environment::Simulated) {
        return Standing::Open;
    }
    let all = drill.playbook.outline.windows.iter().chain(ground.and_then(|ground| ground.windows.as_ref()));
    // A zone that nobody knows was told where the file was read; the run would be refused.
    let zoned =
        all.filter_map(|windows| Some(Zoned { windows, zone: jiff::tz::TimeZone::get(&windows.timezone).ok()? }));
    standing(&zoned.collect::<Vec<_>>(), at)
}

#[cfg(test)]
mod tests;
