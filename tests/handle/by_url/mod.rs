//! Requests to a resource of which the program knows the URL alone: it finds the authorization server, becomes its client,
//! asks the user, steps up, refreshes, and begins anew, and it never asks in a circle.

mod conformance;
mod first;
mod kept;
mod liars;
mod moved;
mod refused;
mod scopes;
mod together;
mod town;

use town::{Ask, CALLBACK, Caller, RESOURCE, Town, each};
