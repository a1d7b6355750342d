//! Runs the code that documents show against a provider, to the letter.

mod contributing;
mod guides;
mod mcp;
mod packages;
mod performance;
mod readme;
mod recipes;
mod shown;
mod workloads;
