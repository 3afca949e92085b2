//! The recorder's database, of both layouts, in both databases.

use common::api::events::{Event, Origin};
use history_import::{ImportFailed, Outcome, Source};
use test_support::Postgres;

use crate::home::Home;
use crate::made::{self, NEW_LAYOUT, NEW_ROWS, OLD_LAYOUT, OLD_ROWS};

fn place(path: &std::path::Path) -> Source {
    Source::Recorder(path.display().to_string())
}

/// What matters of an event, on one line.
fn shown(event: &Event) -> String {
    let changed = event
        .new_state
        .as_ref()
        .map(|state| state.last_changed.get());
    format!(
        "{} {:?} {} {changed:?} {:?} {:?} {:?}",
        event.id,
        event.state,
        event.attributes.get(),
        event.context_id.as_deref().unwrap_or_default(),
        event.context_parent_id.as_deref().unwrap_or_default(),
        event.context_user_id.as_deref().unwrap_or_default(),
    )
}

async fn check_new_layout(home: &Home, outcome: Outcome) {
    assert!(outcome.failed.is_none(), "{outcome:?}");
    let report = outcome.report;
    assert_eq!(
        (report.read, report.stored, report.duplicates),
        (8, 5, 0),
        "{report}"
    );
    assert_eq!(report.rejected.total(), 3, "{report}");
    assert_eq!(report.without_attributes, 1, "{report}");
    for reason in ["not an entity id", "metadata_id", "no instant"] {
        assert!(report.to_string().contains(reason), "{report}");
    }
    let events = home.events().await;
    assert!(events.iter().all(|event| event.origin == Origin::Import));
    let shown: Vec<String> = events.iter().map(shown).collect();
    assert_eq!(
        shown,
        [
            r#"light.hall@1795421580211807 Some("on") {"friendly_name":"Hall \"1\"","brightness":1.10} Some(1795421580211807) "01K1ZG04926D25ASKQH2CTNEYC" "" "8f0f00112233445566778899aabbccdd""#,
            r#"light.hall@1795421633922721 Some("on") {} Some(1795421580211807) "01K1ZG04926D25ASKQH2CTNEYD" "01K1ZG04926D25ASKQH2CTNEYC" """#,
            r#"sensor.zoë@1795421820367424 Some("21.50") {} Some(1795421820367424) "" "" """#,
            r#"light.hall@1795421823000000 None {} None "" "" """#,
            r#"light.hall@1795421824500000 None {} None "" "" """#,
        ]
    );
}

async fn check_old_layout(home: &Home, outcome: Outcome) {
    assert!(outcome.failed.is_none(), "{outcome:?}");
    assert_eq!(outcome.report.stored, 3, "{}", outcome.report);
    let shown: Vec<String> = home.events().await.iter().map(shown).collect();
    assert_eq!(
        shown,
        [
            r#"light.hall@1614834367123456 Some("on") {"friendly_name": "Hall"} Some(1614834367123456) "8f0f00112233445566778899aabbccdd" "" "d00000112233445566778899aabbccdd""#,
            r#"light.hall@1614834368000000 Some("on") {} Some(1614834367123456) "0123" "8f0f00112233445566778899aabbccdd" """#,
            r#"light.hall@1614834369000001 None {} None "" "" """#,
        ]
    );
}

#[tokio::test]
async fn the_layout_of_today_is_read_row_for_row_and_a_second_time_changes_nothing() {
    let home = Home::new().await;
    let path = home.file("home-assistant_v2.db");
    made::sqlite(&path, &[NEW_LAYOUT, NEW_ROWS]).await;
    let mut import = home.import(place(&path));
    check_new_layout(&home, home.run(&import).await).await;
    import.from_start = true;
    let again = home.run(&import).await.report;
    assert_eq!(
        (again.read, again.stored, again.duplicates),
        (8, 0, 5),
        "{again}"
    );
}

#[tokio::test]
async fn the_layout_of_2021_is_read_row_for_row() {
    let home = Home::new().await;
    let path = home.file("home-assistant_v2.db");
    made::sqlite(&path, &[OLD_LAYOUT, OLD_ROWS]).await;
    check_old_layout(&home, home.run(&home.import(place(&path))).await).await;
}

#[tokio::test]
async fn both_layouts_are_read_from_postgresql_as_from_sqlite() {
    let server = Postgres::start().await.unwrap();
    for (name, statements, is_new) in [
        ("new", [NEW_LAYOUT, NEW_ROWS], true),
        ("old", [OLD_LAYOUT, OLD_ROWS], false),
    ] {
        let home = Home::new().await;
        let url = server.create_database(name).await.unwrap();
        made::postgres(&url, &statements).await;
        let outcome = home.run(&home.import(Source::Recorder(url))).await;
        if is_new {
            check_new_layout(&home, outcome).await;
        } else {
            check_old_layout(&home, outcome).await;
        }
    }
}

