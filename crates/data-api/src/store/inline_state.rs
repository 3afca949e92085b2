//! Which states are kept as text in their row, and which once in a dictionary.
//!
//! A state that begins like a number is a measurement, a counter or an instant: often short, often never seen again. In a dictionary it
//! would cost more than its text (a row and an entry of the index for each), and the dictionary would grow for ever. Words (`on`,
//! `heating`, `not_home`) are few.

/// Whether a state is kept in its row: it begins with a digit, or with a sign and a digit. The migration to these tables has the same
/// rule as a GLOB.
pub(super) fn is_inline(state: &str) -> bool {
    match state.as_bytes() {
        [b'+' | b'-', digit, ..] | [digit, ..] => digit.is_ascii_digit(),
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_instants_are_kept_in_their_row_and_words_are_not() {
        for state in ["0", "21.5", "-3", "+4", "2026-11-25T17:31:26+00:00", "3rd"] {
            assert!(is_inline(state), "{state}");
        }
        for state in ["", "on", "-", "+", "--1", ".5", "٣", "unavailable", "-inf"] {
            assert!(!is_inline(state), "{state}");
        }
    }
}
