//! Texts as the model reads them: numbers of pieces of words.

use std::path::Path;

use serde_json::Value;
use tokenizers::{ModelWrapper, NormalizerWrapper, PreTokenizerWrapper, TruncationParams};
use tokenizers::{PostProcessorWrapper, Tokenizer};

use crate::Error;
use crate::file::ModelFile;

/// Pieces of a text that the model reads, with the mark before and the one behind; what follows is not read.
const LONGEST: usize = 256;
/// Bytes of a text that are looked at: as many as fill [`LONGEST`] pieces of 64 bytes each.
const LONGEST_BYTES: usize = LONGEST * 64;
/// Bytes of `tokenizer.json`; it has half a megabyte.
const LARGEST_FILE: u64 = 8 << 20;
/// How many pieces of words the model knows.
pub(crate) const VOCABULARY: usize = 30_522;

/// Cuts texts into pieces.
pub(crate) struct Pieces {
    tokenizer: Tokenizer,
}

impl Pieces {
    /// Reads `tokenizer.json`.
    pub(crate) fn open(folder: &Path) -> Result<Self, Error> {
        let file = ModelFile::new(folder, "tokenizer.json");
        let text = file.read(LARGEST_FILE)?;
        let mut known: Value =
            serde_json::from_slice(&text).map_err(|error| file.damaged(&error))?;
        // It makes texts of numbers, which nobody asks for here; and the library panics where it cannot read it.
        if let Some(known) = known.as_object_mut() {
            known.insert("decoder".to_owned(), Value::Null);
        }
        let mut tokenizer =
            Tokenizer::from_bytes(known.to_string()).map_err(|error| file.damaged(&error))?;
        let is_bert = matches!(tokenizer.get_model(), ModelWrapper::WordPiece(_))
            && matches!(
                tokenizer.get_normalizer(),
                Some(NormalizerWrapper::BertNormalizer(_))
            )
            && matches!(
                tokenizer.get_pre_tokenizer(),
                Some(PreTokenizerWrapper::BertPreTokenizer(_))
            )
            && matches!(
                tokenizer.get_post_processor(),
                Some(PostProcessorWrapper::Template(_))
            );
        if !is_bert {
            return Err(file.other_model(&"it does not cut words as that does"));
        }
        let vocabulary = tokenizer.get_vocab(true);
        let numbers = vocabulary.values().filter(|n| (**n as usize) < VOCABULARY);
        if numbers.count() != VOCABULARY || vocabulary.len() != VOCABULARY {
            let found = vocabulary.len();
            return Err(file.other_model(&format!(
                "it knows {found} pieces of words, not those {VOCABULARY}"
            )));
        }
        let truncation = TruncationParams {
            max_length: LONGEST,
            ..TruncationParams::default()
        };
        tokenizer
            .with_padding(None)
            .with_truncation(Some(truncation))
            .map_err(|error| file.damaged(&error))?;
        Ok(Self { tokenizer })
    }

    /// The pieces of `text`; never none, never more than [`LONGEST`].
    pub(crate) fn of(&self, text: &str) -> Result<Vec<u32>, Error> {
        let text = &text[..text.floor_char_boundary(LONGEST_BYTES)];
        let encoding = self
            .tokenizer
            .encode_fast(text, true)
            .map_err(|error| Error::encoding(&error))?;
        Ok(encoding.get_ids().to_vec())
    }
}
