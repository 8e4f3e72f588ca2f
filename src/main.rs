//! The program: everything is in the library.

use std::process::ExitCode;

/// Rehearsals by the thousand make and drop many small things on every core: this allocator takes an eighth off them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    muster::cli::main()
}
