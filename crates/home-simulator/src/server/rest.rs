//! The REST API, and the door to the WebSocket.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Path, Query as UrlQuery, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use common::instant::UtcMicros;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::history::{self, Query, RestRow};
use super::house::{By, House};
use super::{commands, services, socket, wire};
use crate::home::Home;

/// Largest message that a client may send, in bytes.
const MAX_MESSAGE: usize = 4 * 1024 * 1024;

/// All routes.
pub(super) fn router(
    house: Arc<House>,
    clients: TaskTracker,
    closing: CancellationToken,
) -> Router {
    let upgrade = Arc::clone(&house);
    let open = move |upgrading: WebSocketUpgrade| async move {
        let serve = move |socket| clients.track_future(socket::serve(socket, upgrade, closing));
        upgrading.max_message_size(MAX_MESSAGE).on_upgrade(serve)
    };
    let guarded = Router::new()
        .route(
            "/api/",
            get(async || Json(json!({"message": "API running."}))),
        )
        .route("/api/config", get(config))
        .route("/api/states", get(states))
        .route(
            "/api/states/{entity_id}",
            get(state).post(set_state).delete(remove_state),
        )
        .route("/api/services", get(service_list))
        .route(
            "/api/services/{domain}/{service}",
            axum::routing::post(call_service),
        )
        .route("/api/history/period", get(history_of_a_day))
        .route("/api/history/period/{start}", get(history_from))
        .route_layer(middleware::from_fn_with_state(Arc::clone(&house), guard));
    Router::new()
        .route("/api/websocket", get(open))
        .route("/live", get(async || Json(json!({"status": "alive"}))))
        .merge(guarded)
        .layer(middleware::map_response_with_state(
            Arc::clone(&house),
            dated,
        ))
        .with_state(house)
}

/// Every answer says what time it is here, also the one that opens a WebSocket.
async fn dated(State(house): State<Arc<House>>, mut response: Response) -> Response {
    let date = house.clock.now().to_http_date();
    if let Some(date) = date.and_then(|date| header::HeaderValue::try_from(date).ok()) {
        response.headers_mut().insert(header::DATE, date);
    }
    response
}

/// Lets only those pass who show the token.
async fn guard(State(house): State<Arc<House>>, request: Request, next: Next) -> Response {
    let shown = request.headers().get(header::AUTHORIZATION);
    let token = shown.and_then(|shown| shown.to_str().ok()?.strip_prefix("Bearer "));
    if token.is_some_and(|token| house.is_token(token.trim())) {
        next.run(request).await
    } else {
        (StatusCode::UNAUTHORIZED, "401: Unauthorized").into_response()
    }
}

