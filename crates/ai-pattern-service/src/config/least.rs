//! What a habit must have to be told, beyond what the miner itself asks for: the thresholds of the replaced service.

use std::str::FromStr;

use common::env::Env;
use pattern_mining::pattern::{Kind, Pattern};
use serde::Deserialize;

/// The least that is told. They only ever take habits away: the miner's own tests stay.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Least {
    time_of_day: Overrides,
    pair_confidence: Option<f64>,
    /// Least confidence of what is listed as a synergy.
    pub synergy_confidence: f64,
}

/// `{"min_occurrences": 3, "min_confidence": 0.6}`: what the replaced service read of its JSON settings.
#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize)]
struct Overrides {
    #[serde(default)]
    min_occurrences: Option<u32>,
    #[serde(default)]
    min_confidence: Option<f64>,
}

impl FromStr for Overrides {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WANT: &str = r#"want a JSON object such as {"min_confidence": 0.6}"#;
        let read: Self = serde_json::from_str(text).map_err(|_| WANT)?;
        match read.min_confidence {
            Some(least) if !(0.0..=1.0).contains(&least) => Err("want a min_confidence of 0 to 1"),
            _ => Ok(read),
        }
    }
}

/// 0 to 1.
struct Share(f64);

impl FromStr for Share {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse()
            .ok()
            .filter(|share| (0.0..=1.0).contains(share))
            .map(Self)
            .ok_or("want a number from 0 to 1")
    }
}

impl Least {
    pub(super) fn read(env: &mut Env) -> Self {
        let occurrences: Overrides = env.value(
            &["TIME_OF_DAY_OCCURRENCE_OVERRIDES"],
            "{}",
            r#"Least number of times for a habit of the clock to be told: `{"min_occurrences": 10}`. The miner's own test is there anyway."#,
        );
        let confidence: Overrides = env.value(
            &["TIME_OF_DAY_CONFIDENCE_OVERRIDES"],
            "{}",
            r#"Least confidence of a habit of the clock, as a JSON object: `{"min_confidence": 0.6}`."#,
        );
        let pairs: Overrides = env.value(
            &["CO_OCCURRENCE_CONFIDENCE_OVERRIDES"],
            "{}",
            r#"Least confidence of a pair, as a JSON object: `{"min_confidence": 0.6}`."#,
        );
        let synergies: Share = env.value(
            &["SYNERGY_MIN_CONFIDENCE"],
            "0.5",
            "Least confidence of what `/api/v1/synergies/list` shows unless it is asked otherwise, 0 to 1.",
        );
        Self {
            time_of_day: Overrides {
                min_occurrences: occurrences.min_occurrences,
                min_confidence: confidence.min_confidence,
            },
            pair_confidence: pairs.min_confidence,
            synergy_confidence: synergies.0,
        }
    }

    /// Whether a habit has enough.
    pub fn allows(&self, pattern: &Pattern) -> bool {
        let sure = |least: Option<f64>| least.is_none_or(|least| pattern.confidence >= least);
        match pattern.kind {
            Kind::TimeOfDay => {
                let often = self.time_of_day.min_occurrences;
                sure(self.time_of_day.min_confidence)
                    && often.is_none_or(|least| pattern.occurrences >= least)
            }
            Kind::Pair => sure(self.pair_confidence),
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::tests::habit;

    #[test]
    fn thresholds_take_away_only_what_they_are_about() {
        let mut env = Env::from_pairs([
            (
                "TIME_OF_DAY_CONFIDENCE_OVERRIDES",
                r#"{"min_confidence": 0.7}"#,
            ),
            (
                "TIME_OF_DAY_OCCURRENCE_OVERRIDES",
                r#"{"min_occurrences": 20}"#,
            ),
            (
                "CO_OCCURRENCE_CONFIDENCE_OVERRIDES",
                r#"{"min_confidence": 0.9, "light": 1}"#,
            ),
        ]);
        let least = Least::read(&mut env);
        env.finish().unwrap();
        assert!(least.allows(&habit("a", 420, 0.7)));
        assert!(!least.allows(&habit("a", 420, 0.69)));
        let rare = Pattern {
            occurrences: 19,
            ..habit("a", 420, 0.7)
        };
        assert!(!least.allows(&rare));
        let of = |kind| Pattern {
            kind,
            ..habit("a", 420, 0.8)
        };
        assert!(!least.allows(&of(Kind::Pair)) && least.allows(&of(Kind::Sequence)));
    }

    #[test]
    fn nonsense_is_told() {
        for (name, value) in [
            ("TIME_OF_DAY_CONFIDENCE_OVERRIDES", "0.6"),
            (
                "TIME_OF_DAY_CONFIDENCE_OVERRIDES",
                r#"{"min_confidence": 60}"#,
            ),
            ("SYNERGY_MIN_CONFIDENCE", "2"),
        ] {
            let mut env = Env::from_pairs([(name, value)]);
            Least::read(&mut env);
            let told = env.finish().unwrap_err().to_string();
            assert!(told.contains(name), "{told}");
        }
    }
}
