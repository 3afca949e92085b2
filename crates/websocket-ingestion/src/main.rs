//! websocket-ingestion as a program.

use std::process::ExitCode;

fn main() -> ExitCode {
    common::program::main::<websocket_ingestion::WebsocketIngestion>()
}
