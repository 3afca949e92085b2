//! The detectors, one file for each kind of habit.

pub mod time_of_day;
