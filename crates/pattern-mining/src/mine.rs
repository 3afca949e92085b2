//! The run: evidence in, habits out.

use common::pattern::{Pattern, PatternKind};

use crate::detect::time_of_day::{self, Candidate};
use crate::identity::{Identity, name_all};
use crate::merge;
use crate::report::Report;
use crate::score::{q_values, wilson_lower};
use crate::sentence::{self, Words};
use crate::timeline::{Evidence, Timeline};

/// Share of false habits, among those told, that a run allows itself.
pub const MAX_FALSE_DISCOVERY_RATE: f64 = 0.05;

/// What a run found.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The habits, strongest first.
    pub patterns: Vec<Pattern>,
    /// What was looked at and what was left out.
    pub report: Report,
}

/// Finds the habits in a timeline. `known` are those of the last run, whose ids live on where the habit does.
pub fn mine(timeline: Timeline, known: &[Pattern]) -> Outcome {
    let evidence = timeline.finish();
    let mut report = Report {
        events_seen: evidence.seen,
        events_kept: evidence.kept,
        left_out: evidence.left_out.clone(),
        days: evidence.days.len(),
        days_lived_in: evidence.days.lived_in(),
        ..Report::default()
    };
    let mut candidates = Vec::new();
    for (index, series) in evidence.series.iter().enumerate() {
        let found = time_of_day::find(index, series, &evidence.days);
        report.hypotheses += found.hypotheses;
        report.windows += found.windows;
        candidates.extend(found.candidates);
    }
    report.candidates = candidates.len();
    let p_values: Vec<f64> = candidates
        .iter()
        .map(|candidate| candidate.p_value)
        .collect();
    let q_values = q_values(&p_values, report.hypotheses);
    let mut significant = Vec::new();
    for (mut candidate, q_value) in candidates.into_iter().zip(q_values) {
        if q_value <= MAX_FALSE_DISCOVERY_RATE {
            candidate.p_value = q_value;
            significant.push(candidate);
        }
    }
    Outcome {
        patterns: told(
            &merge::fold(significant, &evidence.series),
            &evidence,
            known,
        ),
        report,
    }
}

/// The habits in the words of the product. The candidates carry q-values by now.
fn told(candidates: &[Candidate], evidence: &Evidence, known: &[Pattern]) -> Vec<Pattern> {
    let identity = |candidate: &Candidate| {
        let series = &evidence.series[candidate.series];
        let (entity, state) = (&series.entity, series.state.as_str());
        Identity {
            kind: PatternKind::TimeOfDay,
            entity,
            state,
            days: candidate.class,
            minute: candidate.minute,
        }
    };
    let identities: Vec<Identity<'_>> = candidates.iter().map(identity).collect();
    let names = name_all(&identities, known);
    candidates
        .iter()
        .zip(names)
        .map(|(candidate, id)| pattern(candidate, id, evidence))
        .collect()
}

fn pattern(candidate: &Candidate, id: String, evidence: &Evidence) -> Pattern {
    let series = &evidence.series[candidate.series];
    let instant = |moment: Option<&crate::timeline::Moment>| {
        let micros = moment.map_or(0, |moment| moment.at);
        common::instant::UtcMicros::default().plus_micros(micros)
    };
    let words = Words {
        entity_id: series.entity.as_str(),
        name: series.name.as_deref(),
        state: &series.state,
        minute: candidate.minute,
        days: candidate.class,
        seen: candidate.hits,
        of: candidate.opportunities,
    };
    Pattern {
        id,
        kind: PatternKind::TimeOfDay,
        entities: vec![series.entity.clone()],
        states: vec![series.state.clone()],
        days: candidate.class,
        time_of_day_minutes: candidate.minute as u16,
        spread_minutes: round_to(candidate.spread, 10.0),
        window_minutes: candidate.half_width as u16,
        days_seen: candidate.hits,
        opportunities: candidate.opportunities,
        expected_by_chance: round_to(candidate.expected, 100.0),
        q_value: candidate.p_value,
        confidence: round_to(
            wilson_lower(candidate.opportunities, candidate.hits),
            1000.0,
        ),
        first_seen: instant(candidate.moments.first()),
        last_seen: instant(candidate.moments.last()),
        sentence: sentence::time_of_day(&words),
    }
}

/// Rounded for people: digits that the data cannot carry would only make runs look different.
fn round_to(value: f64, parts: f64) -> f64 {
    (value * parts).round() / parts
}
