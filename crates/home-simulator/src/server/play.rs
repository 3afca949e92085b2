//! How time goes on: the past that is lived through at the start, and the present.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use common::instant::UtcMicros;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::SimulatorConfig;
use super::house::{By, House};
use super::recorder::Recorder;
use crate::home::{Chance, Home, Life, StateChange};

/// How long everything is away after a restart, in microseconds.
const AWAY_AFTER_RESTART: i64 = 2_000_000;
/// Longest wait for the next change of the home's life; the clock may have been set meanwhile.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// The one who lets time go on.
#[derive(Debug)]
pub(super) struct Player {
    life: Life,
    next: Option<StateChange>,
    goes_on: bool,
    extra_per_second: f64,
    chance: Chance,
    /// States that come back after a restart, and when.
    returning: Option<(UtcMicros, Vec<StateChange>)>,
}

/// Lives through the past.
pub(super) fn begin(config: &SimulatorConfig) -> (Arc<House>, Player) {
    let home = Home::new(config.seed, config.zone.clone());
    let now = config.clock.now();
    let mut life = home.life(now.plus_seconds(-i64::from(config.past_days) * 86_400));
    let mut next = None;
    let past = std::iter::from_fn(|| {
        let change = life.next()?;
        if change.last_updated < now {
            return Some(change);
        }
        next = Some(change);
        None
    });
    let recorder = Recorder::new(past);
    let house = House::new(
        home,
        (config.clock.clone(), config.recorder_lag),
        config.ledger_capacity,
        config.token.clone(),
        recorder,
    );
    let player = Player {
        life,
        next,
        goes_on: config.life_goes_on,
        extra_per_second: config.live_events_per_second.clamp(0.0, 1000.0),
        chance: Chance::new(&[config.seed, now.get() as u64]),
        returning: None,
    };
    (Arc::new(house), player)
}

impl Player {
    /// Lets time go on until it is told to stop, and gives itself back.
    pub(super) async fn play(mut self, house: &House, stopping: CancellationToken) -> Self {
        let period = 1.0 / self.extra_per_second.max(1e-6);
        let mut extra = tokio::time::interval(Duration::from_secs_f64(period));
        extra.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first tick of an interval is at once.
        extra.tick().await;
        let sensors = Home::chatty();
        loop {
            let wait = self.due(house);
            tokio::select! {
                () = stopping.cancelled() => return self,
                () = tokio::time::sleep_until(Instant::now() + wait) => self.catch_up(house),
                _ = extra.tick(), if self.extra_per_second > 0.0 => {
                    let sensor = &sensors[self.chance.pick(sensors.len())];
                    house.nudge(sensor, self.chance.gauss(0.0, 1.5));
                }
            }
        }
    }

    /// Time until something happens.
    fn due(&self, house: &House) -> Duration {
        let next = self
            .next
            .as_ref()
            .filter(|_| self.goes_on)
            .map(|next| next.last_updated);
        let back = self.returning.as_ref().map(|(at, _)| *at);
        let Some(at) = next.into_iter().chain(back).min() else {
            return LONGEST_WAIT;
        };
        let wait = at.seconds_since(house.clock.now()).max(0.0);
        Duration::from_secs_f64(wait).min(LONGEST_WAIT)
    }

    /// Does what is due.
    fn catch_up(&mut self, house: &House) {
        let now = house.clock.now();
        if self.returning.as_ref().is_some_and(|(at, _)| *at <= now) {
            let (_, states) = self.returning.take().unwrap_or_default();
            for StateChange {
                entity_id,
                state,
                attributes,
                ..
            } in states
            {
                house.set(
                    &entity_id,
                    &state,
                    Arc::unwrap_or_clone(attributes),
                    By::Device,
                );
            }
            house.set_core_state("RUNNING");
        }
        while self.goes_on
            && self
                .next
                .as_ref()
                .is_some_and(|next| next.last_updated <= now)
        {
            if let Some(change) = std::mem::replace(&mut self.next, self.life.next()) {
                house.live(change);
            }
        }
    }
}

/// A simulator that was stopped: everything it knows, ready to be resumed.
#[derive(Debug)]
pub struct Memory {
    house: Arc<House>,
    player: Option<Player>,
}

impl Memory {
    pub(super) fn new(house: Arc<House>, player: Option<Player>) -> Self {
        Self { house, player }
    }

    /// What the home looks like as it starts again: everything away, to come back soon, as it is by then.
    pub(super) fn wake(self) -> (Arc<House>, Player) {
        let Self { house, player } = self;
        let now = house.clock.now();
        let mut states: BTreeMap<Arc<str>, StateChange> = house
            .current()
            .into_iter()
            .map(|change| (Arc::clone(&change.entity_id), change))
            .collect();
        let mut player = player.unwrap_or_else(|| Player {
            life: house.home.life(now),
            next: None,
            goes_on: false,
            extra_per_second: 0.0,
            chance: Chance::new(&[1]),
            returning: None,
        });
        // What happened while nobody recorded it is lost as an event, and seen as a state.
        while player.goes_on
            && player
                .next
                .as_ref()
                .is_some_and(|next| next.last_updated <= now)
        {
            if let Some(mut change) = std::mem::replace(&mut player.next, player.life.next())
                && let Some(now) = house.id_of_now(&change.entity_id)
            {
                change.entity_id = now;
                states.insert(Arc::clone(&change.entity_id), change);
            }
        }
        house.forget_current();
        for entity_id in states.keys() {
            house.set_by_device(entity_id, "unavailable");
        }
        house.set_core_state("STARTING");
        let back = now.plus_micros(AWAY_AFTER_RESTART);
        player.returning = Some((back, states.into_values().collect()));
        (house, player)
    }
}
