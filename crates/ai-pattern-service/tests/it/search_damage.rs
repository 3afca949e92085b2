//! What the search does when its list of words, which SQLite keeps in tables of its own, is not what it should be.

use serde_json::json;
use sqlx::{Connection, SqliteConnection};

use crate::house::House;
use crate::search::{ask, ids};

#[tokio::test]
async fn a_damaged_list_of_words_is_made_anew_by_the_next_search() {
    let house = House::new().await;
    let rows =
        json!([{"entity_id": "light.bedside", "name": "Bedside", "platform": "zha", "id": "r1"}]);
    house
        .know(data_api_client::registry::Registry::Entities, rows)
        .await;
    let service = house.service(&[]).await;
    let before = ids(&ask(&service, &[("q", "bedside")]).await);
    assert_eq!(before, ["entity:light.bedside"]);
    let mut file = SqliteConnection::connect(&house.folder.database)
        .await
        .unwrap();
    // The pages that its index names are gone.
    let damage = "DELETE FROM search_words_data WHERE id > 10";
    let done = sqlx::query(damage).execute(&mut file).await.unwrap();
    assert!(done.rows_affected() > 0);
    file.close().await.unwrap();
    assert_eq!(ids(&ask(&service, &[("q", "bedside")]).await), before);
    service.stop().await;
    house.data_api.stop().await;
}
