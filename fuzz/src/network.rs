//! What comes over the network from strangers.

/// A message to the name server.
pub fn dns(bytes: &[u8]) {
    gantry_dns::fuzzing::message(bytes);
}

/// A registry's challenges and error bodies.
pub fn registry(bytes: &[u8]) {
    let _ = gantry_registry_client::fuzzing::parse_answer(bytes);
    if let Ok(text) = str::from_utf8(bytes) {
        let _ = gantry_registry_client::fuzzing::parse_challenges(text);
    }
}
