//! The handle for a provider: the same story for the sync and the async handle in memory, and over all
//! three stacks.

mod api;
mod attempts;
mod backchannel;
mod by_url;
mod code;
mod colour;
mod grants;
mod introspected;
mod login;
mod narrowed;
mod nodes;
mod nodes_apart;
mod nodes_late;
mod odd;
mod pushed;
mod retained;
mod shared;
mod sourced;
mod spent;
mod stacks;
mod tokens;
mod verify;
mod withdrawn;
