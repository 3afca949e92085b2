//! Who may call what: every operation of the document, with every kind of caller.

use common::clock::Clock;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::home::{Home, KEY, answer, now};

/// Operations for everybody. They tell counts, sizes and versions, no states.
const OPEN: [&str; 6] = [
    "/",
    "/live",
    "/ready",
    "/health",
    "/health/detailed",
    "/api/info",
];
const SCOPES: [&str; 3] = ["read", "ingest", "admin"];

/// An operation of the document, and the scope that it says it needs.
#[derive(Debug)]
pub(crate) struct Operation {
    method: Method,
    path: String,
    scope: String,
}

/// Guarded operations, from the document that the service serves; open ones must be those of [`OPEN`].
pub(crate) async fn operations(home: &Home) -> Vec<Operation> {
    let document = home.json("/openapi.json").await;
    let mut guarded = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Ok(method) = method.to_uppercase().parse::<Method>() else {
                continue;
            };
            match operation["security"][0]["key"][0].as_str() {
                None => assert!(
                    OPEN.contains(&path.as_str()),
                    "{method} {path} has no guard"
                ),
                Some(scope) => guarded.push(Operation {
                    method,
                    // No entity, device or key has this name or number.
                    path: path
                        .split('/')
                        .map(|part| {
                            if part.starts_with('{') {
                                "999999999"
                            } else {
                                part
                            }
                        })
                        .collect::<Vec<_>>()
                        .join("/"),
                    scope: scope.to_owned(),
                }),
            }
        }
    }
    assert!(guarded.len() > 20, "{} operations", guarded.len());
    guarded
}

pub(crate) fn ask(home: &Home, operation: &Operation) -> RequestBuilder {
    let url = home.url.join(&operation.path).unwrap();
    let request = home.http.request(operation.method.clone(), url);
    if operation.method == Method::POST {
        request.json(&json!([]))
    } else {
        request
    }
}

pub(crate) async fn make(home: &Home, wish: &Value) -> (i64, String) {
    let (status, made) = answer(home.post("/api/v1/keys").json(wish)).await;
    assert_eq!(status, 201, "{made}");
    (
        made["id"].as_i64().unwrap(),
        made["key"].as_str().unwrap().to_owned(),
    )
}

async fn unlimited() -> (Home, Clock) {
    Home::with_clock(&[("DATA_API_RATE_LIMIT_BURST", "100000")]).await
}

#[tokio::test]
async fn every_operation_of_the_document_refuses_who_has_no_valid_key_with_its_scope() {
    let (home, clock) = unlimited().await;
    let mut keys = Vec::new();
    for scope in SCOPES {
        keys.push((
            scope,
            make(&home, &json!({"name": scope, "scopes": [scope]}))
                .await
                .1,
        ));
    }
    let (id, revoked) = make(&home, &json!({"name": "revoked", "scopes": SCOPES})).await;
    let path = format!("/api/v1/keys/{id}");
    let delete = home.http.delete(home.url.join(&path).unwrap());
    assert_eq!(answer(delete.bearer_auth(KEY)).await.0, 204);
    let end = clock.now().plus_seconds(60);
    let wish = json!({"name": "expired", "scopes": SCOPES, "expires_at": end});
    let (_, expired) = make(&home, &wish).await;
    clock.set(end);

    for operation in operations(&home).await {
        let no_key = (401, json!({"detail": "Authentication required"}));
        assert_eq!(
            answer(ask(&home, &operation)).await,
            no_key,
            "{operation:?}"
        );
        for wrong in ["wrong", "", &revoked, &expired] {
            let refused = (401, json!({"detail": "Invalid or expired credentials"}));
            let request = ask(&home, &operation).bearer_auth(wrong);
            assert_eq!(answer(request).await, refused, "{operation:?}");
        }
        for (scope, key) in &keys {
            let request = ask(&home, &operation).header("x-api-key", key);
            let response = request.send().await.unwrap();
            let status = response.status().as_u16();
            if *scope == operation.scope {
                // The body of a stream has no end: who got past the guard is not asked for more.
                assert!(
                    !matches!(status, 401 | 403 | 429),
                    "{operation:?}: {status}"
                );
            } else {
                let told = response.text().await.unwrap();
                assert_eq!(status, 403, "{operation:?} with {scope}: {told}");
                assert!(
                    told.contains(&format!("needs a key with the scope '{}'", operation.scope)),
                    "{told}"
                );
            }
        }
        let status = ask(&home, &operation)
            .bearer_auth(KEY)
            .send()
            .await
            .unwrap()
            .status();
        assert!(
            !matches!(status.as_u16(), 401 | 403 | 429),
            "{operation:?}: {status}"
        );
    }
}

#[tokio::test]
async fn anonymous_callers_read_and_do_nothing_else() {
    let settings = [
        ("DATA_API_ALLOW_ANONYMOUS", "true"),
        ("DATA_API_RATE_LIMIT_BURST", "100000"),
    ];
    let home = Home::with(&settings).await;
    for operation in operations(&home).await {
        let status = ask(&home, &operation)
            .send()
            .await
            .unwrap()
            .status()
            .as_u16();
        if operation.scope == "read" {
            assert!(!matches!(status, 401 | 403), "{operation:?}: {status}");
        } else {
            assert_eq!(status, 401, "{operation:?}");
        }
        let wrong = ask(&home, &operation).bearer_auth("wrong");
        assert_eq!(answer(wrong).await.0, 401, "{operation:?}");
    }
}

