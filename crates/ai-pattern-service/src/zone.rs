//! The home's wall clock: as set by `TZ`, else as Home Assistant has it, else UTC.

use std::sync::{Arc, PoisonError, RwLock};

use jiff::tz::TimeZone;

/// The time zone in force. Cheap to clone; all clones learn together.
#[derive(Debug, Clone, Default)]
pub(crate) struct HomeZone {
    given: Option<TimeZone>,
    learned: Arc<RwLock<Option<TimeZone>>>,
}

impl HomeZone {
    /// The zone that was set, or none: then it has to be learned.
    pub(crate) fn new(given: Option<TimeZone>) -> Self {
        Self {
            given,
            learned: Arc::default(),
        }
    }

    /// Whether Home Assistant is to be asked.
    pub(crate) fn is_to_be_learned(&self) -> bool {
        self.given.is_none()
    }

    /// The zone in force now.
    pub(crate) fn current(&self) -> TimeZone {
        let learned = || {
            self.learned
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .clone()
        };
        self.given.clone().or_else(learned).unwrap_or(TimeZone::UTC)
    }

    /// Takes over the zone that Home Assistant names; a name that is not known changes nothing.
    pub(crate) fn learn(&self, name: &str) {
        let Ok(zone) = TimeZone::get(name) else {
            tracing::warn!(name, "the home's time zone is not known here; set TZ");
            return;
        };
        let mut learned = self.learned.write().unwrap_or_else(PoisonError::into_inner);
        if learned.as_ref() != Some(&zone) {
            tracing::info!(
                time_zone = name,
                "habits are on the wall clock of Home Assistant"
            );
            *learned = Some(zone);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_wins_and_what_is_learned_is_shared() {
        let set = HomeZone::new(TimeZone::get("Europe/Berlin").ok());
        set.learn("America/New_York");
        assert_eq!(set.current().iana_name(), Some("Europe/Berlin"));
        let open = HomeZone::new(None);
        let clone = open.clone();
        assert_eq!(open.current(), TimeZone::UTC);
        clone.learn("Mars/Base");
        assert_eq!(open.current(), TimeZone::UTC);
        clone.learn("Asia/Tokyo");
        assert_eq!(open.current().iana_name(), Some("Asia/Tokyo"));
    }
}
