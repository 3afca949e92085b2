//! A pattern in plain words.

use crate::evidence::Evidence;
use crate::finding::Finding;
use crate::pattern::{Condition, Kind, Oddity, Pattern, Status};

mod words;

/// A delay whose three-quarter point is more than this many times its quarter point has no middle worth telling …
const WIDE: f64 = 2.5;
/// … unless the two lie closer than this, in seconds.
const WIDE_SECONDS: f64 = 10.0;

/// Such as: Kitchen light turns on around 06:45 on weekdays (19 of 21 days).
pub fn sentence(pattern: &Pattern, finding: &Finding, evidence: &Evidence) -> String {
    let teller = Teller {
        pattern,
        finding,
        evidence,
    };
    format!("{}.", teller.text())
}

struct Teller<'a> {
    pattern: &'a Pattern,
    finding: &'a Finding,
    evidence: &'a Evidence,
}

impl Teller<'_> {
    fn text(&self) -> String {
        let pattern = self.pattern;
        let (last, count) = (self.last(), self.count());
        match pattern.kind {
            Kind::TimeOfDay => {
                let sun = pattern.sun.map(words::sun).unwrap_or_default();
                let drift = pattern.drift_minutes_per_week.map(words::drift);
                format!(
                    "{} around {}{sun} {}{}{last} ({count})",
                    self.does(0),
                    self.clock(),
                    words::days(pattern.days),
                    drift.unwrap_or_default(),
                )
            }
            Kind::Pair => format!("{}{last} ({count})", self.follows()),
            Kind::Conditional => {
                let condition = pattern.condition.as_ref();
                let only = condition.map(|condition| self.condition(condition));
                format!(
                    "{}, but only {}{last} ({count})",
                    self.follows(),
                    only.unwrap_or_default()
                )
            }
            Kind::Sequence => format!(
                "{}{}{last} ({count})",
                self.all().join(", then "),
                self.when()
            ),
            Kind::Routine => format!("{}{last} ({count})", self.together()),
            Kind::Duration => format!(
                "{} is {} for about {}{last} ({count})",
                self.name(0),
                self.being(0),
                words::span(pattern.minutes.unwrap_or(0.0) * 60.0)
            ),
            Kind::Anomaly => self.odd(),
        }
    }

    fn name(&self, place: usize) -> String {
        let facts = self.evidence.facts_of(self.finding.series[place]);
        facts
            .name
            .clone()
            .unwrap_or_else(|| words::spoken(&facts.id))
    }

    fn verb(&self, place: usize) -> String {
        let facts = self.evidence.facts_of(self.finding.series[place]);
        words::verb(
            &facts.id,
            facts.class.as_deref(),
            &self.pattern.states[place],
        )
    }

    fn being(&self, place: usize) -> String {
        let facts = self.evidence.facts_of(self.finding.series[place]);
        words::being(
            &facts.id,
            facts.class.as_deref(),
            &self.pattern.states[place],
        )
    }

    fn does(&self, place: usize) -> String {
        format!("{} {}", self.name(place), words::does(&self.verb(place)))
    }

    fn all(&self) -> Vec<String> {
        let places = 0..self.finding.series.len();
        places.map(|place| self.does(place)).collect()
    }

    fn clock(&self) -> String {
        words::clock(self.pattern.time_of_day_minutes.unwrap_or(0).into())
    }

    /// A habit of a clock is counted by days.
    fn count(&self) -> String {
        let unit = if self.pattern.time_of_day_minutes.is_some() {
            "days"
        } else {
            "times"
        };
        format!(
            "{} of {} {unit}",
            self.pattern.occurrences, self.pattern.opportunities
        )
    }

    /// What is over is told with its end.
    fn last(&self) -> String {
        match (self.pattern.status, self.finding.occurrences.last()) {
            (Status::Stopped | Status::Paused, Some(&at)) => {
                let day = self.evidence.moment(at).day();
                format!(", last on {}", words::date(day))
            }
            _ => String::new(),
        }
    }

    /// The time of the day, where it has one.
    fn when(&self) -> String {
        match self.pattern.time_of_day_minutes {
            Some(_) => format!(
                ", around {} {}",
                self.clock(),
                words::days(self.pattern.days)
            ),
            None => String::new(),
        }
    }

    /// The second after the first: about so long where its delay has a middle, else within its longest.
    fn follows(&self) -> String {
        let (low, middle, high) = self.finding.delay.unwrap_or_default();
        let is_wide = high > WIDE * low && high - low > WIDE_SECONDS;
        let after = if is_wide {
            format!("within {}", words::at_most(self.finding.within))
        } else {
            format!("about {}", words::span(middle))
        };
        format!("{} {after} after {}", self.does(1), self.does(0))
    }

    fn together(&self) -> String {
        let all = self.all();
        let of = match self.finding.quorum {
            quorum if quorum < all.len() => format!("At least {quorum} of these together"),
            _ => "Together".to_owned(),
        };
        let when = if self.finding.scene {
            "within seconds".to_owned()
        } else {
            format!("around {} {}", self.clock(), words::days(self.pattern.days))
        };
        format!("{of} {when}: {}", all.join("; "))
    }

    fn condition(&self, condition: &Condition) -> String {
        match condition {
            Condition::Dark => "when it is dark".to_owned(),
            Condition::Light => "by daylight".to_owned(),
            Condition::Weekday => "on weekdays".to_owned(),
            Condition::Weekend => "at weekends".to_owned(),
            Condition::State { entity, state } => {
                let (name, class) = self.named(entity);
                format!("while {name} is {}", words::being(entity, class, state))
            }
            Condition::Numeric {
                entity,
                above,
                below,
            } => {
                let (name, _) = self.named(entity);
                match (above, below) {
                    (Some(above), _) => format!("while {name} is above {above}"),
                    (None, Some(below)) => format!("while {name} is below {below}"),
                    (None, None) => format!("while {name} is known"),
                }
            }
        }
    }

    /// The name and the device class of an entity.
    fn named(&self, id: &str) -> (String, Option<&str>) {
        let facts = self.evidence.facts.iter().find(|facts| facts.id == id);
        let name = facts.and_then(|facts| facts.name.clone());
        (
            name.unwrap_or_else(|| words::spoken(id)),
            facts.and_then(|facts| facts.class.as_deref()),
        )
    }

    fn odd(&self) -> String {
        let finding = self.finding;
        let Some((oddity, at)) = finding.oddity else {
            return self.does(0);
        };
        let (name, remark) = (self.name(0), &finding.remark);
        let moment = |at: i64| {
            let moment = self.evidence.moment(at);
            let clock = words::clock(moment.of_day());
            (clock, words::date(moment.day()))
        };
        let (clock, date) = moment(at);
        match (oddity, finding.until) {
            (Oddity::LeftOpen | Oddity::StuckOn, None) => {
                format!(
                    "{name} has been {} since {clock} on {date} ({remark})",
                    self.being(0)
                )
            }
            (Oddity::LeftOpen | Oddity::StuckOn, Some(_)) => {
                format!(
                    "{name} was {} from {clock} on {date} ({remark})",
                    self.being(0)
                )
            }
            (Oddity::Silent, until) => {
                let when = match until {
                    None => format!("since {date}"),
                    Some(until) => format!("from {date} until {}", moment(until).1),
                };
                let is_used = self.evidence.series[finding.series[0]].effect;
                let what = match until {
                    _ if is_used => words::did_not(&self.verb(0)),
                    None => "has been silent".to_owned(),
                    Some(_) => "was silent".to_owned(),
                };
                format!("{name} {what} {when} ({remark})")
            }
            (Oddity::UnusualHour, _) => format!(
                "{} at an unusual hour, {clock} on {date} ({remark})",
                self.does(0)
            ),
            (Oddity::MissedHabit, _) => format!(
                "{name} {} around {} on {date} ({remark})",
                words::did_not(&self.verb(0)),
                self.clock()
            ),
        }
    }
}

/// How long something was odd, beside what is usual and what was the most, in seconds.
pub(crate) fn far_longer(odd: f64, usual: f64, most: f64) -> String {
    format!(
        "{}, usually {}, never more than {}",
        words::span(odd),
        words::span(usual),
        words::at_most(most)
    )
}

/// "1 time", "3 days".
pub(crate) fn counted(count: usize, unit: &str) -> String {
    words::counted(count as u64, unit)
}
