//! The running containers.

use std::collections::BTreeMap;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde::Deserialize;

use super::compose::Compose;
use crate::http::Peer;
use crate::server::Server;
use crate::{patience, process};

/// All containers of the project, each of which has been healthy.
#[derive(Debug)]
pub(crate) struct Stack<'a> {
    compose: &'a Compose,
    containers: BTreeMap<String, String>,
    seconds: BTreeMap<String, f64>,
}

/// A line of `docker compose ps --format json`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Container {
    pub(crate) service: String,
    pub(crate) state: String,
    pub(crate) health: String,
    pub(crate) exit_code: i32,
    name: String,
}

impl<'a> Stack<'a> {
    /// Starts the services and waits until every one of them is healthy.
    pub(crate) fn start(
        compose: &'a Compose,
        services: &[String],
        deadline: Duration,
    ) -> anyhow::Result<Self> {
        let mut stack = Self {
            compose,
            containers: BTreeMap::new(),
            seconds: BTreeMap::new(),
        };
        let mut up = compose.command();
        let limit = deadline.as_secs().to_string();
        up.args([
            "up",
            "--detach",
            "--no-build",
            "--wait",
            "--wait-timeout",
            &limit,
        ]);
        let mut starting = Server::start("up", up.args(services), compose.folder())?;
        let mut running_since = BTreeMap::<String, Instant>::new();
        let healthy = patience::until("every container to be healthy", deadline, || {
            for container in stack.list()? {
                if container.state == "running" {
                    running_since
                        .entry(container.service.clone())
                        .or_insert_with(Instant::now);
                }
                if container.health == "healthy" {
                    let since = running_since.get(&container.service).map(Instant::elapsed);
                    let seconds = since.unwrap_or_default().as_secs_f64();
                    stack
                        .seconds
                        .entry(container.service.clone())
                        .or_insert(seconds);
                }
                stack.containers.insert(container.service, container.name);
            }
            let all = services
                .iter()
                .all(|service| stack.seconds.contains_key(service));
            let up = starting.ended()?;
            ensure!(
                all || up != Some(false),
                "docker compose up failed:\n{}",
                starting.log()?
            );
            Ok((all && up == Some(true)).then_some(()))
        });
        if let Err(error) = healthy {
            let logs = stack.logs().unwrap_or_default();
            std::fs::write(compose.folder().join("containers.log"), &logs)?;
            let lines: Vec<&str> = logs.lines().collect();
            let end = lines[lines.len().saturating_sub(40)..].join("\n");
            return Err(error.context(format!("{}\n{end}", stack.described()?)));
        }
        Ok(stack)
    }

    /// How long each container needed from its start on.
    pub(crate) fn seconds_to_healthy(&self) -> &BTreeMap<String, f64> {
        &self.seconds
    }

