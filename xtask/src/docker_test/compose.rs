//! Docker Compose, told to leave everything else on this machine alone.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;

use crate::{http, process, workspace};

/// Settings that a person may have in the shell or in .env, and that this test must not obey.
const NOT_OURS: [&str; 14] = [
    "COMPOSE_FILE",
    "COMPOSE_PROFILES",
    "HA_HTTP_URL",
    "HA_TOKEN",
    "HF_TOKEN",
    "MODELS_TO_DOWNLOAD",
    "MODEL_SOURCE",
    "MQTT_BROKER",
    "NABU_CASA_SSL_VERIFY",
    "NABU_CASA_TOKEN",
    "NABU_CASA_URL",
    "PUBLISH_ADDRESS",
    "SSL_VERIFY",
    "TZ",
];

/// The service that fetches models, and how its container calls this machine.
pub(crate) const MODEL_PREP: &str = "model-prep";
pub(crate) const MIRROR: &str = "host.docker.internal";

/// A project of its own: own name, own ports, own volumes and images; all gone when it is dropped.
#[derive(Debug)]
pub(crate) struct Compose {
    project: String,
    folder: PathBuf,
    ports: BTreeMap<String, String>,
    /// Where models come from; with it the profile `ai` is on.
    models: RefCell<Option<String>>,
}

/// What compose.yaml has, the profile `demo` included.
#[derive(Debug, Deserialize)]
pub(crate) struct Services {
    services: BTreeMap<String, Service>,
}

#[derive(Debug, Deserialize)]
struct Service {
    build: Option<serde_json::Value>,
    #[serde(default)]
    depends_on: BTreeMap<String, serde_json::Value>,
    #[serde(default)]
    ports: Vec<Port>,
}

#[derive(Debug, Deserialize)]
struct Port {
    published: String,
    host_ip: Option<String>,
}

impl Compose {
    /// Reads compose.yaml and gives each of its services a free port.
    pub(crate) fn new(folder: &Path) -> anyhow::Result<Self> {
        let mut compose = Self {
            project: format!("homeiq-test-{}", std::process::id()),
            folder: folder.to_owned(),
            ports: BTreeMap::new(),
            // That of nobody, to see every service.
            models: RefCell::new(Some(String::new())),
        };
        std::fs::write(compose.override_file(), "services: {}\n")?;
        std::fs::write(folder.join("empty.env"), "")?;
        let names: Vec<String> = compose.services()?.services.into_keys().collect();
        // A .env beside compose.yaml is for the home of whoever wrote it.
        let lines = names.iter().map(|name| {
            // The mirror is a server of this test.
            let host = format!("extra_hosts: [\"{MIRROR}:host-gateway\"]");
            let more = if name == MODEL_PREP { &host } else { "" };
            format!("  {name}: {{env_file: !reset [], {more}}}\n")
        });
        let text = format!("services:\n{}", lines.collect::<String>());
        std::fs::write(compose.override_file(), text)?;
        for name in &names {
            let setting = format!("{}_HOST_PORT", name.to_uppercase().replace('-', "_"));
            compose
                .ports
                .insert(setting, http::free_port()?.to_string());
        }
        compose.models.replace(None);
        Ok(compose)
    }

    /// What Compose itself makes of compose.yaml.
    pub(crate) fn services(&self) -> anyhow::Result<Services> {
        let text = process::output(self.command().args(["config", "--format", "json"]))?;
        let services: Services = serde_json::from_str(&text).context("docker compose config")?;
        ensure!(
            !services.services.is_empty(),
            "compose.yaml has no services"
        );
        services.check_ports(&self.ports)?;
        Ok(services)
    }

    /// From now on with the profile `ai`, and this source of models.
    pub(crate) fn take_models_from(&self, source: &str) {
        self.models.replace(Some(source.to_owned()));
    }

    /// Builds these images with the contexts of compose.yaml.
    pub(crate) fn build(&self, services: &[String]) -> anyhow::Result<()> {
        let log = self.folder.join("build.log");
        let file = File::create(&log)?;
        let mut command = self.command_with(&["demo", "ai"]);
        command
            .args(["--progress", "plain", "build"])
            .args(services)
            .stdin(Stdio::null());
        let status = command.stdout(file.try_clone()?).stderr(file).status()?;
        if !status.success() {
            let text = std::fs::read_to_string(&log)?;
            let lines: Vec<&str> = text.lines().collect();
            let end = lines[lines.len().saturating_sub(40)..].join("\n");
            bail!("docker compose build failed ({status}):\n{end}");
        }
        Ok(())
    }

    /// `docker compose` for this project, to be given a command.
    pub(crate) fn command(&self) -> Command {
        match &*self.models.borrow() {
            None => self.command_with(&["demo"]),
            Some(source) => {
                let mut command = self.command_with(&["demo", "ai"]);
                command.env("MODEL_SOURCE", source);
                command
            }
        }
    }

    fn command_with(&self, profiles: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command.current_dir(workspace::root());
        command.args(["compose", "--project-name", &self.project]);
        for profile in profiles {
            command.args(["--profile", profile]);
        }
        command.arg("--env-file").arg(self.folder.join("empty.env"));
        command
            .args(["--file", "compose.yaml", "--file"])
            .arg(self.override_file());
        for name in NOT_OURS {
            command.env_remove(name);
        }
        command.envs(&self.ports);
        command
    }

