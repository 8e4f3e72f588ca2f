//! The fuzz target of the same name; see `targets.rs`.
#![no_main]

#[allow(dead_code, reason = "each target calls one of them")]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::playbook(bytes));
