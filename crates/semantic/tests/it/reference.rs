//! The vectors agree with those of sentence-transformers on the same weights.

use semantic::{DIMENSION, Embedding};

/// Made by `tests/reference/make.py`.
const TEXTS: &str = include_str!("../reference/sentences.json");
const VECTORS: &[u8] = include_bytes!("../reference/vectors.f32");
/// Least cosine to the reference, rounding of 32-bit numbers included.
const LEAST: f32 = 0.999;

fn reference() -> (Vec<String>, Vec<Embedding>) {
    let texts: Vec<String> = serde_json::from_str(TEXTS).expect("a list of texts");
    let (numbers, rest) = VECTORS.as_chunks::<4>();
    assert!(rest.is_empty() && numbers.len() == texts.len() * DIMENSION);
    let rows = numbers
        .chunks(DIMENSION)
        .map(|row| row.iter().copied().map(f32::from_le_bytes).collect());
    let vectors = rows.map(|row| Embedding::towards(row).expect("a direction"));
    (texts, vectors.collect())
}

#[test]
fn the_vectors_agree_with_sentence_transformers() {
    let (texts, expected) = reference();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    assert_eq!(texts.len(), 50);
    let encoder = crate::encoder();
    let together = encoder.encode(&texts).expect("vectors");
    for ((text, expected), found) in texts.iter().zip(&expected).zip(&together) {
        let cosine = found.similarity(expected);
        assert!(cosine >= LEAST, "{text:?}: {cosine}");
    }
    // Each is nearest to its own reference, or as near as to that of a text with the same pieces ("TV" and "tv").
    for (found, own) in together.iter().zip(&expected) {
        let nearest = expected.iter().map(|other| found.similarity(other));
        let nearest = nearest.fold(-1.0, f32::max);
        assert!(nearest - found.similarity(own) < 1e-5);
    }
    // What stands beside a text does not matter.
    for (text, beside) in texts.iter().zip(&together) {
        let alone = &encoder.encode(&[text]).expect("a vector")[0];
        let cosine = alone.similarity(beside);
        assert!(cosine >= 0.99999, "{text:?}: {cosine}");
    }
}
