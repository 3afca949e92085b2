//! A Home Assistant from the test bench.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;

use super::changes::Fired;
use crate::http::Peer;
use crate::process;
use crate::server::Server;

/// Until every event of a drive was fired, slow machines included.
const DRIVEN_WITHIN: Duration = Duration::from_secs(600);

/// The folder of scripts.
#[derive(Debug)]
pub(crate) struct Bench {
    folder: PathBuf,
}

/// A running Home Assistant; it is stopped when this is dropped.
#[derive(Debug)]
pub(crate) struct HomeAssistant {
    scripts: PathBuf,
    python: PathBuf,
    folder: PathBuf,
    logs: PathBuf,
    /// `HA_VENV`, `HA_ROOT`: which installation start.sh uses; `HA_MQTT`: the broker.
    installation: BTreeMap<&'static str, String>,
    settings: BTreeMap<String, String>,
}

/// What drive.py is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Over REST.
    Rest,
    /// By calls of services over the WebSocket, on helpers of the home.
    WebSocket,
    /// Inside Home Assistant, many in one turn.
    Burst,
    /// The steps of [`SCENARIO`]: states that are removed and come back.
    Scenario,
}

/// One call of drive.py.
#[derive(Debug)]
pub(crate) struct Drive {
    way: Way,
    events: u32,
    prefix: String,
    rate: u32,
}

/// An entity that comes, goes and comes back, with what JSON and SQL may stumble over.
const SCENARIO: &str = r#"
{"t_offset": 0.0, "entity_id": "sensor.e2e_guest", "state": "21.5", "attributes": {"unit_of_measurement": "°C"}}
{"t_offset": 0.0, "entity_id": "sensor.e2e_guest", "state": "21.5", "attributes": {"unit_of_measurement": "°F"}}
{"t_offset": 0.1, "entity_id": "sensor.e2e_guest", "state": null}
{"t_offset": 0.2, "entity_id": "sensor.e2e_guest", "state": "Zoë's \"quoted\" \\ 🏠 state"}
{"t_offset": 0.2, "entity_id": "sensor.e2e_guest", "state": ""}
{"t_offset": 0.3, "entity_id": "sensor.e2e_guest", "state": null}
"#;

/// What drive.py prints.
#[derive(Debug, Deserialize)]
pub(crate) struct Count {
    pub(crate) refused: u64,
    pub(crate) errors: Vec<String>,
    pub(crate) fired_driven: usize,
    pub(crate) order_ok: bool,
    pub(crate) seconds: f64,
    pub(crate) digest: String,
}

impl Bench {
    /// Takes the folder, if it is one.
    pub(crate) fn find(folder: &Path) -> anyhow::Result<Self> {
        let scripts = ["install.sh", "newest.sh", "start.sh", "stop.sh", "drive.py"];
        if let Some(missing) = scripts.iter().find(|script| !folder.join(script).exists()) {
            bail!(
                "there is no Home Assistant test bench in {} ({missing} is missing); \
                 say where it is with --home-assistant-bench DIR or HOMEIQ_HA_BENCH",
                folder.display()
            );
        }
        Ok(Self {
            folder: folder.canonicalize()?,
        })
    }

    /// Installs one version; at once where it is installed already.
    fn install(&self, version: &str) -> anyhow::Result<BTreeMap<&'static str, String>> {
        let temporary = std::env::temp_dir();
        let venv = temporary.join("ha-venv").display().to_string();
        let mut installation = BTreeMap::from([("HA_VENV", venv)]);
        let lock = |python: &str| {
            self.folder
                .join(format!("locks/{python}-homeassistant-{version}.txt"))
        };
        // The environment of the default version has drive.py's requirements, for every version.
        process::output(Command::new(self.folder.join("install.sh")).envs(&installation))?;
        if lock("py314").exists() {
            let root = temporary.join("ha-root").display().to_string();
            process::output(Command::new(self.folder.join("newest.sh")).env("HA_ROOT", &root))?;
            installation.insert("HA_ROOT", root);
        } else {
            ensure!(
                lock("py313").exists(),
                "the bench cannot install Home Assistant {version}"
            );
        }
        Ok(installation)
    }
}

