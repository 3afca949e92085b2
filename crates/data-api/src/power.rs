//! Power over time, pure: a value holds until the next one. Watts, and watt-hours for what adds up.

/// Microseconds of an hour.
const HOUR_US: f64 = 3.6e9;
/// Microseconds after a state change at which its effect on power is looked at.
pub(crate) const EFFECT_US: i64 = 120_000_000;

/// Values by instant (microseconds), oldest first; none while nothing is known.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Steps(Vec<(i64, Option<f64>)>);

impl Steps {
    /// Of readings in the order of time.
    pub(crate) fn new(readings: Vec<(i64, Option<f64>)>) -> Self {
        Self(readings)
    }

    /// Several added up: what is known of them at each instant.
    pub(crate) fn sum(all: &[Self]) -> Self {
        let mut changes: Vec<(i64, usize, Option<f64>)> = all
            .iter()
            .enumerate()
            .flat_map(|(which, steps)| steps.0.iter().map(move |&(at, value)| (at, which, value)))
            .collect();
        changes.sort_by_key(|&(at, which, _)| (at, which));
        let mut now = vec![None; all.len()];
        let (mut total, mut known) = (0.0, 0_usize);
        let mut sums: Vec<(i64, Option<f64>)> = Vec::with_capacity(changes.len());
        for (at, which, value) in changes {
            if let Some(before) = now[which] {
                total -= before;
                known -= 1;
            }
            if let Some(after) = value {
                total += after;
                known += 1;
            }
            now[which] = value;
            // Sums and differences leave crumbs behind; where nothing is known there is nothing.
            let sum = (known > 0).then_some((total * 1e6_f64).round() / 1e6);
            match sums.last_mut() {
                Some(last) if last.0 == at => last.1 = sum,
                _ => sums.push((at, sum)),
            }
        }
        Self(sums)
    }

    /// What holds at an instant.
    pub(crate) fn at(&self, at: i64) -> Option<f64> {
        let after = self.0.partition_point(|&(instant, _)| instant <= at);
        self.0.get(after.checked_sub(1)?)?.1
    }

    /// The newest reading.
    pub(crate) fn newest(&self) -> Option<(i64, f64)> {
        let &(at, value) = self.0.last()?;
        Some((at, value?))
    }

    /// The pieces that lie in a span: beginning, end, value.
    fn pieces(&self, start: i64, end: i64) -> impl Iterator<Item = (i64, i64, f64)> + '_ {
        self.0
            .iter()
            .enumerate()
            .filter_map(move |(place, &(from, value))| {
                let until = self.0.get(place + 1).map_or(end, |next| next.0);
                let (from, until) = (from.max(start), until.min(end));
                Some((from, until, value?)).filter(|_| from < until)
            })
    }

    /// Watt-hours of a span.
    pub(crate) fn watt_hours(&self, start: i64, end: i64) -> f64 {
        self.pieces(start, end)
            .map(|(from, until, watts)| watts * (until - from) as f64 / HOUR_US)
            .sum()
    }

    /// Mean over the time of a span in which a value is known; none without such time.
    pub(crate) fn mean(&self, start: i64, end: i64) -> Option<f64> {
        self.mean_of(&[(start, end)])
    }

    /// Mean over several spans.
    pub(crate) fn mean_of(&self, spans: &[(i64, i64)]) -> Option<f64> {
        let (mut sum, mut time) = (0.0, 0.0);
        for &(start, end) in spans {
            for (from, until, watts) in self.pieces(start, end) {
                let length = (until - from) as f64;
                sum += watts * length;
                time += length;
            }
        }
        (time > 0.0).then(|| sum / time)
    }

    /// The highest value of a span and when it began to hold there.
    pub(crate) fn peak(&self, start: i64, end: i64) -> Option<(i64, f64)> {
        self.pieces(start, end)
            .map(|(from, _, watts)| (from, watts))
            .reduce(|a, b| if b.1 > a.1 { b } else { a })
    }

    /// Power just before an instant, and two minutes after it; none while one of them is not known.
    pub(crate) fn around(&self, at: i64) -> Option<(f64, f64)> {
        Some((self.at(at - 1)?, self.at(at + EFFECT_US)?))
    }

    /// What a counter went up by in a span; going down is a new beginning at zero.
    pub(crate) fn increase(&self, start: i64, end: i64) -> f64 {
        let mut before = self.at(start);
        let mut increase = 0.0;
        for &(_, value) in self.0.iter().filter(|(at, _)| *at > start && *at <= end) {
            let Some(value) = value else { continue };
            if let Some(before) = before {
                increase += if value >= before {
                    value - before
                } else {
                    value
                };
            }
            before = Some(value);
        }
        increase
    }
}

/// What a unit of power is in watts.
pub(crate) fn watts_of(unit: &str) -> Option<f64> {
    match unit {
        "mW" => Some(0.001),
        "W" => Some(1.0),
        "kW" => Some(1e3),
        "MW" => Some(1e6),
        _ => None,
    }
}

/// What a unit of energy is in kilowatt-hours.
pub(crate) fn kilowatt_hours_of(unit: &str) -> Option<f64> {
    match unit {
        "Wh" => Some(0.001),
        "kWh" => Some(1.0),
        "MWh" => Some(1e3),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000;

    fn near(a: Option<f64>, b: f64) -> bool {
        a.is_some_and(|a| (a - b).abs() < 1e-9)
    }

    #[test]
    fn a_value_holds_until_the_next_and_nothing_is_made_up() {
        let steps = Steps::new(vec![
            (0, Some(100.0)),
            (HOUR, Some(300.0)),
            (2 * HOUR, None),
        ]);
        assert_eq!(
            (steps.at(-1), steps.at(HOUR - 1), steps.at(3 * HOUR)),
            (None, Some(100.0), None)
        );
        assert!((steps.watt_hours(0, 10 * HOUR) - 400.0).abs() < 1e-9);
        assert!(near(steps.mean(HOUR / 2, 2 * HOUR), 700.0 / 3.0));
        assert_eq!(steps.peak(0, HOUR * 2), Some((HOUR, 300.0)));
        assert_eq!(
            (
                steps.mean(5 * HOUR, 6 * HOUR),
                steps.peak(5 * HOUR, 6 * HOUR)
            ),
            (None, None)
        );
        assert!(near(
            steps.mean_of(&[(0, HOUR / 2), (HOUR, HOUR * 3 / 2)]),
            200.0
        ));
        assert_eq!(steps.newest(), None);
    }

    #[test]
    fn sums_know_what_is_known() {
        let one = Steps::new(vec![(0, Some(10.0)), (20, None)]);
        let two = Steps::new(vec![(10, Some(5.0)), (20, Some(6.0)), (30, None)]);
        assert_eq!(
            Steps::sum(&[one, two]).0,
            [
                (0, Some(10.0)),
                (10, Some(15.0)),
                (20, Some(6.0)),
                (30, None)
            ]
        );
        assert_eq!(Steps::sum(&[]).0, []);
    }

    #[test]
    fn a_counter_that_is_set_back_goes_on_from_zero() {
        let counter = Steps::new(vec![
            (0, Some(5.0)),
            (10, Some(7.0)),
            (20, None),
            (30, Some(1.0)),
            (40, Some(1.5)),
        ]);
        assert!((counter.increase(0, 40) - 3.5).abs() < 1e-9);
        assert!((counter.increase(10, 30) - 1.0).abs() < 1e-9);
    }
}
