//! The real binary as a child process, for ends that no handler sees.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::RequestBuilder;
use serde_json::Value;
use test_support::eventually;

use crate::home::{KEY, answer};

/// A running data-api; killed when dropped.
pub(crate) struct Program {
    child: Child,
    port: u16,
    http: reqwest::Client,
}

impl Program {
    /// Starts it on the file and returns at once.
    pub(crate) fn start(database: &Path) -> Self {
        common::tls::install();
        let port = test_support::free_port().unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_data-api"))
            .env_clear()
            .env("DATA_API_PORT", port.to_string())
            .env("DATABASE_URL", format!("sqlite://{}", database.display()))
            .env("DATA_API_KEY", KEY)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(10))
            .build()
            .unwrap();
        Self { child, port, http }
    }

    /// The same, once it serves.
    pub(crate) async fn ready(database: &Path) -> Self {
        let program = Self::start(database);
        program.is_ready().await;
        program
    }

    pub(crate) async fn is_ready(&self) {
        eventually(
            "data-api to be ready",
            Duration::from_secs(60),
            async || {
                let url = format!("http://127.0.0.1:{}/ready", self.port);
                let ready = self.http.get(url).send().await.ok()?;
                ready.status().is_success().then_some(())
            },
        )
        .await
        .unwrap();
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.http
            .get(format!("http://127.0.0.1:{}{path}", self.port))
            .bearer_auth(KEY)
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.http
            .post(format!("http://127.0.0.1:{}{path}", self.port))
            .bearer_auth(KEY)
    }

    pub(crate) async fn json(&self, path: &str) -> Value {
        answer(self.get(path)).await.1
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it answers at once. The port is taken before the tables are brought up to date, and nobody answers there yet.
    pub(crate) async fn serves(&self) -> bool {
        let url = format!("http://127.0.0.1:{}/live", self.port);
        let asked = self.http.get(url).send();
        matches!(
            tokio::time::timeout(Duration::from_millis(20), asked).await,
            Ok(Ok(_))
        )
    }

    /// No handler, no flush.
    pub(crate) fn kill(mut self) {
        self.child.kill().ok();
        self.child.wait().unwrap();
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
