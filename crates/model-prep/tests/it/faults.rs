//! A source that cuts, stalls, lies, refuses and changes its mind.

use std::time::Duration;

use crate::hub::Deed;
use crate::place::{CONFIG, Place, WEIGHTS, digest, hub, weights};

const WHOLE: u64 = 300_000 + 18;

#[tokio::test]
async fn a_model_comes_once_and_nothing_is_asked_for_what_is_there() {
    let hub = hub().await;
    let place = Place::pinned(&hub);
    assert_eq!(place.prepare().await.unwrap(), WHOLE);
    assert_eq!(place.read(), Some(weights()));
    assert_eq!(hub.asked().len(), 2);
    assert!(!place.partial().parent().unwrap().exists(), "it is tidy");
    drop(hub);
    assert_eq!(place.prepare().await.unwrap(), 0, "without any connection");
}

#[tokio::test]
async fn a_cut_and_a_stall_are_gone_on_from_where_they_were() {
    let hub = hub().await;
    let place = Place::pinned(&hub);
    hub.will([Deed::Cut(100_000), Deed::Stall(50_000)]);
    assert_eq!(place.prepare().await.unwrap(), WHOLE);
    assert_eq!(place.read(), Some(weights()));
    let asked = hub.asked_for(WEIGHTS);
    let ranges: Vec<_> = asked.iter().map(|asked| asked.range.as_deref()).collect();
    assert_eq!(ranges, [None, Some("bytes=100000-"), Some("bytes=150000-")]);
    assert!(asked[1].if_range.is_some() && asked[2].if_range.is_some());
}

#[tokio::test]
async fn a_later_start_goes_on_from_where_an_earlier_one_gave_up() {
    let hub = hub().await;
    let place = Place::pinned(&hub);
    hub.will([Deed::Cut(120_000)]);
    hub.will(std::iter::repeat_n(Deed::Status(500, None), 3));
    let told = place.fail().await;
    assert!(
        told.contains("500") && told.contains("given up after 3 attempts, what has come is kept"),
        "{told}"
    );
    assert_eq!(place.read(), None, "nothing that is not whole is in place");
    assert_eq!(place.prepare().await.unwrap(), WHOLE - 18 - 120_000);
    let last = hub.asked_for(WEIGHTS).pop().unwrap();
    assert_eq!(last.range.as_deref(), Some("bytes=120000-"));
    assert_eq!(place.read(), Some(weights()));
}

/// Two halves of two versions would have the right length.
#[tokio::test]
async fn a_file_that_changes_between_two_ranges_is_not_put_together() {
    let hub = hub().await;
    let place = Place::unpinned(&hub);
    let other: Vec<u8> = weights().iter().map(|byte| !byte).collect();
    hub.will([Deed::Cut(100_000), Deed::Change(other.clone().into())]);
    place.prepare().await.unwrap();
    assert_eq!(place.read(), Some(other));
    assert_eq!(hub.asked_for(WEIGHTS).len(), 2);
}

#[tokio::test]
async fn without_tags_and_without_a_digest_a_file_begins_anew() {
    let hub = hub().await;
    hub.has_no_tags();
    let place = Place::unpinned(&hub);
    hub.will([Deed::Cut(100_000)]);
    place.prepare().await.unwrap();
    assert_eq!(place.read(), Some(weights()));
    let asked = hub.asked_for(WEIGHTS);
    assert!(asked.iter().all(|asked| asked.range.is_none()), "{asked:?}");
}

#[tokio::test]
async fn without_tags_a_known_digest_is_enough_to_go_on() {
    let hub = hub().await;
    hub.has_no_tags();
    let place = Place::pinned(&hub);
    hub.will([Deed::Cut(100_000)]);
    place.prepare().await.unwrap();
    assert_eq!(place.read(), Some(weights()));
    let last = hub.asked_for(WEIGHTS).pop().unwrap();
    assert_eq!(last.range.as_deref(), Some("bytes=100000-"));
}

#[tokio::test]
async fn wrong_bytes_are_fetched_once_more_and_then_refused() {
    let hub = hub().await;
    let place = Place::pinned(&hub);
    hub.will([Deed::Garble]);
    place.prepare().await.unwrap();
    assert_eq!(place.read(), Some(weights()));

    let place = Place::pinned(&hub);
    hub.will([Deed::Garble, Deed::Garble]);
    let told = place.fail().await;
    let wanted = digest(&weights());
    assert!(
        told.contains(&wanted) && told.contains("other bytes"),
        "{told}"
    );
    assert_eq!(place.read(), None);
    assert!(!place.partial().exists(), "and it is not gone on from");
}

#[tokio::test]
async fn a_length_that_is_a_lie_is_told_whichever_way_it_lies() {
    let hub = hub().await;
    let place = Place::pinned(&hub);
    hub.will([Deed::SayLonger(5)]);
    let told = place.fail().await;
    assert!(told.contains("300005 bytes"), "{told}");
    hub.will([Deed::SendMore(1_000)]);
    let told = place.fail().await;
    assert!(told.contains("the list of models says 300000"), "{told}");
    assert!(!place.partial().exists());
    place.prepare().await.unwrap();
    assert_eq!(place.read(), Some(weights()));
}

#[tokio::test]
async fn what_will_not_get_better_is_not_asked_for_again() {
    for (status, words) in [
        (404, "is not there (404)"),
        (401, "it wants a token; set HF_TOKEN"),
        (403, "it wants a token; set HF_TOKEN"),
        (451, "answered 451"),
    ] {
        let hub = hub().await;
        let place = Place::pinned(&hub);
        hub.will([Deed::Status(status, None)]);
        let told = place.fail().await;
        assert!(told.contains(words) && told.contains(WEIGHTS), "{told}");
        assert_eq!(hub.asked_for(WEIGHTS).len(), 1, "{status}");
    }
}

#[tokio::test]
async fn what_may_get_better_is() {
    let hub = hub().await;
    let place = Place::pinned(&hub);
    hub.will([Deed::Status(503, None), Deed::Status(429, None)]);
    place.prepare().await.unwrap();
    // Bytes that come make up for attempts that brought none.
    let place = Place::pinned(&hub);
    for _ in 0..3 {
        hub.will([Deed::Status(502, None), Deed::Cut(50_000)]);
    }
    place.prepare().await.unwrap();
    assert_eq!(place.read(), Some(weights()));
}

#[tokio::test]
async fn the_wait_that_a_source_asks_for_is_kept_and_one_without_end_is_not() {
    let hub = hub().await;
    let place = Place::pinned(&hub);
    let wait = |seconds: &str| Some(("retry-after", seconds.to_owned()));
    hub.will([Deed::Status(429, wait("1"))]);
    let started = std::time::Instant::now();
    place.prepare().await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(1));
    let place = Place::pinned(&hub);
    hub.will([Deed::Status(429, wait("86400"))]);
    let told = place.fail().await;
    assert!(told.contains("come back in 86400 s"), "{told}");
}

#[tokio::test]
async fn a_source_that_is_not_there_is_told_after_a_few_attempts() {
    let place = Place::new("http://127.0.0.1:1", None);
    let told = place.fail().await;
    assert!(
        told.contains("Connection refused") && told.contains(CONFIG) && told.contains("3 attempts"),
        "{told}"
    );
}
