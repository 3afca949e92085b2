//! What the replaced service had and HomeIQ does not says so.

use reqwest::Method;

use crate::home::{Home, KEY, answer};

const NOT_BUILT: &str = " is not part of HomeIQ: ";

/// Rows of the table of docs/COMPATIBILITY.md that lists every path: method and path, and the state.
fn table() -> Vec<(Method, String, String)> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/COMPATIBILITY.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, section) = page
        .split_once("### Every path of the replaced data-api")
        .unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let mut rows = Vec::new();
    for line in section.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.split(" | ").collect();
        let state = cells[1].to_owned();
        for code in cells[0].split('`').skip(1).step_by(2) {
            if let Some((method, path)) = code.split_once(' ') {
                let method = method.parse().unwrap();
                rows.push((method, filled(path), state.clone()));
            }
        }
    }
    rows
}

/// A path with an `x` wherever a name belongs.
fn filled(path: &str) -> String {
    let parts = path.split('/').map(|part| {
        if part.starts_with('{') || part == "…" {
            "x"
        } else {
            part
        }
    });
    parts.collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn every_path_of_the_replaced_service_is_in_the_state_that_the_documentation_says() {
    let home = Home::new().await;
    let table = table();
    assert!(table.len() > 120, "{} paths", table.len());
    for (method, path, state) in table {
        let url = home.url.join(&path).unwrap();
        let request = home.http.request(method.clone(), url).bearer_auth(KEY);
        let (status, body) = answer(request).await;
        let told = format!("{method} {path}, {state}: {status} {body}");
        let detail = body["detail"].as_str().unwrap_or_default();
        let is_built = status != 405 && detail != "Not Found" && !detail.contains(NOT_BUILT);
        match state.as_str() {
            "there" | "differs" => assert!(is_built && status < 500, "{told}"),
            "not built" => assert!(status == 404 && detail.contains(NOT_BUILT), "{told}"),
            "not yet" => {}
            _ => panic!("{told}"),
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
