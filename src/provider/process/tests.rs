//! Real programs, small ones.

use rustix::process::{Pid, test_kill_process};

use super::*;
use crate::id::RunId;
use crate::resource::{Actor, Cancellation};
use crate::time::run_real;

/// Longer than anything here takes on a busy machine.
const AGES: Span = Span(60_000_000_000);

fn context(clock: &Clock) -> Context {
    Context {
        run: RunId::new("20261122-084216-processes").unwrap(),
        actor: Actor::Muster,
        attempt: 1,
        errand: crate::resource::Errand::Do,
        clock: clock.clone(),
        fencing: 0,
        cancel: Cancellation::default(),
    }
}

fn line(argv: &[&str]) -> CommandLine {
    CommandLine {
        argv: argv.iter().map(|part| (*part).to_owned()).collect(),
        env: Vec::new(),
        folder: None,
        timeout: AGES,
        output_limit: 64 * 1024,
    }
}

fn sh(script: &str) -> CommandLine {
    line(&["/bin/sh", "-c", script])
}

fn run(command: &CommandLine) -> Result<Finished, ProcessError> {
    run_real(|clock| async move { RealProcesses::default().run(&context(&clock), command).await }).unwrap()
}

/// Whether the process is there and no zombie that merely waits to be noted.
fn is_alive(pid: i32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let zombie = status.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z'));
    !zombie && test_kill_process(Pid::from_raw(pid).unwrap()).is_ok()
}

/// A signal takes effect a little after it was sent; this looks until then, and gives up loudly.
async fn becomes_dead(clock: &Clock, pid: i32) {
    let looking = async {
        while is_alive(pid) {
            clock.sleep(Span::from_millis(2)).await;
        }
    };
    clock.timeout(AGES, looking).await.unwrap_or_else(|_| panic!("process {pid} lives on"));
}

/// The number that a script wrote into a file, once it is there.
async fn pid_in(clock: &Clock, path: &Path) -> i32 {
    let looking = async {
        loop {
            match std::fs::read_to_string(path).ok().and_then(|text| text.strip_suffix('\n')?.parse().ok()) {
                Some(pid) => return pid,
                None => clock.sleep(Span::from_millis(2)).await,
            }
        }
    };
    clock.timeout(AGES, looking).await.expect("the script never wrote its number")
}

#[test]
fn outputs_and_exit_code_come_back() {
    let finished = run(&sh("printf out; printf error >&2; exit 3")).unwrap();
    assert_eq!((finished.code, finished.stdout.as_str(), finished.stderr.as_str()), (Some(3), "out", "error"));
    assert_eq!(finished.bytes, 8);
    assert_eq!(run(&line(&["true"])).unwrap().code, Some(0));
    assert_eq!(run(&sh("kill -KILL $$")).unwrap().code, None);
}

#[test]
fn arguments_are_no_shell() {
    assert_eq!(run(&line(&["echo", "$HOME; ls *", "a  b"])).unwrap().stdout, "$HOME; ls * a  b\n");
}

#[test]
fn environment_folder_and_an_empty_input_are_given() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    let mut command = sh("printf '%s|' \"$REGION\"; pwd; cat");
    command.env = vec![("REGION".to_owned(), "us-west-2".to_owned())];
    command.folder = Some(folder.to_str().unwrap().to_owned());
    assert_eq!(run(&command).unwrap().stdout, format!("us-west-2|{}\n", folder.display()));
}

