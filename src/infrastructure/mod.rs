//! (to be written)

pub mod simulate;
