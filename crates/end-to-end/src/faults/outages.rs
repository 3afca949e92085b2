//! Gaps that were recorded against outages that were made.

use common::api::gaps::{Gap, GapClosure, GapReason};
use common::instant::UtcMicros;

use super::diary::{Diary, Meaning, Window};

/// Instants of two processes may differ by this, in microseconds.
const TOLERANCE: i64 = 50_000;
/// Seconds after which a way that was slow, or a reader that stood still, may still cost the connection.
const AFTERMATH: i64 = 15;

/// What is wrong with the gaps; nothing where each outage lies in recorded gaps and each gap comes of an outage.
pub(super) fn judge(gaps: &[Gap], windows: &[Window], diary: &Diary) -> Vec<String> {
    let second = |at| format!("{:.3}", diary.seconds(at));
    let shown = |gap: &Gap| {
        format!(
            "{} gap {} to {} s",
            gap.reason.as_str(),
            second(gap.start),
            second(gap.end)
        )
    };
    let mut wrong = Vec::new();
    for gap in gaps {
        if gap.closed_by != Some(GapClosure::Backfill) {
            wrong.push(format!("{} is not healed: {:?}", shown(gap), gap.closed_by));
        }
        if !windows.iter().any(|window| explains(window, gap)) {
            wrong.push(format!("{} comes of nothing that was done", shown(gap)));
        }
    }
    for window in windows {
        let is_deaf = window.fault.meaning() == Meaning::Deaf;
        if is_deaf && !covers(gaps, window.from, window.to) {
            wrong.push(format!(
                "{}, {} to {} s, is in no recorded gap",
                window.fault.name(),
                second(window.from),
                second(window.to)
            ));
        }
    }
    wrong
}

/// Whether a fault can be why there is a gap.
fn explains(window: &Window, gap: &Gap) -> bool {
    let fits = match gap.reason {
        GapReason::NotRunning => window.fault.is_end_of_ingestion(),
        GapReason::Disconnected => window.fault.meaning() != Meaning::None,
        // None of what is done here fills a buffer or a disk, or damages what is on it.
        _ => false,
    };
    fits && window.meets(gap.start.plus_seconds(-AFTERMATH), gap.end)
}

/// Whether gaps, taken together, have the whole span.
fn covers(gaps: &[Gap], from: UtcMicros, to: UtcMicros) -> bool {
    let mut sorted: Vec<&Gap> = gaps.iter().collect();
    sorted.sort_by_key(|gap| gap.start);
    let mut known = from;
    for gap in sorted {
        if gap.start <= known.plus_micros(TOLERANCE) && gap.end >= known.plus_micros(-TOLERANCE) {
            known = known.max(gap.end);
            if known >= to.plus_micros(-TOLERANCE) {
                return true;
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::diary::Fault;
    use common::clock::Clock;

    fn at(second: i64) -> UtcMicros {
        UtcMicros::default().plus_seconds(1_000 + second)
    }

    fn gap(start: i64, end: i64, reason: GapReason) -> Gap {
        Gap {
            start: at(start),
            end: at(end),
            reason,
            closed_by: Some(GapClosure::Backfill),
            rows: Some(0),
        }
    }

    fn window(fault: Fault, from: i64, to: i64) -> Window {
        Window {
            fault,
            begun: at(from),
            from: at(from),
            to: at(to),
        }
    }

    fn judged(gaps: &[Gap], windows: &[Window]) -> Vec<String> {
        judge(gaps, windows, &Diary::new(Clock::manual(at(0))))
    }

    #[test]
    fn an_outage_may_lie_in_several_gaps_and_data_api_needs_none() {
        let gaps = [
            gap(12, 20, GapReason::Disconnected),
            gap(5, 12, GapReason::NotRunning),
        ];
        let windows = [
            window(Fault::IngestionKilled, 6, 9),
            window(Fault::HomeKilled, 8, 19),
            window(Fault::StoreKilled, 30, 40),
        ];
        assert_eq!(judged(&gaps, &windows), Vec::<String>::new());
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let cut = window(Fault::HomeCut, 10, 10);
        assert!(judged(&[], &[cut])[0].contains("is in no recorded gap"));
        let late = gap(11, 20, GapReason::Disconnected);
        assert!(judged(&[late], &[cut])[0].contains("is in no recorded gap"));
        let invented = gap(100, 120, GapReason::Disconnected);
        let told = judged(
            std::slice::from_ref(&invented),
            &[window(Fault::StoreKilled, 100, 110)],
        );
        assert!(told[0].contains("comes of nothing"), "{told:?}");
        let mut open = gap(9, 20, GapReason::Disconnected);
        open.closed_by = None;
        assert!(judged(&[open], &[cut])[0].contains("is not healed"));
        let full = gap(9, 20, GapReason::BufferFull);
        assert_eq!(judged(&[full], &[cut]).len(), 1);
    }
}
