//! What a text means, as a direction.

/// Numbers in an [`Embedding`].
pub const DIMENSION: usize = 384;

/// A unit vector of [`DIMENSION`] numbers: texts that mean alike point alike.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding(Box<[f32]>);

impl Embedding {
    /// The direction of `vector`; `None` if it has none, because a number is not finite, all are zero, or there are not
    /// [`DIMENSION`] of them.
    pub fn towards(mut vector: Vec<f32>) -> Option<Self> {
        let length = dot(&vector, &vector).sqrt();
        if vector.len() != DIMENSION || !length.is_normal() {
            return None;
        }
        for number in &mut vector {
            *number /= length;
        }
        Some(Self(vector.into()))
    }

    /// The numbers; their squares add up to 1.
    pub fn as_slice(&self) -> &[f32] {
        &self.0
    }

    /// The cosine of the angle between the two: 1 for the same meaning, about 0 for nothing in common; never below -1.
    pub fn similarity(&self, other: &Self) -> f32 {
        dot(&self.0, &other.0).clamp(-1.0, 1.0)
    }
}

/// Sums in eight lanes, so that the compiler may use wide instructions.
fn dot(left: &[f32], right: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; 8];
    let (left, left_rest) = left.as_chunks::<8>();
    let (right, right_rest) = right.as_chunks::<8>();
    for (a, b) in left.iter().zip(right) {
        for (lane, (a, b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
            *lane += a * b;
        }
    }
    let rest = left_rest.iter().zip(right_rest).map(|(a, b)| a * b);
    lanes.into_iter().chain(rest).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(index: usize, length: f32) -> Vec<f32> {
        let mut vector = vec![0.0; DIMENSION];
        vector[index] = length;
        vector
    }

    #[test]
    fn only_the_direction_counts() {
        let [long, short, across, back] =
            [axis(7, 40.0), axis(7, 0.5), axis(383, 1.0), axis(7, -3.0)]
                .map(|vector| Embedding::towards(vector).expect("a direction"));
        assert_eq!(long, short);
        assert_eq!(long.similarity(&short).to_bits(), 1.0_f32.to_bits());
        assert_eq!(long.similarity(&across).abs().to_bits(), 0);
        assert_eq!(long.similarity(&back).to_bits(), (-1.0_f32).to_bits());
    }

    #[test]
    fn what_has_no_direction_is_no_embedding() {
        for vector in [
            vec![],
            vec![1.0; DIMENSION - 1],
            vec![0.0; DIMENSION],
            axis(3, f32::NAN),
            axis(3, f32::INFINITY),
            axis(3, f32::MAX),
        ] {
            assert_eq!(Embedding::towards(vector), None);
        }
    }
}
