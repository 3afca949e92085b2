//! A data-api of its own for each test, and what it has.

use std::path::PathBuf;
use std::time::Duration;

use common::api::events::Event;
use common::clock::Clock;
use common::env::{Env, Secret};
use common::lifecycle::Tasks;
use common::settings::DataApiPeer;
use data_api_client::DataApi;
use data_api_client::events::EventQuery;
use history_import::{Filter, Import, Outcome, Source, StateFile};
use tempfile::TempDir;
use url::Url;

pub(crate) const KEY: &str = "key-of-this-test";

pub(crate) struct Home {
    pub(crate) client: DataApi,
    pub(crate) folder: TempDir,
    tasks: Tasks,
}

impl Home {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = in_folder(&folder);
        Self::on(folder, &database).await
    }

    /// One with its tables in this database.
    pub(crate) async fn with_database(database: &str) -> Self {
        Self::on(tempfile::tempdir().unwrap(), database).await
    }

    async fn on(folder: TempDir, database: &str) -> Self {
        let (tasks, client) = serve(database).await;
        Self {
            client,
            folder,
            tasks,
        }
    }

    /// Stops data-api and starts it on an empty database.
    pub(crate) async fn lose_everything(self) -> Self {
        assert!(self.tasks.stop(Duration::from_secs(10)).await);
        for name in ["homeiq.db", "homeiq.db-wal", "homeiq.db-shm"] {
            std::fs::remove_file(self.folder.path().join(name)).ok();
        }
        let (tasks, client) = serve(&in_folder(&self.folder)).await;
        Self {
            client,
            tasks,
            folder: self.folder,
        }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// An import into this data-api, with its state file in the folder.
    pub(crate) fn import(&self, source: Source) -> Import {
        Import {
            source,
            filter: Filter::default(),
            destination: "test".to_owned(),
            state_file: StateFile::In(self.file("import")),
            from_start: false,
            quiet: true,
        }
    }

    pub(crate) async fn run(&self, import: &Import) -> Outcome {
        history_import::run(import, Some(&self.client))
            .await
            .unwrap()
    }

    /// Every event, oldest first.
    pub(crate) async fn events(&self) -> Vec<Event> {
        let mut query = EventQuery {
            limit: Some(1000),
            ..EventQuery::default()
        };
        let mut events = Vec::new();
        loop {
            let page = self.client.events(&query).await.unwrap();
            events.extend(page.events);
            query.cursor = page.next;
            if query.cursor.is_none() {
                events.reverse();
                return events;
            }
        }
    }
}

fn in_folder(folder: &TempDir) -> String {
    format!("sqlite://{}", folder.path().join("homeiq.db").display())
}

async fn serve(database: &str) -> (Tasks, DataApi) {
    let mut env = Env::from_pairs([
        ("DATA_API_PORT", "0"),
        ("DATABASE_URL", database),
        ("DATA_API_KEY", KEY),
    ]);
    let config = data_api::Config::read(&mut env);
    env.finish().unwrap();
    let (tasks, _ends) = Tasks::new();
    let app = data_api::App::start(config, &tasks, Clock::system())
        .await
        .unwrap();
    let client = DataApi::new(DataApiPeer {
        url: Url::parse(&format!("http://{}", app.address)).unwrap(),
        key: Secret::Value(KEY.to_owned().into()),
    })
    .unwrap();
    (tasks, client)
}
