//! The things of a home one by one: what is known of each, what it did and what it measured.

use std::collections::HashMap;

use common::entity::domain_of;

use super::{Step, Steps};
use crate::mine::Settings;
use crate::noise;
use crate::report::Reason;
use crate::timeline::{EVIDENCE, Entity, Record, Sample, Timeline};

/// What is known of an entity, and everything that it did.
#[derive(Debug, Clone)]
pub struct Facts {
    /// `domain.object_id`.
    pub id: String,
    /// The name that people see.
    pub name: Option<String>,
    /// Its area.
    pub area: Option<String>,
    /// The number of its device among those of the home.
    pub device: Option<u32>,
    /// Its device class.
    pub class: Option<String>,
    /// Its members, for a group: positions of entities.
    pub members: Vec<usize>,
    /// It follows whoever walks by.
    pub ambient: bool,
    /// It tells where somebody is.
    pub person: bool,
    /// It tells what a machine does by itself.
    pub machine: bool,
    /// Its states, by number.
    pub states: Vec<String>,
    /// Everything that it did, in time order; empty where nothing of it is looked at.
    pub steps: Steps,
    /// Why none of it is evidence.
    pub left_out: Option<Reason>,
    /// Its measurements, in time order.
    pub samples: Vec<(i64, f32)>,
}

impl Facts {
    /// Whether what it does is what somebody does with it.
    pub fn is_acted_upon(&self) -> bool {
        !(self.ambient || self.person || self.machine)
    }

    /// The number of a state; none where it is not one of its states.
    pub fn state(&self, name: &str) -> Option<u16> {
        let place = self.states.iter().position(|state| state == name);
        place.map(|place| place as u16)
    }

    /// Whether a number is that of one of its states; it is none while the thing is unavailable.
    pub fn is_known(&self, state: u16) -> bool {
        usize::from(state) < self.states.len()
    }

    /// The state that had been held for at least so long at an instant, both in microseconds; none before the first change and
    /// while it is unavailable.
    pub fn has_held(&self, at: i64, long: i64) -> Option<u16> {
        let step = self.steps.get(self.steps.until(at).checked_sub(1)?)?;
        (self.is_known(step.state) && at - step.at >= long).then_some(step.state)
    }

    /// The last measurement before an instant.
    pub fn value_at(&self, at: i64) -> Option<f32> {
        let next = self.samples.partition_point(|&(when, _)| when <= at);
        self.samples[..next].last().map(|&(_, value)| value)
    }
}

/// What is known of the entities before anything that they did.
pub(super) fn facts(timeline: &Timeline, settings: &Settings) -> Vec<Facts> {
    let index: HashMap<&str, usize> = timeline
        .entities
        .iter()
        .enumerate()
        .map(|(index, entity)| (entity.id.as_str(), index))
        .collect();
    let entities = timeline.entities.iter();
    let of = |(entity, device): (&Entity, Option<u32>)| {
        let domain = domain_of(&entity.id);
        let person = noise::is_person(domain);
        let members: Vec<usize> = entity
            .members
            .iter()
            .filter_map(|member| index.get(member.as_str()).copied())
            .collect();
        let left_out = if entity.excluded.is_some() {
            entity.excluded
        } else if entity.numeric {
            Some(Reason::Numeric)
        } else if settings.silences(&entity.id, entity.area.as_deref()) {
            Some(Reason::Silenced)
        } else if person && !settings.people {
            Some(Reason::Person)
        } else if entity.members.is_empty() {
            None
        } else {
            Some(Reason::Group)
        };
        Facts {
            id: entity.id.clone(),
            name: entity.name.clone(),
            area: entity.area.clone(),
            device,
            class: entity.class.clone(),
            members,
            ambient: entity.ambient,
            person,
            machine: entity.class.as_deref().is_some_and(noise::is_machine),
            states: entity.states.iter().map(ToString::to_string).collect(),
            steps: Steps::default(),
            left_out,
            samples: Vec::new(),
        }
    };
    entities.zip(devices(timeline)).map(of).collect()
}

/// The number of each entity's device.
fn devices(timeline: &Timeline) -> Vec<Option<u32>> {
    let mut known = HashMap::new();
    let entities = timeline.entities.iter();
    entities
        .map(|entity| {
            let next = known.len() as u32;
            let device = entity.device.as_deref()?;
            Some(*known.entry(device).or_insert(next))
        })
        .collect()
}

/// What an entity did, and what it measured: instants and values, in time order.
pub(super) type Done = (Steps, Vec<(i64, f32)>);

/// What every entity did and measured.
pub(super) fn give<'a>(
    entities: usize,
    records: impl Iterator<Item = &'a Record> + Clone,
    samples: impl Iterator<Item = &'a Sample> + Clone,
) -> Vec<Done> {
    let mut counts = vec![(0, 0); entities];
    for record in records.clone() {
        counts[record.entity as usize].0 += 1;
    }
    for sample in samples.clone() {
        counts[sample.entity as usize].1 += 1;
    }
    let room = |(steps, samples)| (Steps::with_capacity(steps), Vec::with_capacity(samples));
    let mut done: Vec<Done> = counts.into_iter().map(room).collect();
    for record in records {
        done[record.entity as usize].0.push(Step {
            at: record.at,
            state: record.state,
            evidence: record.why == EVIDENCE,
            automated: record.why == Reason::Automation as u8,
        });
    }
    for &Sample { at, entity, value } in samples {
        done[entity as usize].1.push((at, value));
    }
    for (_, samples) in &mut done {
        samples.sort_by_key(|&(at, _)| at);
    }
    done
}
