//! An entity reaches a state around a minute of the day.
//!
//! The question asked of every window of the day is not "how often" but "more often than this entity's own life around that
//! hour explains". The null hypothesis lets each day keep as many changes as it had within three hours of the
//! window, and only places them anew: evenly, or as densely as they are just before or just after the window, whichever explains
//! more. A light that is used at random while people are awake, a sensor that chatters, the step in the morning when everything
//! begins: none of these stands out against its own neighbourhood. A habit does. Days are counted, never changes, so that one busy evening is one day.

use crate::calendar::{Days, MINUTES_PER_DAY};
use crate::evidence::{Evidence, Series};
use crate::finding::{Finding, Found};
use crate::pattern::{DaySet, Status};

pub use frame::{Frame, Frames};
use layout::{Choice, Layout};
use scan::Scan;

mod frame;
mod layout;
mod scan;
mod sweep;

/// Fewest distinct days on which it must have happened.
pub const MIN_DAYS: u32 = 5;
/// Days of the recent span, in which a habit that began lately shows best.
pub const RECENT_DAYS: usize = 28;
/// The same where the past is shorter than two of them.
const MIN_RECENT_DAYS: usize = 14;

/// Half widths of the windows, in minutes, each with the distance between the centres tried.
const WINDOWS: [(i64, i64); 4] = [(10, 5), (20, 10), (30, 15), (45, 20)];
/// Two habits of the same entity, state and class lie at least this far apart, in minutes.
const APART: i64 = 45;
/// The wall clock explains a habit unless another measure is more convincing by this factor: most habits follow the clock.
const OTHER_FRAME: f64 = 1e3;

/// Looks for windows in every series.
pub fn find(evidence: &Evidence) -> Found {
    let frames = Frames::new(evidence);
    let choices = choices(&evidence.days);
    let mut found = Found::default();
    for (index, series) in evidence.series.iter().enumerate() {
        if evidence.stop.is_said() {
            break;
        }
        if series.effect {
            found.hypotheses += choices.len();
            found
                .findings
                .extend(of_series(index, series, evidence, &frames, &choices));
        }
    }
    found
}

/// The day classes that have enough days to be tried, each with its spans: all of the past, and where it is long enough the recent
/// and the earlier part.
fn choices(days: &Days) -> Vec<Vec<Choice>> {
    let lately = RECENT_DAYS.min(days.len() / 2);
    let recent = days.len() - lately..days.len();
    let early = 0..days.len() - lately * 3 / 4;
    let long = lately >= MIN_RECENT_DAYS;
    let broad = [DaySet::ALL, DaySet::WEEKDAY, DaySet::WEEKEND];
    let classes = broad.into_iter().chain((0..7).map(DaySet::single));
    let whole = 0..days.len();
    let spans = |class: DaySet| {
        let parts = [recent.clone(), early.clone()];
        let parts = parts.into_iter().filter(|_| long && class.count() > 1);
        std::iter::once(whole.clone())
            .chain(parts)
            .map(|span| Choice::new(days, class, span))
            .collect::<Vec<_>>()
    };
    classes
        .map(spans)
        .filter(|spans| spans[0].days >= MIN_DAYS as usize)
        .collect()
}

fn of_series(
    index: usize,
    series: &Series,
    evidence: &Evidence,
    frames: &Frames,
    choices: &[Vec<Choice>],
) -> Vec<Finding> {
    let days = &evidence.days;
    if series.moments.len() < MIN_DAYS as usize {
        return Vec::new();
    }
    // The clock and all other measures together pay one half each.
    let charge = |number: usize| {
        let halves = if frames.len() > 1 { 2 } else { 1 };
        let measures = if number == 0 { 1 } else { frames.len() - 1 };
        (halves * tried_positions() * measures) as f64
    };
    let mut laid_out: Vec<Option<Layout<'_>>> = frames.iter().map(|_| None).collect();
    let mut findings: Vec<Finding> = Vec::new();
    for spans in choices {
        let mut candidates: Vec<Finding> = Vec::new();
        for choice in spans {
            let whole = choice.span == (0..days.len());
            for (number, frame) in frames.iter().enumerate() {
                // Other measures than the clock are worth their time only where the clock already shows something, and in the whole.
                if number > 0 && (choice.class.count() == 1 || !whole) {
                    break;
                }
                let layout =
                    laid_out[number].get_or_insert_with(|| Layout::new(series, days, frame));
                let worth = scan::worth_a_look(choice);
                let most_days = layout.most_days(choice, worth);
                if number == 0 && f64::from(most_days) < worth {
                    break;
                }
                let Some(scan) = Scan::new(layout, choice, most_days) else {
                    continue;
                };
                for (centre, half_width) in scan.shortlist() {
                    if let Some(mut finding) = scan.examine(centre, half_width) {
                        if choice.span.end < days.len() && finding.status != Status::Stopped {
                            continue;
                        }
                        let spans = if number == 0 { spans.len() } else { 1 } as f64;
                        finding.p_value = (finding.p_value * charge(number) * spans).min(1.0);
                        finding.series = vec![index];
                        candidates.push(finding);
                    }
                }
            }
        }
        findings.extend(best_apart(candidates));
    }
    findings
}

/// Centres and widths that are tried for each series, class, frame and span.
fn tried_positions() -> usize {
    WINDOWS
        .iter()
        .map(|&(_, step)| (MINUTES_PER_DAY / step) as usize)
        .sum()
}

/// How much a finding is worth beside others of the same series: its p-value, dearer where it needs another measure than the clock.
fn weight(finding: &Finding) -> f64 {
    let other = finding
        .clock
        .is_some_and(|clock| clock.frame != Frame::Clock);
    finding.p_value * if other { OTHER_FRAME } else { 1.0 }
}

/// The strongest of the candidates that overlap, for each habit of the day.
fn best_apart(mut candidates: Vec<Finding>) -> Vec<Finding> {
    candidates.sort_by(|a, b| weight(a).total_cmp(&weight(b)).then(b.hits.cmp(&a.hits)));
    let mut best: Vec<Finding> = Vec::new();
    for candidate in candidates {
        let Some(here) = candidate.clock else {
            continue;
        };
        let near = |other: &Finding| {
            other.clock.is_some_and(|there| {
                apart(there.minute, here.minute) < APART.max(there.half_width)
                    || apart(there.centre, here.centre) < there.half_width + here.half_width
            })
        };
        if !best.iter().any(near) {
            best.push(candidate);
        }
    }
    best
}

/// Distance of two minutes of the day on the circle.
pub fn apart(a: i64, b: i64) -> i64 {
    let distance = (a - b).rem_euclid(MINUTES_PER_DAY);
    distance.min(MINUTES_PER_DAY - distance)
}
