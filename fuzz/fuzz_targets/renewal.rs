//! Fuzzes `oidc_properties::renewal` with libFuzzer.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| oidc_properties::renewal(data));
