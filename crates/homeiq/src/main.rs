//! All of `HomeIQ` as one program.

use std::process::ExitCode;

fn main() -> ExitCode {
    common::program::main::<homeiq::Homeiq>()
}
