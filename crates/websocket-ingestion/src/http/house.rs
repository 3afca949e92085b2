//! `/api/status/house` and `/ws/status`: how the house stands.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use common::http::problem::Problem;
use serde_json::json;

use super::line::{self, Line, Over, Turn};
use crate::app::Shared;
use crate::config::Home;
use crate::house::View;
use crate::status::LinkState;

/// How the house stands: climate, presence, lights by area, sensors by class, switches and automations that are on.
#[utoipa::path(get, path = "/api/status/house", tag = "house",
    responses((status = 200, description = "All sections"), (status = 503, description = "There was no connection to Home Assistant yet")))]
pub(super) async fn status(State(shared): State<Shared>) -> Result<Response, Problem> {
    let view = shared.live.house.view().ok_or_else(|| {
        Problem::Unavailable(
            "the status of the house is not known yet: Home Assistant has not told its states; see /health".to_owned(),
        )
    })?;
    let content_type = [(header::CONTENT_TYPE, "application/json")];
    Ok((content_type, whole(&shared, &view, None)).into_response())
}

fn whole(shared: &Shared, view: &View, kind: Option<&str>) -> String {
    let is_connected = shared.status.facts().state == LinkState::Connected;
    view.whole(kind, is_connected, shared.clock.now())
}

/// The same by WebSocket: first all of it, then each section that changes.
#[utoipa::path(get, path = "/ws/status", tag = "house",
    responses((status = 101, description = "A snapshot, then deltas"), (status = 403, description = "A page of an origin that is not in CORS_ORIGINS"),
        (status = 426, description = "Not a WebSocket")))]
pub(super) async fn open(
    State(shared): State<Shared>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    line::open(
        &shared,
        &headers,
        upgrade,
        async |shared: Shared, mut line| {
            let Err(over) = follow(&shared, &mut line).await;
            line.end(&shared, over).await;
        },
    )
}

/// Sends what changed, for as long as the client listens. A client that is behind gets only the newest of each section.
async fn follow(shared: &Shared, line: &mut Line) -> Result<std::convert::Infallible, Over> {
    if matches!(shared.config.home, Home::Off | Home::Unnamed) {
        return Err(Over::Unavailable);
    }
    let mut views = shared.live.house.subscribe();
    let mut ping = tokio::time::interval(shared.config.timing.status_ping_every);
    ping.reset();
    let mut told: Option<Arc<View>> = None;
    loop {
        let now = views.borrow_and_update().clone();
        match (&told, &now) {
            (None, Some(view)) => {
                line.send(vec![whole(shared, view, Some("snapshot")).into()])
                    .await?;
            }
            (Some(before), Some(view)) => line.send(view.deltas_since(before)).await?,
            (_, None) => {}
        }
        told = now;
        loop {
            let news = async {
                tokio::select! {
                    // The sender lives as long as the service.
                    _ = views.changed() => true,
                    _ = ping.tick() => false,
                }
            };
            match line.turn(shared, news).await? {
                Turn::Came(true) => break,
                Turn::Came(false) => line.say(&json!({"type": "ping"})).await?,
                // What the client says is passed over, as before.
                Turn::Heard(_) => {}
            }
        }
    }
}
