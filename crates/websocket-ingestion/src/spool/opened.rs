//! What a start finds in the folder of the spool.

use common::instant::UtcMicros;

use super::segment::Checked;

/// What was found at the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Opened {
    /// Events that wait.
    pub(crate) records: u64,
    /// Files with damage in their middle; what stood before the damage is kept, the file is set aside.
    pub(crate) damaged: u64,
    /// The newest event before the first damage, and the oldest after the last; none where there is none.
    pub(crate) around_damage: (Option<UtcMicros>, Option<UtcMicros>),
}

impl Opened {
    /// Notes what one more file is like.
    pub(super) fn note(&mut self, before: Option<UtcMicros>, checked: &Checked) {
        let span = checked.segment.as_ref().and_then(|found| found.span);
        if checked.is_damaged {
            self.damaged += 1;
            let until = span.map(|(_, last)| last).max(before);
            self.around_damage = (self.around_damage.0.or(until), None);
        } else if self.damaged > 0 && self.around_damage.1.is_none() {
            self.around_damage.1 = span.map(|(first, _)| first);
        }
    }
}
