//! What a real run is refused for before it acts, whether it begins or is taken up again.
//!
//! What only a beginning can be refused for (`--execute`, the mode, the digest that was approved) stands with the
//! beginning: a run that is taken up has a frozen plan, and its journal says what was said then.

use jiff::Timestamp;

use super::{AppError, Attendance, real, windows};
use crate::event::{ResumeTo, Started};
use crate::model::{Environment, Plan};

/// Whether a plan may be carried out here, with these people there.
///
/// # Errors
/// [`AppError::Refused`].
pub(super) fn admit(plan: &Plan, attendance: Attendance) -> Result<(), AppError> {
    if plan.environment == Environment::Production && attendance == Attendance::Yes {
        return Err(AppError::Refused(
            "--yes answers no gates in production: people do. Nothing was touched".to_owned(),
        ));
    }
    real::refuse_unknown(plan)
}

/// Whether a run that was left behind may go on at `at`. One that has changed something must come to its end, whatever
/// the hour; one that has not begins its drill now, and for that the windows stand. `changed`: asked only where they are
/// closed.
///
/// # Errors
/// [`AppError::Refused`] says why and what can be done; [`AppError::Usage`] as [`windows::closed`].
pub(super) fn admit_again(
    started: &Started,
    to: ResumeTo,
    at: Timestamp,
    changed: impl FnOnce() -> Result<bool, AppError>,
) -> Result<(), AppError> {
    if to != ResumeTo::GoOn || started.origin.break_glass.is_some() {
        return Ok(());
    }
    match windows::closed(&started.plan, at)? {
        Some(why) if !changed()? => Err(AppError::Refused(format!(
            "{} is {why}, and the run has changed nothing yet. Nothing was touched. Take it up when it may begin, or end \
             it with --stop",
            started.plan.name
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::{Request, load};
    use crate::catalogue::Mode;

    const INFRA: &str = "muster: 1\nname: lab\nenvironment: lab\n\
                         regions: { primary: { name: a }, secondary: { name: b } }\n";
    const DRILL: &str = "
muster: 1
name: drill
infrastructure: infra.yaml
windows: { blackout: ['2026-12-24..2026-12-26'] }
phases: [{ name: failover, steps: [{ id: touch, command: { argv: [touch, touched] } }] }]
";

    fn started() -> Started {
        let folder = tempfile::TempDir::with_prefix("muster-").unwrap();
        std::fs::write(folder.path().join("infra.yaml"), INFRA).unwrap();
        std::fs::write(folder.path().join("drill.yaml"), DRILL).unwrap();
        let playbook = folder.path().join("drill.yaml").display().to_string();
        let loaded = load(&Request { playbook, mode: Some(Mode::Planned), ..Request::default() }).unwrap();
        Started {
            format: crate::event::FORMAT,
            plan: loaded.plan.into(),
            documents: loaded.documents.into(),
            origin: crate::event::Origin::default(),
            seed: None,
            previous: None,
            proof: None,
            forecast: None,
            open_actions: Vec::new(),
        }
    }

    #[test]
    fn a_run_that_has_changed_nothing_does_not_begin_its_drill_in_a_blackout_by_being_taken_up() {
        let mut started = started();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let (blackout, open) = (at("2026-12-25T02:00:00Z"), at("2026-12-23T02:00:00Z"));
        let admit = |started: &Started, to, at, changed| admit_again(started, to, at, || Ok(changed));
        let Err(AppError::Refused(why)) = admit(&started, ResumeTo::GoOn, blackout, false) else {
            panic!("it went on in a blackout")
        };
        assert!(why.contains("outside of its windows: blackout") && why.contains("--stop"), "{why}");
        // Users are out already: it must come to its end.
        assert!(admit(&started, ResumeTo::GoOn, blackout, true).is_ok());
        assert!(admit(&started, ResumeTo::Stop, blackout, false).is_ok());
        assert!(admit(&started, ResumeTo::Undo, blackout, false).is_ok());
        assert!(admit(&started, ResumeTo::GoOn, open, false).is_ok());
        started.origin.break_glass = Some("the auditor leaves at noon".to_owned());
        assert!(admit(&started, ResumeTo::GoOn, blackout, false).is_ok());
    }
}
