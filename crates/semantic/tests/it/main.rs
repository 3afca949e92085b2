//! The model, from its folder to its vectors.

mod damaged;
mod incomplete;
mod reference;
mod texts;

/// The real model. Fetched once; the tests fail without it.
fn encoder() -> semantic::SentenceEncoder {
    let folder = test_support::minilm::folder().expect("the real weights");
    semantic::SentenceEncoder::open(&folder).expect("the real model")
}
