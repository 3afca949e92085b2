//! The answer for people: sentences with small bars.

use std::fmt::Write;

use pattern_mining::Outcome;
use pattern_mining::pattern::{Kind, Pattern, Status};

use super::events::ReadLines;

/// Characters of a full bar.
const BAR: usize = 10;

/// Every pattern, by kind, with what it rests on.
pub(crate) fn list(outcome: &Outcome, read: &ReadLines) -> String {
    let mut text = String::new();
    for kind in Kind::ALL {
        let of_kind: Vec<&Pattern> = outcome
            .patterns
            .iter()
            .filter(|pattern| pattern.kind == kind)
            .collect();
        if of_kind.is_empty() {
            continue;
        }
        line(&mut text, heading(kind));
        for pattern in of_kind {
            line(
                &mut text,
                &format!(
                    "  {} {}{}",
                    bar(pattern.confidence),
                    pattern.sentence,
                    life(pattern.status)
                ),
            );
            if let Some(replay) = pattern.backtest {
                line(
                    &mut text,
                    &format!(
                        "  {:BAR$} as an automation since {}: right {} of {}, unwanted {}, missed {}",
                        "",
                        replay.from.timestamp().strftime("%Y-%m-%d"),
                        replay.right,
                        replay.fired,
                        replay.unwanted,
                        replay.missed
                    ),
                );
            }
        }
        text.push('\n');
    }
    text + &summary(outcome, read)
}

/// What was looked at.
pub(crate) fn summary(outcome: &Outcome, read: &ReadLines) -> String {
    let report = &outcome.report;
    let mut text = String::new();
    if report.days_lived_in < report.days_wanted {
        line(
            &mut text,
            &format!(
                "{} of {} days collected: too few to tell a habit from chance.",
                report.days_lived_in, report.days_wanted
            ),
        );
    } else if outcome.patterns.is_empty() {
        line(&mut text, "Nothing in this home is more than chance.");
    }
    line(
        &mut text,
        &format!(
            "{} patterns from {} changes on {} days ({} lived in); {} possibilities were tried, at most 5 % of what is told is expected to be false.",
            outcome.patterns.len(),
            report.events_seen,
            report.days,
            report.days_lived_in,
            report.hypotheses
        ),
    );
    let reasons = serde_json::to_value(&report.left_out).unwrap_or_default();
    let reasons: Vec<String> = reasons
        .as_object()
        .into_iter()
        .flatten()
        .map(|(reason, count)| format!("{} {count}", reason.replace('_', " ")))
        .collect();
    line(
        &mut text,
        &format!(
            "Left out: {}.",
            if reasons.is_empty() {
                "nothing".to_owned()
            } else {
                reasons.join(", ")
            }
        ),
    );
    if let Some((number, wrong)) = &read.first_bad {
        line(
            &mut text,
            &format!(
                "{} lines are no state change; the first is line {number}: {wrong}",
                read.bad
            ),
        );
    }
    text.truncate(text.trim_end().len());
    text
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").unwrap_or_default();
}

fn heading(kind: Kind) -> &'static str {
    match kind {
        Kind::TimeOfDay => "At a time of the day",
        Kind::Pair => "One after another",
        Kind::Conditional => "One after another, under a condition",
        Kind::Sequence => "In steps",
        Kind::Routine => "Together",
        Kind::Duration => "For a time",
        Kind::Anomaly => "Out of the ordinary",
    }
}

fn life(status: Status) -> String {
    if status == Status::Active {
        String::new()
    } else {
        format!(" [{}]", status.as_str())
    }
}

fn bar(confidence: f64) -> String {
    let full = (confidence * BAR as f64).round() as usize;
    "█".repeat(full.min(BAR)) + &"░".repeat(BAR.saturating_sub(full))
}
