//! Fuzzes `oidc_properties::resource_request` with libFuzzer.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| oidc_properties::resource_request(data));
