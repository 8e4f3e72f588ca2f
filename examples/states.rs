//! Prints the states of steps and runs as `docs/states.md` has them:
//! `cargo run --example states > docs/states.md`.

use std::io::Write as _;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(muster::state::chart::document().as_bytes())
}
