//! Fuzzes `oidc_properties::request` with libFuzzer.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| oidc_properties::request(data));
