//! Fuzzes `oidc_properties::token` with libFuzzer.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| oidc_properties::token(data));
