use super::*;

/// An hour.
const HOUR: i64 = 3600 * SECOND;
/// When the clock that never jumps began, on Home Assistant's.
const EPOCH: i64 = 1_700_000_000 * SECOND;
/// From firing an event to reading it.
const ON_ITS_WAY: i64 = SECOND / 50;

/// A Home Assistant whose clock is set at an instant (of the clock that never jumps).
#[derive(Debug, Clone, Copy)]
struct Home {
    set_at: i64,
    by: i64,
}

impl Home {
    fn shows(self, at: i64) -> i64 {
        EPOCH + at + if at >= self.set_at { self.by } else { 0 }
    }

    /// The date in its answer, with whole seconds, as a span.
    fn dates(self, reckoning: &mut Reckoning, asked: i64, at: i64, off: i64) {
        let date = (self.shows(at) + off) / SECOND * SECOND;
        reckoning.dated(date - at, date + SECOND - asked);
    }

    fn fires(self, reckoning: &mut Reckoning, at: i64) {
        reckoning.heard(self.shows(at), at + ON_ITS_WAY);
    }
}

/// A first connection at 1 s, events every second until 60 s, then silence.
fn connected(home: Home) -> Reckoning {
    let mut reckoning = Reckoning::default();
    home.dates(&mut reckoning, SECOND, SECOND + ON_ITS_WAY, 0);
    reckoning.subscribed(SECOND + ON_ITS_WAY, SECOND + 2 * ON_ITS_WAY);
    for second in 2..=60 {
        home.fires(&mut reckoning, second * SECOND);
    }
    reckoning
}

/// Whether everything that is fired between the two lies in the outage.
fn covers(outage: Outage, home: Home, from: i64, to: i64) -> bool {
    (from..=to).step_by(SECOND as usize / 4).all(|at| {
        let stamp = instant(home.shows(at));
        outage.start <= stamp && stamp <= outage.end
    })
}

fn length(outage: Outage) -> i64 {
    outage.end.get() - outage.start.get()
}

#[test]
fn an_outage_without_jumps_is_as_long_as_it_was() {
    let home = Home { set_at: 0, by: 0 };
    let mut reckoning = connected(home);
    let (lost, back) = (60 * SECOND, 300 * SECOND);
    home.dates(&mut reckoning, back - SECOND / 2, back, 0);
    let outage = reckoning.subscribed(back, back + ON_ITS_WAY);
    assert!(covers(outage, home, lost, back));
    let longer = length(outage) - (back - lost);
    assert!((0..=2 * SECOND).contains(&longer), "{longer}");
}

#[test]
fn a_clock_that_is_set_during_the_outage_is_covered_on_both_times() {
    for by in [
        HOUR,
        -HOUR,
        5 * SECOND,
        -5 * SECOND,
        SECOND,
        -SECOND,
        300 * SECOND,
    ] {
        for set_at in [61, 180, 299] {
            let home = Home {
                set_at: set_at * SECOND,
                by,
            };
            let mut reckoning = connected(home);
            let (lost, back) = (60 * SECOND, 300 * SECOND);
            home.dates(&mut reckoning, back - SECOND / 2, back, 0);
            let outage = reckoning.subscribed(back, back + ON_ITS_WAY);
            assert!(covers(outage, home, lost, back), "{by} at {set_at}");
            let longer = length(outage) - (back - lost) - by.abs();
            assert!(longer <= 3 * SECOND, "{by} at {set_at}: {longer}");
        }
    }
}

#[test]
fn a_clock_that_is_set_while_connected_is_noticed_in_half_a_minute() {
    for by in [HOUR, -HOUR] {
        let home = Home {
            set_at: 61 * SECOND,
            by,
        };
        let mut reckoning = connected(home);
        for second in 61..90 {
            home.fires(&mut reckoning, second * SECOND);
        }
        let base = reckoning.base.unwrap();
        assert!(
            (base.middle() - EPOCH - by).abs() < SECOND,
            "{by}: {base:?}"
        );
        // And a connection that breaks right after the jump has a gap on the new time as well.
        let mut reckoning = connected(home);
        home.fires(&mut reckoning, 61 * SECOND);
        let (lost, back) = (61 * SECOND, 100 * SECOND);
        home.dates(&mut reckoning, back - SECOND / 2, back, 0);
        let outage = reckoning.subscribed(back, back + ON_ITS_WAY);
        assert!(covers(outage, home, lost, back), "{by}: {outage:?}");
        assert!(length(outage) < 3 * 60 * SECOND, "{by}: {outage:?}");
    }
}

