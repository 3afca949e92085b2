//! Where events go. A second destination would be a second file here.

mod data_api;

pub(crate) use data_api::DataApiSink;
