//! Which texts go through the model together.

use candle_core::{Device, Tensor};

/// Pieces that go through the model at once, padding included: bounds its memory, and is enough to keep it busy.
const LARGEST: usize = 1024;

/// Texts of about the same length, side by side.
pub(crate) struct Batch<'a> {
    /// Which of all texts, and its pieces; the longest last.
    rows: Vec<(usize, &'a [u32])>,
}

/// Batches of all texts, those with as many pieces together, so that little of them is padding.
pub(crate) fn batches(texts: &[Vec<u32>]) -> Vec<Batch<'_>> {
    let mut rows: Vec<(usize, &[u32])> = texts.iter().map(Vec::as_slice).enumerate().collect();
    rows.sort_by_key(|(_, pieces)| pieces.len());
    let mut batches: Vec<Batch> = Vec::new();
    for row in rows {
        match batches.last_mut() {
            Some(batch) if (batch.rows.len() + 1) * row.1.len() <= LARGEST => batch.rows.push(row),
            _ => batches.push(Batch { rows: vec![row] }),
        }
    }
    batches
}

impl Batch<'_> {
    /// Which of all texts the rows are.
    pub(crate) fn texts(&self) -> impl Iterator<Item = usize> {
        self.rows.iter().map(|(text, _)| *text)
    }

    /// The pieces, one row for each text, filled up with zeros; and a mask of the same shape that is 1 where a piece is.
    pub(crate) fn tensors(&self) -> candle_core::Result<(Tensor, Tensor)> {
        let columns = self.rows.last().map_or(0, |(_, pieces)| pieces.len());
        let shape = (self.rows.len(), columns);
        let fill = |row: &mut dyn Iterator<Item = u32>| -> Vec<u32> {
            row.chain(std::iter::repeat(0)).take(columns).collect()
        };
        let pieces: Vec<u32> = self
            .rows
            .iter()
            .flat_map(|(_, row)| fill(&mut row.iter().copied()))
            .collect();
        let mask: Vec<u32> = self
            .rows
            .iter()
            .flat_map(|(_, row)| fill(&mut row.iter().map(|_| 1)))
            .collect();
        Ok((
            Tensor::from_vec(pieces, shape, &Device::Cpu)?,
            Tensor::from_vec(mask, shape, &Device::Cpu)?,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_in_one_batch_and_none_is_too_large() {
        let texts: Vec<Vec<u32>> = (0..300)
            .map(|n| vec![n; 1 + (n as usize * 37) % 256])
            .collect();
        let batches = batches(&texts);
        let mut seen: Vec<usize> = batches.iter().flat_map(Batch::texts).collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..300).collect::<Vec<_>>());
        let mut padding = 0;
        for batch in &batches {
            let (pieces, mask) = batch.tensors().expect("tensors");
            assert!(pieces.elem_count() <= LARGEST);
            assert_eq!(pieces.dims(), mask.dims());
            for (text, (row, mask)) in batch.texts().zip(
                pieces
                    .to_vec2::<u32>()
                    .expect("numbers")
                    .iter()
                    .zip(mask.to_vec2::<u32>().expect("numbers")),
            ) {
                let length = texts[text].len();
                assert_eq!(row[..length], texts[text]);
                assert_eq!(mask.iter().sum::<u32>() as usize, length);
                padding += row.len() - length;
            }
        }
        let all: usize = texts.iter().map(Vec::len).sum();
        assert!(padding * 8 < all, "{padding} of {all} would be for nothing");
    }

    #[test]
    fn no_texts_are_no_batches() {
        assert!(batches(&[]).is_empty());
    }
}
