//! The shape of the repository: what may lie where, and how long a file may be.

use std::path::{Path, PathBuf};

/// Everything that the top level may have; scratch files have no place in a repository.
const TOP_LEVEL: [&str; 28] = [
    ".cargo",
    ".ci",
    ".config",
    ".dockerignore",
    ".editorconfig",
    ".env.example",
    ".gitattributes",
    ".github",
    ".gitignore",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "SECURITY.md",
    "clippy.toml",
    "compose.yaml",
    "crates",
    "deny.toml",
    "docker",
    "docs",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "shared",
    "xtask",
];
/// Not part of the repository: made by git, by a build, or by a person for this machine alone.
const IGNORED: [&str; 8] = [
    ".env", ".git", ".idea", ".venv", ".vscode", "data", "secrets", "target",
];
const MAX_LINES: usize = 400;
/// Tests that the operator's table of faults names.
const FAULT_TESTS: &str = "crates/websocket-ingestion/tests/it";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("a crate of the workspace")
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    entries
        .map(|entry| entry.expect("an entry of a folder").path())
        .collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let (folders, mut found): (Vec<_>, Vec<_>) =
        entries(folder).into_iter().partition(|path| path.is_dir());
    for folder in folders {
        found.extend(files(&folder));
    }
    found
}

#[test]
fn the_top_level_has_only_what_belongs_there() {
    let strangers: Vec<PathBuf> = entries(root())
        .into_iter()
        .filter(|path| {
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            !TOP_LEVEL.contains(&name) && !IGNORED.contains(&name)
        })
        .collect();
    assert!(
        strangers.is_empty(),
        "these do not belong to the top level: {strangers:?}"
    );
}

#[test]
fn no_source_file_is_longer_than_four_hundred_lines() {
    let sources = [files(&root().join("crates")), files(&root().join("xtask"))].concat();
    let mut long = Vec::new();
    for path in sources
        .iter()
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
    {
        let lines = std::fs::read_to_string(path)
            .expect("a source file")
            .lines()
            .count();
        if lines > MAX_LINES {
            long.push(format!("{} has {lines}", path.display()));
        }
    }
    assert!(
        long.is_empty(),
        "longer than {MAX_LINES} lines:\n{}",
        long.join("\n")
    );
}

#[test]
fn nothing_in_shared_compiles() {
    let code: Vec<PathBuf> = files(&root().join("shared"))
        .into_iter()
        .filter(|path| path.extension().is_some_and(|e| e == "rs") || path.ends_with("Cargo.toml"))
        .collect();
    assert!(code.is_empty(), "code belongs to crates/: {code:?}");
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    let mut documents: Vec<PathBuf> = ["crates", "docs", "shared", "docker"]
        .iter()
        .flat_map(|folder| files(&root().join(folder)))
        .chain(entries(root()))
        .filter(|path| path.extension().is_some_and(|e| e == "md"))
        .collect();
    documents.sort();
    let mut dead = Vec::new();
    for document in &documents {
        let text = std::fs::read_to_string(document).expect("a document");
        let folder = document.parent().expect("a file has a folder");
        for link in text.split("](").skip(1) {
            let target = link.split([')', '#']).next().unwrap_or_default();
            let is_outside = target.contains("://") || target.starts_with("mailto:");
            if !target.is_empty() && !is_outside && !folder.join(target).exists() {
                dead.push(format!("{}: {target}", document.display()));
            }
        }
    }
    assert!(documents.len() > 20, "documents are found");
    assert!(dead.is_empty(), "dead links:\n{}", dead.join("\n"));
}

/// A row that no test holds is a promise.
#[test]
fn every_fault_of_the_operators_table_names_a_test_that_exists() {
    let read = |path: &Path| std::fs::read_to_string(path).expect("a text");
    let operations = read(&root().join("docs/OPERATIONS.md"));
    let table = operations.split("## What happens when").nth(1).expect("it");
    let rows = table
        .lines()
        .skip_while(|line| !line.starts_with("| fault"));
    let mut text = String::new();
    let mut held = 0;
    for row in rows.take_while(|line| line.starts_with('|')).skip(2) {
        let last = row.trim_end_matches([' ', '|']).rsplit(" | ").next();
        let last = last.expect("a column");
        for name in last.split('`').skip(1).step_by(2) {
            if Path::new(name).extension().is_some() {
                text = read(&root().join(FAULT_TESTS).join(name));
            } else {
                let start = name.trim_end_matches('…');
                assert!(text.contains(&format!("async fn {start}")), "{row}");
            }
            held += 1;
        }
        assert!(last == "the same" || last.contains('`'), "{row}");
    }
    assert!(held > 30, "only {held} names were found");
}
