//! Simulated programs: nothing runs. A command takes its time and succeeds; what observes a command answers whether
//! the command was the last one, of those that share the observation, to run.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use crate::chance::Distribution;
use crate::id::StepId;
use crate::infrastructure::simulate::Said;
use crate::resource::{Actor, CommandLine, Context, Finished, ProcessError, Processes, ProviderError};
use crate::time::Span;

use super::fault::Access;
use super::network::SimulatedUser;
use super::world::{World, asker, times};

/// How long an observation takes, in milliseconds.
const OBSERVE_MS: u64 = 50;

/// A step's command and what observes and undoes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedCommand {
    /// The step.
    pub step: StepId,
    /// Says whether it is done: exit 0 if so, 1 if not.
    pub observe: Vec<String>,
    /// Does it.
    pub act: Vec<String>,
    /// Takes it back.
    pub undo: Option<Vec<String>>,
}

/// All observed commands, and which ran last.
#[derive(Debug, Default)]
pub(super) struct Commands {
    known: Vec<ObservedCommand>,
    /// By what observes it: the last command that ran.
    last: BTreeMap<Vec<String>, Vec<String>>,
}

impl Commands {
    pub(super) fn new(known: Vec<ObservedCommand>) -> Self {
        Self { known, last: BTreeMap::new() }
    }

    /// Whether what `observe` observes is done, for `actor`; `None` if it is no observation.
    fn done(&self, actor: &Actor, observe: &[String]) -> Option<bool> {
        let mut all = self.known.iter().filter(|command| command.observe == observe).peekable();
        let first = *all.peek()?;
        let own = all.find(|command| matches!(actor, Actor::Step(step) if *step == command.step));
        Some(self.last.get(observe) == Some(&own.unwrap_or(first).act))
    }

    /// What observes a command, and the one of its commands that ran last.
    pub(super) fn last(&self) -> impl Iterator<Item = (&Vec<String>, &Vec<String>)> {
        self.last.iter()
    }

    /// Notes that `argv` ran.
    fn ran(&mut self, argv: &[String]) {
        for command in &self.known {
            if command.act == argv || command.undo.as_deref() == Some(argv) {
                self.last.insert(command.observe.clone(), argv.to_vec());
            }
        }
    }
}

/// Runs nothing.
#[derive(Debug)]
pub(super) struct SimulatedProcesses {
    pub(super) world: Arc<World>,
    pub(super) step_takes: Arc<StepTakes>,
    /// Who runs those of probes.
    pub(super) user: SimulatedUser,
}

/// How long the commands and requests of steps take, and what they answer.
#[derive(Debug)]
pub(super) struct StepTakes {
    pub(super) takes: BTreeMap<StepId, Distribution>,
    /// What they answer when all is well.
    pub(super) says: BTreeMap<StepId, Said>,
}

impl StepTakes {
    /// What the actor's step takes at this attempt: a second if nothing else is said.
    pub(super) fn draw(&self, world: &World, cx: &Context) -> Span {
        let takes = match &cx.actor {
            Actor::Step(step) => self.takes.get(step).copied(),
            Actor::Probe(_) | Actor::Muster => None,
        };
        let takes = takes.unwrap_or(Distribution::Fixed(Span::from_secs(1)));
        takes.draw(world.seed, "takes", asker(&cx.actor), u64::from(cx.attempt))
    }

    /// What the actor's step answers when all is well.
    pub(super) fn said(&self, cx: &Context) -> Option<&Said> {
        match &cx.actor {
            Actor::Step(step) => self.says.get(step),
            Actor::Probe(_) | Actor::Muster => None,
        }
    }

    /// How the actor's program ends that did what it should.
    fn ended(&self, world: &World, cx: &Context) -> Finished {
        let (mut code, mut stdout) = match self.said(cx) {
            Some(Said::Program { code, stdout }) => (*code, stdout.clone()),
            _ => (0, String::new()),
        };
        world.ills.program(cx, &mut code, &mut stdout);
        Finished { code: Some(code), bytes: stdout.len() as u64, stdout, stderr: String::new() }
    }
}

#[async_trait]
impl Processes for SimulatedProcesses {
    async fn run(&self, cx: &Context, command: &CommandLine) -> Result<Finished, ProcessError> {
        let of_probe =
            !matches!(cx.actor, Actor::Step(_)) || command.env.iter().any(|(name, _)| name == "MUSTER_ADDRESS");
        if of_probe && self.user.is_probes(command) {
            return self.user.program(cx, command).await;
        }
        let observes = self.world.state().commands.done(&cx.actor, &command.argv).is_some();
        let access = if observes { Access::Read } else { Access::Work };
        let met = cx.clock.timeout(command.timeout, self.world.met(cx, None, access)).await;
        let effect = match met {
            Err(_) => return Err(ProcessError::TimedOut(command.timeout)),
            Ok(Err(ProviderError::Cancelled)) => return Err(ProcessError::Cancelled),
            Ok(Err(fault)) => return Ok(finished(1, fault.to_string())),
            Ok(Ok(effect)) => effect,
        };
        let takes = if observes { Span::from_millis(OBSERVE_MS) } else { self.step_takes.draw(&self.world, cx) };
        let takes = times(takes, effect.slow);
        self.world.spend(cx, takes.min(command.timeout)).await.map_err(|_| ProcessError::Cancelled)?;
        if takes > command.timeout {
            return Err(ProcessError::TimedOut(command.timeout));
        }
        let mut state = self.world.state();
        if let Some(done) = state.commands.done(&cx.actor, &command.argv) {
            return Ok(finished(i32::from(!done), String::new()));
        }
        if !effect.lies {
            state.commands.ran(&command.argv);
            state.effect(cx, "runs", &command.argv.join(" "));
        }
        drop(state);
        Ok(self.step_takes.ended(&self.world, cx))
    }
}

fn finished(code: i32, stderr: String) -> Finished {
    Finished { code: Some(code), stdout: String::new(), bytes: stderr.len() as u64, stderr }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argv(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn of_steps_that_share_an_observation_the_last_to_run_is_done() {
        let command = |step: &str, act: &str, undo: Option<&str>| ObservedCommand {
            step: StepId::new(step).unwrap(),
            observe: argv("autofailover status"),
            act: argv(act),
            undo: undo.map(argv),
        };
        let hold = command("hold", "autofailover pause", Some("autofailover resume"));
        let mut commands = Commands::new(vec![hold, command("resume", "autofailover resume", None)]);
        let status = argv("autofailover status");
        let (hold, resume) = (Actor::Step(StepId::new("hold").unwrap()), Actor::Step(StepId::new("resume").unwrap()));
        let done = |commands: &Commands| (commands.done(&hold, &status), commands.done(&resume, &status));
        assert_eq!(done(&commands), (Some(false), Some(false)));
        commands.ran(&argv("autofailover pause"));
        assert_eq!(done(&commands), (Some(true), Some(false)));
        commands.ran(&argv("autofailover resume"));
        assert_eq!(done(&commands), (Some(false), Some(true)));
        assert_eq!(commands.done(&hold, &argv("true")), None);
    }
}
