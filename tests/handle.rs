//! The handle for a provider: the same story in both colours in memory, and over all three stacks.

#[path = "handle/code.rs"]
mod code;
#[path = "handle/colour.rs"]
mod colour;
#[path = "handle/login.rs"]
mod login;
#[path = "handle/retained.rs"]
mod retained;
#[path = "handle/shared.rs"]
mod shared;
#[path = "handle/spent.rs"]
mod spent;
#[path = "handle/stacks.rs"]
mod stacks;
#[path = "handle/tokens.rs"]
mod tokens;
#[path = "handle/verify.rs"]
mod verify;
#[path = "handle/withdrawn.rs"]
mod withdrawn;
