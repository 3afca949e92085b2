//! Days on which nobody was at home, by those whose whereabouts may be looked at: what runs by itself does so in an empty house too,
//! and a habit that pauses while people are away has not ended.

use common::entity::domain_of;

use crate::calendar::Days;
use crate::evidence::Facts;

/// Somebody who is away on more than this part of the days is no judge of that: a tracker that does not work.
const MOSTLY_AWAY: f64 = 0.5;

/// Takes out the days on which nobody was at home at any time.
pub(super) fn leave_out(facts: &[Facts], days: &mut Days) {
    let midnights: Vec<i64> = (0..=days.len())
        .map(|index| days.micros_at(index, 0))
        .collect();
    let is = |domain: &str| {
        let of = facts.iter().filter(|facts| facts.left_out.is_none());
        of.filter(|facts| facts.person && domain_of(&facts.id) == domain)
            .filter_map(|facts| at_home(facts, &midnights))
            .collect::<Vec<_>>()
    };
    let mut people = is("person");
    if people.is_empty() {
        people = is("device_tracker");
    }
    if people.is_empty() {
        return;
    }
    for index in 0..days.len() {
        if !people.iter().any(|at_home| at_home[index]) {
            days.leave_out(index);
        }
    }
}

/// For each day, whether somebody was at home at any time, or nobody knows; none where this cannot be believed.
fn at_home(facts: &Facts, midnights: &[i64]) -> Option<Vec<bool>> {
    let home = facts.state("home")?;
    let mut at_home = vec![true; midnights.len().saturating_sub(1)];
    let mut steps = facts.steps.iter().peekable();
    while let (Some(step), next) = (steps.next(), steps.peek()) {
        let is_away = step.state != home && usize::from(step.state) < facts.states.len();
        if !is_away {
            continue;
        }
        // The last one lasts.
        let until = next.map_or(i64::MAX, |next| next.at);
        // Whole days until the next step.
        let first = midnights.partition_point(|&midnight| midnight < step.at);
        let behind = midnights.partition_point(|&midnight| midnight <= until);
        if first + 1 < behind {
            at_home[first..behind - 1].fill(false);
        }
    }
    let away = at_home.iter().filter(|at_home| !**at_home).count();
    (away as f64 <= MOSTLY_AWAY * at_home.len() as f64).then_some(at_home)
}
