//! The changes of a home by number: each state of each entity that it can change to, those of the first entity first.

use std::ops::Range;

use super::Facts;

/// The numbers of all changes.
pub(super) struct Changes {
    /// The entity of each change.
    entity_of: Vec<u32>,
    /// The number of each entity's first change, and behind the last entity the number of all.
    first: Vec<u32>,
}

impl Changes {
    /// Those of these entities.
    pub(super) fn new(facts: &[Facts]) -> Self {
        let mut first = vec![0];
        let mut entity_of = Vec::new();
        for (entity, facts) in facts.iter().enumerate() {
            entity_of.extend(facts.states.iter().map(|_| entity as u32));
            first.push(entity_of.len() as u32);
        }
        Self { entity_of, first }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.entity_of.len()
    }

    /// The entity of a change.
    pub(super) fn entity_of(&self, change: u32) -> usize {
        self.entity_of[change as usize] as usize
    }

    /// The number of an entity's change to a state.
    pub(super) fn to(&self, entity: usize, state: u16) -> u32 {
        self.first[entity] + u32::from(state)
    }

    /// The numbers of an entity's changes.
    pub(super) fn of(&self, entity: usize) -> Range<usize> {
        self.first[entity] as usize..self.first[entity + 1] as usize
    }
}
