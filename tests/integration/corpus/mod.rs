//! Every input that the fuzzer begins with, or broke Muster with once, is read again: none may panic.

#[path = "../../fuzz/targets.rs"]
mod targets;

fn replay(target: &str, read: fn(&[u8])) {
    let folder = format!("{}/tests/fuzz/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
    let mut inputs: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    inputs.sort();
    assert!(inputs.len() > 10, "the corpus of {target} is not here");
    for input in inputs {
        let bytes = std::fs::read(&input).unwrap();
        let read = std::panic::catch_unwind(|| read(&bytes));
        assert!(read.is_ok(), "{} makes it panic, as is said above", input.display());
    }
}

#[test]
fn playbooks_of_the_corpus_are_read_or_refused() {
    replay("playbook", targets::playbook);
}

#[test]
fn infrastructure_files_of_the_corpus_are_read_or_refused() {
    replay("infrastructure", targets::infrastructure);
}

#[test]
fn journals_of_the_corpus_are_read_or_refused() {
    replay("journal", targets::journal);
}
