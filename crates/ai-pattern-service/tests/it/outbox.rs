//! What waits for a broker, in the tables.

use std::collections::BTreeMap;

use ai_pattern_service::store::{
    MAX_WAITING, NewMessage, News, Receipt, Store, WaitingMessage, WaitingState,
};

use crate::store::{at, open, reopen};

const DAY: i64 = 86_400;

pub(crate) fn found(id: &str) -> NewMessage {
    NewMessage {
        pattern_id: Some(id.to_owned()),
        ..told(id)
    }
}

fn told(payload: &str) -> NewMessage {
    NewMessage {
        topic: "homeiq/patterns/event".to_owned(),
        payload: payload.to_owned(),
        pattern_id: None,
        expires: true,
    }
}

async fn waiting(store: &Store) -> Vec<WaitingMessage> {
    store.waiting(0, u32::MAX).await.expect("messages")
}

fn payloads(messages: &[WaitingMessage]) -> Vec<&str> {
    messages.iter().map(|m| m.payload.as_str()).collect()
}

fn receipt(message: &WaitingMessage) -> Receipt {
    Receipt::Message {
        number: message.number,
        pattern_id: message.pattern_id.clone(),
    }
}

fn states(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|&(topic, payload)| (topic.to_owned(), payload.to_owned()))
        .collect()
}

fn state_receipt(state: &WaitingState) -> Receipt {
    Receipt::State {
        topic: state.topic.clone(),
        version: state.version,
    }
}

#[tokio::test]
async fn messages_wait_in_their_order_until_they_are_acknowledged_and_survive_a_restart() {
    let (place, store) = open().await;
    let posted = [told("1"), told("2"), told("3")];
    store.post(&posted, at(1000)).await.unwrap();
    store.close().await;
    let store = reopen(&place).await;
    let all = waiting(&store).await;
    assert_eq!(payloads(&all), ["1", "2", "3"]);
    assert_eq!(all[0].expires_at, Some(at(1000 + DAY)));
    let rest = store.waiting(all[0].number, 1).await.unwrap();
    assert_eq!(payloads(&rest), ["2"], "from a place on, so many");
    store.arrived(&[receipt(&all[1])], at(1001)).await.unwrap();
    assert_eq!(payloads(&waiting(&store).await), ["1", "3"]);
    // A number is not used again, or a late acknowledgement would take out another message.
    let rest = waiting(&store).await;
    let receipts: Vec<Receipt> = rest.iter().map(receipt).collect();
    store.arrived(&receipts, at(1002)).await.unwrap();
    store.post(&[told("4")], at(1003)).await.unwrap();
    store.arrived(&receipts, at(1004)).await.unwrap();
    assert_eq!(payloads(&waiting(&store).await), ["4"]);
}

#[tokio::test]
async fn a_habit_waits_once_and_is_told_with_the_acknowledgement() {
    let (_place, store) = open().await;
    let habit = crate::store::habit("a", 0.7);
    let run = crate::store::run(1000, 30);
    let lines = [(&habit, News::New)];
    store.keep_run(&lines, &run, &[found("a")]).await.unwrap();
    store
        .post(&[found("a"), found("b")], at(1001))
        .await
        .unwrap();
    let all = waiting(&store).await;
    assert_eq!(payloads(&all), ["a", "b"]);
    assert!(!store.known().await.unwrap()[0].told);
    store.arrived(&[receipt(&all[0])], at(1002)).await.unwrap();
    assert!(store.known().await.unwrap()[0].told);
    assert_eq!(store.untold(10).await.unwrap(), []);
}

