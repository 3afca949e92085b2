//! What looks like a habit and is none.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Lived;
use crate::households::automation::{End, Start, Trace};
use crate::households::house::Role;

/// Decoys, of what was seen.
pub(super) fn of(lived: &Lived, seen: &BTreeSet<usize>) -> Vec<Value> {
    let mut decoys = Decoys {
        lived,
        seen,
        rows: Vec::new(),
    };
    decoys.shadows();
    decoys.automations();
    decoys.by_themselves();
    if let Some(bridge) = &lived.bridge {
        for &thing in &bridge.things {
            decoys.add("bridge", &[thing], Some(bridge.minute));
        }
    }
    decoys.rows
}

struct Decoys<'a> {
    lived: &'a Lived<'a>,
    seen: &'a BTreeSet<usize>,
    rows: Vec<Value>,
}

impl Decoys<'_> {
    fn add(&mut self, kind: &str, things: &[usize], minute: Option<f64>) {
        if !things.is_empty() && things.iter().all(|thing| self.seen.contains(thing)) {
            let id = |thing: &usize| &self.lived.house.things[*thing].id;
            let ids: Vec<&String> = things.iter().map(id).collect();
            self.rows
                .push(json!({"kind": kind, "entities": ids, "minute": minute}));
        }
    }

    fn shadows(&mut self) {
        let house = self.lived.house;
        for (thing, one) in house.things.iter().enumerate() {
            for &shadow in &one.shadows {
                let kind = if house.things[shadow].role == Role::Group {
                    "group"
                } else {
                    "same_device"
                };
                self.add(kind, &[shadow, thing], None);
                for &other in one.shadows.iter().filter(|&&other| other > shadow) {
                    self.add(kind, &[shadow, other], None);
                }
            }
        }
    }

    fn automations(&mut self) {
        let house = self.lived.house;
        for automation in &house.automations {
            let effects = house.with_shadows(automation.effect);
            let kind = if automation.trace == Trace::Lost {
                "automation_without_trace"
            } else if automation.end == End::Hand {
                "put_back_by_hand"
            } else {
                "automation_effect"
            };
            match automation.start {
                Start::Thing(cause) => {
                    for &effect in &effects {
                        for shown in house.with_shadows(cause) {
                            self.add(kind, &[effect, shown], None);
                        }
                    }
                }
                Start::Minute(minute) => {
                    for &effect in &effects {
                        self.add(kind, &[effect], Some(minute));
                    }
                }
            }
        }
    }

    fn by_themselves(&mut self) {
        let house = self.lived.house;
        let of = |role: Role| -> Vec<usize> {
            (0..house.things.len())
                .filter(|thing| house.things[*thing].role == role && self.seen.contains(thing))
                .collect()
        };
        let (cycling, moving) = (of(Role::SelfRunning), of(Role::Motion));
        let mut idle = of(Role::Used);
        idle.retain(|&thing| !house.things[thing].taken);
        self.add("self_running", &cycling, None);
        for motion in moving {
            self.add("movement", &[motion], None);
        }
        self.add("used_often", &idle, None);
    }
}
