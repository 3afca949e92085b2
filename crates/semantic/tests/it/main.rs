//! The model, from its folder to its vectors.

mod incomplete;
