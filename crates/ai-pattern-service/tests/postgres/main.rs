//! What has to do with the tables, on a PostgreSQL.

#[path = "../it/api.rs"]
mod api;
#[path = "../it/automations.rs"]
mod automations;
#[path = "../it/chain.rs"]
mod chain;
#[path = "../it/habits.rs"]
mod habits;
#[path = "../it/house.rs"]
mod house;
#[path = "../it/library.rs"]
mod library;
#[path = "../it/outbox.rs"]
mod outbox;
#[path = "../it/schema.rs"]
mod schema;
#[path = "../it/search.rs"]
mod search;
#[path = "../it/search_meaning.rs"]
mod search_meaning;
#[path = "../it/search_store.rs"]
mod search_store;
#[path = "../it/states.rs"]
mod states;
#[path = "../it/store.rs"]
mod store;
