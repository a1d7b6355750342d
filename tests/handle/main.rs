//! The handle for a provider: the same story for the sync and the async handle in memory, and over all
//! three stacks.

mod code;
mod colour;
mod grants;
mod login;
mod nodes;
mod odd;
mod retained;
mod shared;
mod spent;
mod stacks;
mod tokens;
mod verify;
mod withdrawn;