fn raw_json(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

fn message(status: StatusCode, text: &str) -> Response {
    (status, Json(json!({"message": text}))).into_response()
}

async fn config(State(house): State<Arc<House>>) -> Json<Value> {
    Json(commands::config(&house))
}

async fn states(State(house): State<Arc<House>>) -> Response {
    raw_json(StatusCode::OK, house.states())
}

async fn state(State(house): State<Arc<House>>, Path(entity_id): Path<String>) -> Response {
    match house.state(&entity_id) {
        Some(found) => raw_json(StatusCode::OK, wire::state(&found)),
        None => message(StatusCode::NOT_FOUND, "Entity not found."),
    }
}

async fn set_state(
    State(house): State<Arc<House>>,
    Path(entity_id): Path<String>,
    body: String,
) -> Response {
    let Ok(Value::Object(body)) = serde_json::from_str(&body) else {
        return message(StatusCode::BAD_REQUEST, "Invalid JSON specified.");
    };
    let Some(state) = body.get("state").and_then(Value::as_str) else {
        return message(StatusCode::BAD_REQUEST, "No state specified.");
    };
    let valid = entity_id.parse::<common::entity::EntityId>().is_ok();
    if !valid || state.chars().count() > common::api::events::MAX_STATE_CHARS {
        return message(
            StatusCode::BAD_REQUEST,
            "Invalid entity ID or state specified.",
        );
    }
    let new = house.state(&entity_id).is_none();
    let attributes = match body.get("attributes") {
        Some(Value::Object(attributes)) => attributes.clone(),
        _ => Map::new(),
    };
    house.set(&entity_id, state, attributes, By::User);
    let status = if new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    match house.state(&entity_id) {
        Some(set) => raw_json(status, wire::state(&set)),
        None => message(
            StatusCode::INTERNAL_SERVER_ERROR,
            "The state is gone again.",
        ),
    }
}

async fn remove_state(State(house): State<Arc<House>>, Path(entity_id): Path<String>) -> Response {
    if house.remove(&entity_id) {
        message(StatusCode::OK, "Entity removed.")
    } else {
        message(StatusCode::NOT_FOUND, "Entity not found.")
    }
}

/// The list form: one object per domain.
async fn service_list() -> Json<Value> {
    let services = Home::services();
    let domains = services.as_object().into_iter().flatten();
    Json(
        domains
            .map(|(domain, services)| json!({"domain": domain, "services": services}))
            .collect(),
    )
}

async fn call_service(
    State(house): State<Arc<House>>,
    Path((domain, service)): Path<(String, String)>,
    body: String,
) -> Response {
    if !services::exists(&domain, &service) {
        return message(StatusCode::BAD_REQUEST, "Service not found.");
    }
    let body = if body.is_empty() { "{}" } else { &body };
    let Ok(Value::Object(data)) = serde_json::from_str(body) else {
        return message(StatusCode::BAD_REQUEST, "Data should be valid JSON.");
    };
    services::call(&house, &domain, &service, &data, None);
    raw_json(StatusCode::OK, "[]".to_owned())
}

type Parameters = UrlQuery<HashMap<String, String>>;

async fn history_of_a_day(State(house): State<Arc<House>>, parameters: Parameters) -> Response {
    let start = house.clock.now().plus_seconds(-86_400);
    history(house, start, parameters.0).await
}

async fn history_from(
    State(house): State<Arc<House>>,
    Path(start): Path<String>,
    parameters: Parameters,
) -> Response {
    match start.parse() {
        Ok(start) => history(house, start, parameters.0).await,
        Err(_) => message(StatusCode::BAD_REQUEST, "Invalid datetime"),
    }
}

async fn history(house: Arc<House>, start: UtcMicros, asked: HashMap<String, String>) -> Response {
    let Some(ids) = asked.get("filter_entity_id") else {
        return message(StatusCode::BAD_REQUEST, "filter_entity_id is missing");
    };
    let end = match asked.get("end_time").map(|end| end.parse()) {
        None => start.plus_seconds(86_400),
        Some(Ok(end)) => end,
        Some(Err(_)) => return message(StatusCode::BAD_REQUEST, "Invalid end_time"),
    };
    if house.refuses("history") {
        return (StatusCode::NOT_FOUND, "404: Not Found").into_response();
    }
    let query = Query {
        start,
        end,
        entity_ids: ids.split(',').map(|id| id.trim().to_lowercase()).collect(),
        include_start_time_state: !asked.contains_key("skip_initial_state"),
        significant_changes_only: asked
            .get("significant_changes_only")
            .is_none_or(|on| on != "0"),
        minimal_response: asked.contains_key("minimal_response"),
        no_attributes: asked.contains_key("no_attributes"),
    };
    let told = tokio::task::spawn_blocking(move || {
        let rows = history::rows(&house, &query).into_values();
        let lists: Vec<Vec<RestRow>> = rows
            .map(|rows| rows.into_iter().map(RestRow).collect())
            .collect();
        serde_json::to_string(&lists)
    });
    match told.await {
        Ok(Ok(body)) => raw_json(StatusCode::OK, body),
        Ok(Err(error)) => message(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
        Err(error) => message(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}
