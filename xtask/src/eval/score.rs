//! Holds what was found against what was planted.
//!
//! A report is *exact* when everything that it says is right, *true* when it is partly right, told twice, or follows from a planted
//! sequence or routine, or from how people live (`implied`); a habit that has ended, told as alive, is false, and so is everything
//! else. A habit that happened too rarely to be fair (`weak`) counts neither way.

mod row;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use pattern_mining::pattern::{DaySet, Kind, Pattern, Status};
use serde_json::{Value, json};

use self::row::{apart, entities, is_implied, is_scene, text};

/// Kinds in the order of the table.
pub(super) const KINDS: [&str; 8] = [
    "time_of_day",
    "pair",
    "conditional",
    "sequence",
    "routine",
    "scene",
    "duration",
    "anomaly",
];
/// The row of routines that go together within seconds.
const SCENE: &str = "scene";
/// A time of the day is right within so many minutes, or two standard deviations.
const MINUTES: f64 = 15.0;
/// A delay is right within this factor.
const DELAY: f64 = 2.5;
/// A duration is right within this part.
const DURATION: f64 = 0.15;

/// Numbers of one kind.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Count {
    pub(super) planted: usize,
    pub(super) found: usize,
    exact: usize,
    truths: usize,
    reports: usize,
}

fn part(of: usize, all: usize) -> f64 {
    if all == 0 {
        1.0
    } else {
        of as f64 / all as f64
    }
}

impl Count {
    pub(super) fn precision(self) -> f64 {
        part(self.truths, self.reports)
    }

    pub(super) fn strict(self) -> f64 {
        part(self.exact, self.reports)
    }

    pub(super) fn recall(self) -> f64 {
        part(self.found, self.planted)
    }

    fn f1(self) -> f64 {
        let (precision, recall) = (self.precision(), self.recall());
        2.0 * precision * recall / (precision + recall).max(1e-9)
    }

    fn add(&mut self, other: Self) {
        self.planted += other.planted;
        self.found += other.found;
        self.exact += other.exact;
        self.truths += other.truths;
        self.reports += other.reports;
    }
}

/// Numbers of several homes.
#[derive(Debug, Default)]
pub(super) struct Tally {
    kinds: BTreeMap<&'static str, Count>,
    first_ten: (usize, usize),
    causes: BTreeMap<String, usize>,
}

/// What a report turned out to be.
enum Verdict {
    Planted(usize, bool),
    Implied,
    False,
}

impl Tally {
    pub(super) fn add(&mut self, other: &Self) {
        for (&kind, &count) in &other.kinds {
            self.kinds.entry(kind).or_default().add(count);
        }
        self.first_ten.0 += other.first_ten.0;
        self.first_ten.1 += other.first_ten.1;
        for (cause, count) in &other.causes {
            *self.causes.entry(cause.clone()).or_default() += count;
        }
    }

    pub(super) fn of(&self, kind: &str) -> Count {
        self.kinds.get(kind).copied().unwrap_or_default()
    }

    pub(super) fn total(&self) -> Count {
        let mut total = Count::default();
        self.kinds.values().for_each(|&count| total.add(count));
        total
    }

    pub(super) fn reports(&self) -> usize {
        self.total().reports
    }

    pub(super) fn top_ten(&self) -> f64 {
        part(self.first_ten.0, self.first_ten.1)
    }

    pub(super) fn causes(&self) -> String {
        let causes: Vec<String> = self
            .causes
            .iter()
            .map(|(cause, count)| format!("{cause} {count}"))
            .collect();
        if causes.is_empty() {
            "none".to_owned()
        } else {
            causes.join(", ")
        }
    }

    pub(super) fn rows(&self, name: &str) -> Vec<Vec<String>> {
        let row = |kind: &str, count: Count, ten: String| {
            let share = |value: f64| format!("{value:.3}");
            vec![
                name.to_owned(),
                kind.to_owned(),
                count.planted.to_string(),
                count.found.to_string(),
                count.reports.to_string(),
                share(count.precision()),
                share(count.strict()),
                share(count.recall()),
                share(count.f1()),
                ten,
            ]
        };
        let mut rows: Vec<Vec<String>> = KINDS
            .iter()
            .map(|&kind| row(kind, self.of(kind), String::new()))
            .collect();
        rows.push(row("all", self.total(), format!("{:.3}", self.top_ten())));
        rows
    }

