//! Home Assistant's WebSocket and REST API over the home's life.

mod client;
mod commands;
mod history;
mod house;
mod logbook;
mod play;
mod recorder;
mod rest;
mod services;
mod socket;
mod wire;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use common::clock::Clock;
use common::instant::UtcMicros;
use common::lifecycle::{Failure, Tasks};
use jiff::tz::TimeZone;
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use crate::home::{Attributes, Home, PlantedHabit, PlantedPair};
use client::Leave;
use house::{By, House};
use play::Player;

pub use house::{Emitted, Ledger, Registry};
pub use play::Memory;

/// The version of Home Assistant that the simulator speaks like.
pub const HA_VERSION: &str = "2026.11.0";

/// Time that connections have to say goodbye when the simulator stops.
const GOODBYE: Duration = Duration::from_secs(3);
/// Messages that may wait for a client while a burst goes on, and how long a burst waits for it.
const BURST_BACKLOG: usize = 1000;
const BURST_PATIENCE: Duration = Duration::from_secs(3);

/// How a simulator is to be.
#[derive(Debug, Clone)]
pub struct SimulatorConfig {
    /// Decides every chance in the home.
    pub seed: u64,
    /// The home's time zone.
    pub zone: TimeZone,
    /// Days of life before the start.
    pub past_days: u32,
    /// The access token that clients must show.
    pub token: SecretString,
    /// Whether the home's own life goes on after the start. Off: only what a test does happens.
    pub life_goes_on: bool,
    /// Extra readings of the chatty sensors, so that there is something to watch; 0 for none.
    pub live_events_per_second: f64,
    /// How far history lags behind what was fired; Home Assistant's recorder writes every 5 seconds.
    pub recorder_lag: Duration,
    /// Most live events that [`Simulator::emitted`] remembers; 0 switches it off.
    pub ledger_capacity: usize,
    /// The time.
    pub clock: Clock,
}

impl SimulatorConfig {
    /// The home of the demo, with this access token.
    pub fn new(token: impl Into<SecretString>) -> Self {
        Self {
            seed: 7,
            zone: TimeZone::get("Europe/Amsterdam").unwrap_or(TimeZone::UTC),
            past_days: 30,
            token: token.into(),
            life_goes_on: true,
            live_events_per_second: 1.0,
            recorder_lag: Duration::from_secs(5),
            ledger_capacity: 0,
            clock: Clock::system(),
        }
    }

    /// A home that stands still, for tests that count: a short past, no life of its own, history without delay, and a ledger of
    /// what was fired.
    pub fn still(token: impl Into<SecretString>) -> Self {
        Self {
            past_days: 2,
            life_goes_on: false,
            live_events_per_second: 0.0,
            recorder_lag: Duration::ZERO,
            ledger_capacity: 200_000,
            ..Self::new(token)
        }
    }
}

/// A running simulator.
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    house: Arc<House>,
    tasks: Tasks,
    clients: TaskTracker,
    player: tokio::sync::oneshot::Receiver<Player>,
}

impl Simulator {
    /// Lives through the past, and serves on the listener from then on.
    ///
    /// # Errors
    /// The listener has no address.
    pub async fn start(config: SimulatorConfig, listener: TcpListener) -> Result<Self, Failure> {
        // Seconds of work in an unoptimised build.
        let (house, player) = tokio::task::spawn_blocking(move || play::begin(&config)).await?;
        Self::serve(house, player, listener)
    }

    /// Serves again after [`Self::stop`], as Home Assistant does after a restart: everything is `unavailable` for a moment and comes
    /// back, `get_config` says `STARTING` until then, and history still knows what was before.
    ///
    /// # Errors
    /// The listener has no address.
    pub fn resume(memory: Memory, listener: TcpListener) -> Result<Self, Failure> {
        let (house, player) = memory.wake();
        Self::serve(house, player, listener)
    }

    fn serve(house: Arc<House>, player: Player, listener: TcpListener) -> Result<Self, Failure> {
        let address = listener.local_addr()?;
        let (tasks, _) = Tasks::new();
        let clients = TaskTracker::new();
        let closing = tasks.closing();
        let router = rest::router(Arc::clone(&house), clients.clone(), closing.clone());
        tasks.serve("simulator-http", async move {
            axum::serve(listener, router)
                .with_graceful_shutdown(closing.cancelled_owned())
                .await?;
            Ok(())
        });
        let (hand_back, handed_back) = tokio::sync::oneshot::channel();
        let (playing, stopping) = (Arc::clone(&house), tasks.stopping());
        tasks.spawn("simulator-life", async move {
            // Nobody waits for the player when the simulator was dropped.
            drop(hand_back.send(player.play(&playing, stopping).await));
            Ok(())
        });
        Ok(Self {
            address,
            house,
            tasks,
            clients,
            player: handed_back,
        })
    }

    /// Base address, such as `http://127.0.0.1:8123`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The access token that clients must show; nothing after [`Self::revoke_token`].
    pub fn token(&self) -> Option<SecretString> {
        self.house.token()
    }

    /// Sets a state as an integration would, and fires the event. Returns the stamp, or nothing where nothing changed.
    pub fn set_state(&self, entity_id: &str, state: &str) -> Option<UtcMicros> {
        self.house.set_by_device(entity_id, state)
    }

    /// Sets a state with these attributes, as an integration would or (`by_user`) a person in the interface; with the state that it has,
    /// only the attributes change. Returns the stamp, or nothing where nothing changed.
    pub fn set(
        &self,
        entity_id: &str,
        state: &str,
        attributes: Attributes,
        by_user: bool,
    ) -> Option<UtcMicros> {
        let by = if by_user { By::User } else { By::Device };
        self.house.set(entity_id, state, attributes, by)
    }

