//! Each rule: files in, offences out.

use super::Source;
use super::paths::{Named, module, paths};
use super::tokens::tokens;

/// Modules that turn values into values.
pub(super) const PURE: [&str; 14] = [
    "catalogue",
    "yaml",
    "controls",
    "playbook",
    "schema",
    "calendar",
    "plan",
    "starter",
    "state",
    "measure",
    "record",
    "rehearsal",
    "report",
    "bundle",
];

/// Paths that a pure module does not name, with all that lies below them.
const IMPURE: [&str; 14] = [
    "tokio",
    "reqwest",
    "rusqlite",
    "rustix",
    "tower",
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "std::os",
    "std::net",
    "std::time",
    "jiff::Timestamp::now",
    "jiff::Zoned::now",
];

/// What of those is data and no more.
const DATA: [&str; 6] = [
    "std::net::IpAddr",
    "std::net::Ipv4Addr",
    "std::net::Ipv6Addr",
    "std::net::SocketAddr",
    "std::net::AddrParseError",
    "std::time::Duration",
];

/// Lines of the longest file; past it, ask what two things the file is about.
const LONGEST: usize = 600;

/// Files that are longer for a reason, each with it.
const LONGER: [(&str, &str); 0] = [];

/// The modules of `src/lib.rs`, in order.
pub(super) fn layers(sources: &[Source]) -> Vec<String> {
    let lib = sources.iter().find(|source| source.path == "src/lib.rs").expect("src/lib.rs is there");
    let tokens = tokens(&lib.text);
    let modules = tokens.windows(4).filter(|window| {
        let texts: Vec<&str> = window.iter().map(|token| token.text.as_str()).collect();
        matches!(texts[..], ["pub", "mod", _, ";"])
    });
    modules.map(|window| window[2].text.clone()).collect()
}

/// Each use of a module that stands below the user's, or that is no layer at all.
pub(super) fn upward_imports(sources: &[Source], layers: &[String]) -> Vec<String> {
    let place = |name: &str| layers.iter().position(|layer| layer == name);
    let mut offences = Vec::new();
    for source in sources {
        let Some(own) = module(&source.path).first().copied() else { continue };
        let Some(own_place) = place(own) else {
            offences.push(format!("{}: `{own}` is no `pub mod` of src/lib.rs", source.path));
            continue;
        };
        for Named { names, line } in paths(source) {
            let [root, other, ..] = &names[..] else { continue };
            if root == "crate" && place(other).is_none_or(|other| other > own_place) {
                let path = names.join("::");
                offences.push(format!("{}:{line}: `{path}`: `{other}` is not above `{own}`", source.path));
            }
        }
    }
    offences
}

/// Each thing in a pure module that reaches outside, tells the time or waits.
pub(super) fn impurities(sources: &[Source]) -> Vec<String> {
    let mut offences = Vec::new();
    for source in sources.iter().filter(|source| module(&source.path).first().is_some_and(|own| PURE.contains(own))) {
        for Named { names, line } in paths(source) {
            let path = names.join("::");
            let named =
                |list: &[&str]| list.iter().any(|whole| path == *whole || path.starts_with(&format!("{whole}::")));
            let waits = names.iter().any(|name| ["async", "await", "Clock", "async_trait"].contains(&name.as_str()));
            if waits || (named(&IMPURE) && !named(&DATA)) {
                offences.push(format!("{}:{line}: `{path}` in a pure module", source.path));
            }
        }
    }
    offences
}

/// Each file that is too long.
pub(super) fn long_files(files: &[Source]) -> Vec<String> {
    let rust = files.iter().filter(|file| extension(&file.path) == Some("rs"));
    let counted = rust.map(|file| (file, file.text.lines().count()));
    let long = counted.filter(|(file, lines)| *lines > LONGEST && !LONGER.iter().any(|(path, _)| *path == file.path));
    long.map(|(file, lines)| format!("{}: {lines} lines, {LONGEST} at most", file.path)).collect()
}

/// Each test that is left out unless somebody asks for it: a measurement belongs to `tests/bench/run` or an example.
pub(super) fn ignored_tests(files: &[Source]) -> Vec<String> {
    let rust = files.iter().filter(|file| extension(&file.path) == Some("rs"));
    let found = rust.flat_map(|file| {
        let tokens = tokens(&file.text);
        let marks: Vec<usize> = tokens
            .windows(3)
            .filter(|window| window.iter().map(|token| token.text.as_str()).eq(["#", "[", "ignore"]))
            .map(|window| window[0].line)
            .collect();
        marks.into_iter().map(|line| format!("{}:{line}: a test that nobody runs", file.path))
    });
    found.collect()
}

/// Each place besides the one door where the engine writes into the journal, and a door that takes what is not clean.
pub(super) fn doors(sources: &[Source]) -> Vec<String> {
    const DOOR: (&str, &str) = ("src/engine/dispatcher/mod.rs", "write");
    let mut offences = Vec::new();
    let mut there = false;
    for source in sources.iter().filter(|source| source.path.starts_with("src/engine/")) {
        let tokens = tokens(&source.text);
        let texts: Vec<&str> = tokens.iter().map(|token| token.text.as_str()).collect();
        for at in (0..texts.len()).filter(|at| texts[*at..].starts_with(&["journal", ".", "commit", "("])) {
            let function = (0..at).rev().find(|n| texts[*n] == "fn").unwrap_or(at);
            let takes: String = texts[function..at].iter().take_while(|text| **text != "{").copied().collect();
            let is_door = source.path == DOOR.0 && texts.get(function + 1) == Some(&DOOR.1);
            if is_door && takes.contains("Vec<Clean>") && !there {
                there = true;
            } else {
                offences.push(format!("{}:{}: events pass the one door by", source.path, tokens[at].line));
            }
        }
    }
    if !there {
        offences.push(format!("{}: `{}` is not the door that takes clean events", DOOR.0, DOOR.1));
    }
    offences
}

/// Each file or folder whose name says nothing.
pub(super) fn drawers(files: &[Source]) -> Vec<String> {
    const NAMES: [&str; 6] = ["util", "utils", "helper", "helpers", "common", "misc"];
    let empty = |file: &&Source| {
        let stem = file.path.rsplit_once('.').map_or(file.path.as_str(), |(stem, _)| stem);
        stem.split('/').any(|name| NAMES.contains(&name))
    };
    files.iter().filter(empty).map(|file| format!("{}: a name that says what it is about", file.path)).collect()
}

/// Each line that names a place which only one machine has: the checkout's own, or one that no user has.
pub(super) fn private_places(files: &[Source], checkout: &str) -> Vec<String> {
    // Put together here, so that this file does not offend.
    let mut places = ["work", "root"].map(|name| format!("/{name}/")).to_vec();
    // `/muster` in a container is a name like any other.
    if checkout.matches('/').count() > 1 {
        places.push(checkout.to_owned());
    }
    let mut offences = Vec::new();
    for file in files {
        for (number, line) in file.text.lines().enumerate() {
            for place in &places {
                // Only where a path begins: `~/work/` or `a/home/b` are no absolute paths.
                let mut starts = line.match_indices(place.as_str()).map(|(at, _)| line[..at].chars().next_back());
                if starts.any(|before| before.is_none_or(|c| !c.is_alphanumeric() && !"~._-$}/".contains(c))) {
                    offences.push(format!("{}:{}: `{place}`", file.path, number + 1));
                }
            }
        }
    }
    offences
}

fn extension(path: &str) -> Option<&str> {
    path.rsplit_once('.').map(|(_, extension)| extension)
}
