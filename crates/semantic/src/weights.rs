//! The weights, read tensor by tensor: the file never lies in memory beside what was made of it.

use std::collections::HashMap;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;

use candle_core::{DType, Device, Result, Shape, Tensor};
use candle_nn::Init;
use candle_nn::var_builder::{SimpleBackend, VarBuilder};
use safetensors::Dtype;
use safetensors::tensor::Metadata;

use crate::Error;
use crate::file::ModelFile;

/// Bytes of the header's length, before the header.
const LENGTH: u64 = 8;
/// Bytes of a header. That of the model has 11 kB.
const LONGEST_HEADER: u64 = 1 << 20;

/// Where in the file each tensor lies.
struct Weights {
    file: File,
    tensors: HashMap<String, Place>,
}

/// One tensor.
struct Place {
    shape: Vec<usize>,
    is_f32: bool,
    bytes: Range<u64>,
}

/// What gives the tensors of `file` to the layers of a model.
pub(crate) fn open(file: &ModelFile) -> std::result::Result<VarBuilder<'static>, Error> {
    let opened = file.open()?;
    let size = opened
        .metadata()
        .map_err(|error| file.unreadable(error))?
        .len();
    let tensors = places(file, &opened, size)?;
    let weights = Weights {
        file: opened,
        tensors,
    };
    let backend: Box<dyn SimpleBackend> = Box::new(weights);
    Ok(VarBuilder::from_backend(backend, DType::F32, Device::Cpu))
}

fn places(
    file: &ModelFile,
    opened: &File,
    size: u64,
) -> std::result::Result<HashMap<String, Place>, Error> {
    let mut length = [0; LENGTH as usize];
    if size < LENGTH {
        return Err(file.damaged(&format!("it has {size} bytes")));
    }
    opened
        .read_exact_at(&mut length, 0)
        .map_err(|error| file.unreadable(error))?;
    let length = u64::from_le_bytes(length);
    if length > LONGEST_HEADER.min(size - LENGTH) {
        return Err(file.damaged(&"it does not begin as safetensors do"));
    }
    let mut header = vec![0; length as usize];
    opened
        .read_exact_at(&mut header, LENGTH)
        .map_err(|error| file.unreadable(error))?;
    let header: Metadata = serde_json::from_slice(&header)
        .map_err(|error| file.damaged(&format!("its header cannot be read: {error}")))?;
    let data = LENGTH + length..size;
    let mut end = data.start;
    let mut tensors = HashMap::new();
    for (name, info) in header.tensors() {
        let bytes = place(&data, info.data_offsets).ok_or_else(|| {
            file.damaged(&format!("it ends at byte {size}, before the end of {name}"))
        })?;
        end = end.max(bytes.end);
        let place = Place {
            shape: info.shape.clone(),
            is_f32: info.dtype == Dtype::F32,
            bytes,
        };
        tensors.insert(name, place);
    }
    if end != size {
        return Err(file.damaged(&format!("it has {size} bytes and should have {end}")));
    }
    Ok(tensors)
}

/// Where in the file the bytes `start..end` after the header are, if they are.
fn place(data: &Range<u64>, (start, end): (usize, usize)) -> Option<Range<u64>> {
    let start = data.start.checked_add(start as u64)?;
    let end = data.start.checked_add(end as u64)?;
    (start <= end && end <= data.end).then_some(start..end)
}

impl SimpleBackend for Weights {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        _: Init,
        dtype: DType,
        device: &Device,
    ) -> Result<Tensor> {
        let found = self.tensors.get(name).map(|place| &place.shape[..]);
        if found.is_some_and(|found| found != shape.dims()) {
            candle_core::bail!(
                "{name} has the shape {:?} instead of {:?}",
                found.unwrap_or_default(),
                shape.dims()
            );
        }
        self.get_unchecked(name, dtype, device)
    }

    fn get_unchecked(&self, name: &str, dtype: DType, device: &Device) -> Result<Tensor> {
        let Some(place) = self.tensors.get(name) else {
            candle_core::bail!("{name} is not in it");
        };
        let elements = place
            .shape
            .iter()
            .try_fold(size_of::<f32>(), |all, side| all.checked_mul(*side));
        let length = (place.bytes.end - place.bytes.start) as usize;
        if !place.is_f32 || elements != Some(length) {
            candle_core::bail!("{name} has {length} bytes, which are not its 32-bit numbers");
        }
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, place.bytes.start)?;
        Tensor::from_raw_buffer(&bytes, DType::F32, &place.shape, device)?.to_dtype(dtype)
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }
}
