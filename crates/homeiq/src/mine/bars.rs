//! The answer for people: sentences with small bars.

use std::fmt::Write;

use pattern_mining::pattern::{Kind, Pattern, Status};
use pattern_mining::timeline::LOOKBACK_DAYS;
use pattern_mining::{Outcome, Reason};

use super::events::ReadLines;

/// Characters of a full bar.
const BAR: usize = 10;

/// Every pattern, by kind, with what it rests on.
pub(crate) fn list(outcome: &Outcome, read: &ReadLines, notes: &[String]) -> String {
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
                        "  {:BAR$} as an automation since {}: right {} of {}, unwanted {}{}",
                        "",
                        replay.from.timestamp().strftime("%Y-%m-%d"),
                        replay.right,
                        replay.fired,
                        replay.unwanted,
                        missed(kind, replay.missed)
                    ),
                );
            }
        }
        text.push('\n');
    }
    text + &summary(outcome, read, notes)
}

/// Only what has a trigger can be done by people without it.
fn missed(kind: Kind, missed: u32) -> String {
    if matches!(kind, Kind::Pair | Kind::Conditional) {
        format!(", missed {missed}")
    } else {
        String::new()
    }
}

/// What was looked at, and what of the command was to no purpose.
pub(crate) fn summary(outcome: &Outcome, read: &ReadLines, notes: &[String]) -> String {
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
            "{} from {} on {} ({} lived in); {} possibilities were tried, at most 5 % of what is told is expected to be false.",
            counted(outcome.patterns.len(), "pattern"),
            counted(report.events_seen as usize, "change"),
            counted(report.days, "day"),
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
    let older = report.left_out.get(Reason::Older);
    if older * 100 > report.events_seen * 99 {
        line(
            &mut text,
            &format!(
                "All but {} are more than {LOOKBACK_DAYS} days older than the newest one and do not count. Is the newest one dated right?",
                counted((report.events_seen - older) as usize, "change")
            ),
        );
    }
    if let Some((number, wrong)) = &read.first_bad {
        let (lines, are) = (
            counted(read.bad as usize, "line"),
            if read.bad == 1 { "is" } else { "are" },
        );
        line(
            &mut text,
            &format!("{lines} {are} no state change; the first is line {number}: {wrong}"),
        );
    }
    for note in notes {
        line(&mut text, note);
    }
    text.truncate(text.trim_end().len());
    text
}

/// 1 day, 2 days.
fn counted(count: usize, unit: &str) -> String {
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
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
