//! Every test of `tests/it`, with the tables in a PostgreSQL of its own; and what only a server can do.

mod lost_server;
#[path = "../it/main.rs"]
mod suite;

use suite::{home, homeiq_clients, registry, renames};
