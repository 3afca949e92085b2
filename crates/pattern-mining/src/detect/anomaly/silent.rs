//! What has fallen silent: a sensor whose battery is empty, a lamp that is out of reach.
//!
//! That holds for what measures and for what follows whoever walks by as well, of which nothing else is told.

use std::collections::HashSet;

use crate::evidence::{Evidence, Facts, Moment};
use crate::finding::{Finding, Found};
use crate::pattern::Oddity;
use crate::sentence;

use super::{oddity, since};

/// Fewest changes a day of something whose silence is remarkable.
const SPEAKS: f64 = 2.5;
/// Fewest whole days of silence.
const SILENT_DAYS: usize = 3;

/// Looks at everything that speaks: each thing once, by what it does when it is at work.
pub(super) fn find(evidence: &Evidence, found: &mut Found) {
    // The power of a plug is silent when the plug is not used, and the plug says so itself.
    let used = evidence.series.iter().filter(|series| series.effect);
    let used: HashSet<u32> = used
        .filter_map(|series| evidence.facts[series.entity].device)
        .collect();
    for (index, series) in evidence.series.iter().enumerate() {
        let facts = &evidence.facts[series.entity];
        let moments = if facts.left_out.is_some() {
            if facts.device.is_some_and(|device| used.contains(&device)) {
                continue;
            }
            found.hypotheses += 1;
            &long_silent(evidence, facts)
        } else if series.active && !facts.person && (series.effect || facts.ambient) {
            found.hypotheses += 1;
            &series.moments
        } else {
            continue;
        };
        found.findings.extend(silent(evidence, index, moments));
    }
}

/// Everything that was heard of a thing that is no evidence for habits; nothing where it was never silent for long, as nearly all are.
fn long_silent(evidence: &Evidence, facts: &Facts) -> Vec<Moment> {
    let known = facts.states.len();
    let mut heard: Vec<i64> = if facts.samples.is_empty() {
        let steps = facts.steps.iter();
        let steps = steps.filter(|step| usize::from(step.state) < known);
        steps.map(|step| step.at).collect()
    } else {
        facts.samples.iter().map(|&(at, _)| at).collect()
    };
    heard.push(evidence.span.1);
    let long = SILENT_DAYS as i64 * super::DAY;
    let is_silent = heard.windows(2).any(|pair| pair[1] - pair[0] >= long);
    heard.pop();
    if !is_silent {
        heard.clear();
    }
    heard.into_iter().map(|at| evidence.moment(at)).collect()
}

/// Something that speaks every day, and did not for days on which others did.
fn silent(evidence: &Evidence, index: usize, moments: &[Moment]) -> Option<Finding> {
    let days = &evidence.days;
    let mut spoke = vec![false; days.len()];
    for moment in moments {
        if let Some(day) = days.index(moment.day()) {
            spoke[day] = true;
        }
    }
    let lived: Vec<usize> = (0..days.len())
        .filter(|&day| days.lived_at(days.day_at(day) * 1440))
        .collect();
    let mut longest: &[usize] = &[];
    // The last day of the data is not whole.
    for run in lived[..lived.len().saturating_sub(1)].chunk_by(|&a, &b| spoke[a] == spoke[b]) {
        if !spoke[run[0]] && run.len() > longest.len() {
            longest = run;
        }
    }
    let others = lived.len() - longest.len();
    let loud = lived.iter().filter(|&&day| spoke[day]).count();
    let first = *longest.first()?;
    let begun = moments.first()?;
    let at = days.micros_at(first, 0);
    if longest.len() < SILENT_DAYS
        || at < since(evidence)
        || (moments.len() as f64) < SPEAKS * others as f64
        || begun.at > at
    {
        return None;
    }
    let mut by_day = vec![0.0_f64; days.len()];
    for moment in moments {
        if let Some(day) = days.index(moment.day()) {
            by_day[day] += 1.0;
        }
    }
    let counts: Vec<f64> = lived
        .iter()
        .filter(|day| !longest.contains(day))
        .map(|&day| by_day[day])
        .collect();
    let p_value = quiet_day(&counts).powi(longest.len() as i32) * lived.len() as f64;
    let did = if evidence.series[index].effect {
        "did"
    } else {
        "was heard"
    };
    let remark = format!(
        "{}, and it {did} on {loud} of {others} other days",
        sentence::counted(longest.len(), "day")
    );
    let mut finding = oddity(index, Oddity::Silent, at, p_value.min(1.0), remark);
    let last = longest[longest.len() - 1];
    let spoke_again = moments.last().is_some_and(|moment| moment.at > at);
    finding.until = spoke_again.then(|| days.micros_at(last, 0));
    Some(finding)
}

/// Probability of a day without any, from the counts of other days: that of a negative binomial with their mean and variance,
/// which keeps what makes days differ, and never less than one day in ten thousand.
fn quiet_day(counts: &[f64]) -> f64 {
    let days = counts.len().max(1) as f64;
    let mean = counts.iter().sum::<f64>() / days;
    let variance = counts
        .iter()
        .map(|count| (count - mean).powi(2))
        .sum::<f64>()
        / days;
    let chance = if variance > mean {
        let size = mean * mean / (variance - mean);
        (size / (size + mean)).powf(size)
    } else {
        (-mean).exp()
    };
    let seen = counts.iter().filter(|&&count| count == 0.0).count() as f64 / days;
    chance.max(seen).max(1e-4)
}