    /// What the engine calls a volume of compose.yaml.
    pub(crate) fn volume(&self, name: &str) -> String {
        format!("{}_{name}", self.project)
    }

    /// Where logs are kept.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    fn override_file(&self) -> PathBuf {
        self.folder.join("override.yaml")
    }
}

impl Drop for Compose {
    fn drop(&mut self) {
        let mut down = self.command_with(&["demo", "ai"]);
        down.args([
            "down",
            "--volumes",
            "--remove-orphans",
            "--rmi",
            "local",
            "--timeout",
            "5",
        ]);
        if let Err(error) = process::output(&mut down) {
            eprintln!("xtask: not everything is cleaned up: {error:#}");
        }
    }
}

impl Services {
    /// The named services and all that they depend on; without names all there are.
    pub(crate) fn choose(&self, names: &[String]) -> anyhow::Result<Vec<String>> {
        let mut chosen = BTreeSet::new();
        let mut wanted: Vec<&String> = if names.is_empty() {
            self.services.keys().collect()
        } else {
            names.iter().collect()
        };
        while let Some(name) = wanted.pop() {
            let Some(service) = self.services.get(name) else {
                let known: Vec<&str> = self.services.keys().map(String::as_str).collect();
                bail!(
                    "unknown service {name}; compose.yaml has {}",
                    known.join(", ")
                );
            };
            if chosen.insert(name.clone()) {
                // One that is not there belongs to a profile that is off.
                let there = service.depends_on.keys();
                wanted.extend(there.filter(|name| self.services.contains_key(*name)));
            }
        }
        Ok(chosen.into_iter().collect())
    }

    /// Those of the services whose image is ours.
    pub(crate) fn built(&self, chosen: &[String]) -> Vec<String> {
        let is_built = |name: &&String| self.services.get(*name).is_some_and(|s| s.build.is_some());
        chosen.iter().filter(is_built).cloned().collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.services.len()
    }

    /// Ports are published on loopback, and where the settings say.
    fn check_ports(&self, settings: &BTreeMap<String, String>) -> anyhow::Result<()> {
        for (name, service) in &self.services {
            for port in &service.ports {
                let host = port.host_ip.as_deref();
                ensure!(host == Some("127.0.0.1"), "{name} is published on {host:?}");
                let set = settings.is_empty() || settings.values().any(|p| *p == port.published);
                ensure!(set, "no setting moves port {} of {name}", port.published);
            }
        }
        Ok(())
    }
}

/// The size of what the builder gets, .dockerignore applied, as Docker itself sees it.
pub(crate) fn context_bytes() -> anyhow::Result<usize> {
    let dockerfile = "FROM scratch\nCOPY . /\n";
    let mut command = Command::new("docker");
    command
        .current_dir(workspace::root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    command.args([
        "buildx",
        "build",
        "--quiet",
        "--output",
        "type=tar,dest=-",
        "--file",
        "-",
        ".",
    ]);
    let mut child = command
        .stderr(Stdio::piped())
        .spawn()
        .context("docker buildx")?;
    let mut input = child.stdin.take().expect("the input is piped");
    std::io::Write::write_all(&mut input, dockerfile.as_bytes())?;
    drop(input);
    let output = child.wait_with_output()?;
    ensure!(
        output.status.success(),
        "docker buildx failed: {}",
        process::complaint(&output)
    );
    ensure!(!output.stdout.is_empty(), "docker buildx gave no context");
    Ok(output.stdout.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn services() -> Services {
        let text = r#"{"services": {
            "broker": {"image": "x"},
            "store": {"build": {"context": "."}},
            "miner": {"build": {"context": "."}, "depends_on": {"store": {}, "broker": {}, "other-profile": {}}}
        }}"#;
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn without_names_all_services_are_chosen_and_those_with_a_build_are_built() {
        let chosen = services().choose(&[]).unwrap();
        assert_eq!(chosen, ["broker", "miner", "store"]);
        assert_eq!(services().built(&chosen), ["miner", "store"]);
    }

    #[test]
    fn a_named_service_brings_those_that_it_depends_on() {
        assert_eq!(services().choose(&["store".to_owned()]).unwrap(), ["store"]);
        assert_eq!(
            services().choose(&["miner".to_owned()]).unwrap(),
            ["broker", "miner", "store"]
        );
    }

    #[test]
    fn an_unknown_name_is_an_error_that_lists_the_known_ones() {
        let error = services()
            .choose(&["stroe".to_owned()])
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("stroe") && error.contains("broker, miner, store"),
            "{error}"
        );
    }

    #[test]
    fn a_service_without_a_build_is_not_built() {
        let chosen = services().choose(&["broker".to_owned()]).unwrap();
        assert!(services().built(&chosen).is_empty());
    }

    #[test]
    fn a_port_beyond_loopback_is_refused() {
        let text = r#"{"services": {"x": {"ports": [{"published": "80", "host_ip": "0.0.0.0"}]}}}"#;
        let services: Services = serde_json::from_str(text).unwrap();
        assert!(services.check_ports(&BTreeMap::new()).is_err());
    }
}
