//! Every switch that takes a check away, what the check prevents, and when a program may do without it.
//!
//! All of them are off by default, and no setting turns on more than one of them. Only a
//! [preset](crate::resource::TrustedIssuer#presets) for a provider may turn on two, and it says which. The documentation of
//! each switch has a section "Danger". A switch that only reads another spelling of the same thing, such as a number in a
//! string, takes no check away and is not listed.
//!
//! | switch | the check that is lost | what it prevents | when it is right |
//! |---|---|---|---|
//! | [`UrlPolicy::with_loopback`](crate::UrlPolicy::with_loopback) (`allow_loopback`) | TLS, for this machine | another program on this machine answers in place of the provider | development and tests |
//! | [`UrlPolicy::with_private_addresses`](crate::UrlPolicy::with_private_addresses) (`allow_private`) | no address literals of private networks | metadata that names an internal address makes this program send requests there | the provider is in your own network, and nobody else chooses the issuer |
//! | `Http::allow_private_networks` and `Guard::allow_private_networks` of the adapters | no host names that resolve into private networks | the same, by a name instead of an address | the same |
//! | [`AccessTokenVerifier::accept_plain_jwt`](crate::token::AccessTokenVerifier::accept_plain_jwt) | the header `typ` must be `at+jwt` | a token of another kind passes for an access token; marks in the token still tell most kinds apart | the provider issues access tokens without that header, as most did before RFC 9068 |
//! | [`AccessTokenVerifier::accept_nonce`](crate::token::AccessTokenVerifier::accept_nonce) | a token with `nonce` must say that it is an access token | an ID token of the same issuer, for an audience of this API and with a scope in it, passes for an access token | the provider copies the `nonce` of the login into its access tokens, and these do not say what they are |
//! | [`AccessTokenVerifier::client_id_as_audience`](crate::token::AccessTokenVerifier::client_id_as_audience) | a token must name this API in `aud` | a token that one of your clients got for another API opens this one | the provider issues access tokens without `aud` (Cognito), and the scopes say what a token is for |
//! | [`TrustedIssuer::introspects_without_audience`](crate::resource::TrustedIssuer::introspects_without_audience) | an introspection response must name this resource in `aud` | a token for another API of the same issuer opens this one | the issuer itself refuses tokens that are not for the caller of its introspection endpoint |
//! | [`ClientBuilder::trusted_audiences`](crate::flow::ClientBuilder::trusted_audiences) and [`IdTokenVerifier::trusted_audiences`](crate::token::IdTokenVerifier::trusted_audiences) | an ID token must be for this client only | an ID token that another party also holds is used to log in here | you trust each party that you name with your users' logins |
//! | [`AllowedTenants::AnyUuid`](crate::metadata::AllowedTenants::AnyUuid) | a token must be of a tenant that you name | everybody with an account at the provider is let in | your service is for every tenant, and it decides by tenant what a user may do |
//! | [`CredentialPolicy::with_form`](crate::resource::CredentialPolicy::with_form) (`form`) | a token must be in a header | a page of another site makes a browser send a form with a token in it | old clients cannot set a header |
//! | [`CredentialPolicy::with_query`](crate::resource::CredentialPolicy::with_query) (`query`) | a token must not be in a URI | tokens end up in logs, in histories and in `Referer` headers | nothing but an old client that cannot be changed |
//! | [`Quirks::no_token_type`](crate::flow::Quirks::no_token_type) | a token response must say what kind of token it has | a token that needs a proof or another scheme is sent as a bearer token | the provider leaves `token_type` out, and issues bearer tokens only |
//!
//! A larger `leeway` takes no check away, but it makes each check of time later: it counts up to
//! [`MAX_LEEWAY`](crate::token::MAX_LEEWAY). Spellings that take no check away are
//! [`Quirks::expires_in_as_string`](crate::flow::Quirks::expires_in_as_string),
//! [`Quirks::scope_as_array`](crate::flow::Quirks::scope_as_array) and
//! [`Quirks::basic_not_form_encoded`](crate::flow::Quirks::basic_not_form_encoded).
