//! `homeiq import` as a person types it.

use std::path::Path;
use std::process::Output;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

use crate::process::homeiq;

/// A small recorder database.
async fn recorder(path: &Path) {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    let made = "CREATE TABLE states_meta (metadata_id INTEGER PRIMARY KEY, entity_id TEXT);
        CREATE TABLE states (state_id INTEGER PRIMARY KEY, metadata_id INTEGER, state TEXT, last_updated_ts FLOAT);
        INSERT INTO states_meta VALUES (1, 'light.hall');
        INSERT INTO states VALUES (1, 1, 'on', 1795421580.5), (2, 1, 'off', 1795421590.5);";
    sqlx::raw_sql(made).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// Nothing listens on port 1: no data-api is found there.
fn import(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = homeiq(folder, &[("DATA_API_PORT", "1")])
        .arg("import")
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

#[tokio::test]
async fn a_past_goes_into_the_real_homes_database_where_no_data_api_runs() {
    let folder = tempfile::tempdir().unwrap();
    recorder(&folder.path().join("ha.db")).await;
    let (code, report, said) = import(folder.path(), &["recorder", "ha.db", "--dry-run"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        report.contains("Dry run") && report.contains("light"),
        "{report}"
    );
    assert!(
        !folder.path().join("data").exists(),
        "a dry run makes nothing"
    );
    let (code, report, said) = import(folder.path(), &["recorder", "ha.db"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("./data/homeiq.db"), "{said}");
    assert!(
        report.contains("ha.db") && report.contains("stored                     2"),
        "{report}"
    );
    assert!(folder.path().join("data/homeiq.db").exists());
    assert!(
        !folder.path().join("data/demo").exists(),
        "the demo is another home"
    );
    let (code, report, _) = import(folder.path(), &["recorder", "ha.db", "--from-start"]);
    assert_eq!(code, Some(0));
    assert!(report.contains("duplicates                 2"), "{report}");
}

#[tokio::test]
async fn what_cannot_be_imported_is_one_message_and_exit_code_1() {
    let folder = tempfile::tempdir().unwrap();
    let (code, _, said) = import(folder.path(), &["recorder", "none.db", "--dry-run"]);
    assert_eq!(code, Some(1));
    assert!(
        said.contains("none.db") && said.contains("home-assistant_v2.db"),
        "{said}"
    );
    let (code, _, said) = import(folder.path(), &["recorder", "x", "--since", "yesterday"]);
    assert_eq!(code, Some(64));
    assert!(said.contains("2024-01-31"), "{said}");
}

#[tokio::test]
async fn a_data_api_that_is_named_and_away_is_told_before_anything_is_read() {
    let folder = tempfile::tempdir().unwrap();
    recorder(&folder.path().join("ha.db")).await;
    let output = homeiq(
        folder.path(),
        &[
            ("DATA_API_URL", "http://127.0.0.1:1"),
            ("DATA_API_KEY", "x"),
        ],
    )
    .args(["import", "recorder", "ha.db"])
    .output()
    .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("127.0.0.1:1") && said.contains("nothing was imported"),
        "{said}"
    );
}
