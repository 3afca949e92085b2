//! Copies of the store.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use common::api::backup::BackupList;
use common::http::problem::Problem;

use super::{Api, store_problem};
use crate::backup::NoBackup;

fn problem(error: NoBackup) -> Problem {
    let status = match error {
        NoBackup::Copy(failure) => return store_problem(failure),
        NoBackup::NotSqlite => StatusCode::NOT_IMPLEMENTED,
        NoBackup::Running => StatusCode::CONFLICT,
        NoBackup::NoSpace { .. } => StatusCode::INSUFFICIENT_STORAGE,
        NoBackup::Folder { .. } | NoBackup::Unsound(_) => {
            tracing::error!("{error}");
            return Problem::Told(
                StatusCode::SERVICE_UNAVAILABLE,
                "the folder of backups cannot be used: see the log".to_owned(),
            );
        }
    };
    Problem::Told(status, error.to_string())
}

/// The copies, latest first, and the one that is being made.
#[utoipa::path(get, path = "/api/v1/backup", tag = "storage", security(("key" = [])),
    responses((status = 200, body = BackupList, description = "The copies"), (status = 501, description = "The store is PostgreSQL: use pg_dump")))]
pub(super) async fn list(State(api): State<Api>) -> Result<Json<BackupList>, Problem> {
    Ok(Json(api.backups.list().map_err(problem)?))
}

/// Begins to make a copy; how far it is, and what became of it, tells `GET`.
#[utoipa::path(post, path = "/api/v1/backup", tag = "storage", security(("key" = [])),
    responses((status = 202, body = BackupList, description = "It is being made"), (status = 409, description = "One is being made already"),
        (status = 501, description = "The store is PostgreSQL: use pg_dump"), (status = 507, description = "Not enough space: how much is needed and how much is free")))]
pub(super) async fn make(
    State(api): State<Api>,
) -> Result<(StatusCode, Json<BackupList>), Problem> {
    let job = api.backups.prepare(None).map_err(problem)?;
    let backups = api.backups.clone();
    api.tasks.spawn_once("backup", async move {
        drop(backups.make(job).await);
    });
    Ok((
        StatusCode::ACCEPTED,
        Json(api.backups.list().map_err(problem)?),
    ))
}
