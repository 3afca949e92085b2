//! The layers of the model: BERT as the weights of all-MiniLM-L6-v2 want it, and no other (J. Devlin et al., *BERT: Pre-training of Deep
//! Bidirectional Transformers for Language Understanding*, <https://arxiv.org/abs/1810.04805>; the layer is that of A. Vaswani et al.,
//! *Attention Is All You Need*, <https://arxiv.org/abs/1706.03762>, its encoder side).

use candle_core::{DType, Result, Tensor};
use candle_nn::{LayerNorm, Linear, Module as _, VarBuilder, layer_norm, linear, ops};

use crate::DIMENSION;
use crate::tokens::VOCABULARY;

/// Layers, one after the other.
pub(crate) const LAYERS: usize = 6;
/// Views that each piece takes of all others, side by side.
pub(crate) const HEADS: usize = 12;
/// Numbers for each piece in the middle of a layer.
pub(crate) const INNER: usize = 1536;
/// Places that have a vector.
pub(crate) const PLACES: usize = 512;
/// Kinds of text that have a vector; ours are all of the first.
pub(crate) const KINDS: usize = 2;
/// What keeps a division from being one by zero.
pub(crate) const EPSILON: f64 = 1e-12;

/// The model.
pub(crate) struct Bert {
    words: Tensor,
    /// For each place its vector, with that of the kind of text.
    places: Tensor,
    norm: LayerNorm,
    layers: Vec<Layer>,
}

impl Bert {
    /// Takes the weights by the names that BERT's authors gave them.
    pub(crate) fn load(weights: &VarBuilder<'_>) -> Result<Self> {
        let embeddings = weights.pp("embeddings");
        let table = |name: &str, rows: usize| embeddings.pp(name).get((rows, DIMENSION), "weight");
        let places = table("position_embeddings", PLACES)?;
        let kinds = table("token_type_embeddings", KINDS)?;
        let layers =
            (0..LAYERS).map(|number| Layer::load(&weights.pp(format!("encoder.layer.{number}"))));
        Ok(Self {
            words: table("word_embeddings", VOCABULARY)?,
            places: places.broadcast_add(&kinds.get(0)?)?,
            norm: layer_norm(DIMENSION, EPSILON, embeddings.pp("LayerNorm"))?,
            layers: layers.collect::<Result<_>>()?,
        })
    }

    /// A vector for each piece, in what surrounds it. `pieces` and `mask` have one row for each text; the mask is 1 where a piece is.
    pub(crate) fn vectors(&self, pieces: &Tensor, mask: &Tensor) -> Result<Tensor> {
        let (texts, length) = pieces.dims2()?;
        let words = self.words.index_select(&pieces.flatten_all()?, 0)?;
        let words = words.reshape((texts, length, DIMENSION))?;
        let places = self.places.narrow(0, 0, length)?;
        let mut vectors = self.norm.forward(&words.broadcast_add(&places)?)?;
        let hidden = hidden(mask)?;
        for layer in &self.layers {
            vectors = layer.forward(&vectors, &hidden)?;
        }
        Ok(vectors)
    }
}

/// What is added to how much a piece looks at each place: nothing where a piece is, and so little where none is that nothing comes of it.
fn hidden(mask: &Tensor) -> Result<Tensor> {
    let mask = mask.to_dtype(DType::F32)?;
    let hidden = mask.affine(f64::from(f32::MAX), f64::from(f32::MIN))?;
    hidden.unsqueeze(1)?.unsqueeze(1)
}

/// One layer: every piece looks at all others, then at itself.
struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    seen: Linear,
    seen_norm: LayerNorm,
    widen: Linear,
    narrow: Linear,
    norm: LayerNorm,
}

impl Layer {
    fn load(weights: &VarBuilder<'_>) -> Result<Self> {
        let square = |name: &str| linear(DIMENSION, DIMENSION, weights.pp(name));
        let norm = |name: &str| layer_norm(DIMENSION, EPSILON, weights.pp(name));
        Ok(Self {
            query: square("attention.self.query")?,
            key: square("attention.self.key")?,
            value: square("attention.self.value")?,
            seen: square("attention.output.dense")?,
            seen_norm: norm("attention.output.LayerNorm")?,
            widen: linear(DIMENSION, INNER, weights.pp("intermediate.dense"))?,
            narrow: linear(INNER, DIMENSION, weights.pp("output.dense"))?,
            norm: norm("output.LayerNorm")?,
        })
    }

    fn forward(&self, vectors: &Tensor, hidden: &Tensor) -> Result<Tensor> {
        let seen = self.seen.forward(&self.look(vectors, hidden)?)?;
        let seen = self.seen_norm.forward(&(seen + vectors)?)?;
        let inner = self.widen.forward(&seen)?.gelu_erf()?;
        self.norm.forward(&(self.narrow.forward(&inner)? + seen)?)
    }

    /// For each piece the mean of what all pieces have to say, weighed by how well its question fits their keys.
    fn look(&self, vectors: &Tensor, hidden: &Tensor) -> Result<Tensor> {
        let (texts, length, _) = vectors.dims3()?;
        let width = DIMENSION / HEADS;
        let by_head = |linear: &Linear| {
            let all = linear.forward(vectors)?;
            let by_head = all.reshape((texts, length, HEADS, width))?;
            by_head.transpose(1, 2)?.contiguous()
        };
        let query = (by_head(&self.query)? / (width as f64).sqrt())?;
        let fits = query.matmul(&by_head(&self.key)?.t()?)?;
        let weights = ops::softmax_last_dim(&fits.broadcast_add(hidden)?)?;
        let seen = weights.matmul(&by_head(&self.value)?)?;
        seen.transpose(1, 2)?.reshape((texts, length, DIMENSION))
    }
}
