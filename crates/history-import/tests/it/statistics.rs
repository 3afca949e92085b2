//! Long-term statistics of the recorder.

use history_import::Source;
use test_support::Postgres;

use crate::home::Home;
use crate::made;

const LAYOUT: &str = "
CREATE TABLE statistics_meta (id INTEGER NOT NULL PRIMARY KEY, statistic_id VARCHAR(255), source VARCHAR(32),
    unit_of_measurement VARCHAR(255));
CREATE TABLE statistics (id INTEGER NOT NULL PRIMARY KEY, metadata_id INTEGER, start DATETIME, start_ts FLOAT, mean FLOAT, min FLOAT,
    max FLOAT, state FLOAT, sum FLOAT);";
const ROWS: &str = "
INSERT INTO statistics_meta VALUES (1, 'sensor.t', 'recorder', '°C'), (2, 'opower:meter', 'opower', 'kWh'), (3, 'sensor.e', 'recorder', NULL);
INSERT INTO statistics (id, metadata_id, start_ts, mean, min, max, state, sum) VALUES
  (1, 1, 1700000400.0, 20.25, 19.5, 21.0, NULL, NULL),
  (2, 3, 1700000400.0, NULL, NULL, NULL, 17.5, 105.125),
  (3, 2, 1700000400.0, NULL, NULL, NULL, 1.0, 1.0),
  (4, 1, 1700004000.0, NULL, NULL, NULL, NULL, NULL),
  (5, 7, 1700004000.0, 1.0, NULL, NULL, NULL, NULL),
  (6, 1, 1700007600.0, 20.5, 19.5, 21.0, NULL, NULL);";

async fn check(home: &Home, source: Source) {
    let import = home.import(source);
    let outcome = home.run(&import).await;
    assert!(outcome.failed.is_none(), "{outcome:?}");
    let report = outcome.report;
    assert_eq!(
        (report.read, report.stored, report.rejected.total()),
        (6, 3, 3),
        "{report}"
    );
    let temperature = home.client.statistics("sensor.t", None).await.unwrap();
    assert_eq!(temperature.unit.as_deref(), Some("°C"));
    let means: Vec<_> = temperature
        .statistics
        .iter()
        .map(|row| (row.start.get(), row.numbers.mean))
        .collect();
    assert_eq!(
        means,
        [
            (1_700_000_400_000_000, Some(20.25)),
            (1_700_007_600_000_000, Some(20.5))
        ]
    );
    let energy = home.client.statistics("sensor.e", None).await.unwrap();
    assert_eq!(energy.statistics[0].numbers.sum, Some(105.125));
    let again = home.run(&import).await.report;
    assert_eq!((again.read, again.resumed), (0, true), "{again}");
}

#[tokio::test]
async fn hours_of_the_recorder_are_read_from_sqlite() {
    let home = Home::new().await;
    let path = home.file("home-assistant_v2.db");
    made::sqlite(&path, &[LAYOUT, ROWS]).await;
    check(&home, Source::Statistics(path.display().to_string())).await;
}

#[tokio::test]
async fn hours_of_the_recorder_are_read_from_postgresql() {
    let server = Postgres::start().await.unwrap();
    let home = Home::new().await;
    let url = server.create_database("recorder").await.unwrap();
    made::postgres(&url, &[LAYOUT, ROWS]).await;
    check(&home, Source::Statistics(url)).await;
}
