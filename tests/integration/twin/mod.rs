//! The twin can be trusted: its page says what the code does, and what must be so in its world is, whatever is done there.

mod calibrating;
mod page;
mod properties;
