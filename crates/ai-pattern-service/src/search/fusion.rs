//! One ranking of two: reciprocal rank fusion (Cormack, Clarke, Büttcher 2009). A document counts 1 / (60 + its rank) in each list that
//! has it, so that scores which cannot be compared need not be.

use std::collections::HashMap;

/// The constant of the paper.
const K: f64 = 60.0;

/// A document's places in the two lists, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Places {
    /// Its place by keywords.
    pub(crate) keywords: Option<usize>,
    /// Its place by meaning.
    pub(crate) meaning: Option<usize>,
}

impl Places {
    /// The sum over both lists.
    pub(crate) fn score(self) -> f64 {
        let both = [self.keywords, self.meaning].into_iter().flatten();
        both.map(|place| 1.0 / (K + place as f64)).sum()
    }
}

/// Documents of both lists, the best first; equals in the order of their numbers.
pub(crate) fn fuse(keywords: &[i64], meaning: &[i64]) -> Vec<(i64, Places)> {
    let mut places: HashMap<i64, Places> = HashMap::new();
    for (at, &id) in keywords.iter().enumerate() {
        places.entry(id).or_default().keywords = Some(at + 1);
    }
    for (at, &id) in meaning.iter().enumerate() {
        places.entry(id).or_default().meaning = Some(at + 1);
    }
    let mut fused: Vec<(i64, Places)> = places.into_iter().collect();
    fused.sort_by(|(a_id, a), (b_id, b)| b.score().total_cmp(&a.score()).then(a_id.cmp(b_id)));
    fused
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_both_lists_have_comes_before_what_leads_one_of_them() {
        let fused = fuse(&[1, 2, 3], &[4, 3]);
        let order: Vec<i64> = fused.iter().map(|(id, _)| *id).collect();
        assert_eq!(order, [3, 1, 4, 2]);
        assert_eq!(
            (fused[0].1.keywords, fused[0].1.meaning),
            (Some(3), Some(2))
        );
        assert!((fused[0].1.score() - (1.0 / 63.0 + 1.0 / 62.0)).abs() < 1e-12);
    }

    #[test]
    fn one_list_alone_keeps_its_order() {
        let order: Vec<i64> = fuse(&[9, 7, 8], &[]).iter().map(|(id, _)| *id).collect();
        assert_eq!(order, [9, 7, 8]);
        assert!(fuse(&[], &[]).is_empty());
    }
}
