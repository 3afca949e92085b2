//! Nightly runs: what is added to what was remembered gives the same answer as everything at once.

use common::instant::UtcMicros;
use jiff::tz::TimeZone;
use pattern_mining::{Counted, Known, Outcome, Settings, Stop, Timeline, line, mine, mine_until};

use crate::home::Chance;

const DAY: i64 = 86_400_000_000;

/// Lines by instant, in microseconds after the first day's midnight.
type Lines = Vec<(i64, String)>;

fn change(lines: &mut Lines, at: i64, id: &str, state: &str) {
    let t = UtcMicros::new(1_780_000_000_000_000 + at).expect("an instant");
    let text = format!(
        "{{\"t\":\"{}\",\"entity_id\":\"{id}\",\"state\":\"{state}\",\"context\":{{\"id\":\"{at}\"}}}}",
        t.timestamp()
    );
    lines.push((at, text));
}

fn used(lines: &mut Lines, at: i64, long: i64, id: &str) {
    change(lines, at, id, "on");
    change(lines, at + long, id, "off");
}

/// Lines of a home with a habit of the morning, a pair, one that depends on a measurement, and a life around them.
fn lines(days: i64) -> Lines {
    let mut chance = Chance::new(5);
    let mut lines = Vec::new();
    for day in 0..days {
        let minute = 60_000_000;
        used(
            &mut lines,
            day * DAY + (420 + chance.around(6)) * minute,
            900_000_000,
            "light.morning",
        );
        for _ in 0..2 {
            let at = day * DAY + (500 + chance.below(800)) * minute;
            used(&mut lines, at, 20_000_000, "binary_sensor.door");
            let delay = 15_000_000 + chance.around(5) * 1_000_000;
            used(
                &mut lines,
                at + delay,
                (60 + chance.below(2_000)) * 1_000_000,
                "light.hall",
            );
        }
        // Somebody lights the desk after the study's door opens, when it is dull; an hour later they do not come back to it.
        let (dull, at) = (
            chance.below(2) == 0,
            day * DAY + (540 + chance.below(60)) * minute,
        );
        let lux = if dull { 40 } else { 900 } + chance.below(30);
        for hour in 6..20 {
            let at = day * DAY + hour * 60 * minute;
            change(&mut lines, at, "sensor.lux", &(lux + hour).to_string());
        }
        for at in [at, at + 240 * minute, at + 420 * minute] {
            used(&mut lines, at, 60_000_000, "binary_sensor.study");
            if dull {
                used(
                    &mut lines,
                    at + (30 + chance.below(30)) * 1_000_000,
                    1_800_000_000,
                    "light.desk",
                );
            }
        }
        for lamp in ["light.a", "light.b", "light.c"] {
            let at = day * DAY + (400 + chance.below(1_000)) * minute;
            used(&mut lines, at, (60 + chance.below(3_000)) * 1_000_000, lamp);
        }
    }
    lines.sort();
    lines
}

fn told(timeline: &Timeline) -> String {
    as_told(&mine(timeline, &Settings::default()))
}

fn as_told(outcome: &Outcome) -> String {
    assert_eq!(
        outcome.report.events_seen,
        outcome.report.events_kept + outcome.report.left_out.total()
    );
    serde_json::to_string(&(&outcome.patterns, &outcome.missed, &outcome.report)).expect("JSON")
}

fn add(timeline: &mut Timeline, lines: &[(i64, String)]) {
    for (_, text) in lines {
        line::take(text.as_bytes(), timeline).expect("a line");
    }
}

/// Adds the changes night by night, each of so many days, with a run and a rest on disk after each. The new changes are taken before the
/// past is read. What the last run tells, and how much of what it counted the run before had counted.
fn night_by_night(lines: &[(i64, String)], days: i64) -> (String, u64) {
    let mut saved = Timeline::new(TimeZone::UTC).save().expect("bytes");
    let mut last = (String::new(), 0);
    for night in lines.chunk_by(|one, other| one.0 / (days * DAY) == other.0 / (days * DAY)) {
        let (mut timeline, past) =
            Timeline::open(&saved[..], saved.len() as u64).expect("a timeline");
        add(&mut timeline, night);
        timeline.settle();
        timeline.remember(past.read().expect("its past"));
        let outcome = mine(&timeline, &Settings::default());
        last = (as_told(&outcome), 0);
        saved = timeline.save().expect("bytes");
        if let Some(counted) = outcome.counted {
            last.1 = counted.taken_over();
            counted.write(&mut saved).expect("bytes");
        }
    }
    assert_eq!(
        told(&Timeline::restore(&saved).expect("a timeline")),
        last.0
    );
    last
}

#[test]
fn nightly_runs_from_what_was_saved_give_the_answer_of_one_run_over_everything() {
    let lines = lines(60);
    let mut whole = Timeline::new(TimeZone::UTC);
    add(&mut whole, &lines);
    let expected = told(&whole);
    for kind in ["pair", "time_of_day", "conditional"] {
        assert!(expected.contains(&format!("\"{kind}\"")), "{expected}");
    }
    let (told, taken_over) = night_by_night(&lines, 1);
    assert_eq!(told, expected);
    assert!(taken_over > 0, "nothing is counted twice");
}

