//! Where this workspace is, and its programs.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::process;

/// The root of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies in the workspace")
}

/// What cargo tells a program that it runs. A build script that looks at one of these (ring's does)
/// would be run again, and all that depends on it compiled again, whenever a person's own `cargo build`
/// and this program take turns.
const ABOUT_XTASK: [&str; 8] = [
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_LINKS",
    "CARGO_PKG_NAME",
    "CARGO_PKG_VERSION",
    "CARGO_PKG_VERSION_MAJOR",
    "CARGO_PKG_VERSION_MINOR",
    "CARGO_PKG_VERSION_PATCH",
    "CARGO_PKG_VERSION_PRE",
];

/// Cargo, in the root of the workspace.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(root());
    for name in ABOUT_XTASK {
        command.env_remove(name);
    }
    command
}

/// Names a folder with released programs, such as those of the images, that are to be tried in place of new ones.
const RELEASED: &str = "HOMEIQ_PROGRAMS";

/// Cargo builds a crate once for every set of features that its callers ask for. Asked for the whole workspace and one
/// of its examples, which is what the tests are built of, it finds everything built; asked for a package it would
/// compile two hundred crates once more, in two minutes and half a gigabyte.
const OF_THE_TESTS: &str = "nearest";

/// Builds these programs and returns the folder they are in.
pub(crate) fn build(programs: &[&str], release: bool) -> anyhow::Result<PathBuf> {
    if let (true, Some(folder)) = (release, released()) {
        for program in programs {
            let path = folder.join(program);
            ensure!(path.is_file(), "{RELEASED}: no {}", path.display());
        }
        eprintln!("released programs are those in {}", folder.display());
        return Ok(folder);
    }
    let of_their_packages: Vec<_> = programs.iter().map(|&program| (program, program)).collect();
    build_from(&of_their_packages, release)
}

/// The folder that is named.
#[expect(
    clippy::disallowed_methods,
    reason = "of these commands, not of a service"
)]
fn released() -> Option<PathBuf> {
    Some(root().join(std::env::var_os(RELEASED)?))
}

/// The same for programs that are not named like their packages: package and program.
pub(crate) fn build_from(programs: &[(&str, &str)], release: bool) -> anyhow::Result<PathBuf> {
    let mut command = cargo();
    command.args(["build", "--locked"]);
    if release {
        command.arg("--release");
        for (package, _) in programs {
            command.args(["--package", package]);
        }
    } else {
        command.args(["--workspace", "--example", OF_THE_TESTS]);
    }
    for (_, program) in programs {
        command.args(["--bin", program]);
    }
    process::run(&mut command)?;
    Ok(target_folder()?.join(if release { "release" } else { "debug" }))
}

/// Builds an example of a package, as it is released, and returns its path.
pub(crate) fn build_example(package: &str, example: &str) -> anyhow::Result<PathBuf> {
    let mut command = cargo();
    command.args(["build", "--locked", "--release"]);
    command.args(["--package", package, "--example", example]);
    process::run(&mut command)?;
    Ok(target_folder()?.join("release/examples").join(example))
}

fn target_folder() -> anyhow::Result<PathBuf> {
    let mut command = cargo();
    command.args(["metadata", "--locked", "--no-deps", "--format-version", "1"]);
    let metadata: Value = serde_json::from_str(&process::output(&mut command)?)?;
    let folder = metadata["target_directory"]
        .as_str()
        .context("cargo names no target folder")?;
    Ok(folder.into())
}
