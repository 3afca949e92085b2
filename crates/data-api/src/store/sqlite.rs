//! The events in SQLite.

pub(super) mod dictionary;
pub(super) mod events;
mod filter;
mod ingest;
mod row;
pub(super) mod writer;

use database::Engine;

use super::Store;

impl Store {
    fn sqlite(&self) -> &database::sqlite::Sqlite {
        match &self.database.engine {
            Engine::Sqlite(sqlite) => sqlite,
            Engine::Postgres(_) => unreachable!("not ported yet"),
        }
    }
}