#[tokio::test]
async fn the_key_is_shown_once_and_only_its_hash_is_kept() {
    let home = Home::new().await;
    let wish =
        json!({"name": " dashboard ", "scopes": ["read", "read"], "rate_limit_per_min": 600});
    let (id, key) = make(&home, &wish).await;
    assert!(key.starts_with("hiq_") && key.len() == 68, "{key}");
    let list = home.json("/api/v1/keys").await;
    assert_eq!(
        list,
        json!({"count": 1, "keys": [{"id": id, "name": "dashboard", "scopes": ["read"], "created_at": now(),
            "expires_at": null, "last_used": null, "revoked_at": null, "rate_limit_per_min": 600}]})
    );
    let url = home.url.join("/api/devices").unwrap();
    assert_eq!(answer(home.http.get(url).bearer_auth(&key)).await.0, 200);
    assert_eq!(
        home.json("/api/v1/keys").await["keys"][0]["last_used"],
        json!(now())
    );
    let folder = home.stop().await;
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            let key = key.as_bytes();
            assert!(
                !bytes.windows(key.len()).any(|part| part == key),
                "{}",
                path.display()
            );
        }
    }
    let home = Home::at(folder, &[]).await;
    let url = home.url.join("/api/devices").unwrap();
    assert_eq!(answer(home.http.get(url).bearer_auth(&key)).await.0, 200);
    assert_eq!(
        home.json("/api/v1/keys").await["keys"][0]["last_used"],
        json!(now())
    );
}

#[tokio::test]
async fn a_wish_that_makes_no_sense_is_refused_with_its_reason() {
    let home = Home::new().await;
    make(&home, &json!({"name": "a", "scopes": ["read"]})).await;
    for (wish, status) in [
        (json!({"name": "a", "scopes": ["ingest"]}), 409),
        (json!({"name": "", "scopes": ["read"]}), 422),
        (json!({"name": "x".repeat(101), "scopes": ["read"]}), 422),
        (json!({"name": "b\n", "scopes": ["read"]}), 201),
        (json!({"name": "b\nc", "scopes": ["read"]}), 422),
        (json!({"name": "c", "scopes": []}), 422),
        (json!({"name": "c", "scopes": ["everything"]}), 422),
        (json!({"name": "c"}), 422),
        (
            json!({"name": "c", "scopes": ["read"], "expires_at": "2020-01-01T00:00:00Z"}),
            422,
        ),
        (
            json!({"name": "c", "scopes": ["read"], "rate_limit_per_min": 0}),
            422,
        ),
        (
            json!({"name": "c", "scopes": ["read"], "scope": "admin"}),
            422,
        ),
    ] {
        let (told, body) = answer(home.post("/api/v1/keys").json(&wish)).await;
        assert_eq!(told, status, "{wish}: {body}");
    }
    let delete = home.http.delete(home.url.join("/api/v1/keys/77").unwrap());
    let (status, told) = answer(delete.bearer_auth(KEY)).await;
    assert_eq!(
        (status, &told),
        (404, &json!({"detail": "Key 77 not found"}))
    );
}

/// Runs the program beside the running service, on the same database.
fn program(home: &Home, arguments: &[&str]) -> (bool, String) {
    let done = std::process::Command::new(env!("CARGO_BIN_EXE_data-api"))
        .args(arguments)
        .env_clear()
        .env("DATABASE_URL", &home.folder.database)
        .output()
        .unwrap();
    let text = [done.stdout, done.stderr].concat();
    (done.status.success(), String::from_utf8(text).unwrap())
}

#[tokio::test]
async fn a_person_without_a_key_makes_and_revokes_one_beside_the_running_service() {
    let home = Home::new().await;
    let (done, told) = program(&home, &["keys", "add", "phone", "--scope", "read,ingest"]);
    assert!(done, "{told}");
    let key = told.trim().lines().last().unwrap().to_owned();
    let url = home.url.join("/api/devices").unwrap();
    // A moment ago the service read a table without it.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    assert_eq!(
        answer(home.http.get(url.clone()).bearer_auth(&key)).await.0,
        200
    );
    let (done, told) = program(&home, &["keys", "list"]);
    assert!(
        done && told.contains("1  phone  read,ingest  made "),
        "{told}"
    );
    assert!(!told.contains(&key), "{told}");
    let (done, told) = program(&home, &["keys", "add", "phone", "--scope", "read"]);
    assert!(!done && told.contains("'phone' is in use"), "{told}");
    let (done, told) = program(&home, &["keys", "revoke", "1"]);
    assert!(done, "{told}");
    let begun = std::time::Instant::now();
    while answer(home.http.get(url.clone()).bearer_auth(&key)).await.0 == 200 {
        assert!(begun.elapsed().as_secs() < 10, "still let in");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let (done, told) = program(&home, &["keys", "revoke", "1"]);
    assert!(
        !done && told.contains("no key in use has the number 1"),
        "{told}"
    );
}
