//! The rules of series, by example and over all inputs that proptest thinks of.

use common::api::history::{HistorySeries, SeriesKind};
use common::instant::UtcMicros;
use proptest::prelude::*;

use super::*;

const SECOND: i64 = 1_000_000;

fn row(seconds: i64, state: &str) -> Row {
    Row {
        at: seconds * SECOND,
        held: if state == "removed" {
            Held::Removed
        } else {
            Held::of(state.into())
        },
    }
}

fn series(rows: &[Row], end: i64, most: u32) -> HistorySeries {
    let mut series = Series::new(0, end * SECOND, most);
    series.add_rows(rows);
    series.finish("sensor.t".to_owned())
}

fn seconds(at: UtcMicros) -> i64 {
    at.get() / SECOND
}

#[test]
fn few_numbers_are_points_and_begin_with_what_held_at_the_start() {
    let told = series(
        &[
            row(-50, "20"),
            row(10, "21.5"),
            row(20, "unavailable"),
            row(30, "removed"),
        ],
        100,
        10,
    );
    assert_eq!((told.kind, told.rows), (SeriesKind::Raw, 3));
    let points: Vec<_> = told
        .points
        .iter()
        .map(|point| (seconds(point.at), point.value, point.state.as_deref()))
        .collect();
    assert_eq!(
        points,
        [
            (0, Some(20.0), None),
            (10, Some(21.5), None),
            (20, None, Some("unavailable")),
            (30, None, None)
        ]
    );
}

#[test]
fn bands_weigh_by_time_and_carry_the_number_on() {
    // 10 for 9 s and 20 for 1 s in the first bucket of 10 s; then 20 goes on.
    let told = series(
        &[
            row(-5, "10"),
            row(9, "20"),
            row(25, "5"),
            row(26, "unknown"),
            row(31, "7"),
            row(35, "8"),
        ],
        40,
        4,
    );
    assert_eq!((told.kind, told.rows), (SeriesKind::Bands, 5));
    let bands: Vec<_> = told
        .bands
        .iter()
        .map(|band| {
            (
                seconds(band.start),
                band.min,
                band.max,
                band.last,
                band.changes,
            )
        })
        .collect();
    assert_eq!(
        bands,
        [
            (0, 10.0, 20.0, 20.0, 1),
            (10, 20.0, 20.0, 20.0, 0),
            (20, 5.0, 20.0, 5.0, 2),
            (30, 7.0, 8.0, 8.0, 2)
        ]
    );
    assert!((told.bands[0].mean - 11.0).abs() < 1e-9);
    // 20 for 5 s and 5 for 1 s; then nothing is known.
    assert!((told.bands[2].mean - 17.5).abs() < 1e-9);
    assert!((told.bands[2].known - 0.6).abs() < 1e-9);
}

#[test]
fn a_bucket_of_which_nothing_is_known_is_not_there() {
    let told = series(
        &[
            row(1, "1"),
            row(2, "2"),
            row(3, "unavailable"),
            row(35, "4"),
        ],
        40,
        4,
    );
    assert_eq!(told.kind, SeriesKind::Raw, "4 rows are few enough");
    let told = series(
        &[
            row(1, "1"),
            row(2, "2"),
            row(3, "unavailable"),
            row(35, "4"),
            row(36, "5"),
        ],
        40,
        4,
    );
    let starts: Vec<_> = told.bands.iter().map(|band| seconds(band.start)).collect();
    assert_eq!(starts, [0, 30]);
}

#[test]
fn words_are_spans_and_a_change_of_attributes_is_no_change() {
    let told = series(
        &[
            row(-9, "off"),
            row(10, "on"),
            row(15, "on"),
            row(20, "unavailable"),
            row(30, "removed"),
        ],
        100,
        10,
    );
    assert_eq!(told.kind, SeriesKind::Spans);
    let spans: Vec<_> = told
        .spans
        .iter()
        .map(|span| {
            (
                seconds(span.start),
                seconds(span.end),
                span.state.as_deref(),
                span.changes,
            )
        })
        .collect();
    assert_eq!(
        spans,
        [
            (0, 10, Some("off"), 0),
            (10, 20, Some("on"), 1),
            (20, 30, Some("unavailable"), 1),
            (30, 100, None, 1)
        ]
    );
}

