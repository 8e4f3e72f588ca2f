//! What `muster plan --format markdown` prints to be done by hand, done by hand: each block handed to a shell, in order.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// The blocks of a step.
#[derive(Clone, Debug, Default)]
pub(crate) struct ByHand {
    /// How it is done.
    pub(crate) doing: Vec<String>,
    /// How it is taken back.
    pub(crate) undoing: Vec<String>,
}

/// A runbook as Markdown.
pub(crate) struct Runbook {
    text: String,
}

impl Runbook {
    pub(crate) fn new(text: &str) -> Self {
        let (_, text) = text.split_once("\n## By hand\n").expect("the plan has a part for people's hands");
        Self { text: text.to_owned() }
    }

    /// The names of its steps, in order.
    pub(crate) fn steps(&self) -> Vec<String> {
        let heads = self.text.lines().filter_map(|line| line.strip_prefix("#### "));
        heads.map(|head| head.split(':').next().unwrap().replace('\\', "")).collect()
    }

    /// The blocks of a step.
    #[track_caller]
    pub(crate) fn step(&self, id: &str) -> ByHand {
        let mut found = ByHand::default();
        let (mut here, mut undo, mut block) = (false, false, None::<Vec<&str>>);
        let mut there = false;
        for line in self.text.lines() {
            match &mut block {
                Some(lines) if line == "```" => {
                    let text = lines.join("\n");
                    if here && undo {
                        found.undoing.push(text);
                    } else if here {
                        found.doing.push(text);
                    }
                    block = None;
                }
                Some(lines) => lines.push(line),
                None if line == "```sh" => block = Some(Vec::new()),
                None => {
                    if let Some(head) = line.strip_prefix("#### ") {
                        here = head.split(':').next().unwrap().replace('\\', "") == id;
                        there |= here;
                        undo = false;
                    }
                    undo |= line == "To take it back:";
                }
            }
        }
        assert!(there, "there is no step {id} in:\n{}", self.text);
        found
    }
}

/// Hands a block to a shell in `folder`, with these variables; it must end well. Gives what it prints.
#[track_caller]
pub(crate) fn typed(folder: &Path, block: &str, env: &[(&str, &str)]) -> String {
    // What a server that is started keeps open must not be waited for.
    let (out, err) = (folder.join("typed.out"), folder.join("typed.err"));
    #[expect(clippy::disallowed_methods, reason = "a person types this at a shell")]
    let mut command = Command::new("sh");
    command.args(["-e", "-c", block]).current_dir(folder).envs(env.iter().copied()).stdin(Stdio::null());
    command.stdout(fs::File::create(&out).unwrap()).stderr(fs::File::create(&err).unwrap());
    let status = command.status().unwrap();
    let said = fs::read_to_string(&out).unwrap();
    assert!(
        status.success(),
        "{status}:\n{block}\n--- output\n{said}\n--- errors\n{}",
        fs::read_to_string(&err).unwrap()
    );
    said
}

/// Whether a shell reads a block as sound; what it says if not.
pub(crate) fn sound(block: &str) -> Result<(), String> {
    #[expect(clippy::disallowed_methods, reason = "a person types this at a shell")]
    let output = Command::new("sh").args(["-n", "-c", block]).stdin(Stdio::null()).output().unwrap();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}
