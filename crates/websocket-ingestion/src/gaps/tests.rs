//! What is missing, and how it is told.

use super::*;

fn at(second: i64) -> UtcMicros {
    UtcMicros::default().plus_seconds(second)
}

fn outage(start: i64, end: i64) -> Outage {
    Outage {
        start: at(start),
        end: at(end),
    }
}

#[test]
fn a_lost_connection_is_one_gap_from_its_last_sign_of_life() {
    let gaps = Gaps::default();
    gaps.reconnected(outage(0, 1));
    assert_eq!(gaps.told().count, 0, "the first connection ends no gap");
    gaps.disconnected(at(10));
    gaps.disconnected(at(12));
    assert_eq!(gaps.told().open_since, Some(at(10)));
    gaps.reconnected(outage(11, 25));
    let told = gaps.told();
    assert_eq!((told.count, told.open_since), (1, None));
    assert!((told.total_seconds - 15.0).abs() < 1e-9);
    gaps.close(&gaps.open(), GapClosure::Backfill, 7);
    assert_eq!(gaps.told().recent[0].rows, Some(7));
    assert!(gaps.open().is_empty());
}

#[test]
fn an_outage_over_which_the_clock_was_set_back_begins_where_the_new_time_does() {
    let gaps = Gaps::default();
    gaps.reconnected(outage(0, 1));
    gaps.disconnected(at(4000));
    gaps.reconnected(outage(400, 4020));
    assert_eq!(gaps.open()[0].start, at(400));
    assert_eq!(gaps.open()[0].end, at(4020));
}

#[test]
fn the_time_before_a_start_is_one_gap_until_the_first_connection() {
    for late in [false, true] {
        let gaps = Gaps::default();
        gaps.disconnected(at(100));
        if !late {
            gaps.not_running(at(10));
        }
        gaps.reconnected(outage(99, 130));
        if late {
            // data-api was away, so that only now it is known what was stored.
            gaps.not_running(at(10));
        }
        let told = gaps.told();
        let first = &told.recent[0];
        assert_eq!(
            (first.start, first.end, first.reason),
            (at(10), at(130), GapReason::NotRunning)
        );
    }
}

#[test]
fn what_was_stored_with_a_time_that_is_yet_to_come_does_not_hide_what_was_missed() {
    let gaps = Gaps::default();
    gaps.not_running(at(1_003_600));
    gaps.reconnected(outage(999_999, 1_000_000));
    let gap = &gaps.open()[0];
    assert!(gap.start <= at(1_000_000 - 86_400), "{gap:?}");
    assert!(gap.end >= at(1_003_600 + 86_400), "{gap:?}");
}

#[test]
fn events_that_the_buffer_let_go_of_make_one_gap() {
    let gaps = Gaps::default();
    for second in 5..9 {
        gaps.lost(Loss::BufferFull, at(second), at(second));
    }
    let told = gaps.told();
    assert_eq!(
        (told.count, told.recent[0].start, told.recent[0].end),
        (1, at(5), at(8))
    );
}

#[test]
fn a_gap_that_grew_since_it_was_read_stays_open_and_one_that_still_grows_is_not_read() {
    let gaps = Gaps::default();
    gaps.lost(Loss::BufferFull, at(5), at(8));
    assert!(gaps.open_and_quiet(Duration::from_secs(60)).is_empty());
    let seen = gaps.open();
    gaps.lost(Loss::BufferFull, at(9), at(9));
    gaps.close(&seen, GapClosure::Backfill, 1);
    assert_eq!(gaps.open()[0].end, at(9));
}

#[test]
fn what_the_spool_lets_go_of_is_one_gap_for_each_flood() {
    let gaps = Gaps::default();
    gaps.lost(Loss::SpoolFull, at(10), at(20));
    gaps.lost(Loss::BufferFull, at(25), at(25));
    gaps.lost(Loss::SpoolFull, at(21), at(30));
    gaps.lost(Loss::SpoolFull, at(500), at(501));
    let spans: Vec<_> = gaps
        .open()
        .iter()
        .map(|gap| (gap.start, gap.end, gap.reason))
        .collect();
    let full = GapReason::SpoolFull;
    let memory = (at(25), at(25), GapReason::BufferFull);
    assert_eq!(
        spans,
        [(at(10), at(30), full), memory, (at(500), at(501), full)]
    );
}

#[test]
fn a_gap_that_data_api_knows_is_taken_up_once() {
    let gaps = Gaps::default();
    gaps.lost(Loss::SpoolDamaged, at(1), at(2));
    let of_an_earlier_run = Gap {
        start: at(0),
        ..gaps.open()[0].clone()
    };
    gaps.adopt(vec![gaps.open()[0].clone(), of_an_earlier_run]);
    assert_eq!(gaps.open().len(), 2);
}

#[test]
fn more_gaps_than_are_remembered_become_longer_ones_and_none_is_forgotten() {
    let gaps = Gaps::default();
    gaps.reconnected(outage(0, 1));
    let many = REMEMBERED as i64 + 50;
    for number in 0..many {
        gaps.disconnected(at(number * 100));
        gaps.reconnected(outage(number * 100, number * 100 + 10));
    }
    let open = gaps.open();
    assert_eq!(open.len(), REMEMBERED);
    for number in 0..many {
        let (start, end) = (at(number * 100), at(number * 100 + 10));
        assert!(
            open.iter().any(|gap| gap.start <= start && end <= gap.end),
            "{number}"
        );
    }
    // One that is settled goes first, and takes nothing with it.
    let mut inner = gaps.lock();
    inner.recent[7].gap.closed_by = Some(GapClosure::Backfill);
    inner.recent[7].reported = true;
    let (oldest, settled) = (inner.recent[0].gap.clone(), inner.recent[7].gap.clone());
    inner.add(at(1_000_000), at(1_000_010), GapReason::Disconnected);
    assert_eq!(inner.recent[0].gap, oldest);
    assert!(inner.recent.iter().all(|known| known.gap != settled));
}
