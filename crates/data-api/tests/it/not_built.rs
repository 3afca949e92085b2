//! What the replaced service had and HomeIQ does not says so.

use crate::home::{Home, answer};

/// Every endpoint of the replaced service that is not built.
const PATHS: [&str; 46] = [
    "/api/v1/sports/games/live",
    "/api/v1/sports/games/upcoming",
    "/api/v1/sports/games/history",
    "/api/v1/sports/games/timeline/g1",
    "/api/v1/sports/schedule/t1",
    "/api/v1/sports/teams",
    "/api/v1/sports/user/teams",
    "/api/v1/ha/game-status/t1",
    "/api/v1/ha/game-context/t1",
    "/api/v1/ha/webhooks",
    "/api/v1/ha/webhooks/register",
    "/api/v1/ha/webhooks/w1",
    "/mcp/tools/query_device_history",
    "/api/mcp/tools/get_devices",
    "/api/v1/mcp/tools/search_events",
    "/api/v1/docker/containers",
    "/api/v1/containers",
    "/api/v1/api-keys",
    "/api/v1/config",
    "/api/v1/integrations",
    "/api/v1/integrations/mqtt/config",
    "/api/v1/integrations/mqtt/validate",
    "/api/v1/services",
    "/api/v1/services/data-api/status",
    "/api/v1/services/data-api/restart",
    "/api/v1/services/restart-all",
    "/api/v1/hygiene/issues",
    "/api/v1/hygiene/issues/k1/status",
    "/api/v1/hygiene/issues/k1/actions/apply",
    "/api/v1/evaluations",
    "/api/v1/evaluations/health",
    "/api/v1/evaluations/a1/history",
    "/api/v1/jobs/status",
    "/api/v1/jobs/consolidation/run",
    "/api/v1/automations",
    "/api/v1/automations/stats/overview",
    "/api/v1/automations/a1/executions",
    "/internal/automations/bulk_upsert",
    "/internal/automations/executions/bulk_upsert",
    "/api/devices/power-anomalies",
    "/api/devices/recommendations",
    "/api/devices/d1/efficiency",
    "/api/devices/d1/setup-guide",
    "/api/devices/d1/setup-issues",
    "/api/devices/d1/setup-complete",
    "/api/devices/d1/discover-capabilities",
];

#[tokio::test]
async fn what_is_not_built_answers_404_and_says_why_to_every_method() {
    let home = Home::new().await;
    for path in PATHS {
        for request in [home.get(path), home.post(path)] {
            let (status, body) = answer(request).await;
            let detail = body["detail"].as_str().unwrap_or_default();
            assert_eq!(status, 404, "{path}: {body}");
            assert!(
                detail.contains(" is not part of HomeIQ: "),
                "{path}: {body}"
            );
        }
    }
}

#[tokio::test]
async fn what_is_not_built_is_behind_the_key_as_everything_else() {
    let home = Home::new().await;
    let url = home.url.join("/api/v1/sports/teams").unwrap();
    assert_eq!(home.http.get(url).send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn what_never_was_is_a_bare_404() {
    let home = Home::new().await;
    let (status, body) = answer(home.get("/api/v1/nothing")).await;
    assert_eq!(
        (status, body),
        (404, serde_json::json!({"detail": "Not Found"}))
    );
}
