//! Every test of `tests/it`, with the tables in a PostgreSQL of its own.

#[path = "../it/main.rs"]
mod suite;

use suite::{home, registry, renames};