#[test]
fn a_date_of_somebody_in_between_does_not_hide_what_was_missed() {
    for off in [HOUR, -HOUR] {
        for (by, set_at) in [(0, 0), (HOUR, 100), (-HOUR, 200), (2 * HOUR, 250)] {
            let home = Home {
                set_at: set_at * SECOND,
                by,
            };
            let mut reckoning = connected(home);
            let (lost, back) = (60 * SECOND, 300 * SECOND);
            home.dates(&mut reckoning, back - SECOND / 2, back, off);
            let told = reckoning.subscribed(back, back + ON_ITS_WAY);
            home.fires(&mut reckoning, back + SECOND);
            // One of the two covers each instant: what was said at once, or what the first event made of it.
            let revised = reckoning.revised.take().unwrap_or(told);
            assert!(
                covers(told, home, lost, back) || covers(revised, home, lost, back),
                "{off}, {by} at {set_at}: {told:?} {revised:?}"
            );
            home.fires(&mut reckoning, back + 2 * SECOND);
            assert_eq!(reckoning.revised, None, "said once");
        }
    }
}

#[test]
fn without_a_date_our_own_clock_has_to_do_until_an_event_comes() {
    for ours in [HOUR, -HOUR, 0] {
        let home = Home { set_at: 0, by: 0 };
        let mut reckoning = Reckoning::default();
        reckoning.guessed(EPOCH + ours);
        let told = reckoning.subscribed(SECOND, SECOND + ON_ITS_WAY);
        assert_eq!(
            told.start,
            instant(EPOCH + ours),
            "the start of the process"
        );
        assert_eq!(reckoning.revised, None, "nothing was heard yet");
        home.fires(&mut reckoning, 2 * SECOND);
        let revised = reckoning.revised;
        assert_eq!(
            revised.is_some(),
            ours < 0,
            "too early is wrong, too late is not"
        );
        let end = revised.unwrap_or(told).end;
        assert!(end >= instant(home.shows(SECOND)), "{ours}");
    }
}

#[test]
fn a_slow_moment_is_not_a_clock_that_was_set_back() {
    let home = Home { set_at: 0, by: 0 };
    let mut reckoning = connected(home);
    // What was fired during 40 seconds is read at once.
    for second in 61..=100 {
        reckoning.heard(home.shows(second * SECOND), 100 * SECOND + second);
    }
    let base = reckoning.base.unwrap();
    assert!((base.middle() - EPOCH).abs() < SECOND, "{base:?}");
    // A connection that breaks in the middle of that is complete up to the event that was read last.
    let mut reckoning = connected(home);
    reckoning.heard(home.shows(61 * SECOND), 100 * SECOND);
    let back = 110 * SECOND;
    home.dates(&mut reckoning, back - SECOND / 2, back, 0);
    let outage = reckoning.subscribed(back, back + ON_ITS_WAY);
    assert!(covers(outage, home, 61 * SECOND, back), "{outage:?}");
}

#[test]
fn how_far_the_clocks_are_apart_is_known_once_it_said_the_time() {
    let home = HomeTime::default();
    let ours = UtcMicros::default().plus_seconds(1_700_000_000);
    home.dated(None, home.tick(), ours);
    assert_eq!(home.ahead_seconds(ours), None, "that was our own clock");
    home.heard(ours.plus_seconds(3600));
    home.frame_read();
    let ahead = home.ahead_seconds(ours).unwrap();
    assert!((ahead - 3600.0).abs() < 5.0, "{ahead}");
    assert_eq!(home.complete_until(), Some(ours.plus_seconds(3600)));
    // Ours jumps while it is connected: only the difference changes.
    let ahead = home.ahead_seconds(ours.plus_seconds(3600)).unwrap();
    assert!(ahead.abs() < 5.0, "{ahead}");
}

#[test]
fn an_answered_question_is_a_sign_of_life_as_of_the_question() {
    let home = HomeTime::default();
    let ours = UtcMicros::default().plus_seconds(1_700_000_000);
    assert_eq!(home.complete_until(), None);
    let asked = home.tick();
    home.dated(Some(ours), asked, ours);
    let outage = home.subscribed(asked);
    assert!(outage.start <= ours && outage.end >= ours, "{outage:?}");
    let complete = home.complete_until().unwrap();
    assert!(complete <= ours.plus_seconds(1), "{complete}");
    let later = home.tick() + 30 * SECOND;
    home.answered(later);
    let since = home.complete_until().unwrap().seconds_since(complete);
    assert!((since - 30.0).abs() < 5.0, "{since}");
}
