//! SIGKILL for the service, the broker, or both: what was to be told is told.

use std::process::Stdio;
use std::time::Duration;

use test_support::{Broker, Fault, Proxy, Subscriber, Way, eventually, free_port};
use tokio::process::{Child, Command};

use crate::house::{House, KEY, SOON};

/// The real program, as a child.
struct Program {
    child: Child,
    url: String,
}

impl Program {
    async fn start(house: &House, broker: &str) -> Self {
        let port = free_port().expect("it works");
        let child = Command::new(env!("CARGO_BIN_EXE_ai-pattern-service"))
            .env_clear()
            .env("SERVICE_PORT", port.to_string())
            .env("DATA_API_URL", format!("http://{}", house.data_api.address))
            .env("DATA_API_KEY", KEY)
            .env("DATABASE_URL", &house.folder.database)
            .env("ANALYSIS_ON_START", "false")
            .env("MQTT_BROKER", broker)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("the program starts");
        let url = format!("http://127.0.0.1:{port}");
        let program = Self { child, url };
        eventually("the program", SOON, async || program.get("/live").await)
            .await
            .expect("it serves");
        program
    }

    async fn get(&self, path: &str) -> Option<serde_json::Value> {
        common::tls::install();
        let client = reqwest::Client::builder().no_proxy().build().ok()?;
        let answer = client
            .get(format!("{}{path}", self.url))
            .send()
            .await
            .ok()?;
        answer.json().await.ok()
    }

    async fn analyse(&self) {
        let client = reqwest::Client::builder()
            .no_proxy()
            .build()
            .expect("it works");
        let url = format!("{}/api/analysis/trigger", self.url);
        assert_eq!(
            client.post(url).send().await.expect("it works").status(),
            200
        );
        eventually("the end of the analysis", SOON, async || {
            let status = self.get("/api/analysis/status").await?;
            let analysis = &status["analysis"];
            (analysis["state"] == "idle" && analysis["last_run"].is_object()).then_some(())
        })
        .await
        .expect("it ends");
    }

    /// SIGKILL.
    async fn kill(mut self) {
        self.child.kill().await.expect("it can be killed");
    }
}

/// Waits until this subscriber has both habits and the end of the run.
async fn everything_arrives(subscriber: &Subscriber) {
    eventually("both habits and the end of the run", SOON, async || {
        let messages = subscriber.messages();
        let habits: std::collections::BTreeSet<_> = messages
            .iter()
            .filter(|m| m.topic == "homeiq/patterns/event")
            .map(|m| &m.payload)
            .collect();
        let ended = messages
            .iter()
            .any(|m| m.topic.ends_with("analysis/pattern/complete"));
        (habits.len() == 2 && ended).then_some(())
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}: {:#?}", subscriber.messages()));
}

#[tokio::test]
async fn a_service_that_is_killed_before_any_broker_came_loses_nothing() {
    let port = free_port().unwrap();
    let house = House::new().await;
    house.live(&[420, 1320]).await;
    let address = format!("127.0.0.1:{port}");
    let program = Program::start(&house, &address).await;
    program.analyse().await;
    program.kill().await;
    let broker = Broker::start_on(port).await.unwrap();
    let subscriber = Subscriber::start(&broker, "homeiq/#").await.unwrap();
    let program = Program::start(&house, &address).await;
    everything_arrives(&subscriber).await;
    program.kill().await;
    house.data_api.stop().await;
}

#[tokio::test]
async fn messages_on_their_way_survive_a_kill_of_the_service_and_of_the_broker() {
    let mut broker = Broker::start().await.unwrap();
    let way = Proxy::to(([127, 0, 0, 1], broker.port()).into())
        .await
        .unwrap();
    let house = House::new().await;
    house.live(&[420, 1320]).await;
    let address = way.address().to_string();
    let program = Program::start(&house, &address).await;
    let status = "homeiq/ai-pattern-service/status";
    let mut early = Subscriber::start(&broker, status).await.unwrap();
    early
        .wait_for("online", SOON, |m| m.payload == "online")
        .await
        .unwrap();
    // The cable is out: what is sent from now on is neither received nor acknowledged, and nobody notices yet.
    way.set(Fault::Hold(Way::Both));
    program.analyse().await;
    program.kill().await;
    broker.kill().await.unwrap();
    way.cut();
    way.set(Fault::Pass);
    broker.start_again().await.unwrap();
    let subscriber = Subscriber::start(&broker, "homeiq/#").await.unwrap();
    let program = Program::start(&house, &address).await;
    everything_arrives(&subscriber).await;
    eventually("both habits to be marked as told", SOON, async || {
        let list = program.get("/api/v1/patterns/list").await?;
        let patterns = list["data"]["patterns"].as_array()?.clone();
        let told = patterns.iter().all(|p| p["told_at"].is_string());
        (patterns.len() == 2 && told).then_some(())
    })
    .await
    .unwrap();
    program.kill().await;
    house.data_api.stop().await;
}

#[tokio::test]
async fn a_broker_that_is_killed_before_it_acknowledged_is_told_again() {
    let mut broker = Broker::start().await.unwrap();
    let way = Proxy::to(([127, 0, 0, 1], broker.port()).into())
        .await
        .unwrap();
    let house = House::new().await;
    house.live(&[420, 1320]).await;
    let program = Program::start(&house, &way.address().to_string()).await;
    let mut early = Subscriber::start(&broker, "homeiq/patterns/#")
        .await
        .unwrap();
    early.wait_for("the summary", SOON, |_| true).await.unwrap();
    // Messages arrive, acknowledgements do not.
    way.set(Fault::Hold(Way::ToClient));
    program.analyse().await;
    early
        .wait_for("a habit", SOON, |m| m.topic == "homeiq/patterns/event")
        .await
        .unwrap();
    // What was acknowledged is lost on the way.
    way.set(Fault::Refuse);
    eventually("the service to notice", SOON, async || {
        let health = program.get("/health").await?;
        (health["mqtt"] == "disconnected").then_some(())
    })
    .await
    .unwrap();
    // What the cable had swallowed when it was cut.
    let list = program.get("/api/v1/patterns/list").await.unwrap();
    let patterns = list["data"]["patterns"].as_array().unwrap();
    let untold = patterns.iter().filter(|p| p["told_at"].is_null());
    let untold: Vec<&str> = untold.filter_map(|p| p["pattern_key"].as_str()).collect();
    assert!(!untold.is_empty(), "{list}");
    broker.kill().await.unwrap();
    broker.start_again().await.unwrap();
    way.set(Fault::Pass);
    let subscriber = Subscriber::start(&broker, "homeiq/#").await.unwrap();
    eventually("what nobody had acknowledged", SOON, async || {
        let messages = subscriber.messages();
        let is_told = |id: &&str| {
            let events = messages.iter().filter(|m| m.topic.ends_with("/event"));
            events.into_iter().any(|m| m.payload.contains(*id))
        };
        untold.iter().all(is_told).then_some(())
    })
    .await
    .unwrap();
    // And a stop in order says so to everybody.
    let pid = program.child.id().unwrap().to_string();
    Command::new("kill").arg(&pid).status().await.unwrap();
    let mut program = program;
    let ended = tokio::time::timeout(Duration::from_secs(10), program.child.wait()).await;
    assert!(ended.unwrap().unwrap().success());
    let status = "homeiq/ai-pattern-service/status";
    let mut late = Subscriber::start(&broker, status).await.unwrap();
    let kept = late.wait_for("the status", SOON, |_| true).await.unwrap();
    assert_eq!((kept.payload.as_str(), kept.retained), ("offline", true));
    house.data_api.stop().await;
}