impl HomeAssistant {
    /// Installs a version and starts it, with its configuration in `<folder>/home-assistant`.
    pub(crate) fn start(bench: &Bench, version: &str, folder: &Path) -> anyhow::Result<Self> {
        let installation = bench.install(version)?;
        Self::start_installed(bench, version, folder, installation)
    }

    /// The same, with the MQTT integration set up on the broker at this address.
    pub(crate) fn start_with_mqtt(
        bench: &Bench,
        version: &str,
        folder: &Path,
        broker: String,
    ) -> anyhow::Result<Self> {
        let mut installation = bench.install(version)?;
        installation.insert("HA_MQTT", broker);
        Self::start_installed(bench, version, folder, installation)
    }

    fn start_installed(
        bench: &Bench,
        version: &str,
        folder: &Path,
        installation: BTreeMap<&'static str, String>,
    ) -> anyhow::Result<Self> {
        let mut home = Self {
            scripts: bench.folder.clone(),
            python: Path::new(&installation["HA_VENV"]).join("bin/python"),
            folder: folder.join("home-assistant"),
            logs: folder.to_owned(),
            installation,
            settings: BTreeMap::new(),
        };
        home.run_start(0)?;
        let found = home.setting("HA_VERSION")?;
        ensure!(
            found == version,
            "the bench started Home Assistant {found}, not {version}"
        );
        Ok(home)
    }

    /// The same with more in its configuration.yaml, which may include an empty automations.yaml.
    pub(crate) fn start_with(
        bench: &Bench,
        version: &str,
        folder: &Path,
        configuration: &str,
    ) -> anyhow::Result<Self> {
        let own = folder.join("home-assistant");
        std::fs::create_dir_all(&own)?;
        std::fs::write(own.join("automations.yaml"), "[]\n")?;
        let more = folder.join("more.yaml");
        std::fs::write(&more, configuration)?;
        let mut installation = bench.install(version)?;
        installation.insert("HA_EXTRA_CONFIG", more.display().to_string());
        Self::start_installed(bench, version, folder, installation)
    }

    /// Stops it and starts it again on the same port, with everything it knew.
    pub(crate) fn restart(&mut self) -> anyhow::Result<()> {
        process::output(&mut self.script("stop.sh"))?;
        self.start_again()
    }

    /// Stops it in order: its recorder writes what it has.
    pub(crate) fn stop(&self) -> anyhow::Result<()> {
        process::output(&mut self.script("stop.sh"))?;
        Ok(())
    }

    /// Ends it with SIGKILL.
    pub(crate) fn kill(&self) -> anyhow::Result<()> {
        process::output(self.script("stop.sh").env("HA_KILL", "1"))?;
        Ok(())
    }

    /// Starts it after it was stopped or killed, on the same port, with everything it knew.
    pub(crate) fn start_again(&mut self) -> anyhow::Result<()> {
        let port = self.port()?;
        self.run_start(port)
    }

    /// The file in which its recorder keeps states.
    pub(crate) fn database(&self) -> PathBuf {
        self.folder.join("home-assistant_v2.db")
    }

    /// Its address, for the services.
    pub(crate) fn url(&self) -> anyhow::Result<&str> {
        self.setting("HA_HTTP_URL")
    }

    /// Its token, for the services.
    pub(crate) fn token(&self) -> anyhow::Result<&str> {
        self.setting("HA_TOKEN")
    }

    /// Its REST interface.
    pub(crate) fn peer(&self) -> anyhow::Result<Peer> {
        Ok(Peer::with_key(self.port()?, self.token()?))
    }

    /// Its services as its own REST interface lists them.
    pub(crate) fn services(&self) -> anyhow::Result<String> {
        self.peer()?.get("/api/services")?.text()
    }

    /// The Python that has what the bench's scripts need.
    pub(crate) fn python(&self) -> &Path {
        &self.python
    }

    /// Makes it fire events and returns what it fired.
    pub(crate) fn drive(&self, drive: &Drive) -> anyhow::Result<Fired> {
        let running = self.drive_in_background(drive)?;
        self.finish(running, drive)
    }

    /// Waits for the end of a drive and returns what was fired.
    pub(crate) fn finish(&self, mut running: Server, drive: &Drive) -> anyhow::Result<Fired> {
        let fine = running.wait_for_end(DRIVEN_WITHIN)?;
        let log = running.log()?;
        ensure!(fine, "drive.py failed:\n{log}");
        let line = log.lines().last().context("drive.py printed nothing")?;
        let count: Count = serde_json::from_str(line).with_context(|| line.to_owned())?;
        ensure!(
            count.refused == 0,
            "Home Assistant refused: {}",
            count.errors.join("; ")
        );
        Fired::read(&self.events_file(drive), count)
    }

