//! SIGTERM of the real binary in the middle of every fault: it ends in order and in time, and the next start has everything.

use std::time::Duration;

use home_simulator::Simulator;
use test_support::{Fault, Proxy, Way};

use crate::chain::{Ingestion, Store, TOKEN, still_home};
use crate::process::Process;

/// Docker would wait for 10 s by default before it kills.
const IN_TIME: Duration = Duration::from_secs(10);

/// What goes wrong while events come, and what `/health` says before the signal is sent.
#[derive(Clone, Copy)]
enum Trouble {
    None,
    /// On the way to Home Assistant.
    Home(Fault),
    /// The same from before the start.
    HomeFromTheStart(Fault),
    /// On the way to data-api.
    Store(Fault),
    StoreFromTheStart(Fault),
    Both(Fault, Fault),
    TokenRevoked,
    HomeStarting,
    /// The process stands still while events come, and wakes up to be told to end.
    Slow,
    /// Neither data-api nor the disk takes anything.
    DiskFull,
    SpoolDamaged,
}

struct Case {
    trouble: Trouble,
    /// Part and word in `/health`.
    says: Option<(&'static str, &'static str)>,
}

async fn stops_in_order(case: Case) {
    let (home, store) = (still_home().await, Store::new().await);
    let to_home = Proxy::to(home.address()).await.unwrap();
    let to_store = Proxy::to(([127, 0, 0, 1], store.port).into())
        .await
        .unwrap();
    let (url, port) = (to_home.url(), to_store.address().port());
    let spool = tempfile::tempdir().unwrap();

    // One event is stored, so that the next start knows from when on to look.
    let process = Process::start(&url, port, spool.path());
    process.subscribed().await;
    home.burst(1).await;
    process.delivered(1).await;
    process.kill();

    if let Trouble::SpoolDamaged = case.trouble {
        std::fs::write(spool.path().join("0000000001.log"), "no spool").unwrap();
    }
    if let Trouble::HomeFromTheStart(fault) = case.trouble {
        to_home.set(fault);
    }
    if let Trouble::StoreFromTheStart(fault) = case.trouble {
        to_store.set(fault);
    }
    let process = match case.trouble {
        Trouble::DiskFull => Process::on_a_small_disk(&url, port, spool.path(), 0, &[]),
        _ => Process::start(&url, port, spool.path()),
    };
    match case.trouble {
        Trouble::HomeFromTheStart(_) => drop(process.until("the start", |_| true).await),
        _ => process.subscribed().await,
    }
    home.burst(200).await;
    begin(case.trouble, &home, &to_home, &to_store, &process);
    home.burst(if let Trouble::Slow = case.trouble {
        20_000
    } else {
        200
    })
    .await;
    if let Some((part, word)) = case.says {
        process.says(part, word).await;
    }
    process.signal("TERM");
    if let Trouble::Slow = case.trouble {
        process.signal("CONT");
    }
    let begun = std::time::Instant::now();
    let status = process.ended(IN_TIME).await;
    assert_eq!(status.code(), Some(0), "after {:?}", begun.elapsed());

    home.burst(100).await;
    home.change_token(TOKEN);
    home.set_core_state("RUNNING");
    to_home.set(Fault::Pass);
    to_store.set(Fault::Pass);
    let next = Process::start(&url, port, spool.path());
    next.subscribed().await;
    let settings = [("ENABLE_HOME_ASSISTANT", "false")];
    Ingestion::with(store.port, &settings)
        .await
        .has_exactly(&home)
        .await;
    next.kill();
}

fn begin(trouble: Trouble, home: &Simulator, to_home: &Proxy, to_store: &Proxy, process: &Process) {
    match trouble {
        Trouble::None
        | Trouble::HomeFromTheStart(_)
        | Trouble::StoreFromTheStart(_)
        | Trouble::SpoolDamaged => {}
        Trouble::Home(fault) => to_home.set(fault),
        Trouble::Store(fault) => to_store.set(fault),
        Trouble::Both(one, other) => {
            to_home.set(one);
            to_store.set(other);
        }
        Trouble::DiskFull => to_store.set(Fault::Refuse),
        Trouble::TokenRevoked => home.revoke_token(),
        Trouble::HomeStarting => home.set_core_state("STARTING"),
        Trouble::Slow => process.signal("STOP"),
    }
}

/// A test for each case.
macro_rules! cases {
    ($($name:ident: $trouble:expr, $says:expr;)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            stops_in_order(Case { trouble: $trouble, says: $says }).await;
        }
    )*};
}

cases! {
    while_all_is_well: Trouble::None, None;
    while_the_home_is_down_since_the_start: Trouble::HomeFromTheStart(Fault::Refuse), Some(("home_assistant", "cannot be reached"));
    while_the_home_accepts_and_says_nothing: Trouble::HomeFromTheStart(Fault::Hold(Way::Both)), None;
    while_the_home_is_gone: Trouble::Home(Fault::Refuse), Some(("home_assistant", "cannot be reached"));
    while_the_connection_is_half_open: Trouble::Home(Fault::Hold(Way::Both)), None;
    while_the_token_is_refused: Trouble::TokenRevoked, Some(("home_assistant", "refuses the token"));
    while_the_home_is_starting: Trouble::HomeStarting, None;
    while_it_is_far_behind: Trouble::Slow, None;
    while_data_api_is_gone: Trouble::Store(Fault::Refuse), Some(("data_api", "does not answer"));
    while_data_api_was_never_there: Trouble::StoreFromTheStart(Fault::Refuse), Some(("data_api", "does not answer"));
    while_data_api_hangs: Trouble::Store(Fault::Hold(Way::Both)), Some(("data_api", "slow"));
    while_data_api_hangs_since_the_start: Trouble::StoreFromTheStart(Fault::Hold(Way::Both)), Some(("data_api", "slow"));
    while_data_api_answers_500: Trouble::Store(Fault::Answer(500)), Some(("data_api", "answered 500"));
    while_data_api_answers_400: Trouble::Store(Fault::Answer(400)), Some(("data_api", "answered 400"));
    while_data_api_answers_by_halves: Trouble::Store(Fault::CutAfter(150)), Some(("data_api", "does not answer"));
    while_data_api_takes_ten_seconds: Trouble::Store(Fault::Delay(Duration::from_secs(10))), Some(("data_api", "slow"));
    while_neither_side_is_there: Trouble::Both(Fault::Refuse, Fault::Refuse), Some(("home_assistant", "cannot be reached"));
    while_both_sides_hang: Trouble::Both(Fault::Hold(Way::Both), Fault::Hold(Way::Both)), None;
    while_the_disk_is_full_and_data_api_gone: Trouble::DiskFull, Some(("spool", "events wait in memory"));
    while_the_spool_is_damaged: Trouble::SpoolDamaged, None;
}
