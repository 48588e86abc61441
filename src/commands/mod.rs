//! The verbs: one file for each.

pub mod check;
pub mod flush;
pub mod lines;
pub mod queue;
