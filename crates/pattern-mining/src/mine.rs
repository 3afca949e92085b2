//! The run: evidence in, patterns out.

use common::entity::domain_of;

use crate::detect::link::Link;
use crate::detect::screen::Counted;
use crate::detect::{anomaly, conditional, duration, missed, pair, routine, scene, time_of_day};
use crate::evidence::Evidence;
use crate::finding::Finding;
use crate::fold::{self, Significant};
use crate::identity::{self, Known};
use crate::pattern::{Kind, Pattern, Status};
use crate::report::Report;
use crate::score::group_q_values;
use crate::stop::Stop;
use crate::threads::both;
use crate::timeline::Timeline;
use crate::{backtest, tell};

/// Share of false patterns, among those told, that a run allows itself.
pub const MAX_FALSE_DISCOVERY_RATE: f64 = 0.05;
/// Days lived in before anything is told.
pub const DAYS_WANTED: usize = 14;

/// What the people who live in the home allow and refuse.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Whether where people are may be looked at.
    pub people: bool,
    /// Patterns of the last run, whose ids live on where the pattern does.
    pub known: Vec<Known>,
    /// Patterns that were refused: neither they nor trivially different ones are told again.
    pub dismissed: Vec<Known>,
    /// Entity ids, areas and domains of which nothing is to be told.
    pub silenced: Vec<String>,
}

impl Settings {
    /// Whether nothing is to be told of an entity.
    pub fn silences(&self, id: &str, area: Option<&str>) -> bool {
        self.silenced
            .iter()
            .any(|word| word == id || word == domain_of(id) || area == Some(word))
    }
}

/// What a run found.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The patterns, surest first.
    pub patterns: Vec<Pattern>,
    /// Habits among them that were due within the last day of the data and did not happen, each as an oddity of its own. They are news
    /// of the day, not something that the past shows, and so stand beside the patterns.
    pub missed: Vec<Pattern>,
    /// What was looked at and what was left out.
    pub report: Report,
    /// What was counted on the way, to be written behind the saved timeline: a later run counts only what is new. None where little was
    /// looked at, or there was too much to keep.
    pub counted: Option<Counted>,
}

/// Finds the patterns in a timeline, which stays as it is: the next run adds to it.
pub fn mine(timeline: &Timeline, settings: &Settings) -> Outcome {
    find(timeline, settings, &Stop::default())
}

/// The same, unless it is told to stop before it is done: then none.
pub fn mine_until(timeline: &Timeline, settings: &Settings, stop: &Stop) -> Option<Outcome> {
    let outcome = find(timeline, settings, stop);
    (!stop.is_said()).then_some(outcome)
}

/// Finds the patterns; when it is told to stop, what it returns is worth nothing.
fn find(timeline: &Timeline, settings: &Settings, stop: &Stop) -> Outcome {
    let evidence = Evidence::new(timeline, settings, stop);
    let mut report = Report {
        events_seen: evidence.seen,
        events_kept: evidence.kept,
        left_out: evidence.left_out.clone(),
        days: evidence.days.len(),
        days_lived_in: evidence.days.lived_in(),
        days_wanted: DAYS_WANTED,
        ..Report::default()
    };
    if report.days_lived_in < DAYS_WANTED {
        return Outcome {
            patterns: Vec::new(),
            missed: Vec::new(),
            report,
            counted: None,
        };
    }
    let (significant, counted) = look(&evidence, &mut report);
    let findings = fold::fold(significant, &evidence);
    let patterns = told(&findings, &evidence, settings);
    let missed = missed::find(&findings, &evidence)
        .iter()
        .map(|finding| tell::pattern(finding, None, &evidence))
        .filter(|missed| is_told(missed, &patterns))
        .map(|missed| named(missed, &patterns))
        .collect();
    Outcome {
        patterns,
        missed,
        report,
        counted,
    }
}

