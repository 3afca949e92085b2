//! What people do all day, and how regular that makes them.

use std::ops::Range;

use super::{Anchor, Moment, Person, PersonDay};
use crate::home::chance::Chance;
use crate::households::calendar::{Calendar, DAY, Days};

/// What a person does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::households) enum Job {
    Office,
    /// At home on two days of the week.
    Hybrid,
    /// Early, middle, late and free, three days each.
    Shift,
    Student,
    Retired,
    Child,
}

impl Job {
    /// The job of the first, or of a further person.
    pub(super) fn of(number: usize, chance: &mut Chance) -> Self {
        use Job::{Child, Hybrid, Office, Retired, Shift, Student};
        if number == 0 {
            *chance.one_of(&[Office, Office, Hybrid, Shift, Student, Retired])
        } else {
            *chance.one_of(&[Office, Hybrid, Student, Retired, Child, Child, Shift])
        }
    }

    /// Probabilities that waking, and then leaving, and returning are regular.
    fn regularity(self) -> (f64, f64, f64) {
        match self {
            Self::Office => (0.75, 0.6, 0.3),
            Self::Hybrid => (0.6, 0.0, 0.0),
            Self::Child => (0.9, 0.9, 0.5),
            Self::Retired => (0.4, 0.0, 0.0),
            Self::Shift | Self::Student => (0.0, 0.0, 0.0),
        }
    }

    fn goes_to_work(self) -> bool {
        matches!(self, Self::Office | Self::Hybrid | Self::Child)
    }
}

/// Standard deviation of a regular and of an irregular moment, in minutes: the latter makes no habit that could be told.
const REGULAR: (f64, f64) = (6.0, 12.0);
const IRREGULAR: (f64, f64) = (62.0, 85.0);
/// Nobody gets up before this minute of the day, or goes to bed after that one.
const EARLIEST_UP: f64 = 250.0;
const LATEST_TO_BED: f64 = DAY + 200.0;
/// The shortest day, in minutes.
const SHORTEST_DAY: f64 = 600.0;
/// When the shifts of a shift worker begin the day, in minutes.
const SHIFTS: [f64; 4] = [380.0, 560.0, 760.0, 480.0];

/// One person's usual times, each with its standard deviation.
struct Rhythm {
    job: Job,
    wake: (f64, f64),
    leave: (f64, f64),
    back: (f64, f64),
    bed: (f64, f64),
    /// Bedtime is regular, also at the weekend.
    early_to_bed: bool,
    /// Weekdays at home.
    at_home: Vec<i8>,
    /// Where in the rota a shift worker begins.
    phase: i64,
}

/// A person with this job: the days, and what is regular about them.
pub(super) fn live(
    job: Job,
    calendar: &Calendar,
    hardness: f64,
    vacation: &Range<i64>,
    chance: &mut Chance,
) -> Person {
    let mut anchors = Vec::new();
    let rhythm = rhythm(job, hardness, &mut anchors, chance);
    let ill = if chance.happens(0.4) {
        let first = chance.pick((calendar.days - 4) as usize) as i64;
        first..first + 1 + chance.pick(3) as i64
    } else {
        0..0
    };
    let days = (-1..=calendar.days)
        .map(|day| {
            let rests = ill.contains(&day) || vacation.contains(&day);
            rhythm.day(day, calendar.weekday(day), rests, chance)
        })
        .collect();
    Person {
        job,
        presence: Vec::new(),
        anchors,
        engagements: Vec::new(),
        days,
        ill,
        away: Vec::new(),
        awake: Vec::new(),
    }
}

