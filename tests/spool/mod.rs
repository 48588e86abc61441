//! The spool: messages, their order, and that none is lost.

mod alert;
mod attacks;
mod crash;
mod list;
pub mod messages;
mod metrics;
pub mod order;