#[test]
fn what_can_not_be_started_says_why() {
    let why = |command: &CommandLine| match run(command) {
        Err(ProcessError::NotStarted { why, .. }) => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(why(&line(&["no-such-program-anywhere"])), "there is no such program");
    assert_eq!(why(&line(&["/etc/passwd"])), "it may not be executed (permission denied)");
    assert_eq!(why(&line(&[])), "no program is given");
    assert_eq!(why(&line(&["true", "a\0b"])), "its arguments or environment contain a zero byte");
    let mut lost = line(&["true"]);
    lost.folder = Some("/no/such/folder".to_owned());
    assert_eq!(why(&lost), "its folder `/no/such/folder` is not there or is no folder");
}

#[test]
fn a_flood_of_output_is_counted_and_not_kept() {
    let mut command = line(&["head", "-c", "100000000", "/dev/zero"]);
    command.output_limit = 1000;
    let finished = run(&command).unwrap();
    assert_eq!((finished.code, finished.stdout.len(), finished.bytes), (Some(0), 1000, 100_000_000));
}

#[test]
fn a_timeout_ends_the_whole_group() {
    let folder = tempfile::tempdir().unwrap();
    run_real(|clock| async move {
        let file = folder.path().join("pid");
        // The grandchild ignores the request to end and has let go of the outputs.
        let script = "(trap '' TERM; exec >/dev/null 2>&1; sh -c 'echo $$ >\"$FILE\"; exec sleep 600') & sleep 600";
        let mut command = sh(script);
        command.env = vec![("FILE".to_owned(), file.to_str().unwrap().to_owned())];
        command.timeout = Span::from_millis(1500);
        let result = RealProcesses::default().run(&context(&clock), &command).await;
        assert_eq!(result, Err(ProcessError::TimedOut(command.timeout)));
        let grandchild = pid_in(&clock, &file).await;
        becomes_dead(&clock, grandchild).await;
    })
    .unwrap();
}

#[test]
fn cancelling_asks_first_and_lets_last_words_be_written() {
    let folder = tempfile::tempdir().unwrap();
    run_real(|clock| async move {
        let file = folder.path().join("pid");
        let last = folder.path().join("last-words");
        let mut command =
            sh("trap 'echo bye >\"$LAST\"; exit 0' TERM; echo $$ >\"$FILE\"; while :; do sleep 0.01; done");
        command.env = vec![
            ("FILE".to_owned(), file.to_str().unwrap().to_owned()),
            ("LAST".to_owned(), last.to_str().unwrap().to_owned()),
        ];
        let cx = context(&clock);
        let cancel = cx.cancel.clone();
        let processes = RealProcesses::default();
        let (result, pid) = tokio::join!(processes.run(&cx, &command), async {
            let pid = pid_in(&clock, &file).await;
            cancel.cancel();
            pid
        });
        assert_eq!(result, Err(ProcessError::Cancelled));
        becomes_dead(&clock, pid).await;
        assert_eq!(std::fs::read_to_string(last).unwrap(), "bye\n");
        assert_eq!(
            RealProcesses::default().run(&cx, &command).await,
            Err(ProcessError::Cancelled),
            "nothing starts any more"
        );
    })
    .unwrap();
}

#[test]
fn dropping_the_future_kills_the_group() {
    let folder = tempfile::tempdir().unwrap();
    run_real(|clock| async move {
        let file = folder.path().join("pid");
        let mut command = sh("sh -c 'echo $$ >\"$FILE\"; exec sleep 600'; true");
        command.env = vec![("FILE".to_owned(), file.to_str().unwrap().to_owned())];
        let cx = context(&clock);
        let processes = RealProcesses::default();
        let pid = tokio::select! {
            result = processes.run(&cx, &command) => panic!("{result:?}"),
            pid = pid_in(&clock, &file) => pid,
        };
        becomes_dead(&clock, pid).await;
    })
    .unwrap();
}

#[test]
fn who_keeps_the_outputs_open_does_not_hold_up_the_end() {
    let finished = run(&sh("echo started; sleep 600 & echo $!")).unwrap();
    let mut lines = finished.stdout.lines();
    assert_eq!((finished.code, lines.next()), (Some(0), Some("started")));
    let left_behind: i32 = lines.next().unwrap().parse().unwrap();
    run_real(|clock| async move { becomes_dead(&clock, left_behind).await }).unwrap();
}

#[test]
fn outputs_are_read_side_by_side() {
    // More on each than a pipe holds: whoever reads one after the other never ends.
    let script = "head -c 1000000 /dev/zero >&2; head -c 1000000 /dev/zero";
    assert_eq!(run(&sh(script)).unwrap().bytes, 2_000_000);
}
