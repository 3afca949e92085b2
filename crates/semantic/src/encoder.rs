//! The model: all-MiniLM-L6-v2.

use std::path::Path;

use serde::Deserialize;

use crate::batch::{Batch, batches};
use crate::bert::{self, Bert};
use crate::file::ModelFile;
use crate::tokens::{Pieces, VOCABULARY};
use crate::{DIMENSION, Embedding, Error, weights};

/// Bytes of `config.json`; it has 612.
const LARGEST_CONFIG: u64 = 64 << 10;
/// Texts that are cut into pieces before the first of them goes through the model.
const CHUNK: usize = 1024;

/// Turns texts into [`Embedding`]s. Holds 107 MB of memory, most of it the weights; may be shared by threads.
pub struct SentenceEncoder {
    pieces: Pieces,
    model: Bert,
}

impl SentenceEncoder {
    /// Reads the model from `folder`, which has its `config.json`, `tokenizer.json` and `model.safetensors`. Blocks for as long as it
    /// takes to read 90 MB.
    ///
    /// # Errors
    /// Names the first file that is missing, damaged, or of another model.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        check(&ModelFile::new(folder, "config.json"))?;
        let pieces = Pieces::open(folder)?;
        let file = ModelFile::new(folder, "model.safetensors");
        let model = Bert::load(&weights::open(&file)?)
            .map_err(|error| file.damaged(&without_backtrace(&error)))?;
        let encoder = Self { pieces, model };
        // Numbers that are no numbers are found now, and not by the first question.
        encoder.encode(&["home"]).map_err(|e| file.damaged(&e))?;
        Ok(encoder)
    }

    /// One embedding for each text, in their order. Of a text are read the first 256 pieces of words, and never more than 16 KiB.
    /// Blocks: some 4 ms of one core for a short text, a quarter of a second for one of 256 pieces. Memory beside the weights: at most
    /// some 80 MB, however many texts there are.
    ///
    /// # Errors
    /// [`Error::Encoding`] if the weights are damaged in a way that only these texts show.
    pub fn encode(&self, texts: &[&str]) -> Result<Vec<Embedding>, Error> {
        let mut embeddings = Vec::with_capacity(texts.len());
        for chunk in texts.chunks(CHUNK) {
            let pieces: Vec<Vec<u32>> = chunk
                .iter()
                .map(|text| self.pieces.of(text))
                .collect::<Result<_, _>>()?;
            let mut found = vec![None; chunk.len()];
            for batch in batches(&pieces) {
                let sums = self.sums(&batch).map_err(|error| Error::encoding(&error))?;
                for (text, sum) in batch.texts().zip(sums) {
                    found[text] = Embedding::towards(sum);
                }
            }
            for embedding in found {
                let embedding =
                    embedding.ok_or_else(|| Error::encoding(&"the vector is no direction"))?;
                embeddings.push(embedding);
            }
        }
        Ok(embeddings)
    }

    /// For each text the sum of the vectors of its pieces. It points where their mean does.
    fn sums(&self, batch: &Batch<'_>) -> candle_core::Result<Vec<Vec<f32>>> {
        let (pieces, mask) = batch.tensors()?;
        let vectors = self.model.vectors(&pieces, &mask)?;
        let mask = mask.to_dtype(vectors.dtype())?.unsqueeze(1)?;
        mask.matmul(&vectors)?.squeeze(1)?.to_vec2()
    }
}

/// What `config.json` says of the model's shape.
#[derive(Deserialize, PartialEq)]
struct Config {
    vocab_size: usize,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    hidden_act: String,
    max_position_embeddings: usize,
    type_vocab_size: usize,
    layer_norm_eps: f64,
    pad_token_id: usize,
    model_type: Option<String>,
    position_embedding_type: Option<String>,
}

/// Whether the model has the shape of all-MiniLM-L6-v2.
fn check(file: &ModelFile) -> Result<(), Error> {
    let bytes = file.read(LARGEST_CONFIG)?;
    let is_json = serde_json::from_slice::<serde_json::Value>(&bytes).map_err(|e| file.damaged(&e));
    is_json?;
    let config: Config = serde_json::from_slice(&bytes).map_err(|e| file.other_model(&e))?;
    let expected = Config {
        vocab_size: VOCABULARY,
        hidden_size: DIMENSION,
        num_hidden_layers: bert::LAYERS,
        num_attention_heads: bert::HEADS,
        intermediate_size: bert::INNER,
        hidden_act: "gelu".to_owned(),
        max_position_embeddings: bert::PLACES,
        type_vocab_size: bert::KINDS,
        layer_norm_eps: bert::EPSILON,
        pad_token_id: 0,
        model_type: Some("bert".to_owned()),
        // Older files do not say it.
        position_embedding_type: config
            .position_embedding_type
            .as_ref()
            .map(|_| "absolute".to_owned()),
    };
    if config == expected {
        return Ok(());
    }
    Err(file.other_model(&format!(
        "{} layers of {} numbers over {} pieces of words, instead of {} of {DIMENSION} over {VOCABULARY}, or another arithmetic",
        config.num_hidden_layers,
        config.hidden_size,
        config.vocab_size,
        bert::LAYERS
    )))
}

/// candle adds a backtrace to its messages where one was asked for.
fn without_backtrace(error: &candle_core::Error) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().to_owned()
}
