//! Request and response bodies of data-api: the only definition of each, used by the server and by its client.

pub mod activity;
pub mod alerts;
pub mod analytics;
pub mod backup;
pub mod cause;
pub mod device_reports;
pub mod energy;
pub mod event_summaries;
pub mod events;
pub mod export;
pub mod gaps;
pub mod history;
pub mod home;
pub mod integrations;
pub mod keys;
pub mod live;
pub mod places;
pub mod registry;
pub mod relations;
pub mod statistics;
pub mod storage;
