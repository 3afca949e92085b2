//! Things that go together within seconds, in any order: somebody sets a scene.

use std::collections::BTreeSet;

use crate::evidence::{Evidence, Moment};
use crate::finding::Finding;
use crate::life::{self, Life};
use crate::pattern::{Kind, Status};

use super::link::Link;
use super::pair;
use super::routine::MIN_MEMBERS;

/// Members go together within this many seconds.
pub const WITHIN: f64 = 10.0;
/// Smallest share of a member's times at which the other goes along, before or after.
const MIN_SHARE: f64 = 0.6;

/// Groups of series that go together.
pub fn find(evidence: &Evidence, links: &[&Link]) -> Vec<Finding> {
    let close: Vec<&Link> = links
        .iter()
        .copied()
        .filter(|link| is_close(link))
        .collect();
    let mut groups: Vec<BTreeSet<usize>> = Vec::new();
    for link in close {
        let (mut joined, apart): (Vec<_>, Vec<_>) = groups
            .into_iter()
            .partition(|group| group.contains(&link.from) || group.contains(&link.to));
        groups = apart;
        let mut group: BTreeSet<usize> = joined.drain(..).flatten().collect();
        group.extend([link.from, link.to]);
        groups.push(group);
    }
    groups
        .into_iter()
        .filter(|group| group.len() >= MIN_MEMBERS)
        .map(|group| finding(evidence, links, &group))
        .filter(|finding| finding.share() >= pair::MIN_SHARE)
        .collect()
}

/// Whether the two go together within seconds, in any order.
pub fn is_close(link: &Link) -> bool {
    let both = f64::from(link.hits + link.reversed) / f64::from(link.opportunities.max(1));
    !link.is_ordered() && link.within <= 2.0 * WITHIN && link.delay.1 <= WITHIN && both >= MIN_SHARE
}

fn finding(evidence: &Evidence, links: &[&Link], group: &BTreeSet<usize>) -> Finding {
    let members: Vec<usize> = group.iter().copied().collect();
    let inside = links
        .iter()
        .filter(|link| group.contains(&link.from) && group.contains(&link.to));
    let lead = members
        .iter()
        .copied()
        .max_by_key(|&series| evidence.series[series].moments.len())
        .unwrap_or(members[0]);
    let near = |series: usize, at: i64| {
        let moments = &evidence.series[series].moments;
        let reach = (WITHIN * 1e6) as i64;
        let next = moments.partition_point(|moment| moment.at < at - reach);
        moments
            .get(next)
            .is_some_and(|moment| moment.at <= at + reach)
    };
    let quorum = (members.len() * 2).div_ceil(3);
    let lead_moments = &evidence.series[lead].moments;
    let (hit, missed): (Vec<i64>, Vec<i64>) = lead_moments
        .iter()
        .map(|moment| moment.at)
        .partition(|&at| members.iter().filter(|&&series| near(series, at)).count() >= quorum);
    let life = life::of_row(
        &lead_moments
            .iter()
            .map(|moment| hit.binary_search(&moment.at).is_ok())
            .collect::<Vec<_>>(),
    );
    let (hit, missed) = (
        lived(hit, lead_moments, &life),
        lived(missed, lead_moments, &life),
    );
    let mut finding = Finding::new(Kind::Routine, members.clone());
    if life.ended {
        finding.status = Status::Stopped;
    }
    finding.p_value = inside.map(|link| link.p_value).fold(0.0, f64::max);
    finding.hits = hit.len() as u32;
    finding.opportunities = (hit.len() + missed.len()) as u32;
    finding.member_share = members
        .iter()
        .map(|&series| {
            hit.iter().filter(|&&at| near(series, at)).count() as f64 / hit.len().max(1) as f64
        })
        .collect();
    finding.occurrences = hit;
    finding.misses = missed;
    finding.quorum = quorum;
    finding.scene = true;
    finding
}

/// Those of the instants that lie in the part of the lead's moments in which it lived.
fn lived(mut instants: Vec<i64>, moments: &[Moment], life: &Life) -> Vec<i64> {
    let part = &moments[life.part.clone()];
    let ends = part.first().zip(part.last());
    instants.retain(|&at| ends.is_some_and(|(first, last)| (first.at..=last.at).contains(&at)));
    instants
}
