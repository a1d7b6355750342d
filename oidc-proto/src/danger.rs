//! Every switch that takes a check away, what the check prevents, and when a program may do without it.
//!
//! All of them are off by default, and no setting turns on more than one of them. Only a
//! [preset](crate::resource::TrustedIssuer#presets) for a provider may turn on two, and it says which. The documentation of
//! each switch has a section "Danger". A switch that only reads another spelling of the same thing, such as a number in a
//! string, takes no check away and is not listed.
//!
//! | switch | the check that is lost | what it prevents | when it is right |
//! |---|---|---|---|
//! | [`UrlPolicy::with_loopback`](crate::UrlPolicy::with_loopback) (`allow_loopback`) | TLS, for this machine | another program on this machine answers in place of the provider | development and tests; [`UrlPolicy::for_issuer`](crate::UrlPolicy::for_issuer), which a handle and a gate call for each issuer, turns it on for an issuer on this machine |
//! | [`UrlPolicy::with_plain_http_host`](crate::UrlPolicy::with_plain_http_host) | TLS, for the hosts that you name | whoever is between this program and that host reads its secrets and tokens, and answers in place of the provider | the whole way to that host is a network of your own, such as the containers of one machine |
//! | [`UrlPolicy::with_private_addresses`](crate::UrlPolicy::with_private_addresses) (`allow_private`) | no address literals of private networks | metadata that names an internal address makes this program send requests there | the provider is in your own network, and nobody else chooses the issuer |
//! | `Http::allow_private_networks` and `Guard::allow_private_networks` of the adapters | no host names that resolve into private networks | the same, by a name instead of an address | the same |
//! | [`AccessTokenVerifier::accept_plain_jwt`](crate::token::AccessTokenVerifier::accept_plain_jwt) | the header `typ` must be `at+jwt` | a token of another kind passes for an access token; marks in the token still tell most kinds apart | the provider issues access tokens without that header, as most did before RFC 9068 |
//! | [`AccessTokenVerifier::accept_nonce`](crate::token::AccessTokenVerifier::accept_nonce) | a token with `nonce` must say that it is an access token | an ID token of the same issuer, for an audience of this API and with a scope in it, passes for an access token | the provider copies the `nonce` of the login into its access tokens, and these do not say what they are |
//! | [`AccessTokenVerifier::nbf_marks_access_tokens`](crate::token::AccessTokenVerifier::nbf_marks_access_tokens) | a token that does not say what it is must have a mark that only access tokens have | an ID token with `nbf`, and without `azp`, `auth_time`, `sid` and `nonce`, passes for an access token at an API that has the client as an audience | the provider writes `nbf` into access tokens only, and `azp` into each ID token (Spring Authorization Server) |
//! | [`AccessTokenVerifier::client_id_as_audience`](crate::token::AccessTokenVerifier::client_id_as_audience) | a token must name this API in `aud` | a token that one of your clients got for another API opens this one | the provider issues access tokens without `aud` (Cognito), and the scopes say what a token is for |
//! | [`TrustedIssuer::introspects_without_audience`](crate::resource::TrustedIssuer::introspects_without_audience) | an introspection response must name this resource in `aud` | a token for another API of the same issuer opens this one | the issuer itself refuses tokens that are not for the caller of its introspection endpoint |
//! | [`ClientBuilder::trusted_audiences`](crate::flow::ClientBuilder::trusted_audiences) and [`IdTokenVerifier::trusted_audiences`](crate::token::IdTokenVerifier::trusted_audiences) | an ID token must be for this client only | an ID token that another party also holds is used to log in here | you trust each party that you name with your users' logins |
//! | [`ClientBuilder::trusted_authorized_parties`](crate::flow::ClientBuilder::trusted_authorized_parties) and [`IdTokenVerifier::trusted_authorized_parties`](crate::token::IdTokenVerifier::trusted_authorized_parties) | an ID token must have been issued to this client (`azp`) | an ID token of another client is used to log in here | you trust each party that you name with your users' logins, such as the mobile app of the same product |
//! | [`AllowedTenants::AnyUuid`](crate::metadata::AllowedTenants::AnyUuid) | a token must be of a tenant that you name | everybody with an account at the provider is let in | your service is for every tenant, and it decides by tenant what a user may do |
//! | [`CredentialPolicy::with_form`](crate::resource::CredentialPolicy::with_form) (`form`) | a token must be in a header | a page of another site makes a browser send a form with a token in it | old clients cannot set a header |
//! | [`CredentialPolicy::with_query`](crate::resource::CredentialPolicy::with_query) (`query`) | a token must not be in a URI | tokens end up in logs, in histories and in `Referer` headers | nothing but an old client that cannot be changed |
//! | [`Quirks::no_token_type`](crate::flow::Quirks::no_token_type) | a token response must say what kind of token it has | a token that needs a proof or another scheme is sent as a bearer token | the provider leaves `token_type` out, and issues bearer tokens only |
//! | [`Quirks::no_nonce`](crate::flow::Quirks::no_nonce) | an ID token must have the nonce of the login | a stolen code is used in another login, unless PKCE prevents it; together with [`Quirks::no_pkce`](crate::flow::Quirks::no_pkce) it is refused | the provider leaves the nonce out, and checks PKCE |
//! | [`Quirks::no_pkce`](crate::flow::Quirks::no_pkce) | the token request must show that it belongs to the authorization request | a stolen code is exchanged by a thief who has the client's secret, or by anybody if the client has none | the provider refuses PKCE, and the client has a secret |
//! | [`Quirks::refreshed_auth_time_differs`](crate::flow::Quirks::refreshed_auth_time_differs) | a refreshed ID token must have the `auth_time` of the login | a refresh makes the login look newer than it is | the provider moves the time, and your program does not read it from refreshed ID tokens |
//! | [`Quirks::refreshed_without_azp`](crate::flow::Quirks::refreshed_without_azp) | a refreshed ID token must have the `azp` of the login | the provider changes the client of the token without saying so; `aud` still names this client | the provider leaves `azp` out on refresh |
//!
//! A larger `leeway` takes no check away, but it makes each check of time later: it counts up to
//! [`MAX_LEEWAY`](crate::token::MAX_LEEWAY). Spellings that take no check away are
//! [`Quirks::expires_in_as_string`](crate::flow::Quirks::expires_in_as_string),
//! [`Quirks::odd_expires_in`](crate::flow::Quirks::odd_expires_in),
//! [`Quirks::any_media_type`](crate::flow::Quirks::any_media_type),
//! [`Quirks::scope_as_array`](crate::flow::Quirks::scope_as_array) and
//! [`Quirks::basic_not_form_encoded`](crate::flow::Quirks::basic_not_form_encoded).
