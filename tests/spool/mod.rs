//! The spool: messages, their order, and that none is lost.

mod attacks;
mod crash;
pub mod messages;