    /// The containers as they are now, stopped ones included.
    pub(crate) fn list(&self) -> anyhow::Result<Vec<Container>> {
        let text = process::output(
            self.compose
                .command()
                .args(["ps", "--all", "--format", "json"]),
        )?;
        text.lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| serde_json::from_str(line).with_context(|| line.to_owned()))
            .collect()
    }

    /// The state of one container now.
    pub(crate) fn container(&self, service: &str) -> anyhow::Result<Container> {
        let found = self
            .list()?
            .into_iter()
            .find(|container| container.service == service);
        found.with_context(|| format!("{service} has no container"))
    }

    /// The size of the image that a service runs.
    pub(crate) fn image_bytes(&self, service: &str) -> anyhow::Result<u64> {
        let image = inspect(&["inspect", "--format", "{{.Image}}", self.name(service)?])?;
        let size = inspect(&["image", "inspect", "--format", "{{.Size}}", &image])?;
        size.parse().with_context(|| size.clone())
    }

    /// The same for a service that was not among those that started first.
    pub(crate) fn image_bytes_of(&self, service: &str) -> anyhow::Result<u64> {
        let name = self.container(service)?.name;
        let image = inspect(&["inspect", "--format", "{{.Image}}", &name])?;
        let size = inspect(&["image", "inspect", "--format", "{{.Size}}", &image])?;
        size.parse().with_context(|| size.clone())
    }

    /// When a container started (`StartedAt`) or ended (`FinishedAt`): to the second, so that instants compare as texts.
    pub(crate) fn instant(&self, service: &str, which: &str) -> anyhow::Result<String> {
        let name = self.container(service)?.name;
        let form = format!("{{{{.State.{which}}}}}");
        let instant = inspect(&["inspect", "--format", &form, &name])?;
        Ok(instant.chars().take("2026-01-01T00:00:00".len()).collect())
    }

    /// Everything that one service has logged.
    pub(crate) fn logs_of(&self, service: &str) -> anyhow::Result<String> {
        process::output(self.compose.command().args(["logs", "--no-color", service]))
    }

    /// Where a service can be reached from here.
    pub(crate) fn peer(&self, service: &str, port: u16) -> anyhow::Result<Peer> {
        Ok(Peer::open(self.published(service, port)?))
    }

    /// Where data-api can be reached, with the key that it has made for its siblings.
    pub(crate) fn data_api(&self) -> anyhow::Result<Peer> {
        let copy = self.compose.folder().join("data_api_key");
        let source = format!("{}:/secrets/data_api_key", self.name("data-api")?);
        process::output(Command::new("docker").args(["cp", &source]).arg(&copy))?;
        let key = std::fs::read_to_string(&copy)?;
        Ok(Peer::with_key(
            self.published("data-api", 8006)?,
            key.trim(),
        ))
    }

    /// Runs a program inside a container.
    pub(crate) fn exec(&self, service: &str, words: &[&str]) -> anyhow::Result<Output> {
        process::attempt(
            Command::new("docker")
                .arg("exec")
                .arg(self.name(service)?)
                .args(words),
        )
    }

    /// Starts a program inside a container and leaves it running.
    pub(crate) fn exec_in_background(
        &self,
        service: &str,
        words: &[&str],
    ) -> anyhow::Result<Server> {
        let mut command = Command::new("docker");
        command.arg("exec").arg(self.name(service)?).args(words);
        Server::start(
            &format!("exec-{service}"),
            &mut command,
            self.compose.folder(),
        )
    }

    /// Sends a signal to the programs of these services.
    pub(crate) fn signal(&self, services: &[String], signal: &str) -> anyhow::Result<()> {
        process::output(
            self.compose
                .command()
                .args(["kill", "--signal", signal])
                .args(services),
        )?;
        Ok(())
    }

    /// Stops all containers in the way `docker compose stop` does.
    pub(crate) fn stop(&self) -> anyhow::Result<()> {
        process::output(self.compose.command().arg("stop"))?;
        Ok(())
    }

    /// Everything that all containers have logged.
    pub(crate) fn logs(&self) -> anyhow::Result<String> {
        process::output(
            self.compose
                .command()
                .args(["logs", "--no-color", "--timestamps"]),
        )
    }

    fn described(&self) -> anyhow::Result<String> {
        let words = |c: Container| format!("{}: {} {}", c.service, c.state, c.health);
        Ok(self
            .list()?
            .into_iter()
            .map(words)
            .collect::<Vec<_>>()
            .join("\n"))
    }

    fn published(&self, service: &str, port: u16) -> anyhow::Result<u16> {
        let mut command = self.compose.command();
        let address = process::output(command.args(["port", service, &port.to_string()]))?;
        let port = address
            .trim()
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok());
        port.with_context(|| format!("{service} publishes no port: {address}"))
    }

    fn name(&self, service: &str) -> anyhow::Result<&str> {
        let name = self.containers.get(service);
        Ok(name.with_context(|| format!("{service} has no container"))?)
    }
}

fn inspect(words: &[&str]) -> anyhow::Result<String> {
    Ok(process::output(Command::new("docker").args(words))?
        .trim()
        .to_owned())
}
