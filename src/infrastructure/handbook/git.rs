//! By hand in place of the provider `git`: the books of pushes, read and written where the repositories are.

use serde_json::Value;

use super::{Ask, Deed, Instruction, Reliance, RelianceKind, Touched, program, shell};
use crate::id::RegionRole;
use crate::infrastructure::real::from_json;
use crate::infrastructure::real::git::{Git, Side};

/// The repositories of a folder, one a line.
const LIST: &str = "find . -name .muster -prune -o -type d -name '*.git' -prune -print | cut -c 3- | LC_ALL=C sort";

pub(super) fn by_hand(ask: &Ask<'_>) -> Result<Vec<Instruction>, String> {
    let it: Git = from_json(ask.settings)?;
    let words = ask.deed.words(ask.resource);
    let side = |role: RegionRole| it.regions.get(role);
    Ok(match ask.deed {
        Deed::Look { region } => {
            let roles = RegionRole::ALL.into_iter().filter(|role| region.is_none_or(|one| one == *role));
            roles.map(|role| state(side(role), role)).collect()
        }
        Deed::Fence { region } => vec![
            Instruction::typed(
                format!("{words}; pushes that are under way are waited for"),
                there(
                    side(*region),
                    "echo 'stopped by hand' > .muster/fence.part\nmv .muster/fence.part .muster/fence\n\
                     for note in .muster/under-way/*; do\n  [ -e \"$note\" ] || continue\n  \
                     while [ -e \"$note\" ] && kill -0 \"${note##*/}\" 2>/dev/null; do sleep 0.1; done\n  rm -f \"$note\"\ndone",
                ),
            ),
            state(side(*region), *region),
        ],
        Deed::Unfence { region } => {
            vec![Instruction::typed(words, there(side(*region), "rm -f .muster/fence")), state(side(*region), *region)]
        }
        Deed::Promote { to, drained } => {
            let mut all = Vec::new();
            if *drained {
                let told = format!(
                    "see that the copy has every push: the two positions must be the same before {to} is promoted"
                );
                all.push(Instruction::typed(told, [position(side(to.other())), position(side(*to))].join("\n")));
            }
            let promote = "case $(cat .muster/role) in\n  \"replica \"*) cp .muster/copied .muster/base && : > .muster/pushes && \
                           echo primary > .muster/role ;;\nesac\nrm -f .muster/fence";
            all.push(Instruction::typed(words, there(side(*to), promote)));
            all.push(state(side(*to), *to));
            all
        }
        Deed::Replicate { from, to } => replicate(&it, *from, *to, words),
        Deed::Preserve { region } => {
            let keep = format!(
                "kept=.muster/preserved/by-hand-$(date -u +%Y%m%dT%H%M%SZ)\nmkdir -p \"$kept\"\nchmod 700 .muster/preserved\n\
                 {LIST} | while IFS= read -r repository; do\n  [ -n \"$(git -C \"$repository\" for-each-ref --count=1)\" ] || continue\n  \
                 git -C \"$repository\" bundle create --quiet \"$PWD/$kept/$(printf %s \"$repository\" | tr / _).bundle\" --all\ndone\n\
                 echo \"kept in $PWD/$kept\""
            );
            vec![Instruction::typed(
                format!("{words}: a bundle of each repository, whole"),
                there(side(*region), &keep),
            )]
        }
        Deed::Compare { region } => {
            let refs = format!(
                "{LIST} | while IFS= read -r repository; do\n  echo \"= $repository\"\n  \
                 git -C \"$repository\" for-each-ref --format='%(objectname) %(refname)'\ndone"
            );
            let into = |role: RegionRole| format!("{} > /tmp/refs-{role}", there_in_braces(side(role), &refs));
            let lines = [
                into(region.other()),
                into(*region),
                format!("diff /tmp/refs-{} /tmp/refs-{region} && echo 'the same'", region.other()),
            ];
            vec![Instruction::typed(format!("{words}; pushes of this moment may differ"), lines.join("\n"))]
        }
        _ => vec![Instruction::said(words)],
    })
}

/// A script where the repositories are, in their folder.
fn there(side: &Side, script: &str) -> String {
    let text = format!("set -eu\ncd {}\n{script}", shell::word(&side.path));
    shell::here(&reach(side), &text)
}

fn there_in_braces(side: &Side, script: &str) -> String {
    format!("{{ {}\n}}", there(side, script))
}