/// Everything that stands out, after the cut that all kinds share, and what was counted for it.
fn look(evidence: &Evidence, report: &mut Report) -> (Significant, Option<Counted>) {
    // What things do alone is about as much work as what they do together, and neither needs the other.
    let together = || {
        let links = pair::links(evidence);
        let conditions = conditional::Conditions::new(evidence);
        let conditionals = conditional::split(evidence, &links.links, &conditions);
        (links, conditionals)
    };
    let alone = || {
        let times = time_of_day::find(evidence);
        (times, duration::find(evidence), anomaly::find(evidence))
    };
    let ((times, durations, anomalies), (links, conditionals)) = both(alone, together);
    let (habits, others): (Vec<Link>, Vec<Link>) =
        links.links.into_iter().partition(pair::is_habit);
    // Of things that go together in any order, each follows the other half of the times only.
    let (mut together, mut weak): (Vec<Link>, Vec<Link>) = others
        .into_iter()
        .partition(|link| scene::is_close(link) || routine::keeps_company(evidence, link));
    together.retain(|link| link.days >= pair::MIN_DAYS);
    weak.retain(pair::may_be_step);
    let tried = [
        links.hypotheses,
        times.hypotheses,
        durations.hypotheses,
        anomalies.hypotheses,
    ];
    report.hypotheses = tried.iter().sum();
    report.pairs = links.followed;
    let counted = links.counted;
    let of = |findings: &[Finding]| {
        findings
            .iter()
            .map(|finding| finding.p_value)
            .collect::<Vec<_>>()
    };
    let groups = [
        habits
            .iter()
            .map(|link| link.p_value)
            .chain(together.iter().map(|link| link.p_value))
            .chain(weak.iter().map(|link| link.p_value))
            .chain(of(&conditionals))
            .collect(),
        of(&times.findings),
        of(&durations.findings),
        of(&anomalies.findings),
    ];
    report.candidates = groups.iter().map(Vec::len).sum();
    let mut q_values = group_q_values(&groups, &tried).into_iter();
    let mut cut_links = |links: Vec<Link>| -> Vec<Link> {
        let mut kept = Vec::new();
        for (mut link, q_value) in links.into_iter().zip(q_values.by_ref()) {
            if q_value <= MAX_FALSE_DISCOVERY_RATE {
                link.p_value = q_value;
                kept.push(link);
            }
        }
        kept
    };
    let (links, together, weak) = (cut_links(habits), cut_links(together), cut_links(weak));
    let mut cut = |findings: Vec<Finding>| -> Vec<Finding> {
        let mut kept = Vec::new();
        for (mut finding, q_value) in findings.into_iter().zip(q_values.by_ref()) {
            if q_value <= MAX_FALSE_DISCOVERY_RATE {
                finding.p_value = q_value;
                kept.push(finding);
            }
        }
        kept
    };
    let significant = Significant {
        links,
        together,
        weak,
        conditionals: cut(conditionals),
        times: cut(times.findings),
        durations: cut(durations.findings),
        anomalies: cut(anomalies.findings),
    };
    (significant, counted)
}

/// The findings in the words of the product, without those that were refused, surest first.
fn told(findings: &[Finding], evidence: &Evidence, settings: &Settings) -> Vec<Pattern> {
    let mut patterns: Vec<Pattern> = findings
        .iter()
        .map(|finding| tell::pattern(finding, backtest::replay(finding, evidence), evidence))
        .collect();
    patterns.retain(|pattern| {
        let this = Known::from(pattern);
        !settings
            .dismissed
            .iter()
            .any(|refused| refused.id == this.hash() || this.distance(refused).is_some())
    });
    let identities: Vec<Known> = patterns.iter().map(Known::from).collect();
    let names = identity::name_all(&identities, &settings.known);
    for (pattern, id) in patterns.iter_mut().zip(names) {
        let before = settings.known.iter().find(|known| known.id == id);
        let came_back = match before.map(|known| known.status) {
            Some(Status::Stopped) => pattern.status != Status::Stopped,
            // It is back, which is not the same as new.
            Some(Status::Revived) => pattern.status == Status::New,
            _ => false,
        };
        if came_back {
            pattern.status = Status::Revived;
        }
        pattern.id = id;
    }
    patterns.sort_by(|a, b| {
        b.confidence
            .total_cmp(&a.confidence)
            .then(a.q_value.total_cmp(&b.q_value))
            .then(a.id.cmp(&b.id))
    });
    patterns
}

/// Whether the habit that was missed is one of those told: what was refused is not missed either.
fn is_told(missed: &Pattern, patterns: &[Pattern]) -> bool {
    patterns.iter().any(|pattern| {
        pattern.kind == Kind::TimeOfDay
            && pattern.entities == missed.entities
            && pattern.states == missed.states
            && pattern.time_of_day_minutes == missed.time_of_day_minutes
    })
}

/// A missed habit with its id, which no pattern has.
fn named(mut missed: Pattern, patterns: &[Pattern]) -> Pattern {
    let hash = Known::from(&missed).hash();
    let is_taken = patterns.iter().any(|pattern| pattern.id == hash);
    missed.id = if is_taken {
        format!("{hash}-missed")
    } else {
        hash
    };
    missed
}
