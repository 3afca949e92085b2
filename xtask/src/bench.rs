//! `cargo xtask bench`: what the release programs of this workspace do on this machine.

mod flood;
mod home_assistant;
mod ingest;
mod latency;
mod services;
mod usage;

use clap::Subcommand;

#[derive(Subcommand)]
pub(crate) enum Bench {
    /// Events of a flooding server, through websocket-ingestion and data-api, into committed rows
    Ingest(ingest::Options),
}

pub(crate) fn run(bench: &Bench) -> anyhow::Result<()> {
    match bench {
        Bench::Ingest(options) => ingest::run(options),
    }
}
