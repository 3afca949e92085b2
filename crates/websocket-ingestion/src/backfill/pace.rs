//! How large a question about the history may be: small at first, larger while the answers are small and quick.

use std::time::Duration;

/// Most entities in one question.
const MOST_ENTITIES: usize = 100;
/// Longest span of one question.
const MOST_SECONDS: i64 = 86_400;
/// Shortest span; below it fewer entities are asked for.
const LEAST_SECONDS: i64 = 60;
/// An answer of more bytes makes the next question smaller. In memory its rows take some three times that.
const LARGE_ANSWER_BYTES: usize = 4 * 1024 * 1024;
/// An answer of fewer bytes that came in time makes the next one larger.
const SMALL_ANSWER_BYTES: usize = 512 * 1024;
/// What "in time" is.
const QUICK: Duration = Duration::from_secs(5);

/// Entities and seconds of the next question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pace {
    pub(crate) entities: usize,
    pub(crate) seconds: i64,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            entities: 25,
            seconds: 6 * 3600,
        }
    }
}

impl Pace {
    /// An answer of so many bytes came after so long.
    pub(crate) fn answered(&mut self, bytes: usize, took: Duration) {
        if bytes > LARGE_ANSWER_BYTES {
            self.too_much();
        } else if bytes < SMALL_ANSWER_BYTES && took < QUICK {
            if self.entities < MOST_ENTITIES {
                self.entities = (self.entities * 2).min(MOST_ENTITIES);
            } else {
                self.seconds = (self.seconds * 2).min(MOST_SECONDS);
            }
        }
    }

    /// The answer was too large, or did not come.
    pub(crate) fn too_much(&mut self) {
        self.entities = (self.entities / 2).max(1);
        self.seconds = (self.seconds / 2).max(LEAST_SECONDS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_grow_with_small_answers_and_shrink_with_large_ones_within_bounds() {
        let mut pace = Pace::default();
        for _ in 0..20 {
            pace.answered(1_000, Duration::from_millis(10));
        }
        let most = Pace {
            entities: MOST_ENTITIES,
            seconds: MOST_SECONDS,
        };
        assert_eq!(pace, most);
        pace.answered(1_000_000, Duration::from_millis(10));
        pace.answered(1_000, Duration::from_secs(20));
        assert_eq!(pace, most);
        pace.answered(5_000_000, Duration::from_millis(10));
        assert_eq!((pace.entities, pace.seconds), (50, 43_200));
        for _ in 0..20 {
            pace.too_much();
        }
        assert_eq!((pace.entities, pace.seconds), (1, LEAST_SECONDS));
    }
}
