//! Those who break things: each has one thing to break and a chance of its own, and they do not wait for each other.

use std::time::Duration;

use home_simulator::Simulator;
use test_support::{Fault as Trouble, Proxy, Way};
use tokio::time::{Instant, sleep};

use super::chance::Chance;
use super::diary::{Diary, Fault};
use super::life;
use super::service::Service;
use super::world::World;

/// Everything of the home is away for two seconds after a restart.
const RETURN: Duration = Duration::from_secs(3);
/// Changes in the very moment in which Home Assistant is back and nobody listens yet.
const BUSY_START: u64 = 200;

/// The actors and their chances.
#[derive(Debug)]
pub(super) struct Nemesis {
    ingestion: Chance,
    store: Chance,
    home: Chance,
    home_link: Chance,
    store_link: Chance,
    life: Chance,
}

impl Nemesis {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            ingestion: Chance::new(seed, 1),
            store: Chance::new(seed, 2),
            home: Chance::new(seed, 3),
            home_link: Chance::new(seed, 4),
            store_link: Chance::new(seed, 5),
            life: Chance::new(seed, 6),
        }
    }

    /// Breaks things for so long; when this returns, nothing is broken any more.
    pub(super) async fn rage(
        &mut self,
        world: &World,
        diary: &Diary,
        span: Duration,
    ) -> anyhow::Result<()> {
        let until = Instant::now() + span;
        tokio::try_join!(
            ingestion(world, diary, &mut self.ingestion, until),
            store(world, diary, &mut self.store, until),
            home(world, diary, &mut self.home, until),
            home_link(&world.home_link, diary, &mut self.home_link, until),
            store_link(&world.store_link, diary, &mut self.store_link, until),
            life::live(world, &mut self.life, until),
        )?;
        Ok(())
    }
}

/// Waits for the next turn; false when there is none.
async fn turn(until: Instant, wait: Duration) -> bool {
    let at = Instant::now() + wait;
    if at >= until {
        tokio::time::sleep_until(until).await;
        return false;
    }
    tokio::time::sleep_until(at).await;
    true
}

async fn ingestion(
    world: &World,
    diary: &Diary,
    chance: &mut Chance,
    until: Instant,
) -> anyhow::Result<()> {
    // The first kill may come while the history is imported.
    let mut wait = chance.seconds(0.1, 8.0);
    while turn(until, wait).await {
        let mut service = world.ingestion.lock().await;
        match chance.number(0, 10) {
            0..=5 => {
                // A kill just after a start is the hardest: hardly anything of the one before is written down.
                let times = if chance.once_in(3) { 2 } else { 1 };
                for time in 0..times {
                    if time > 0 {
                        sleep(chance.seconds(0.05, 2.5)).await;
                    }
                    let begun = diary.clock.now();
                    service.kill().await?;
                    let away = away(chance);
                    diary
                        .since(begun, Fault::IngestionKilled, async {
                            sleep(away).await;
                            service.start()
                        })
                        .await?;
                }
            }
            6..=7 => {
                let begun = diary.clock.now();
                service.stop().await?;
                let away = away(chance);
                diary
                    .since(begun, Fault::IngestionRestarted, async {
                        sleep(away).await;
                        service.start()
                    })
                    .await?;
            }
            _ => {
                let still = chance.seconds(0.5, 6.0);
                pause(&mut service, diary, Fault::IngestionPaused, still).await?;
            }
        }
        drop(service);
        wait = chance.seconds(4.0, 22.0);
    }
    Ok(())
}

/// Holds a program where it stands, for so long.
async fn pause(
    service: &mut Service,
    diary: &Diary,
    fault: Fault,
    still: Duration,
) -> anyhow::Result<()> {
    diary
        .during(fault, async {
            service.pause().await?;
            sleep(still).await;
            service.go_on().await
        })
        .await
}

/// How long a program is away: often not at all.
fn away(chance: &mut Chance) -> Duration {
    if chance.once_in(2) {
        Duration::ZERO
    } else {
        chance.seconds(0.1, 6.0)
    }
}

async fn store(
    world: &World,
    diary: &Diary,
    chance: &mut Chance,
    until: Instant,
) -> anyhow::Result<()> {
    while turn(until, chance.seconds(3.0, 18.0)).await {
        let mut service = world.store.lock().await;
        let away = away(chance);
        match chance.number(0, 10) {
            0..=4 => {
                diary
                    .during(Fault::StoreKilled, async {
                        service.kill().await?;
                        sleep(away).await;
                        service.start()
                    })
                    .await?;
            }
            5..=6 => {
                diary
                    .during(Fault::StoreRestarted, async {
                        service.stop().await?;
                        sleep(away).await;
                        service.start()
                    })
                    .await?;
            }
            _ => {
                let still = chance.seconds(0.5, 6.0);
                pause(&mut service, diary, Fault::StorePaused, still).await?;
            }
        }
    }
    Ok(())
}

