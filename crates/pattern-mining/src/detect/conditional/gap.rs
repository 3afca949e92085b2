//! Pairs that seem to have begun or ended, and only wait for their condition.

use crate::detect::link::Link;
use crate::evidence::Evidence;
use crate::life::Life;

use super::{HOLDS_NOT, MIN_SIDE, WORTH_A_LOOK, Which};

/// Fewest triggers that show that it is the condition and not a beginning or an end.
const MIN_GAP: u32 = 4;
/// Share of them that are followed where the pair lived.
const LIVED: f64 = 0.5;

/// A pair that began or ended, as if it had lived all the time.
pub(super) fn all_along(link: &Link) -> Option<Link> {
    let is_worth_it = (link.life.began || link.life.ended)
        && link.p_value <= WORTH_A_LOOK
        && !link.is_timer()
        && link.turns.len() >= 2 * MIN_SIDE as usize;
    is_worth_it.then(|| Link {
        life: Life {
            part: 0..link.turns.len(),
            began: false,
            ended: false,
        },
        ..link.clone()
    })
}

/// Whether a condition explains why a pair seems to have begun or ended: it shows while the pair lived, or the pair lived at other times too
/// when it held. A lamp that was given away in autumn has not waited for warm days.
pub(super) fn explains_the_gap(evidence: &Evidence, link: &Link, which: Which) -> bool {
    let (mut inside, mut outside) = ((0, 0), (0, 0));
    for (place, turn) in link.turns.iter().enumerate().filter(|(_, turn)| turn.could) {
        let lived = link.life.part.contains(&place);
        let side = match (lived, which.holds(evidence, turn.at)) {
            (true, false) => &mut inside,
            (false, true) => &mut outside,
            _ => continue,
        };
        side.0 += u32::from(link.is_hit(turn));
        side.1 += 1;
    }
    let share = |(hits, trials): (u32, u32)| f64::from(hits) / f64::from(trials);
    (inside.1 >= MIN_GAP && share(inside) <= HOLDS_NOT)
        || (outside.1 >= MIN_GAP && share(outside) >= LIVED)
}
