//! `cargo xtask bench`: what the release programs of this workspace do on this machine.

mod flood;
mod home_assistant;
mod ingest;
mod latency;
mod services;
mod store;
mod usage;

use clap::Subcommand;

#[derive(Subcommand)]
pub(crate) enum Bench {
    /// Events of a flooding server, through websocket-ingestion and data-api, into committed rows
    Ingest(ingest::Options),
    /// Bytes, rows a second and times of questions of data-api's store, beside other databases
    Store(store::Options),
}

pub(crate) fn run(bench: &Bench) -> anyhow::Result<()> {
    match bench {
        Bench::Ingest(options) => ingest::run(options),
        Bench::Store(options) => store::run(options),
    }
}
