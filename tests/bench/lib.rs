//! The parts of the benchmarks: a clock, a counter of allocations, tokens, the contenders, tables and plots.

pub mod goals;
pub mod measuring;
pub mod others;
pub mod ours;
pub mod plots;
pub mod report;
pub mod services;
pub mod tokens;
