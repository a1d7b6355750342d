//! The handle for a provider: the same story for the sync and the async handle in memory, and over all
//! three stacks.

mod backchannel;
mod code;
mod colour;
mod grants;
mod login;
mod odd;
mod retained;
mod shared;
mod spent;
mod stacks;
mod tokens;
mod verify;
mod withdrawn;
