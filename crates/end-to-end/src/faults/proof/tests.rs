use std::collections::BTreeMap;

use common::instant::UtcMicros;
use serde_json::json;
use serde_json::value::to_raw_value;

use super::*;

fn fired(at: i64, state: Option<&str>) -> Expected {
    Expected {
        entity_id: "light.a".to_owned(),
        at,
        state: state.map(str::to_owned),
        last_changed: at,
        attributes: json!({"brightness": 7}),
        recorded_attributes: json!({}),
        context: [Some("C1".to_owned()), None, None],
        duty: Duty::Must,
    }
}

/// The event as it should be served, after one with this state.
fn served(change: &Expected, previous: Option<&str>, origin: Origin) -> Event {
    let live = origin == Origin::Live;
    let attributes = if live {
        &change.attributes
    } else {
        &change.recorded_attributes
    };
    Event {
        id: change.id(),
        timestamp: UtcMicros::new(change.at).unwrap(),
        entity_id: change.entity_id.clone(),
        event_type: "state_changed".to_owned(),
        old_state: None,
        new_state: None,
        attributes: to_raw_value(attributes).unwrap(),
        tags: BTreeMap::new(),
        state: change.state.clone(),
        previous_state: previous.map(str::to_owned),
        device_id: None,
        area_id: None,
        domain: "light".to_owned(),
        context_id: live.then(|| "C1".to_owned()),
        context_parent_id: None,
        context_user_id: None,
        duration_in_state: None,
        friendly_name: None,
        origin,
        startup: false,
    }
}

fn prove(expected: &[Expected], events: &[Event]) -> Proof {
    let mut comparison = Comparison::new(expected);
    for event in events {
        comparison.take(event);
    }
    comparison.finish()
}

#[test]
fn what_is_served_as_it_was_fired_holds_live_or_from_history() {
    let all = [fired(1, Some("on")), fired(2, None), fired(3, Some("on"))];
    let events = [
        served(&all[2], None, Origin::Live),
        served(&all[1], Some("on"), Origin::Backfill),
        served(&all[0], None, Origin::Live),
    ];
    let proof = prove(&all, &events);
    assert!(proof.holds(), "{proof:?}");
    assert_eq!((proof.live, proof.backfilled, proof.excused), (2, 1, 0));
}

#[test]
fn every_kind_of_fault_is_found() {
    let all = [fired(1, Some("on")), fired(2, Some("off"))];
    let (one, two) = (
        served(&all[0], None, Origin::Live),
        served(&all[1], Some("on"), Origin::Live),
    );
    assert_eq!(
        prove(&all, std::slice::from_ref(&two)).missing,
        [("light.a@1 Some(\"on\")".to_owned(), 1)]
    );
    let twice = prove(&all, &[two.clone(), two.clone(), one.clone()]);
    assert_eq!(twice.twice, ["light.a@2"]);
    let backwards = prove(&all, &[one.clone(), two.clone()]);
    assert!(!backwards.disordered.is_empty() && backwards.is_final());
    let unknown = prove(&all[..1], &[two.clone(), one.clone()]);
    assert_eq!(unknown.unknown, ["light.a@2"]);

    let mut state = two.clone();
    state.state = Some("dim".to_owned());
    let mut context = two.clone();
    context.context_id = None;
    let mut attributes = two.clone();
    attributes.attributes = to_raw_value(&json!({})).unwrap();
    let mut previous = two.clone();
    previous.previous_state = Some("dim".to_owned());
    for (what, wrong) in [
        ("state", state),
        ("context", context),
        ("attributes", attributes),
        ("previous_state", previous),
    ] {
        let proof = prove(&all, &[wrong, one.clone()]);
        assert!(proof.different[0].contains(what), "{what}: {proof:?}");
        assert!(!proof.holds());
    }
}

#[test]
fn only_what_nobody_could_have_is_excused() {
    let mut lost = fired(2, Some("off"));
    lost.duty = Duty::May;
    let all = [fired(1, Some("on")), lost];
    let one = served(&all[0], None, Origin::Live);
    let proof = prove(&all, std::slice::from_ref(&one));
    assert!(proof.holds() && proof.excused == 1, "{proof:?}");
    let both = [served(&all[1], Some("on"), Origin::Live), one];
    assert_eq!(prove(&all, &both).excused, 0);
}