/// What runs a script that comes on standard input; between here and there one text is handed to a shell.
fn reach(side: &Side) -> String {
    if side.via.is_empty() { "sh -s".to_owned() } else { format!("{} 'sh -s'", shell::argv(&side.via)) }
}

fn state(side: &Side, role: RegionRole) -> Instruction {
    let look = "cat .muster/role; cat .muster/fence 2>/dev/null || echo 'not fenced'";
    Instruction::typed(format!("see whether {role} takes pushes, and why not"), there(side, look))
}

/// How many pushes a side has.
fn position(side: &Side) -> String {
    let count = "case $(cat .muster/role) in\n  primary) echo $(( $(cat .muster/base) + $(wc -l < .muster/pushes) )) ;;\n  \
                 *) cat .muster/copied ;;\nesac";
    there(side, count)
}

fn replicate(it: &Git, from: RegionRole, to: RegionRole, words: String) -> Vec<Instruction> {
    let (source, target) = (it.regions.get(from), it.regions.get(to));
    let base = source.url.trim_end_matches('/');
    let begin = format!(
        "echo 'it is being made a copy of {from}' > .muster/fence\necho 'replica {from}' > .muster/role\necho 0 > .muster/copied"
    );
    // In a URL what is special to it is written by its number.
    let url = if base.contains("://") {
        format!(
            "{}/\"$(printf %s \"$repository\" | sed 's/%/%25/g; s/ /%20/g; s/#/%23/g; s/?/%3F/g')\"",
            shell::word(base)
        )
    } else {
        format!("{}/\"$repository\"", shell::word(base))
    };
    let fetch = format!(
        "while IFS= read -r repository; do\n  [ -d \"$repository\" ] || git init --quiet --bare --initial-branch=main \"$repository\"\n  \
         git -C \"$repository\" config core.hooksPath \"$PWD/.muster/hooks\"\n  \
         git -C \"$repository\" -c gc.auto=0 fetch --quiet --prune --force --no-tags {url} '+refs/*:refs/*'\ndone < .muster/list\n\
         {LIST} | LC_ALL=C comm -23 - .muster/list | while IFS= read -r gone; do rm -rf \"./$gone\"; done\nrm -f .muster/list"
    );
    let list = format!("position=$({}\n)\nrepositories=$({}\n)", position(source), there(source, LIST));
    let path = format!("{}/.muster/list", target.path.trim_end_matches('/'));
    let hand_over = if target.via.is_empty() {
        format!("printf '%s\\n' \"$repositories\" > {}", shell::word(&path))
    } else {
        let cat = shell::quoted(&format!("cat > {}", shell::word(&path)));
        format!("printf '%s\\n' \"$repositories\" | {} {cat}", shell::argv(&target.via))
    };
    let end = "rm -f .muster/fence";
    let copied = if target.via.is_empty() {
        format!("echo \"$position\" > {}/.muster/copied", shell::word(target.path.trim_end_matches('/')))
    } else {
        let cat = shell::quoted(&format!("cat > {}/.muster/copied", shell::word(target.path.trim_end_matches('/'))));
        format!("echo \"$position\" | {} {cat}", shell::argv(&target.via))
    };
    let lines = [there(target, &begin), list, hand_over, there(target, &fetch), copied, there(target, end)];
    vec![
        Instruction::said(format!("see first that whatever only {to} has was kept: it is overwritten")),
        Instruction::typed(words, lines.join("\n")),
        state(target, to),
    ]
}

pub(super) fn makes(resource: &str, _settings: &Value, touched: Touched) -> Vec<String> {
    let mut all = Vec::new();
    if touched.proven {
        all.push(format!("{resource}: the repository muster/proof.git, which stays"));
    }
    if touched.canary {
        all.push(format!("{resource}: a repository muster/canary-RUN-NAME.git of small commits; removed at the end"));
    }
    if touched.preserved {
        all.push(format!("{resource}: bundles in .muster/preserved/RUN, which stay"));
    }
    all
}

pub(super) fn relies(resource: &str, settings: &Value) -> Vec<Reliance> {
    let Ok(it) = from_json::<Git>(settings) else { return Vec::new() };
    let mut all = vec![Reliance::new(RelianceKind::Program, "git", format!("{resource}: pushes, copies and looks"))];
    for role in RegionRole::ALL {
        let side = it.regions.get(role);
        if side.url.contains("://") {
            all.push(
                Reliance::new(RelianceKind::Endpoint, &side.url, format!("{resource}: pushes in {role}")).within(role),
            );
        }
        all.extend(program(&side.via, &format!("{resource}: its books in {role}"), Some(role)));
    }
    all
}
