//! What others kept: line protocol of InfluxDB, the table of LTSS.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use history_import::Source;
use test_support::Postgres;

use crate::home::Home;
use crate::made;

const LINES: &str = "# DML
CREATE DATABASE home_assistant WITH NAME autogen
°C,domain=sensor,entity_id=hall value=21.5,friendly_name_str=\"Hall\" 1700000000123456000
light.hall,domain=light,entity_id=hall state=\"on\",value=1 1700000001000000000
light.hall,domain=light,entity_id=hall brightness=5 1700000001000000000
cpu,host=a usage=5 1700000001000000000
home_assistant_events,domain=lock,entity_id=lock.door state_value=\"locked\",attributes=\"{\\\"a\\\":1}\",context_id=\"01K1ZG04926D25ASKQH2CTNEYC\" 1700000002000000
home_assistant_events,domain=lock,entity_id=lock.door state_value=\"\",removed=true 1700000003000000
not a line
";

async fn check_lines(home: &Home, source: Source) {
    let import = home.import(source);
    let outcome = home.run(&import).await;
    assert!(outcome.failed.is_none(), "{outcome:?}");
    let report = outcome.report;
    assert_eq!(
        (report.read, report.stored, report.rejected.total()),
        (7, 4, 3),
        "{report}"
    );
    let events = home.events().await;
    let shown: Vec<_> = events
        .iter()
        .map(|event| {
            (
                event.id.as_str(),
                event.state.as_deref(),
                event.attributes.get(),
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            (
                "sensor.hall@1700000000123456",
                Some("21.5"),
                r#"{"friendly_name":"Hall","unit_of_measurement":"°C"}"#
            ),
            ("light.hall@1700000001000000", Some("on"), "{}"),
            ("lock.door@1700000002000000", Some("locked"), r#"{"a":1}"#),
            ("lock.door@1700000003000000", None, "{}"),
        ]
    );
    assert_eq!(
        events[2].context_id.as_deref(),
        Some("01K1ZG04926D25ASKQH2CTNEYC")
    );
    let again = home.run(&import).await.report;
    assert_eq!((again.read, again.resumed), (0, true), "{again}");
}

#[tokio::test]
async fn line_protocol_is_read_plain_and_what_is_added_to_it_later() {
    let home = Home::new().await;
    let path = home.file("export.lp");
    std::fs::write(&path, LINES).unwrap();
    let source = Source::Influx(path.display().to_string());
    check_lines(&home, source.clone()).await;
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .unwrap();
    writeln!(
        file,
        "light.hall,domain=light,entity_id=hall state=\"off\" 1700000009000000000"
    )
    .unwrap();
    let more = home.run(&home.import(source)).await.report;
    assert_eq!((more.read, more.stored), (1, 1), "{more}");
}

#[tokio::test]
async fn line_protocol_is_read_packed() {
    let home = Home::new().await;
    let path = home.file("export.lp.gz");
    let mut packer = GzEncoder::new(std::fs::File::create(&path).unwrap(), Compression::fast());
    packer.write_all(LINES.as_bytes()).unwrap();
    packer.finish().unwrap();
    check_lines(&home, Source::Influx(path.display().to_string())).await;
}

#[tokio::test]
async fn the_table_of_ltss_is_read_in_order_and_further_at_the_next_time() {
    let server = Postgres::start().await.unwrap();
    let home = Home::new().await;
    let url = server.create_database("homeassistant").await.unwrap();
    let table = "CREATE TABLE ltss (time TIMESTAMP WITH TIME ZONE NOT NULL, entity_id VARCHAR(255) NOT NULL, state VARCHAR(255), attributes JSONB);";
    // 12,000 rows, two entities at each instant, so that a page ends between two rows of one instant.
    let rows = "INSERT INTO ltss SELECT TIMESTAMP WITH TIME ZONE '2024-01-01 00:00:00.123457+00' + (n / 2) * INTERVAL '1 second',
        'sensor.s' || n % 2, n::text, jsonb_build_object('n', n) FROM generate_series(1, 12000) n";
    made::postgres(&url, &[table, rows]).await;
    let import = home.import(Source::Ltss(url.clone()));
    let outcome = home.run(&import).await;
    assert!(outcome.failed.is_none(), "{outcome:?}");
    assert_eq!(
        (outcome.report.read, outcome.report.stored),
        (12_000, 12_000),
        "{}",
        outcome.report
    );
    let events = home.events().await;
    assert_eq!(events[0].id, "sensor.s1@1704067200123457");
    assert_eq!(
        (events[0].state.as_deref(), events[0].attributes.get()),
        (Some("1"), r#"{"n": 1}"#)
    );
    let row = "INSERT INTO ltss VALUES ('2024-06-01 00:00:00+00', 'sensor.s0', 'new', '{}')";
    made::postgres(&url, &[row]).await;
    let more = home.run(&import).await.report;
    assert_eq!(
        (more.read, more.stored, more.resumed),
        (1, 1, true),
        "{more}"
    );
}

#[tokio::test]
async fn a_database_without_the_table_of_ltss_is_told() {
    let home = Home::new().await;
    let path = home.file("a.db");
    made::sqlite(&path, &["CREATE TABLE notes (x)"]).await;
    let source = Source::Ltss(path.display().to_string());
    let told = history_import::run(&home.import(source), None)
        .await
        .unwrap_err();
    assert!(told.to_string().contains("postgres://"), "{told}");
    let missing = Source::Influx(home.file("none.lp").display().to_string());
    let told = history_import::run(&home.import(missing), None)
        .await
        .unwrap_err();
    assert!(
        told.to_string().contains("none.lp") && told.to_string().contains("export"),
        "{told}"
    );
}
