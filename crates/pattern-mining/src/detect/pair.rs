//! B follows A: the pairs of a run, and which of them are habits as they are.

use std::collections::HashMap;

use crate::evidence::Evidence;
use crate::finding::Finding;
use crate::life::{Life, NEW_DAYS};
use crate::pattern::{Kind, Status};
use crate::score::wilson_lower;

use super::link::{Link, Rhythm, Tester, Turn, Visits};
use super::screen::{self, Counted};

/// Fewest distinct days with a hit.
pub const MIN_DAYS: u32 = 5;
/// Smallest share of the triggers that must be followed.
pub const MIN_SHARE: f64 = 0.5;
/// Smallest lower bound (Wilson, 95 %) of that share.
pub const MIN_SHARE_LOWER: f64 = 0.4;
/// Smallest share of what chance leaves open.
pub const MIN_ABOVE_CHANCE: f64 = 0.4;

/// The same two for a step of a sequence, which more than one pair speaks for.
const MIN_STEP_SHARE: f64 = 0.35;
const MIN_STEP_ABOVE_CHANCE: f64 = 0.3;

/// The pairs that were tested.
#[derive(Debug, Default)]
pub struct Links {
    /// Pairs for which something speaks.
    pub links: Vec<Link>,
    /// Pairs that could have been.
    pub hypotheses: usize,
    /// Pairs of which the one followed the other at all.
    pub followed: usize,
    /// The counts, for a later run to go on from.
    pub counted: Option<Counted>,
}

/// Tests every pair that is worth it.
pub fn links(evidence: &Evidence) -> Links {
    let mut screened = screen::screen(evidence);
    // Effect by effect, so that its rhythm is laid out once.
    screened
        .pairs
        .sort_unstable_by_key(|&(from, to)| (to, from));
    let mut links = Vec::new();
    let mut visits: HashMap<usize, Visits<'_>> = HashMap::new();
    let mut tester = Tester::new(evidence);
    for group in screened.pairs.chunk_by(|one, other| one.1 == other.1) {
        if evidence.stop.is_said() {
            break;
        }
        let rhythm = Rhythm::new(evidence, group[0].1);
        links.extend(group.iter().filter_map(|&(from, to)| {
            let visits = visits.entry(from);
            let visits = visits.or_insert_with(|| Visits::new(evidence, from));
            tester.test(visits, to, &rhythm)
        }));
    }
    Links {
        links,
        hypotheses: screened.possible,
        followed: screened.followed,
        counted: screened.counted,
    }
}

/// Whether a pair is strong enough to be told as it is.
pub fn is_habit(link: &Link) -> bool {
    link.days >= MIN_DAYS
        && link.share() >= MIN_SHARE
        && wilson_lower(link.opportunities, link.hits) >= MIN_SHARE_LOWER
        && link.above_chance() >= MIN_ABOVE_CHANCE
        && !link.is_timer()
}

/// Whether a pair that is no habit of its own can be a step of one.
pub fn may_be_step(link: &Link) -> bool {
    link.days >= MIN_DAYS
        && link.share() >= MIN_STEP_SHARE
        && link.above_chance() >= MIN_STEP_ABOVE_CHANCE
        && link.is_ordered()
        && !link.is_timer()
}

/// The pair as a finding.
pub fn finding(link: &Link) -> Finding {
    let mut finding = Finding::new(Kind::Pair, vec![link.from, link.to]);
    let (hit, missed): (Vec<&Turn>, Vec<&Turn>) = link.lived().partition(|turn| link.is_hit(turn));
    finding.p_value = link.p_value;
    finding.hits = link.hits;
    finding.opportunities = link.opportunities;
    finding.expected = link.expected;
    finding.occurrences = hit.iter().map(|turn| turn.at.at).collect();
    finding.misses = missed.iter().map(|turn| turn.at.at).collect();
    finding.delay = Some(link.delay);
    finding.within = link.within;
    finding.status = status(&link.life, &link.turns);
    finding
}

/// Where a habit with this life is, among all turns of its trigger.
pub fn status(life: &Life, turns: &[Turn]) -> Status {
    if life.ended {
        return Status::Stopped;
    }
    let first = turns.get(life.part.start).map_or(0, |turn| turn.at.day());
    let last = turns.last().map_or(0, |turn| turn.at.day());
    if life.began && last - first <= NEW_DAYS as i64 {
        Status::New
    } else {
        Status::Active
    }
}
