//! The names and the types of the registered claims, and how they are read.

/// How claims are read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Reading {
    /// All of them.
    Strict,
    /// Those of an ID token, or of another statement about a user: see [`Claim::is_of_access`].
    OfUser,
}

macro_rules! names {
    ($($claim:ident = $name:literal is $expected:literal,)*) => {
        /// A claim that has a field in [`Claims`](super::Claims), or another one.
        #[derive(Clone, Copy)]
        pub(super) enum Claim { $($claim,)* Other }

        impl Claim {
            /// Returns the claim of this name.
            pub(super) fn of(name: &str) -> Self {
                match name { $($name => Self::$claim,)* _ => Self::Other }
            }
            /// Whether the claim is set aside if a token has it in another type.
            pub(super) const fn may_be_odd(self) -> bool {
                matches!(self, Self::AuthTime | Self::Acr | Self::Amr | Self::Sid)
            }
            /// Whether only access tokens have the claim, so that it is not read in a statement about a user.
            pub(super) const fn is_of_access(self) -> bool {
                matches!(self, Self::Jti | Self::ClientId | Self::Scope | Self::Scp | Self::Cnf)
            }
            /// Returns the name of the claim; of another one, nothing.
            pub(super) const fn name(self) -> &'static str {
                match self { $(Self::$claim => $name,)* Self::Other => "" }
            }
            /// Returns the type of the claim, in words.
            pub(super) const fn expected(self) -> &'static str {
                match self { $(Self::$claim => $expected,)* Self::Other => "" }
            }
        }
    };
}

names! {
    Iss = "iss" is "a string",
    Sub = "sub" is "a string",
    Aud = "aud" is "a string or an array of strings",
    Exp = "exp" is "a date in seconds",
    Nbf = "nbf" is "a date in seconds",
    Iat = "iat" is "a date in seconds",
    Jti = "jti" is "a string",
    Azp = "azp" is "a string",
    Nonce = "nonce" is "a string",
    AuthTime = "auth_time" is "a date in seconds",
    Acr = "acr" is "a string",
    Amr = "amr" is "an array of strings",
    AtHash = "at_hash" is "a string",
    CHash = "c_hash" is "a string",
    SHash = "s_hash" is "a string",
    Sid = "sid" is "a string",
    ClientId = "client_id" is "a string",
    Scope = "scope" is "a string or an array of strings",
    Events = "events" is "an object",
    Cnf = "cnf" is "an object",
    Act = "act" is "an object that names an actor",
    Scp = "scp" is "a string or an array of strings",
}
