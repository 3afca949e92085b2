//! State changes as Home Assistant fired them, and as data-api serves them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::home_assistant::Count;

/// One state change, reduced to what both sides must agree on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(crate) struct Change {
    pub(crate) entity_id: String,
    /// Always with six decimals, so that texts sort as instants do.
    pub(crate) timestamp: String,
    pub(crate) state: Option<String>,
}

/// What Home Assistant fired for the driven entities, in its order.
#[derive(Debug)]
pub(crate) struct Fired {
    changes: Vec<Change>,
    count: Count,
}

/// What became of it.
#[derive(Debug)]
pub(crate) struct Comparison {
    pub(crate) missing: Vec<Change>,
    twice: Vec<Change>,
    unknown: Vec<Change>,
    in_order: bool,
    digest: String,
    served: usize,
}

#[derive(Deserialize)]
struct FiredEvent {
    data: FiredData,
    time_fired: String,
}

#[derive(Deserialize)]
struct FiredData {
    entity_id: String,
    new_state: Option<FiredState>,
}

#[derive(Deserialize)]
struct FiredState {
    state: String,
    last_updated: String,
}

impl Fired {
    /// Reads drive.py's file, which has every change of the home: those that were driven are kept.
    pub(crate) fn read(file: &Path, count: Count) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
        let mut changes = Vec::new();
        for line in text.lines() {
            let event: FiredEvent = serde_json::from_str(line)?;
            changes.push(Change::from(event));
        }
        Self::driven(changes, count)
    }

    /// Finds the driven entities: those whose changes make up drive.py's own digest.
    fn driven(changes: Vec<Change>, count: Count) -> anyhow::Result<Self> {
        let helpers = [
            "input_number.slider",
            "input_text.note",
            "counter.visitors",
            "timer.laundry",
        ];
        let made_up = |id: &str| id.contains(".e2e_");
        let any_made_up = changes.iter().any(|change| made_up(&change.entity_id));
        let changes: Vec<Change> = changes
            .into_iter()
            .filter(|change| {
                if any_made_up {
                    made_up(&change.entity_id)
                } else {
                    helpers.contains(&change.entity_id.as_str())
                }
            })
            .collect();
        ensure!(!changes.is_empty(), "drive.py drove nothing");
        ensure!(count.order_ok, "Home Assistant fired out of order");
        let found = (changes.len(), digest(&changes));
        let wanted = (count.fired_driven, count.digest.clone());
        ensure!(
            found == wanted,
            "drive.py counted {wanted:?}, its file has {found:?}"
        );
        Ok(Self { changes, count })
    }

    /// The instant of the first change.
    pub(crate) fn first(&self) -> &str {
        self.changes
            .iter()
            .map(|change| change.timestamp.as_str())
            .min()
            .unwrap_or_default()
    }

    /// Changes a second, as drive.py fired them.
    pub(crate) fn rate(&self) -> f64 {
        self.changes.len() as f64 / self.count.seconds
    }

    /// How many changes.
    pub(crate) fn len(&self) -> usize {
        self.changes.len()
    }

    /// Compares with what is served, newest first.
    pub(crate) fn compare(&self, served: &[Change]) -> Comparison {
        let entities: BTreeSet<&str> = self
            .changes
            .iter()
            .map(|change| change.entity_id.as_str())
            .collect();
        let last = self
            .changes
            .iter()
            .map(|change| change.timestamp.as_str())
            .max();
        let window = self.first()..=last.unwrap_or_default();
        let served: Vec<&Change> = served
            .iter()
            .rev()
            .filter(|change| entities.contains(change.entity_id.as_str()))
            .filter(|change| window.contains(&change.timestamp.as_str()))
            .collect();
        let known: BTreeSet<&Change> = self.changes.iter().collect();
        let mut seen = BTreeMap::<&Change, usize>::new();
        for change in &served {
            *seen.entry(change).or_default() += 1;
        }
        let missing = self
            .changes
            .iter()
            .filter(|&change| !seen.contains_key(change));
        let twice = seen
            .iter()
            .filter(|&(_, &times)| times > 1)
            .map(|(&change, _)| change);
        let unknown = seen
            .keys()
            .copied()
            .filter(|&change| !known.contains(change));
        Comparison {
            missing: missing.cloned().collect(),
            twice: twice.cloned().collect(),
            unknown: unknown.cloned().collect(),
            in_order: by_entity(self.changes.iter()) == by_entity(served.iter().copied()),
            digest: digest(served.iter().copied()),
            served: served.len(),
        }
    }
}

impl Comparison {
    pub(crate) const HEADINGS: [&'static str; 9] = [
        "drive",
        "events",
        "seconds",
        "served",
        "after s",
        "missing",
        "twice",
        "in order",
        "digest equal",
    ];

    /// A line of the table.
    pub(crate) fn row(&self, label: &str, fired: &Fired, after: Duration) -> Vec<String> {
        vec![
            label.to_owned(),
            fired.changes.len().to_string(),
            format!("{:.1}", fired.count.seconds),
            self.served.to_string(),
            format!("{:.1}", after.as_secs_f64()),
            self.missing.len().to_string(),
            self.twice.len().to_string(),
            if self.in_order { "yes" } else { "no" }.to_owned(),
            if self.digest == fired.count.digest {
                "yes"
            } else {
                "no"
            }
            .to_owned(),
        ]
    }

