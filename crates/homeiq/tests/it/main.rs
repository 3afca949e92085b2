//! `homeiq` as a person starts it: the real binary, its exit codes, its words.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on shall stop where it is"
)]

mod demo;
mod import;
mod mine;
mod mine_export;
mod models;
mod process;
mod search;
mod starting;
