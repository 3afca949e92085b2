//! Routines no member of which shows a time of the day of its own: bedtimes that vary by an hour, mornings that begin later at weekends.

use std::collections::{BTreeMap, HashSet};

use crate::calendar::MINUTES_PER_DAY;
use crate::detect::link::Link;
use crate::detect::time_of_day::Frame;
use crate::evidence::Evidence;
use crate::finding::{ClockTime, Finding};
use crate::life;
use crate::pattern::{DaySet, Status};
use crate::score::{is_clearly_better, wilson_lower};

use super::company::{self, Around, Centre};
use super::{BELONG, MIN_MEMBERS, Together, can_be_spared, complete, entity};

/// Share of the one's times at which the other goes along, before or after.
const GOES_ALONG: f64 = 0.35;
/// Share of the times at which two go together that lie around one time of the day.
const AT_A_TIME: f64 = 0.6;
/// Smallest share of the days on which the routine must have happened …
const MIN_SHARE: f64 = 0.55;
/// … and its smallest lower bound (Wilson, 95 %).
const MIN_SHARE_LOWER: f64 = 0.4;
/// Largest standard deviation of its time, in minutes: beyond that it has none.
const MAX_SPREAD: f64 = 75.0;
/// Two that go together around a time of the day.
struct Seed<'a> {
    link: &'a Link,
    centre: Centre,
    /// Probability by chance.
    p_value: f64,
    /// Chance of a day.
    chance: f64,
}

/// Whether the two go together in any order.
pub(crate) fn keeps_company(evidence: &Evidence, link: &Link) -> bool {
    let both = f64::from(link.hits + link.reversed) / f64::from(link.opportunities.max(1));
    evidence.series[link.from].effect
        && !link.is_ordered()
        && !link.is_timer()
        && both >= GOES_ALONG
}

/// Routines among pairs that go together, without entities that take part in something else already.
pub(crate) fn gather(evidence: &Evidence, links: &[&Link], taken: &HashSet<usize>) -> Vec<Finding> {
    let is_free = |series: usize| {
        !taken.contains(&entity(evidence, series)) && can_be_spared(evidence, series)
    };
    let candidates: Vec<&Link> = links
        .iter()
        .copied()
        .filter(|link| is_free(link.from) && is_free(link.to) && keeps_company(evidence, link))
        .collect();
    let limit = BELONG / candidates.len().max(1) as f64;
    let mut seeds: Vec<Seed> = candidates
        .into_iter()
        .filter_map(|link| seed(evidence, link))
        .filter(|seed| seed.p_value < limit)
        .collect();
    seeds.sort_by(|a, b| {
        let ends = |seed: &Seed| (seed.link.from, seed.link.to);
        a.p_value.total_cmp(&b.p_value).then(ends(a).cmp(&ends(b)))
    });
    let mut used: HashSet<usize> = HashSet::new();
    let mut found = Vec::new();
    for seed in &seeds {
        let ends = [seed.link.from, seed.link.to];
        if ends
            .iter()
            .any(|&series| used.contains(&entity(evidence, series)))
        {
            continue;
        }
        let mut members = ends.to_vec();
        complete(evidence, &mut members, seed.centre, |series| {
            is_free(series) && !used.contains(&entity(evidence, series))
        });
        if members.len() < MIN_MEMBERS {
            continue;
        }
        if let Some(finding) = finding(evidence, members, seed) {
            used.extend(
                finding
                    .series
                    .iter()
                    .map(|&series| entity(evidence, series)),
            );
            found.push(finding);
        }
    }
    found
}

fn seed<'a>(evidence: &Evidence, link: &'a Link) -> Option<Seed<'a>> {
    let hits = link.lived().filter(|turn| link.is_hit(turn));
    let mut minutes: Vec<i64> = hits.map(|turn| turn.at.of_day()).collect();
    minutes.sort_unstable();
    let (centre, count) = Centre::densest(&minutes)?;
    if (count as f64) < AT_A_TIME * minutes.len() as f64 {
        return None;
    }
    let around = |series: usize| Around::new(evidence, series, centre);
    let (p_value, chance) = company::by_chance(&around(link.from), &around(link.to));
    Some(Seed {
        link,
        centre,
        p_value,
        chance,
    })
}

fn finding(evidence: &Evidence, members: Vec<usize>, seed: &Seed) -> Option<Finding> {
    let together = Together::new(evidence, members, seed.centre)?;
    if together.spread > MAX_SPREAD {
        return None;
    }
    let class = class(evidence, &together);
    let (days, minute) = (&evidence.days, together.middle);
    let possible: Vec<usize> = (0..days.len())
        .filter(|&day| days.could_happen(day, class, minute))
        .collect();
    let has = |day: &usize| together.happened.contains_key(&days.day_at(*day));
    let row: Vec<bool> = possible.iter().map(has).collect();
    let life = life::of_row(&row);
    let due: BTreeMap<i64, i64> = possible[life.part.clone()]
        .iter()
        .map(|&day| (days.day_at(day), days.micros_at(day, minute)))
        .collect();
    let mut finding = together.finding(evidence, &due);
    if finding.share() < MIN_SHARE
        || wilson_lower(finding.opportunities, finding.hits) < MIN_SHARE_LOWER
    {
        return None;
    }
    finding.p_value = seed.link.p_value.max(seed.p_value);
    finding.expected = seed.chance * f64::from(finding.opportunities);
    finding.days = Some(class);
    finding.clock = Some(ClockTime {
        minute: minute.rem_euclid(MINUTES_PER_DAY),
        centre: minute.rem_euclid(MINUTES_PER_DAY),
        half_width: (2.0 * together.spread).round() as i64,
        spread: together.spread,
        frame: Frame::Clock,
    });
    let as_days =
        |days_at: &[usize]| -> Vec<i64> { days_at.iter().map(|&day| days.day_at(day)).collect() };
    let lived = as_days(&possible);
    let happened: Vec<i64> = due
        .keys()
        .copied()
        .filter(|day| together.happened.contains_key(day))
        .collect();
    let first = days.index(*happened.first()?)?;
    let absent = possible.partition_point(|&day| day < first);
    finding.status = if life.ended {
        Status::Stopped
    } else {
        life::by_silence(&happened, &lived)
            .or_else(|| life::came_back(&happened, &lived))
            .or_else(|| life::young(absent, first, days.len()))
            .unwrap_or(Status::Active)
    };
    Some(finding)
}

/// The days on which it holds: all, unless one half of the week has it clearly less often.
fn class(evidence: &Evidence, together: &Together) -> DaySet {
    let days = &evidence.days;
    let count = |class: DaySet| {
        let of_class = (0..days.len()).filter(|&day| days.counts(day, class));
        of_class.fold((0, 0), |(hits, all), day| {
            let hit = together.happened.contains_key(&days.day_at(day));
            (hits + u32::from(hit), all + 1)
        })
    };
    let (weekday, weekend) = (count(DaySet::WEEKDAY), count(DaySet::WEEKEND));
    if is_clearly_better(weekday, weekend, 1.0) {
        DaySet::WEEKDAY
    } else if is_clearly_better(weekend, weekday, 1.0) {
        DaySet::WEEKEND
    } else {
        DaySet::ALL
    }
}
