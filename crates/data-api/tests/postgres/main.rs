//! Every test of `tests/it`, with the tables in a PostgreSQL of its own; and what only a server can do.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on shall stop where it is"
)]

mod lost_server;
#[path = "../it/main.rs"]
mod suite;

use suite::{home, registry, renames};