    /// Judges the reports on one home; with a name, says what is not an exact hit.
    pub(super) fn judge(&mut self, truth: &Value, reports: &[Pattern], name: Option<&str>) {
        let empty = Vec::new();
        let planted = truth["patterns"].as_array().unwrap_or(&empty);
        let decoys = truth["decoys"].as_array().unwrap_or(&empty);
        let mut found: HashSet<usize> = HashSet::new();
        let mut place = 0;
        for report in reports {
            let ended = report.status == Status::Stopped;
            let mut kind = if report.scene {
                SCENE
            } else {
                report.kind.as_str()
            };
            let (truth, exact) = match verdict(planted, &truth["implied"], report) {
                Verdict::Planted(which, right) => {
                    kind = kind_of(&planted[which]);
                    if planted[which]["weak"] == true
                        || (planted[which]["status"] == "stopped" && ended)
                    {
                        continue;
                    }
                    let alive = planted[which]["status"] != "stopped" && !ended;
                    let new = alive && found.insert(which);
                    (alive, right && new)
                }
                Verdict::Implied => (true, false),
                Verdict::False => (false, false),
            };
            if !truth {
                *self.causes.entry(cause(decoys, report)).or_default() += 1;
            }
            if !exact && let Some(name) = name {
                super::say(&format!(
                    "{name}: {} {:.3} {} {:?}",
                    if truth { "true " } else { "FALSE" },
                    report.confidence,
                    report.sentence,
                    report.status
                ));
            }
            if place < 10 {
                self.first_ten.0 += usize::from(truth);
                self.first_ten.1 += 1;
            }
            place += 1;
            let count = self.kinds.entry(kind).or_default();
            count.reports += 1;
            count.truths += usize::from(truth);
            count.exact += usize::from(exact);
        }
        for (which, habit) in planted.iter().enumerate() {
            if habit["weak"] == true || habit["status"] == "stopped" {
                continue;
            }
            let count = self.kinds.entry(kind_of(habit)).or_default();
            count.planted += 1;
            count.found += usize::from(found.contains(&which));
            if !found.contains(&which)
                && let Some(name) = name
            {
                super::say(&format!("{name}: missed {habit}"));
            }
        }
    }
}

/// The row in which a planted habit is counted.
fn kind_of(habit: &Value) -> &'static str {
    let mut kinds = KINDS.into_iter();
    let known = kinds.find(|&known| habit["type"] == known);
    if is_scene(habit) {
        SCENE
    } else {
        known.unwrap_or("pair")
    }
}

fn cause(decoys: &[Value], report: &Pattern) -> String {
    let names: Vec<&str> = report.entities.iter().map(String::as_str).collect();
    decoys
        .iter()
        .find(|decoy| entities(decoy).iter().any(|id| names.contains(id)))
        .map_or_else(
            || format!("chance ({})", report.kind.as_str()),
            |decoy| text(decoy, "kind"),
        )
}

fn verdict(planted: &[Value], implied: &Value, report: &Pattern) -> Verdict {
    let ids: Vec<&str> = report.entities.iter().map(String::as_str).collect();
    let set: BTreeSet<&str> = ids.iter().copied().collect();
    let of = |kinds: &'static [&str]| {
        planted
            .iter()
            .enumerate()
            .filter(move |(_, habit)| kinds.contains(&text(habit, "type").as_str()))
    };
    let group = |habit: &Value| {
        entities(habit)
            .into_iter()
            .map(ToOwned::to_owned)
            .collect::<BTreeSet<String>>()
    };
    let inside = || {
        of(&["sequence", "routine"])
            .any(|(_, habit)| ids.iter().all(|id| group(habit).contains(*id)))
    };
    let direct = match report.kind {
        Kind::TimeOfDay => of(&["time_of_day"])
            .find(|(_, habit)| entities(habit) == ids && at_right_time(habit, report))
            .map(|(which, habit)| (which, right_days(habit, report))),
        Kind::Pair | Kind::Conditional => of(&["pair", "conditional"])
            .find(|(_, habit)| entities(habit).into_iter().collect::<BTreeSet<_>>() == set)
            .map(|(which, habit)| (which, right_pair(habit, report))),
        Kind::Sequence | Kind::Routine => {
            group_verdict(planted, &ids, report.kind == Kind::Sequence)
                .map(|(which, exact)| (which, exact && is_scene(&planted[which]) == report.scene))
        }
        Kind::Duration => of(&["duration"])
            .find(|(_, habit)| entities(habit) == ids && right_duration(habit, report))
            .map(|(which, _)| (which, true)),
        Kind::Anomaly => of(&["anomaly"])
            .find(|(_, habit)| entities(habit) == ids && right_instant(habit, report))
            .map(|(which, _)| (which, true)),
    };
    if let Some((which, exact)) = direct {
        return Verdict::Planted(which, exact);
    }
    let follows = report.kind == Kind::TimeOfDay
        && of(&["pair", "conditional"]).any(|(_, habit)| {
            let ends = entities(habit);
            ends.get(1) == ids.first()
                && of(&["time_of_day"]).any(|(_, time)| entities(time).first() == ends.first())
        });
    let can_follow = !matches!(report.kind, Kind::Duration | Kind::Anomaly);
    if can_follow && (inside() || follows || is_implied(planted, implied, report)) {
        Verdict::Implied
    } else {
        Verdict::False
    }
}