async fn home(
    world: &World,
    diary: &Diary,
    chance: &mut Chance,
    until: Instant,
) -> anyhow::Result<()> {
    while turn(until, chance.seconds(8.0, 35.0)).await {
        let kind = chance.pick(&[
            (4, None),
            (3, Some(Fault::HomeRestarted)),
            (3, Some(Fault::HomeKilled)),
        ]);
        let Some(fault) = kind else {
            if let Some(home) = &*world.home.read().await {
                diary.at_once(Fault::HomeCut, || home.drop_connections());
            }
            continue;
        };
        let mut place = world.home.write().await;
        let Some(home) = place.take() else { continue };
        let begun = diary.clock.now();
        let memory = if fault == Fault::HomeKilled {
            home.kill().await
        } else {
            home.stop().await
        };
        let away = chance.seconds(0.2, 6.0);
        let home = diary
            .since(begun, fault, async {
                sleep(away).await;
                world.wake(memory).await
            })
            .await?;
        if chance.once_in(2) {
            busy_start(&home, chance);
        }
        *place = Some(home);
        drop(place);
        sleep(RETURN).await;
    }
    Ok(())
}

fn busy_start(home: &Simulator, chance: &mut Chance) {
    for number in 0..BUSY_START {
        life::change(home, chance, number);
    }
}

async fn home_link(
    link: &Proxy,
    diary: &Diary,
    chance: &mut Chance,
    until: Instant,
) -> anyhow::Result<()> {
    while turn(until, chance.seconds(6.0, 25.0)).await {
        let (fault, trouble, span) = match chance.number(0, 10) {
            0..=1 => {
                diary.at_once(Fault::LinkReset, || link.cut());
                continue;
            }
            2..=3 => (
                Fault::LinkRefused,
                Trouble::Refuse,
                chance.seconds(0.5, 5.0),
            ),
            4..=5 => (
                Fault::LinkHeld,
                Trouble::Hold(way(chance)),
                chance.seconds(0.5, 12.0),
            ),
            6..=7 => (
                Fault::LinkSlow,
                Trouble::Throttle(chance.number(2_000, 200_000)),
                chance.seconds(1.0, 8.0),
            ),
            _ => (
                Fault::LinkLate,
                Trouble::Delay(chance.seconds(0.02, 0.8)),
                chance.seconds(1.0, 8.0),
            ),
        };
        hold(link, diary, (fault, trouble), span).await;
    }
    Ok(())
}

async fn store_link(
    link: &Proxy,
    diary: &Diary,
    chance: &mut Chance,
    until: Instant,
) -> anyhow::Result<()> {
    while turn(until, chance.seconds(3.0, 18.0)).await {
        let (fault, trouble) = match chance.number(0, 12) {
            0..=1 => (Fault::StoreLinkHeld, Trouble::Hold(way(chance))),
            2..=4 => (
                Fault::StoreLinkSlow,
                Trouble::Throttle(chance.number(5_000, 400_000)),
            ),
            5..=6 => (
                Fault::StoreLinkLate,
                Trouble::Delay(chance.seconds(0.05, 1.5)),
            ),
            7..=8 => (Fault::StoreLinkRefused, Trouble::Refuse),
            9 => (
                Fault::StoreLinkCut,
                Trouble::CutAfter(chance.number(1, 400)),
            ),
            _ => (
                Fault::StoreLinkErrors,
                Trouble::Answer(chance.pick(&[
                    (3, 503),
                    (2, 500),
                    (1, 502),
                    (1, 429),
                    (1, 404),
                    (1, 401),
                ])),
            ),
        };
        let span = chance.seconds(0.5, 8.0);
        hold(link, diary, (fault, trouble), span).await;
    }
    Ok(())
}

fn way(chance: &mut Chance) -> Way {
    chance.pick(&[(1, Way::ToTarget), (1, Way::ToClient), (2, Way::Both)])
}

async fn hold(link: &Proxy, diary: &Diary, (fault, trouble): (Fault, Trouble), span: Duration) {
    diary
        .during(fault, async {
            link.set(trouble);
            sleep(span).await;
            link.set(Trouble::Pass);
        })
        .await;
}