    /// Removes an entity's state: an event with `new_state: null`. False where there was none.
    pub fn remove_state(&self, entity_id: &str) -> bool {
        self.house.remove(entity_id)
    }

    /// Gives an entity another id: the registry tells it, the old state goes, the same state comes under the new id, and history is
    /// found under that. Returns when; nothing where there is no such entity, or the id is in use.
    pub fn rename_entity(&self, old: &str, new: &str) -> Option<UtcMicros> {
        self.house.rename(old, new)
    }

    /// Adds an object to a registry, or changes the one that has its id; keys that are not said stay. Tells it.
    pub fn put(&self, registry: Registry, object: serde_json::Value) {
        self.house.put(registry, object);
    }

    /// Removes an object from a registry and tells it; an entity loses its state, and a device its entities. False where there is none.
    pub fn take_out(&self, registry: Registry, id: &str) -> bool {
        self.house.take_out(registry, id)
    }

    /// Fires `count` changes of the chatty sensors, as fast as clients that do read can take them.
    pub async fn burst(&self, count: usize) {
        let sensors = Home::chatty();
        let (mut fired, mut number, mut stuck) = (0, 0, BTreeSet::new());
        while fired < count {
            // Up and down in turn, so that no sensor gets stuck at the end of its range.
            let steps = if (number / sensors.len()).is_multiple_of(2) {
                2.0
            } else {
                -2.0
            };
            fired += usize::from(self.house.nudge(&sensors[number % sensors.len()], steps));
            number += 1;
            if number % 64 == 0 {
                self.let_clients_read(&mut stuck).await;
            }
        }
    }

    /// Waits until no client is far behind. Those that do not read at all are waited for once.
    async fn let_clients_read(&self, stuck: &mut BTreeSet<u64>) {
        tokio::task::yield_now().await;
        let patience = tokio::time::Instant::now() + BURST_PATIENCE;
        while let Some(behind) = self.house.furthest_behind(BURST_BACKLOG, stuck) {
            if tokio::time::Instant::now() > patience {
                stuck.insert(behind);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// What was fired live, oldest first.
    pub fn emitted(&self) -> Ledger {
        self.house.ledger()
    }

    /// The same, and begins a new ledger: long runs need no endless one.
    pub fn take_emitted(&self) -> Ledger {
        self.house.take_ledger()
    }

    /// Makes history forget what is older, as the recorder's own purge does.
    pub fn purge(&self, before: UtcMicros) {
        self.house.purge(before);
    }

    /// Number of clients that are authenticated now.
    pub fn connections(&self) -> usize {
        self.house.connections()
    }

    /// Cuts all connections without a word, as a broken network does.
    pub fn drop_connections(&self) {
        self.house.dismiss(Leave::Cut);
    }

    /// Makes the token invalid, and closes the connections that used it.
    pub fn revoke_token(&self) {
        self.house.set_token(None);
    }

    /// Makes another token the valid one, and closes the connections that used the old one.
    pub fn change_token(&self, token: impl Into<SecretString>) {
        self.house.set_token(Some(token.into()));
    }

    /// Says what `get_config` answers as `state`; on `RUNNING` the event `homeassistant_started` is fired.
    pub fn set_core_state(&self, state: &str) {
        self.house.set_core_state(state);
    }

    /// Makes it not know a component (`history`, `logbook`, `recorder`) with all its commands and paths, or one command only.
    pub fn refuse(&self, name: &str) {
        self.house.refuse(name);
    }

    /// Leaves questions about history without an answer when that would have more rows than this, as a small machine does.
    pub fn answer_at_most(&self, rows: usize) {
        self.house.set_max_answer_rows(rows);
    }

    /// The habits that were planted in the home's life.
    pub fn planted(&self) -> Vec<PlantedHabit> {
        Home::planted()
    }

    /// The pairs that were planted in the home's life.
    pub fn planted_pairs(&self) -> Vec<PlantedPair> {
        Home::planted_pairs()
    }

    /// Number of state changes that history knows.
    pub fn recorded(&self) -> usize {
        self.house.recorded()
    }

    /// Stops in order: connections are closed, the port is free. What is returned can be resumed.
    pub async fn stop(self) -> Memory {
        self.end(Leave::Stopping).await
    }

    /// Ends as with SIGKILL: connections are cut without a word, and history loses what the recorder has not written yet (see
    /// [`SimulatorConfig::recorder_lag`]). What is returned can be resumed.
    pub async fn kill(self) -> Memory {
        self.house.dismiss(Leave::Cut);
        let house = Arc::clone(&self.house);
        let memory = self.end(Leave::Cut).await;
        house.lose_unwritten();
        memory
    }

    async fn end(self, reason: Leave) -> Memory {
        // The port first, so that nobody comes in any more.
        if !self.tasks.stop(GOODBYE).await {
            tracing::warn!(still_running = ?self.tasks.running(), "the simulator stopped at its deadline");
        }
        self.house.dismiss(reason);
        self.clients.close();
        if tokio::time::timeout(GOODBYE, self.clients.wait())
            .await
            .is_err()
        {
            self.house.dismiss(Leave::Cut);
        }
        let player = self.player.await.ok();
        if reason == Leave::Stopping {
            self.house.mark_core("stopped");
            self.house.commit();
        }
        Memory::new(self.house, player)
    }
}

/// Whether a text is the token.
fn is_token(token: Option<&SecretString>, text: &str) -> bool {
    token.is_some_and(|token| token.expose_secret() == text)
}
