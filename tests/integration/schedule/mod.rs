//! Schedules: when drills are due, what the commands show of it, and the daemon that carries them out.

mod examples;
mod listing;
mod occurrences;
mod python;
mod serving;
