//! What happens at the same second of the day, day after day, is done by a timer, an automation of another program or a schedule of
//! the device: no hand is that exact.

use crate::evidence::Moment;

/// Changes to one state that lie within so many seconds of the day, …
const WITHIN: i64 = 6;
/// … on so many days, are a timer's.
const MIN_DAYS: usize = 10;
/// … when they are at least this part …
const ALONE: f64 = 0.6;
/// … of those within so many seconds around: what happens all the time also happens then.
const AROUND: i64 = 30;
/// A log in which more than this part of the changes lie on whole minutes tells no seconds.
const WHOLE_MINUTES: f64 = 0.5;

const DAY: i64 = 86_400;
/// Seconds of a part of the day of which a timer's moments touch two at most.
const PART: i64 = WITHIN + 1;

/// Takes a timer's moments out of those of one change, and returns their instants.
pub(super) fn take(moments: &mut Vec<Moment>) -> Vec<i64> {
    if moments.len() < MIN_DAYS {
        return Vec::new();
    }
    if !may_be_timed(moments) {
        return Vec::new();
    }
    let mut seconds: Vec<(i64, i64)> = moments
        .iter()
        .map(|moment| (second_of_day(*moment), moment.day()))
        .collect();
    let whole = moments.iter().filter(|moment| moment.at % 60_000_000 == 0);
    if whole.count() as f64 > WHOLE_MINUTES * moments.len() as f64 {
        return Vec::new();
    }
    seconds.sort_unstable();
    let mut spans: Vec<(i64, i64)> = Vec::new();
    let mut start = 0;
    for end in 0..seconds.len() {
        while seconds[end].0 - seconds[start].0 > WITHIN {
            start += 1;
        }
        let (from, until) = (seconds[start].0, seconds[end].0);
        if end + 1 - start < MIN_DAYS || !is_alone(&seconds, from, until, end + 1 - start) {
            continue;
        }
        let mut days: Vec<i64> = seconds[start..=end].iter().map(|&(_, day)| day).collect();
        days.sort_unstable();
        days.dedup();
        if days.len() < MIN_DAYS {
            continue;
        }
        match spans.last_mut() {
            Some(last) if from <= last.1 => last.1 = until,
            _ => spans.push((from, until)),
        }
    }
    if spans.is_empty() {
        return Vec::new();
    }
    let mut taken = Vec::new();
    moments.retain(|moment| {
        let second = second_of_day(*moment);
        let timed = spans
            .iter()
            .any(|&(from, until)| (from..=until).contains(&second));
        if timed {
            taken.push(moment.at);
        }
        !timed
    });
    taken
}

/// Whether anything can be a timer's: at first sight, by counting the moments in parts of the day so long that a timer's lie in two.
fn may_be_timed(moments: &[Moment]) -> bool {
    let mut counts = vec![0_u32; (DAY / PART + 1) as usize];
    for moment in moments {
        counts[(second_of_day(*moment) / PART) as usize] += 1;
    }
    let enough = |counts: &[u32]| counts.iter().sum::<u32>() as usize >= MIN_DAYS;
    counts.windows(2).any(enough)
}

/// Whether so many moments between two seconds are most of those around.
fn is_alone(seconds: &[(i64, i64)], from: i64, until: i64, count: usize) -> bool {
    let near = seconds.partition_point(|&(second, _)| second <= until + AROUND)
        - seconds.partition_point(|&(second, _)| second < from - AROUND);
    count as f64 >= ALONE * near as f64
}

fn second_of_day(moment: Moment) -> i64 {
    (moment.minute * 60 + moment.at.div_euclid(1_000_000).rem_euclid(60)).rem_euclid(DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(day: i64, second: i64) -> Moment {
        let at = day * DAY + second;
        Moment {
            minute: at / 60,
            at: at * 1_000_000,
        }
    }

    #[test]
    fn a_timer_is_taken_out_and_what_people_do_stays() {
        let mut moments = Vec::new();
        for day in 0..30 {
            // At 21:00 to the second or two, and by hand some minutes before or after seven.
            moments.push(moment(day, 7 * 3600 + (day * 7919) % 1200));
            moments.push(moment(day, 21 * 3600 + day % 3 - 1));
        }
        assert_eq!(take(&mut moments).len(), 30);
        assert_eq!(moments.len(), 30);
        assert!(moments.iter().all(|moment| moment.of_day() < 8 * 60));
    }

    #[test]
    fn a_log_of_whole_minutes_has_no_timers() {
        let mut moments: Vec<Moment> = (0..60).map(|day| moment(day, 7 * 3600)).collect();
        assert_eq!(take(&mut moments), [0; 0]);
    }
}
