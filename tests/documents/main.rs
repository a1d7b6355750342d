//! The code that documents show, to the letter, run against a provider.

mod contributing;
mod guides;
mod packages;
mod readme;
mod shown;
