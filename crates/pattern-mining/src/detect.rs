//! One detector for each kind of pattern.

pub mod anomaly;
pub mod conditional;
pub mod duration;
pub mod link;
pub mod missed;
pub mod pair;
pub mod routine;
pub mod scene;
pub mod screen;
pub mod sequence;
pub mod time_of_day;
