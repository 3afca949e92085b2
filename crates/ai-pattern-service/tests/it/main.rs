//! The service as others meet it: over HTTP and MQTT, on real tables, with a real data-api and a real broker.

mod api;
mod automations;
mod broker;
mod chain;
mod commands;
mod habits;
mod house;
mod killed;
mod library;
mod outbox;
mod schema;
mod search;
mod search_damage;
mod search_meaning;
mod search_store;
mod states;
mod store;
mod tls;
mod versions;
