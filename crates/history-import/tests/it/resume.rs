//! Going on where an earlier run ended, and beginning again where that would be wrong.

use std::fmt::Write as _;

use history_import::{Import, Source, StateFile};

use crate::home::Home;
use crate::made::{self, NEW_LAYOUT};

/// Rows with these ids, a minute apart, of 40 entities.
fn rows(ids: std::ops::Range<u32>) -> &'static str {
    let mut text = String::new();
    for id in ids {
        let (entity, at) = (id % 40, 1_700_000_000 + u64::from(id) * 60);
        write!(
            text,
            "INSERT OR IGNORE INTO states_meta VALUES ({entity}, 'sensor.s{entity}');
             INSERT INTO states (state_id, metadata_id, state, last_updated_ts) VALUES ({id}, {entity}, '{id}', {at}.25);"
        )
        .unwrap();
    }
    text.leak()
}

async fn made(home: &Home, ids: std::ops::Range<u32>) -> Import {
    let path = home.file("home-assistant_v2.db");
    made::sqlite(&path, &["BEGIN", NEW_LAYOUT, rows(ids), "COMMIT"]).await;
    home.import(Source::Recorder(path.display().to_string()))
}

#[tokio::test]
async fn a_second_run_reads_only_what_came_since() {
    let home = Home::new().await;
    let import = made(&home, 1..12_001).await;
    let first = home.run(&import).await.report;
    assert_eq!(
        (first.read, first.stored, first.resumed),
        (12_000, 12_000, false)
    );
    made::sqlite(&home.file("home-assistant_v2.db"), &[rows(12_001..12_011)]).await;
    let second = home.run(&import).await.report;
    assert_eq!((second.read, second.stored, second.resumed), (10, 10, true));
    let third = home.run(&import).await.report;
    assert_eq!((third.read, third.resumed), (0, true));
    // Another filter is another import.
    let mut other = import.clone();
    other.filter.entities = vec!["sensor.s7".to_owned()];
    let other = home.run(&other).await.report;
    assert_eq!((other.read, other.duplicates), (12_010, 301), "{other}");
}

#[tokio::test]
async fn a_data_api_that_lost_its_events_gets_all_of_them_again() {
    let home = Home::new().await;
    let import = made(&home, 1..101).await;
    assert_eq!(home.run(&import).await.report.stored, 100);
    let home = home.lose_everything().await;
    let again = home.run(&import).await.report;
    assert_eq!((again.stored, again.resumed), (100, false), "{again}");
}

#[tokio::test]
async fn another_file_in_the_same_place_is_read_from_its_beginning() {
    let home = Home::new().await;
    let import = made(&home, 1..101).await;
    assert_eq!(home.run(&import).await.report.stored, 100);
    std::fs::remove_file(home.file("home-assistant_v2.db")).unwrap();
    // Longer than the old one, and with other rows under the same ids.
    let statements = [
        "BEGIN",
        NEW_LAYOUT,
        rows(1..301),
        "UPDATE states SET last_updated_ts = last_updated_ts + 1e6",
        "COMMIT",
    ];
    made::sqlite(&home.file("home-assistant_v2.db"), &statements).await;
    let again = home.run(&import).await.report;
    assert_eq!((again.stored, again.resumed), (300, false), "{again}");
}

#[tokio::test]
async fn a_position_that_cannot_be_kept_is_told_and_the_rows_are_there() {
    let home = Home::new().await;
    let mut import = made(&home, 1..101).await;
    std::fs::write(home.file("in-the-way"), "").unwrap();
    import.state_file = StateFile::At(home.file("in-the-way/state.json"));
    let outcome = home.run(&import).await;
    assert_eq!(outcome.report.stored, 100);
    let told = outcome.failed.unwrap().to_string();
    assert!(told.contains("--state-file"), "{told}");
}
