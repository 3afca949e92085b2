//! What makes a home hard to read: parts that it does not have, answers that never come, a recorder that is late.

use std::sync::Arc;

use common::instant::UtcMicros;

use super::House;

impl House {
    /// Notes for the logbook that it was started or stopped.
    pub(in crate::server) fn mark_core(&self, message: &'static str) {
        let now = self.clock.now();
        self.lock().core_marks.push((now, message));
    }

    pub(in crate::server) fn core_marks(
        &self,
        start: UtcMicros,
        end: UtcMicros,
    ) -> Vec<(UtcMicros, &'static str)> {
        let marks = self.lock().core_marks.clone();
        marks
            .into_iter()
            .filter(|(at, _)| (start..=end).contains(at))
            .collect()
    }

    /// Makes it not know a component such as `history`, or a single command.
    pub(in crate::server) fn refuse(&self, name: &str) {
        self.lock().refused.insert(name.to_owned());
    }

    /// Whether it does as if it did not know this component or command.
    pub(in crate::server) fn refuses(&self, name: &str) -> bool {
        let refused = &self.lock().refused;
        refused.contains(name)
            || name
                .split_once('/')
                .is_some_and(|(component, _)| refused.contains(component))
    }

    pub(in crate::server) fn set_max_answer_rows(&self, rows: usize) {
        self.lock().max_answer_rows = rows;
    }

    pub(in crate::server) fn max_answer_rows(&self) -> usize {
        self.lock().max_answer_rows
    }

    /// Entities that the recorder knows, some of which may be gone.
    pub(in crate::server) fn recorded_ids(&self) -> Vec<Arc<str>> {
        self.lock().recorder.entity_ids()
    }

    /// Up to when the recorder has written; nothing where it writes at once.
    pub(super) fn written(&self) -> Option<UtcMicros> {
        let lag = self.recorder_lag.as_micros() as i64;
        let commits = self.clock.now().get().checked_div(lag)?;
        let committed = self.lock().committed;
        UtcMicros::new(commits * lag)
            .ok()
            .map(|at| at.max(committed))
    }

    /// Changes that the recorder has not written yet.
    pub(in crate::server) fn backlog(&self) -> usize {
        self.written()
            .map_or(0, |written| self.lock().recorder.younger_than(written))
    }
}
