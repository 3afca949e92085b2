use super::*;
use crate::evidence::{Evidence, MAX_CHANGES_PER_DAY, Series};
use crate::mine::Settings;

const DAY: i64 = 86_400_000_000;
const MINUTE: i64 = 60_000_000;

struct Home(Timeline);

impl Home {
    fn new() -> Self {
        Self(Timeline::new(TimeZone::UTC))
    }

    fn change(&mut self, id: &str, at: i64, state: &str) -> &mut Self {
        self.detailed(id, at, state, |_| ())
    }

    fn detailed(
        &mut self,
        id: &str,
        at: i64,
        state: &str,
        more: impl Fn(&mut Change<'_>),
    ) -> &mut Self {
        let entity = self.0.entity(&id.parse().unwrap());
        let mut change = Change {
            entity,
            at: UtcMicros::new(at).unwrap(),
            state: Some(state),
            previous: None,
            startup: false,
            context_id: None,
            context_parent_id: None,
        };
        more(&mut change);
        self.0.push(&change);
        self
    }

    fn evidence(self) -> Evidence {
        let evidence = Evidence::new(&self.0, &Settings::default(), &crate::Stop::default());
        assert_eq!(
            evidence.seen,
            evidence.kept + evidence.left_out.total(),
            "every change is accounted for"
        );
        evidence
    }
}

/// The states that are evidence, as `entity=state@minute`.
fn kept(evidence: &Evidence) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for series in &evidence.series {
        all.extend(series.moments.iter().map(|m| {
            format!(
                "{}={}@{}",
                evidence.facts[series.entity].id,
                series.state,
                m.at / MINUTE
            )
        }));
    }
    all.sort();
    all
}

#[test]
fn the_first_sight_of_an_entity_is_not_something_that_happened() {
    let mut home = Home::new();
    home.change("light.a", MINUTE, "on")
        .change("light.a", 2 * MINUTE, "off");
    home.detailed("light.b", 3 * MINUTE, "on", |change| {
        change.previous = Some("off");
    });
    let evidence = home.evidence();
    assert_eq!(kept(&evidence), ["light.a=off@2", "light.b=on@3"]);
    assert_eq!(evidence.left_out.get(Reason::FirstSight), 1);
}

#[test]
fn a_restart_and_a_lost_connection_are_not_habits() {
    let mut home = Home::new();
    home.change("light.a", MINUTE, "off");
    home.change("light.a", 2 * MINUTE, "unavailable")
        .change("light.a", 3 * MINUTE, "on");
    home.change("light.a", 4 * MINUTE, "off");
    home.detailed("light.a", 5 * MINUTE, "on", |change| {
        change.startup = true;
    });
    home.change("light.a", 6 * MINUTE, "off");
    home.detailed("light.a", 7 * MINUTE, "on", |change| {
        change.previous = Some("unknown");
    });
    let evidence = home.evidence();
    assert_eq!(kept(&evidence), ["light.a=off@4", "light.a=off@6"]);
    assert_eq!(evidence.left_out.get(Reason::Unavailable), 3);
    assert_eq!(evidence.left_out.get(Reason::Startup), 1);
}

#[test]
fn attributes_that_change_while_the_state_stays_are_not_counted() {
    let mut home = Home::new();
    home.change("light.a", MINUTE, "off")
        .change("light.a", 2 * MINUTE, "on");
    home.change("light.a", 3 * MINUTE, "on")
        .change("light.a", 3 * MINUTE, "on");
    let evidence = home.evidence();
    assert_eq!(kept(&evidence), ["light.a=on@2"]);
    assert_eq!(evidence.left_out.get(Reason::Repeated), 2);
}

