//! The model: all-MiniLM-L6-v2.

use std::path::Path;

use candle_transformers::models::bert::{BertModel, Config, HiddenAct};

use crate::batch::{Batch, batches};
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
    model: BertModel,
}

impl SentenceEncoder {
    /// Reads the model from `folder`, which has its `config.json`, `tokenizer.json` and `model.safetensors`. Blocks for as long as it
    /// takes to read 90 MB.
    ///
    /// # Errors
    /// Names the first file that is missing, damaged, or of another model.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let config = config(&ModelFile::new(folder, "config.json"))?;
        let pieces = Pieces::open(folder)?;
        let file = ModelFile::new(folder, "model.safetensors");
        let model = BertModel::load(weights::open(&file)?, &config)
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
        let kinds = pieces.zeros_like()?;
        let vectors = self.model.forward(&pieces, &kinds, Some(&mask))?;
        let mask = mask.to_dtype(vectors.dtype())?.unsqueeze(1)?;
        mask.matmul(&vectors)?.squeeze(1)?.to_vec2()
    }
}

/// What `config.json` says of the model's shape, which must be that of all-MiniLM-L6-v2.
fn config(file: &ModelFile) -> Result<Config, Error> {
    let bytes = file.read(LARGEST_CONFIG)?;
    let is_json = serde_json::from_slice::<serde_json::Value>(&bytes).map_err(|e| file.damaged(&e));
    is_json?;
    let config: Config = serde_json::from_slice(&bytes).map_err(|e| file.other_model(&e))?;
    let expected = Config {
        vocab_size: VOCABULARY,
        hidden_size: DIMENSION,
        num_hidden_layers: 6,
        num_attention_heads: 12,
        intermediate_size: 1536,
        hidden_act: HiddenAct::Gelu,
        max_position_embeddings: 512,
        type_vocab_size: 2,
        pad_token_id: 0,
        layer_norm_eps: 1e-12,
        model_type: Some("bert".to_owned()),
        ..config.clone()
    };
    if config == expected {
        return Ok(config);
    }
    Err(file.other_model(&format!(
        "{} layers of {} numbers over {} pieces of words, instead of 6 of {DIMENSION} over {VOCABULARY}, or another arithmetic",
        config.num_hidden_layers, config.hidden_size, config.vocab_size
    )))
}

/// candle adds a backtrace to its messages where one was asked for.
fn without_backtrace(error: &candle_core::Error) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().to_owned()
}
