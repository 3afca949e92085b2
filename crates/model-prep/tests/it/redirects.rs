//! A hub keeps large files elsewhere, and sends on to there.

use crate::hub::Deed;
use crate::hub::Hub;
use crate::place::{CONFIG, CONFIG_BYTES, Place, WEIGHTS, digest, hub, weights};

const TOKEN: &str = "hf_hidden";

/// The hub, and the other host that has the weights.
async fn two() -> (Hub, Hub) {
    let elsewhere = Hub::start(&[("blob", &weights())]).await;
    let hub = hub().await;
    let url = format!("{}/bucket/blob?Signature=signed", elsewhere.url);
    hub.redirects_to(url, weights().len() as u64, &digest(&weights()));
    (hub, elsewhere)
}

#[tokio::test]
async fn the_token_goes_to_the_source_and_to_no_other_host() {
    let (hub, elsewhere) = two().await;
    let place = Place::pinned(&hub).with_token(TOKEN);
    place.prepare().await.unwrap();
    assert_eq!(place.read(), Some(weights()));
    let bearer = format!("Bearer {TOKEN}");
    assert_eq!(hub.asked().len(), 2);
    for asked in hub.asked() {
        assert_eq!(asked.authorization.as_deref(), Some(bearer.as_str()));
    }
    let there = elsewhere.asked();
    assert_eq!(there.len(), 1);
    assert_eq!(there[0].authorization, None);
}

#[tokio::test]
async fn a_range_is_asked_for_where_the_bytes_are() {
    let (hub, elsewhere) = two().await;
    let place = Place::unpinned(&hub);
    // An address that is signed for a time may have become too old: the hub gives a new one.
    elsewhere.will([Deed::Cut(200_000), Deed::Status(403, None)]);
    place.prepare().await.unwrap();
    assert_eq!(place.read(), Some(weights()));
    assert_eq!(hub.asked_for(WEIGHTS).len(), 3);
    let last = elsewhere.asked().pop().unwrap();
    assert_eq!(last.range.as_deref(), Some("bytes=200000-"));
}

#[tokio::test]
async fn the_digest_that_the_hub_advertises_counts_where_none_is_known() {
    let (hub, elsewhere) = two().await;
    let place = Place::unpinned(&hub);
    elsewhere.will([Deed::Garble, Deed::Garble]);
    let told = place.fail().await;
    assert!(told.contains(&digest(&weights())), "{told}");
    assert!(!told.contains("signed"), "{told}");
}

#[tokio::test]
async fn a_hub_that_advertises_other_bytes_or_another_size_is_not_asked_for_them() {
    let (hub, elsewhere) = two().await;
    let url = format!("{}/blob", elsewhere.url);
    let size = weights().len() as u64;
    hub.redirects_to(url.clone(), size, &"0".repeat(64));
    let told = Place::pinned(&hub).fail().await;
    assert!(told.contains("other bytes"), "{told}");
    hub.redirects_to(url, size + 1, &digest(&weights()));
    let told = Place::pinned(&hub).fail().await;
    assert!(told.contains("300001 bytes"), "{told}");
    assert_eq!(elsewhere.asked().len(), 0);
}

#[tokio::test]
async fn a_redirect_in_a_circle_ends() {
    let hub = Hub::start(&[(WEIGHTS, &weights()), (CONFIG, CONFIG_BYTES)]).await;
    hub.redirects_to(format!("/again/{WEIGHTS}"), 300_000, "");
    let told = Place::pinned(&hub).fail().await;
    assert!(told.contains("one redirect after the other"), "{told}");
    assert!(hub.asked_for(WEIGHTS).len() < 10);
}
