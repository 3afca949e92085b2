//! The vectors of all documents, in memory, and which of them are near.

use semantic::{DIMENSION, Embedding};

use super::document::DocumentKind;

/// Documents that are handed over at most.
const MOST: usize = 100;
/// What is less similar has nothing to do with the question: nonsense stays below it.
const LEAST: f32 = 0.25;
/// Nor has what is so much less similar than the nearest.
const LEAST_OF_NEAREST: f32 = 0.6;

/// Numbers of documents, their kinds and vectors; 1.5 KB for each.
#[derive(Debug, Default)]
pub(super) struct Vectors(Vec<(i64, DocumentKind, Embedding)>);

impl Vectors {
    /// From what the tables have. What is no vector is left out, and has none until its text changes.
    pub(super) fn of(stored: Vec<(i64, DocumentKind, Vec<u8>)>) -> Self {
        let read = |(number, kind, bytes): (i64, DocumentKind, Vec<u8>)| {
            Some((number, kind, Embedding::towards(numbers(&bytes))?))
        };
        Self(stored.into_iter().filter_map(read).collect())
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// The nearest first.
    pub(super) fn nearest(
        &self,
        question: &Embedding,
        kind: Option<DocumentKind>,
    ) -> Vec<(i64, f32)> {
        let asked = self
            .0
            .iter()
            .filter(|(_, of, _)| kind.is_none_or(|kind| kind == *of));
        let mut found: Vec<(i64, f32)> = asked
            .map(|(number, _, embedding)| (*number, question.similarity(embedding)))
            .filter(|(_, similarity)| *similarity >= LEAST)
            .collect();
        found.sort_by(|(a_id, a), (b_id, b)| b.total_cmp(a).then(a_id.cmp(b_id)));
        if let Some(&(_, nearest)) = found.first() {
            found.retain(|(_, similarity)| *similarity >= nearest * LEAST_OF_NEAREST);
        }
        found.truncate(MOST);
        found
    }
}

/// Little-endian, four bytes for each number.
pub(super) fn bytes(numbers: &[f32]) -> Vec<u8> {
    numbers
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect()
}

fn numbers(bytes: &[u8]) -> Vec<f32> {
    let (numbers, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() || numbers.len() != DIMENSION {
        return Vec::new();
    }
    numbers.iter().copied().map(f32::from_le_bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(angle: f32) -> Vec<f32> {
        let mut vector = vec![0.0; DIMENSION];
        vector[0] = angle.cos();
        vector[1] = angle.sin();
        vector
    }

    fn vectors(angles: &[f32]) -> Vectors {
        let stored = angles.iter().zip(1..).map(|(angle, number)| {
            let kind = if number % 2 == 0 {
                DocumentKind::Area
            } else {
                DocumentKind::Entity
            };
            (number, kind, bytes(&between(*angle)))
        });
        Vectors::of(stored.collect())
    }

    #[test]
    fn what_is_near_comes_first_and_what_is_far_not_at_all() {
        let question = Embedding::towards(between(0.0)).expect("a direction");
        let found = vectors(&[0.8, 0.1, 1.2, 1.5, 3.0]).nearest(&question, None);
        let order: Vec<i64> = found.iter().map(|(number, _)| *number).collect();
        // 1.2 is 0.36: too little beside 0.995.
        assert_eq!(order, [2, 1]);
        // Alone it would do, and 1.5 (0.07) would not.
        assert_eq!(vectors(&[1.2]).nearest(&question, None).len(), 1);
        assert!(vectors(&[1.5]).nearest(&question, None).is_empty());
        let areas = vectors(&[0.8, 0.1]).nearest(&question, Some(DocumentKind::Area));
        assert_eq!(areas.len(), 1);
    }

    #[test]
    fn what_is_no_vector_is_left_out() {
        for bad in [
            vec![],
            vec![0; 3],
            vec![0; 4 * DIMENSION],
            vec![0xff; 4 * DIMENSION],
            vec![1; 4 * DIMENSION + 1],
        ] {
            assert_eq!(Vectors::of(vec![(1, DocumentKind::Area, bad)]).count(), 0);
        }
        assert_eq!(vectors(&[0.3, 0.4]).count(), 2);
    }
}
