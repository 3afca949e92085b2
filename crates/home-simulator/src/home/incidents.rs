//! What goes wrong, and what Home Assistant does by itself: a restart, a hub that goes away, an automation.

use common::instant::UtcMicros;
use serde_json::json;

use super::chance::{self, Chance};
use super::plan::{Act, Cause, Plan, Planned};
use super::things::{THINGS, Thing};

/// Days from one restart, or one hub failure, to the next: there is one of each in any 28 days.
const PERIOD: i64 = 28;

/// Plans the plan's day's incidents and automations.
pub(super) fn plan(plan: &mut Plan<'_>) {
    let number = plan.day.number();
    let mut chance = Chance::new(&[plan.home.seed, number as u64, 6]);
    let (restart_day, hub_day) = days(plan.home.seed);
    if number.rem_euclid(PERIOD) == restart_day {
        let minute = chance.between(840.0, 920.0);
        restart(plan, &mut chance, minute);
    }
    if number.rem_euclid(PERIOD) == hub_day {
        let minute = chance.between(930.0, 1000.0);
        hub_failure(plan, &mut chance, minute);
    }
    porch_light(plan, &mut chance);
}

/// Days of the period with the restart and with the hub failure; never the same.
fn days(seed: u64) -> (i64, i64) {
    let restart = (chance::mix(&[seed, 7]) % PERIOD as u64) as i64;
    (restart, (restart + 9) % PERIOD)
}

/// Home Assistant starts anew: everything is away for a moment, and comes back bit by bit.
fn restart(plan: &mut Plan<'_>, chance: &mut Chance, minute: f64) {
    for (thing, spec) in THINGS.iter().enumerate() {
        let shown = match spec.domain() {
            "automation" | "scene" | "script" | "person" | "sun" | "input_boolean" => "unknown",
            _ => "unavailable",
        };
        let lost = minute + Plan::seconds(chance.between(0.0, 1.5));
        let back = lost + Plan::seconds(chance.between(4.0, 75.0));
        leave_and_return(plan, thing, shown, lost, back);
    }
}

/// Everything that hangs on the hub is away for a while; some of it flaps.
fn hub_failure(plan: &mut Plan<'_>, chance: &mut Chance, minute: f64) {
    let length = chance.between(18.0, 35.0);
    let on_hub = |(_, spec): &(usize, &Thing)| spec.by_hub();
    for (thing, _) in THINGS.iter().enumerate().filter(on_hub) {
        let lost = minute + Plan::seconds(chance.between(0.0, 3.0));
        let back = lost + length + Plan::seconds(chance.between(0.0, 50.0));
        leave_and_return(plan, thing, "unavailable", lost, back);
        if chance.happens(0.3) {
            leave_and_return(
                plan,
                thing,
                "unavailable",
                back + 0.5,
                back + chance.between(0.8, 2.0),
            );
        }
    }
}

fn leave_and_return(plan: &mut Plan<'_>, thing: usize, shown: &'static str, lost: f64, back: f64) {
    let cause = Cause::Device;
    let (lost, back) = (plan.day.at(lost), plan.day.at(back));
    plan.planned.push(Planned {
        at: lost,
        thing,
        act: Act::Lost(shown),
        cause,
    });
    plan.planned.push(Planned {
        at: back,
        thing,
        act: Act::Back,
        cause,
    });
}

/// The one automation: the porch light at dusk and out again at half past eleven. Time triggers have neither parent nor user; what
/// ties the light to the automation is the context that they share.
fn porch_light(plan: &mut Plan<'_>, chance: &mut Chance) {
    let (_, dusk) = plan.day.daylight();
    for (minute, light) in [(dusk, "on"), (23.5 * 60.0, "off")] {
        let at = UtcMicros::new(plan.day.at(minute)).unwrap_or_default();
        let cause = Cause::Automation(at);
        let running =
            |current: u8| vec![("last_triggered", json!(at)), ("current", json!(current))];
        let answer = chance.between(0.03, 0.2);
        plan.set_by(minute, "automation.porch_light", "on", running(1), cause);
        plan.set_by(
            minute + Plan::seconds(answer),
            "light.porch",
            light,
            Vec::new(),
            cause,
        );
        let done = minute + Plan::seconds(answer + 0.004);
        plan.set_by(done, "automation.porch_light", "on", running(0), cause);
    }
}
