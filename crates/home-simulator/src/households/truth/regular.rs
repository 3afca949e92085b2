//! What turned out to be regular in the record, because something else is: the end of a use that begins at a regular time, what
//! is put on by those who just came home, the hours for which a person with regular hours is out.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::implied::Implied;
use super::{Lived, part, rounded};
use crate::households::calendar::{DAY, Days};
use crate::households::habit::Rule;
use crate::households::house::Role;

/// Minutes of a bin, and bins of a day.
const BIN: f64 = 10.0;
const BINS: usize = 144;
/// Part of the days on which something must happen about a minute to be regular, and how many times what is usual an hour off.
const REGULAR: f64 = 0.4;
const STANDS_OUT: f64 = 2.2;
/// Bins around one in which nothing may be more regular.
const AROUND: usize = 4;
/// Bins on both sides that tell what is usual.
const ASIDE: [usize; 4] = [7, 9, BINS - 9, BINS - 7];
/// A duration is the same within this part, and regular if this part of the uses has it.
const SAME: f64 = 0.15;
const SAME_PART: f64 = 0.38;
const LEAST_USES: usize = 8;

/// Days and bins on which a thing went into a state.
type Seen = BTreeSet<(i64, usize)>;

impl Lived<'_> {
    /// What has to do with people's regular times, and what shows it.
    fn timely(&self) -> BTreeSet<usize> {
        let by_people = self.timed.iter().filter(|timed| !timed.by_automation);
        let mut things: BTreeSet<usize> = by_people.flat_map(|t| t.things.clone()).collect();
        for habit in self.habits {
            if matches!(habit.rule, Rule::Reaction { .. }) && things.contains(&habit.things[0]) {
                things.insert(habit.things[1]);
            }
        }
        things
            .into_iter()
            .flat_map(|thing| self.house.with_shadows(thing))
            .collect()
    }
}

/// Adds the times at which things of that kind turned out to change.
pub(super) fn times(lived: &Lived, implied: &mut Implied) {
    let timely = lived.timely();
    let mut seen: BTreeMap<(usize, &str), Seen> = BTreeMap::new();
    for event in lived.events.iter().filter(|event| event.kept) {
        if timely.contains(&event.thing) && lived.house.things[event.thing].role != Role::Power {
            let minute = lived.calendar.minute(event.at);
            let day = (minute / DAY).floor();
            let bin = ((minute - day * DAY) / BIN) as usize;
            let key = (event.thing, event.state.as_ref());
            seen.entry(key).or_default().insert((day as i64, bin));
        }
    }
    for ((thing, _), seen) in seen {
        for days in [Days::All, Days::Weekday, Days::Weekend] {
            for bin in regular_bins(lived, &seen, days) {
                let minute = (bin as f64 + 0.5) * BIN;
                implied.time(thing, minute, "the end or the echo of a regular time");
            }
        }
    }
}

fn regular_bins(lived: &Lived, seen: &Seen, days: Days) -> Vec<usize> {
    let is_of = |day: i64| days.has(lived.calendar.weekday(day)) && lived.people.is_ordinary(day);
    let count = (0..lived.calendar.days).filter(|&day| is_of(day)).count();
    let mut by_bin = vec![BTreeSet::new(); BINS];
    for &(day, bin) in seen.iter().filter(|(day, _)| is_of(*day)) {
        by_bin[bin].insert(day);
    }
    let shares: Vec<f64> = (0..BINS)
        .map(|bin| {
            let mut days = by_bin[bin].clone();
            days.extend(&by_bin[(bin + BINS - 1) % BINS]);
            days.extend(&by_bin[(bin + 1) % BINS]);
            part(days.len(), count)
        })
        .collect();
    let is_regular = |&bin: &usize| {
        let usual: f64 = ASIDE
            .iter()
            .map(|off| shares[(bin + off) % BINS])
            .sum::<f64>()
            / 4.0;
        let most = (BINS - AROUND..=BINS + AROUND)
            .map(|off| shares[(bin + off) % BINS])
            .fold(0.0, f64::max);
        shares[bin] > REGULAR && shares[bin] >= most && shares[bin] > STANDS_OUT * usual
    };
    (0..BINS).filter(is_regular).collect()
}

/// Durations that are regular because both ends are, because a lamp's own is, or because blinds wait for people to get up: true, and
/// not asked for.
pub(super) fn durations(lived: &Lived) -> Vec<Value> {
    let mut wanted = lived.timely();
    let mut planted = BTreeSet::new();
    for person in &lived.people.all {
        wanted.extend(&person.presence);
    }
    let things = &lived.house.things;
    wanted.extend((0..things.len()).filter(|&thing| things[thing].is_of(&["cover"])));
    for habit in lived.habits {
        if matches!(habit.rule, Rule::Duration { .. }) {
            planted.insert(habit.things[0]);
            wanted.extend(lived.house.with_shadows(habit.things[0]));
        }
    }
    let mut found = Vec::new();
    for ((thing, state), mut minutes) in spans(lived, &wanted) {
        minutes.sort_by(f64::total_cmp);
        let usual = minutes[minutes.len() / 2];
        let same = |minutes: &&f64| (**minutes - usual).abs() <= SAME * usual;
        let times = minutes.iter().filter(same).count();
        let is_regular = part(times, minutes.len()) > SAME_PART && minutes.len() >= LEAST_USES;
        if is_regular && planted.insert(thing) {
            found.push(json!({
                "id": format!("duration_of_times_{}", found.len()), "type": "duration",
                "entities": [lived.house.things[thing].id], "state": state, "days": "all",
                "minutes": rounded(usual), "status": "active", "occurrences": times, "weak": true,
                "because": "regular times",
            }));
        }
    }
    found
}

/// For how many minutes things were in their states.
fn spans<'a>(lived: &'a Lived, wanted: &BTreeSet<usize>) -> BTreeMap<(usize, &'a str), Vec<f64>> {
    let mut since: BTreeMap<usize, (i64, &str)> = BTreeMap::new();
    let mut spans: BTreeMap<(usize, &str), Vec<f64>> = BTreeMap::new();
    let mut kept: Vec<_> = lived.events.iter().filter(|event| event.kept).collect();
    kept.sort_by_key(|event| event.at);
    for event in kept {
        if !wanted.contains(&event.thing) || lived.house.things[event.thing].role == Role::Power {
            continue;
        }
        let now = (event.at, event.state.as_ref());
        match since.insert(event.thing, now) {
            Some((at, state)) if state != now.1 => {
                let minutes = (event.at - at) as f64 / 60e6;
                spans.entry((event.thing, state)).or_default().push(minutes);
            }
            _ => {}
        }
    }
    spans
}
