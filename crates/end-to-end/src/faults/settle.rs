//! Peace: waits until everything has healed, and proves that it has.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use common::instant::UtcMicros;
use data_api_client::events::EventQuery;
use home_simulator::{Emitted, Ledger};
use tokio::time::sleep;

use super::diary::{Diary, Meaning, Window};
use super::outages;
use super::proof::{Comparison, Duty, Expected, Proof};
use super::report::{self, Sums};
use super::world::World;

/// Ingestion waits up to 90 seconds between two attempts to connect, and as long as the recorder is late after that.
const HEALED_WITHIN: Duration = Duration::from_secs(240);
/// What is still wrong so long after everything looks healed will stay so.
const RIGHT_WITHIN: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_secs(2);
const PAGE: u32 = 5_000;
/// A change that was fired this short before the end of a connection may never have been written to it, or read.
const IN_FLIGHT: i64 = 1;
/// A way that was slow, or a reader that stood still, this short before has the change behind others.
const BEHIND: i64 = 15;
/// History that is kept beyond what is proven: gaps are read with an overlap.
const KEPT: i64 = 600;

/// What is to be proven next.
#[derive(Debug)]
pub(super) struct Part {
    /// Everything before this has been proven.
    since: UtcMicros,
    /// Rows that the store had at the last proof.
    stored: Option<u64>,
}

impl Part {
    pub(super) fn first(diary: &Diary) -> Self {
        Self {
            since: diary.began,
            stored: None,
        }
    }
}

/// Waits and proves; an error tells what is wrong.
pub(super) async fn prove(
    world: &World,
    diary: &Diary,
    part: &mut Part,
    sums: &mut Sums,
    folder: &Path,
) -> anyhow::Result<()> {
    world.ingestion.lock().await.must_run()?;
    world.store.lock().await.must_run()?;
    let begun = Instant::now();
    let ledger = match &*world.home.read().await {
        Some(home) => home.take_emitted(),
        None => bail!("Home Assistant is not there"),
    };
    ensure!(ledger.dropped == 0, "the ledger was too small");
    let windows = diary.windows();
    let expected = expect(&ledger, &windows);
    let since = ledger
        .changes
        .iter()
        .map(|change| change.last_updated_us)
        .min()
        .and_then(|at| UtcMicros::new(at).ok())
        .unwrap_or(part.since);
    let before = part.stored.unwrap_or(world.past);
    let mut healed: Option<Instant> = None;
    let (proof, others) = loop {
        let unrest = unrest(world, part.since).await;
        if unrest.is_none() {
            healed.get_or_insert_with(Instant::now);
        }
        let late = begun.elapsed() > HEALED_WITHIN
            || healed.is_some_and(|since| since.elapsed() > RIGHT_WITHIN);
        if unrest.is_none() || late {
            let proof = compare(world, since, &expected).await?;
            let mut others: Vec<String> = unrest.into_iter().collect();
            others.extend(check_count(world, before, &proof).await);
            others.extend(outages::judge(
                &world.gaps(part.since).await?,
                &windows,
                diary,
            ));
            if late || proof.is_final() || (proof.holds() && others.is_empty()) {
                break (proof, others);
            }
        }
        sleep(LOOK_EVERY).await;
    };
    add(sums, &ledger, &proof, begun.elapsed());
    for gap in world.gaps(part.since).await? {
        *sums.gaps.entry(gap.reason.as_str()).or_default() += 1;
    }
    if !proof.holds() || !others.is_empty() {
        let (all, shown) = report::failures(&proof, &others, &windows, diary);
        let file = folder.join("wrong.txt");
        std::fs::write(&file, all).with_context(|| file.display().to_string())?;
        bail!("{shown}");
    }
    part.stored = Some(before + proof.live + proof.backfilled);
    part.since = diary.clock.now();
    let over = diary.take_before(part.since.plus_seconds(-BEHIND));
    report::write_down(folder, &over, diary)?;
    if let Some(home) = &*world.home.read().await {
        home.purge(part.since.plus_seconds(-KEPT));
    }
    Ok(())
}

fn add(sums: &mut Sums, ledger: &Ledger, proof: &Proof, healing: Duration) {
    let count =
        |wanted: &dyn Fn(&&Emitted) -> bool| ledger.changes.iter().filter(wanted).count() as u64;
    sums.emitted += ledger.changes.len() as u64;
    sums.removed += count(&|change| change.removed);
    sums.unrecorded += count(&|change| !change.recorded);
    sums.live += proof.live;
    sums.backfilled += proof.backfilled;
    sums.excused += proof.excused;
    sums.healing = sums.healing.max(healing);
    sums.proofs += 1;
}

/// What has to be there. History has everything but what Home Assistant lost when it was killed; of that, we have what we heard
/// in peace.
fn expect(ledger: &Ledger, windows: &[Window]) -> Vec<Expected> {
    let troubles: Vec<&Window> = windows
        .iter()
        .filter(|window| window.fault.meaning() != Meaning::None)
        .collect();
    let duty = |change: &Emitted| {
        let at = UtcMicros::new(change.last_updated_us).unwrap_or_default();
        let (from, to) = (at.plus_seconds(-BEHIND), at.plus_seconds(IN_FLIGHT));
        let peaceful = || {
            !troubles.iter().any(|window| match window.fault.meaning() {
                Meaning::Trouble => window.meets(from, to),
                _ => window.meets(at, to),
            })
        };
        if change.recorded || (change.heard && peaceful()) {
            Duty::Must
        } else {
            Duty::May
        }
    };
    let changes = ledger.changes.iter();
    changes
        .map(|change| Expected::new(change, duty(change)))
        .collect()
}

/// Why it is no use to look yet.
async fn unrest(world: &World, since: UtcMicros) -> Option<String> {
    let health = match world.health().await {
        Ok(health) => health,
        Err(error) => return Some(format!("ingestion does not answer: {error:#}")),
    };
    if health["subscription"]["is_subscribed"] != true {
        return Some(format!(
            "ingestion is not subscribed: {}",
            health["connection"]
        ));
    }
    let waiting = [&health["spool"]["records"], &health["delivery"]["waiting"]];
    if waiting.into_iter().any(|count| count.as_u64() != Some(0)) {
        return Some(format!("events wait: {waiting:?}"));
    }
    match world.gaps(since).await {
        Ok(gaps) => {
            let open = gaps.iter().filter(|gap| gap.closed_by.is_none()).count();
            (open > 0).then(|| format!("{open} gaps are open"))
        }
        Err(error) => Some(format!("data-api does not answer: {error:#}")),
    }
}

async fn compare(world: &World, since: UtcMicros, expected: &[Expected]) -> anyhow::Result<Proof> {
    let mut comparison = Comparison::new(expected);
    let mut query = EventQuery {
        start_time: Some(since),
        limit: Some(PAGE),
        ..EventQuery::default()
    };
    loop {
        let page = world.data_api.events(&query).await?;
        page.events.iter().for_each(|event| comparison.take(event));
        query.cursor = page.next;
        if query.cursor.is_none() {
            return Ok(comparison.finish());
        }
    }
}

/// Rows of the whole store: those from before, and those that were just counted.
async fn check_count(world: &World, before: u64, proof: &Proof) -> Option<String> {
    let wanted = before + proof.live + proof.backfilled;
    match world.data_api.event_stats("1h").await {
        Ok(stats) if stats.stored_events == wanted => None,
        Ok(stats) => Some(format!(
            "the store has {} rows: {before} from before and {} of this part make {wanted}",
            stats.stored_events,
            wanted - before
        )),
        Err(error) => Some(format!("data-api does not count: {error}")),
    }
}
