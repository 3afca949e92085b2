//! What goes on by itself: machines that cycle, sensors, the sky, schedules.

use std::borrow::Cow;

use super::{Act, By, Change, MINUTE, Simulation};
use crate::households::automation::Start;
use crate::households::calendar::DAY;
use crate::households::house::Measured;

/// Minutes between two values of the temperature outside.
const OUTSIDE_EVERY: f64 = 30.0;
/// Changes of the weather a day.
const WEATHERS: usize = 5;
const SKIES: [&str; 5] = ["sunny", "cloudy", "rainy", "partlycloudy", "fog"];
/// Most lux of a bright room and of a dull one.
const LUX: (f64, f64) = (150.0, 900.0);

impl Simulation<'_> {
    pub(super) fn background(&mut self) {
        self.cycles();
        self.readings();
        self.outside();
        for day in self.days() {
            self.sky(day);
            for (number, automation) in self.house.automations.iter().enumerate() {
                if let Start::Minute(minute) = automation.start {
                    let at = self.moment(day, minute);
                    self.plan_within(at, (0.02, 0.2), Act::Run(number, None));
                }
            }
        }
    }

    fn end(&self) -> i64 {
        self.at(self.calendar.days as f64 * DAY)
    }

    fn cycles(&mut self) {
        let house = self.house;
        for cycle in &house.cycles {
            let one = &house.things[cycle.thing];
            let first = self.chance.between(0.0, 50.0);
            let mut at = self.at(first);
            while at < self.end() {
                self.plan(at, Act::Set(Change::by(By::Device, cycle.thing, one.on)));
                at += (cycle.works * self.chance.between(0.85, 1.2) * MINUTE) as i64;
                self.plan(at, Act::Set(Change::by(By::Device, cycle.thing, one.off)));
                at += (cycle.rests * self.chance.between(0.8, 1.25) * MINUTE) as i64;
            }
        }
    }

    fn show_value(&mut self, at: i64, thing: usize, value: String) {
        let change = Change {
            thing,
            state: Cow::Owned(value),
            by: By::Device,
            context: None,
        };
        self.plan(at, Act::Set(change));
    }

    fn readings(&mut self) {
        let house = self.house;
        for reading in &house.readings {
            let (mut value, usual) = match reading.of {
                Measured::Humidity => (self.chance.between(35.0, 60.0), 48.0),
                _ => (self.chance.between(18.0, 24.0), 21.0),
            };
            let first = self.chance.between(0.0, 10.0);
            let mut at = self.at(first);
            while at < self.end() {
                let text = if reading.of == Measured::Brightness {
                    self.lux(at)
                } else {
                    value += self.chance.gauss(0.0, 0.12) + 0.03 * (usual - value);
                    format!("{value:.1}")
                };
                self.show_value(at, reading.thing, text);
                let early_or_late = if reading.polled {
                    1.0
                } else {
                    self.chance.between(0.5, 1.6)
                };
                at += (reading.every * early_or_late * MINUTE) as i64;
            }
        }
    }

    /// How bright it is indoors without a lamp.
    fn lux(&mut self, at: i64) -> String {
        let minute = self.calendar.minute(at);
        let day = (minute / DAY).floor();
        let (rise, set) = self.calendar.daylight(day as i64);
        let part = (minute - day * DAY - rise) / (set - rise);
        let height = if (0.0..=1.0).contains(&part) {
            (std::f64::consts::PI * part).sin()
        } else {
            0.0
        };
        format!("{:.0}", height * self.chance.between(LUX.0, LUX.1))
    }

    fn outside(&mut self) {
        let start = self.at(0.0);
        let mut at = self.at(0.7);
        while at < self.end() {
            let half_hours = (at - start) as f64 / (OUTSIDE_EVERY * MINUTE);
            let value = format!("{:.1}", self.weather.after(half_hours as usize));
            self.show_value(at, self.house.outside, value);
            at += (OUTSIDE_EVERY * self.chance.between(0.8, 1.2) * MINUTE) as i64;
        }
    }

    fn sky(&mut self, day: i64) {
        if let Some(sun) = self.house.sun {
            let (rise, set) = self.calendar.daylight(day);
            for (minute, state) in [(rise, "above_horizon"), (set, "below_horizon")] {
                let at = self.moment(day, minute);
                self.plan(at, Act::Set(Change::by(By::Device, sun, state)));
            }
        }
        if let Some(weather) = self.house.weather {
            for _ in 0..WEATHERS {
                let minute = self.chance.between(0.0, DAY - 1.0);
                let at = self.moment(day, minute);
                let state = *self.chance.one_of(&SKIES);
                self.plan(at, Act::Set(Change::by(By::Device, weather, state)));
            }
        }
    }
}
