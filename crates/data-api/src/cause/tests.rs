use super::*;
use crate::context::tests::event;

fn named(mut event: Event, name: &str) -> Event {
    event.friendly_name = Some(name.to_owned());
    event
}

fn roles(cause: &Cause) -> Vec<(ChainRole, &str)> {
    cause
        .chain
        .iter()
        .map(|link| (link.role, link.entity_id.as_str()))
        .collect()
}

#[test]
fn a_user_in_the_context_is_a_person_with_a_name() {
    let light = event(0, "light.k", "on", Some("A"), None, Some("u1"));
    let people = People::from([("u1".to_owned(), "Anna".to_owned())]);
    let cause = of(&light, &[], &people);
    assert_eq!(
        (cause.kind, cause.sureness),
        (CauseKind::Person, Sureness::Certain)
    );
    assert_eq!(
        (cause.user_id.as_deref(), cause.name.as_deref()),
        (Some("u1"), Some("Anna"))
    );
    let nobody = of(&light, &[], &People::new());
    assert_eq!((nobody.name, nobody.user_id), (None, Some("u1".to_owned())));
}

#[test]
fn an_automation_set_off_by_the_clock_has_no_parent_and_is_found_all_the_same() {
    let light = event(1, "light.k", "on", Some("A"), None, None);
    // Its row may come after what it did.
    for second in [0, 2] {
        let run = named(
            event(second, "automation.evening", "on", Some("A"), None, None),
            "Evening",
        );
        let cause = of(&light, &[run, light.clone()], &People::new());
        assert_eq!(
            (cause.kind, cause.sureness),
            (CauseKind::Automation, Sureness::Certain)
        );
        assert_eq!(cause.entity_id.as_deref(), Some("automation.evening"));
        assert_eq!(cause.name.as_deref(), Some("Evening"));
        assert_eq!(
            roles(&cause),
            [
                (ChainRole::Automation, "automation.evening"),
                (ChainRole::Event, "light.k")
            ]
        );
    }
}

#[test]
fn what_set_the_automation_off_is_the_first_link() {
    let motion = event(0, "binary_sensor.hall", "on", Some("M"), None, None);
    let run = event(1, "automation.hall", "on", Some("A"), Some("M"), None);
    let script = event(1, "script.dim", "on", Some("A"), Some("M"), None);
    let scene = event(1, "scene.night", "x", Some("A"), Some("M"), None);
    let sibling = event(2, "light.other", "on", Some("A"), Some("M"), None);
    let light = event(600, "light.hall", "off", Some("A"), Some("M"), None);
    let around = [sibling, scene, script, run, motion.clone()];
    let cause = of(&light, &around, &People::new());
    assert_eq!(cause.kind, CauseKind::Automation);
    assert_eq!(
        roles(&cause),
        [
            (ChainRole::Trigger, "binary_sensor.hall"),
            (ChainRole::Automation, "automation.hall"),
            (ChainRole::Script, "script.dim"),
            (ChainRole::Scene, "scene.night"),
            (ChainRole::Event, "light.hall")
        ]
    );
    assert_eq!(of(&motion, &around, &People::new()).kind, CauseKind::Device);
}

#[test]
fn a_script_alone_is_a_script_and_a_script_that_somebody_started_is_a_person() {
    let run = event(0, "script.movie", "on", Some("A"), None, None);
    let light = event(0, "light.k", "off", Some("A"), None, None);
    assert_eq!(of(&light, &[run], &People::new()).kind, CauseKind::Script);
    let run = event(0, "script.movie", "on", Some("A"), None, Some("u1"));
    let light = event(0, "light.k", "off", Some("A"), None, Some("u1"));
    let cause = of(&light, &[run], &People::new());
    assert_eq!(cause.kind, CauseKind::Person);
    assert_eq!(
        roles(&cause),
        [
            (ChainRole::Script, "script.movie"),
            (ChainRole::Event, "light.k")
        ]
    );
}

#[test]
fn a_parent_without_a_row_is_likely_an_automation_and_nobody_is_named() {
    let light = event(0, "light.k", "on", Some("A"), Some("P"), None);
    let cause = of(&light, &[], &People::new());
    assert_eq!(
        (cause.kind, cause.sureness, cause.entity_id),
        (CauseKind::Automation, Sureness::Likely, None)
    );
    let run = event(-1, "script.s", "on", Some("P"), None, None);
    let cause = of(&light, &[run], &People::new());
    assert_eq!(cause.kind, CauseKind::Script);
    assert_eq!(cause.entity_id.as_deref(), Some("script.s"));
}

#[test]
fn nothing_to_go_by_is_the_device_and_no_context_is_unknown() {
    let light = named(event(0, "light.k", "on", Some("A"), None, None), "Kitchen");
    let near = event(0, "automation.other", "on", Some("B"), None, None);
    let cause = of(&light, &[near], &People::new());
    assert_eq!(
        (cause.kind, cause.sureness),
        (CauseKind::Device, Sureness::Likely)
    );
    assert_eq!(cause.name.as_deref(), Some("Kitchen"));
    let bare = event(0, "light.k", "on", None, None, None);
    let also_bare = event(0, "automation.other", "on", None, None, None);
    let cause = of(&bare, &[also_bare], &People::new());
    assert_eq!(
        (cause.kind, cause.sureness),
        (CauseKind::Unknown, Sureness::None)
    );
    let mut starting = event(0, "light.k", "on", Some("A"), None, None);
    starting.startup = true;
    assert_eq!(of(&starting, &[], &People::new()).kind, CauseKind::Unknown);
}

#[test]
fn the_run_of_an_automation_has_a_cause_itself() {
    let run = event(1, "automation.hall", "on", Some("A"), Some("M"), None);
    let motion = event(0, "binary_sensor.hall", "on", Some("M"), None, None);
    let cause = of(&run, &[motion], &People::new());
    assert_eq!(
        (cause.kind, cause.entity_id.as_deref()),
        (CauseKind::Automation, Some("automation.hall"))
    );
    let pressed = event(0, "input_button.go", "x", Some("M"), None, Some("u1"));
    let cause = of(&run, &[pressed], &People::new());
    assert_eq!(
        (cause.kind, cause.sureness, cause.user_id.as_deref()),
        (CauseKind::Person, Sureness::Likely, Some("u1"))
    );
    let clock = event(0, "automation.hall", "on", Some("A"), None, None);
    let cause = of(&clock, &[], &People::new());
    assert_eq!(
        (cause.kind, cause.sureness),
        (CauseKind::Automation, Sureness::Likely)
    );
}