fn rhythm(job: Job, hardness: f64, anchors: &mut Vec<Anchor>, chance: &mut Chance) -> Rhythm {
    let (wakes, leaves, returns) = job.regularity();
    let early_to_bed = !matches!(job, Job::Shift | Job::Student) && chance.happens(0.35);
    let wakes = chance.happens(wakes);
    let leaves = wakes && chance.happens(leaves);
    let returns = chance.happens(returns);
    let mut sigma = |is_regular: bool| {
        if is_regular {
            chance.between(REGULAR.0, REGULAR.1) * (1.0 + 0.6 * hardness)
        } else {
            chance.between(IRREGULAR.0, IRREGULAR.1)
        }
    };
    let sigmas = [wakes, leaves, returns, early_to_bed].map(&mut sigma);
    let wake = if job.goes_to_work() {
        chance.between(350.0, 430.0)
    } else {
        chance.between(430.0, 500.0)
    };
    let leave = wake + chance.between(70.0, 110.0) + if leaves { 0.0 } else { 60.0 };
    let (back, bed) = if job == Job::Child {
        (
            chance.between(810.0, 960.0),
            chance.between(1_230.0, 1_290.0),
        )
    } else {
        (
            chance.between(970.0, 1_090.0),
            chance.between(1_330.0, 1_400.0),
        )
    };
    let minutes = [wake, leave, back, bed];
    let moments = [Moment::Wake, Moment::Leave, Moment::Return, Moment::Bed];
    let regular = [wakes, leaves, returns, early_to_bed];
    for place in 0..moments.len() {
        if regular[place] {
            anchors.push(Anchor {
                moment: moments[place],
                minute: minutes[place],
                sigma: sigmas[place],
                days: if moments[place] == Moment::Bed {
                    Days::All
                } else {
                    Days::Weekday
                },
            });
        }
    }
    let mut weekdays = [0, 1, 2, 3, 4];
    chance.shuffle(&mut weekdays);
    Rhythm {
        job,
        wake: (wake, sigmas[0]),
        leave: (leave, sigmas[1]),
        back: (back, sigmas[2]),
        bed: (bed, sigmas[3]),
        early_to_bed,
        at_home: if job == Job::Hybrid {
            weekdays[..2].to_vec()
        } else {
            Vec::new()
        },
        phase: chance.pick(SHIFTS.len()) as i64,
    }
}

impl Rhythm {
    fn day(&self, day: i64, weekday: i8, rests: bool, chance: &mut Chance) -> PersonDay {
        let works = weekday < 5;
        let (wake, bed, away) = if self.job == Job::Shift {
            self.shift(day, rests, chance)
        } else {
            let (wake, bed) = self.hours(works, chance);
            (wake, bed, self.out(weekday, wake, rests, chance))
        };
        let start = day as f64 * DAY;
        let wake = wake.max(EARLIEST_UP);
        PersonDay {
            wake: start + wake,
            bed: start + bed.max(wake + SHORTEST_DAY).min(LATEST_TO_BED),
            away: away
                .map(|(from, until)| (start + from, start + until))
                .into_iter()
                .collect(),
        }
    }

    fn hours(&self, works: bool, chance: &mut Chance) -> (f64, f64) {
        let wake = if works || self.job == Job::Retired {
            chance.gauss(self.wake.0, self.wake.1)
        } else {
            chance.gauss(self.wake.0 + 70.0, 65.0)
        };
        let mut bed = chance.gauss(self.bed.0, self.bed.1);
        if !works && !self.early_to_bed {
            bed += chance.gauss(20.0, 40.0);
        }
        (wake, bed)
    }

    fn out(&self, weekday: i8, wake: f64, rests: bool, chance: &mut Chance) -> Option<(f64, f64)> {
        if rests {
            return None;
        }
        if weekday < 5 && self.job.goes_to_work() && !self.at_home.contains(&weekday) {
            let from = chance.gauss(self.leave.0, self.leave.1).max(wake + 25.0);
            let until = chance.gauss(self.back.0, self.back.1).max(from + 120.0);
            return Some((from, until));
        }
        if self.job == Job::Student && chance.happens(0.65) {
            let from = chance.between(530.0, 840.0).max(wake + 30.0);
            return Some((from, from + chance.between(100.0, 420.0)));
        }
        None
    }

    fn shift(&self, day: i64, rests: bool, chance: &mut Chance) -> (f64, f64, Option<(f64, f64)>) {
        let turn = ((day + self.phase).div_euclid(3)).rem_euclid(SHIFTS.len() as i64) as usize;
        let wake = SHIFTS[turn] + chance.gauss(0.0, 35.0);
        let bed = wake + 16.0 * 60.0 + chance.gauss(0.0, 40.0);
        let from = wake + chance.between(50.0, 140.0);
        let until = from + chance.between(240.0, 620.0);
        let is_free = turn == SHIFTS.len() - 1;
        (wake, bed, (!rests && !is_free).then_some((from, until)))
    }
}
