//! home-simulator as a program.

use std::process::ExitCode;

fn main() -> ExitCode {
    common::program::main::<home_simulator::HomeSimulator>()
}
