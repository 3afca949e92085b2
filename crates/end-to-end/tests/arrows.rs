//! Who may depend on whom: the promises between the crates, read from `cargo metadata`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Programs that talk to each other over HTTP and MQTT, never by a function call.
const SERVICES: [&str; 4] = [
    "ai-pattern-service",
    "data-api",
    "home-simulator",
    "websocket-ingestion",
];
/// Crates that put services together, or measure them.
const ASSEMBLIES: [&str; 3] = ["end-to-end", "homeiq", "xtask"];

/// One dependency, as a manifest declares it.
struct Dependency {
    name: String,
    kind: Kind,
    optional: bool,
    features: Vec<String>,
}

#[derive(PartialEq, Eq, Clone, Copy)]
enum Kind {
    Normal,
    Dev,
    Build,
}

struct Package {
    folder: PathBuf,
    features: BTreeMap<String, Vec<String>>,
    dependencies: Vec<Dependency>,
}

impl Package {
    fn names(&self, kind: Kind) -> BTreeSet<&str> {
        let of_kind = self
            .dependencies
            .iter()
            .filter(|dependency| dependency.kind == kind);
        of_kind.map(|dependency| dependency.name.as_str()).collect()
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("a crate of the workspace")
}

fn workspace() -> BTreeMap<String, Package> {
    let output = Command::new("cargo")
        .args([
            "metadata",
            "--locked",
            "--offline",
            "--no-deps",
            "--format-version",
            "1",
        ])
        .current_dir(root())
        .output()
        .expect("cargo starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    let packages = metadata["packages"].as_array().expect("a list of packages");
    packages
        .iter()
        .map(|package| (text(&package["name"]), read(package)))
        .collect()
}

fn read(package: &Value) -> Package {
    let manifest = PathBuf::from(text(&package["manifest_path"]));
    let dependencies = package["dependencies"]
        .as_array()
        .expect("a list of dependencies");
    Package {
        folder: manifest
            .parent()
            .expect("a manifest has a folder")
            .to_owned(),
        features: serde_json::from_value(package["features"].clone()).expect("a map of features"),
        dependencies: dependencies
            .iter()
            .map(|dependency| Dependency {
                name: text(&dependency["name"]),
                kind: match dependency["kind"].as_str() {
                    None => Kind::Normal,
                    Some("dev") => Kind::Dev,
                    Some(_) => Kind::Build,
                },
                optional: dependency["optional"] == true,
                features: serde_json::from_value(dependency["features"].clone())
                    .expect("a list of features"),
            })
            .collect(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// The crates that ship code which sees `dependency`.
fn who_sees(workspace: &BTreeMap<String, Package>, dependency: &str) -> Vec<String> {
    let sees = |package: &Package| {
        package.names(Kind::Normal).contains(dependency)
            || package.names(Kind::Build).contains(dependency)
    };
    workspace
        .iter()
        .filter(|(_, p)| sees(p))
        .map(|(name, _)| name.clone())
        .collect()
}

#[test]
fn no_service_depends_on_a_service() {
    let workspace = workspace();
    for service in SERVICES {
        let sees = workspace[service].names(Kind::Normal);
        let others: Vec<_> = SERVICES
            .iter()
            .filter(|other| sees.contains(**other))
            .collect();
        assert!(others.is_empty(), "{service} depends on {others:?}");
    }
    for (name, package) in &workspace {
        let seen = package
            .names(Kind::Normal)
            .into_iter()
            .filter(|d| SERVICES.contains(d))
            .count();
        assert!(
            seen == 0 || ASSEMBLIES.contains(&name.as_str()),
            "{name} depends on a service"
        );
    }
}

#[test]
fn only_their_owners_see_the_database_and_the_broker() {
    let workspace = workspace();
    for (dependency, owners) in [
        ("sqlx", &["ai-pattern-service", "data-api", "database"][..]),
        (
            "database",
            &["ai-pattern-service", "data-api", "history-import"],
        ),
        ("rumqttc", &["ai-pattern-service", "test-support"]),
        ("backoff", &["common"]),
        ("candle-core", &["semantic"]),
        ("tokenizers", &["semantic"]),
        ("semantic", &["ai-pattern-service", "xtask"]),
        ("model-prep", &["homeiq"]),
        (
            "models",
            &[
                "ai-pattern-service",
                "end-to-end",
                "homeiq",
                "model-prep",
                "test-support",
            ],
        ),
        (
            "pattern-mining",
            &[
                "ai-pattern-service",
                "home-assistant-automation",
                "homeiq",
                "xtask",
            ],
        ),
        (
            "data-api-client",
            &[
                "ai-pattern-service",
                "end-to-end",
                "history-import",
                "homeiq",
                "websocket-ingestion",
            ],
        ),
    ] {
        let strangers: Vec<_> = who_sees(&workspace, dependency)
            .into_iter()
            .filter(|name| !owners.contains(&name.as_str()))
            .collect();
        assert!(
            strangers.is_empty(),
            "{strangers:?} must not depend on {dependency}"
        );
    }
}

#[test]
fn only_tests_see_the_test_support() {
    for (crate_name, allowed) in [
        ("test-support", &["end-to-end", "xtask"][..]),
        ("end-to-end", &[]),
        ("opentelemetry-proto", &[]),
    ] {
        assert_eq!(who_sees(&workspace(), crate_name), allowed, "{crate_name}");
    }
}

#[test]
fn the_words_of_common_need_neither_a_runtime_nor_a_server() {
    let common = &workspace()["common"];
    let always: Vec<&str> = common
        .dependencies
        .iter()
        .filter(|dependency| dependency.kind == Kind::Normal && !dependency.optional)
        .map(|dependency| dependency.name.as_str())
        .collect();
    assert_eq!(always, ["jiff", "serde", "serde_json"]);
    let by_default = common
        .features
        .get("default")
        .map_or(&[][..], Vec::as_slice);
    assert!(
        by_default.is_empty(),
        "common turns on {by_default:?} for everybody"
    );
    for never in ["sqlx", "rumqttc"] {
        assert!(
            !common.names(Kind::Normal).contains(never),
            "common sees {never}"
        );
    }
}

#[test]
fn the_miner_and_the_writer_of_automations_are_pure() {
    let workspace = workspace();
    let words = [
        "common",
        "crc32fast",
        "foldhash",
        "jiff",
        "serde",
        "serde_json",
        "thiserror",
    ];
    for (name, more) in [
        ("pattern-mining", None),
        ("home-assistant-automation", Some("pattern-mining")),
    ] {
        let package = &workspace[name];
        let allowed: BTreeSet<&str> = words.into_iter().chain(more).collect();
        let seen = package.names(Kind::Normal);
        assert!(
            seen.is_subset(&allowed),
            "{name} sees {:?}",
            &seen - &allowed
        );
        let common = package
            .dependencies
            .iter()
            .find(|dependency| dependency.name == "common");
        assert_eq!(
            common.map(|common| common.features.len()),
            Some(0),
            "words only"
        );
        for file in sources(&package.folder.join("src")) {
            let code = std::fs::read_to_string(&file).expect("a source file");
            for word in [
                "std::fs",
                "std::net",
                "std::env",
                "std::process",
                "Instant::now",
                "::now()",
            ] {
                assert!(!code.contains(word), "{} uses {word}", file.display());
            }
        }
    }
}

#[test]
fn manifests_name_no_banned_crate_and_obey_the_lints_of_the_workspace() {
    let banned = [
        "chrono",
        "lazy_static",
        "native-tls",
        "once_cell",
        "openssl",
        "openssl-sys",
    ];
    for (name, package) in workspace() {
        for dependency in &package.dependencies {
            assert!(
                !banned.contains(&dependency.name.as_str()),
                "{name} depends on {}",
                dependency.name
            );
        }
        let manifest =
            std::fs::read_to_string(package.folder.join("Cargo.toml")).expect("manifest");
        assert!(
            manifest.contains("[lints]\nworkspace = true"),
            "{name} has lints of its own"
        );
    }
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.expect("an entry of a folder").path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    assert!(!files.is_empty(), "{} has no sources", folder.display());
    files
}