#[test]
fn too_many_spans_become_the_longest_of_each_bucket() {
    let rows: Vec<_> = (0..100)
        .map(|n| {
            row(
                n,
                if n % 10 < 7 {
                    if n % 2 == 0 { "on" } else { "open" }
                } else {
                    "off"
                },
            )
        })
        .collect();
    let told = series(&rows, 100, 10);
    assert!(told.spans.len() <= 10);
    let changes: u64 = told.spans.iter().map(|span| span.changes).sum();
    assert_eq!(
        changes,
        (1..100)
            .filter(|n| rows[*n].held != rows[*n - 1].held)
            .count() as u64
            + 1
    );
    assert_eq!(
        told.spans[0].state.as_deref(),
        Some("on"),
        "4 of 10 seconds"
    );
}

#[test]
fn one_odd_word_does_not_turn_numbers_into_words() {
    let told = series(&[row(1, "1"), row(2, "calibrating"), row(3, "3")], 10, 10);
    assert_eq!(told.kind, SeriesKind::Raw);
    assert_eq!(told.points[1].state.as_deref(), Some("calibrating"));
    let told = series(&[row(1, "nan"), row(2, "inf"), row(3, "3")], 10, 10);
    assert_eq!(told.kind, SeriesKind::Spans);
}

#[test]
fn long_term_statistics_stand_before_the_rows() {
    let hour = |n: i64| Statistic {
        start: n * HOUR,
        min: 1.0,
        max: 3.0,
        mean: 2.0,
        last: 2.5,
    };
    let make = |most| {
        let mut series = Series::new(0, 10 * HOUR, most);
        // The rows begin in the middle of an hour.
        series.add_statistics((0..8).map(hour).collect(), 5 * HOUR + HOUR / 2);
        series.add_rows(&[Row {
            at: 5 * HOUR + HOUR / 2,
            held: Held::of("9".into()),
        }]);
        series.finish("sensor.t".to_owned())
    };
    let few = make(100);
    assert_eq!(
        (few.kind, few.bands.len(), few.points.len()),
        (SeriesKind::Raw, 6, 1)
    );
    assert_eq!(few.bands[5].end, few.points[0].at);
    assert_eq!(few.statistics_until, Some(few.points[0].at));
    let many = make(5);
    assert_eq!((many.kind, many.bands.len()), (SeriesKind::Bands, 5));
    let third = &many.bands[2];
    assert_eq!(
        (third.min, third.max, third.last, third.changes),
        (1.0, 9.0, 9.0, 1)
    );
    assert!((third.mean - f64::midpoint(1.5 * 2.0, 0.5 * 9.0)).abs() < 1e-9);
}

#[test]
fn nothing_stored_is_an_empty_series() {
    let told = series(&[], 10, 10);
    assert_eq!(
        (
            told.rows,
            told.points.len(),
            told.bands.len(),
            told.spans.len()
        ),
        (0, 0, 0, 0)
    );
    assert_eq!(series(&[row(3, "1")], 0, 10).rows, 0, "an empty range");
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let held = prop_oneof![
        8 => (-1e6..1e6_f64).prop_map(|number| Held::Number(number, number.to_string().into())),
        1 => Just(Held::of("unavailable".into())),
        1 => Just(Held::Removed),
    ];
    prop::collection::btree_map(-1_000..100_000_i64, held, 1..400).prop_map(|rows| {
        let carried = rows
            .range(..=0)
            .next_back()
            .map(|(at, held)| (*at, held.clone()));
        carried
            .into_iter()
            .chain(rows.range(1..).map(|(at, held)| (*at, held.clone())))
            .map(|(at, held)| Row { at, held })
            .collect()
    })
}

