//! Search by meaning, with the real weights: they come late, they are damaged, they are right.

use std::path::Path;
use std::time::Duration;

use common::clock::Clock;
use data_api_client::registry::Registry;
use models::{Cache, Manifest, Model};
use serde_json::{Value, json};
use test_support::{eventually, minilm};

use crate::house::{House, Running};
use crate::search::{ask, ids};

/// An unoptimised build on a busy machine reads the weights.
const PATIENCE: Duration = Duration::from_secs(120);

fn model() -> Model {
    let manifest = Manifest::shipped();
    manifest.get("all-MiniLM-L6-v2").expect("known").clone()
}

/// Puts the real model where the service looks for it.
fn provide(home: &Path) {
    let folder = Cache::at(home.join("hub")).folder(&model());
    std::fs::create_dir_all(folder.parent().expect("a parent")).expect("a folder");
    let weights = minilm::folder().expect("the real weights");
    std::os::unix::fs::symlink(weights, folder).expect("a link");
}

async fn furnished() -> House {
    let house = House::new().await;
    house
        .know(
            Registry::Entities,
            json!([
                {"entity_id": "media_player.radio", "name": "Kitchen radio", "platform": "cast", "id": "r1"},
                {"entity_id": "light.desk", "name": "Desk lamp", "platform": "zha", "id": "r2"},
                {"entity_id": "sensor.leak", "name": "Laundry leak", "platform": "zha", "id": "r3"},
            ]),
        )
        .await;
    house
}

async fn until_it_is_on(service: &Running, question: &str) -> Value {
    eventually("the model", PATIENCE, async || {
        let found = ask(service, &[("q", question)]).await;
        (found["semantic"] == "on").then_some(found)
    })
    .await
    .expect("it is read")
}

#[tokio::test]
async fn a_model_that_comes_later_is_used_without_a_restart() {
    let house = furnished().await;
    let home = house.folder.path().join("models");
    let settings = [("HF_HOME", home.to_str().expect("a path"))];
    let service = house.service(&settings).await;
    assert_eq!(service.get("/health").await["semantic"], "off (no model)");
    let question = "music at breakfast";
    let found = ask(&service, &[("q", question)]).await;
    assert_eq!(found["semantic"], "off (no model)");
    assert!(ids(&found).is_empty(), "no word of it is in a name");
    provide(&home);
    assert_eq!(service.get("/health").await["semantic"], "ready");
    let found = until_it_is_on(&service, question).await;
    let hit = &found["results"][0];
    assert_eq!(hit["id"], "media_player.radio", "{found}");
    assert_eq!(hit["found_by"]["keywords"], Value::Null, "{found}");
    assert_eq!(hit["found_by"]["meaning"]["place"], 1, "{found}");
    assert!(
        hit["found_by"]["meaning"]["similarity"]
            .as_f64()
            .expect("a number")
            > 0.3,
        "{found}"
    );
    assert_eq!(service.get("/health").await["semantic"], "on");
    // Both halves find it: their places add up.
    let found = ask(&service, &[("q", "radio music")]).await;
    let hit = &found["results"][0];
    assert_eq!(hit["id"], "media_player.radio");
    assert!(
        hit["found_by"]["keywords"].is_object() && hit["found_by"]["meaning"].is_object(),
        "{found}"
    );
    assert!(hit["score"].as_f64().expect("a number") > 0.032, "{found}");
    // A kind is kept to, and nonsense means nothing.
    let areas = ask(&service, &[("q", question), ("kind", "area")]).await;
    assert!(ids(&areas).is_empty());
    let nonsense = ask(&service, &[("q", "zzz qqq xkcd")]).await;
    assert!(ids(&nonsense).is_empty(), "{nonsense}");
    service.stop().await;
    house.data_api.stop().await;
}

#[tokio::test]
async fn what_is_renamed_is_found_by_what_it_means_now() {
    let house = furnished().await;
    let home = house.folder.path().join("models");
    provide(&home);
    let settings = [("HF_HOME", home.to_str().expect("a path"))];
    let clock = Clock::ahead(0);
    let data_api = format!("http://{}", house.data_api.address);
    let service = house.service_by(clock.clone(), &data_api, &settings).await;
    until_it_is_on(&service, "music").await;
    let renamed = json!([{"entity_id": "light.desk", "name": "Washing machine", "platform": "zha", "id": "r2"}]);
    house.know(Registry::Entities, renamed).await;
    clock.set(clock.now().plus_seconds(61));
    eventually("the new name", PATIENCE, async || {
        let found = ask(&service, &[("q", "dirty clothes")]).await;
        (ids(&found) == ["entity:light.desk"]).then_some(())
    })
    .await
    .expect("it is encoded anew");
    service.stop().await;
    house.data_api.stop().await;
}

#[tokio::test]
async fn a_damaged_model_is_said_and_keywords_go_on() {
    let house = furnished().await;
    let home = house.folder.path().join("models");
    let cache = Cache::at(home.join("hub"));
    let (model, weights) = (model(), minilm::folder().expect("the real weights"));
    for file in &model.files {
        let path = cache.file(&model, file);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        if file.path == "model.safetensors" {
            // As long as it should be, and nothing in it.
            let made = std::fs::File::create(&path).expect("a file");
            made.set_len(file.size).expect("its length");
        } else {
            std::fs::copy(weights.join(&file.path), &path).expect("a copy");
        }
    }
    let settings = [("HF_HOME", home.to_str().expect("a path"))];
    let clock = Clock::ahead(0);
    let data_api = format!("http://{}", house.data_api.address);
    let service = house.service_by(clock.clone(), &data_api, &settings).await;
    let semantic = eventually("a word about it", PATIENCE, async || {
        let found = ask(&service, &[("q", "radio")]).await;
        assert_eq!(ids(&found), ["entity:media_player.radio"]);
        let semantic = found["semantic"].as_str()?.to_owned();
        semantic.starts_with("off (").then_some(semantic)
    })
    .await
    .expect("it is said");
    assert!(
        semantic.contains("model.safetensors is damaged"),
        "{semantic}"
    );
    let health = service.get("/health").await;
    assert_eq!(
        (&health["status"], &health["semantic"]),
        (&json!("ok"), &json!(semantic))
    );
    std::fs::remove_dir_all(cache.folder(&model)).expect("removed");
    provide(&home);
    clock.set(clock.now().plus_seconds(61));
    until_it_is_on(&service, "radio").await;
    service.stop().await;
    house.data_api.stop().await;
}
