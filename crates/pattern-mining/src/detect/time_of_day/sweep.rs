//! Counting days in a window that moves around the clock, in one pass over the points.

use super::layout::Point;

/// Bound on the probability that at least one of so many changes falls into the window: their expected number there. It holds
/// however they hang together, also for what runs in a regular cycle and so spreads more evenly than independent changes would.
pub(super) fn at_least_one(chance: f64, changes: u32) -> f64 {
    (chance * f64::from(changes)).min(1.0)
}

/// A window that moves over the points and knows how many days have how many points in it.
pub(super) struct Sweep<'a> {
    points: &'a [Point],
    half_width: i64,
    start: usize,
    end: usize,
    by_day: Vec<u32>,
    /// Days with so many points, from 0.
    days_with: Vec<u32>,
    /// Days with any.
    pub(super) days: u32,
}

impl<'a> Sweep<'a> {
    pub(super) fn new(points: &'a [Point], days: usize, half_width: i64) -> Self {
        Self {
            points,
            half_width,
            start: 0,
            end: 0,
            by_day: vec![0; days],
            days_with: vec![days as u32],
            days: 0,
        }
    }

    /// Moves on; centres must not go back.
    pub(super) fn move_to(&mut self, centre: i64) {
        if self.start == self.end {
            // Nothing is in it: what lies before its new place never comes in.
            let low = centre - self.half_width;
            let ahead = &self.points[self.end..];
            self.end += ahead.partition_point(|point| i64::from(point.minute) < low);
            self.start = self.end;
        }
        while let Some(point) = self
            .points
            .get(self.end)
            .filter(|point| i64::from(point.minute) <= centre + self.half_width)
        {
            self.change(usize::from(point.day), 1);
            self.end += 1;
        }
        while let Some(point) = self.points[..self.end]
            .get(self.start)
            .filter(|point| i64::from(point.minute) < centre - self.half_width)
        {
            self.change(usize::from(point.day), -1);
            self.start += 1;
        }
    }

    fn change(&mut self, day: usize, by: i32) {
        let before = self.by_day[day];
        let after = before.wrapping_add_signed(by);
        self.by_day[day] = after;
        if self.days_with.len() <= after as usize {
            self.days_with.push(0);
        }
        self.days_with[before as usize] -= 1;
        self.days_with[after as usize] += 1;
        self.days = self.by_day.len() as u32 - self.days_with[0];
    }

    /// Days on which chance alone puts at least one of the day's points into this share of the window.
    pub(super) fn expected(&self, share: f64) -> f64 {
        let by_count = self.days_with.iter().enumerate().skip(1);
        by_count
            .map(|(changes, &days)| f64::from(days) * at_least_one(share, changes as u32))
            .sum()
    }
}
