//! The service as others meet it: over HTTP and MQTT, on real tables, with a real data-api and a real broker.

mod api;
mod broker;
mod chain;
mod habits;
mod house;
mod library;
mod store;
mod tls;