#[test]
fn what_an_automation_did_is_left_out_with_and_without_a_parent() {
    let mut home = Home::new();
    home.change("light.a", 0, "off")
        .change("light.b", 0, "off")
        .change("light.c", 0, "off");
    // The automation's own row comes after its effect: both carry the context of the run.
    home.detailed("light.a", MINUTE, "on", |change| {
        change.context_id = Some("timer");
    });
    home.detailed("automation.morning", MINUTE + 1000, "on", |change| {
        change.context_id = Some("timer");
    });
    home.detailed("light.b", MINUTE, "on", |change| {
        change.context_parent_id = Some("motion");
    });
    home.detailed("light.c", MINUTE, "on", |change| {
        change.context_id = Some("a wall switch");
    });
    let evidence = home.evidence();
    assert_eq!(kept(&evidence), ["light.c=on@1"]);
    assert_eq!(evidence.left_out.get(Reason::Automation), 2);
    assert_eq!(evidence.left_out.get(Reason::AutomationItself), 1);
}

#[test]
fn measurements_texts_and_people_are_left_out_and_motion_is_only_a_trigger() {
    let mut home = Home::new();
    home.change("sensor.temperature", 0, "20.5")
        .change("sensor.temperature", MINUTE, "20.6");
    for number in 0..40 {
        home.change("sensor.title", number * MINUTE, &format!("song {number}"));
    }
    home.change("sensor.last_boot", 0, "2026-11-23T08:13:45+00:00");
    home.change("person.somebody", 0, "home")
        .change("person.somebody", MINUTE, "not_home")
        .change("sun.sun", 0, "above_horizon");
    let motion = home.0.entity(&"binary_sensor.hall".parse().unwrap());
    home.0.describe(motion, Some("Hall"), Some("motion"));
    home.change("binary_sensor.hall", 0, "off")
        .change("binary_sensor.hall", MINUTE, "on");
    let evidence = home.evidence();
    assert_eq!(kept(&evidence), ["binary_sensor.hall=on@1"]);
    let of_motion = |series: &&Series| evidence.facts[series.entity].ambient;
    let motion = evidence.series.iter().find(of_motion).unwrap();
    assert!(motion.trigger && !motion.effect);
    let counted = [
        Reason::Numeric,
        Reason::FreeText,
        Reason::Person,
        Reason::NotActedUpon,
        Reason::FirstSight,
    ];
    assert_eq!(
        counted.map(|reason| evidence.left_out.get(reason)),
        [2, 41, 1, 1, 2]
    );
}

#[test]
fn an_entity_that_turns_out_to_be_a_measurement_loses_its_earlier_states_too() {
    let mut home = Home::new();
    home.change("sensor.power", 0, "idle")
        .change("sensor.power", MINUTE, "busy")
        .change("sensor.power", 2 * MINUTE, "3.5");
    let evidence = home.evidence();
    assert_eq!(kept(&evidence), [""; 0]);
    assert_eq!(evidence.left_out.get(Reason::Numeric), 2);
}

#[test]
fn an_entity_without_single_moments_is_chatty() {
    let mut home = Home::new();
    let per_day = MAX_CHANGES_PER_DAY as i64 + 2;
    for step in 0..3 * per_day {
        home.change(
            "switch.relay",
            step * DAY / per_day,
            if step % 2 == 0 { "on" } else { "off" },
        );
    }
    let evidence = home.evidence();
    assert_eq!(kept(&evidence), [""; 0]);
    assert!(evidence.left_out.get(Reason::Chatty) > 100);
}

#[test]
fn order_of_arrival_does_not_matter() {
    let changes = [
        ("light.a", 0, "off"),
        ("light.a", MINUTE, "on"),
        ("light.a", 2 * MINUTE, "off"),
        ("light.b", 5, "on"),
    ];
    let mut forward = Home::new();
    let mut backward = Home::new();
    for (id, at, state) in changes {
        forward.change(id, at, state);
    }
    for (id, at, state) in changes.into_iter().rev() {
        backward.change(id, at, state);
    }
    assert_eq!(kept(&forward.evidence()), kept(&backward.evidence()));
}
