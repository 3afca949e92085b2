//! ai-pattern-service as a program.

use std::process::ExitCode;

fn main() -> ExitCode {
    common::program::main::<ai_pattern_service::PatternService>()
}