fn group_verdict(planted: &[Value], ids: &[&str], ordered: bool) -> Option<(usize, bool)> {
    let set: BTreeSet<&str> = ids.iter().copied().collect();
    planted.iter().enumerate().find_map(|(which, habit)| {
        let own = entities(habit);
        let theirs: BTreeSet<&str> = own.iter().copied().collect();
        let common = theirs.intersection(&set).count();
        match text(habit, "type").as_str() {
            "sequence" if own == ids => Some((which, true)),
            "sequence" if theirs == set => Some((which, !ordered)),
            "sequence"
                if theirs.is_superset(&set) && set.len() + 1 >= theirs.len() && set.len() >= 3 =>
            {
                Some((which, false))
            }
            "routine" => {
                let alike = common as f64 / (theirs.len() + set.len() - common) as f64;
                (alike >= 0.6).then_some((which, alike >= 0.75))
            }
            _ => None,
        }
    })
}

fn at_right_time(habit: &Value, report: &Pattern) -> bool {
    let Some(minute) = report.time_of_day_minutes else {
        return false;
    };
    let wanted = habit["minute_at_end"]
        .as_f64()
        .or_else(|| habit["minute"].as_f64())
        .unwrap_or(-1e6);
    apart(f64::from(minute), wanted)
        <= MINUTES.max(2.0 * habit["sigma_min"].as_f64().unwrap_or(0.0))
}

fn right_days(habit: &Value, report: &Pattern) -> bool {
    let wanted = match habit["days"].as_str() {
        Some("weekday") => DaySet::WEEKDAY,
        Some("weekend") => DaySet::WEEKEND,
        _ => DaySet::ALL,
    };
    report.days.unwrap_or(DaySet::ALL) == wanted
}

fn right_pair(habit: &Value, report: &Pattern) -> bool {
    let delay = habit["delay_s"].as_f64().unwrap_or(0.0);
    let said = report.delay_s.unwrap_or(delay);
    let order = entities(habit)
        == report
            .entities
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>();
    let (wanted, told) = (&habit["condition"], json!(report.condition));
    let condition = wanted.is_null()
        || ["kind", "entity"]
            .iter()
            .all(|key| wanted[key] == told[key]);
    order && condition && said >= delay / DELAY && said <= delay * DELAY
}

fn right_duration(habit: &Value, report: &Pattern) -> bool {
    let wanted = habit["minutes"].as_f64().unwrap_or(0.0);
    (report.minutes.unwrap_or(0.0) - wanted).abs() <= DURATION * wanted
}

fn right_instant(habit: &Value, report: &Pattern) -> bool {
    let wanted: Option<common::instant::UtcMicros> =
        habit["t"].as_str().and_then(|t| t.parse().ok());
    let longest = if habit["kind"] == "silent" {
        84.0
    } else {
        36.0
    };
    match (wanted, report.t) {
        (Some(wanted), Some(said)) => {
            (-6.0..=longest).contains(&(said.seconds_since(wanted) / 3600.0))
        }
        _ => false,
    }
}
