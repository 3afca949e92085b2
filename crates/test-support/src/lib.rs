#![doc = include_str!("../README.md")]

mod broker;
mod eventually;
pub mod minilm;
mod place;
mod port;
mod postgres;
mod proxy;
mod publisher;
mod subscriber;

pub use broker::{Broker, BrokerOptions};
pub use eventually::eventually;
pub use place::Place;
pub use port::free_port;
pub use postgres::Postgres;
pub use proxy::{Fault, Proxy, Way};
pub use publisher::publish;
pub use subscriber::{Message, Subscriber};