#[test]
fn nightly_runs_give_the_same_answer_when_the_oldest_days_fall_out_of_what_a_run_looks_at() {
    let lines = lines(460);
    let mut whole = Timeline::new(TimeZone::UTC);
    add(&mut whole, &lines);
    let expected = told(&whole);
    assert!(expected.contains("\"older\""), "{expected}");
    // What falls out has been counted, so that everything is counted again.
    assert_eq!(night_by_night(&lines, 20), (expected, 0));
}

#[test]
fn bytes_that_are_cut_or_foreign_are_refused() {
    let mut timeline = Timeline::new(TimeZone::UTC);
    add(&mut timeline, &lines(3));
    timeline.settle();
    let saved = timeline.save().expect("bytes");
    for length in [0, 5, 12, saved.len() / 2, saved.len() - 1] {
        assert!(
            Timeline::restore(&saved[..length]).is_err(),
            "{length} bytes"
        );
    }
    assert!(Timeline::restore(b"something else altogether").is_err());
}

#[test]
fn counts_of_another_past_are_not_taken_over_and_what_is_cut_or_damaged_is_refused() {
    let whole = |lines: &[(i64, String)]| {
        let mut timeline = Timeline::new(TimeZone::UTC);
        add(&mut timeline, lines);
        timeline.settle();
        let outcome = mine(&timeline, &Settings::default());
        let counted = outcome.counted.clone().expect("counts");
        (timeline.save().expect("bytes"), counted, as_told(&outcome))
    };
    let lines = lines(30);
    let (saved, counted, told) = whole(&lines);
    let with = |counted: &Counted| {
        let mut saved = saved.clone();
        counted.write(&mut saved).expect("bytes");
        saved
    };
    let mine_again = |bytes: &[u8]| {
        let timeline = Timeline::restore(bytes).expect("a timeline");
        let outcome = mine(&timeline, &Settings::default());
        let counted = outcome.counted.as_ref().expect("counts");
        (as_told(&outcome), counted.taken_over())
    };
    let (again, taken_over) = mine_again(&with(&counted));
    assert_eq!(again, told);
    assert!(taken_over > 0);
    // One change of one lamp was deleted in between.
    let (_, other, _) = whole(&[&lines[..200], &lines[201..]].concat());
    assert_eq!(mine_again(&with(&other)), (told.clone(), 0));
    assert_eq!(mine_again(&saved), (told, 0));
    let mut bytes = with(&counted);
    // Any damage is seen.
    for place in (0..bytes.len()).step_by(1_009).chain([20, saved.len()]) {
        bytes[place] ^= 0x10;
        assert!(Timeline::restore(&bytes).is_err(), "byte {place}");
        bytes[place] ^= 0x10;
    }
    for length in [saved.len() + 1, saved.len() + 40, bytes.len() - 1] {
        assert!(
            Timeline::restore(&bytes[..length]).is_err(),
            "{length} bytes"
        );
    }
}

#[test]
fn what_was_refused_is_not_told_again_nor_what_differs_trivially() {
    let mut timeline = Timeline::new(TimeZone::UTC);
    add(&mut timeline, &lines(60));
    let first = mine(&timeline, &Settings::default()).patterns;
    let morning = first
        .iter()
        .find(|pattern| {
            pattern.entities == ["light.morning"] && pattern.time_of_day_minutes.is_some()
        })
        .expect("the morning");
    let mut refused = Known::from(morning);
    refused.id = "from another run".to_owned();
    refused.minute = refused.minute.map(|minute| minute + 20);
    let settings = Settings {
        dismissed: vec![refused],
        silenced: vec!["binary_sensor.door".to_owned()],
        ..Settings::default()
    };
    let second = mine(&timeline, &settings).patterns;
    let named = |id: &str| {
        second
            .iter()
            .any(|pattern| pattern.entities.iter().any(|entity| entity == id))
    };
    assert!(
        !second
            .iter()
            .any(|pattern| pattern.kind == morning.kind && pattern.entities == morning.entities)
    );
    assert!(!named("binary_sensor.door"));
}

#[test]
fn too_few_days_are_said_to_be_too_few() {
    let mut timeline = Timeline::new(TimeZone::UTC);
    add(&mut timeline, &lines(6));
    let outcome = mine(&timeline, &Settings::default());
    assert!(outcome.patterns.is_empty());
    assert!(outcome.report.days_lived_in < outcome.report.days_wanted);
}

#[test]
fn a_run_ends_when_it_is_told_to_and_tells_nothing_then() {
    let mut timeline = Timeline::new(TimeZone::UTC);
    add(&mut timeline, &lines(60));
    let (settings, stop) = (Settings::default(), Stop::default());
    let outcome = mine_until(&timeline, &settings, &stop);
    assert_eq!(outcome, Some(mine(&timeline, &settings)));
    stop.say();
    assert_eq!(mine_until(&timeline, &settings, &stop), None);
}

#[test]
fn a_run_that_is_told_to_stop_in_its_middle_ends_without_an_outcome() {
    let mut timeline = Timeline::new(TimeZone::UTC);
    add(&mut timeline, &lines(400));
    let stop = Stop::default();
    let begun = std::sync::Barrier::new(2);
    let outcome = std::thread::scope(|scope| {
        let run = scope.spawn(|| {
            begun.wait();
            mine_until(&timeline, &Settings::default(), &stop)
        });
        begun.wait();
        stop.say();
        run.join().expect("a run")
    });
    assert_eq!(outcome, None);
}