    /// An error that shows the first differences, if there are any.
    pub(crate) fn verdict(&self, fired: &Fired) -> anyhow::Result<()> {
        let first =
            |changes: &[Change]| format!("{} (first: {:?})", changes.len(), changes.first());
        ensure!(self.missing.is_empty(), "missing: {}", first(&self.missing));
        ensure!(
            self.unknown.is_empty(),
            "never fired: {}",
            first(&self.unknown)
        );
        ensure!(
            self.twice.is_empty(),
            "served twice: {}",
            first(&self.twice)
        );
        ensure!(
            self.in_order,
            "the changes of an entity are served out of order"
        );
        ensure!(self.digest == fired.count.digest, "the digests differ");
        Ok(())
    }
}

impl From<FiredEvent> for Change {
    fn from(event: FiredEvent) -> Self {
        let (state, instant) = match event.data.new_state {
            Some(new) => (Some(new.state), new.last_updated),
            None => (None, event.time_fired),
        };
        Self {
            entity_id: event.data.entity_id,
            timestamp: six_decimals(&instant),
            state,
        }
    }
}

/// Changes by entity, in the order given.
fn by_entity<'a>(
    changes: impl Iterator<Item = &'a Change>,
) -> BTreeMap<&'a str, Vec<(&'a str, Option<&'a str>)>> {
    let mut entities = BTreeMap::<_, Vec<_>>::new();
    for change in changes {
        let entity = entities.entry(change.entity_id.as_str()).or_default();
        entity.push((change.timestamp.as_str(), change.state.as_deref()));
    }
    entities
}

/// drive.py's digest: SHA-256 over the sorted lines "entity, state, instant", separated by tabs.
fn digest<'a>(changes: impl IntoIterator<Item = &'a Change>) -> String {
    let line = |change: &Change| {
        let state = change.state.as_deref().unwrap_or_default();
        format!(
            "{}\t{state}\t{}\n",
            change.entity_id,
            as_home_assistant(&change.timestamp)
        )
    };
    let mut lines: Vec<String> = changes.into_iter().map(line).collect();
    lines.sort_unstable();
    let hash = Sha256::digest(lines.concat());
    hash.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes any text");
        text
    })
}

/// Home Assistant leaves the decimals out when they are all zero.
pub(super) fn six_decimals(instant: &str) -> String {
    match instant.strip_suffix("+00:00") {
        Some(local) if !local.contains('.') => format!("{local}.000000+00:00"),
        _ => instant.to_owned(),
    }
}

fn as_home_assistant(instant: &str) -> String {
    instant.replace(".000000+00:00", "+00:00")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(entity: &str, second: u32, state: &str) -> Change {
        Change {
            entity_id: format!("sensor.e2e_{entity}"),
            timestamp: format!("2026-11-23T10:00:{second:02}.000000+00:00"),
            state: Some(state.to_owned()),
        }
    }

    fn fired(changes: &[Change]) -> Fired {
        let count = Count {
            refused: 0,
            errors: Vec::new(),
            fired_driven: changes.len(),
            order_ok: true,
            seconds: 1.0,
            digest: digest(changes),
        };
        Fired::driven(changes.to_vec(), count).unwrap()
    }

    /// What `printf 'sensor.e2e_a\t1\t2026-11-23T10:00:01+00:00\n' | sha256sum` prints.
    const DIGEST_OF_ONE: &str = "b539d4906b0d47e38de55b8b15b21152aca9ec68b8a0cdd7cf4b313b0839fdbc";

    #[test]
    fn the_digest_is_that_of_the_bench() {
        assert_eq!(digest(&[change("a", 1, "1")]), DIGEST_OF_ONE);
    }

    #[test]
    fn what_was_fired_and_is_served_newest_first_passes() {
        let all = [
            change("a", 1, "1"),
            change("b", 1, "x"),
            change("a", 2, "2"),
        ];
        let mut served = all.to_vec();
        served.reverse();
        served.insert(0, change("a", 9, "later"));
        fired(&all).compare(&served).verdict(&fired(&all)).unwrap();
    }

    #[test]
    fn every_kind_of_difference_is_found() {
        let (one, two, three) = (
            change("a", 1, "1"),
            change("a", 2, "2"),
            change("a", 3, "3"),
        );
        let all = fired(&[one.clone(), two.clone(), three.clone()]);
        let other = change("a", 2, "other");
        for (served, word) in [
            (vec![three.clone(), one.clone()], "missing"),
            (
                vec![three.clone(), two.clone(), two.clone(), one.clone()],
                "twice",
            ),
            (
                vec![three.clone(), two.clone(), other, one.clone()],
                "never fired",
            ),
            (vec![three, one, two], "out of order"),
        ] {
            let error = all.compare(&served).verdict(&all).unwrap_err().to_string();
            assert!(error.contains(word), "{word}: {error}");
        }
    }
}