/// What holds at an instant.
fn at(rows: &[Row], at: i64) -> Option<f64> {
    match rows.iter().rev().find(|row| row.at <= at)?.held {
        Held::Number(number, _) => Some(number),
        _ => None,
    }
}

proptest! {
    #[test]
    fn bands_agree_with_looking_at_every_microsecond(rows in rows(), end in 1..3_000_i64, most in 1..40_u32) {
        let mut bands = bands::Bands::new(Buckets::new(0, end, most));
        for row in rows.iter().filter(|row| row.at < end) {
            bands.hold(row.at, at(std::slice::from_ref(row), row.at), row.at >= 0);
        }
        let told = bands.finish();
        for band in &told {
            let (from, to) = (band.start.get(), band.end.get());
            prop_assert!(from < to && to <= end);
            let held: Vec<f64> = (from..to).filter_map(|micros| at(&rows, micros)).collect();
            prop_assert!(!held.is_empty());
            let min = held.iter().copied().fold(f64::INFINITY, f64::min);
            let max = held.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let mean = held.iter().sum::<f64>() / held.len() as f64;
            prop_assert_eq!((band.min, band.max), (min, max));
            prop_assert!((band.mean - mean).abs() <= 1e-6 * (1.0 + mean.abs() + max.abs() + min.abs()));
            prop_assert!(band.min <= band.mean && band.mean <= band.max);
            prop_assert!((band.known - held.len() as f64 / (to - from) as f64).abs() < 1e-9);
            let changes = rows.iter().filter(|row| (from..to).contains(&row.at)).count() as u64;
            prop_assert_eq!(band.changes, changes);
        }
        // A microsecond that is in no band is one of which nothing is known.
        for micros in 0..end {
            let covered = told.iter().any(|band| (band.start.get()..band.end.get()).contains(&micros));
            prop_assert!(covered || at(&rows, micros).is_none());
        }
    }

    #[test]
    fn spans_are_disjoint_in_order_and_never_more_than_asked_for(
        states in prop::collection::btree_map(0..5_000_i64, 0..4_u8, 1..300), end in 1..6_000_i64, most in 1..50_u32,
    ) {
        let rows: Vec<_> = states.iter().map(|(at, state)| Row {
            at: *at,
            held: if *state == 3 { Held::Removed } else { Held::of(format!("s{state}").into()) },
        }).collect();
        let mut series = Series::new(0, end, most);
        series.add_rows(&rows);
        let told = series.finish("x.y".to_owned());
        prop_assert!(told.spans.len() <= most as usize);
        for span in &told.spans {
            prop_assert!(span.start < span.end && span.end.get() <= end);
        }
        for pair in told.spans.windows(2) {
            prop_assert!(pair[0].end <= pair[1].start);
            prop_assert!(pair[0].end < pair[1].start || pair[0].state != pair[1].state);
        }
        let mut before = None;
        let changes = rows.iter().filter(|row| row.at < end).filter(|row| before.replace(&row.held) != Some(&row.held)).count();
        if told.kind == SeriesKind::Spans {
            prop_assert_eq!(told.spans.iter().map(|span| span.changes).sum::<u64>(), changes as u64);
        }
    }

    #[test]
    fn handing_rows_in_in_parts_changes_nothing(rows in rows(), most in 1..40_u32, part in 1..50_usize) {
        let mut whole = Series::new(0, 100_000, most);
        whole.add_rows(&rows);
        let is_numbers = whole.finish("a.b".to_owned());
        let mut parts = Series::new(0, 100_000, most);
        for rows in rows.chunks(part) {
            parts.add_rows(rows);
        }
        let parts = parts.finish("a.b".to_owned());
        // The form is decided by the first part alone.
        prop_assume!(parts.kind == is_numbers.kind);
        prop_assert_eq!(parts, is_numbers);
    }
}
