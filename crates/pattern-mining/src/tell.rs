//! From a finding to what is told.

use common::instant::UtcMicros;

use crate::detect::time_of_day::Frame;
use crate::evidence::Evidence;
use crate::finding::Finding;
use crate::pattern::{Backtest, Instants, Kind, Pattern, SunOffset};
use crate::score::wilson_lower;
use crate::sentence;

/// A replay weighs this much in the confidence; the whole past weighs the rest.
const REPLAY_WEIGHT: f64 = 0.3;

/// The pattern of a finding; its id is still empty.
pub fn pattern(finding: &Finding, backtest: Option<Backtest>, evidence: &Evidence) -> Pattern {
    let series = |place: usize| &evidence.series[finding.series[place]];
    let all = || (0..finding.series.len()).map(series);
    let mut days: Vec<i64> = finding
        .occurrences
        .iter()
        .map(|&at| evidence.moment(at).day())
        .collect();
    days.dedup();
    let clock = finding.clock;
    let sun = clock.and_then(|clock| sun(finding, clock.frame, evidence));
    let mut pattern = Pattern {
        id: String::new(),
        kind: finding.kind,
        entities: all()
            .map(|series| evidence.facts[series.entity].id.clone())
            .collect(),
        states: all().map(|series| series.state.clone()).collect(),
        confidence: confidence(finding, backtest),
        q_value: finding.p_value,
        status: finding.status,
        occurrences: finding.hits,
        opportunities: finding.opportunities,
        days_seen: days.len() as u32,
        expected_by_chance: round_to(finding.expected, 100.0),
        time_of_day_minutes: clock.map(|clock| clock.minute as u16),
        spread_minutes: clock.map(|clock| round_to(clock.spread, 10.0)),
        window_minutes: clock.map(|clock| clock.half_width as u16),
        drift_minutes_per_week: clock.and_then(|clock| match clock.frame {
            Frame::Drift(weekly) => Some(weekly as f64),
            Frame::Clock | Frame::Sun(_) => None,
        }),
        sun,
        days: finding.days,
        delay_s: finding
            .delay
            .filter(|_| finding.kind != Kind::Duration)
            .map(|delay| round_to(delay.1, 10.0)),
        delay_spread_s: finding
            .delay
            .filter(|_| finding.kind != Kind::Duration)
            .map(|delay| (round_to(delay.0, 10.0), round_to(delay.2, 10.0))),
        gaps_s: finding
            .gaps
            .iter()
            .map(|&gap| round_to(gap, 10.0))
            .collect(),
        member_share: finding
            .member_share
            .iter()
            .map(|&share| round_to(share, 1000.0))
            .collect(),
        scene: finding.scene,
        same_area: same_area(finding, evidence),
        minutes: finding.minutes.map(|minutes| round_to(minutes, 100.0)),
        condition: finding.condition.clone(),
        oddity: finding.oddity.map(|(oddity, _)| oddity),
        t: finding.oddity.map(|(_, at)| instant(at)),
        until: finding.until.map(instant),
        first_seen: instant(finding.occurrences.first().copied().unwrap_or(0)),
        last_seen: instant(finding.occurrences.last().copied().unwrap_or(0)),
        sentence: String::new(),
        backtest,
        evidence: Instants {
            occurrences: finding.occurrences.iter().map(|&at| instant(at)).collect(),
            misses: finding.misses.iter().map(|&at| instant(at)).collect(),
        },
    };
    pattern.sentence = sentence::sentence(&pattern, finding, evidence);
    pattern
}

fn instant(micros: i64) -> UtcMicros {
    UtcMicros::default().plus_micros(micros)
}

fn confidence(finding: &Finding, backtest: Option<Backtest>) -> f64 {
    if finding.kind == Kind::Anomaly {
        // One odd thing has no share; how far out it is orders the oddities behind the habits.
        return round_to(
            (-finding.p_value.max(1e-12).log10() / 24.0).clamp(0.05, 0.5),
            1000.0,
        );
    }
    let whole = wilson_lower(finding.opportunities, finding.hits);
    let value = backtest.map_or(whole, |replay| {
        let rest = f64::from(replay.right) / f64::from(replay.fired.max(1));
        (1.0 - REPLAY_WEIGHT) * whole + REPLAY_WEIGHT * rest.min(whole)
    });
    round_to(value, 1000.0)
}

fn sun(finding: &Finding, frame: Frame, evidence: &Evidence) -> Option<SunOffset> {
    let Frame::Sun(event) = frame else {
        return None;
    };
    let last = *finding.occurrences.last()?;
    let day = evidence.moment(last).day();
    let moment = evidence.place.minute_utc(day, event)?;
    let minute = (last as f64 / 60e6) - (day * 1440) as f64;
    let clock = finding.clock?;
    // The told minute is that of the last day; its sun is a minute or two off that of the last hit at most.
    let drift = clock.minute - evidence.moment(last).of_day();
    Some(SunOffset {
        event,
        minutes: (minute - moment).round() as i32 + drift as i32,
    })
}

fn same_area(finding: &Finding, evidence: &Evidence) -> Option<bool> {
    let areas: Option<Vec<&String>> = finding
        .series
        .iter()
        .map(|&series| evidence.facts_of(series).area.as_ref())
        .collect();
    areas
        .filter(|areas| areas.len() > 1)
        .map(|areas| areas.iter().all(|area| *area == areas[0]))
}

/// Rounded for people: digits that the data cannot carry would only make runs look different.
fn round_to(value: f64, parts: f64) -> f64 {
    (value * parts).round() / parts
}
