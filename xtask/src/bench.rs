//! `cargo xtask bench`: what the release programs of this workspace do on this machine.

pub(crate) mod flood;
mod home_assistant;
mod import;
mod ingest;
mod latency;
mod mine;
mod notify;
mod semantic;
mod services;
mod store;
mod usage;

use clap::Subcommand;

#[derive(Subcommand)]
pub(crate) enum Bench {
    /// Events of a flooding server, through websocket-ingestion and data-api, into committed rows
    Ingest(ingest::Options),
    /// A recorder's database through `homeiq import` into data-api, beside the sqlite3 command's own copy
    Import(import::Options),
    /// Bytes, rows a second and times of questions of data-api's store, beside other databases
    Store(store::Options),
    /// CPU and memory of `homeiq mine` on homes of several sizes, and on a night after them
    Mine(mine::Options),
    /// Milliseconds from the end of an analysis to its message at an MQTT subscriber
    Notify(notify::Options),
    /// Seconds and memory of the vectors of short texts on one core, beside sentence-transformers
    Semantic(semantic::Options),
}

pub(crate) fn run(bench: &Bench) -> anyhow::Result<()> {
    match bench {
        Bench::Ingest(options) => ingest::run(options),
        Bench::Import(options) => import::run(options),
        Bench::Store(options) => store::run(options),
        Bench::Mine(options) => mine::run(options),
        Bench::Notify(options) => notify::run(options),
        Bench::Semantic(options) => semantic::run(options),
    }
}