#[tokio::test]
async fn a_data_api_on_postgresql_takes_both_layouts_and_takes_nothing_twice() {
    let server = Postgres::start().await.unwrap();
    for (name, statements, is_new) in [
        ("home_new", [NEW_LAYOUT, NEW_ROWS], true),
        ("home_old", [OLD_LAYOUT, OLD_ROWS], false),
    ] {
        let database = server.create_owned_database(name).await.unwrap();
        let home = Home::with_database(&database).await;
        let path = home.file("home-assistant_v2.db");
        made::sqlite(&path, &statements).await;
        let mut import = home.import(place(&path));
        let outcome = home.run(&import).await;
        if is_new {
            check_new_layout(&home, outcome).await;
        } else {
            check_old_layout(&home, outcome).await;
        }
        let resumed = home.run(&import).await.report;
        assert_eq!((resumed.read, resumed.resumed), (0, true), "{resumed}");
        import.from_start = true;
        let again = home.run(&import).await.report;
        let rows = if is_new { 5 } else { 3 };
        assert_eq!((again.stored, again.duplicates), (0, rows), "{again}");
    }
}

#[tokio::test]
async fn a_database_in_the_middle_of_its_migration_has_rows_of_both_layouts() {
    let home = Home::new().await;
    let path = home.file("home-assistant_v2.db");
    let old = "INSERT INTO states (state_id, entity_id, state, attributes, last_updated, context_id) \
               VALUES (20, 'light.old', 'off', '{\"a\":1}', '2021-03-04 05:06:07', 'abc')";
    made::sqlite(&path, &[NEW_LAYOUT, NEW_ROWS, old]).await;
    let report = home.run(&home.import(place(&path))).await.report;
    assert_eq!((report.read, report.stored), (9, 6), "{report}");
    let first = &home.events().await[0];
    assert_eq!(
        shown(first),
        r#"light.old@1614834367000000 Some("off") {"a":1} Some(1614834367000000) "abc" "" """#
    );
}

#[tokio::test]
async fn a_dry_run_counts_and_sends_nothing() {
    let home = Home::new().await;
    let path = home.file("home-assistant_v2.db");
    made::sqlite(&path, &[NEW_LAYOUT, NEW_ROWS]).await;
    let import = home.import(place(&path));
    let report = history_import::run(&import, None).await.unwrap().report;
    assert_eq!(
        (report.read, report.stored, report.entities),
        (8, 5, 2),
        "{report}"
    );
    assert_eq!(report.by_domain["light"], 4);
    assert_eq!(
        report.span,
        Some((1_795_421_580_211_807, 1_795_421_824_500_000))
    );
    assert!(home.events().await.is_empty());
    assert!(!home.file("import").exists(), "a dry run keeps no position");
}

#[tokio::test]
async fn filters_leave_out_what_was_not_asked_for_and_count_it() {
    let home = Home::new().await;
    let path = home.file("home-assistant_v2.db");
    made::sqlite(&path, &[NEW_LAYOUT, NEW_ROWS]).await;
    let mut import = home.import(place(&path));
    import.filter.entities = vec!["light".to_owned()];
    import.filter.until = Some(common::instant::UtcMicros::new(1_795_421_823_000_000).unwrap());
    let report = home.run(&import).await.report;
    assert_eq!(
        (report.read, report.stored, report.left_out),
        (8, 2, 3),
        "{report}"
    );
    import.filter.until = None;
    import.filter.since = Some(common::instant::UtcMicros::new(1_795_421_823_000_000).unwrap());
    let report = home.run(&import).await.report;
    assert_eq!((report.stored, report.duplicates), (2, 0), "{report}");
}

#[tokio::test]
async fn the_source_is_read_where_nothing_can_be_written_and_stays_as_it_was() {
    let home = Home::new().await;
    let path = home.file("home-assistant_v2.db");
    made::sqlite(&path, &[NEW_LAYOUT, NEW_ROWS]).await;
    let before = std::fs::read(&path).unwrap();
    let report = home.run(&home.import(place(&path))).await.report;
    assert_eq!(report.stored, 5);
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn what_cannot_be_a_source_is_told_with_what_to_do() {
    let home = Home::new().await;
    let told = async |source: Source| -> String {
        let failed: ImportFailed = history_import::run(&home.import(source), None)
            .await
            .unwrap_err();
        failed.to_string()
    };
    let missing = told(place(&home.file("none.db"))).await;
    assert!(
        missing.contains("none.db") && missing.contains("home-assistant_v2.db"),
        "{missing}"
    );
    let text = home.file("text.db");
    std::fs::write(
        &text,
        "this is a text, long enough to be read as the header of a database file",
    )
    .unwrap();
    let no_database = told(place(&text)).await;
    assert!(no_database.contains("text.db"), "{no_database}");
    let other = home.file("other.db");
    made::sqlite(&other, &["CREATE TABLE notes (x)"]).await;
    let no_recorder = told(place(&other)).await;
    assert!(
        no_recorder.contains("recorder") && no_recorder.contains("'states'"),
        "{no_recorder}"
    );
    let mysql = told(Source::Recorder("mysql://user:secret@host/db".to_owned())).await;
    assert!(
        mysql.contains("MariaDB") && !mysql.contains("secret"),
        "{mysql}"
    );
    let nobody = told(Source::Recorder(
        "postgres://user:secret@127.0.0.1:1/db".to_owned(),
    ))
    .await;
    assert!(
        nobody.contains("127.0.0.1") && !nobody.contains("secret"),
        "{nobody}"
    );
}