    /// The same, without waiting for its end.
    pub(crate) fn drive_in_background(&self, drive: &Drive) -> anyhow::Result<Server> {
        let mut command = Command::new(&self.python);
        command
            .arg(self.scripts.join("drive.py"))
            .arg("--env")
            .arg(self.folder.join("env"));
        if let Some(via) = drive.way.via() {
            command.args(["--via", via, "--prefix", &drive.prefix]);
            command.args(["--events", &drive.events.to_string()]);
            command.args(["--rate", &drive.rate.to_string()]);
        } else {
            let file = self.logs.join("scenario.jsonl");
            std::fs::write(&file, SCENARIO.trim_start())?;
            command.arg("--scenario").arg(file);
        }
        command.arg("--out").arg(self.events_file(drive));
        // The scripts' folder may be read-only.
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        Server::start(&format!("drive-{}", drive.prefix), &mut command, &self.logs)
    }

    fn events_file(&self, drive: &Drive) -> PathBuf {
        self.logs.join(format!("{}.jsonl", drive.prefix))
    }

    fn run_start(&mut self, port: u16) -> anyhow::Result<()> {
        let mut start = self.script("start.sh");
        process::output(start.env("HA_PORT", port.to_string()))?;
        let text = std::fs::read_to_string(self.folder.join("env"))?;
        self.settings = text.lines().filter_map(setting).collect();
        Ok(())
    }

    fn script(&self, name: &str) -> Command {
        let mut command = Command::new(self.scripts.join(name));
        command.envs(&self.installation).env("HA_DIR", &self.folder);
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }

    fn port(&self) -> anyhow::Result<u16> {
        let url = self.url()?;
        let port = url.rsplit(':').next().and_then(|port| port.parse().ok());
        port.with_context(|| format!("no port in {url}"))
    }

    fn setting(&self, name: &str) -> anyhow::Result<&str> {
        let value = self.settings.get(name);
        Ok(value.with_context(|| format!("start.sh wrote no {name}"))?)
    }
}

impl Drop for HomeAssistant {
    fn drop(&mut self) {
        if self.folder.join("hass.pid").exists()
            && let Err(error) = process::output(&mut self.script("stop.sh"))
        {
            eprintln!("xtask: {error:#}");
        }
    }
}

impl Way {
    /// The value of drive.py's `--via`.
    fn via(self) -> Option<&'static str> {
        match self {
            Self::Rest => Some("rest"),
            Self::WebSocket => Some("ws"),
            Self::Burst => Some("burst"),
            Self::Scenario => None,
        }
    }
}

impl Drive {
    /// So many events, as fast as it goes, on made-up entities with this in their names.
    pub(crate) fn new(way: Way, events: u32, prefix: &str) -> Self {
        Self {
            way,
            events,
            prefix: prefix.to_owned(),
            rate: 0,
        }
    }

    /// At so many events a second.
    pub(crate) fn at_rate(mut self, rate: u32) -> Self {
        self.rate = rate;
        self
    }

    /// What the table calls it.
    pub(crate) fn label(&self) -> &str {
        &self.prefix
    }
}

/// A line of the file `env`: `export NAME='value'`.
fn setting(line: &str) -> Option<(String, String)> {
    let (name, value) = line
        .strip_prefix("export ")
        .unwrap_or(line)
        .split_once('=')?;
    Some((name.to_owned(), value.trim_matches(['\'', '"']).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_env_file_is_read_with_and_without_quotes() {
        let wanted = Some(("HA_TOKEN".to_owned(), "a.b=c".to_owned()));
        assert_eq!(setting("export HA_TOKEN='a.b=c'"), wanted);
        assert_eq!(setting("HA_TOKEN=a.b=c"), wanted);
        assert_eq!(setting("# nothing"), None);
    }

    #[test]
    fn a_folder_without_the_scripts_is_refused_with_what_to_do() {
        let error = Bench::find(Path::new("/nowhere")).unwrap_err().to_string();
        assert!(error.contains("HOMEIQ_HA_BENCH"), "{error}");
    }
}
