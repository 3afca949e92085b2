//! Home Assistant's recorder against our store, row for row.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::e2e::changes::Change;
use crate::e2e::home_assistant::HomeAssistant;
use crate::process;

/// Reads the table of states as CPython does it, which is how Home Assistant makes the text of a live event from the same number.
const READ: &str = r#"
import datetime, json, sqlite3, sys
rows = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True, timeout=30).execute(
    "SELECT m.entity_id, s.state, s.last_updated_ts FROM states s JOIN states_meta m ON m.metadata_id = s.metadata_id")
for entity_id, state, at in rows:
    text = datetime.datetime.fromtimestamp(at, datetime.timezone.utc).isoformat(timespec="microseconds")
    print(json.dumps({"entity_id": entity_id, "timestamp": text, "state": state}))
"#;
/// The time, so many seconds from now.
const NOW: &str = r#"
import datetime, sys
now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=float(sys.argv[1]))
print(now.isoformat(timespec="microseconds"))
"#;
/// Seconds before its SIGKILL from which Home Assistant may not have written what it fired: it writes every second here, and is late
/// when it has much to write.
const UNWRITTEN: i32 = 10;
/// Rows that are shown.
const SHOWN: usize = 10;

/// The rows of the recorder.
pub(crate) fn rows(home: &HomeAssistant) -> anyhow::Result<Vec<Change>> {
    let mut script = Command::new(home.python());
    script.args(["-c", READ]).arg(home.database());
    let text = process::output(&mut script)?;
    text.lines()
        .map(|line| serde_json::from_str(line).with_context(|| line.to_owned()))
        .collect()
}

fn clock(home: &HomeAssistant, seconds: i32) -> anyhow::Result<String> {
    let text =
        process::output(Command::new(home.python()).args(["-c", NOW, &seconds.to_string()]))?;
    Ok(text.trim().to_owned())
}

/// When Home Assistant was killed: what it fired in this span it may have lost.
#[derive(Debug)]
pub(crate) struct Kill {
    from: String,
    to: String,
}

impl Kill {
    /// Kills it.
    pub(crate) fn of(home: &HomeAssistant) -> anyhow::Result<Self> {
        let from = clock(home, -UNWRITTEN)?;
        home.kill()?;
        let to = clock(home, 0)?;
        Ok(Self { from, to })
    }

    fn may_have_lost(&self, change: &Change) -> bool {
        (self.from.as_str()..=self.to.as_str()).contains(&change.timestamp.as_str())
    }
}

/// What the comparison found.
#[derive(Debug, Default)]
pub(crate) struct Compared {
    pub(crate) recorded: usize,
    pub(crate) stored: usize,
    /// Rows that only we have, because Home Assistant was killed before it had written them.
    pub(crate) saved: usize,
    missing: Vec<Change>,
    unknown: Vec<Change>,
    different: Vec<(Change, Change)>,
    twice: usize,
}

/// Compares; of the changes that were fired before a kill, Home Assistant may have lost the last.
pub(crate) fn compare(recorded: &[Change], stored: &[Change], kill: &Kill) -> Compared {
    let key = |change: &Change| (change.entity_id.clone(), change.timestamp.clone());
    let ours: BTreeMap<_, &Change> = stored.iter().map(|change| (key(change), change)).collect();
    let theirs: BTreeMap<_, &Change> = recorded
        .iter()
        .map(|change| (key(change), change))
        .collect();
    let mut compared = Compared {
        recorded: theirs.len(),
        stored: ours.len(),
        twice: stored.len() - ours.len(),
        ..Compared::default()
    };
    for (key, &row) in &theirs {
        match ours.get(key) {
            None => compared.missing.push(row.clone()),
            Some(&own) if own.state != row.state => {
                compared.different.push((row.clone(), own.clone()));
            }
            Some(_) => {}
        }
    }
    for (key, &own) in &ours {
        if theirs.contains_key(key) {
            continue;
        }
        if kill.may_have_lost(own) {
            compared.saved += 1;
        } else {
            compared.unknown.push(own.clone());
        }
    }
    compared
}

impl Compared {
    /// Whether there is a row on one side that the other should have.
    pub(crate) fn is_equal(&self) -> bool {
        self.missing.is_empty()
            && self.unknown.is_empty()
            && self.different.is_empty()
            && self.twice == 0
    }

    /// An error that shows the differences.
    pub(crate) fn verdict(&self) -> anyhow::Result<()> {
        let first = |rows: &[Change]| rows[..rows.len().min(SHOWN)].to_vec();
        ensure!(
            self.missing.is_empty(),
            "{} rows of the recorder are not stored: {:?}",
            self.missing.len(),
            first(&self.missing)
        );
        ensure!(
            self.unknown.is_empty(),
            "{} stored rows are not in the recorder: {:?}",
            self.unknown.len(),
            first(&self.unknown)
        );
        ensure!(
            self.different.is_empty(),
            "{} rows have another state (theirs, ours): {:?}",
            self.different.len(),
            self.different.first()
        );
        ensure!(self.twice == 0, "{} rows are served twice", self.twice);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(second: u32, state: Option<&str>) -> Change {
        Change {
            entity_id: "sensor.a".to_owned(),
            timestamp: format!("2026-11-23T10:00:{second:02}.000000+00:00"),
            state: state.map(str::to_owned),
        }
    }

    fn kill() -> Kill {
        Kill {
            from: change(20, None).timestamp,
            to: change(30, None).timestamp,
        }
    }

    #[test]
    fn rows_that_only_we_have_are_those_that_a_kill_lost() {
        let recorded = [change(1, Some("a")), change(2, None)];
        let mut stored = recorded.to_vec();
        stored.push(change(25, Some("late")));
        let compared = compare(&recorded, &stored, &kill());
        compared.verdict().unwrap();
        assert_eq!((compared.saved, compared.is_equal()), (1, true));
        stored.push(change(40, Some("invented")));
        let error = compare(&recorded, &stored, &kill()).verdict().unwrap_err();
        assert!(error.to_string().contains("not in the recorder"), "{error}");
    }

    #[test]
    fn every_row_of_the_recorder_must_be_there_once_with_its_state() {
        let recorded = [change(1, Some("a")), change(2, Some(""))];
        for (stored, word) in [
            (vec![recorded[0].clone()], "not stored"),
            (vec![recorded[0].clone(), change(2, None)], "another state"),
            ([&recorded[..], &recorded[..1]].concat(), "twice"),
        ] {
            let error = compare(&recorded, &stored, &kill()).verdict().unwrap_err();
            assert!(error.to_string().contains(word), "{word}: {error}");
        }
    }
}
