//! data-api as a program.

use std::process::ExitCode;

fn main() -> ExitCode {
    common::program::main::<data_api::DataApi>()
}
