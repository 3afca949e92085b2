//! Going on in what is in order, asked for later and later things.

/// The place of the first one from a place on that has not passed; those that have come before those that have not.
///
/// For steps of a few places: four are looked at without asking after each, as whether one more has passed is what a processor guesses wrong.
/// For long ways `partition_point` is quicker.
pub(crate) fn past<T>(ordered: &[T], from: usize, has_passed: impl Fn(&T) -> bool) -> usize {
    let mut place = from;
    while let Some(ahead) = ordered[place..].first_chunk::<4>() {
        let more: usize = ahead.iter().map(|one| usize::from(has_passed(one))).sum();
        place += more;
        if more < ahead.len() {
            return place;
        }
    }
    let ahead = ordered[place..].iter();
    place + ahead.take_while(|one| has_passed(one)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_found_from_every_place_before_it() {
        let ordered: Vec<usize> = (0..11).collect();
        for end in 0..=ordered.len() {
            for from in 0..=end {
                assert_eq!(past(&ordered, from, |&one| one < end), end, "from {from}");
            }
        }
    }
}
