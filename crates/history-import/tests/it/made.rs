//! Recorder databases of the layouts that Home Assistant has had, made in SQLite and in PostgreSQL.

use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

/// The layout since 2023.4; a new database still has the old columns, empty. Types are those of SQLAlchemy for SQLite.
pub(crate) const NEW_LAYOUT: &str = "
CREATE TABLE states_meta (metadata_id INTEGER NOT NULL PRIMARY KEY, entity_id VARCHAR(255));
CREATE TABLE state_attributes (attributes_id INTEGER NOT NULL PRIMARY KEY, hash BIGINT, shared_attrs TEXT);
CREATE TABLE states (state_id INTEGER NOT NULL PRIMARY KEY, entity_id CHAR(0), state VARCHAR(255), attributes CHAR(0),
    event_id SMALLINT, last_changed CHAR(0), last_changed_ts FLOAT, last_reported_ts FLOAT, last_updated CHAR(0), last_updated_ts FLOAT,
    old_state_id INTEGER, attributes_id INTEGER, context_id CHAR(0), context_user_id CHAR(0), context_parent_id CHAR(0),
    origin_idx SMALLINT, context_id_bin BLOB, context_user_id_bin BLOB, context_parent_id_bin BLOB, metadata_id INTEGER);
CREATE INDEX ix_states_last_updated_ts ON states (last_updated_ts);
CREATE INDEX ix_states_attributes_id ON states (attributes_id);";

/// The layout of 2021.
pub(crate) const OLD_LAYOUT: &str = "
CREATE TABLE states (state_id INTEGER NOT NULL PRIMARY KEY, domain VARCHAR(64), entity_id VARCHAR(255), state VARCHAR(255),
    attributes TEXT, event_id INTEGER, last_changed DATETIME, last_updated DATETIME, created DATETIME, old_state_id INTEGER,
    context_id VARCHAR(36), context_user_id VARCHAR(36), context_parent_id VARCHAR(36));";

/// What the rows of the new layout are.
pub(crate) const NEW_ROWS: &str = r#"
INSERT INTO states_meta VALUES (1, 'light.hall'), (2, 'sensor.zoë'), (3, 'broken');
INSERT INTO state_attributes VALUES (1, 1, '{}'), (2, 2, '{"friendly_name":"Hall \"1\"","brightness":1.10}'), (3, 3, '{"x":NaN}');
INSERT INTO states (state_id, metadata_id, state, attributes_id, last_updated_ts, last_changed_ts, context_id_bin, context_user_id_bin,
    context_parent_id_bin) VALUES
  (1, 1, 'on', 2, 1795421580.2118065, NULL, X'01987F00112233445566778899AABBCC', X'8F0F00112233445566778899AABBCCDD', NULL),
  (2, 1, 'on', 1, 1795421633.9227214, 1795421580.2118065, X'01987F00112233445566778899AABBCD', NULL, X'01987F00112233445566778899AABBCC'),
  (3, 2, '21.50', 3, 1795421820.3674238, NULL, NULL, NULL, NULL),
  (4, 3, 'on', 1, 1795421821.0, NULL, NULL, NULL, NULL),
  (5, 9, 'on', 1, 1795421822.0, NULL, NULL, NULL, NULL),
  (6, 1, '', 1, 1795421823.0, NULL, NULL, NULL, NULL),
  (7, 1, 'on', 1, NULL, NULL, NULL, NULL, NULL),
  (8, 1, NULL, NULL, 1795421824.5, NULL, NULL, NULL, NULL);"#;

/// What the rows of the old layout are.
pub(crate) const OLD_ROWS: &str = r#"
INSERT INTO states (state_id, entity_id, state, attributes, last_changed, last_updated, context_id, context_user_id, context_parent_id)
VALUES
  (1, 'light.hall', 'on', '{"friendly_name": "Hall"}', '2021-03-04 05:06:07.123456', '2021-03-04 05:06:07.123456',
      '8f0f00112233445566778899aabbccdd', 'd00000112233445566778899aabbccdd', NULL),
  (2, 'light.hall', 'on', '{}', '2021-03-04 05:06:07.123456', '2021-03-04 05:06:08', '0123', NULL, '8f0f00112233445566778899aabbccdd'),
  (3, 'light.hall', '', '{}', '2021-03-04 05:06:09.000001', '2021-03-04 05:06:09.000001', NULL, NULL, NULL);"#;

/// Makes a SQLite file of these statements, and leaves it as Home Assistant does: in WAL mode.
pub(crate) async fn sqlite(path: &Path, statements: &[&'static str]) {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .pragma("journal_mode", "wal");
    let mut connection = options.connect().await.unwrap();
    for text in statements {
        sqlx::raw_sql(*text).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();
}

/// The same in PostgreSQL, whose words for types and bytes differ.
pub(crate) async fn postgres(url: &str, statements: &[&str]) {
    let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
    for text in statements {
        let text = text
            .replace("CHAR(0)", "CHAR(1)")
            .replace("FLOAT", "DOUBLE PRECISION")
            .replace("BLOB", "BYTEA")
            .replace("DATETIME", "TIMESTAMP WITH TIME ZONE")
            .replace("X'", "'\\x");
        sqlx::raw_sql(sqlx::AssertSqlSafe(text))
            .execute(&mut connection)
            .await
            .unwrap();
    }
    connection.close().await.unwrap();
}
