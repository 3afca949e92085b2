//! The local library of shared patterns.

use serde_json::json;

use crate::house::{House, post};

#[tokio::test]
async fn the_library_keeps_what_is_shared_and_how_it_is_rated() {
    let house = House::new().await;
    let service = house.service(&[]).await;
    let submit = "/api/v1/community/patterns/submit";
    let new = json!({"pattern_type": "pair", "device_id": "binary_sensor.door+light.hall",
        "pattern_metadata": {"delay_s": 9}, "description": "The hall light follows the door.", "tags": ["hall", "light"]});
    let (status, body) = post(&service, submit, new.clone()).await;
    assert_eq!(
        (status, &body["data"]["status"]),
        (201, &json!("approved")),
        "{body}"
    );
    let id = body["data"]["pattern_id"].as_str().unwrap().to_owned();
    let mut other = new.clone();
    other["pattern_type"] = json!("time_of_day");
    other["tags"] = json!(["morning"]);
    assert_eq!(post(&service, submit, other).await.0, 201);
    for wrong in [json!({"pattern_type": "pair"}), {
        let mut short = new.clone();
        short["description"] = json!("short");
        short
    }] {
        assert_eq!(post(&service, submit, wrong).await.0, 422);
    }

    let rate = format!("/api/v1/community/patterns/{id}/rate");
    assert_eq!(
        post(&service, &rate, json!({"rating": 5, "comment": "good"}))
            .await
            .0,
        201
    );
    let (status, body) = post(&service, &rate, json!({"rating": 2})).await;
    assert_eq!(
        (
            status,
            &body["data"]["updated_average"],
            &body["data"]["total_ratings"]
        ),
        (201, &json!(3.5), &json!(2)),
        "{body}"
    );
    assert_eq!(post(&service, &rate, json!({"rating": 0})).await.0, 422);
    assert_eq!(
        post(
            &service,
            "/api/v1/community/patterns/none/rate",
            json!({"rating": 1})
        )
        .await
        .0,
        404
    );

    let one = service
        .get(&format!("/api/v1/community/patterns/{id}"))
        .await["data"]
        .clone();
    assert_eq!(
        (&one["rating_avg"], &one["pattern_metadata"]),
        (&json!(3.5), &json!({"delay_s": 9}))
    );
    let ratings = service
        .get(&format!("/api/v1/community/patterns/{id}/ratings?limit=1"))
        .await["data"]
        .clone();
    assert_eq!(
        (
            &ratings["count"],
            &ratings["total"],
            &ratings["ratings"][0]["rating"]
        ),
        (&json!(1), &json!(2), &json!(2))
    );
    for (query, total) in [
        ("", 2),
        ("pattern_type=pair", 1),
        ("tags=morning,evening", 1),
        ("min_rating=3.6", 0),
        ("order_by=recent", 2),
    ] {
        let list = service
            .get(&format!("/api/v1/community/patterns/list?{query}"))
            .await;
        assert_eq!(list["data"]["total"], total, "{query}: {list}");
    }
    let list = service.get("/api/v1/community/patterns/list?limit=1").await["data"].clone();
    assert_eq!(
        (&list["count"], &list["patterns"][0]["id"]),
        (&json!(1), &json!(id)),
        "best first"
    );
    service.stop().await;
    house.data_api.stop().await;
}
