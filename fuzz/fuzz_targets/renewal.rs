//! `oidc_properties::renewal`, driven by libFuzzer.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| oidc_properties::renewal(data));
