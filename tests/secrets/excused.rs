//! The types that nobody looks at, and why.

/// Types that hold no secret and never did, or of which nobody outside can have a value.
pub(crate) const EXCUSED: [(&str, &[&str]); 5] = [
    (
        "a state in flight: it stays inside `Pending` or `Pause`, which show none of it",
        &[
            "flow::check::Checking",
            "flow::client_credentials::InFlight",
            "flow::client_credentials::Waiting",
            "flow::code_exchange::Context",
            "flow::code_exchange::Exchanging",
            "flow::discovery::Asked",
            "flow::jwks::Asked",
            "flow::post::Posting",
            "flow::refresh::Context",
            "flow::refresh::Refreshing",
            "flow::userinfo::Asked",
        ],
    ),
    (
        "the name of a flow: it has no content, and no value",
        &[
            "flow::client_credentials::ClientCredentialsGrant",
            "flow::code_exchange::CodeExchange",
            "flow::discovery::Discovery",
            "flow::jwks::JwksRetrieval",
            "flow::refresh::RefreshGrant",
            "flow::userinfo::UserInfoRequest",
            "flow::call::Never",
        ],
    ),
    (
        "a word, a number, or a set of them",
        &[
            "base::endpoint_url::UrlPolicy",
            "base::moment::Timestamp",
            "flow::call::Endpoint",
            "flow::client::Authentication",
            "flow::client::Quirks",
            "jose::algorithm::Algorithm",
            "jose::algorithm_set::AlgorithmSet",
            "message::authorization_request::Display",
            "message::authorization_request::Prompt",
            "message::token_response::TokenTolerance",
            "metadata::provider::Profile",
        ],
    ),
    (
        "an error or a reason without a byte of the input: `Copy`, or of names of members alone",
        &[
            "base::endpoint_url::UrlError",
            "base::json::JsonError",
            "jose::compact::JwsError",
            "jose::key::Unusable",
            "jose::key_set::KeySetError",
            "jose::key_set::SetAside",
            "metadata::provider::SetAside",
            "metadata::provider::Why",
            "token::access_token::CustomClaimsError",
            "token::rejected::Rejected",
        ],
    ),
    (
        "public by nature: what a provider says of itself. An issuer that is not the one asked for is \
         named, or nobody could see why; discovery sends no secret that could be in it",
        &[
            "base::endpoint_url::EndpointUrl",
            "base::header::Challenge",
            "metadata::members::MtlsEndpointAliases",
            "metadata::provider::MetadataError",
        ],
    ),
];