#[tokio::test]
async fn what_is_too_old_or_too_much_goes_and_what_must_not_expire_stays() {
    let (_place, store) = open().await;
    let lasting = NewMessage {
        expires: false,
        ..told("lasting")
    };
    store.post(&[lasting, told("old")], at(1000)).await.unwrap();
    store.expire(at(999 + DAY)).await.unwrap();
    assert_eq!(payloads(&waiting(&store).await), ["lasting", "old"]);
    store.expire(at(1000 + DAY)).await.unwrap();
    assert_eq!(payloads(&waiting(&store).await), ["lasting"]);
    let many: Vec<NewMessage> = (0..MAX_WAITING + 2).map(|n| told(&n.to_string())).collect();
    store.post(&many, at(2000 + DAY)).await.unwrap();
    let all = waiting(&store).await;
    assert_eq!(all.len(), MAX_WAITING as usize + 1);
    assert_eq!(payloads(&all)[..2], ["lasting", "2"]);
}

#[tokio::test]
async fn of_a_state_only_the_newest_counts() {
    let (_place, store) = open().await;
    let now = at(1000);
    let set = async |pairs: &[(&str, &str)]| {
        store
            .set_states("f", &states(pairs), &[], now)
            .await
            .unwrap()
    };
    assert!(set(&[("a", "1"), ("b", "1")]).await);
    assert!(!set(&[("a", "1"), ("b", "1")]).await, "nothing differs");
    let first = store.waiting_states(10).await.unwrap();
    assert_eq!(first.len(), 2);
    assert!(set(&[("a", "2"), ("b", "1")]).await);
    let receipts: Vec<Receipt> = first.iter().map(state_receipt).collect();
    store.arrived(&receipts, now).await.unwrap();
    let left = store.waiting_states(10).await.unwrap();
    assert_eq!(
        left.iter()
            .map(|s| (s.topic.as_str(), s.payload.as_str()))
            .collect::<Vec<_>>(),
        [("a", "2")],
        "an older payload was acknowledged, not this one"
    );
    store
        .arrived(&[state_receipt(&left[0])], now)
        .await
        .unwrap();
    assert_eq!(store.waiting_states(10).await.unwrap(), []);
    store.tell_states_again().await.unwrap();
    assert_eq!(store.waiting_states(10).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_topic_that_is_no_longer_wanted_is_cleared_once() {
    let (_place, store) = open().await;
    let now = at(1000);
    let acknowledge_all = async || {
        let all = store.waiting_states(10).await.unwrap();
        let receipts: Vec<Receipt> = all.iter().map(state_receipt).collect();
        store.arrived(&receipts, now).await.unwrap();
        all
    };
    let other = states(&[("c", "1")]);
    store.set_states("other", &other, &[], now).await.unwrap();
    store
        .set_states("f", &states(&[("a", "1"), ("b", "1")]), &[], now)
        .await
        .unwrap();
    acknowledge_all().await;
    let with = [told("with it")];
    store
        .set_states("f", &states(&[("b", "1")]), &with, now)
        .await
        .unwrap();
    assert_eq!(payloads(&waiting(&store).await), ["with it"]);
    let cleared = acknowledge_all().await;
    assert_eq!(cleared.len(), 1);
    assert_eq!(
        (cleared[0].topic.as_str(), cleared[0].payload.as_str()),
        ("a", "")
    );
    store.tell_states_again().await.unwrap();
    let kept = acknowledge_all().await;
    assert_eq!(
        kept.len(),
        2,
        "nothing is left of what was cleared: {kept:?}"
    );
    assert_eq!(store.states("f").await.unwrap(), states(&[("b", "1")]));
}

#[tokio::test]
async fn the_id_of_the_installation_and_the_switch_survive_a_restart() {
    let (place, store) = open().await;
    let id = store.install_id().await.unwrap();
    assert_eq!(id.len(), 16);
    assert!(store.notifications().await.unwrap());
    store.set_notifications(false).await.unwrap();
    store.close().await;
    let store = reopen(&place).await;
    assert_eq!(store.install_id().await.unwrap(), id);
    assert!(!store.notifications().await.unwrap());
    store.set_notifications(true).await.unwrap();
    assert!(store.notifications().await.unwrap());
    let (_other_place, other) = open().await;
    assert_ne!(other.install_id().await.unwrap(), id);
}
